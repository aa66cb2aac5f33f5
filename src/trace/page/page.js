// The buttons and keys of the page.

(function page() {
  const data = JSON.parse(get("data").textContent);
  if (data.loops.length === 0) return;
  const runs = data.loops.map((loop) => new Run(loop, data));
  get("static").hidden = true;
  get("live").hidden = false;
  const sheet = new Sheet(get("canvas"));
  const view = new View(get("scroll"), get("tall"), runs, data.axis, draw);
  const stepper = new Stepper(go);
  const why = new Why(go, select);

  const count = (of) => runs.reduce((sum, run) => sum + of(run), 0);
  const dropped = count((run) => run.dropped);
  get("about").textContent = [
    plural(runs.length, "loop"),
    plural(count((run) => run.rows.length), "row"),
    plural(count((run) => run.turns.length), "turn"),
    plural(count((run) => run.last), "event"),
    ...(dropped ? [`${dropped} events before are not recorded`] : []),
    runs.every((run) => run.isVirtual) ? "virtual clock" : "real clock",
  ].join(", ");
  get("which").hidden = runs.length === 1;
  get("loop").append(...runs.map((run, index) => new Option(run.number, index)));

  for (const id of ["longest", "most_delayed"]) {
    get(id).hidden = data[id].length === 0;
    for (const [index, row, step, words, took] of data[id]) {
      const run = runs[index];
      if (id === "longest") run.pollOf(run.rows[row], step).took = data.texts[took];
      get(id).append(element("button", { type: "button", onclick: () => go(run, step) }, data.texts[words]));
    }
  }

  /// Goes to a step, and explains the poll that it belongs to.
  function go(run, step) {
    const changes = run !== view.run;
    view.run = run;
    if (changes) get("loop").value = runs.indexOf(run);
    if (changes && view.axis === "turns") view.choose();
    view.cursor = Math.max(0, Math.min(step, run.last));
    stepper.show(run, view.cursor);
    select(run.pollAt(view.cursor));
    view.reveal(run, view.cursor);
    const atEnd = view.cursor === run.last, atBegin = view.cursor === 0;
    for (const id of ["last", "turn-on", "event-on"]) get(id).disabled = atEnd;
    for (const id of ["first", "turn-back", "event-back"]) get(id).disabled = atBegin;
    describe();
  }

  function select(span) {
    view.selected = span;
    why.show(view.run, span);
    view.redraw();
  }

  /// The steps at which the arrow keys stop: the first, the beginning of each turn, and the last.
  const stopsOf = (run) => [0, ...run.turns.map(({ from }) => from), run.last].map((step) => ({ run, step }));
  const stops = new Map(runs.map((run) => [run, stopsOf(run)]));
  // Over time, the keys stop at those of all loops, in the order of time.
  const order = (one, other) => one.run.timeOfAll(one.step) - other.run.timeOfAll(other.step)
    || runs.indexOf(one.run) - runs.indexOf(other.run) || one.step - other.step;
  const merged = [...stops.values()].flat().sort(order);

  /// Goes to the next stop, or to the one before.
  function turn(isBack) {
    const all = view.axis === "turns" ? stops.get(view.run) : merged;
    const here = { run: view.run, step: view.cursor };
    const next = isBack ? all.findLast((stop) => order(stop, here) < 0) : all.find((stop) => order(stop, here) > 0);
    if (next) go(next.run, next.step);
  }

  const turnOn = () => turn(false);
  const turnBack = () => turn(true);

  /// Describes the picture to readers who do not see it. What it shows at a step is in the lists below it.
  function describe() {
    get("canvas").setAttribute("aria-label",
      `${plural(view.lines.length, "row")}; the step shown is in ${get("turn-title").textContent.toLowerCase()}`);
  }

  function draw() {
    sheet.draw(view);
    const pan = get("pan");
    pan.hidden = view.farthest === 0;
    pan.style.width = `${get("scroll").clientWidth - view.names}px`;
    pan.value = 1000 * view.origin / (view.farthest || 1);
  }

  const press = {
    first: () => go(view.run, 0),
    last: () => go(view.run, view.run.last),
    "turn-on": turnOn,
    "turn-back": turnBack,
    "event-on": () => go(view.run, view.cursor + 1),
    "event-back": () => go(view.run, view.cursor - 1),
    smaller: () => view.zoom(1 / 1.5),
    larger: () => view.zoom(1.5),
    whole: () => view.whole(),
  };
  for (const [id, action] of Object.entries(press)) get(id).addEventListener("click", action);

  const keys = {
    ArrowRight: turnOn, ArrowLeft: turnBack,
    "Shift+ArrowRight": press["event-on"], "Shift+ArrowLeft": press["event-back"],
    Home: press.first, End: press.last,
    "+": press.larger, "=": press.larger, "-": press.smaller, 0: press.whole,
    "/": () => get("find").focus(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select")) return;
    const shift = event.shiftKey && event.key.startsWith("Arrow") ? "Shift+" : "";
    const action = keys[shift + event.key];
    if (!action) return;
    event.preventDefault();
    get("hint").style.visibility = "hidden"; // Without it, nothing moves.
    action();
  });

  function showAxis() {
    for (const it of ["turns", "time"]) get(it).setAttribute("aria-pressed", it === view.axis);
  }

  for (const axis of ["turns", "time"]) {
    get(axis).addEventListener("click", () => {
      view.turnTo(axis);
      showAxis();
      describe();
    });
  }
  get("loop").addEventListener("change", () => {
    go(runs[get("loop").value], 0);
    turnOn();
    view.reset();
  });
  get("find").addEventListener("input", () => {
    view.search = get("find").value.trim().toLowerCase();
    get("scroll").scrollTop = 0;
    view.choose();
    view.pan(0);
    describe();
  });
  get("pan").addEventListener("input", () => {
    view.origin = get("pan").value / 1000 * view.farthest;
    view.redraw();
  });

  const canvas = get("canvas");
  get("scroll").addEventListener("scroll", () => view.redraw());
  canvas.addEventListener("wheel", (event) => {
    if (event.ctrlKey) view.zoom(Math.exp(-event.deltaY / 200), event.offsetX);
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      view.pan((event.deltaX || event.deltaY) / view.scale);
    } else return;
    event.preventDefault();
  }, { passive: false });

  function point(x) {
    view.pointer = x;
    if (view.axis === "time") view.redraw();
  }
  canvas.addEventListener("pointerleave", () => point(null));

  // A drag pans; a press that does not move is a click.
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    point(event.offsetX);
    if (!drag) return;
    const [across, down] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.moved && Math.hypot(across, down) < 4) return;
    drag = { x: event.clientX, y: event.clientY, moved: true };
    canvas.classList.add("dragged");
    get("scroll").scrollTop -= down;
    view.pan(-across / view.scale);
  });
  canvas.addEventListener("pointerup", (event) => {
    canvas.classList.remove("dragged");
    const moved = drag?.moved;
    drag = null;
    if (moved) return;
    const hit = view.hit(event.offsetX, event.offsetY);
    if (!hit) return;
    go(hit.run, hit.span.from);
    select(hit.span);
  });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    sheet.readColours();
    view.redraw();
  });
  new ResizeObserver(() => view.pan(0)).observe(get("scroll"));

  showAxis();
  view.reset();
  go(runs[0], 0);
  turnOn();
})();
