// The axis of turns: where each event stands, in pixels. axis.rs does the same, and says why; but here
// nothing is left out.

const BETWEEN_TURNS = 10, AROUND_POLL = 5, SHORTEST_POLL = 18, STEP = 8, STEPS = 96, PAUSE = 76;

function placesOf(events) {
  const places = new Float64Array(events.length);
  let x = 0, pollBegan = 0, next = STEP, step = STEP;
  events.forEach((event, index) => {
    switch (event[0]) {
      case "turn":
        x += BETWEEN_TURNS;
        break;
      case "polls":
        x += AROUND_POLL;
        pollBegan = x;
        next = step = stepAfter(events, index);
        break;
      case "polled":
        x = Math.max(x + step, pollBegan + SHORTEST_POLL);
        step = stepAfter(events, index);
        next = 0;
        break;
      case "parked":
        if (idle(event)) x += PAUSE;
        next = step = stepAfter(events, index);
        break;
      default:
        if (hasPlace(event)) {
          x += next;
          next = step;
        }
    }
    places[index] = x;
  });
  return places;
}

/// How long the thread slept, if it was for want of work: a look at the kernel takes time too.
function idle([, , timeout, slept]) {
  return timeout === 0 ? 0 : slept;
}

/// How far from each other the things stand that are done from here to the next poll, turn or park.
function stepAfter(events, index) {
  let things = 0;
  for (let at = index + 1; at < events.length; at++) {
    const event = events[at];
    if (["polls", "polled", "turn", "parked"].includes(event[0])) break;
    if (hasPlace(event)) things++;
  }
  return Math.min(STEP, STEPS / Math.max(1, things));
}

function hasPlace([what, , , , already]) {
  return (what === "woken" && !already) || what === "spawned" || what === "aborted";
}

/// The first index from `low` on whose value is greater; `value` must not decrease.
function firstAfter(low, high, value, than) {
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value(middle) > than) high = middle;
    else low = middle + 1;
  }
  return low;
}
