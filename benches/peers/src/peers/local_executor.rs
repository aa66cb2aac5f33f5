//! async-local-executor. It has no clock and no sockets, and a program brings its own loop.
//!
//! The loop here is that of the crate's `block_on`, but the executor is kept from round to round.

use std::cell::RefCell;
use std::future::Future;
use std::thread;

use async_local_executor::{Executor, JoinHandle};
use futures::FutureExt;
use futures::future::NeverError;
use futures::never::Never;
use futures_lite::future;

use super::lend::lend;
use crate::workloads::runtime::Runtime;

pub struct LocalExecutor(RefCell<Executor>);

impl Runtime for LocalExecutor {
    const NAME: &str = "async-local-executor";

    type Joined<T: 'static> = NeverError<JoinHandle<T>>;
    type JoinError = Never;

    fn new() -> Self {
        let thread = thread::current();
        LocalExecutor(RefCell::new(Executor::new(move || thread.unpark())))
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        let mut executor = self.0.borrow_mut();
        let _entered = executor.enter();
        lend(main, |main| {
            let main = async_local_executor::spawn_local(main);
            loop {
                async_local_executor::run_ready_tasks();
                if main.is_finished() {
                    return;
                }
                thread::park();
            }
        })
    }

    fn spawn<F>(future: F) -> Self::Joined<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        async_local_executor::spawn_local(future).never_error()
    }

    fn yield_now() -> impl Future<Output = ()> {
        future::yield_now()
    }
}
