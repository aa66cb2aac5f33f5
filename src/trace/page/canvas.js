// Draws what is visible of the pictures on a canvas, and nothing else: rows by the position of the
// scroll bar, spans by bisection. A poll is as wide as a pixel at least and hides what is behind it, so
// a frame costs rows times pixels at most, however long the run.

const HEAD = 46, ROW = 26, BAR = 14, AFTER = 70;
const FONT = 'system-ui, -apple-system, "Segoe UI", sans-serif';

class Sheet {
  constructor(canvas, scroll, tall, pictures) {
    Object.assign(this, { canvas, scroll, tall, pictures });
    this.context = canvas.getContext("2d");
    this.axis = "turns";
    this.picture = pictures[0];
    this.search = "";
    this.selected = null;
    this.cursor = 0;
    this.origin = 0; // What stands at the left end of the axis,
    this.scale = 1; // and pixels for each of its units.
    this.readColours();
    this.choose();
  }

  readColours() {
    const style = getComputedStyle(document.body);
    this.colours = {};
    for (const name of ["page", "ink", "dim", "band", "line", "edge", "poll", "pale", "bad", "spawn"]) {
      this.colours[name] = style.getPropertyValue(`--${name}`).trim();
    }
    this.hatch = this.pattern((tile) => {
      tile.strokeStyle = this.colours.poll;
      tile.lineWidth = 1.5;
      for (const x of [-6, 0, 6]) {
        tile.moveTo(x, 6);
        tile.lineTo(x + 6, 0);
      }
      tile.stroke();
    });
    this.dots = this.pattern((tile) => {
      tile.fillStyle = this.colours.bad;
      tile.arc(3, 3, 1, 0, 7);
      tile.fill();
    });
  }

