//! The watch: CPU time and wall time of this thread's work.
//!
//! The runtimes run on one thread, so the thread's CPU clock holds everything they do, the kernel's work on
//! their behalf included, and nothing that other programs do meanwhile.

use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

/// A watch that runs.
pub struct Watch {
    cpu: ThreadTime,
    wall: Instant,
}

/// What some work took.
#[derive(Clone, Copy)]
pub struct Spent {
    pub cpu: Duration,
    pub wall: Duration,
}

impl Watch {
    pub fn start() -> Watch {
        Watch {
            wall: Instant::now(),
            cpu: ThreadTime::now(),
        }
    }

    pub fn stop(self) -> Spent {
        Spent {
            cpu: self.cpu.elapsed(),
            wall: self.wall.elapsed(),
        }
    }
}
