//! How does boucle compare with tokio, in one table, in less than half a minute?
//!
//! Every row is run in rounds that alternate between the sides, so that whatever the machine does meanwhile happens
//! to all of them. Against tokio's `current_thread` scheduler (its `LocalRuntime`), and for scheduling also against
//! a `LocalSet`, which takes no part in the ratio. Best and median CPU time of the rounds, per operation.
//!
//! ```text
//! cargo bench --bench ratios                       all rows
//! cargo bench --bench ratios -- yield              the rows with "yield" in their name
//! cargo bench --bench ratios -- --rounds 30 yield  more rounds of them
//! cargo bench --bench ratios -- --only boucle --rounds 2 yield
//!                                                  one side, for a profiler; one round more is so many operations more
//! cargo bench --bench ratios -- --test             one tiny round of everything, no measurement
//! ```

mod workloads;

use std::env;
use std::process::exit;

use workloads::runtime::{Boucle, Runtime, Tokio, TokioLocalSet};
use workloads::watch::Spent;
use workloads::{gather, ping_pong, spawn, tcp, timers, yields};

/// One line of the table.
struct Row {
    name: &'static str,
    /// In one round.
    operations: usize,
    rounds: usize,
    boucle: fn(&Boucle, usize) -> Spent,
    tokio: fn(&Tokio, usize) -> Spent,
    local_set: Option<fn(&TokioLocalSet, usize) -> Spent>,
}

const ROWS: &[Row] = &[
    Row {
        name: "spawn and await, 100k tasks",
        operations: 100_000,
        rounds: 21,
        boucle: spawn::spawn_and_await,
        tokio: spawn::spawn_and_await,
        local_set: Some(spawn::spawn_and_await),
    },
    Row {
        name: "yield, 1 task",
        operations: 500_000,
        rounds: 31,
        boucle: yields::yield_1,
        tokio: yields::yield_1,
        local_set: Some(yields::yield_1),
    },
    Row {
        name: "yield, 1 task, socket open",
        operations: 200_000,
        rounds: 21,
        boucle: |runtime, yields| tcp::beside_a_socket(runtime, yields, yields::yield_1),
        tokio: |runtime, yields| tcp::beside_a_socket(runtime, yields, yields::yield_1),
        local_set: None,
    },
    Row {
        name: "yield, 1000 tasks",
        operations: 500_000,
        rounds: 31,
        boucle: yields::yield_1000,
        tokio: yields::yield_1000,
        local_set: Some(yields::yield_1000),
    },
    Row {
        name: "yield_now, 1 task",
        operations: 100_000,
        rounds: 15,
        boucle: yields::yield_now_1,
        tokio: yields::yield_now_1,
        local_set: Some(yields::yield_now_1),
    },
    Row {
        name: "ping-pong, 2 tasks",
        operations: 200_000,
        rounds: 31,
        boucle: ping_pong::ping_pong,
        tokio: ping_pong::ping_pong,
        local_set: Some(ping_pong::ping_pong),
    },
    Row {
        name: "ping-pong, socket open",
        operations: 100_000,
        rounds: 21,
        boucle: |runtime, rounds| tcp::beside_a_socket(runtime, rounds, ping_pong::ping_pong),
        tokio: |runtime, rounds| tcp::beside_a_socket(runtime, rounds, ping_pong::ping_pong),
        local_set: None,
    },
    Row {
        name: "gather of 1000 (JoinSet)",
        operations: 50_000,
        rounds: 21,
        boucle: gather::gather,
        tokio: gather::join_set,
        local_set: Some(gather::join_set_in_local_set),
    },
    Row {
        name: "gather of 1000 (join_all)",
        operations: 50_000,
        rounds: 21,
        boucle: gather::gather,
        tokio: gather::join_all,
        local_set: None,
    },
    Row {
        name: "sleep, 100k tasks",
        operations: 100_000,
        rounds: 7,
        boucle: timers::sleeps,
        tokio: timers::sleeps,
        local_set: None,
    },
    Row {
        name: "arm and cancel, 10k pending",
        operations: 100_000,
        rounds: 15,
        boucle: timers::arm_and_cancel,
        tokio: timers::arm_and_cancel,
        local_set: None,
    },
    Row {
        name: "TCP echo, 1 connection",
        operations: 5_000,
        rounds: 15,
        boucle: tcp::echo_1,
        tokio: tcp::echo_1,
        local_set: None,
    },
    Row {
        name: "TCP echo, 50 connections",
        operations: 5_000,
        rounds: 15,
        boucle: tcp::echo_50,
        tokio: tcp::echo_50,
        local_set: None,
    },
];

/// What the command line asks for.
#[derive(Default)]
struct Asked {
    test: bool,
    rounds: Option<usize>,
    only: Option<String>,
    filters: Vec<String>,
}

/// The rounds of one side, per operation, in nanoseconds; sorted when they are read.
#[derive(Default)]
struct Rounds {
    cpu: Vec<f64>,
    wall: Vec<f64>,
}

