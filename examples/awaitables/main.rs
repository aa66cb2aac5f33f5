//! What can be awaited: a coroutine, a task, a future. A coroutine that is only called does not run.
//!
//! From the notebook "S06E05: Concurrency - The asyncio module" by Cyril Desjouy, sections 2.2 and
//! 2.3.
//!
//! ```sh
//! cargo run --release --example awaitables
//! ```
//!
//! prints (the size varies with the compiler)
//!
//! ```text
//! <coroutine object say_after: 88 bytes>
//! a coroutine
//! a task
//! a future
//! ```
//!
//! Calling an `async fn` makes an object and runs nothing of its body: the first line shows the object's
//! size, and the line that its coroutine would print never comes. If nothing is done with the object, the
//! compiler warns ("unused implementer of `Future` that must be used"), where Python warns in the run ("was
//! never awaited"). A coroutine has to be polled, by a loop (`run`, `spawn`) or by another coroutine
//! (`await`). The compiler refuses an `await` outside a coroutine: the documentation of `boucle::run` has an
//! example.
//!
//! - A **coroutine** that is awaited begins at the `await`, within the one that awaits it.
//! - A **task** is a coroutine that the loop runs by itself. To await it is to wait for its end.
//! - A **future** is a promise of a value that comes from elsewhere: here from another task, which sends it
//!   through a `oneshot` channel of the `futures-channel` crate. In Rust all three are `Future`s.
//!
//! Read next: `awaitables.rs` beside this file; then `src/task/spawn.rs`, how a future becomes a task.
//! Run next: `cargo run --release --example run_in_executor`.

mod awaitables;

use std::time::Duration;

use awaitables::{a_coroutine, a_future, a_task, only_called};
use stage::options;

const HELP: &str = "\
Calls a coroutine without awaiting it; then awaits a coroutine, a task and a future.

usage: awaitables [--scale S]

  --scale S  multiply each wait, 0.2 s, by S (1)";

fn main() {
    let delay = Duration::from_millis(200).mul_f64(options::scale(HELP, 1.0));
    boucle::run(async {
        only_called(delay);
        a_coroutine(delay).await;
        a_task(delay).await;
        a_future(delay).await;
    });
}
