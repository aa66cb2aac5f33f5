//! The loops of this thread: how a number becomes a loop again.
//!
//! `spawn`, a waker, a `Sleep`, a socket: all of them hold numbers, and all of them come here when
//! they need the loop itself. Two thread-locals know the way:
//!
//! ```text
//!   RUNNING ──▶ the loop whose turn (or teardown) is under way on this thread, or null
//!   LIVING  ──▶ loop ──▶ loop ──▶ null      every loop that lives on this thread, running or not
//! ```
//!
//! Both are plain cells, made at compile time and without destructor, so they can be read at any
//! moment of a thread's life, also while its other thread-locals are being destroyed. The list is
//! intrusive: a loop's own memory holds the link.
//!
//! The loop's state is in a `RefCell`, and is only ever lent to a closure of this crate, or to the turn.
//! **Neither runs user code meanwhile, or panics**: they move numbers, wakers and boxes between the tables of the
//! [`Loop`], and what has a destructor of the user's they return, to be dropped afterwards. So a
//! borrow never meets a borrow, with one exception that safe code can construct: an allocator whose
//! hook calls back into the loop while a table grows. Then a wake, an abort and a drop go by way of
//! the inbox, as they would from another thread, and everything else is a panic that names the cause.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell, RefMut};
use std::mem;
use std::ptr;
use std::rc::Rc;

use crate::net::poller::Poller;
use crate::observe::observers::Observers;
use crate::state::Loop;
use crate::task::cell::drop_quietly;
use crate::task::id::{LoopNumber, TaskNumber};
use crate::wake::inbox;
use crate::wake::waker::wake_quietly;

thread_local! {
    /// An observer is called.
    static NOTIFYING: Cell<bool> = const { Cell::new(false) };
    static RUNNING: Cell<*const LoopCell> = const { Cell::new(ptr::null()) };
    static LIVING: Cell<*const LoopCell> = const { Cell::new(ptr::null()) };
}

/// One loop's state, and its link in the list of its thread.
struct LoopCell {
    number: LoopNumber,
    next: Cell<*const LoopCell>,
    /// Not in the state: it is borrowed during the park, and the state is not. Sockets do not need it:
    /// the inbox lends them the [`mio::Registry`].
    poller: RefCell<Poller>,
    state: RefCell<Loop>,
}

/// A loop that lives on this thread. It is in the list from `new` to `drop`.
pub(crate) struct Resident {
    observers: Observers,
    is_observed: bool,
    /// Shared with every [`enter`](Self::enter) that is under way, so that the memory outlives it.
    cell: Rc<LoopCell>,
}

/// Why a number did not lead to a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// It lives on another thread; or its state is in use, by an observer's event or by an allocation
    /// whose hook this is. The inbox is the way.
    Elsewhere,
    /// It is gone.
    Gone,
}

impl Resident {
    /// Takes a loop in.
    pub(crate) fn new(
        number: LoopNumber,
        poller: Poller,
        state: Loop,
        observers: Observers,
    ) -> Self {
        let cell = Rc::new(LoopCell {
            number,
            next: Cell::new(ptr::null()),
            poller: RefCell::new(poller),
            state: RefCell::new(state),
        });
        // Only now, since an allocator's hook may make or drop a loop meanwhile.
        cell.next.set(LIVING.replace(Rc::as_ptr(&cell)));
        Resident {
            is_observed: !observers.is_empty(),
            observers,
            cell,
        }
    }

    pub(crate) fn number(&self) -> LoopNumber {
        self.cell.number
    }

    /// The observers of the loop.
    pub(crate) fn observers(&self) -> &Observers {
        &self.observers
    }

    /// Whether anything observes the loop.
    #[inline]
    pub(crate) fn is_observed(&self) -> bool {
        self.is_observed
    }

