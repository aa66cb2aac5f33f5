//! The loops of this thread: from a loop's number to its state.
//!
//! A waker, a handle, a `Sleep`, a socket and the `EventLoop` itself hold numbers. For the loop's [`State`]
//! they call this file. A state is in one of two thread-locals:
//!
//! ```text
//!   RUNNING ──▶ state                       of the loop that runs on this thread
//!   OTHERS  ──▶ state ──▶ state ──▶ ...     of the other loops that live on it
//! ```
//!
//! **To use a state is to take it out of its place** and to put it back afterwards. So two uses never
//! overlap, no reference outlives its use, and there is no `unsafe` here. No user code runs during a use:
//! what may have a destructor of the user's leaves the state first.
//!
//! | function | called by |
//! |---|---|
//! | `take`, `while_free`, `release` | the turn |
//! | `wake`, `deliver` | wakers; aborts; `EventLoop::stop`; the drop of a handle, a timer, a socket or a group |
//! | `find`, `expect` | what has the number of a loop of this thread, such as a spawn |
//! | `running`, `expect_running` | what begins on the running loop: a timer, a socket, a group |
//! | `on_own_thread` | what belongs to a loop, when it is used |
//! | `on_own_loop` | what belongs to a loop, when it is polled |
//!
//! The thread-locals have no destructors, so they can be read while the thread destroys its others. They need
//! none: an `EventLoop` takes its state out when it is dropped.
//!
//! Why no `RefCell` around each table? An allocator is user code too: it may wake a task while a table grows,
//! and a borrow would panic. With one box, only this file and the end of a loop have to handle that it is in
//! use, and no table has to know.
//!
//! There are exceptions:
//!
//! - **A hook of the global allocator** may call back into the loop while one of its tables grows. It is the
//!   only code that can look for a state in use. What is a message (a wake, an abort, a drop, a `LoopHandle`'s
//!   stop or spawn) goes through the inbox, as from another thread. What needs an answer panics, and names the
//!   cause.
//! - **An observer** sees the loop, and may not use it. Its messages go through the inbox, too, and what needs
//!   an answer panics, though the state is free. (But `now` and `Sleep::is_elapsed` answer by the real clock.)
//!   Only its wakes are done at once.
//! - **A stackful coroutine**, of another crate, has a stack of its own, and may be suspended inside any call,
//!   even a poll. Then another one may run another loop of this thread, before the first comes back. [`take`]
//!   makes the right loop the running one again.
//! - **Where std emulates thread-locals** (on Windows with the GNU tools, Android and OpenBSD), these are
//!   destroyed, too. An `EventLoop` in a thread-local that outlives them finds no state: its tasks leak, and a
//!   wake does nothing.

use std::cell::Cell;
use std::mem::{self, ManuallyDrop};
use std::ops::{Deref, DerefMut};

use crate::state::State;
use crate::task::id::{LoopNumber, TaskNumber};
use crate::wake::inbox::{self, Message};

/// A state, or the first of a list of them. `ManuallyDrop`, so that the thread-local has no destructor: the
/// `EventLoop` drops its state.
type Place = Cell<ManuallyDrop<Option<Box<State>>>>;

const EMPTY: ManuallyDrop<Option<Box<State>>> = ManuallyDrop::new(None);

thread_local! {
    /// The number of the loop that runs on this thread.
    static NUMBER: Cell<LoopNumber> = const { Cell::new(LoopNumber::NONE) };
    /// Its state, unless that is in use.
    static RUNNING: Place = const { Cell::new(EMPTY) };
    /// The states of the other loops, linked by [`State::next_on_thread`].
    static OTHERS: Place = const { Cell::new(EMPTY) };
    /// Whether an observer is being called.
    static NOTIFYING: Cell<bool> = const { Cell::new(false) };
}

/// A state that is in use. It goes back to its place when this drops.
pub(crate) struct InUse(Option<Box<State>>);

impl InUse {
    #[inline]
    fn new(state: Box<State>) -> Self {
        InUse(Some(state))
    }
}

impl Deref for InUse {
    type Target = State;

    #[inline]
    fn deref(&self) -> &State {
        self.0.as_ref().expect("only `drop` takes it")
    }
}

impl DerefMut for InUse {
    #[inline]
    fn deref_mut(&mut self) -> &mut State {
        self.0.as_mut().expect("only `drop` takes it")
    }
}

impl Drop for InUse {
    #[inline]
    fn drop(&mut self) {
        match self.0.take() {
            Some(state) if state.number == NUMBER.get() => _ = release(state),
            Some(state) => put_among_others(state),
            None => {}
        }
    }
}

/// Takes the state of the running loop; `None` if no loop runs, or its state is in use.
#[inline]
fn take_running() -> Option<Box<State>> {
    ManuallyDrop::into_inner(RUNNING.replace(EMPTY))
}

