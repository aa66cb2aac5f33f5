//! What a loop shows of itself: events for observers, and dumps of its tasks.

#[path = "../common/mod.rs"]
mod common;

mod events;
mod causes;
mod observers;
mod dump;
mod awaits;
mod answers;
#[cfg(all(unix, feature = "trace"))]
mod environment;
mod programs;

use boucle::observe::{Dump, DumpedTask};
use boucle::{EventLoop, sleep};

use crate::common::{SECOND, observed_by};

/// Makes a loop with a virtual clock that is observed.
fn observed_loop() -> EventLoop {
    observed_by(|_| ())
}

/// Returns the task of a dump that has this id.
fn task(dump: &Dump, id: u64) -> &DumpedTask {
    dump.tasks.iter().find(|task| task.id == id).unwrap()
}

/// Sleeps for some seconds, and returns their number.
async fn sleeper(seconds: u64) -> u64 {
    sleep(SECOND * seconds as u32).await;
    seconds
}
