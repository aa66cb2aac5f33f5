use std::mem;
use std::panic::catch_unwind;

use super::*;
use crate::observe::telling::Observers;
use crate::wake::inbox::Message;
use crate::wake::waker::waker;

/// Loops leave the list of their thread from any place in it; those that stay are found, and no
/// others.
#[test]
fn a_loop_leaves_the_list_from_any_place() {
    for place in 0..4 {
        let open = |_| Resident::open(false, Observers::default()).unwrap();
        let mut residents: Vec<_> = (0..4).map(open).collect();
        drop(residents.remove(place));
        let living = RefCell::new(Vec::new());
        find_living(|it| {
            living.borrow_mut().push(it.number);
            false
        });
        let expected = residents.iter().map(Resident::number);
        assert!(expected.rev().eq(living.take()));
    }
}

/// What an allocator's hook would do if it called back while a table grows: a wake, an abort and a drop
/// go by the inbox, and everything else is refused with a message; nothing reaches the borrowed state.
#[test]
fn a_borrow_within_a_borrow_is_refused() {
    let resident = Resident::open(false, Observers::default()).unwrap();
    let number = resident.number();
    let task = TaskNumber::new(number, 1, 0);
    resident.enter(|| {
        resident.with(|state| {
            assert_eq!(with(number, |_| ()), Err(Unreachable::Elsewhere));
            waker(task).wake_by_ref();
            let refused = catch_unwind(|| with_running(|_| ())).unwrap_err();
            let message = refused.downcast_ref::<String>().unwrap();
            assert!(message.contains("tables of loop"), "{message}");
            state.jobs = 7;
        });
        assert_eq!(resident.with(|state| mem::take(&mut state.jobs)), 7);
    });
    let left = resident.with(|state| {
        assert!(state.open_inbox().is_some());
        state.next_message()
    });
    assert!(matches!(left, Some(Message::Wake(0))));
}

/// A loop that is dropped while its state is borrowed, by such a hook, stays in memory until the borrow
/// is over. (It stays for good.)
#[test]
fn a_loop_that_is_dropped_within_a_borrow_outlives_it() {
    let resident = Resident::open(false, Observers::default()).unwrap();
    let number = resident.number();
    let jobs = with(number, |state| {
        drop(resident);
        state.jobs += 1;
        state.jobs
    });
    assert_eq!(jobs, Ok(1));
    assert_eq!(with(number, |_| ()), Err(Unreachable::Gone));
}