/// Takes the state of the running loop, for a turn. Panics if the state is in use.
#[inline]
pub(crate) fn take(number: LoopNumber) -> Box<State> {
    if NUMBER.get() != number {
        switch_to(number); // Another coroutine of this thread has run another loop meanwhile.
    }
    take_running().unwrap_or_else(|| panic_in_use(number))
}

/// Puts back the state of the running loop. Returns the loop's number, by which [`take`] finds it.
#[inline]
pub(crate) fn release(state: Box<State>) -> LoopNumber {
    let number = state.number;
    RUNNING.set(ManuallyDrop::new(Some(state)));
    number
}

/// Puts the state back while user code runs, and then takes it again. If the code panics, the state is in its
/// place.
#[inline(always)]
pub(crate) fn while_free<R>(state: Box<State>, user_code: impl FnOnce() -> R) -> (Box<State>, R) {
    let number = release(state);
    let result = user_code();
    (take(number), result)
}

/// Takes the state of a loop of this thread, running or not; `None` if it is in use, if the loop does not live
/// here, or for an observer.
#[inline]
fn take_state(number: LoopNumber) -> Option<Box<State>> {
    if NUMBER.get() == number {
        take_running()
    } else if NOTIFYING.get() {
        None
    } else {
        take_from_others(|state| state.number == number)
    }
}

/// As [`take_state`]; the result puts the state back when it drops.
#[inline]
pub(crate) fn find(number: LoopNumber) -> Option<InUse> {
    take_state(number).map(InUse::new)
}

/// As [`find`], for a loop that lives on this thread. Panics if its state is in use.
#[inline]
pub(crate) fn expect(number: LoopNumber) -> InUse {
    find(number).unwrap_or_else(|| panic_in_use(number))
}

/// Wakes a task: here if its loop lives on this thread, else through the inbox. Never panics.
#[inline]
pub(crate) fn wake(number: TaskNumber) {
    let mut running = take_running();
    if running.as_mut().is_some_and(|state| state.try_wake(number)) {
        RUNNING.set(ManuallyDrop::new(running));
    } else {
        wake_slowly(running, number);
    }
}

/// Wakes a task off the fast path: [`State::try_wake`] has refused it, or there was no free state to ask.
#[cold]
#[inline(never)]
fn wake_slowly(running: Option<Box<State>>, number: TaskNumber) {
    if let Some(mut state) = running {
        if state.owns(number) {
            state.wake(number);
            release(state);
            return;
        }
        release(state);
    }
    match take_from_others(|state| state.owns(number)) {
        Some(state) => InUse::new(state).wake(number),
        None => inbox::wake(number),
    }
}

/// Does what a message asks of a loop: at once if its state is found on this thread, else through the inbox. If
/// the loop is gone, the message is dropped. Never panics.
#[inline(always)]
pub(crate) fn deliver(to: LoopNumber, message: Message) {
    match find(to) {
        Some(mut state) => {
            let user_code = state.receive(message);
            drop(state);
            user_code.run();
        }
        None => drop(inbox::send(to, message)),
    }
}

/// The number of the loop that runs on this thread.
pub(crate) fn running_number() -> Option<LoopNumber> {
    Some(NUMBER.get()).filter(|number| *number != LoopNumber::NONE)
}

/// Uses the state of the loop that runs on this thread; `None` if none does. Panics if the state is in use.
#[inline]
#[track_caller]
pub(crate) fn running<R>(within: impl FnOnce(&mut State) -> R) -> Option<R> {
    match take_running() {
        Some(state) => Some(within(&mut InUse::new(state))),
        None => running_number().map(|number| panic_in_use(number)),
    }
}

/// As [`running`], for what needs a loop. Panics if none runs on this thread, and says what needs it.
#[inline]
#[track_caller]
pub(crate) fn expect_running<R>(what: &str, within: impl FnOnce(&mut State) -> R) -> R {
    match running(within) {
        Some(result) => result,
        None => panic_no_loop(what),
    }
}

/// Uses the state of a loop of this thread, running or not; `None` if the loop is gone. Panics if the loop
/// lives on another thread, or its state is in use.
#[inline]
#[track_caller]
pub(crate) fn on_own_thread<R>(
    number: LoopNumber,
    what: &str,
    within: impl FnOnce(&mut State) -> R,
) -> Option<R> {
    let state = take_or_refuse(number, what)?;
    Some(within(&mut InUse::new(state)))
}

/// As [`on_own_thread`], for something that is polled: it also panics if another loop runs on this thread.
#[inline]
#[track_caller]
pub(crate) fn on_own_loop<R>(
    number: LoopNumber,
    what: &str,
    within: impl FnOnce(&mut State) -> R,
) -> Option<R> {
    let running = if NUMBER.get() == number { take_running() } else { None };
    let state = match running {
        Some(state) => state,
        None => take_or_refuse_poll(number, what)?,
    };
    Some(within(&mut InUse::new(state)))
}

#[cold]
#[inline(never)]
#[track_caller]
fn take_or_refuse_poll(number: LoopNumber, what: &str) -> Option<Box<State>> {
    if let Some(running) = running_number()
        && running != number
        && inbox::is_read_by(number)
    {
        panic!("{what} of {number} was polled on {running}: it can only be awaited on its own loop");
    }
    take_or_refuse(number, what)
}

