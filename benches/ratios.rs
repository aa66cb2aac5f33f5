//! How does boucle compare with tokio and with the floor, in one table, in a minute and a half?
//!
//! Every row is run in rounds that alternate between the sides, so that whatever the machine does meanwhile
//! happens to all of them. The sides: boucle; tokio's `current_thread` scheduler (its `LocalRuntime`); a
//! `LocalSet` in such a runtime; and the *floor*, the least that an executor does, or for TCP a program by
//! hand on mio. The table has the best and the median figure of the rounds, the ratios of the best ones, and
//! what is aimed at: `0.21 ≤ 0.25` is met, `0.31 > 0.25` is missed. What can be counted is in `counts`.
//!
//! ```text
//! cargo bench --bench ratios                       all rows
//! cargo bench --bench ratios -- yield              the rows with "yield" in their name
//! cargo bench --bench ratios -- --rounds 30 yield  so many rounds of them
//! cargo bench --bench ratios -- --only boucle --rounds 2 'yield, 1 task'
//!                                                  one row, one side, for a profiler
//! cargo bench --bench ratios -- --test             one tiny round of everything, no measurement
//! ```

#[macro_use]
mod table;
mod workloads;

use std::time::Duration;

use table::arguments::Arguments;
use table::row::Row;
use table::section::{Section, run};
use workloads::gather::{
    at_once, gather, gather_yielding, handles_in_a_vec, join_all, join_all_yielding, once,
    staggered,
};
use workloads::remote::{Beside, round_trips, storm};
use workloads::tcp::{beside_a_socket, echo};
use workloads::{lateness, memory, mio_echo, ring, spawn, timers, wait, yields};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

const USAGE: &str = "ratios [--test] [--rounds N] [--only SIDE] [PART OF A ROW'S NAME]...";

fn main() {
    let sections = [
        Section::measured("CPU ns per operation", scheduling()),
        Section::measured("CPU ns per child", groups()),
        Section::measured("CPU ns per timer", timers()),
        Section::measured("CPU ns, with sockets", sockets()),
        Section::measured("CPU ns of both threads, per wake", remote()),
        Section::repeating("bytes per task", bytes()),
        Section::measured("microseconds too late", lateness()),
    ];
    run(&sections, &Arguments::read(USAGE));
}

fn scheduling() -> Vec<Row> {
    rows! {
        "spawn and await, 100,000 tasks", 100_000, spawn::spawn_and_await(), [boucle tokio local_set floor] times_tokio 0.20;
        "spawn(..).await, one by one", 100_000, spawn::one_after_another(), [boucle tokio local_set floor] times_tokio 0.25;
        "yield, 1 task", 400_000, yields::yields(1), [boucle tokio local_set floor] times_tokio 0.25 times_floor 1.4;
        "yield, 1,000 tasks", 400_000, yields::yields(1_000), [boucle tokio local_set floor] times_tokio 0.25 times_floor 1.4;
        "yield, 100,000 tasks", 500_000, yields::yields(100_000), [boucle tokio local_set floor] times_tokio 0.30;
        "yield, main future", 200_000, yields::main_yields(), [boucle tokio local_set floor] times_tokio 0.25;
        "yield_now, 1 task", 100_000, yields::yield_now(), [boucle tokio local_set floor];
        "ping-pong, 2 tasks", 400_000, ring::ring(2), [boucle tokio local_set floor] times_tokio 0.30 times_floor 1.5;
        "ping-pong, main and a task", 200_000, ring::with_main(), [boucle tokio local_set floor] times_tokio 0.25;
        "ring of 1,000", 400_000, ring::ring(1_000), [boucle tokio local_set floor] times_tokio 0.30 times_floor 1.5;
    }
}

