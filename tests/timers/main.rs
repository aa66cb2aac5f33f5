//! Timers: `sleep`, `timeout` and `interval`, and the clock that they go by.
//!
//! Time is virtual and every instant is asserted exactly. The few tests that need the real clock say so; they
//! assert what must not happen too early, and not how long something took.

#[path = "../common/mod.rs"]
mod common;

mod sleep;
mod real_clock;
mod loops;
mod timeout;
mod interval;
mod virtual_clock;
mod deadlock;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use boucle::now;

/// Lines, each with its time since the log was made.
#[derive(Clone)]
struct Log {
    start: Instant,
    lines: Rc<RefCell<Vec<(String, Duration)>>>,
}

impl Log {
    fn new() -> Log {
        Log { start: now(), lines: Rc::default() }
    }

    fn add(&self, what: impl ToString) {
        let line = (what.to_string(), now() - self.start);
        self.lines.borrow_mut().push(line);
    }

    fn assert(&self, expected: &[(&str, Duration)]) {
        let lines = self.lines.borrow();
        let lines: Vec<_> = lines.iter().map(|(what, at)| (&**what, *at)).collect();
        assert_eq!(lines, expected);
    }
}
