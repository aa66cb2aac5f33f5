//! What a process, a thread and a coroutine cost: to start, in memory, and to switch to.
//!
//! From the slides "programmation asynchrone" by Thierry Parmentelat, where processes go by tens or
//! hundreds, threads by the thousand, and coroutines by tens or hundreds of thousands; and from
//! "Python avancé: Fonctions asynchrones" by DataScientest, section 2.
//!
//! ```sh
//! cargo run --release --example scale
//! ```
//!
//! prints, in ten seconds (the figures vary; these are of a virtual machine with two idle cores),
//!
//! ```text
//!              number  start all (ms)  start one (µs)  memory of one (bytes)  one switch (ns)
//! processes        10             6.6          659.31                 144998            11949
//! processes       100            65.1          650.56                 144261            13979
//! threads        1000            56.5           56.54                   9871            13954
//! threads       10000           527.2           52.72                   9813            14461
//! coroutines    10000             1.8            0.18                    184               19
//! coroutines   100000            17.7            0.18                    179               20
//! coroutines  1000000           184.7            0.18                    176               20
//!
//! A process has a memory of its own, a thread a stack, and the kernel switches both.
//! A coroutine is an object that keeps what it needs after its await, and to switch
//! is to return from one and to call the next.
//! ```
//!
//! How it is measured:
//!
//! - Each row is a ring around which a token goes. Each member waits until it has the token, a process
//!   in a read from a pipe, a thread in `park`, a coroutine in an `await`, and hands it to the next.
//! - All have been started when the token has been round once: each member has run, and has touched the
//!   memory that it needs to wait. Then the memory is read, and then more rounds are timed. So a switch goes
//!   from one member to its neighbour while all the others exist.
//! - The memory is what the row adds to the heap, the stacks and the variables of its processes, as Linux
//!   counts the pages that were touched (elsewhere the column says `-`). Code is not in it, since all of
//!   them share it, nor what the kernel keeps for a process or a thread, such as its kernel stack. Of the
//!   2 MB that a thread reserves, little is touched.
//! - Each row is measured in three processes, one after the other, and the median of each figure is
//!   printed. If the machine refuses a row, the row says why; nothing is extrapolated.
//! - A switch is timed as a program sees it: from when one member hands on until the next runs. The kernel
//!   may wake that one on another core, and on an idle machine much of the time is that core's waking up.
//!   On one core (`taskset -c 0 target/release/examples/scale`) that part falls away.
//!
//! The processes run this program, and are small; an interpreter takes megabytes for each.
//!
//! Read next: `coroutines.rs` beside this file, then `threads.rs` and `processes.rs`, which do the
//! same; `ring.rs`, what is measured; then `src/task/cell.rs`, what the bytes of a coroutine are.

mod coroutines;
mod processes;
mod ring;
mod row;
mod threads;

use std::process::ExitCode;

use ring::Figures;
use stage::options::{self, Arg::Long};
use stage::println;

const HELP: &str = "\
Starts processes, threads and coroutines, and measures what one of them costs.

usage: scale [--most N]

  --most N  leave out the rows with more than N of a kind (1000000)

The exit status is 0 even if the machine refuses a row: then the row says why.";

const ROWS: [(&str, usize); 7] = [
    ("processes", 10),
    ("processes", 100),
    ("threads", 1_000),
    ("threads", 10_000),
    ("coroutines", 10_000),
    ("coroutines", 100_000),
    ("coroutines", 1_000_000),
];

/// What this process does. The program starts itself in the last two roles.
enum Role {
    /// Prints the rows up to a number.
    Table { most: usize },
    /// Measures one row.
    Row { kind: String, number: usize },
    /// Is one of the processes that are measured.
    Member,
}

fn table(most: usize) {
    println!(
        "{:<10} {:>8} {:>15} {:>15} {:>22} {:>16}",
        "", "number", "start all (ms)", "start one (µs)", "memory of one (bytes)", "one switch (ns)"
    );
    for (kind, number) in ROWS {
        let row = if number > most {
            format!("left out, as it is more than {most}")
        } else {
            row::figures(kind, number).map_or_else(|why| why, |figures| columns(number, &figures))
        };
        println!("{kind:<10} {number:>8} {row}");
    }
    println!();
    println!("A process has a memory of its own, a thread a stack, and the kernel switches both.");
    println!("A coroutine is an object that keeps what it needs after its await, and to switch");
    println!("is to return from one and to call the next.");
}

fn columns(number: usize, figures: &Figures) -> String {
    let number = number as f64;
    let memory = match figures.memory {
        Some(bytes) => format!("{:.0}", bytes / number),
        None => "-".to_owned(),
    };
    format!(
        "{:>15.1} {:>15.2} {memory:>22} {:>16.0}",
        figures.start * 1e3,
        figures.start / number * 1e6,
        figures.switch * 1e9
    )
}

fn role() -> Role {
    options::read(HELP, |arguments| {
        let mut role = Role::Table { most: 1_000_000 };
        while let Some(option) = arguments.next()? {
            role = match option {
                Long("most") => {
                    Role::Table { most: options::value(arguments, "most", "a whole number", |_| true)? }
                }
                Long("row") => Role::Row {
                    kind: options::value(arguments, "row", "a kind", |kind: &String| {
                        row::KINDS.contains(&kind.as_str())
                    })?,
                    number: options::value(arguments, "row", "a number of them", |number| *number > 0)?,
                },
                Long("member") => Role::Member,
                other => return Err(other.unexpected()),
            }
        }
        Ok(role)
    })
}

fn main() -> ExitCode {
    match role() {
        Role::Table { most } => table(most),
        Role::Row { kind, number } => {
            if let Err(why) = row::measure_here(&kind, number) {
                eprintln!("{why}");
                return ExitCode::FAILURE;
            }
        }
        // It ends when the ring does, which is not a failure.
        Role::Member => drop(processes::member()),
    }
    ExitCode::SUCCESS
}
