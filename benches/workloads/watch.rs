//! The watch: the CPU time of some work.
//!
//! The runtimes run on one thread, so the thread's CPU clock has all that they do, with the kernel's work for
//! them, and nothing of other programs. If a second thread takes part, it is the CPU clock of the process.

use std::cell::Cell;
use std::time::Duration;

use cpu_time::{ProcessTime, ThreadTime};

/// A watch that runs.
#[derive(Clone, Copy)]
pub enum Watch {
    Thread(ThreadTime),
    Process(ProcessTime),
}

/// The CPU time that some work took.
pub type Spent = Duration;

impl Watch {
    /// Counts what this thread does.
    pub fn start() -> Watch {
        Watch::Thread(ThreadTime::now())
    }

    /// Counts what all threads do.
    pub fn start_for_all_threads() -> Watch {
        Watch::Process(ProcessTime::now())
    }

    pub fn stop(self) -> Spent {
        match self {
            Watch::Thread(start) => start.elapsed(),
            Watch::Process(start) => start.elapsed(),
        }
    }
}

/// A watch that tasks share: one of them starts it, one stops it.
#[derive(Default)]
pub struct SharedWatch {
    watch: Cell<Option<Watch>>,
    spent: Cell<Option<Spent>>,
}

impl SharedWatch {
    pub fn start(&self) {
        self.watch.set(Some(Watch::start()));
    }

    pub fn stop(&self) {
        let watch = self.watch.get().expect("it was started");
        self.spent.set(Some(watch.stop()));
    }

    pub fn spent(&self) -> Spent {
        self.spent.get().expect("it was stopped")
    }
}