    /// Borrows the loop's poller: before the state, never within a `with`.
    pub(crate) fn poller(&self) -> RefMut<'_, Poller> {
        self.cell.poller.borrow_mut()
    }

    /// Borrows the loop's state. The turn does so, and lets go of it whenever user code may run.
    #[inline]
    #[track_caller]
    pub(crate) fn borrow(&self) -> RefMut<'_, Loop> {
        match self.cell.state.try_borrow_mut() {
            Ok(state) => state,
            Err(_) => in_use(self.number()),
        }
    }

    /// Borrows the loop's state, for a closure that runs no user code.
    #[inline]
    pub(crate) fn with<R>(&self, borrow: impl FnOnce(&mut Loop) -> R) -> R {
        self.cell.with(borrow)
    }

    /// Closes the gap that the loop leaves in the list. O(n) in the loops of this thread.
    fn unlink(&self) {
        let (own, next) = (Rc::as_ptr(&self.cell), self.cell.next.get());
        if LIVING.get() == own {
            return LIVING.set(next);
        }
        look(find_living(|cell| cell.next.get() == own), |before| {
            before.inspect(|before| before.next.set(next));
        });
    }

    /// Makes this the running loop while `within` runs.
    pub(crate) fn enter<R>(&self, within: impl FnOnce() -> R) -> R {
        // `within` may never return: `process::exit` runs the destructors of thread-locals, and this
        // loop may be in one of them. Then this count keeps the memory, and what is being polled in it.
        let _kept = Rc::clone(&self.cell);
        let _before = Before::replace(Rc::as_ptr(&self.cell));
        within()
    }

    /// Why the loop may not be run here and now: as [`nested`], or because another coroutine of this
    /// thread is running it.
    pub(crate) fn nested(&self, what: &str) -> Option<String> {
        let is_entered = Rc::strong_count(&self.cell) > 1;
        nested(what).or_else(|| is_entered.then(|| nested_in(self.number(), what)))
    }
}

/// The loop that ran before, to be the running one again when this drops, if it still lives.
///
/// By its number and no pointer: a program with stackful coroutines can leave two runs of loops in
/// another order than it has entered them, and drop the loops in between.
struct Before(Option<LoopNumber>);

impl Before {
    /// Notes which loop runs, and lets another one run, or none.
    fn replace(running: *const LoopCell) -> Before {
        let before = Before(running_number());
        RUNNING.set(running);
        before
    }
}

impl Drop for Before {
    fn drop(&mut self) {
        let living = |number| find_living(|cell| cell.number == number);
        RUNNING.set(self.0.map_or(ptr::null(), living));
    }
}

impl Drop for Resident {
    /// Takes the loop out of the list, so that nothing leads to it any more and its short id may be
    /// used again. A waker that was left meanwhile, in a destructor of an observer or in the wake of
    /// another waker, is woken now: it finds that the loop is gone.
    fn drop(&mut self) {
        self.unlink();
        if RUNNING.get() == Rc::as_ptr(&self.cell) {
            RUNNING.set(ptr::null()); // The process is exiting, inside of a poll.
        }
        let unread = inbox::release(self.cell.number);
        unread.into_iter().for_each(drop_quietly);
        match self.cell.try_with(Loop::take_waiting) {
            Some(waiting) => waiting.into_iter().for_each(wake_quietly),
            // A hook of the allocator drops the loop, of which a table is growing.
            None => mem::forget(Rc::clone(&self.cell)),
        }
    }
}

/// Looks at the loop that a pointer of this file points to; `None` if the pointer is null.
///
/// A closure and no returned reference, so that it cannot be kept for longer than the loop.
#[inline]
fn look<R>(pointer: *const LoopCell, at: impl FnOnce(Option<&LoopCell>) -> R) -> R {
    // SAFETY: This function is private, and every pointer it is called with is null or was read just
    // before from `RUNNING`, from `LIVING`, or from the `next` of a loop in that list.
    // A loop is put into the list of its own thread once its `Rc` is made, and `Resident::drop` takes
    // it out before it gives up its count, on the same thread, since `Rc` is not `Send`. A `Resident`
    // that is forgotten never gives it up.
    // `RUNNING` is set to the loop of a `Resident` that `Resident::enter` borrows, or to one that is in
    // the list (`Before::drop`); and `Resident::drop` clears it.
    // So the `LoopCell` is alive when `at` begins. While `at` runs it could be freed by
    // `Resident::drop` alone, on this thread. `at` is a closure of this file: it lends the state, or
    // reads a number or a link. What the state is lent to calls no user code, with the one exception
    // of an allocator that calls back while a table grows; and what the state cannot be lent to is
    // dropped, which may be user code. In both cases the state is borrowed, and a `Resident` that is
    // dropped meanwhile keeps its count for ever.
    // The reference is shared, and what changes behind it is in cells.
    at(unsafe { pointer.as_ref() })
}

