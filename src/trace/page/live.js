// The live state of a loop, as its events tell it: live.rs, again.
//
// A Set remembers the order in which things were added: that makes it a FIFO from which anything may
// be taken out at once.

class Live {
  constructor(state) {
    this.turn = state.turn;
    this.time = state.time;
    this.tasks = new Map(state.tasks.map((task) => [task.id, { ...task }]));
    this.ready = new Set(state.ready);
    this.polled = state.polled;
    this.timers = new Map(state.timers.map(([timer, deadline, task]) => [timer, { deadline, task }]));
    this.sources = new Set(state.sources);
    this.virtual = state.virtual;
    this.closed = state.closed;
  }

  clone() {
    return new Live({
      ...this,
      tasks: [...this.tasks.values()],
      ready: this.ready,
      timers: [...this.timers].map(([timer, { deadline, task }]) => [timer, deadline, task]),
    });
  }

  apply([what, time, which, more, most, location]) {
    this.time = time;
    switch (what) {
      case "turn":
        this.turn = which;
        break;
      case "opened":
        this.virtual = which;
        break;
      case "main":
        this.enter({ id: which, main: true, parent: null, future: more, location: most });
        break;
      case "spawned":
        this.enter({ id: which, main: false, parent: more, future: most, location });
        break;
      case "named":
        this.change(which, { name: more });
        break;
      case "woken":
        if (most) break; // It stood there already.
        this.queue(which);
        // Who is polled is ready again when its poll is over.
        if (this.polled !== which) this.set(which, "ready");
        break;
      case "polls":
        this.ready.delete(which);
        this.polled = which;
        this.set(which, "polled");
        this.change(which, { waits: [], polls: (this.tasks.get(which)?.polls ?? 0) + 1 });
        break;
      case "waits":
        this.change(which, { waits: [...(this.tasks.get(which)?.waits ?? []), more] });
        break;
      case "polled": {
        this.polled = null;
        const task = this.tasks.get(which);
        if (!task) break;
        task.busy += most;
        task.longest = Math.max(task.longest, most);
        // Who has aborted itself is dropped next.
        if (more === "pending" && task.state !== "aborted") {
          this.set(which, this.ready.has(which) ? "ready" : "idle");
        }
        break;
      }
      case "aborted":
        // An idle task is queued, to be dropped; one that is polled is dropped after its poll.
        if (this.polled !== which) this.queue(which);
        this.set(which, "aborted");
        break;
      case "finished":
        this.ready.delete(which);
        this.tasks.delete(which);
        break;
      case "armed":
        this.timers.set(which, { deadline: most, task: more });
        break;
      case "fired":
      case "timer dropped":
        this.timers.delete(which);
        break;
      case "source":
        this.sources.add(which);
        break;
      case "source dropped":
        this.sources.delete(which);
        break;
      case "closed":
        this.closed = true;
        break;
    }
  }

  enter(task) {
    const idle = { name: null, state: "ready", since: this.time, waits: [], polls: 0, busy: 0, longest: 0 };
    this.tasks.set(task.id, { ...idle, ...task });
    this.ready.add(task.id);
  }

  queue(id) {
    if (this.tasks.has(id)) this.ready.add(id);
  }

  set(id, state) {
    this.change(id, { state, since: this.time });
  }

  change(id, fields) {
    const task = this.tasks.get(id);
    if (task) Object.assign(task, fields);
  }
}
