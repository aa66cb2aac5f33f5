//! The programs of `tests/model`, drawn by the bytes that a fuzzer finds.

// `tests/model/main.rs` says what each of them is.
#[path = "../../tests/model/combine.rs"]
mod combine;
#[path = "../../tests/model/compare.rs"]
mod compare;
#[path = "../../tests/model/event_loop.rs"]
mod event_loop;
#[path = "../../tests/model/inbox.rs"]
mod inbox;
#[path = "../../tests/model/interpreter.rs"]
mod interpreter;
#[path = "../../tests/model/leaves.rs"]
mod leaves;
#[path = "../../tests/model/log.rs"]
mod log;
#[path = "../../tests/model/model.rs"]
mod model;
#[path = "../../tests/model/on_boucle.rs"]
mod on_boucle;
#[path = "../../tests/model/on_model.rs"]
mod on_model;
#[path = "../../tests/model/program.rs"]
mod program;
#[path = "../../tests/model/random.rs"]
mod random;
#[path = "../../tests/model/runtime.rs"]
mod runtime;
#[path = "../../tests/model/timers.rs"]
mod timers;
#[path = "../../tests/model/world.rs"]
mod world;

use std::slice;

use crate::compare::compare;
use crate::program::Generator;
use crate::random::Numbers;
use crate::runtime::Setup;

/// Each draw takes one byte, so that a change of one byte changes one choice. After the last byte come zeros.
struct Bytes<'a>(slice::Iter<'a, u8>);

impl Numbers for Bytes<'_> {
    fn next(&mut self) -> u64 {
        // A draw uses the upper bits of a number. All choices of a program are among fewer than 256.
        u64::from(self.0.next().copied().unwrap_or(0)) << 56
    }
}

/// Compares the program that these bytes draw, in FIFO order or in an order drawn by a seed.
pub fn compare_drawn(bytes: &[u8], shuffle: Option<u64>) {
    let runs = Generator::new(Bytes(bytes.iter())).runs();
    compare((shuffle, bytes), runs, Setup { shuffle, is_observed: false });
}
