// The lists of the page: the loop's data structures at a step, and the events of its turn.

/// The most entries of a list that are shown.
const MOST = 200;

class Stepper {
  /// `jump(run, step)` goes to another step.
  constructor(jump) {
    this.jump = jump;
  }

  show(run, step) {
    const [ready, wheel, sources] = [run.ready, run.wheel, run.sources].map((list) => run.shown(list, step));
    fill("ready", ready, "no task is ready");
    fill("wheel", wheel, "no timer is armed");
    fill("sources", sources, "no source is registered");
    this.showSlab(run.tasksAt(step));
    this.showTurn(run, step);
    const isClosed = run.closed !== null && run.closed <= step;
    get("status").textContent = `turn ${run.turnOf(step)} of ${run.turns.at(-1)?.number ?? run.firstTurn}, `
      + `at ${duration(run.timeOf(step))}: ${ready.length} ready, ${plural(wheel.length, "timer")}, `
      + `${plural(sources.length, "source")}${isClosed ? "; closed" : ""}`;
  }

  showSlab(spans) {
    get("slab").replaceChildren(...spans.slice(0, MOST).map(({ row, state, waits, polls }) => element("tr", {},
      element("td", { title: row.about }, row.label),
      element("td", { className: `state-${state.name}` }, state.name),
      element("td", {}, waits ?? ""),
      element("td", { className: "number" }, String(polls)))));
    get("slab-more").textContent = spans.length > MOST ? `and ${spans.length - MOST} more`
      : spans.length === 0 ? "it is empty" : "";
  }

  showTurn(run, step) {
    const { events, turns } = run;
    const at = Math.max(1, step);
    const index = firstAfter(0, turns.length, (it) => turns[it].from, at);
    const begin = turns[index - 1]?.from ?? 1;
    const end = turns[index]?.from ?? events.length;
    get("turn-title").textContent = index > 0 ? `Turn ${turns[index - 1].number}`
      : run.firstTurn > 0 ? `Turn ${run.firstTurn}` : "Before the first turn";
    // Of a long turn, the events around the step.
    const first = Math.max(begin, Math.min(at - MOST / 2, end - MOST));
    get("events").replaceChildren(...events.slice(first, Math.min(end, first + MOST)).map((words, offset) => {
      const here = first + offset;
      const poll = run.pollAt(here);
      const isWithin = poll && poll.from < here && here !== poll.pollEnds;
      const onclick = () => this.jump(run, here);
      const item = element("li", { className: `${here <= step ? "past" : "future"}${isWithin ? " within" : ""}` },
        element("button", { type: "button", onclick }, words));
      if (here === step) item.setAttribute("aria-current", "step");
      return item;
    }));
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

function fill(id, entries, none) {
  const shown = entries.slice(0, MOST).map(({ text }) => element("li", {}, text));
  if (entries.length > MOST) shown.push(element("li", { className: "empty" }, `and ${entries.length - MOST} more`));
  if (entries.length === 0) shown.push(element("li", { className: "empty" }, none));
  get(id).replaceChildren(...shown);
}
