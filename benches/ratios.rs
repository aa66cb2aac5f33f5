//! How does boucle compare with tokio and with the floor, and which aims are met?
//!
//! The sides are boucle; tokio's `current_thread` scheduler (its `LocalRuntime`); a `LocalSet` in such a
//! runtime; and the *floor*, a simple executor, or for an echo a program by hand on mio. Each
//! side has the best and the median of its rounds, and the ratio of boucle's best to its best (below 1,
//! boucle takes less); each row its aim: `0.21 ≤ 0.25 times tokio` is met, `0.31 > 0.25 times tokio` is missed.
//!
//! ```text
//! cargo bench --bench ratios                       all rows
//! cargo bench --bench ratios -- yield              the rows with "yield" in their name
//! cargo bench --bench ratios -- --rounds 30 yield  that many rounds in each of three processes
//! cargo bench --bench ratios -- --test             one tiny round of everything, no measurement
//! ```

mod table;
mod workloads;

use std::io;
use std::process::ExitCode;

use table::aim::Aim::{self, AtMost, Times};
use table::aim::Verdict;
use table::arguments::Arguments;
use table::field::Field;
use table::peer::BENCH_PEERS;
use table::report::Measured;
use table::side;

/// Counts what is held, for the rows in bytes.
#[global_allocator]
static ALLOCATOR: workloads::memory::Counting = workloads::memory::Counting;

const USAGE: &str = "ratios [--test] [--rounds N] [--peer NAME]... [PART OF A ROW'S NAME]...";

const AIMS: &[(&str, Aim)] = &[
    ("spawn and await, 100,000 tasks", Times(0.20, "tokio")),
    ("spawn(..).await, one by one", Times(0.25, "tokio")),
    ("yield, 1 task", Times(0.25, "tokio")),
    ("yield, 1 task", Times(1.4, "floor")),
    ("yield, 1,000 tasks", Times(0.25, "tokio")),
    ("yield, 1,000 tasks", Times(1.4, "floor")),
    ("yield, 100,000 tasks", Times(0.30, "tokio")),
    ("yield, main future", Times(0.25, "tokio")),
    ("ping-pong, 2 tasks", Times(0.30, "tokio")),
    ("ping-pong, 2 tasks", Times(1.5, "floor")),
    ("ping-pong, main and a task", Times(0.25, "tokio")),
    ("ring of 1,000", Times(0.30, "tokio")),
    ("ring of 1,000", Times(1.5, "floor")),
    ("gather of 10, at once", Times(0.30, "tokio")),
    ("gather of 10, staggered", Times(0.30, "tokio")),
    ("gather of 1,000, at once", Times(0.30, "tokio")),
    ("gather of 1,000, staggered", Times(0.30, "tokio")),
    ("gather of 100,000, at once", Times(0.30, "tokio")),
    ("gather of 100,000, staggered", Times(0.30, "tokio")),
    ("wait for all of 1,000", Times(0.30, "tokio")),
    ("wait for the first of 1,000", Times(0.30, "tokio")),
    ("gather of 1,000, once", Times(0.30, "tokio")),
    ("gather / join_all, once", Times(1.0, "tokio")),
    ("gather / join_all, yield_now", Times(1.0, "tokio")),
    ("from a thread, 1 task", Times(1.0, "tokio")),
    ("from a thread, 1 task, loop awake", Times(1.0, "tokio")),
    ("from a thread, 1,000 tasks", Times(1.0, "tokio")),
    ("to a thread and back", Times(1.0, "tokio")),
    ("wakes, loop awake: rings", AtMost(0.0)),
    ("sleep, 1,000,000 tasks", Times(0.50, "tokio")),
    ("isolated sleep: rings", AtMost(0.0)),
    ("arm and cancel, 10,000 pending", Times(0.12, "tokio")),
    ("sleep of 100 us: median", AtMost(100.0)),
    ("1,000 sleeps of 10 ms: p99", Times(1.0, "tokio")),
    ("idle task, 24-byte future", AtMost(88.0)),
    ("sleeping task", AtMost(160.0)),
];

fn main() -> io::Result<ExitCode> {
    if side::serve(BENCH_PEERS) {
        return Ok(ExitCode::SUCCESS);
    }
    let mut asked = Arguments::read(USAGE);
    asked.test |= !asked.bench;
    let mut field = Field::new(BENCH_PEERS, &asked);
    let (mut met, mut missed) = (0, Vec::new());
    let rows = field.rows(&asked);
    for row in &rows {
        let measured = field.measure(row, &asked)?;
        if !asked.test {
            println!("{measured}");
            for verdict in judge(&measured) {
                println!("  {}", verdict.words);
                if verdict.is_met {
                    met += 1;
                } else {
                    missed.push(format!("{}, {}", measured.row, verdict.words));
                }
            }
            println!();
        }
    }
    if asked.test {
        println!("ratios: every row runs");
    } else if !missed.is_empty() {
        println!("Missed: {}.", missed.join("; "));
    } else if met > 0 {
        println!("Every aim that could be judged is met.");
    } else if rows.is_empty() {
        asked.say_that_no_row_has_the_name();
    } else {
        println!("None of these rows has an aim that could be judged.");
    }
    Ok(ExitCode::from(u8::from(field.has_failed)))
}

/// Judges a row's aims.
fn judge(measured: &Measured) -> Vec<Verdict> {
    let best = |peer: &str| measured.side(peer).map(|side| side.best);
    let aims = AIMS.iter().filter(|(row, _)| *row == measured.row);
    aims.filter_map(|(_, aim)| aim.judge(best("boucle")?, best)).collect()
}
