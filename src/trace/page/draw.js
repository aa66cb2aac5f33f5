// Draws the visible part of the run on a canvas: rows by the position of the scroll bar, spans by bisection.
// A poll is at least a pixel wide, and what ends behind it is skipped. So the cost of a row is bounded by its
// pixels, however long the run.

const BAR = 14, AFTER_POLL = 5;
const FONT = 'system-ui, -apple-system, "Segoe UI", sans-serif';

class Sheet {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.readColours();
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
    // Sparse and grey: a task that is overdue is not ready yet.
    this.sparse = this.pattern((tile) => {
      tile.strokeStyle = this.colours.line;
      tile.lineWidth = 1;
      tile.moveTo(0, 6);
      tile.lineTo(6, 0);
      tile.stroke();
    }, "page");
    this.dots = this.pattern((tile) => {
      tile.fillStyle = this.colours.bad;
      tile.arc(3, 3, 1, 0, 7);
      tile.fill();
    });
  }

  pattern(draw, ground = "pale") {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const context = tile.getContext("2d");
    context.fillStyle = this.colours[ground];
    context.fillRect(0, 0, 6, 6);
    draw(context);
    return this.context.createPattern(tile, "repeat");
  }

  draw(view) {
    this.view = view;
    const { lines, names, scroll } = view;
    this.fit(scroll.clientWidth, view.height);
    const { width, height } = this;
    const first = Math.max(0, Math.floor(scroll.scrollTop / ROW));
    const last = Math.min(lines.length, Math.ceil((scroll.scrollTop + height - HEAD) / ROW));
    const visible = lines.slice(first, last);
    const over = view.axis === "turns" ? ["turn", "time"] : ["time", "turn"];
    over.forEach((word, index) => this.text(word, 0, 18 + 16 * index, "dim"));
    this.within(names - 8, 0, width, height, () => {
      if (view.axis === "turns") this.drawTurns(view.run);
      else this.drawTimes();
      this.drawCursor();
    });
    this.within(names - 8, HEAD - 6, width, height, () => {
      visible.forEach((line, index) => this.drawRow(line, view.middle(first + index)));
      for (const run of view.shown()) this.drawArrows(run);
      visible.forEach((line, index) => this.drawEnding(line, view.middle(first + index)));
    });
    this.within(0, HEAD - 6, names - 8, height, () => {
      visible.forEach((line, index) => this.drawName(line, view.middle(first + index)));
    });
  }

  /// Resizes and clears the canvas.
  fit(width, height) {
    const ratio = window.devicePixelRatio || 1;
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== across || this.canvas.height !== down) {
      Object.assign(this.canvas, { width: across, height: down });
      Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
    }
    Object.assign(this, { width, height });
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.fillStyle = this.colours.page;
    this.context.fillRect(0, 0, width, height);
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

  /// Draws the turns as bands, with numbers and times where there is room, and the sleeps between them.
  drawTurns(run) {
    const { turns, pauses } = run;
    let free = -Infinity, freeTime = -Infinity, drawn = -Infinity;
    const begin = firstAfter(0, turns.length, (it) => this.view.x(run, turns[it].to), this.view.names - 20);
    for (const turn of turns.slice(begin)) {
      const left = this.view.x(run, turn.from);
      const right = this.view.x(run, turn.to) + AFTER_POLL * this.view.scale;
      if (left > this.width) break;
      if (right < drawn + 1.5) continue;
      drawn = right;
      this.context.fillStyle = this.colours.band;
      this.context.fillRect(left, HEAD - 4, Math.max(1, right - left), this.height);
      const middle = (left + right) / 2;
      if (middle > free) free = middle + 14 + this.text(String(turn.number), middle, 18, "ink", 12, "center");
      const time = duration(run.timeOf(turn.from));
      if (left > freeTime) freeTime = left + 12 + this.text(time, left, 34, "dim");
    }
    const from = firstAfter(0, pauses.length, (it) => this.view.x(run, pauses[it].to), this.view.names);
    for (const pause of pauses.slice(from)) {
      const left = this.view.x(run, pause.from), right = this.view.x(run, pause.to);
      if (left > this.width || right - left < 60) break;
      this.text(`idle ${duration(pause.slept)}`, (left + right) / 2 + 2, 18, "dim", 10, "center");
    }
  }

  /// Draws a scale of round times.
  drawTimes() {
    const least = 90 / this.view.scale;
    const power = 10 ** Math.floor(Math.log10(least));
    const step = [1, 2, 5, 10].map((it) => it * power).find((it) => it >= least);
    for (let time = Math.ceil(this.view.origin / step) * step; ; time += step) {
      const x = this.view.xOf(time);
      if (x > this.width) break;
      this.context.fillStyle = this.colours.edge;
      this.context.fillRect(Math.round(x), HEAD - 14, 1, this.height);
      this.text(duration(time), x, 18, "dim", 12, "center");
    }
    this.drawTurnNumbers();
  }

  /// Draws the numbers of two turns, under the pointer and at the step: over time there is no room for all.
  drawTurnNumbers() {
    const { run, cursor, pointer, names, origin, scale } = this.view;
    const number = (turn, x, colour) => this.text(String(turn), x, 34, colour, 12, "center");
    if (pointer !== null) number(run.turnAt(origin + (pointer - names) / scale), pointer, "dim");
    const x = this.view.x(run, cursor);
    if (pointer === null || Math.abs(x - pointer) > 40) number(run.turnOf(cursor), x, "ink");
  }

  drawCursor() {
    if (this.view.cursor === 0) return;
    const x = Math.round(this.view.x(this.view.run, this.view.cursor));
    this.context.fillStyle = this.colours.ink;
    this.context.fillRect(x, HEAD - 8, 1, this.height);
    this.context.beginPath();
    this.context.moveTo(x - 4, HEAD - 8);
    this.context.lineTo(x + 5, HEAD - 8);
    this.context.lineTo(x + 0.5, HEAD - 2);
    this.context.fill();
  }

  drawRow({ run, row: { spans } }, y) {
    const { view } = this;
    const endOf = (it) => view.x(run, spans[it].to);
    let index = firstAfter(0, spans.length, endOf, view.names - 8);
    while (index < spans.length) {
      const span = spans[index];
      const left = this.view.x(run, span.from);
      if (left > this.width) break;
      const right = endOf(index);
      const due = view.axis === "time" && span.overdue ? view.xOf(run.timeOfAll(span.to) - span.overdue) : right;
      this.drawSpan(span, left, due, y);
      this.drawOverdue(due, right, y);
      // What ends behind the poll is not drawn.
      index += 1;
      if (span.state.name === "polled") index = firstAfter(index, spans.length, endOf, left + 1.5);
    }
  }

  drawOverdue(left, right, y) {
    if (right - left < 1) return;
    this.context.fillStyle = this.sparse;
    this.context.fillRect(left, y - BAR / 2 + 2, right - left, BAR - 4);
    this.context.strokeStyle = this.colours.line;
    this.context.lineWidth = 0.75;
    this.context.strokeRect(left, y - BAR / 2 + 2, right - left, BAR - 4);
  }

  drawSpan(span, left, right, y) {
    const { context, colours } = this;
    const width = span.state.name === "polled" ? Math.max(right - left, 1.5) : right - left;
    if (width < 0.25) return;
    switch (span.state.name) {
      case "polled":
        context.fillStyle = colours.poll;
        context.fillRect(left, y - BAR / 2, width, BAR);
        break;
      case "ready":
      case "aborted": {
        const ready = span.state.name === "ready";
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
        const start = Math.max(left, this.view.names) + 4;
        const words = cut(span.briefly, (right - start - 4) / 5.4);
        this.text(words, start, y - 3, "dim", 10);
      }
    }
    if (span === this.view.selected) {
      context.strokeStyle = colours.ink;
      context.lineWidth = 2;
      context.strokeRect(left - 2, y - BAR / 2 - 2, width + 4, BAR + 4);
    }
    // Over turns, the length of a long poll is not seen.
    if (span.took && this.view.axis === "turns") {
      this.text(span.took, left + width / 2, y - BAR / 2 - 4, "ink", 9, "center", "600");
    }
  }

  /// Draws an arrow from each cause to its task; or a mark, if the cause is no task.
  drawArrows(run) {
    const { causes } = run;
    let index = firstAfter(0, causes.length, (it) => this.view.x(run, causes[it].step), this.view.names - 12);
    const end = firstAfter(index, causes.length, (it) => this.view.x(run, causes[it].step), this.width);
    // If there are more than pixels, none is drawn.
    if (end - index > this.width) return;
    let free = -Infinity;
    for (; index < end; index++) {
      const cause = causes[index];
      const to = this.view.lineOf.get(cause.to), from = this.view.lineOf.get(cause.from);
      if (to === undefined) continue;
      const x = this.view.x(run, cause.step);
      if (!cause.from) this.drawMark(cause.shape, x, this.view.middle(to));
      else if (from !== undefined && from !== to) {
        // An arrow that would touch the one before has only its head and the end of its shaft.
        this.drawArrow(cause.action, x, from, to, x < free);
        if (x >= free) free = x + 4;
      }
    }
  }

  drawArrow(what, x, from, to, isStub) {
    const { context, colours } = this;
    const down = from < to ? 1 : -1;
    const tip = this.view.middle(to) - down * (BAR / 2 - 2);
    context.strokeStyle = context.fillStyle = colours[{ spawn: "spawn", wake: "ink", abort: "bad" }[what]];
    context.lineWidth = 1;
    context.setLineDash({ spawn: [3, 2], wake: [], abort: [1, 2] }[what]);
    context.beginPath();
    context.moveTo(x, isStub ? tip - down * 10 : this.view.middle(from) + down * BAR / 2);
    context.lineTo(x, tip - down * 5);
    context.stroke();
    context.setLineDash([]);
    context.beginPath();
    context.moveTo(x - 3, tip - down * 5);
    context.lineTo(x, tip);
    context.lineTo(x + 3, tip - down * 5);
    context.fill();
  }

  drawMark(shape, x, y) {
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

  drawEnding({ run, row: { ending } }, y) {
    if (!ending) return;
    const x = this.view.x(run, ending.step);
    const colour = ending.words === "panicked" ? "bad" : "dim";
    if (x > this.view.names) this.text(ending.words, x + 6, y + 3.5, colour, 10);
  }

  drawName({ run, row }, y) {
    const isLoop = row === run.thread;
    this.text(cut(row.label, LONGEST_LABEL), 0, y + 4, "ink", 12, "left", isLoop ? "600" : "");
  }
}
