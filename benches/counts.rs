//! What does a loop ask of the kernel, and how many instructions does it add?
//!
//! Both can be counted, and repeat: boucle's beside tokio's, and for TCP beside those of a program by hand
//! on mio. This program runs itself under strace and under valgrind, and skips what is not there. The table
//! is that of `ratios`, and so are the arguments.

#[macro_use]
mod table;
mod workloads;

use std::time::Duration;

use table::arguments::Arguments;
use table::row::Row;
use table::section::{Section, run};
use table::tools::Tool;
use workloads::mio_echo;
use workloads::remote::{Beside, storm};
use workloads::tcp::{accept_and_close, beside_a_socket, echo};
use workloads::timers::isolated_sleeps;
use workloads::yields::{yield_now, yields};

/// One question to the kernel in 61 polls.
const ONE_IN_61: f64 = 0.0165;

fn main() {
    let sections = [
        Section::counted("system calls per operation", Tool::Strace, calls()),
        Section::counted("calls of write per operation", Tool::StraceWrites, rings()),
        Section::counted(
            "instructions per operation",
            Tool::Callgrind,
            instructions(),
        ),
    ];
    let usage = "counts [--test] [--only SIDE] [PART OF A ROW'S NAME]...";
    run(&sections, &Arguments::read(usage));
}

fn calls() -> Vec<Row> {
    let short = Duration::from_micros(100);
    let mut rows = rows! { [boucle tokio]
        "isolated sleep: calls",       100, isolated_sleeps(short), at_most 1.0;
        "yield, 1 task: calls",     10_000, yields(1),              at_most ONE_IN_61;
        "yield_now, 1 task: calls", 10_000, yield_now(),            at_most ONE_IN_61;
        "accept and close: calls",     500, accept_and_close(),     times_tokio 1.0;
    };
    rows.extend([
        // The floor has no socket, but asks the kernel as if it had one.
        Row::new("yield, socket open: calls", 10_000)
            .boucle(beside_a_socket(yields(1)))
            .tokio(beside_a_socket(yields(1)))
            .asking_floor(yields(1))
            .at_most(ONE_IN_61),
        echo_row("TCP echo, 1: calls", 1).times_floor(1.02),
        echo_row("TCP echo, 50: calls", 50).times_floor(1.02),
        echo_row("TCP echo, 1,000: calls", 1_000).times_floor(1.02),
    ]);
    rows
}

/// Nobody writes here but who rings the loop out of its sleep.
fn rings() -> Vec<Row> {
    let short = Duration::from_micros(100);
    rows! { [boucle tokio]
        "isolated sleep: rings",       100, isolated_sleeps(short),   at_most 0.0;
        "wakes, loop awake: rings", 20_000, storm(1, Beside::Yields), at_most 0.0;
    }
}

fn instructions() -> Vec<Row> {
    vec![
        echo_row("TCP echo, 1: instructions", 1).times_tokio(0.40),
        echo_row("TCP echo, 50: instructions", 50).times_tokio(0.40),
        echo_row("TCP echo, 1,000: instructions", 1_000).times_tokio(0.40),
    ]
}

fn echo_row(name: &'static str, connections: usize) -> Row {
    Row::new(name, 1_000)
        .boucle(echo(connections))
        .tokio(echo(connections))
        .mio(mio_echo::echo(connections))
}