fn groups() -> Vec<Row> {
    let mut rows = rows! {
        "gather of 10, at once", 50_000, gather(10, at_once), [boucle tokio local_set] times_tokio 0.30;
        "gather of 10, staggered", 50_000, gather(10, staggered), [boucle tokio local_set] times_tokio 0.30;
        "gather of 1,000, at once", 50_000, gather(1_000, at_once), [boucle tokio local_set] times_tokio 0.30;
        "gather of 1,000, staggered", 50_000, gather(1_000, staggered), [boucle tokio local_set] times_tokio 0.30;
        "gather of 100,000, at once", 100_000, gather(100_000, at_once), [boucle tokio local_set] times_tokio 0.30;
        "gather of 100,000, staggered", 100_000, gather(100_000, staggered), [boucle tokio local_set] times_tokio 0.30;
        "wait for all of 1,000", 50_000, wait::all_completed(1_000), [boucle tokio local_set] times_tokio 0.30;
        "wait for the first of 1,000", 50_000, wait::first_completed(1_000), [boucle tokio local_set] times_tokio 0.30;
        "gather of 1,000, once", 50_000, gather(1_000, once), [boucle tokio local_set] times_tokio 0.30;
    };
    // What tokio's users might take instead of a `JoinSet`.
    rows.extend([
        Row::new("gather / handles in a Vec, once", 50_000)
            .boucle(gather(1_000, once))
            .tokio(handles_in_a_vec(1_000, once)),
        Row::new("gather / join_all, once", 50_000)
            .boucle(gather(1_000, once))
            .tokio(join_all(1_000, once))
            .times_tokio(1.0),
        Row::new("gather / join_all, yield_now", 50_000)
            .boucle(gather_yielding(1_000))
            .tokio(join_all_yielding(1_000))
            .times_tokio(1.0),
    ]);
    rows
}

fn timers() -> Vec<Row> {
    // Long enough that all of them sleep at the same time.
    let (at_least, more) = (Duration::from_millis(1_000), Duration::from_millis(500));
    rows! {
        "sleep, 1,000,000 tasks", 1_000_000, timers::sleeps(at_least, more), [boucle tokio] times_tokio 0.50;
        "arm and cancel, 10,000 pending", 100_000, timers::arm_and_cancel(), [boucle tokio] times_tokio 0.12;
    }
}

fn sockets() -> Vec<Row> {
    vec![
        // The floor has no socket, but asks the kernel as if it had one.
        Row::new("yield, 1 task, socket open", 200_000)
            .boucle(beside_a_socket(yields::yields(1)))
            .tokio(beside_a_socket(yields::yields(1)))
            .asking_floor(yields::yields(1)),
        Row::new("ping-pong, socket open", 200_000)
            .boucle(beside_a_socket(ring::ring(2)))
            .tokio(beside_a_socket(ring::ring(2)))
            .asking_floor(ring::ring(2)),
        echo_row("TCP echo, 1 connection", 1, 4_000),
        echo_row("TCP echo, 50 connections", 50, 4_000),
        echo_row("TCP echo, 1,000 connections", 1_000, 20_000),
    ]
}

fn echo_row(name: &'static str, connections: usize, requests: usize) -> Row {
    Row::new(name, requests)
        .boucle(echo(connections))
        .tokio(echo(connections))
        .mio(mio_echo::echo(connections))
}

fn remote() -> Vec<Row> {
    rows! {
        "from a thread, 1 task", 1_000_000, storm(1, Beside::Nothing), [boucle tokio local_set] times_tokio 1.0;
        "from a thread, 1 task, loop awake", 1_000_000, storm(1, Beside::Yields), [boucle tokio local_set] times_tokio 1.0;
        "from a thread, 1,000 tasks", 300_000, storm(1_000, Beside::Nothing), [boucle tokio local_set] times_tokio 1.0;
        "to a thread and back", 5_000, round_trips(), [boucle tokio local_set] times_tokio 1.0;
    }
}

fn bytes() -> Vec<Row> {
    rows! {
        "idle task, 24-byte future", 1_000_000, memory::idle_task(), [boucle tokio local_set] at_most 88.0;
        "sleeping task", 1_000_000, memory::sleeping_task(), [boucle tokio local_set] at_most 160.0;
    }
}

fn lateness() -> Vec<Row> {
    let [short, long] = [100, 10_000].map(Duration::from_micros);
    rows! {
        "sleep of 100 us: median", 200, lateness::median_of_isolated(short), [boucle tokio] at_most 100.0;
        "1,000 sleeps of 10 ms: p99", 1_000, lateness::p99_of_many(long), [boucle tokio] times_tokio 1.0;
    }
}
