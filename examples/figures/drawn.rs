//! Figures 3 and 4: what a process is, and threads in one. Nothing is measured here.

use super::sheet::{MARGIN, Sheet, TOP};

/// What the threads of a process share.
const SHARED: [&str; 4] = ["code", "data", "heap", "open files"];
/// What each thread has for itself.
const OWN: [&str; 2] = ["stack", "registers"];

const CELL: [f64; 2] = [120.0, 34.0];
const GAP: f64 = 14.0;

/// Figure 3: a process with one thread.
pub(crate) fn process() -> Sheet {
    with_threads(&["its only thread"])
}

/// Figure 4: a process with three threads.
pub(crate) fn threads() -> Sheet {
    with_threads(&["thread 1", "thread 2", "thread 3"])
}

/// Draws a process: above, what its threads share; below, each thread with what is its own.
fn with_threads(threads: &[&str]) -> Sheet {
    let [width, height] = [4.0 * (CELL[0] + GAP) + GAP, 268.0];
    let mut sheet = Sheet::new(MARGIN + width + MARGIN, TOP + height + MARGIN);
    sheet.rect("box", [MARGIN, TOP], [width, height]);
    sheet.text(MARGIN + GAP, TOP + 20.0, "dim", "process: an address space of its own");
    let left = MARGIN + GAP;
    let mut y = TOP + 32.0;
    for (index, words) in SHARED.iter().enumerate() {
        cell(&mut sheet, [left + index as f64 * (CELL[0] + GAP), y], words);
    }
    y += CELL[1] + 2.0 * GAP;
    for (index, name) in threads.iter().enumerate() {
        let x = left + index as f64 * (CELL[0] + GAP);
        sheet.text(x, y + 10.0, "name", name);
        for (row, words) in OWN.iter().enumerate() {
            cell(&mut sheet, [x, y + 18.0 + row as f64 * (CELL[1] + 6.0)], words);
        }
        // A wavy arrow stands for the running thread.
        let begin = y + 26.0 + 2.0 * (CELL[1] + 6.0);
        let middle = x + CELL[0] / 2.0;
        let wave = "q8 8 0 16q-8 8 0 16v10";
        sheet.path("thread", &format!("M{middle:.1} {begin:.1}{wave}m-4 -6l4 6l4 -6"));
    }
    sheet
}

fn cell(sheet: &mut Sheet, at: [f64; 2], words: &str) {
    sheet.rect("cell", at, CELL);
    let [x, y] = at;
    sheet.text(x + CELL[0] / 2.0, y + CELL[1] / 2.0 + 4.0, "middle", words);
}
