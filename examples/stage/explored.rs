//! The result of an exploration, for the examples that explore.

use boucle::explore::{Explored, Failure};

/// Prints what an exploration of `name` has found: how many schedules pass, or one that fails.
pub fn show(name: &str, explored: Result<Explored, Failure>) {
    match explored {
        Ok(explored) => crate::println!("{name}: {explored}"),
        Err(failure) => crate::println!("{name}: {failure}"),
    }
}
