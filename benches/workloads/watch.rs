//! The watch: CPU time and wall time of some work.
//!
//! The runtimes run on one thread, so the thread's CPU clock holds everything they do, the kernel's work on
//! their behalf included, and nothing that other programs do meanwhile. Where a second thread takes part, it is
//! the CPU clock of the process.

use std::cell::Cell;
use std::time::{Duration, Instant};

use cpu_time::{ProcessTime, ThreadTime};

/// A watch that runs.
#[derive(Clone, Copy)]
pub struct Watch {
    cpu: Clock,
    wall: Instant,
}

#[derive(Clone, Copy)]
enum Clock {
    Thread(ThreadTime),
    Process(ProcessTime),
}

/// What some work took.
#[derive(Clone, Copy)]
pub struct Spent {
    pub cpu: Duration,
    pub wall: Duration,
}

impl Watch {
    /// Counts what this thread does.
    pub fn start() -> Watch {
        Watch { wall: Instant::now(), cpu: Clock::Thread(ThreadTime::now()) }
    }

    /// Counts what all threads do.
    pub fn start_for_all_threads() -> Watch {
        Watch { wall: Instant::now(), cpu: Clock::Process(ProcessTime::now()) }
    }

    pub fn stop(self) -> Spent {
        let cpu = match self.cpu {
            Clock::Thread(start) => start.elapsed(),
            Clock::Process(start) => start.elapsed(),
        };
        Spent { cpu, wall: self.wall.elapsed() }
    }
}

/// A watch on the wall of the tasks: one of them starts it, one stops it.
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
