//! Slow polls: a line for each poll that takes longer than a limit, since it keeps all other tasks waiting.
//! asyncio's `slow_callback_duration`.

use std::time::Duration;

use crate::observe::dump::label;
use crate::observe::words::duration;
use crate::observe::{Event, EventKind, Live, LiveTask, Observer};
use crate::trace::{labels, stderr};

/// Returns an observer that prints slow polls on stderr.
pub(crate) fn observer(limit: Duration) -> impl Observer {
    SlowPolls { limit, live: Live::default(), report: |line: &str| stderr::print(line) }
}

/// An observer that reports polls that take too long.
struct SlowPolls<T: FnMut(&str)> {
    limit: Duration,
    live: Live,
    report: T,
}

impl<T: FnMut(&str)> Observer for SlowPolls<T> {
    fn observe(&mut self, event: &Event) {
        self.live.apply(event);
        if let EventKind::PollEnds { task, took, .. } = &event.kind
            && *took > self.limit
            && let Some(task) = self.live.tasks.get(task)
        {
            (self.report)(&line(event, task, *took));
        }
    }
}

fn line(event: &Event, task: &LiveTask, took: Duration) -> String {
    let Event { event_loop, turn, .. } = event;
    let came = match &task.name {
        _ if task.is_main => "the main future, run".to_owned(),
        None => format!("task {} ({}), spawned", task.id, labels::last_word(task.future)),
        Some(name) => format!("task {}, spawned", label(task.id, Some(name), false)),
    };
    let (place, took) = (task.location, duration(took));
    format!("boucle: slow poll in loop {event_loop}: {came} at {place}, took {took} in turn {turn}")
}

#[cfg(test)]
mod tests;