/// The loop with that number, if it lives on this thread. The running one is looked at first.
#[inline]
fn find(number: LoopNumber) -> *const LoopCell {
    let running = RUNNING.get();
    if look(running, |cell| {
        cell.is_some_and(|cell| cell.number == number)
    }) {
        running
    } else if NOTIFYING.get() {
        ptr::null()
    } else {
        find_living(|cell| cell.number == number)
    }
}

/// The first loop of this thread that is wanted, running or not. O(n) in the loops of this thread.
#[cold]
#[inline(never)]
fn find_living(wanted: impl Fn(&LoopCell) -> bool) -> *const LoopCell {
    let mut link = LIVING.get();
    while let Some(next) = look(link, |cell| {
        cell.filter(|cell| !wanted(cell))
            .map(|cell| cell.next.get())
    }) {
        link = next;
    }
    link
}

/// Calls observers: meanwhile no loop is the running one, and none can be reached but to wake. What they
/// drop goes by the inbox: a panic in a destructor might end the process. (An observer may come to call
/// others, if it drops an observed loop.)
pub(crate) fn while_notifying(observers: impl FnOnce()) {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            NOTIFYING.set(self.0);
        }
    }
    let _before = Before::replace(ptr::null());
    let _restore = Restore(NOTIFYING.replace(true));
    observers();
}

/// The panic of whatever an observer may not do.
#[track_caller]
pub(crate) fn refuse_observers(what: &str) {
    if NOTIFYING.get() {
        panic!("{}", used_by_an_observer(what));
    }
}

/// Wakes a task of the loop that runs on this thread. Returns false if the number is not of such a
/// task.
#[inline]
pub(crate) fn wake_running(number: TaskNumber) -> bool {
    look(RUNNING.get(), |cell| {
        cell.is_some_and(|cell| cell.try_with(|it| it.wake(number)) == Some(true))
    })
}

/// Whether no loop lives on this thread.
#[inline]
pub(crate) fn is_loopless() -> bool {
    LIVING.get().is_null()
}

/// Wakes a task if its loop lives on this thread, running or not. Returns false if it does not.
pub(crate) fn wake_living(number: TaskNumber) -> bool {
    let short = number.short();
    look(find_living(|cell| cell.number.short() == short), |cell| {
        cell.is_some_and(|cell| cell.try_with(|it| it.wake(number)).is_some())
    })
}

impl LoopCell {
    /// Lends the state to a closure that runs no user code.
    ///
    /// # Panics
    ///
    /// If it is lent already, which takes an allocator that calls back.
    #[inline]
    #[track_caller]
    fn with<R>(&self, borrow: impl FnOnce(&mut Loop) -> R) -> R {
        match self.state.try_borrow_mut() {
            Ok(mut state) => borrow(&mut state),
            Err(_) => {
                drop_quietly(borrow);
                in_use(self.number)
            }
        }
    }

    /// The same for what has another way, by the inbox: `None` if the state is lent already.
    #[inline]
    fn try_with<R>(&self, borrow: impl FnOnce(&mut Loop) -> R) -> Option<R> {
        match self.state.try_borrow_mut() {
            Ok(mut state) => Some(borrow(&mut state)),
            Err(_) => {
                drop_quietly(borrow);
                None
            }
        }
    }
}

/// The number of the loop that runs on this thread.
pub(crate) fn running_number() -> Option<LoopNumber> {
    look(RUNNING.get(), |cell| cell.map(|cell| cell.number))
}

