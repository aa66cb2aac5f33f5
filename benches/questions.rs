//! Is a row faster than in the run before?
//!
//! Each row of `ratios` that is in nanoseconds is a group of criterion's. It prints the time of a round, and
//! as `thrpt` the CPU nanoseconds per operation. One side runs after the other, so this compares a change
//! with the run before it; `ratios` compares the sides.
//!
//! ```text
//! cargo bench --bench questions -- yield     the rows with "yield" in their name
//! ```

mod table;
mod workloads;

use std::env;
use std::time::Duration;

use cpu_time::ThreadTime;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, SamplingMode, Throughput};
use table::peer::{BENCH_PEERS, BOUCLE};
use table::rows::{Row, Unit};

fn main() {
    // The times are short, so that all rows together take a few minutes.
    let mut criterion = Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(800))
        .sample_size(15)
        .nresamples(10_000)
        .configure_from_args();
    for row in BOUCLE.rows().iter().filter(|row| is_sampled(row)) {
        measure(&mut criterion, row);
    }
    criterion.final_summary();
}

/// Leaves out rows of other units, and rounds of a second or more.
fn is_sampled(row: &Row) -> bool {
    row.unit == Unit::Nanoseconds && row.operations < 1_000_000
}

/// Measures a row on every side that has it, each with a runtime that is made once and warmed up.
fn measure(criterion: &mut Criterion<CpuTime>, row: &Row) {
    let operations = if is_test() { row.operations.min(1_000) } else { row.operations };
    let mut group = criterion.benchmark_group(row.name);
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(operations as u64));
    for peer in BENCH_PEERS {
        if peer.row(row.name).is_none() {
            continue;
        }
        group.bench_function(peer.name, |bencher| {
            let run = (peer.row(row.name).expect("it was there").start)();
            let round = || Duration::from_secs_f64(run(operations) * operations as f64 / 1e9);
            bencher.iter_custom(|rounds| (0..rounds).map(|_| round()).sum());
        });
    }
}

/// Returns whether each row only has to run, as by `cargo bench -- --test`.
fn is_test() -> bool {
    let has = |flag: &str| env::args().any(|argument| argument == flag);
    has("--test") || !has("--bench")
}

/// The thread's CPU time.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = ThreadTime;
    type Value = Duration;

    fn start(&self) -> ThreadTime {
        ThreadTime::now()
    }

    fn end(&self, start: ThreadTime) -> Duration {
        start.elapsed()
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &PerOperation
    }
}

/// Prints times as criterion does, and a "throughput" as CPU nanoseconds per operation.
struct PerOperation;

impl ValueFormatter for PerOperation {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_values(typical, values)
    }

    fn scale_throughputs(&self, typical: f64, throughput: &Throughput, values: &mut [f64]) -> &'static str {
        let Throughput::Elements(operations) = *throughput else {
            return WallTime.formatter().scale_throughputs(typical, throughput, values);
        };
        values.iter_mut().for_each(|value| *value /= operations as f64);
        "CPU ns/op"
    }

    fn scale_for_machines(&self, _values: &mut [f64]) -> &'static str {
        "ns"
    }
}
