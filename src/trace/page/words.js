// Words for what is shown; words.rs has the same.

function duration(nanos) {
  if (nanos === 0) return "0";
  const [unit, name] = nanos >= 1e9 ? [1e9, "s"] : nanos >= 1e6 ? [1e6, "ms"]
    : nanos >= 1e3 ? [1e3, "µs"] : [1, "ns"];
  const value = nanos / unit;
  const digits = name === "s" ? 3 : value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${Number(value.toFixed(digits))} ${name}`;
}

/// "2 hello": the id, then the name; if it has none, "main", or the last word of the future's type.
function label(task) {
  return `${task.id} ${task.name ?? (task.main ? "main" : lastWord(task.future))}`;
}

function lastWord(future) {
  const words = future.split("<")[0].split("::");
  const named = words.findLastIndex((word) => !word.startsWith("{"));
  const word = words[named] || "future";
  return words.length - named > 2 ? `block in ${word}` : word;
}

/// What there is room for; nothing, if that is no word.
function cut(words, letters) {
  if (words.length <= letters) return words;
  return letters < 6 ? "" : `${words.slice(0, letters - 1)}…`;
}

function plural(count, one) {
  return `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
}

/// Who has caused something. `name` gives the label of a task.
function origin([what, which], name) {
  switch (what) {
    case "task": return name(which);
    case "timer": case "source": return `${what} ${which}`;
    case "thread": return "another thread";
    case "job": return "a job of the executor";
    default: return "code outside of any task";
  }
}

function waitsFor([what, which, more], name) {
  switch (what) {
    case "timer": return `timer ${which}, until ${duration(more)}`;
    case "readable": case "writable": return `source ${which} to be ${what}`;
    case "task": return name(which);
    case "tasks": return `${which}: ${plural(more, "task")} left`;
    case "job": return "a job of the executor";
    case "turn": return "its next turn";
    default: return "something that the loop does not know";
  }
}

/// The same, where there is little room.
function waitsBriefly([what, which, more]) {
  switch (what) {
    case "timer": return `until ${duration(more)}`;
    case "readable": return `reads ${which}`;
    case "writable": return `writes ${which}`;
    case "task": return `task ${which}`;
    case "tasks": return `${which} of ${more}`;
    case "job": return "a job";
    case "turn": return "its turn";
    default: return "unknown";
  }
}

/// How late a timer is, in nanoseconds.
function lateness(late) {
  return late > 0 ? `${duration(late)} late` : "on time";
}

/// What an event has done, as a sentence.
function sentence([what, time, which, more, most], name) {
  switch (what) {
    case "opened": return `the loop is made, its clock is ${which ? "virtual" : "real"}`;
    case "turn": return "the turn begins: it polls those who are ready now";
    case "parked": {
      const slept = more === 0 ? "parks without sleeping" : `parks, sleeps ${duration(more)}`;
      return most === 0 ? slept : `${slept}; ${plural(most, "source")} ready`;
    }
    case "spawned": return `${name(which)} is spawned`;
    case "main": return `${name(which)} is entered`;
    case "named": return `${which} is named "${more}"`;
    case "woken": return `${origin(more, name)} wakes ${name(which)}${most ? ", who was ready" : ""}`;
    case "polls": return `polls ${name(which)}`;
    case "polled": return `${name(which)} is ${more}${most ? ` after ${duration(most)}` : ""}`;
    case "waits": return `waits for ${waitsFor(more, name)}`;
    case "armed": return `timer ${which} is armed, for ${duration(most)}`;
    case "fired": {
      const whose = more === undefined || more === null ? "" : ` for ${name(more)}`;
      return `timer ${which} fires${whose}${most === undefined ? "" : `, ${lateness(time - most)}`}`;
    }
    case "timer dropped": return `timer ${which} ${more ? "is cancelled" : "has fired, and is dropped"}`;
    case "source": return `source ${which} is registered`;
    case "source dropped": return `source ${which} is dropped`;
    case "aborted": return `${origin(more, name)} aborts ${name(which)}`;
    case "finished": return `${name(which)} ends: ${more}`;
    case "closed": return "the loop is closed";
    default: return what;
  }
}
