//! Criterion, measuring CPU time, and the ways in which the benches use it.

use std::time::Duration;

use cpu_time::ThreadTime;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};

use crate::workloads::runtime::Runtime;
use crate::workloads::watch::Spent;

/// Measures the thread's CPU time.
pub struct CpuTime;

/// A group that measures CPU time.
pub type Group<'a> = BenchmarkGroup<'a, CpuTime>;

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

    fn scale_throughputs(
        &self,
        typical: f64,
        throughput: &Throughput,
        values: &mut [f64],
    ) -> &'static str {
        match *throughput {
            Throughput::Elements(operations) => {
                values
                    .iter_mut()
                    .for_each(|value| *value /= operations as f64);
                "CPU ns/op"
            }
            ref other => WallTime
                .formatter()
                .scale_throughputs(typical, other, values),
        }
    }

    fn scale_for_machines(&self, _values: &mut [f64]) -> &'static str {
        "ns"
    }
}

/// Criterion with its times cut down so that all benches together take a few minutes.
pub fn criterion() -> Criterion<CpuTime> {
    Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20)
        .nresamples(20_000)
        .configure_from_args()
}

/// Opens the group of one question: its rows are run one after the other, each on a runtime that
/// is made once and warmed up.
pub fn group<'a>(criterion: &'a mut Criterion<CpuTime>, name: &str) -> Group<'a> {
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat);
    group
}

/// Adds a row: a workload of so many operations on one runtime.
pub fn row<R: Runtime>(
    group: &mut Group<'_>,
    name: &str,
    operations: usize,
    run: fn(&R, usize) -> Spent,
) {
    let operations = if is_test() {
        operations.min(1_000)
    } else {
        operations
    };
    group.throughput(Throughput::Elements(operations as u64));
    group.bench_function(name, |bencher| {
        let runtime = R::new();
        bencher.iter_custom(|rounds| (0..rounds).map(|_| run(&runtime, operations).cpu).sum());
    });
}

/// Whether this is no measurement but a look if all of it runs: `cargo bench -- --test`.
fn is_test() -> bool {
    let mut arguments = std::env::args();
    arguments.any(|argument| argument == "--test") || !std::env::args().any(|it| it == "--bench")
}
