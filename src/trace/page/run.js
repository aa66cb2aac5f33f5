// What the page draws and says of a loop: its data (see data.rs), as objects.
//
// Everything stands at steps: at step 3, three events have happened. What is shown at a step is looked up; no
// state is computed from events.

class Run {
  constructor(loop, { texts, states, actions }) {
    const { number, began, dropped, turn, closed } = loop;
    Object.assign(this, { number, began, dropped, firstTurn: turn, closed, isVirtual: loop.virtual });
    this.times = sums(loop.times);
    this.places = sums(loop.places).map((tenths) => tenths / 10);
    this.last = this.times.length - 1;
    this.events = ["", ...loop.events.map((text) => texts[text])];
    this.turns = loop.turns.map(([number, from, to]) => ({ number, from, to }));
    this.pauses = loop.pauses.map(([step, slept]) => ({ from: step - 1, to: step, slept }));
    this.rows = loop.tasks.map((task) => this.row(task, texts, states));
    this.causes = loop.causes.map(([step, to, kind, from, by, shape, ahead, timer]) => ({
      step, to: this.rows[to], from: this.rows[from] ?? null, by: texts[by], shape: texts[shape], ahead,
      timer: texts[timer], action: texts[actions[kind][0]], words: texts[actions[kind][1]],
    }));
    for (const row of this.rows) {
      for (const span of row.spans) {
        span.cause = this.causes[span.cause] ?? null;
        if (!span.delay) continue;
        const { task, index } = span.delay;
        span.delay.by = this.rows[task].spans[index];
        span.delay.by.delayed.push(span);
      }
    }
    const list = (entries) => entries.map(([text, from, to = Infinity]) => ({ text: texts[text], from, to }));
    this.ready = list(loop.ready);
    this.wheel = list(loop.wheel);
    this.sources = list(loop.sources);
    // What the thread did: the row of the loop, over time.
    const polls = this.rows.flatMap(({ spans }) => spans.filter(({ state }) => state.name === "polled"))
      .map((poll) => ({ from: poll.from, to: poll.pollEnds ?? this.last, state: poll.state, poll }));
    const parks = this.pauses.map(({ from, to }) => ({ from, to, state: { name: "parked" } }));
    const spans = [...polls, ...parks].sort((one, other) => one.from - other.from);
    this.thread = { label: `loop ${number}`, spans };
  }

  row({ label, future, origin, polls, end, spans }, texts, states) {
    const row = { label: texts[label], about: `${texts[future]}, ${texts[origin]}`, future: texts[future] };
    row.ending = end ? { step: end[0], words: texts[end[1]] } : null;
    row.spans = spans.map(([from, state, cause, ...more], index) => {
      const [name, words] = states[state].map((text) => texts[text]);
      const to = spans[index + 1]?.[0] ?? end?.[0] ?? this.last + 1;
      const span = { row, from, to, state: { name, words }, cause };
      if (name === "polled") {
        polls += 1;
        const [pollEnds, took, isOverdue, task, index, held] = more;
        Object.assign(span, { pollEnds, delayed: [] });
        if (took) span.delay = { took, isOverdue, task, index, held };
      } else if (name === "idle") {
        const [waits, briefly, overdue = 0] = more;
        Object.assign(span, { waits: texts[waits], briefly: texts[briefly], overdue });
      }
      return Object.assign(span, { polls });
    });
    return row;
  }

  /// Returns the entries of a list that are shown at a step.
  shown(list, step) {
    return list.filter(({ from, to }) => from <= step && step < to);
  }

  /// Returns the spans of the live tasks at a step.
  tasksAt(step) {
    return this.rows.map(({ spans }) => lastUpTo(spans, (span) => span.from, step))
      .filter((span) => span && step < span.to);
  }

  /// Returns the time of a step, in nanoseconds since its loop began.
  timeOf(step) {
    return this.times[Math.min(step, this.last)];
  }

  /// Returns the time of a step, in nanoseconds since the first of all loops began.
  timeOfAll(step) {
    return this.began + this.timeOf(step);
  }

  /// Returns the poll of a row that contains a step, or else the last one before it.
  pollOf({ spans }, step) {
    const polls = spans.filter(({ state }) => state.name === "polled");
    return lastUpTo(polls, (poll) => poll.from, step) ?? null;
  }

  /// Returns the poll of the thread that contains a step; the poll's end belongs to it.
  pollAt(step) {
    const { spans } = this.thread;
    const span = spans[firstAfter(0, spans.length, (index) => spans[index].to, step - 1)];
    return span?.from <= step ? span.poll ?? null : null;
  }

  /// Returns the number of the turn that contains a step.
  turnOf(step) {
    return lastUpTo(this.turns, (turn) => turn.from, step)?.number ?? this.firstTurn;
  }

  /// Returns the number of the last turn that began before a time.
  turnAt(time) {
    return lastUpTo(this.turns, (turn) => this.timeOfAll(turn.from), time)?.number ?? this.firstTurn;
  }
}

/// Returns the numbers that have these differences.
function sums(differences) {
  let sum = 0;
  return differences.map((difference) => sum += difference);
}

/// Returns the first index from `low` on whose value is greater, by bisection: `value` must not decrease.
function firstAfter(low, high, value, than) {
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value(middle) > than) high = middle;
    else low = middle + 1;
  }
  return low;
}

/// Returns the last item whose value is not greater.
function lastUpTo(items, value, most) {
  return items[firstAfter(0, items.length, (index) => value(items[index]), most) - 1];
}

/// Writes a time as words.rs does. The times of the axis depend on the zoom, so they are not in the data.
function duration(nanos) {
  if (nanos === 0) return "0";
  // What would be rounded to 1000 of a unit is written in the next one.
  const [unit, name] = nanos >= 999.5e6 ? [1e9, "s"] : nanos >= 999.5e3 ? [1e6, "ms"]
    : nanos >= 1e3 ? [1e3, "µs"] : [1, "ns"];
  const value = nanos / unit;
  const power = 10 ** (name === "s" ? 3 : value >= 100 ? 0 : value >= 10 ? 1 : 2);
  return `${Math.round(value * power) / power} ${name}`;
}

/// Cuts words to so many letters; to nothing, if these are too few to read.
function cut(words, letters) {
  if (words.length <= letters) return words;
  return letters < 6 ? "" : `${words.slice(0, letters - 1)}…`;
}

function plural(count, one) {
  return `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
}
