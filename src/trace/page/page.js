// The buttons and keys of the page.

(function page() {
  const { loops } = JSON.parse(get("data").textContent);
  if (loops.length === 0) return;
  const pictures = loops.map((loop) => new Picture(loop));
  get("static").hidden = true;
  get("live").hidden = false;
  const sheet = new Sheet(get("canvas"));
  const view = new View(get("scroll"), get("tall"), pictures, draw);
  const stepper = new Stepper(go);
  const why = new Why(go, select);

  const count = (of) => pictures.reduce((sum, picture) => sum + of(picture), 0);
  const dropped = count((it) => it.loop.dropped);
  get("about").textContent = [
    plural(loops.length, "loop"),
    plural(count((it) => it.rows.length), "task"),
    plural(count((it) => it.turns.length), "turn"),
    plural(count((it) => it.events.length), "event"),
    ...(dropped ? [`${dropped} events before are not recorded`] : []),
    pictures.every((it) => it.live.virtual) ? "virtual clock" : "real clock",
  ].join(", ");
  get("which").hidden = loops.length === 1;
  get("loop").append(...loops.map((loop, index) => new Option(loop.number, index)));

  const longest = pictures.flatMap((picture) => picture.longPolls.map((poll) => ({ picture, poll })));
  longest.sort((one, other) => other.poll.took - one.poll.took).splice(MOST_LONG);
  get("longest").hidden = longest.length === 0;
  get("longest").append(...longest.map(({ picture, poll }) => element("button", {
    type: "button",
    onclick: () => go(picture, poll.from + 1),
  }, `${poll.row.label} in turn ${poll.turn}, ${duration(poll.took)}`)));

  /// Goes to the state after so many events, and explains the poll that they end in, if they do.
  function go(picture, applied) {
    const changes = picture !== view.picture;
    view.picture = picture;
    if (changes) get("loop").value = pictures.indexOf(picture);
    if (changes && view.axis === "turns") view.choose();
    view.cursor = Math.max(0, Math.min(applied, picture.events.length));
    stepper.show(picture, view.cursor);
    select(picture.pollAround(view.cursor - 1));
    view.reveal(picture, Math.max(0, view.cursor - 1));
    const atEnd = view.cursor === picture.events.length, atBegin = view.cursor === 0;
    for (const id of ["last", "turn-on", "event-on"]) get(id).disabled = atEnd;
    for (const id of ["first", "turn-back", "event-back"]) get(id).disabled = atBegin;
    describe();
  }

  function select(span) {
    view.selected = span;
    why.show(view.picture, span);
    view.ask();
  }

  /// The steps of a loop: before all, the beginning of each turn, after all.
  const stepsOf = (picture) => [0, ...picture.turns.map(({ from }) => from + 1), picture.events.length]
    .map((applied) => ({ picture, applied }));
  const steps = new Map(pictures.map((picture) => [picture, stepsOf(picture)]));
  // Over time, those of all loops, one after the other.
  const timeOf = ({ picture, applied }) => picture.timeOf(Math.max(0, applied - 1));
  const order = (one, other) => timeOf(one) - timeOf(other)
    || pictures.indexOf(one.picture) - pictures.indexOf(other.picture) || one.applied - other.applied;
  const merged = [...steps.values()].flat().sort(order);

  /// Goes to the next step, or to the one before.
  function turn(isBack) {
    const all = view.axis === "turns" ? steps.get(view.picture) : merged;
    const here = { picture: view.picture, applied: view.cursor };
    const after = firstAfter(0, all.length, (index) => order(all[index], here), 0);
    const before = firstAfter(0, all.length, (index) => order(all[index], here), -Number.MIN_VALUE) - 1;
    const next = all[isBack ? before : after];
    if (next) go(next.picture, next.applied);
  }

  const turnOn = () => turn(false);
  const turnBack = () => turn(true);

  /// The picture, for who does not see it; what it shows at each step is in the lists below.
  function describe() {
    get("canvas").setAttribute("aria-label",
      `${plural(view.lines.length, "row")}; the step stands in ${get("turn-title").textContent.toLowerCase()}`);
  }

  function draw() {
    sheet.draw(view);
    const pan = get("pan");
    pan.hidden = view.farthest === 0;
    pan.style.width = `${get("scroll").clientWidth - view.names}px`;
    pan.value = 1000 * view.origin / (view.farthest || 1);
  }

  const press = {
    first: () => go(view.picture, 0),
    last: () => go(view.picture, view.picture.events.length),
    "turn-on": turnOn,
    "turn-back": turnBack,
    "event-on": () => go(view.picture, view.cursor + 1),
    "event-back": () => go(view.picture, view.cursor - 1),
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
    action();
  });

  for (const axis of ["turns", "time"]) {
    get(axis).addEventListener("click", () => {
      for (const it of ["turns", "time"]) get(it).setAttribute("aria-pressed", it === axis);
      view.turnTo(axis);
      describe();
    });
  }
  get("loop").addEventListener("change", () => {
    go(pictures[get("loop").value], 0);
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
    view.ask();
  });

  const canvas = get("canvas");
  get("scroll").addEventListener("scroll", () => view.ask());
  canvas.addEventListener("wheel", (event) => {
    if (event.ctrlKey) view.zoom(Math.exp(-event.deltaY / 200), event.offsetX);
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      view.pan((event.deltaX || event.deltaY) / view.scale);
    } else return;
    event.preventDefault();
  }, { passive: false });

  function point(x) {
    view.pointer = x;
    if (view.axis === "time") view.ask();
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
    go(hit.picture, hit.span.from + 1);
    select(hit.span);
  });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    sheet.readColours();
    view.ask();
  });
  new ResizeObserver(() => view.pan(0)).observe(get("scroll"));

  view.reset();
  go(pictures[0], 0);
  turnOn();
})();
