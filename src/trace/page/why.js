// Why a task is polled, is ready or waits: its cause, what it waited for, and what it did in its poll.

class Why {
  /// `jump(run, step)` goes to another step, `select(span)` explains another poll.
  constructor(jump, select) {
    Object.assign(this, { jump, select });
  }

  show(run, span) {
    const hint = "Click a bar of the picture, or step to an event of a poll.";
    const lines = span ? this.lines(run, span) : [[quiet(hint)]];
    get("why").replaceChildren(...lines.map((line) => element("p", {}, ...line)));
  }

  lines(run, span) {
    const isPoll = span.state.name === "polled", isIdle = span.state.name === "idle";
    const idle = isIdle ? null : this.idleBefore(span);
    return [
      [element("b", {}, span.row.label), isPoll ? this.poll(run, span) : this.state(run, span)],
      ...(isIdle ? [] : [this.cause(run, span.cause)]),
      ...(idle ? [[`Until then it waited for ${idle.waits}, since turn ${run.turnOf(idle.from)}.`]] : []),
      ...(span.delay ? [this.delay(run, span)] : []),
      ...(isPoll ? this.did(run, span) : []),
      [quiet(span.row.about)],
    ];
  }

  poll(run, { from, polls, state }) {
    return ` ${state.words} in turn ${run.turnOf(from)}, at ${duration(run.timeOf(from))}: its poll number ${polls}.`;
  }

  state(run, { from, to, state, waits }) {
    const words = waits ? `${state.words} ${waits}` : state.words;
    const [begin, end] = [from, to].map((step) => duration(run.timeOf(step)));
    return ` ${words}, from turn ${run.turnOf(from)}, at ${begin}, until ${end}.`;
  }

  /// Says what has put the task in the ready queue. If another task's poll did it, a click leads there.
  cause(run, cause) {
    if (!cause) return ["It was ready when it was entered, or when the recording began."];
    const { step, words, by, from, timer, ahead } = cause;
    const poll = from && run.pollOf(from, step);
    const what = poll ? this.link(run, poll, by) : by;
    const late = timer ? `${timer} ` : "";
    const before = ahead === 0 ? "No task" : plural(ahead, "task");
    return [
      `${words} `, what, `, in turn ${run.turnOf(step)}, at ${duration(run.timeOf(step))}. `,
      `${late}${before} stood before it in the ready queue.`,
    ];
  }

  link(run, poll, words = poll.row.label) {
    const follow = () => {
      this.jump(run, poll.from);
      this.select(poll);
    };
    return element("button", { type: "button", onclick: follow }, words);
  }

  /// Says which poll held the thread longest while the task was late.
  delay(run, { row, delay: { took, isOverdue, by, held } }) {
    const [late, kept] = [took, held].map(duration);
    const part = kept === late ? "" : `, ${kept} of them`;
    const state = isOverdue ? "overdue" : "ready";
    return [`${row.label} was ${state} for ${late}${part} while `, this.link(run, by), " was polled."];
  }

  /// Returns the span in which the task waited before it was ready.
  idleBefore({ row: { spans }, from }) {
    let index = firstAfter(0, spans.length, (it) => spans[it].from, from) - 2;
    while (index >= 0 && ["ready", "aborted"].includes(spans[index].state.name)) index--;
    return spans[index]?.waits ? spans[index] : null;
  }

  /// Says what happened in a poll, how it ended, and which tasks it has delayed most.
  did(run, { from, delayed, pollEnds = run.last + 1 }) {
    const did = run.events.slice(from + 1, pollEnds);
    const mostDelayed = [...delayed].sort((one, other) => other.delay.took - one.delay.took).slice(0, 3);
    const words = did.slice(0, 12);
    if (did.length > words.length) words.push(`and ${did.length - words.length} more`);
    return [
      ...(words.length ? [[`In it: ${words.join("; ")}.`]] : []),
      [`The poll ends: ${run.events[pollEnds] ?? "later"}.`],
      ...mostDelayed.map((span) => this.delay(run, span)),
    ];
  }
}

function quiet(words) {
  return element("span", { className: "quiet" }, words);
}
