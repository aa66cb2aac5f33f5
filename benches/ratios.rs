//! How does boucle compare with tokio and with the floor, in one table, in a minute and a quarter?
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
use workloads::lateness::{median_of_isolated, p99_of_many};
use workloads::memory::{Counting, idle_task, sleeping_task};
use workloads::mio_echo;
use workloads::remote::{Beside, round_trips, storm};
use workloads::ring::{ring, with_main};
use workloads::spawn::{one_after_another, spawn_and_await};
use workloads::tcp::{beside_a_socket, echo};
use workloads::timers::{arm_and_cancel, sleeps};
use workloads::wait::{all_completed, first_completed};
use workloads::yields::{main_yields, yield_now, yields};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
    rows! { [boucle tokio local_set floor]
        "spawn and await, 100,000 tasks", 100_000, spawn_and_await(),   times_tokio 0.20;
        "spawn(..).await, one by one",    100_000, one_after_another(), times_tokio 0.25;
        "yield, 1 task",                  400_000, yields(1),           times_tokio 0.25, times_floor 1.4;
        "yield, 1,000 tasks",             400_000, yields(1_000),       times_tokio 0.25, times_floor 1.4;
        "yield, 100,000 tasks",           500_000, yields(100_000),     times_tokio 0.30;
        "yield, main future",             200_000, main_yields(),       times_tokio 0.25;
        "yield_now, 1 task",              100_000, yield_now();
        "ping-pong, 2 tasks",             400_000, ring(2),             times_tokio 0.30, times_floor 1.5;
        "ping-pong, main and a task",     200_000, with_main(),         times_tokio 0.25;
        "ring of 1,000",                  400_000, ring(1_000),         times_tokio 0.30, times_floor 1.5;
    }
}

fn groups() -> Vec<Row> {
    let mut rows = rows! { [boucle tokio local_set]
        "gather of 10, at once",         50_000, gather(10, at_once),        times_tokio 0.30;
        "gather of 10, staggered",       50_000, gather(10, staggered),      times_tokio 0.30;
        "gather of 1,000, at once",      50_000, gather(1_000, at_once),     times_tokio 0.30;
        "gather of 1,000, staggered",    50_000, gather(1_000, staggered),   times_tokio 0.30;
        "gather of 100,000, at once",   100_000, gather(100_000, at_once),   times_tokio 0.30;
        "gather of 100,000, staggered", 100_000, gather(100_000, staggered), times_tokio 0.30;
        "wait for all of 1,000",         50_000, all_completed(1_000),       times_tokio 0.30;
        "wait for the first of 1,000",   50_000, first_completed(1_000),     times_tokio 0.30;
        "gather of 1,000, once",         50_000, gather(1_000, once),        times_tokio 0.30;
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
    rows! { [boucle tokio]
        "sleep, 1,000,000 tasks",         1_000_000, sleeps(at_least, more), times_tokio 0.50;
        "arm and cancel, 10,000 pending",   100_000, arm_and_cancel(),       times_tokio 0.12;
    }
}

fn sockets() -> Vec<Row> {
    vec![
        // The floor has no socket, but asks the kernel as if it had one.
        Row::new("yield, 1 task, socket open", 200_000)
            .boucle(beside_a_socket(yields(1)))
            .tokio(beside_a_socket(yields(1)))
            .asking_floor(yields(1)),
        Row::new("ping-pong, socket open", 200_000)
            .boucle(beside_a_socket(ring(2)))
            .tokio(beside_a_socket(ring(2)))
            .asking_floor(ring(2)),
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
    rows! { [boucle tokio local_set]
        "from a thread, 1 task",             1_000_000, storm(1, Beside::Nothing),     times_tokio 1.0;
        "from a thread, 1 task, loop awake", 1_000_000, storm(1, Beside::Yields),      times_tokio 1.0;
        "from a thread, 1,000 tasks",          300_000, storm(1_000, Beside::Nothing), times_tokio 1.0;
        "to a thread and back",                  2_000, round_trips(),                 times_tokio 1.0;
    }
}

fn bytes() -> Vec<Row> {
    rows! { [boucle tokio local_set]
        "idle task, 24-byte future", 1_000_000, idle_task(),     at_most 88.0;
        "sleeping task",             1_000_000, sleeping_task(), at_most 160.0;
    }
}

fn lateness() -> Vec<Row> {
    let [short, long] = [100, 10_000].map(Duration::from_micros);
    rows! { [boucle tokio]
        "sleep of 100 us: median",      200, median_of_isolated(short), at_most 100.0;
        "1,000 sleeps of 10 ms: p99", 1_000, p99_of_many(long),         times_tokio 1.0;
    }
}
