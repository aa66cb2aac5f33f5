//! The rows: what is measured, and on how many operations.
//!
//! A workload is generic over the runtimes. Here it is bound to one, so that all rows have the same type. A
//! round is short, since many sides take turns, and since the tools that count are slow.

use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use serde::Serialize;

use crate::workloads::alone::{loops, schedules};
use crate::workloads::echo::echo;
use crate::workloads::gather::{
    Yields, at_once, gather, gather_yielding, handles_in_a_vec, join_all, join_all_yielding, once, staggered,
};
use crate::workloads::lateness::{median_of_isolated, p99_of_many};
use crate::workloads::memory::{idle_task, reading_task, sleeping_task};
use crate::workloads::mio_echo::{self, ByHand};
use crate::workloads::remote::{Beside, round_trips, wakes};
use crate::workloads::ring::{ring, with_main};
use crate::workloads::runtime::{Alone, Boucle, Groups, Net, Pairs, Runtime, Timers};
use crate::workloads::spawn::{one_after_another, one_after_another_in_a_task, spawn_and_await};
use crate::workloads::tcp::{accept_and_close, beside_a_socket};
use crate::workloads::timers::{arm_and_cancel, isolated_sleeps, sleeps};
use crate::workloads::wait::{all_completed, first_completed};
use crate::workloads::watch::Spent;
use crate::workloads::yields::{main_yields, yield_now, yields};

/// A line of the table, on one side.
pub struct Row {
    pub name: &'static str,
    pub unit: Unit,
    /// In one round.
    pub operations: usize,
    /// On how many operations the tools count instructions and system calls; zero if they do not.
    pub counted: usize,
    /// Makes the runtime, and what runs a round on it.
    pub start: Box<dyn FnOnce() -> Round>,
}

/// Runs the given number of operations, and returns what one of them took, in the row's unit.
pub type Round = Box<dyn Fn(usize) -> f64>;

#[derive(Clone, Copy, PartialEq, Serialize)]
pub enum Unit {
    /// CPU time.
    Nanoseconds,
    /// Asked of the allocator and still held.
    Bytes,
    /// Microseconds of wall time by which a sleep is late.
    Lateness,
    /// Calls of `write`, of all threads: by one, a thread wakes a loop that sleeps, and tokio wakes its
    /// driver for a deadline that comes before all others.
    Writes,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Unit::Nanoseconds => "CPU ns",
            Unit::Bytes => "bytes",
            Unit::Lateness => "µs late",
            Unit::Writes => "calls of write",
        }
    }
}

/// What every runtime can do.
#[rustfmt::skip] // A row a line.
pub fn tasks<R: Runtime>() -> Vec<Row> {
    vec![
        time::<R>("spawn and await, 100,000 tasks", 100_000, spawn_and_await()),
        time::<R>("spawn(..).await, one by one", 20_000, one_after_another()),
        time::<R>("spawn(..).await, in a task", 20_000, one_after_another_in_a_task()),
        time::<R>("yield, 1 task", 50_000, yields(1)),
        time::<R>("yield, 1,000 tasks", 100_000, yields(1_000)),
        uncounted::<R>("yield, 100,000 tasks", 400_000, yields(100_000)),
        time::<R>("yield, main future", 50_000, main_yields()),
        time::<R>("yield_now, 1 task", 20_000, yield_now(1)),
        time::<R>("yield_now, 1,000 tasks", 100_000, yield_now(1_000)),
        time::<R>("ping-pong, 2 tasks", 50_000, ring(2)),
        time::<R>("ping-pong, main and a task", 20_000, with_main()),
        time::<R>("ring of 1,000", 100_000, ring(1_000)),
        bytes::<R>("idle task, 24-byte future", idle_task()),
    ]
}

