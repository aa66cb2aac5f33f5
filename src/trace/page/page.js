// The buttons and keys of the page.

(function page() {
  const { loops } = JSON.parse(get("data").textContent);
  if (loops.length === 0) return;
  const pictures = loops.map((loop) => new Picture(loop));
  get("static").hidden = true;
  get("live").hidden = false;
  const sheet = new Sheet(get("canvas"), get("scroll"), get("tall"), pictures);
  const stepper = new Stepper(go, select);

  const count = (of) => pictures.reduce((sum, picture) => sum + of(picture), 0);
  get("about").textContent = [
    plural(loops.length, "loop"),
    plural(count((it) => it.rows.length), "task"),
    plural(count((it) => it.turns.length), "turn"),
    plural(count((it) => it.events.length), "event"),
    ...(count((it) => it.loop.dropped) ? [`${count((it) => it.loop.dropped)} events before are not recorded`] : []),
    pictures.every((it) => it.live.virtual) ? "virtual clock" : "real clock",
  ].join(", ");
  get("which").hidden = loops.length === 1;
  get("loop").append(...loops.map((loop, index) => new Option(loop.number, index)));

  /// Goes to the state after so many events.
  function go(picture, applied) {
    const changes = picture !== sheet.picture;
    sheet.picture = picture;
    if (changes) {
      get("loop").value = pictures.indexOf(picture);
      sheet.choose();
    }
    sheet.cursor = Math.max(0, Math.min(applied, picture.events.length));
    stepper.show(picture, sheet.cursor);
    sheet.reveal(picture, Math.max(0, sheet.cursor - 1));
    const atEnd = sheet.cursor === picture.events.length, atBegin = sheet.cursor === 0;
    for (const id of ["last", "turn-on", "event-on"]) get(id).disabled = atEnd;
    for (const id of ["first", "turn-back", "event-back"]) get(id).disabled = atBegin;
    describe();
  }

  function select(span) {
    sheet.selected = span;
    stepper.explain(sheet.picture, span);
    sheet.ask();
  }

  function turnOn() {
    const { turns, events } = sheet.picture;
    const next = turns[firstAfter(0, turns.length, (it) => turns[it].from + 1, sheet.cursor)];
    go(sheet.picture, next ? next.from + 1 : events.length);
  }

  function turnBack() {
    const { turns } = sheet.picture;
    const before = turns[firstAfter(0, turns.length, (it) => turns[it].from + 1, sheet.cursor - 1) - 1];
    go(sheet.picture, before ? before.from + 1 : 0);
  }

  /// The picture, for who does not see it; what it shows at each step is in the lists below.
  function describe() {
    get("canvas").setAttribute("aria-label",
      `${plural(sheet.lines.length, "row")}; the step stands in ${get("turn-title").textContent.toLowerCase()}`);
  }

  function panned() {
    const pan = get("pan");
    pan.hidden = sheet.farthest === 0;
    pan.style.width = `${get("scroll").clientWidth - sheet.names}px`;
    if (document.activeElement !== pan) pan.value = 1000 * sheet.origin / (sheet.farthest || 1);
  }
  const draw = sheet.draw.bind(sheet);
  sheet.draw = () => { draw(); panned(); };

  const press = {
    first: () => go(sheet.picture, 0),
    last: () => go(sheet.picture, sheet.picture.events.length),
    "turn-on": turnOn,
    "turn-back": turnBack,
    "event-on": () => go(sheet.picture, sheet.cursor + 1),
    "event-back": () => go(sheet.picture, sheet.cursor - 1),
    smaller: () => sheet.zoom(1 / 1.5),
    larger: () => sheet.zoom(1.5),
    whole: () => sheet.whole(),
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

  for (const radio of document.querySelectorAll("input[name=axis]")) {
    radio.addEventListener("change", () => {
      sheet.axis = radio.value;
      sheet.choose();
      sheet.reset();
    });
  }
  get("loop").addEventListener("change", () => {
    go(pictures[get("loop").value], 0);
    turnOn();
    select(null);
    sheet.reset();
  });
  get("find").addEventListener("input", () => {
    sheet.search = get("find").value.trim().toLowerCase();
    get("scroll").scrollTop = 0;
    sheet.choose();
    sheet.pan(0);
    describe();
  });
  get("pan").addEventListener("input", () => {
    sheet.origin = get("pan").value / 1000 * sheet.farthest;
    sheet.ask();
  });

  const canvas = get("canvas");
  get("scroll").addEventListener("scroll", () => sheet.ask());
  canvas.addEventListener("wheel", (event) => {
    if (event.ctrlKey) sheet.zoom(Math.exp(-event.deltaY / 200), event.offsetX);
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      sheet.pan((event.deltaX || event.deltaY) / sheet.scale);
    } else return;
    event.preventDefault();
  }, { passive: false });

  // A drag pans; a press that does not move is a click.
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [across, down] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.moved && Math.hypot(across, down) < 4) return;
    drag = { x: event.clientX, y: event.clientY, moved: true };
    canvas.classList.add("dragged");
    get("scroll").scrollTop -= down;
    sheet.pan(-across / sheet.scale);
  });
  canvas.addEventListener("pointerup", (event) => {
    canvas.classList.remove("dragged");
    const moved = drag?.moved;
    drag = null;
    if (moved) return;
    const hit = sheet.hit(event.offsetX, event.offsetY);
    if (!hit) return;
    go(hit.picture, hit.span.from + 1);
    select(hit.span);
  });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    sheet.readColours();
    sheet.ask();
  });
  new ResizeObserver(() => sheet.pan(0)).observe(get("scroll"));

  sheet.reset();
  select(null);
  go(pictures[0], 0);
  turnOn();
})();
