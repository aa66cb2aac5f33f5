// The part of the run that is visible: which rows, and which part of which axis.

const HEAD = 46, ROW = 26, AFTER = 70, LONGEST_LABEL = 26;

class View {
  /// `scroll` is the element that scrolls, and `tall` its content; `draw(view)` draws.
  constructor(scroll, tall, runs, axis, draw) {
    Object.assign(this, { scroll, tall, runs, axis, draw });
    this.run = runs[0];
    this.cursor = 0; // The step.
    this.selected = null; // The span that is explained.
    this.pointer = null; // Where the pointer is, on the canvas.
    this.search = "";
    this.origin = 0; // The unit at the left end of the axis.
    this.scale = 1; // Pixels for each unit.
    this.choose();
  }

  /// Chooses the rows: over turns those of one loop, over time those of all loops; and what the search finds.
  choose() {
    const found = (row) => !this.search || row.label.toLowerCase().includes(this.search)
      || row.future.toLowerCase().includes(this.search);
    this.lines = [];
    this.lineOf = new Map();
    for (const run of this.shown()) {
      if (this.axis === "time") this.lines.push({ run, row: run.thread });
      for (const row of run.rows.filter(found)) {
        this.lineOf.set(row, this.lines.length);
        this.lines.push({ run, row });
      }
    }
    const letters = this.lines.reduce((most, { row }) => Math.max(most, row.label.length), 6);
    this.names = 20 + 6.8 * Math.min(LONGEST_LABEL, letters); // The width of the column of names.
    this.end = Math.max(1, ...this.shown().map((it) => this.unit(it, it.last)));
    this.tall.style.height = `${HEAD + this.lines.length * ROW + 8}px`;
  }

  shown() {
    return this.axis === "turns" ? [this.run] : this.runs;
  }

  /// Returns the place of a step on the axis: over turns in pixels at scale 1, over time in nanoseconds since
  /// the first loop began.
  unit(run, step) {
    return this.axis === "turns" ? run.places[Math.min(step, run.last)] : run.timeOfAll(step);
  }

  /// Returns the place of a step on the canvas.
  x(run, step) {
    return this.names + (this.unit(run, step) - this.origin) * this.scale;
  }

  /// Returns the place of a time on the canvas, over time.
  xOf(time) {
    return this.names + (time - this.origin) * this.scale;
  }

  /// Returns the middle of a row on the canvas.
  middle(line) {
    return HEAD - this.scroll.scrollTop + line * ROW + ROW / 2;
  }

  get height() {
    return Math.min(this.tall.offsetHeight, this.scroll.clientHeight);
  }

  /// The width of the axis on the canvas. (A window may be narrower than the names.)
  get room() {
    return Math.max(1, this.scroll.clientWidth - this.names - AFTER);
  }

  /// Shows the whole run, or as much of it as is legible.
  reset() {
    this.origin = 0;
    const fit = this.room / this.end;
    this.scale = this.axis === "turns" ? Math.max(1, Math.min(1.5, fit)) : fit;
    this.pan(0);
  }

  /// Shows the whole run.
  whole() {
    this.scale = this.room / this.end;
    this.pan(-this.origin);
  }

  /// Changes the axis. What is selected stays in view.
  turnTo(axis) {
    this.axis = axis;
    this.choose();
    this.reset();
    this.reveal(this.run, this.selected?.from ?? this.cursor);
  }

  zoom(factor, x = this.focus()) {
    const fixed = this.origin + (x - this.names) / this.scale;
    const least = Math.min(1, this.room / this.end);
    const most = this.axis === "turns" ? 8 : 1;
    this.scale = Math.min(Math.max(this.scale * factor, least), Math.max(most, this.room / this.end));
    this.origin = fixed - (x - this.names) / this.scale;
    this.pan(0);
  }

  /// Brings the selected bar into view, and returns its place: the fixed point of a zoom without the pointer.
  /// Without a selection, that is the middle.
  focus() {
    if (!this.selected) return this.names + this.room / 2;
    this.reveal(this.run, this.selected.from);
    return this.x(this.run, this.selected.from);
  }

  pan(units) {
    this.origin = Math.max(0, Math.min(this.origin + units, this.farthest));
    this.redraw();
  }

  get farthest() {
    return Math.max(0, this.end - this.room / this.scale);
  }

  /// Makes a step and the selected row visible.
  reveal(run, step) {
    const unit = this.unit(run, step);
    const width = this.room / this.scale;
    if (unit < this.origin || unit > this.origin + width) this.pan(unit - width / 2 - this.origin);
    const line = this.lineOf.get(this.selected?.row);
    if (line !== undefined) this.revealLine(line);
    this.redraw();
  }

  revealLine(line) {
    const lowest = line * ROW, highest = HEAD + lowest + ROW - this.scroll.clientHeight;
    this.scroll.scrollTop = Math.max(highest, Math.min(lowest, this.scroll.scrollTop));
  }

  /// Draws in the next frame, once.
  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw(this);
    });
  }

  /// Returns the span at a point, with its row; a poll if there is one within a few pixels.
  hit(x, y) {
    const line = Math.floor((y - HEAD + this.scroll.scrollTop) / ROW);
    if (y < HEAD || x < this.names || !this.lines[line]) return null;
    const { run, row } = this.lines[line];
    if (row === run.thread) return null;
    const { spans } = row;
    const start = firstAfter(0, spans.length, (it) => this.x(run, spans[it].to), x - 4);
    let found = null;
    for (let index = start; index < spans.length; index++) {
      const left = this.x(run, spans[index].from);
      if (left > x + 4) break;
      if (spans[index].state.name === "polled") return { run, row, span: spans[index] };
      if (left <= x) found ??= { run, row, span: spans[index] };
    }
    return found;
  }
}
