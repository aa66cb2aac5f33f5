//! Random programs, on boucle and on a model that is slow and obvious: both logs are the same, line by line.
//!
//! `MODEL_PROGRAMS=1000000 cargo test --release --test model` compares more of them, each test on one core. A
//! program is its seed: `MODEL_FIRST=106906 MODEL_PROGRAMS=1` compares that one. A program whose logs differ
//! is printed when nothing more can be left out of it.
//!
//! In about every seventh program another thread wakes, aborts, spawns, stops and drops, and the loop's
//! thread waits for it each time. So what stands in the inbox is the same in every run, and the model says
//! when it is read.
//!
//! Not drawn is what needs more than a loop and its clock: sockets, jobs, signals. Nor is an idle loop whose
//! clock is held, since real time passes then.
//!
//! The package `fuzz` compares programs that are drawn by what a fuzzer finds, with the same files.

mod program; // a random program, as data
mod random; // the numbers it is drawn by
mod runtime; // what a program asks of the loop it runs on
mod log; // what a program does, line by line
mod world; // what its coroutines share
mod interpreter; // runs a program on a runtime
mod on_boucle; // boucle as a runtime
mod on_model; // the model as a runtime
mod model; // the model: turns, tasks, timers
mod event_loop; // the ways to run it, and its end
mod inbox; // what other threads leave for it
mod leaves; // handles, yields, the budget
mod timers; // sleeps, timeouts, intervals
mod combine; // `gather` and the other combinators
mod compare; // both logs of a program, and the smallest program that differs

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::compare::compare;
use crate::program::Generator;
use crate::random::Random;
use crate::runtime::Setup;

/// How many programs to compare: `MODEL_PROGRAMS` if that is set. The first has the seed `MODEL_FIRST`, or 0.
fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().map(|number| number.parse().expect("a number"));
    let first = number("MODEL_FIRST").unwrap_or(0);
    let programs = number("MODEL_PROGRAMS").unwrap_or(if cfg!(miri) { 5 } else { 3_000 });
    first..first + programs
}

fn compare_all(setup: impl Fn(u64) -> Setup) {
    // With 32 bits, 16 loops have a short id of their own. It is soon used again, and then a stale wake of one
    // test would reach a loop of another, and poll a task in vain.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone =
        cfg!(target_pointer_width = "32").then(|| ALONE.lock().unwrap_or_else(PoisonError::into_inner));
    for seed in seeds() {
        compare(seed, Generator::new(Random::new(seed)).runs(), setup(seed));
    }
}

/// The generator draws every kind of step, act and message.
#[test]
fn every_kind_is_drawn() {
    let drawn: String =
        (0..500).map(|seed| format!("{:?}", Generator::new(Random::new(seed)).runs())).collect();
    let drawn: BTreeSet<&str> = drawn.split(|c: char| !c.is_alphanumeric()).collect();
    let (mut kinds, mut is_kinds) = (Vec::new(), false);
    for line in include_str!("program.rs").lines() {
        if line.starts_with("pub(crate) enum ") {
            is_kinds = true;
        } else if line == "}" {
            is_kinds = false;
        }
        let word =
            line.strip_prefix("    ").and_then(|line| line.split(|c: char| !c.is_alphanumeric()).next());
        kinds.extend(word.filter(|word| is_kinds && word.starts_with(|c: char| c.is_uppercase())));
    }
    assert!(kinds.contains(&"SendSleep") && kinds.contains(&"WakeAgain"), "{kinds:?}");
    let distinct: BTreeSet<_> = kinds.iter().collect();
    assert_eq!(distinct.len(), kinds.len(), "two kinds have one name: {kinds:?}");
    kinds.retain(|kind| !drawn.contains(kind));
    assert!(kinds.is_empty(), "`Generator` never draws {kinds:?}: see `STEPS` and `ACTS`");
}

/// In FIFO order.
#[test]
fn schedules_are_those_of_the_model() {
    compare_all(|_| Setup { shuffle: None, is_observed: false });
}

/// In the order that a seed draws.
#[test]
fn shuffled_schedules_are_those_of_the_model() {
    compare_all(|seed| Setup { shuffle: Some(seed), is_observed: false });
}

/// An observer changes no schedule.
#[test]
fn observed_schedules_are_those_of_the_model() {
    compare_all(|seed| Setup { shuffle: (seed.is_multiple_of(2)).then_some(seed), is_observed: true });
}