/// Children that run as tasks, and waiting for tasks, with what the runtime offers for it.
#[rustfmt::skip] // A row a line.
pub fn groups<R: Groups>() -> Vec<Row> {
    let mut rows = children(gather::<R>);
    rows.extend([
        time::<R>(WAIT_FOR_ALL, 20_000, all_completed(1_000)),
        time::<R>("wait for the first of 1,000", 20_000, first_completed(1_000)),
    ]);
    rows
}

/// The same where nothing is offered: handles in a `Vec`, awaited one after the other.
#[rustfmt::skip] // A row a line.
pub fn handles<R: Runtime>() -> Vec<Row> {
    let mut rows = children(handles_in_a_vec::<R>);
    rows.push(time::<R>(WAIT_FOR_ALL, 20_000, handles_in_a_vec(1_000, staggered)));
    rows.extend(gather_substitutes::<R>());
    rows
}

/// The children, however they are gathered.
#[rustfmt::skip] // A row a line.
fn children<R: Runtime, Run>(gather: fn(usize, Yields) -> Run) -> Vec<Row>
where
    Run: Fn(&R, usize) -> Spent + 'static,
{
    vec![
        time::<R>("gather of 10, at once", 20_000, gather(10, at_once)),
        time::<R>("gather of 10, staggered", 20_000, gather(10, staggered)),
        time::<R>("gather of 1,000, at once", 20_000, gather(1_000, at_once)),
        time::<R>("gather of 1,000, staggered", 20_000, gather(1_000, staggered)),
        uncounted::<R>("gather of 100,000, at once", 100_000, gather(100_000, at_once)),
        uncounted::<R>("gather of 100,000, staggered", 100_000, gather(100_000, staggered)),
        time::<R>("gather of 1,000, once", 20_000, gather(1_000, once)),
    ]
}

/// What a program may do on any runtime in place of a `gather`.
#[rustfmt::skip] // A row a line.
pub fn gather_substitutes<R: Runtime>() -> Vec<Row> {
    vec![
        time::<R>(HANDLES_IN_A_VEC, 20_000, handles_in_a_vec(1_000, once)),
        time::<R>(JOIN_ALL, 20_000, join_all(1_000, once)),
        time::<R>(JOIN_ALL_YIELDING, 20_000, join_all_yielding(1_000)),
    ]
}

/// boucle's `gather` in the rows of its substitutes.
pub fn gather_beside_substitutes<R: Groups>() -> Vec<Row> {
    vec![
        time::<R>(HANDLES_IN_A_VEC, 20_000, gather(1_000, once)),
        time::<R>(JOIN_ALL, 20_000, gather(1_000, once)),
        time::<R>(JOIN_ALL_YIELDING, 20_000, gather_yielding(1_000)),
    ]
}

const WAIT_FOR_ALL: &str = "wait for all of 1,000";
const HANDLES_IN_A_VEC: &str = "gather / handles in a Vec, once";
const JOIN_ALL: &str = "gather / join_all, once";
const JOIN_ALL_YIELDING: &str = "gather / join_all, yield_now";

/// Wakes from another thread: the CPU time of both.
#[rustfmt::skip] // A row a line.
pub fn remote<R: Runtime>() -> Vec<Row> {
    vec![
        uncounted::<R>("from a thread, 1 task", 100_000, wakes(1, Beside::Nothing)),
        uncounted::<R>("from a thread, 1 task, loop awake", 100_000, wakes(1, Beside::Yields)),
        uncounted::<R>("from a thread, 1,000 tasks", 100_000, wakes(1_000, Beside::Nothing)),
        uncounted::<R>("to a thread and back", 2_000, round_trips()),
        rings::<R>("wakes, loop awake: rings", 20_000, wakes(1, Beside::Yields)),
    ]
}

