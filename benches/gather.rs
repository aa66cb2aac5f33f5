//! What does a child cost, when 1,000 are run concurrently and their values collected in input order?
//!
//! boucle's `gather` against tokio's `JoinSet`, on the `current_thread` scheduler (its `LocalRuntime`) and in a
//! `LocalSet`; for reference, `join_all` of the `futures` crate on tokio, whose children are no tasks.

mod harness;
mod workloads;

use harness::{criterion, group, row};
use workloads::gather::{gather, join_all, join_set, join_set_in_local_set};

fn main() {
    let mut criterion = criterion();
    let mut thousand = group(&mut criterion, "gather of 1000");
    row(&mut thousand, "boucle gather", 100_000, gather);
    row(&mut thousand, "tokio JoinSet", 100_000, join_set);
    let name = "tokio JoinSet in a LocalSet";
    row(&mut thousand, name, 100_000, join_set_in_local_set);
    row(&mut thousand, "tokio and join_all", 100_000, join_all);
    thousand.finish();
    criterion.final_summary();
}
