// What of the pictures is looked at: which rows, which part of which axis.

const HEAD = 46, ROW = 26, AFTER = 70, LONGEST_LABEL = 26;

class View {
  /// `scroll` is the element that scrolls, `tall` what it holds; `draw(view)` draws.
  constructor(scroll, tall, pictures, draw) {
    Object.assign(this, { scroll, tall, pictures, draw });
    this.axis = "turns";
    this.picture = pictures[0];
    this.cursor = 0; // How many of its events are applied.
    this.selected = null; // A span.
    this.pointer = null; // Where the pointer is, on the canvas.
    this.search = "";
    this.origin = 0; // What stands at the left end of the axis,
    this.scale = 1; // and pixels for each of its units.
    this.choose();
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
    const letters = this.lines.reduce((most, { row }) => Math.max(most, row.label.length), 6);
    this.names = 20 + 6.8 * Math.min(LONGEST_LABEL, letters); // The width of the column of names.
    this.end = Math.max(1, ...this.shown().map((it) => this.unit(it, it.events.length - 1)));
    this.tall.style.height = `${HEAD + this.lines.length * ROW + 8}px`;
  }

  /// Whether it is told how long that took: over turns a long poll looks like any other.
  tells(span) {
    return this.axis === "turns" && this.picture.longPolls.includes(span);
  }

  shown() {
    return this.axis === "turns" ? [this.picture] : this.pictures;
  }

  /// Where an event stands: pixels at the scale of 1, or nanoseconds since the first loop began.
  unit(picture, at) {
    return this.axis === "turns" ? picture.places[at] ?? 0 : picture.timeOf(at);
  }

  /// Where it stands on the canvas.
  x(picture, at) {
    return this.names + (this.unit(picture, at) - this.origin) * this.scale;
  }

  /// Where, over time, a time stands.
  xOf(time) {
    return this.names + (time - this.origin) * this.scale;
  }

  /// The middle of a row on the canvas.
  middle(line) {
    return HEAD - this.scroll.scrollTop + line * ROW + ROW / 2;
  }

  get height() {
    return Math.min(this.tall.offsetHeight, this.scroll.clientHeight);
  }

  /// How wide the axis is on the canvas.
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

  /// The other axis, or other rows of it: what is selected stays in view.
  turnTo(axis) {
    this.axis = axis;
    this.choose();
    this.reset();
    this.reveal(this.picture, this.selected?.from ?? Math.max(0, this.cursor - 1));
  }

  zoom(factor, x = this.focus()) {
    const fixed = this.origin + (x - this.names) / this.scale;
    const least = Math.min(1, this.room / this.end);
    const most = this.axis === "turns" ? 8 : 1;
    this.scale = Math.min(Math.max(this.scale * factor, least), Math.max(most, this.room / this.end));
    this.origin = fixed - (x - this.names) / this.scale;
    this.pan(0);
  }

  /// Where a zoom holds fast if the pointer does not say it: the selected bar, or else the middle.
  focus() {
    if (!this.selected) return this.names + this.room / 2;
    this.reveal(this.picture, this.selected.from);
    return this.x(this.picture, this.selected.from);
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
    const line = this.lineOf.get(this.selected?.row);
    if (line !== undefined) this.revealLine(line);
    this.ask();
  }

  revealLine(line) {
    const lowest = line * ROW, highest = HEAD + lowest + ROW - this.scroll.clientHeight;
    this.scroll.scrollTop = Math.max(highest, Math.min(lowest, this.scroll.scrollTop));
  }

  /// Draws soon, once.
  ask() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = null;
      this.draw(this);
    });
  }

  /// The span that is drawn there, with its row; a poll if there is one within a few pixels.
  hit(x, y) {
    const line = Math.floor((y - HEAD + this.scroll.scrollTop) / ROW);
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