#[track_caller]
fn take_or_refuse(number: LoopNumber, what: &str) -> Option<Box<State>> {
    let state = take_state(number);
    if state.is_none() && NUMBER.get() == number {
        panic_in_use(number);
    }
    if state.is_none() && inbox::is_read_by(number) {
        refuse_observers(what);
        panic!("{what} of {number} was used on a thread where that loop does not live");
    }
    state
}

/// Takes the first `wanted` state of the loops that do not run. O(n) in the loops of this thread.
#[cold]
#[inline(never)]
fn take_from_others(wanted: impl Fn(&State) -> bool) -> Option<Box<State>> {
    let mut others = ManuallyDrop::into_inner(OTHERS.replace(EMPTY));
    let mut link = &mut others;
    while link.as_ref().is_some_and(|state| !wanted(state)) {
        let Some(state) = link else { break };
        link = &mut state.next_on_thread;
    }
    let mut taken = link.take();
    if let Some(state) = &mut taken {
        *link = state.next_on_thread.take();
    }
    OTHERS.set(ManuallyDrop::new(others));
    taken
}

/// Puts a state among those of the loops that do not run. If its loop was dropped while the state was in use,
/// by a hook of the allocator, the state is forgotten.
#[cold]
#[inline(never)]
pub(crate) fn put_among_others(mut state: Box<State>) {
    if inbox::has_owner(state.number) {
        state.next_on_thread = ManuallyDrop::into_inner(OTHERS.replace(EMPTY));
        OTHERS.set(ManuallyDrop::new(Some(state)));
    } else {
        mem::forget(state);
    }
}

/// Takes the state of a loop that is being dropped from this thread; `None` if the state is in use.
pub(crate) fn remove(number: LoopNumber) -> Option<Box<State>> {
    if NUMBER.get() == number {
        NUMBER.set(LoopNumber::NONE); // in a run: `process::exit` drops thread-locals
        return take_running();
    }
    take_from_others(|state| state.number == number)
}

/// Makes a loop the running one. When this drops, the loop that ran before is the running one again, if it still
/// lives. (Of two nested runs in stackful coroutines the outer one may end first, and its loop be dropped.)
pub(crate) struct Running {
    before: LoopNumber,
}

impl Running {
    pub(crate) fn enter(number: LoopNumber) -> Running {
        let before = NUMBER.get();
        switch_to(number);
        Running { before }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let is_alive = self.before != LoopNumber::NONE && inbox::has_owner(self.before);
        switch_to(if is_alive { self.before } else { LoopNumber::NONE });
    }
}

/// Moves the state of the running loop to the others, and makes the loop with that number the running one.
fn switch_to(number: LoopNumber) {
    if let Some(state) = take_running() {
        put_among_others(state);
    }
    NUMBER.set(number);
    if number != LoopNumber::NONE {
        let state = take_from_others(|state| state.number == number);
        RUNNING.set(ManuallyDrop::new(state));
    }
}

/// Calls observers. Meanwhile no loop is the running one, and only wakes are done at once. (An observer that
/// drops an observed loop nests these calls.)
pub(crate) fn while_notifying(observers: impl FnOnce()) {
    let _no_loop = Running::enter(LoopNumber::NONE);
    let before = NOTIFYING.replace(true);
    observers(); // it catches their panics
    NOTIFYING.set(before);
}

/// Panics if an observer is being called, and names what it may not do.
#[track_caller]
pub(crate) fn refuse_observers(what: &str) {
    assert!(!NOTIFYING.get(), "{}", used_by_an_observer(what));
}

fn used_by_an_observer(what: &str) -> String {
    format!("{what} was used by an observer: it sees the loop, and may not use it")
}

#[cold]
#[inline(never)]
#[track_caller]
fn panic_in_use(number: LoopNumber) -> ! {
    panic!(
        "the tables of {number} are in use: an allocator, or a hook of one, has called back into the loop \
         that allocates"
    )
}

/// Returns why `what` may not run a loop on this thread now, if it may not: an observer is being called, a
/// loop runs, or another stackful coroutine of this thread has `entered` the loop.
pub(crate) fn refusal_to_run(what: &str, entered: Option<LoopNumber>) -> Option<String> {
    if NOTIFYING.get() {
        return Some(used_by_an_observer(what));
    }
    let running = running_number().or(entered)?;
    Some(format!(
        "{what} cannot be called while {running} is running on this thread: await the future instead, or spawn it"
    ))
}

#[cold]
#[track_caller]
pub(crate) fn panic_no_loop(what: &str) -> ! {
    refuse_observers(what);
    panic!(
        "{what} needs an event loop, and none is running on this thread: \
         call it from a future that was passed to `boucle::run`, `EventLoop::block_on` or `spawn`; \
         on another thread, use a `LoopHandle`"
    )
}

#[cfg(test)]
mod tests;
