//! What the tests share, a file for each subject.

#![allow(dead_code, unused_imports)] // No test target uses all of it.

mod child;
mod drops;
mod log;
mod loops;
mod observers;
mod panics;
mod sockets;
mod tasks;
mod time;
mod wakers;

pub(crate) use child::{assert_passed, child, is_child, own_binary, part_of_child, passes_alone, read_until};
pub(crate) use drops::{Bomb, OnDrop, holds};
pub(crate) use log::Log;
pub(crate) use loops::{name_of, run, turn, virtual_loop, virtually};
pub(crate) use observers::{Observing, count_sources, observed_by};
pub(crate) use panics::{message, panic_of};
pub(crate) use sockets::{byte_at, listen, pair, pair_with_std, std_pair};
pub(crate) use tasks::{Gate, counted, look, waiting_on};
pub(crate) use time::{HOUR, LONG, SECOND, ms, passes_at_once, secs};
pub(crate) use wakers::{Counting, PolledByWakes, foreign, waker_of};

/// Returns how many of its rounds a test runs: all, or one of 200 under Miri, which is far slower.
pub(crate) const fn rounds(count: usize) -> usize {
    if cfg!(miri) { count.div_ceil(200) } else { count }
}
