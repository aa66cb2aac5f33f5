// The loop's own data structures, after so many events; and what the turn does.

/// As many entries of a list are shown.
const MOST = 200;

class Stepper {
  /// `jump(picture, applied)` goes to another step.
  constructor(jump) {
    this.jump = jump;
  }

  show(picture, applied) {
    const live = picture.stateAt(applied);
    const name = (id) => picture.name(id);
    const isFor = (source) => ([what, which]) => which === source && ["readable", "writable"].includes(what);
    const waiting = (source) => [...live.tasks.values()]
      .filter((task) => task.state === "idle" && task.waits.some(isFor(source)));
    fill("ready", [...live.ready].map(name), "nobody is ready");
    fill("wheel", [...live.timers]
      .sort(([one, { deadline: first }], [other, { deadline: second }]) => first - second || one - other)
      .map(([timer, { deadline, task }]) => {
        const whose = task === null ? "" : `: ${name(task)}`;
        return `timer ${timer}, at ${duration(deadline)}${whose}`;
      }), "no timer is armed");
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
      }, element("button", {
        type: "button",
        onclick: () => this.jump(picture, here + 1),
      }, sentence(event, name)));
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