/// Borrows the loop that runs on this thread; `None` if none does.
///
/// A closure that is not called, here and below, may own a waker or a task: it is dropped quietly.
#[inline]
#[track_caller]
pub(crate) fn with_running<R>(borrow: impl FnOnce(&mut Loop) -> R) -> Option<R> {
    look(RUNNING.get(), |cell| match cell {
        Some(cell) => Some(cell.with(borrow)),
        None => {
            drop_quietly(borrow);
            None
        }
    })
}

/// As [`with_running`], for what makes no sense without a loop.
///
/// # Panics
///
/// If no loop runs on this thread, with the name of what needs one.
#[inline]
#[track_caller]
pub(crate) fn expect_running<R>(what: &str, borrow: impl FnOnce(&mut Loop) -> R) -> R {
    match with_running(borrow) {
        Some(result) => result,
        None => no_loop(what),
    }
}

/// Borrows the loop with that number, running or not, if it lives on this thread.
#[inline]
pub(crate) fn with<R>(
    number: LoopNumber,
    borrow: impl FnOnce(&mut Loop) -> R,
) -> Result<R, Unreachable> {
    look(find(number), |cell| match cell {
        Some(cell) => cell.try_with(borrow).ok_or(Unreachable::Elsewhere),
        None => {
            drop_quietly(borrow);
            Err(unreachable(number))
        }
    })
}

#[cold]
fn unreachable(number: LoopNumber) -> Unreachable {
    match inbox::of(number) {
        Some(_) => Unreachable::Elsewhere,
        None => Unreachable::Gone,
    }
}

/// As [`with`], for something that is polled: that must happen on its own loop. `None` if the loop
/// is gone.
///
/// # Panics
///
/// If the loop lives on another thread, or another loop runs on this one.
#[inline]
#[track_caller]
pub(crate) fn with_polled<R>(
    number: LoopNumber,
    what: &str,
    borrow: impl FnOnce(&mut Loop) -> R,
) -> Option<R> {
    if running_number() != Some(number)
        && let Some(refusal) = misplaced(number, what)
    {
        drop_quietly(borrow);
        panic!("{refusal}");
    }
    match with(number, borrow) {
        Ok(result) => Some(result),
        Err(Unreachable::Gone) => None,
        Err(Unreachable::Elsewhere) => in_use(number),
    }
}

/// Why something may not be polled here, where its loop is not the running one. It may if no loop runs
/// here, or if its own is gone.
#[cold]
#[inline(never)]
fn misplaced(number: LoopNumber, what: &str) -> Option<String> {
    if NOTIFYING.get() {
        return Some(used_by_an_observer(what));
    }
    if let Some(running) = running_number()
        && inbox::of(number).is_some()
    {
        return Some(format!(
            "{what} of {number} was polled on {running}: it can only be awaited on its own loop"
        ));
    }
    let is_elsewhere = with(number, |_| ()) == Err(Unreachable::Elsewhere);
    is_elsewhere
        .then(|| format!("{what} of {number} was polled on a thread where that loop does not live"))
}

fn used_by_an_observer(what: &str) -> String {
    format!("{what} was used by an observer: it sees the loop, and may not use it")
}

/// The panic of whatever needs the loop's state while it is lent.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn in_use(number: LoopNumber) -> ! {
    panic!(
        "the tables of {number} are in use: an allocator, or a hook of one, has called back into the \
         loop that allocates"
    )
}

/// Why something may not be called here that needs that no loop runs on this thread.
pub(crate) fn nested(what: &str) -> Option<String> {
    if NOTIFYING.get() {
        return Some(used_by_an_observer(what));
    }
    running_number().map(|running| nested_in(running, what))
}

fn nested_in(running: LoopNumber, what: &str) -> String {
    format!(
        "{what} cannot be called while {running} is running on this thread: await the future instead, \
         or spawn it"
    )
}

/// The panic of whatever needs a running loop.
#[cold]
#[track_caller]
pub(crate) fn no_loop(what: &str) -> ! {
    refuse_observers(what);
    panic!(
        "{what} needs an event loop, and none is running on this thread: \
         call it from a future that was passed to `boucle::run`, `EventLoop::block_on` or `spawn`"
    )
}

#[cfg(test)]
mod tests;
