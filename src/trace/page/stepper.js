// The loop's own data structures, after so many events; what this turn does; why a poll ran.

/// As many entries of a list are shown.
const MOST = 200;

class Stepper {
  /// `jump(picture, applied)` goes to another step; `select(span)` explains a poll.
  constructor(jump, select) {
    Object.assign(this, { jump, select });
  }

  show(picture, applied) {
    const live = picture.stateAt(applied);
    const name = (id) => picture.name(id);
    const waiting = (source) => [...live.tasks.values()].filter((task) => task.state === "idle"
      && task.waits.some(([what, which]) => which === source && (what === "readable" || what === "writable")));
    fill("ready", [...live.ready].map(name), "nobody is ready");
    fill("wheel", [...live.timers]
      .sort(([one, { deadline: first }], [other, { deadline: second }]) => first - second || one - other)
      .map(([timer, { deadline, task }]) =>
        `timer ${timer}, at ${duration(deadline)}${task === null ? "" : `: ${name(task)}`}`), "no timer is armed");
    fill("sources", [...live.sources].map((source) => {
      const who = waiting(source).map((task) => name(task.id)).join(", ");
      return `source ${source}${who ? `: ${who}` : ""}`;
    }), "no source is registered");
    this.showSlab(live, name);
    this.showTurn(picture, applied, name);
    const { turns } = picture;
    get("status").textContent = `turn ${live.turn} of ${turns.at(-1)?.number ?? 0}, at ${duration(live.time)}: `
      + `${live.ready.size} ready, ${plural(live.timers.size, "timer")}, ${plural(live.sources.size, "source")}`
      + (live.closed ? "; closed" : "");
  }

  showSlab(live, name) {
    const tasks = [...live.tasks.values()];
    get("slab").replaceChildren(...tasks.slice(0, MOST).map((task) => {
      const waits = task.state === "idle" ? task.waits.map((it) => waitsFor(it, name)).join(" or ") : "";
      return element("tr", { id: `task-${task.id}` },
        element("td", { title: `${task.future}, spawned at ${task.location}` }, name(task.id)),
        element("td", { className: `state-${task.state}` }, task.state),
        element("td", {}, waits),
        element("td", { className: "number" }, String(task.polls)));
    }));
    get("slab-more").textContent = tasks.length > MOST ? `and ${tasks.length - MOST} more`
      : tasks.length === 0 ? "it is empty" : "";
  }

  showTurn(picture, applied, name) {
    const { events, turns } = picture;
    const at = Math.max(0, applied - 1);
    const index = firstAfter(0, turns.length, (it) => turns[it].from, at);
    const begin = turns[index - 1]?.from ?? 0;
    const end = turns[index]?.from ?? events.length;
    get("turn-title").textContent = index === 0 ? "Before the first turn" : `Turn ${turns[index - 1].number}`;
    // Of a long turn, what is around the step.
    const first = Math.max(begin, Math.min(at - MOST / 2, end - MOST));
    let polled = null;
    for (let before = begin; before < first; before++) {
      if (events[before][0] === "polls") polled = events[before][2];
      if (events[before][0] === "polled") polled = null;
    }
    const items = events.slice(first, Math.min(end, first + MOST)).map((event, offset) => {
      const here = first + offset;
      if (event[0] === "polled") polled = null;
      const item = element("li", {
        className: `${here < applied ? "past" : "future"}${polled === null ? "" : " within"}`,
      }, element("button", { type: "button", onclick: () => {
        this.jump(picture, here + 1);
        if (event[0] === "polls") this.select(picture.pollAt(event[2], here));
      } }, sentence(event, name)));
      if (event[0] === "polls") polled = event[2];
      if (here === applied - 1) item.setAttribute("aria-current", "step");
      return item;
    });
    get("events").replaceChildren(...items);
    const current = get("events").querySelector("[aria-current]");
    if (current) {
      const list = get("events");
      list.scrollTop = current.offsetTop - list.offsetTop - list.clientHeight / 2;
    }
  }

  /// Why that span is there: who has caused it, and what it waited for.
  explain(picture, span) {
    const why = get("why");
    if (!span) {
      why.replaceChildren(element("p", { className: "quiet" }, "Click a bar of the picture, or a poll in the list of the turn."));
      return;
    }
    const { row } = span;
    const name = (id) => picture.name(id);
    const time = (at) => duration(picture.events[at][1]);
    const spans = row.spans;
    const index = firstAfter(0, spans.length, (it) => spans[it].from, span.from) - 1;
    const lines = [];
    if (span.state === "polled") {
      lines.push([element("b", {}, row.label), ` is polled in turn ${span.turn}, at ${time(span.from)}: its poll number ${span.number}.`]);
    } else {
      const what = { ready: "is ready, and waits for the thread", aborted: "will be dropped", idle: "waits" }[span.state];
      const whom = span.state === "idle" && span.waits.length
        ? ` for ${span.waits.map((it) => waitsFor(it, name)).join(" or ")}` : "";
      lines.push([element("b", {}, row.label), ` ${what}${whom}, from turn ${span.turn}, at ${time(span.from)}, until ${time(span.to)}.`]);
    }
    if (span.state !== "idle") lines.push(this.because(picture, span.woken));
    let before = index - 1;
    while (before >= 0 && spans[before].state !== "idle" && spans[before].state !== "polled") before--;
    const idle = span.state === "idle" ? null : spans[before];
    if (idle?.state === "idle" && idle.waits.length) {
      lines.push([`Until then it waited for ${idle.waits.map((it) => waitsFor(it, name)).join(" or ")}, since turn ${idle.turn}, at ${time(idle.from)}.`]);
    }
    if (span.state === "polled") {
      const did = picture.events.slice(span.from + 1, span.to)
        .filter(([what, , who, by]) => what !== "woken" || who !== row.id || by[1] !== row.id).slice(0, 12)
        .map((event) => sentence(event, name));
      if (did.length) lines.push([`In it: ${did.join("; ")}.`]);
      lines.push([`The poll ends: ${span.outcome ?? "later"}${span.took ? `, after ${duration(span.took)}` : ""}.`]);
    }
    lines.push([element("span", { className: "quiet" },
      `${row.future}, ${row.parent === null ? "started" : `spawned by ${name(row.parent)}`} at ${row.location}`)]);
    why.replaceChildren(...lines.map((line) => element("p", {}, ...line)));
  }

  because(picture, woken) {
    if (!woken) return ["It was entered, and put in the ready queue."];
    const { what, by, at, turn, ahead } = woken;
    const words = origin(by, (id) => picture.name(id));
    const who = by[0] === "task"
      ? element("button", { type: "button", onclick: () => {
        const poll = picture.pollAt(by[1], at);
        if (!poll) return;
        this.jump(picture, poll.from + 1);
        this.select(poll);
      } }, words)
      : words;
    const when = `in turn ${turn}, at ${duration(picture.events[at][1])}`;
    const behind = ahead === 0 ? "Nobody stood before it in the ready queue."
      : `${plural(ahead, "task")} stood before it in the ready queue.`;
    return ["It was ", what, " by ", who, `, ${when}. ${behind}`];
  }
}

function get(id) {
  return document.getElementById(id);
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function fill(id, words, none) {
  const shown = words.slice(0, MOST).map((it) => element("li", {}, it));
  if (words.length > MOST) shown.push(element("li", { className: "empty" }, `and ${words.length - MOST} more`));
  if (words.length === 0) shown.push(element("li", { className: "empty" }, none));
  get(id).replaceChildren(...shown);
}
