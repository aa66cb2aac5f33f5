//! A loop with as many tasks as it can hold.

use std::future::pending;
use std::sync::Arc;

use crate::common::{Gate, turn, virtual_loop};

/// A full loop refuses a spawn of another thread: the closure is dropped, and the messages after it are
/// still read.
#[test]
fn a_full_loop_reads_its_inbox_to_the_end() {
    let event_loop = virtual_loop();
    let gate = Gate::default();
    let woken = event_loop.spawn(gate.waits());
    turn(&event_loop);
    for _ in 0..(1 << 20) - 2 {
        drop(event_loop.spawn(pending::<()>()));
    }
    let (handle, waker) = (event_loop.handle(), gate.waker());
    let dropped = Arc::new(());
    let captured = Arc::downgrade(&dropped);
    std::thread::spawn(move || {
        let refused = handle.spawn(move || async move { drop(dropped) });
        refused.unwrap();
        waker.wake();
    })
    .join()
    .unwrap();
    let polls = gate.polls();
    while gate.polls() == polls {
        turn(&event_loop);
    }
    assert!(captured.upgrade().is_none() && !woken.is_finished());
}
