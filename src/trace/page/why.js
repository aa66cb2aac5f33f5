// Why a task is polled, ready or waits: who has caused it, what it waited for, and what it has done.

class Why {
  /// `jump(picture, applied)` goes to another step; `select(span)` explains another poll.
  constructor(jump, select) {
    Object.assign(this, { jump, select });
  }

  show(picture, span) {
    const hint = "Click a bar of the picture, or step to an event of a poll.";
    const lines = span ? this.lines(picture, span) : [[quiet(hint)]];
    get("why").replaceChildren(...lines.map((line) => element("p", {}, ...line)));
  }

  lines(picture, span) {
    const isPoll = span.state === "polled", isIdle = span.state === "idle";
    const idle = isIdle ? null : this.idleBefore(span);
    return [
      [element("b", {}, span.row.label), isPoll ? this.poll(picture, span) : this.state(picture, span)],
      ...(isIdle ? [] : [this.cause(picture, span.woken)]),
      ...(idle ? [[`Until then it waited for ${this.waits(picture, idle)}, since turn ${idle.turn}.`]] : []),
      ...(isPoll ? this.did(picture, span) : []),
      [quiet(this.origin(picture, span.row))],
    ];
  }

  poll(picture, { turn, from, number }) {
    return ` is polled in turn ${turn}, at ${this.time(picture, from)}: its poll number ${number}.`;
  }

  state(picture, span) {
    const what = {
      ready: "is ready, and waits for the thread",
      aborted: "will be dropped",
      idle: `waits for ${this.waits(picture, span)}`,
    }[span.state];
    const [from, to] = [this.time(picture, span.from), this.time(picture, span.to)];
    return ` ${what}, from turn ${span.turn}, at ${from}, until ${to}.`;
  }

  /// Who has put it in the ready queue; if that is a task, its poll is a click away.
  cause(picture, woken) {
    if (!woken) return ["It stood in the ready queue from the beginning."];
    const { what, by, at, fired, turn, ahead } = woken;
    const words = origin(by, (id) => picture.name(id));
    const poll = by[0] === "task" ? picture.pollAt(by[1], at) : null;
    const follow = () => {
      this.jump(picture, poll.from + 1);
      this.select(poll);
    };
    const who = poll ? element("button", { type: "button", onclick: follow }, words) : words;
    const [, time, , , due] = fired ?? [];
    const late = due === undefined ? ""
      : `The timer was due at ${duration(due)}, and fired ${lateness(time - due)}. `;
    const before = ahead === 0 ? "Nobody" : plural(ahead, "task");
    return [
      `It was ${what} by `, who, `, in turn ${turn}, at ${this.time(picture, at)}. `,
      `${late}${before} stood before it in the ready queue.`,
    ];
  }

  /// The time in which it waited, before it was ready.
  idleBefore({ row: { spans }, from }) {
    let index = firstAfter(0, spans.length, (it) => spans[it].from, from) - 2;
    while (index >= 0 && ["ready", "aborted"].includes(spans[index].state)) index--;
    const idle = spans[index];
    return idle?.state === "idle" && idle.waits.length > 0 ? idle : null;
  }

  did(picture, { row, from, to, outcome, took }) {
    const wakesItself = ([what, , who, by]) => what === "woken" && who === row.id && by[1] === row.id;
    const did = picture.events.slice(from + 1, to).filter((event) => !wakesItself(event));
    const words = did.slice(0, 12).map((event) => sentence(event, (id) => picture.name(id)));
    if (did.length > words.length) words.push(`and ${did.length - words.length} more`);
    const after = took ? `, after ${duration(took)}` : "";
    return [
      ...(words.length ? [[`In it: ${words.join("; ")}.`]] : []),
      [`The poll ends: ${outcome ?? "later"}${after}.`],
    ];
  }

  origin(picture, { future, parent, location }) {
    const by = parent === null ? "started" : `spawned by ${picture.name(parent)}`;
    return `${future}, ${by} at ${location}`;
  }

  waits(picture, { waits }) {
    return waits.map((it) => waitsFor(it, (id) => picture.name(id))).join(" or ");
  }

  time(picture, at) {
    return duration(picture.events[at][1]);
  }
}

function quiet(words) {
  return element("span", { className: "quiet" }, words);
}
