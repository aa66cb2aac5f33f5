//! A row: one workload on several sides, and what is aimed at.

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::tools::Tool;
use crate::workloads::floor::{AskingFloor, Floor};
use crate::workloads::runtime::{Boucle, Runtime, Tokio, TokioLocalSet};
use crate::workloads::watch::Spent;

/// The columns: which side stands where.
pub const BOUCLE: usize = 0;
pub const TOKIO: usize = 1;
pub const LOCAL_SET: usize = 2;
/// The floor of scheduling, or a program by hand on mio.
pub const FLOOR: usize = 3;
pub const COLUMNS: usize = 4;

/// One line of the table.
pub struct Row {
    pub name: &'static str,
    /// In one round.
    pub operations: usize,
    pub sides: [Option<Side>; COLUMNS],
    /// What boucle's figure shall not exceed: so many times the figure of each column, and its own bound.
    pub aims: [Option<f64>; COLUMNS],
}

/// A workload that knows its runtime.
pub struct Side {
    pub name: &'static str,
    /// Makes the runtime, and what runs one round on it and returns the figure of one operation.
    start: Box<dyn Fn(usize) -> Running>,
}

type Running = Box<dyn Fn() -> f64>;

/// The figures of some rounds, sorted; none, if the row has no such side.
pub struct Figures(Vec<f64>);

/// The figures of all sides, in their columns.
pub type Columns = [Figures; COLUMNS];

const ENOUGH: Duration = Duration::from_millis(1_000);

/// What a round returns.
pub trait Outcome: 'static {
    /// The figure of one operation, if the round had so many.
    fn each(self, operations: usize) -> f64;
}

/// CPU nanoseconds.
impl Outcome for Spent {
    fn each(self, operations: usize) -> f64 {
        self.cpu.as_secs_f64() * 1e9 / operations as f64
    }
}

/// A figure of one operation already.
impl Outcome for f64 {
    fn each(self, _operations: usize) -> f64 {
        self
    }
}

impl Row {
    pub fn new(name: &'static str, operations: usize) -> Row {
        Row {
            name,
            operations,
            sides: [const { None }; COLUMNS],
            aims: [None; COLUMNS],
        }
    }

    pub fn boucle<O: Outcome>(self, run: impl Fn(&Boucle, usize) -> O + 'static) -> Row {
        self.with(BOUCLE, Side::on(run))
    }

    pub fn tokio<O: Outcome>(self, run: impl Fn(&Tokio, usize) -> O + 'static) -> Row {
        self.with(TOKIO, Side::on(run))
    }

    pub fn local_set<O: Outcome>(self, run: impl Fn(&TokioLocalSet, usize) -> O + 'static) -> Row {
        self.with(LOCAL_SET, Side::on(run))
    }

    pub fn floor<O: Outcome>(self, run: impl Fn(&Floor, usize) -> O + 'static) -> Row {
        self.with(FLOOR, Side::on(run))
    }

    pub fn asking_floor<O: Outcome>(self, run: impl Fn(&AskingFloor, usize) -> O + 'static) -> Row {
        self.with(FLOOR, Side::on(run))
    }

    pub fn mio<O: Outcome>(self, run: impl Fn(usize) -> O + 'static) -> Row {
        self.with(
            FLOOR,
            Side::new("mio", move || (), move |(), operations| run(operations)),
        )
    }

    pub fn times_tokio(self, times: f64) -> Row {
        self.aim(TOKIO, times)
    }

    pub fn times_floor(self, times: f64) -> Row {
        self.aim(FLOOR, times)
    }

    pub fn at_most(self, bound: f64) -> Row {
        self.aim(BOUCLE, bound)
    }

    fn aim(mut self, column: usize, bound: f64) -> Row {
        self.aims[column] = Some(bound);
        self
    }

    fn with(mut self, column: usize, side: Side) -> Row {
        self.sides[column] = Some(side);
        self
    }

    /// The figures of so many rounds, or of as many as fit in about a second, but two at least. The sides
    /// take turns, and who was first is last in the next round, so that whatever the machine does meanwhile
    /// happens to all of them. The very first round warms up and does not count.
    pub fn measure(&self, rounds: Option<usize>) -> Columns {
        let mut sides: Vec<_> = (self.sides.iter().enumerate())
            .filter_map(|(column, side)| Some((column, (side.as_ref()?.start)(self.operations))))
            .collect();
        for (_, run) in &sides {
            run();
        }
        let mut figures = [const { Vec::new() }; COLUMNS];
        let begin = Instant::now();
        for round in 0.. {
            let is_enough = match rounds {
                Some(rounds) => round >= rounds,
                None => round >= 2 && begin.elapsed() > ENOUGH,
            };
            if is_enough {
                break;
            }
            for (column, run) in &sides {
                figures[*column].push(elsewhere(round % 16, run));
            }
            sides.reverse();
        }
        figures.map(Figures::new)
    }

    /// Rounds of one side, if the row has it, and nothing else.
    pub fn run_only(&self, side: &str, rounds: usize, operations: usize) {
        for side in self.sides.iter().flatten().filter(|it| it.name == side) {
            let run = (side.start)(operations);
            for _ in 0..rounds {
                run();
            }
        }
    }

    /// A tiny round of every side.
    pub fn try_out(&self) {
        for side in self.sides.iter().flatten() {
            (side.start)(self.operations.min(1_000))();
        }
    }

    /// What a tool counts on each side.
    pub fn count(&self, tool: Tool) -> Columns {
        let count = |side: &Side| tool.count(self.name, side.name, self.operations);
        self.sides
            .each_ref()
            .map(|side| Figures::new(side.iter().map(count).collect()))
    }
}

impl Side {
    fn on<R: Runtime, O: Outcome>(run: impl Fn(&R, usize) -> O + 'static) -> Side {
        Side::new(R::NAME, R::new, run)
    }

    fn new<R: 'static, O: Outcome>(
        name: &'static str,
        runtime: impl Fn() -> R + 'static,
        run: impl Fn(&R, usize) -> O + 'static,
    ) -> Side {
        let run = Rc::new(run);
        let start = move |operations| {
            let (runtime, run) = (runtime(), run.clone());
            Box::new(move || run(&runtime, operations).each(operations)) as Running
        };
        Side {
            name,
            start: Box::new(start),
        }
    }
}

/// Runs a round deeper in the stack, by so many steps of some hundred bytes. Where stack and heap lie is
/// chance, and some places are bad: a process may be slower by a half from its beginning to its end. So
/// each round has its own.
#[inline(never)]
fn elsewhere(steps: usize, run: &Running) -> f64 {
    let room = black_box([0_u8; 208]);
    let figure = match steps {
        0 => run(),
        _ => elsewhere(steps - 1, run),
    };
    black_box(room);
    figure
}

impl Figures {
    fn new(mut figures: Vec<f64>) -> Figures {
        figures.sort_by(f64::total_cmp);
        Figures(figures)
    }

    pub fn best(&self) -> Option<f64> {
        self.0.first().copied()
    }

    pub fn median(&self) -> Option<f64> {
        self.0.get(self.0.len() / 2).copied()
    }
}
