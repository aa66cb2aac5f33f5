// What is drawn of a loop: picture.rs, again. Rows have spans; both ends of a span are indices of
// events, so that either axis can place them.

/// A poll is long from so many nanoseconds on; as many of these are told, the longest first.
const LONG = 1e6, MOST_LONG = 8;

class Picture {
  constructor(loop) {
    this.loop = loop;
    this.events = loop.events;
    this.places = placesOf(loop.events);
    this.rows = [];
    this.rowOf = new Map();
    this.turns = []; // { number, from, to }
    this.pauses = []; // { from, to, slept }
    this.fired = new Map(); // The event of each timer that has fired, until its number fires again.
    this.arrows = []; // { at, what, by, from, to }: the rows of cause and task
    this.thread = { label: `loop ${loop.number}`, spans: [] };
    this.longPolls = []; // Under a virtual clock there are none: a poll takes no time there.
    this.checkpoints = []; // [events applied, the state then]
    this.live = new Live(loop.before);
    for (const task of this.live.tasks.values()) this.enter(task, 0, null);
    let sinceCheckpoint = Infinity;
    loop.events.forEach((event, at) => {
      // Each costs as much as its tasks; there are as many as make that small.
      if (sinceCheckpoint++ > 1000 + 4 * this.live.tasks.size) {
        this.checkpoints.push([at, this.live.clone()]);
        sinceCheckpoint = 0;
      }
      this.follow(event, at);
    });
    for (const row of this.rows) {
      const last = row.spans.at(-1);
      if (!last || last.to !== null) continue;
      last.to = loop.events.length - 1;
      if (last.state === "polled") this.occupy(last, last.to);
    }
    this.longPolls.sort((one, other) => other.took - one.took).splice(MOST_LONG);
  }

  /// The state after so many events.
  stateAt(applied) {
    const after = firstAfter(0, this.checkpoints.length, (index) => this.checkpoints[index][0], applied);
    const [from, state] = this.checkpoints[Math.max(0, after - 1)] ?? [0, new Live(this.loop.before)];
    const live = state.clone();
    for (let at = from; at < applied; at++) live.apply(this.events[at]);
    return live;
  }

  follow(event, at) {
    const [what, , which, more, most] = event;
    if (what === "fired") {
      this.recall(event);
      this.fired.set(which, event);
    }
    this.live.apply(event);
    switch (what) {
      case "turn":
        this.turns.push({ number: which, from: at, to: at });
        break;
      case "parked":
        if (idle(event)) {
          this.pauses.push({ from: Math.max(0, at - 1), to: at, slept: idle(event) });
          this.thread.spans.push({ from: Math.max(0, at - 1), to: at, state: "parked" });
        }
        break;
      case "main":
        this.enter(this.live.tasks.get(which), at, null);
        break;
      case "spawned": {
        const by = more === null ? ["outside"] : ["task", more];
        this.enter(this.live.tasks.get(which), at, this.cause("spawned", by, at));
        this.arrow("spawn", which, by, at);
        break;
      }
      case "named": {
        const row = this.rowOf.get(which);
        if (row) row.label = label(this.live.tasks.get(which));
        break;
      }
      case "woken":
        if (most) break;
        this.caused("woken", which, more, at);
        this.arrow("wake", which, more, at);
        break;
      case "aborted":
        this.caused("aborted", which, more, at);
        this.arrow("abort", which, more, at);
        break;
      case "polls":
        this.change(which, at);
        break;
      case "polled": {
        const turn = this.turns.at(-1);
        if (turn) turn.to = at;
        const span = this.rowOf.get(which)?.spans.at(-1);
        if (span) {
          Object.assign(span, { outcome: more, took: most });
          if (most > LONG) this.longPolls.push(span);
          this.occupy(span, at);
        }
        this.change(which, at);
        break;
      }
      case "finished": {
        this.change(which, at);
        const row = this.rowOf.get(which);
        if (row) row.ending = { at, how: more };
        break;
      }
    }
  }

  /// A timer that fires is told by its number alone: to that is added for whom it was, and for when.
  recall(event) {
    const timer = this.live.timers.get(event[2]);
    if (timer) [event[3], event[4]] = [timer.task, timer.deadline];
  }

  enter(task, at, woken) {
    const { id, future, location, parent } = task;
    const row = { index: this.rows.length, id, label: label(task), future, location, parent, spans: [], woken };
    this.rows.push(row);
    this.rowOf.set(id, row);
    this.change(id, at);
  }

  cause(what, by, at) {
    const fired = by[0] === "timer" ? this.fired.get(by[1]) : undefined;
    return { what, by, at, fired, turn: this.live.turn, ahead: Math.max(0, this.live.ready.size - 1) };
  }

  caused(what, id, by, at) {
    const row = this.rowOf.get(id);
    if (row) row.woken = this.cause(what, by, at);
    this.change(id, at);
  }

  /// The task may be in another state than before: the old one's span ends here, the new one's begins.
  change(id, at) {
    const row = this.rowOf.get(id);
    const task = this.live.tasks.get(id);
    if (!row) return;
    const last = row.spans.at(-1);
    if (task && last && last.state === task.state) return;
    if (last) last.to = at;
    if (!task) return;
    row.spans.push({
      row, from: at, to: null, state: task.state, waits: task.waits.slice(),
      turn: this.live.turn, number: task.polls, woken: row.woken,
    });
  }

  /// The thread was in that poll, until there.
  occupy(poll, to) {
    this.thread.spans.push({ from: poll.from, to, state: "polled", poll });
  }

  arrow(what, id, by, at) {
    const from = by[0] === "task" ? this.rowOf.get(by[1]) : null;
    this.arrows.push({ at, what, by, from, to: this.rowOf.get(id) });
  }

  /// When an event was, in nanoseconds since the first of the loops began.
  timeOf(at) {
    return this.loop.began + (this.events[at]?.[1] ?? this.loop.before.time);
  }

  /// From when on a timer should have ended that wait, likewise, if it ends later: a poll holds the
  /// thread, or the kernel is late.
  dueOf({ waits, from, to }) {
    const deadlines = waits.filter(([what]) => what === "timer").map(([, , deadline]) => deadline);
    const due = Math.max(this.timeOf(from), this.loop.began + Math.min(...deadlines));
    return due < this.timeOf(to) ? due : null;
  }

  /// The poll of that task in which that event has happened, or that ended just before.
  pollAt(id, at) {
    const spans = this.rowOf.get(id)?.spans ?? [];
    let index = firstAfter(0, spans.length, (span) => spans[span].from, at) - 1;
    while (index >= 0 && spans[index].state !== "polled") index--;
    return spans[index];
  }

  /// The number of the turn of an event; and of the last one that began before a time.
  turnOf(at) {
    return this.lastTurn((turn) => turn.from, at);
  }

  turnAt(time) {
    return this.lastTurn((turn) => this.timeOf(turn.from), time);
  }

  lastTurn(begins, until) {
    const { turns } = this;
    const after = firstAfter(0, turns.length, (it) => begins(turns[it]), until);
    return turns[after - 1]?.number ?? this.loop.before.turn;
  }

  /// The poll that an event belongs to, its end included.
  pollAround(at) {
    const { spans } = this.thread;
    const span = spans[firstAfter(0, spans.length, (it) => spans[it].to, at - 1)];
    return span?.from <= at ? span.poll ?? null : null;
  }

  name(id) {
    return this.rowOf.get(id)?.label ?? `task ${id}`;
  }
}
