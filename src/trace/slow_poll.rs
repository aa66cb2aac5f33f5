//! Slow polls: a line for each poll that takes longer than a limit, since it keeps all other tasks waiting.
//! asyncio's `slow_callback_duration`.

use std::time::Duration;

use crate::observe::dump::label;
use crate::observe::words::duration;
use crate::observe::{Event, EventKind, Live, LiveTask, Observer};
use crate::trace::{labels, stderr};

/// Returns an observer that prints slow polls on stderr.
pub(crate) fn observer(limit: Duration) -> impl Observer {
    SlowPolls::new(limit, |line| stderr::print(line))
}

/// An observer that reports polls that take too long.
struct SlowPolls<T: FnMut(&str)> {
    limit: Duration,
    live: Live,
    report: T,
}

impl<T: FnMut(&str)> SlowPolls<T> {
    fn new(limit: Duration, report: T) -> Self {
        SlowPolls { limit, live: Live::default(), report }
    }
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
    let came = match task.is_main {
        true => "the main future, run".to_owned(),
        false if task.name.is_none() => {
            format!("task {} ({}), spawned", task.id, labels::last_word(task.future))
        }
        false => format!("task {}, spawned", label(task.id, task.name.as_deref(), false)),
    };
    let (place, took) = (task.location, duration(took));
    format!("boucle: slow poll in loop {event_loop}: {came} at {place}, took {took} in turn {turn}")
}

#[cfg(test)]
mod tests;