fn main() {
    let asked = Asked::from_arguments();
    println!(
        "{:27} {:>15} {:>15} {:>15} {:>14} {:>6}",
        "CPU ns per operation", "boucle", "tokio", "LocalSet", "boucle/tokio", "wall"
    );
    println!(
        "{:27} {:>15} {:>15} {:>15} {:>14} {:>6}",
        "", "best  median", "best  median", "best  median", "best median", "ratio"
    );
    let wanted = |row: &&Row| {
        asked.filters.is_empty() || asked.filters.iter().any(|part| row.name.contains(part))
    };
    for row in ROWS.iter().filter(wanted) {
        measure(row, &asked);
    }
}

/// Runs the rounds of one row, and prints its line.
fn measure(row: &Row, asked: &Asked) {
    let operations = if asked.test { 1_000 } else { row.operations };
    let rounds = match asked.rounds {
        Some(rounds) => rounds,
        None if asked.test => 1,
        None => row.rounds,
    };
    let mut boucle = asked.side(operations, row.boucle);
    let mut tokio = asked.side(operations, row.tokio);
    let mut local_set = row.local_set.and_then(|run| asked.side(operations, run));
    // Who was first is last in the next round. The very first round warms up and does not count.
    let mut sides = [&mut boucle, &mut tokio, &mut local_set];
    for round in 0..=rounds {
        for side in sides.iter_mut().filter_map(|side| side.as_mut()) {
            side.round(round > 0);
        }
        sides.reverse();
    }
    let rounds = |side: Option<Side>| side.map(|side| side.rounds.sorted());
    let (boucle, tokio) = (rounds(boucle), rounds(tokio));
    println!(
        "{:27} {} {} {} {}",
        row.name,
        cell(&boucle),
        cell(&tokio),
        cell(&rounds(local_set)),
        ratios(&boucle, &tokio),
    );
}

/// A workload bound to its runtime, and what its rounds took.
struct Side {
    run: Box<dyn Fn() -> Spent>,
    operations: usize,
    rounds: Rounds,
}

impl Side {
    fn new<R: Runtime>(operations: usize, run: fn(&R, usize) -> Spent) -> Side {
        let runtime = R::new();
        Side {
            run: Box::new(move || run(&runtime, operations)),
            operations,
            rounds: Rounds::default(),
        }
    }

    fn round(&mut self, counts: bool) {
        let spent = (self.run)();
        if counts {
            let per_operation = 1e9 / self.operations as f64;
            self.rounds
                .cpu
                .push(spent.cpu.as_secs_f64() * per_operation);
            self.rounds
                .wall
                .push(spent.wall.as_secs_f64() * per_operation);
        }
    }
}

impl Rounds {
    fn sorted(mut self) -> Rounds {
        self.cpu.sort_by(f64::total_cmp);
        self.wall.sort_by(f64::total_cmp);
        self
    }
}

fn median(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

fn cell(side: &Option<Rounds>) -> String {
    match side {
        Some(side) => format!("{:7.1} {:7.1}", side.cpu[0], median(&side.cpu)),
        None => format!("{:>15}", "-"),
    }
}

fn ratios(boucle: &Option<Rounds>, tokio: &Option<Rounds>) -> String {
    match (boucle, tokio) {
        (Some(boucle), Some(tokio)) => format!(
            "{:7.2} {:6.2} {:6.2}",
            boucle.cpu[0] / tokio.cpu[0],
            median(&boucle.cpu) / median(&tokio.cpu),
            median(&boucle.wall) / median(&tokio.wall),
        ),
        _ => String::new(),
    }
}

impl Asked {
    fn from_arguments() -> Asked {
        let mut asked = Asked::default();
        let mut measures = false;
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // Cargo says so; `cargo test --benches` does not.
                "--bench" => measures = true,
                "--test" => asked.test = true,
                "--rounds" => {
                    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok());
                    asked.rounds = Some(rounds.filter(|rounds| *rounds > 0).unwrap_or_else(usage));
                }
                "--only" => asked.only = Some(arguments.next().unwrap_or_else(usage)),
                // Criterion's, in a `cargo bench` of everything.
                option if option.starts_with("--") => eprintln!("ratios: {option} is ignored"),
                _ => asked.filters.push(argument),
            }
        }
        asked.test |= !measures;
        asked
    }

    /// A side, if it is wanted.
    fn side<R: Runtime>(&self, operations: usize, run: fn(&R, usize) -> Spent) -> Option<Side> {
        let wanted = self.only.as_deref().is_none_or(|only| only == R::NAME);
        wanted.then(|| Side::new(operations, run))
    }
}

fn usage<T>() -> T {
    eprintln!(
        "usage: ratios [--test] [--rounds N] [--only boucle|tokio] [PART OF A ROW'S NAME]..."
    );
    exit(2)
}