#[rustfmt::skip] // A row a line.
pub fn timers<R: Timers>() -> Vec<Row> {
    let [short, long] = [100, 10_000].map(Duration::from_micros);
    // Long enough that all of them sleep at the same time.
    let (at_least, more) = (Duration::from_millis(1_000), Duration::from_millis(500));
    vec![
        uncounted::<R>("sleep, 100,000 tasks", 100_000, sleeps(at_least / 10, more / 10)),
        uncounted::<R>("sleep, 1,000,000 tasks", 1_000_000, sleeps(at_least, more)),
        // These are counted on many, since the clock takes more instructions in one half of each second.
        Row { counted: 20_000, ..time::<R>("isolated sleep", 100, isolated_sleeps(short)) },
        rings::<R>("isolated sleep: rings", 100, isolated_sleeps(short)),
        Row {
            counted: 1_000_000,
            ..time::<R>("arm and cancel, 10,000 pending", 20_000, arm_and_cancel(false))
        },
        Row {
            counted: 1_000_000,
            ..time::<R>("arm and cancel, an earlier one pending", 20_000, arm_and_cancel(true))
        },
        late::<R>("sleep of 100 us: median", 100, median_of_isolated(short)),
        late::<R>("1,000 sleeps of 10 ms: p99", 1_000, p99_of_many(long)),
    ]
}

pub fn sleepers<R: Timers>() -> Vec<Row> {
    vec![bytes::<R>("sleeping task", sleeping_task())]
}

#[rustfmt::skip] // A row a line.
pub fn sockets<R: Net>() -> Vec<Row> {
    vec![
        time::<R>(YIELD_BESIDE, 50_000, beside_a_socket(yields(1))),
        time::<R>(PING_PONG_BESIDE, 50_000, beside_a_socket(ring(2))),
        time::<R>(TCP_1, 2_000, echo(1)),
        time::<R>(TCP_50, 5_000, echo(50)),
        time::<R>(TCP_1000, 10_000, echo(1_000)),
        time::<R>("accept and close", 300, accept_and_close()),
        Row { operations: 8_000, ..bytes::<R>("reading task, TCP", reading_task()) },
    ]
}

pub fn loops_alone<R: Alone>() -> Vec<Row> {
    vec![time::<R>("a loop for one run", 20_000, loops::<R>())]
}

pub fn explored() -> Vec<Row> {
    vec![time::<Boucle>("a schedule of three tasks", 20_000, schedules())]
}

/// Sockets of other kinds, each pair connected to each other.
#[rustfmt::skip] // A row a line.
pub fn pairs<R: Pairs<UdpSocket> + Pairs<UnixDatagram> + Pairs<UnixStream>>() -> Vec<Row> {
    vec![
        time::<R>(UDP_1, 2_000, echo::<R, UdpSocket>(1)),
        time::<R>(UDP_50, 5_000, echo::<R, UdpSocket>(50)),
        time::<R>(DATAGRAM_1, 2_000, echo::<R, UnixDatagram>(1)),
        time::<R>(DATAGRAM_50, 5_000, echo::<R, UnixDatagram>(50)),
        time::<R>(STREAM_1, 2_000, echo::<R, UnixStream>(1)),
        time::<R>(STREAM_50, 5_000, echo::<R, UnixStream>(50)),
    ]
}

/// A runtime that has no sockets, but asks the kernel for events as if it had one.
pub fn asking<R: Runtime>() -> Vec<Row> {
    vec![time::<R>(YIELD_BESIDE, 50_000, yields(1)), time::<R>(PING_PONG_BESIDE, 50_000, ring(2))]
}

/// Written on mio directly, without a runtime.
#[rustfmt::skip] // A row a line.
pub fn by_hand() -> Vec<Row> {
    vec![
        echo_by_hand::<TcpStream>(TCP_1, 2_000, 1),
        echo_by_hand::<TcpStream>(TCP_50, 5_000, 50),
        echo_by_hand::<TcpStream>(TCP_1000, 10_000, 1_000),
        echo_by_hand::<UdpSocket>(UDP_1, 2_000, 1),
        echo_by_hand::<UdpSocket>(UDP_50, 5_000, 50),
        echo_by_hand::<UnixDatagram>(DATAGRAM_1, 2_000, 1),
        echo_by_hand::<UnixDatagram>(DATAGRAM_50, 5_000, 50),
        echo_by_hand::<UnixStream>(STREAM_1, 2_000, 1),
        echo_by_hand::<UnixStream>(STREAM_50, 5_000, 50),
    ]
}

