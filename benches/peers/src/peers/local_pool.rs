//! The executor of the `futures` crate. It has no clock and no sockets.

use std::cell::RefCell;
use std::future::Future;

use futures::FutureExt;
use futures::executor::{LocalPool as Pool, LocalSpawner};
use futures::future::{NeverError, RemoteHandle};
use futures::never::Never;
use futures::task::LocalSpawnExt;
use futures_lite::future;

use crate::workloads::runtime::Runtime;

pub struct LocalPool(RefCell<Pool>);

thread_local! {
    static SPAWNER: RefCell<Option<LocalSpawner>> = const { RefCell::new(None) };
}

impl Runtime for LocalPool {
    const NAME: &str = "LocalPool";

    type Joined<T: 'static> = NeverError<RemoteHandle<T>>;
    type JoinError = Never;

    fn new() -> Self {
        let pool = Pool::new();
        SPAWNER.set(Some(pool.spawner()));
        LocalPool(RefCell::new(pool))
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.0.borrow_mut().run_until(main)
    }

    fn spawn<F>(future: F) -> Self::Joined<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        SPAWNER.with_borrow(|spawner| {
            let spawner = spawner.as_ref().expect("there is a pool");
            let handle = spawner.spawn_local_with_handle(future);
            handle.expect("the pool lives").never_error()
        })
    }

    fn yield_now() -> impl Future<Output = ()> {
        future::yield_now()
    }
}