  pattern(draw) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const context = tile.getContext("2d");
    context.fillStyle = this.colours.pale;
    context.fillRect(0, 0, 6, 6);
    draw(context);
    return this.context.createPattern(tile, "repeat");
  }

  /// Takes the rows that are to be shown: of one loop over turns, of all loops over time.
  choose() {
    const found = (row) => !this.search || row.label.toLowerCase().includes(this.search)
      || (row.future ?? "").toLowerCase().includes(this.search);
    this.lines = [];
    this.lineOf = new Map();
    for (const picture of this.axis === "turns" ? [this.picture] : this.pictures) {
      if (this.axis === "time") this.lines.push({ picture, row: picture.thread });
      for (const row of picture.rows.filter(found)) {
        this.lineOf.set(row, this.lines.length);
        this.lines.push({ picture, row });
      }
    }
    const letters = Math.max(4, ...this.pictures.flatMap((it) => it.rows.map(({ label }) => label.length)));
    this.names = 20 + 6.8 * Math.min(26, letters); // The width of the column of names.
    this.end = Math.max(1, ...this.shown().map((it) => this.unit(it, it.events.length - 1)));
    this.tall.style.height = `${HEAD + this.lines.length * ROW + 8}px`;
  }

  shown() {
    return this.axis === "turns" ? [this.picture] : this.pictures;
  }

  /// Where an event stands: pixels at the scale of 1, or nanoseconds since the first loop began.
  unit(picture, at) {
    if (this.axis === "turns") return picture.places[at] ?? 0;
    return (picture.events[at]?.[1] ?? 0) + picture.loop.began;
  }

  x(picture, at) {
    return this.names + (this.unit(picture, at) - this.origin) * this.scale;
  }

  get room() {
    return this.scroll.clientWidth - this.names - AFTER;
  }

  /// The whole run, or as much of it as is legible.
  reset() {
    this.origin = 0;
    const fit = this.room / this.end;
    this.scale = this.axis === "turns" ? Math.max(1, Math.min(1.5, fit)) : fit;
    this.pan(0);
  }

  whole() {
    this.scale = this.room / this.end;
    this.pan(-this.origin);
  }

  zoom(factor, x = this.names + this.room / 2) {
    const fixed = this.origin + (x - this.names) / this.scale;
    const least = Math.min(1, this.room / this.end);
    const most = this.axis === "turns" ? 8 : 1;
    this.scale = Math.min(Math.max(this.scale * factor, least), Math.max(most, this.room / this.end));
    this.origin = fixed - (x - this.names) / this.scale;
    this.pan(0);
  }

  pan(units) {
    this.origin = Math.max(0, Math.min(this.origin + units, this.farthest));
    this.ask();
  }

  get farthest() {
    return Math.max(0, this.end - this.room / this.scale);
  }

  /// Moves as little as makes that event visible.
  reveal(picture, at) {
    const unit = this.unit(picture, at);
    const width = this.room / this.scale;
    if (unit < this.origin || unit > this.origin + width) this.pan(unit - width / 2 - this.origin);
    this.ask();
  }

  /// Draws soon, once.
  ask() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = null;
      this.draw();
    });
  }

  draw() {
    const width = this.scroll.clientWidth;
    const height = Math.min(this.tall.offsetHeight, this.scroll.clientHeight || 4000);
    const ratio = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
    }
    const context = this.context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = this.colours.page;
    context.fillRect(0, 0, width, height);
    this.width = width;
    this.height = height;
    this.top = HEAD - this.scroll.scrollTop;
    const first = Math.max(0, Math.floor(this.scroll.scrollTop / ROW));
    const last = Math.min(this.lines.length, Math.ceil((this.scroll.scrollTop + height - HEAD) / ROW));
    this.within(this.names - 8, 0, width, height, () => {
      if (this.axis === "turns") this.drawTurns(this.picture);
      else this.drawTimes();
      this.drawCursor();
    });
    this.within(this.names - 8, HEAD - 6, width, height, () => {
      for (let line = first; line < last; line++) this.drawRow(line);
      for (const picture of this.shown()) this.drawArrows(picture);
      for (let line = first; line < last; line++) this.drawEnding(line);
    });
    this.within(0, HEAD - 6, this.names - 8, height, () => {
      for (let line = first; line < last; line++) this.drawName(line);
    });
  }

  within(left, top, right, bottom, draw) {
    this.context.save();
    this.context.beginPath();
    this.context.rect(left, top, right - left, bottom - top);
    this.context.clip();
    draw();
    this.context.restore();
  }

  text(words, x, y, colour = "ink", size = 12, align = "left", weight = "") {
    const context = this.context;
    context.font = `${weight} ${size}px ${FONT}`;
    context.textAlign = align;
    context.fillStyle = this.colours[colour];
    context.fillText(words, x, y);
    return context.measureText(words).width;
  }

  /// Turns as bands, with number and time where there is room; how long the thread slept between them.
  drawTurns(picture) {
    this.headings("turn", "time");
    const { turns, pauses } = picture;
    let free = -Infinity, freeTime = -Infinity, drawn = -Infinity;
    const begin = firstAfter(0, turns.length, (it) => this.x(picture, turns[it].to), this.names - 20);
    for (const turn of turns.slice(begin)) {
      const left = this.x(picture, turn.from);
      const right = this.x(picture, turn.to) + AROUND_POLL * this.scale;
      if (left > this.width) break;
      if (right < drawn + 1.5) continue;
      drawn = right;
      this.context.fillStyle = this.colours.band;
      this.context.fillRect(left, HEAD - 4, Math.max(1, right - left), this.height);
      const middle = (left + right) / 2;
      if (middle > free) free = middle + 14 + this.text(String(turn.number), middle, 18, "ink", 12, "center");
      const time = duration(picture.events[turn.from][1]);
      if (left > freeTime) freeTime = left + 12 + this.text(time, left, 34, "dim");
    }
    const from = firstAfter(0, pauses.length, (it) => this.x(picture, pauses[it].to), this.names);
    for (const pause of pauses.slice(from)) {
      const left = this.x(picture, pause.from), right = this.x(picture, pause.to);
      if (left > this.width || right - left < 60) break;
      this.text(`idle ${duration(pause.slept)}`, (left + right) / 2 + 2, 18, "dim", 10, "center");
    }
  }

  /// A scale of round times.
  drawTimes() {
    this.headings("time", "");
    const least = 90 / this.scale;
    const power = 10 ** Math.floor(Math.log10(least));
    const step = [1, 2, 5, 10].map((it) => it * power).find((it) => it >= least);
    for (let time = Math.ceil(this.origin / step) * step; ; time += step) {
      const x = this.names + (time - this.origin) * this.scale;
      if (x > this.width) break;
      this.context.fillStyle = this.colours.edge;
      this.context.fillRect(Math.round(x), HEAD - 14, 1, this.height);
      this.text(duration(time), x, 22, "dim", 12, "center");
    }
  }

  headings(first, second) {
    this.context.restore();
    this.context.save();
    this.text(first, 0, 18, "dim");
    this.text(second, 0, 34, "dim");
    this.context.beginPath();
    this.context.rect(this.names - 8, 0, this.width, this.height);
    this.context.clip();
  }

  drawCursor() {
    const picture = this.picture;
    if (this.cursor === 0) return;
    const x = Math.round(this.x(picture, this.cursor - 1));
    this.context.fillStyle = this.colours.ink;
    this.context.fillRect(x, HEAD - 8, 1, this.height);
    this.context.beginPath();
    this.context.moveTo(x - 4, HEAD - 8);
    this.context.lineTo(x + 5, HEAD - 8);
    this.context.lineTo(x + 0.5, HEAD - 2);
    this.context.fill();
  }

  middle(line) {
    return this.top + line * ROW + ROW / 2;
  }

  drawRow(line) {
    const { picture, row } = this.lines[line];
    const { spans } = row;
    const y = this.middle(line);
    let index = firstAfter(0, spans.length, (it) => this.x(picture, spans[it].to ?? Infinity), this.names - 8);
    while (index < spans.length) {
      const span = spans[index];
      const left = this.x(picture, span.from);
      if (left > this.width) break;
      const right = this.x(picture, span.to ?? picture.events.length - 1);
      this.drawSpan(span, left, right, y);
      // A poll is seen, however short. What ends behind it is not; nor is what is shorter otherwise.
      index = span.state !== "polled" ? index + 1
        : firstAfter(index + 1, spans.length, (it) => this.x(picture, spans[it].to ?? Infinity), left + 1.5);
    }
  }

  drawSpan(span, left, right, y) {
    const { context, colours } = this;
    const width = span.state === "polled" ? Math.max(right - left, 1.5) : right - left;
    if (width < 0.25) return;
    switch (span.state) {
      case "polled":
        context.fillStyle = colours.poll;
        context.fillRect(left, y - BAR / 2, width, BAR);
        break;
      case "ready":
      case "aborted": {
        const ready = span.state === "ready";
        context.fillStyle = width < 4 ? colours.pale : ready ? this.hatch : this.dots;
        context.fillRect(left, y - BAR / 2 + 2, width, BAR - 4);
        context.strokeStyle = ready ? colours.poll : colours.bad;
        context.lineWidth = 0.75;
        if (width >= 4) context.strokeRect(left, y - BAR / 2 + 2, width, BAR - 4);
        break;
      }
      case "parked":
      case "idle": {
        context.fillStyle = colours.line;
        context.fillRect(left, y - 0.6, width, 1.2);
        if (width < 40 || !span.waits) break;
        const words = span.waits.map(waitsBriefly).join(", ");
        const start = Math.max(left, this.names) + 4;
        if (words.length * 5.4 < right - start - 4) this.text(words, start, y - 3, "dim", 10);
      }
    }
    if (span === this.selected) {
      context.strokeStyle = colours.ink;
      context.lineWidth = 2;
      context.strokeRect(left - 2, y - BAR / 2 - 2, width + 4, BAR + 4);
    }
  }

  /// From the cause to the task; from elsewhere than a task, a mark that says from where.
  drawArrows(picture) {
    const { arrows } = picture;
    let index = firstAfter(0, arrows.length, (it) => this.x(picture, arrows[it].at), this.names - 12);
    const end = firstAfter(index, arrows.length, (it) => this.x(picture, arrows[it].at), this.width);
    // Where they would be a blot, there are none.
    if (end - index > this.width) return;
    let free = -Infinity;
    for (; index < end; index++) {
      const arrow = arrows[index];
      const to = this.lineOf.get(arrow.to), from = this.lineOf.get(arrow.from);
      if (to === undefined) continue;
      const x = this.x(picture, arrow.at);
      if (!arrow.from) this.drawMark(arrow.by[0], x, this.middle(to));
      else if (from !== undefined && from !== to) {
        // One that would touch the one before has a head, and no more than a stub.
        this.drawArrow(arrow.what, x, from, to, x < free);
        if (x >= free) free = x + 4;
      }
    }
  }

  drawArrow(what, x, from, to, isStub) {
    const { context, colours } = this;
    const down = from < to ? 1 : -1;
    const tip = this.middle(to) - down * (BAR / 2 - 2);
    context.strokeStyle = context.fillStyle = colours[{ spawn: "spawn", wake: "ink", abort: "bad" }[what]];
    context.lineWidth = 1;
    context.setLineDash({ spawn: [3, 2], wake: [], abort: [1, 2] }[what]);
    context.beginPath();
    context.moveTo(x, isStub ? tip - down * 10 : this.middle(from) + down * BAR / 2);
    context.lineTo(x, tip - down * 5);
    context.stroke();
    context.setLineDash([]);
    context.beginPath();
    context.moveTo(x - 3, tip - down * 5);
    context.lineTo(x, tip);
    context.lineTo(x + 3, tip - down * 5);
    context.fill();
  }

  drawMark(by, x, y) {
    const shape = {
      timer: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0M0 -2.5V0H2",
      source: "M-3.5 -3.5h7v7h-7z",
      thread: "M0 -4.5L4.5 3.5H-4.5z",
      job: "M0 -5L5 0L0 5L-5 0z",
    }[by];
    if (!shape) return;
    const { context, colours } = this;
    const path = new Path2D(shape);
    context.save();
    context.translate(x, y);
    context.fillStyle = colours.page;
    context.strokeStyle = colours.ink;
    context.lineWidth = 1.25;
    context.fill(path);
    context.stroke(path);
    context.restore();
  }

  drawEnding(line) {
    const { picture, row } = this.lines[line];
    if (!row.ending) return;
    const x = this.x(picture, row.ending.at);
    const bad = row.ending.how === "panicked";
    if (x > this.names) this.text(row.ending.how, x + 6, this.middle(line) + 3.5, bad ? "bad" : "dim", 10);
  }

  drawName(line) {
    const { row } = this.lines[line];
    const isLoop = row.id === undefined;
    const words = row.label.length > 26 ? `${row.label.slice(0, 25)}…` : row.label;
    this.text(words, 0, this.middle(line) + 4, "ink", 12, "left", isLoop ? "600" : "");
  }

  /// The span that is drawn there, with its row; a poll if there is one within a few pixels.
  hit(x, y) {
    const line = Math.floor((y - this.top) / ROW);
    if (y < HEAD || x < this.names || !this.lines[line]) return null;
    const { picture, row } = this.lines[line];
    if (row.id === undefined) return null;
    const { spans } = row;
    const start = firstAfter(0, spans.length, (it) => this.x(picture, spans[it].to), x - 4);
    let found = null;
    for (let index = start; index < spans.length; index++) {
      const left = this.x(picture, spans[index].from);
      if (left > x + 4) break;
      if (spans[index].state === "polled") return { picture, row, span: spans[index] };
      if (left <= x) found ??= { picture, row, span: spans[index] };
    }
    return found;
  }
}
