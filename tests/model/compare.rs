//! Compares what a program does on boucle with what it does on the model.

use std::fmt::Debug;
use std::panic;
use std::sync::Once;

use crate::interpreter::run;
use crate::log::{Line, is_running};
use crate::on_boucle::OnBoucle;
use crate::on_model::OnModel;
use crate::program::{Run, leave_out};
use crate::runtime::Setup;

/// Panics if a program's logs differ, and shows the smallest such program. `name` is what it was drawn by.
pub(crate) fn compare(name: impl Debug, runs: Vec<Run>, setup: Setup) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !is_running() {
                loud(info);
            }
        }));
    });
    if let Some(first) = logs(&runs, setup) {
        let smallest = smallest(runs.clone(), setup);
        // What is not deterministic may agree now.
        let again = logs(&smallest, setup).map(|logs| (smallest, logs));
        let (runs, (boucle, model)) = again.unwrap_or((runs, first));
        let same = boucle.iter().zip(&model).take_while(|(one, other)| one == other).count();
        panic!(
            "boucle differs from the model, in program {name:?}:\n{runs:?}\nboth: {:#?}\nboucle: {:#?}\nmodel: {:#?}",
            &boucle[..same],
            &boucle[same..],
            &model[same..],
        );
    }
}

/// The logs of boucle and of the model, if they differ.
fn logs(runs: &[Run], setup: Setup) -> Option<(Vec<Line>, Vec<Line>)> {
    let (boucle, model) = (run::<OnBoucle>(runs, setup), run::<OnModel>(runs, setup));
    (boucle != model).then_some((boucle, model))
}

/// Leaves parts of a program out, for as long as its logs differ.
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
