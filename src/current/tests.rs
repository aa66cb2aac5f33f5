use std::mem;
use std::panic::catch_unwind;

use super::*;
use crate::observe::observers::Observers;
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

/// A loop that is dropped while its state is borrowed, by such a hook, stays in memory: it keeps a count
/// of itself.
#[test]
fn a_loop_that_is_dropped_within_a_borrow_outlives_it() {
    let resident = Resident::open(false, Observers::default()).unwrap();
    let (number, cell) = (resident.number(), Rc::clone(&resident.cell));
    let jobs = with(number, |state| {
        drop(resident);
        state.jobs += 1;
        state.jobs
    });
    assert_eq!(jobs, Ok(1));
    assert_eq!(with(number, |_| ()), Err(Unreachable::Gone));
    assert_eq!(Rc::strong_count(&cell), 2);
    // SAFETY: One of the two counts is this test's, the other is the one that was kept for ever.
    unsafe { Rc::decrement_strong_count(Rc::as_ptr(&cell)) };
}

/// Runs of two loops that end in the order in which they began, as stackful coroutines may have it, leave
/// no loop that is gone as the running one.
#[test]
fn runs_that_do_not_nest_leave_no_loop_behind() {
    let open = || Resident::open(false, Observers::default()).unwrap();
    let (one, other) = (open(), open());
    let first = Before::replace(Rc::as_ptr(&one.cell));
    let second = Before::replace(Rc::as_ptr(&other.cell));
    drop(first);
    assert_eq!(running_number(), None);
    drop(one);
    drop(second);
    assert_eq!(running_number(), None);
    assert_eq!(with_running(|_| ()), None);
}

/// A loop that a coroutine runs is not run by another one.
#[test]
fn a_loop_is_run_once_at_a_time() {
    let resident = Resident::open(false, Observers::default()).unwrap();
    assert_eq!(resident.nested("turn"), None);
    resident.enter(|| {
        let _before = Before::replace(ptr::null());
        assert!(resident.nested("turn").is_some());
    });
    assert_eq!(resident.nested("turn"), None);
}
