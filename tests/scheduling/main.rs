//! Which task is polled when: the queue, the turn, the budget, the combinators, and the ways to stop.
//! A schedule is asserted whole, as a log, under the virtual clock.

#![allow(unused_must_use)] // A handle that is dropped detaches its task, which is what many tests want.

#[path = "../common/mod.rs"]
mod common;

mod queue;
mod turn;
mod budget;
#[cfg(not(miri))] // Too many rounds for it.
mod leaves;
#[cfg(not(miri))] // Too many rounds for it.
mod flood;
mod gather;
mod wait;
mod as_completed;
mod task_group;
mod stop;
mod nesting;
mod deadlock;
