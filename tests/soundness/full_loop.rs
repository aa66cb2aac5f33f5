//! A loop with as many tasks as it can hold.

use std::future::{pending, ready};
use std::sync::Arc;

use boucle::{TaskGroup, spawn};

use crate::common::{Gate, panic_of, turn, virtual_loop, virtually};

/// A full loop refuses a spawn of another thread when it reads its inbox: the closure is dropped, and the
/// messages behind it are still read.
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

/// A group does not wait for a task that a full loop has refused.
#[test]
fn a_refused_task_is_no_member_of_its_group() {
    virtually(async {
        let group = TaskGroup::new();
        group.spawn(ready(1));
        for _ in 0..(1 << 20) - 3 {
            spawn(pending::<()>());
        }
        let refusal = panic_of(|| group.spawn(ready(2)));
        assert!(refusal.ends_with("is full: it has room for 1048575 tasks"), "{refusal}");
        assert_eq!(group.join_all().await, [1]);
    });
}
