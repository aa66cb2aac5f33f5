//! The coroutines: one to try, and two that take turns.

use boucle::{gather, yield_now};
use stage::panics::message_of;
use stage::println;

/// The course's first coroutine.
pub(crate) async fn exemple() {
    println!("Nous essayons les coroutines.");
}

/// Runs a loop inside a running loop, as in a notebook, where one is always running. Returns the
/// message of the panic.
pub(crate) fn run_inside_of_run() -> Option<String> {
    message_of(|| boucle::run(exemple()))
}

/// Keeps control until its `await`.
async fn coroutine_1() {
    println!("Coroutine 1 : Tâche 1");
    println!("Coroutine 1 : Tâche 2");
    println!("Coroutine 1 : Await");
    yield_now().await;
    println!("Coroutine 1 : Tâche 3");
}

async fn coroutine_2() {
    println!("Coroutine 2 : Tâche 1");
    println!("Coroutine 2 : Tâche 2");
}

/// Runs both at once.
pub(crate) async fn concurrently() {
    gather!(coroutine_1(), coroutine_2()).await;
}
