//! How tasks end before they are ready: by abort, when what waits for them is dropped, and at the end of the
//! loop.

#![allow(unused_must_use)] // A handle that is dropped detaches its task, which is what many tests want.

#[path = "../common/mod.rs"]
mod common;

mod abort;
mod detach;
mod handles;
mod waits;
mod ending;

use crate::common::{Log, holds};

const NONE: [String; 0] = [];

/// Returns a future that is never ready and adds a line when it is dropped.
fn dropping(log: &Log, line: &'static str) -> impl Future<Output = ()> + use<> {
    holds(log.on_drop(line))
}
