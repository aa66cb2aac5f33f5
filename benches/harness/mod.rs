//! Criterion, measuring CPU time, and the ways in which the benches use it.

// Each bench has its own copy, and uses a part.
#![allow(dead_code)]

use std::time::Duration;

use cpu_time::ThreadTime;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};

use crate::workloads::runtime::Runtime;
use crate::workloads::watch::Spent;

/// Measures the thread's CPU time.
pub struct CpuTime;

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
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(1_200))
        .sample_size(15)
        .nresamples(10_000)
        .configure_from_args()
}

/// One question: its rows are run one after the other.
pub struct Question<'a> {
    group: BenchmarkGroup<'a, CpuTime>,
    /// In one round.
    operations: usize,
}

impl<'a> Question<'a> {
    pub fn new(criterion: &'a mut Criterion<CpuTime>, name: &str, operations: usize) -> Self {
        let operations = if is_test() {
            operations.min(1_000)
        } else {
            operations
        };
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Elements(operations as u64));
        Question { group, operations }
    }

    /// A row: the answer of one runtime, which is made once and warmed up.
    pub fn on<R: Runtime>(self, run: impl Fn(&R, usize) -> Spent) -> Self {
        self.with(R::NAME, run)
    }

    /// The same with a name that says more than the runtime's.
    pub fn with<R: Runtime>(self, name: &str, run: impl Fn(&R, usize) -> Spent) -> Self {
        self.row(name, R::new, run)
    }

    /// A row without a runtime.
    pub fn by_hand(self, name: &str, run: impl Fn(usize) -> Spent) -> Self {
        self.row(name, || (), |(), operations| run(operations))
    }

    fn row<R>(
        mut self,
        name: &str,
        runtime: impl Fn() -> R,
        run: impl Fn(&R, usize) -> Spent,
    ) -> Self {
        let operations = self.operations;
        self.group.bench_function(name, |bencher| {
            let runtime = runtime();
            bencher.iter_custom(|rounds| (0..rounds).map(|_| run(&runtime, operations).cpu).sum());
        });
        self
    }
}

/// Whether this is no measurement but a look if all of it runs: `cargo bench -- --test`.
fn is_test() -> bool {
    let mut arguments = std::env::args();
    arguments.any(|argument| argument == "--test") || !std::env::args().any(|it| it == "--bench")
}
