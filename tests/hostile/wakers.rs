//! Foreign wakers that panic only when they are dropped. (Those that also panic, or poll, when they are woken
//! are in `tests/soundness/wakers.rs`.)

use std::future::{Future, pending, ready};
use std::pin::pin;
use std::task::{Context, Waker};

use boucle::net::TcpListener;
use boucle::{ALL_COMPLETED, as_completed, gather, sleep, spawn, try_gather, wait};
use futures_lite::StreamExt;

use crate::common::{SECOND, virtual_loop, waker_of};

/// Returns a waker that panics when it is dropped.
fn bad_drop() -> Waker {
    waker_of(|| (), || panic!("a waker's drop"))
}

/// A foreign waker that panics when it is dropped does no harm, even if its holder is dropped by a task
/// that panics.
#[test]
fn a_waker_that_panics_when_it_is_dropped_harms_nothing() {
    fn poll_once(future: impl Future) {
        let waker = bad_drop();
        assert!(pin!(future).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    virtual_loop().block_on(async {
        let sleeps = spawn(async {
            let mut armed = sleep(SECOND);
            poll_once(&mut armed);
            panic!("first");
        });
        assert!(sleeps.await.unwrap_err().to_string().ends_with("first"));
        let gathers = spawn(async {
            let mut gathered = gather([pending::<()>()]);
            poll_once(&mut gathered);
            panic!("first");
        });
        assert!(gathers.await.unwrap_err().to_string().ends_with("first"));
        let accepts = spawn(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            poll_once(std::future::poll_fn(|cx| listener.poll_accept(cx).map(drop)));
            let _dropped_last = listener;
            panic!("first");
        });
        assert!(accepts.await.unwrap_err().to_string().ends_with("first"));
    });
}

/// A waker that panics when another one replaces it does not stop the poll that brings that one: its wake
/// is not lost.
#[test]
fn a_waker_that_panics_when_it_is_replaced_loses_nothing() {
    /// Polls with such a waker, of which the future then holds the only clone.
    fn poll_and_forget(future: impl Future) {
        let waker = bad_drop();
        let mut cx = Context::from_waker(&waker);
        assert!(pin!(future).poll(&mut cx).is_pending());
    }
    virtual_loop().block_on(async {
        let mut asleep = sleep(SECOND);
        poll_and_forget(&mut asleep);
        asleep.await;

        let mut gathered = gather([sleep(SECOND), sleep(SECOND)]);
        poll_and_forget(&mut gathered);
        gathered.await;

        let mut tuple = Box::pin(boucle::gather!(sleep(SECOND), ready(1)));
        poll_and_forget(&mut tuple);
        tuple.await;

        let child = async || {
            sleep(SECOND).await;
            Ok::<_, ()>(1)
        };
        let mut tried = try_gather([child(), child()]);
        poll_and_forget(&mut tried);
        assert_eq!(tried.await, Ok(vec![1, 1]));

        let mut items = as_completed([sleep(SECOND), sleep(2 * SECOND)]);
        poll_and_forget(items.next());
        assert!(items.next().await.is_some());
        poll_and_forget(items.next());
        assert!(items.next().await.is_some());
        assert!(items.next().await.is_none());

        let tasks = [1, 2].map(|count| spawn(sleep(count * SECOND)));
        let mut waiting = wait(tasks, ALL_COMPLETED).timeout(3 * SECOND);
        poll_and_forget(&mut waiting);
        assert_eq!(waiting.await.0.len(), 2);
    });
}