const YIELD_BESIDE: &str = "yield, 1 task, socket open";
const PING_PONG_BESIDE: &str = "ping-pong, socket open";
const TCP_1: &str = "TCP echo, 1 connection";
const TCP_50: &str = "TCP echo, 50 connections";
const TCP_1000: &str = "TCP echo, 1,000 connections";
const UDP_1: &str = "UDP echo, 1 pair";
const UDP_50: &str = "UDP echo, 50 pairs";
const DATAGRAM_1: &str = "Unix datagram echo, 1 pair";
const DATAGRAM_50: &str = "Unix datagram echo, 50 pairs";
const STREAM_1: &str = "Unix stream echo, 1 pair";
const STREAM_50: &str = "Unix stream echo, 50 pairs";

fn time<R: Runtime>(
    name: &'static str,
    operations: usize,
    run: impl Fn(&R, usize) -> Spent + 'static,
) -> Row {
    Row { counted: (operations / 10).max(100), ..uncounted(name, operations, run) }
}

/// A row that is not counted: it has too many operations for the tools, or two threads, which share the work
/// differently in each run.
fn uncounted<R: Runtime>(
    name: &'static str,
    operations: usize,
    run: impl Fn(&R, usize) -> Spent + 'static,
) -> Row {
    let run = move |runtime: &R, operations| per_operation(run(runtime, operations), operations);
    row(name, Unit::Nanoseconds, operations, on::<R>(run))
}

fn echo_by_hand<S: ByHand>(name: &'static str, operations: usize, connections: usize) -> Row {
    let echo = mio_echo::echo::<S>(connections);
    let round = move |operations| per_operation(echo(operations), operations);
    Row { counted: operations / 10, ..row(name, Unit::Nanoseconds, operations, || Box::new(round)) }
}

fn late<R: Runtime>(name: &'static str, operations: usize, run: impl Fn(&R, usize) -> f64 + 'static) -> Row {
    row(name, Unit::Lateness, operations, on::<R>(run))
}

fn rings<R: Runtime>(
    name: &'static str,
    operations: usize,
    run: impl Fn(&R, usize) -> Spent + 'static,
) -> Row {
    let run = move |runtime: &R, operations| {
        let before = writes_so_far();
        run(runtime, operations);
        (writes_so_far() - before) / operations as f64
    };
    row(name, Unit::Writes, operations, on::<R>(run))
}

/// Calls of `write`, as the kernel counts them for each process.
fn writes_so_far() -> f64 {
    let counts = fs::read_to_string("/proc/self/io").expect("the kernel counts calls");
    let mut lines = counts.lines();
    let writes = lines.find_map(|line| line.strip_prefix("syscw: ")?.parse().ok());
    writes.expect("it counts writes")
}

/// A row in bytes, of a million tasks.
fn bytes<R: Runtime>(name: &'static str, run: impl Fn(&R, usize) -> f64 + 'static) -> Row {
    row(name, Unit::Bytes, 1_000_000, on::<R>(run))
}

fn row(name: &'static str, unit: Unit, operations: usize, start: impl FnOnce() -> Round + 'static) -> Row {
    Row { name, unit, operations, counted: 0, start: Box::new(start) }
}

/// Makes the runtime once, for all rounds.
fn on<R: Runtime>(run: impl Fn(&R, usize) -> f64 + 'static) -> impl FnOnce() -> Round {
    move || {
        let runtime = R::new();
        Box::new(move |operations| run(&runtime, operations))
    }
}

fn per_operation(spent: Spent, operations: usize) -> f64 {
    spent.as_secs_f64() * 1e9 / operations as f64
}
