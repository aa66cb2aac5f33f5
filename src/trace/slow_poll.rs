//! Slow polls: a task that keeps the loop from everybody else is told of, asyncio's
//! `slow_callback_duration`.

use std::time::Duration;

use crate::Builder;
use crate::observe::words::duration;
use crate::observe::{Event, EventKind, Observer};
use crate::trace::{Live, LiveTask, words};

impl Builder {
    /// Prints a line on stderr for each poll that takes longer than `limit`: who it was, where that
    /// was spawned, and how long it took. asyncio's debug mode has `slow_callback_duration` for it.
    ///
    /// While a task is polled nobody else is. What takes long belongs on
    /// [another thread](crate::run_in_executor), or in pieces, with a
    /// [`yield_now`](crate::yield_now) between them.
    ///
    /// ```
    /// use std::thread;
    /// use std::time::Duration;
    ///
    /// use boucle::EventLoop;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let event_loop = EventLoop::builder().slow_poll(Duration::from_millis(10)).build()?;
    /// event_loop.block_on(async {
    ///     let parser = boucle::spawn_named("parser", async {
    ///         thread::sleep(Duration::from_millis(20)); // it should await `boucle::sleep`
    ///     });
    ///     parser.await.unwrap();
    /// });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// prints
    ///
    /// ```text
    /// boucle: slow poll in loop 1: task 2 "parser", spawned at src/main.rs:9:18, took 20.1 ms in turn 2
    /// ```
    ///
    /// The destructor of a task that was aborted is not measured. Under a virtual clock a poll
    /// takes no time, so none is slow. It is an observer, and costs what one does: see
    /// [`observe`](Self::observe). Any program has it if it is started with
    /// `BOUCLE_SLOW_POLL=100ms` (or so many `us` or `s`).
    #[doc(alias = "slow_callback_duration")]
    pub fn slow_poll(self, limit: Duration) -> Builder {
        self.observe(SlowPolls::new(limit, |line| words::say(line)))
    }
}

/// An observer that tells of polls that take too long.
struct SlowPolls<T: FnMut(&str)> {
    limit: Duration,
    live: Live,
    tell: T,
}

impl<T: FnMut(&str)> SlowPolls<T> {
    fn new(limit: Duration, tell: T) -> Self {
        SlowPolls {
            limit,
            live: Live::default(),
            tell,
        }
    }
}

impl<T: FnMut(&str)> Observer for SlowPolls<T> {
    fn observe(&mut self, event: &Event) {
        self.live.apply(event);
        if let EventKind::PollEnds { task, took, .. } = &event.kind
            && *took > self.limit
            && let Some(task) = self.live.tasks.get(task)
        {
            (self.tell)(&line(event, task, *took));
        }
    }
}

fn line(event: &Event, task: &LiveTask, took: Duration) -> String {
    let Event {
        event_loop, turn, ..
    } = event;
    let who = match &task.name {
        Some(name) => format!("task {} \"{name}\"", task.id),
        None if task.is_main => "the main future".to_owned(),
        None => format!("task {}", task.id),
    };
    let came = if task.is_main { "run" } else { "spawned" };
    let (place, took) = (task.location, duration(took));
    format!(
        "boucle: slow poll in loop {event_loop}: {who}, {came} at {place}, took {took} in turn {turn}"
    )
}

#[cfg(test)]
mod tests;
