//! A main future that borrows, for the runtimes whose main future must be `'static`.
//!
//! The main future stays on the stack of `block_on`. A scoped thread-local has a reference to it, and the
//! runtime is given a future that polls it there. A poll of the main future costs some instructions more, a
//! task's poll none.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use scoped_tls_hkt::scoped_thread_local;

scoped_thread_local!(static mut MAIN: for<'a> &'a mut dyn FnMut(&mut Context<'_>) -> Poll<()>);

/// Has `run` run a future that is ready when `main` is, and returns main's output.
pub fn lend<F: Future>(main: F, run: impl FnOnce(Lent)) -> F::Output {
    let mut main = pin!(main);
    let mut output = None;
    let mut poll = |cx: &mut Context<'_>| main.as_mut().poll(cx).map(|value| output = Some(value));
    MAIN.set(&mut poll, || run(Lent));
    output.expect("the runtime returns when its main future is done")
}

/// Polls the main future that is lent on this thread.
pub struct Lent;

impl Future for Lent {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        MAIN.with(|poll| poll(cx))
    }
}
