//! Random programs, on boucle and on a model that is slow and obvious: their schedules are the same, line for line.
//!
//! `MODEL_PROGRAMS=1000000 cargo test --release --test model` compares more of them, each test on one core. A program
//! is its seed: `MODEL_FIRST=106906 MODEL_PROGRAMS=1` compares that one. One that differs is printed when all that can
//! be left out of it is left out.

mod program; // a random program, as data
mod random; // the numbers it is drawn by
mod runtime; // what a program asks of the loop it runs on
mod interpreter; // runs a program on a runtime
mod on_boucle; // boucle as a runtime
mod on_model; // the model as a runtime
mod model; // the model: turns, tasks, timers
mod event_loop; // the ways to run it, and its end
mod leaves; // handles, yields, the budget
mod timers; // sleeps, timeouts, intervals
mod combine; // `gather` and the others

use std::panic;
use std::sync::Once;

use crate::interpreter::{Line, is_running, run};
use crate::on_boucle::OnBoucle;
use crate::on_model::OnModel;
use crate::program::{Generator, Run, leave_out};
use crate::runtime::Setup;

/// How many programs to compare: `MODEL_PROGRAMS` if that is set. The first has the seed `MODEL_FIRST`, or 0.
fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().map(|number| number.parse().expect("a number"));
    let first = number("MODEL_FIRST").unwrap_or(0);
    let programs = number("MODEL_PROGRAMS").unwrap_or(if cfg!(miri) { 5 } else { 3_000 });
    first..first + programs
}

/// Compares programs, and fails with the smallest that differs.
fn compare(setup: impl Fn(u64) -> Setup) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !is_running() {
                loud(info);
            }
        }));
    });
    for seed in seeds() {
        let runs = Generator::new(seed).runs();
        let setup = setup(seed);
        if logs(&runs, setup).is_some() {
            let runs = smallest(runs, setup);
            let (boucle, model) = logs(&runs, setup).expect("the smallest differs");
            let same = boucle.iter().zip(&model).take_while(|(one, other)| one == other).count();
            panic!(
                "boucle differs from the model, in program {seed}:\n{runs:?}\nboth: {:#?}\nboucle: {:#?}\nmodel: {:#?}",
                &boucle[..same],
                &boucle[same..],
                &model[same..],
            );
        }
    }
}

/// The logs of boucle and of the model, if they differ.
fn logs(runs: &[Run], setup: Setup) -> Option<(Vec<Line>, Vec<Line>)> {
    let (boucle, model) = (run::<OnBoucle>(runs, setup), run::<OnModel>(runs, setup));
    (boucle != model).then_some((boucle, model))
}

/// Leaves parts of a program out, for as long as it differs.
fn smallest(mut runs: Vec<Run>, setup: Setup) -> Vec<Run> {
    let mut n = 0;
    loop {
        let mut smaller = runs.clone();
        if !leave_out(&mut smaller, n) {
            return runs;
        }
        if logs(&smaller, setup).is_some() {
            (runs, n) = (smaller, 0);
        } else {
            n += 1;
        }
    }
}

/// What was woken first is polled first.
#[test]
fn schedules_are_those_of_the_model() {
    compare(|_| Setup { shuffle: None, is_observed: false });
}

/// A loop draws its tasks as it is documented to.
#[test]
fn shuffled_schedules_are_those_of_the_model() {
    compare(|seed| Setup { shuffle: Some(seed), is_observed: false });
}

/// An observer changes no schedule.
#[test]
fn observed_schedules_are_those_of_the_model() {
    compare(|seed| Setup { shuffle: (seed.is_multiple_of(2)).then_some(seed), is_observed: true });
}
