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
//! The loop's state is in an `UnsafeCell`, and nobody outside of this file sees it but inside a
//! closure. **The closures run no user code**, so a borrow never meets a borrow. They move numbers,
//! wakers and boxes between the tables of the [`Loop`], and none of these tables knows the way back
//! to here; what has a destructor of the user's, they hand out, to be dropped after. A build with
//! debug assertions, as tests are, marks each borrow and panics if two meet.
//!
//! A `RefCell` would mark them always. It was tried: its marks are 9 of 147 instructions of a yield,
//! but they were an eighth of its time, and a sixth of that of a round of ping-pong.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell, RefMut, UnsafeCell};
use std::ptr;
use std::rc::Rc;

#[cfg(debug_assertions)]
use crate::borrowed::Borrowed;
use crate::net::poller::Poller;
use crate::observe::telling::Observers;
use crate::state::Loop;
use crate::task::id::{LoopNumber, TaskNumber};
use crate::wake::inbox;

thread_local! {
    /// An observer is called.
    static TELLING: Cell<bool> = const { Cell::new(false) };
    static RUNNING: Cell<*const LoopCell> = const { Cell::new(ptr::null()) };
    static LIVING: Cell<*const LoopCell> = const { Cell::new(ptr::null()) };
}

/// One loop's state, and its link in the list of its thread.
struct LoopCell {
    number: LoopNumber,
    next: Cell<*const LoopCell>,
    /// Not in the state: what it does may be heard by a logger, which is the user's code. And shared,
    /// since a logger that hears of it may drop the loop.
    poller: Rc<RefCell<Poller>>,
    state: UnsafeCell<Loop>,
    /// Whether a closure has it, so that tests can tell.
    #[cfg(debug_assertions)]
    borrowed: Cell<bool>,
}

/// A loop that lives on this thread. It is in the list from `new` to `drop`.
pub(crate) struct Resident {
    observers: Observers,
    is_observed: bool,
    /// An `Rc`, though never cloned: unlike a `Box` it may be moved while raw pointers lead to what
    /// it holds, and it keeps the loop on its thread.
    cell: Rc<LoopCell>,
}

/// Why a number did not lead to a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// It lives on another thread; or it is an observer that asks. The inbox is the way.
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
            next: Cell::new(LIVING.get()),
            poller: Rc::new(RefCell::new(poller)),
            state: UnsafeCell::new(state),
            #[cfg(debug_assertions)]
            borrowed: Cell::new(false),
        });
        LIVING.set(Rc::as_ptr(&cell));
        let is_observed = !observers.is_empty();
        Resident {
            observers,
            is_observed,
            cell,
        }
    }

    pub(crate) fn number(&self) -> LoopNumber {
        self.cell.number
    }

    /// Who observes the loop.
    pub(crate) fn observers(&self) -> &Observers {
        &self.observers
    }

    #[inline]
    pub(crate) fn is_observed(&self) -> bool {
        self.is_observed
    }

    /// Borrows the loop's poller.
    pub(crate) fn poller(&self) -> RefMut<'_, Poller> {
        self.cell.poller.borrow_mut()
    }

    /// Borrows the loop's state, for a closure that runs no user code.
    #[inline]
    pub(crate) fn with<R>(&self, borrow: impl FnOnce(&mut Loop) -> R) -> R {
        self.cell.with(borrow)
    }

    /// Closes the gap that the loop leaves in the list. O(n) in the loops of this thread.
    fn unlink(&self) {
        let own = Rc::as_ptr(&self.cell);
        let next = self.cell.next.get();
        if LIVING.get() == own {
            return LIVING.set(next);
        }
        let mut link = LIVING.get();
        while !link.is_null() {
            link = look(link, |it| match it {
                Some(it) if it.next.get() == own => {
                    it.next.set(next);
                    ptr::null()
                }
                Some(it) => it.next.get(),
                None => ptr::null(),
            });
        }
    }

    /// Makes this the running loop while `within` runs.
    pub(crate) fn enter<R>(&self, within: impl FnOnce() -> R) -> R {
        struct Restore(*const LoopCell);
        impl Drop for Restore {
            fn drop(&mut self) {
                RUNNING.set(self.0);
            }
        }
        let _restore = Restore(RUNNING.replace(Rc::as_ptr(&self.cell)));
        within()
    }
}

impl Drop for Resident {
    /// Takes the loop out of the list; then nothing leads to it, and its short id may be used
    /// again. The memory goes with the last `Rc`, which is this one.
    fn drop(&mut self) {
        self.unlink();
        inbox::release(self.cell.number);
    }
}

/// Looks at the loop that a pointer of this file points to.
///
/// A closure and no returned reference, so that nobody can keep it longer than the loop.
#[inline]
fn look<R>(pointer: *const LoopCell, at: impl FnOnce(Option<&LoopCell>) -> R) -> R {
    // SAFETY: this function is private, and every pointer it is called with is null or was read
    // from `LIVING`, from the `next` of a loop in that list, or from `RUNNING`, within this file
    // and just before. A loop is put into the list of its own thread when its `Rc` is made, and
    // `Resident::drop` takes it out before the `Rc` goes, on the same thread, `Rc` being `!Send`;
    // so what is in the list is alive. `RUNNING` is set by `Resident::enter` alone, from an `Rc`
    // that its `&self` keeps alive until it has put back what stood there before, on every way out.
    // While `at` runs, the loop could only be freed by `Resident::drop`, which no closure of this
    // crate can reach: none of them owns a loop, or calls what may. The reference is shared; what
    // changes behind it is in a `Cell` or the `UnsafeCell`. A `Resident` that is forgotten leaves its
    // memory where it is, and the pointers valid.
    at(unsafe { pointer.as_ref() })
}

/// The loop with that number, if it lives on this thread. The running one is looked at first.
#[inline]
fn find(number: LoopNumber) -> *const LoopCell {
    let running = RUNNING.get();
    if look(running, |it| it.is_some_and(|it| it.number == number)) {
        running
    } else if TELLING.get() {
        ptr::null()
    } else {
        find_living(|it| it.number == number)
    }
}

/// Calls observers: meanwhile no loop is the running one, and none can be reached but to wake. What they
/// drop goes by the inbox: a panic in a destructor might end the process. (An observer may come to call
/// others, if it drops an observed loop.)
pub(crate) fn telling(observers: impl FnOnce()) {
    struct Restore(*const LoopCell, bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            RUNNING.set(self.0);
            TELLING.set(self.1);
        }
    }
    let _restore = Restore(RUNNING.replace(ptr::null()), TELLING.replace(true));
    observers();
}

/// The panic of whatever an observer may not do.
#[track_caller]
pub(crate) fn refuse_observers(what: &str) {
    if TELLING.get() {
        panic!("{what} was used by an observer: it sees the loop, and may not use it");
    }
}

/// The first loop of this thread that is wanted, running or not. O(n) in the loops of this thread.
#[cold]
#[inline(never)]
fn find_living(wanted: impl Fn(&LoopCell) -> bool) -> *const LoopCell {
    let mut link = LIVING.get();
    while let Some(next) = look(link, |it| {
        it.filter(|it| !wanted(it)).map(|it| it.next.get())
    }) {
        link = next;
    }
    link
}

/// Wakes a task of the loop that runs on this thread, and says whether it is one.
#[inline]
pub(crate) fn wake_running(number: TaskNumber) -> bool {
    look(RUNNING.get(), |it| {
        it.is_some_and(|it| it.with(|it| it.wake(number)))
    })
}

/// Whether no loop lives on this thread.
#[inline]
pub(crate) fn is_loopless() -> bool {
    LIVING.get().is_null()
}

/// The same of an observed loop.
pub(crate) fn wake_running_noted(number: TaskNumber) -> bool {
    look(RUNNING.get(), |it| {
        it.is_some_and(|it| it.with(|it| it.wake_noted(number)))
    })
}

/// Wakes a task if its loop lives on this thread, running or not, and says whether it does.
pub(crate) fn wake_living(number: TaskNumber) -> bool {
    let short = number.short();
    look(find_living(|it| it.number.short() == short), |it| {
        it.map(|it| it.with(|it| it.wake_noted(number))).is_some()
    })
}

impl LoopCell {
    /// Lends the state to a closure that runs no user code.
    #[inline]
    #[track_caller]
    fn with<R>(&self, borrow: impl FnOnce(&mut Loop) -> R) -> R {
        #[cfg(debug_assertions)]
        let _mark = Borrowed::mark(&self.borrowed);
        // SAFETY: The reference is the only one while `borrow` runs, if no other closure is given one
        // meanwhile. This function is the only one that makes references into the cell. It is called
        // on the loop's own thread alone: the pointers to the `LoopCell` are in that thread's cells
        // and in a `Resident`, which is `!Send`. So another closure could only be run from inside of
        // `borrow`, by something that it calls. What it calls are the methods of the tables: the
        // files `state`, `park_plan`, `task/{tasks,slots,leftovers,groups,stamp}`,
        // `wake/{ready,inbox}`, `time/{wheel,clock}` and `net/{reactor,readiness,crowd}`; and, for a
        // socket, one system call. These do not import this module, call no trait object of the
        // user's but for a name or an output's place, take wakers that were cloned before, and return
        // what is to be woken or dropped. (mio's registration, which may call a logger, is not among
        // them: see `poller`.) They do not panic, unless a table is broken: the panic hook is the
        // user's too. Whatever allocates may call the program's allocator: that one may not call back
        // into a loop, as none may while a `RefCell` of the program is in use.
        borrow(unsafe { &mut *self.state.get() })
    }
}

/// The number of the loop that runs on this thread.
pub(crate) fn running_number() -> Option<LoopNumber> {
    look(RUNNING.get(), |it| it.map(|it| it.number))
}

/// Borrows the loop that runs on this thread; `None` if none does.
#[inline]
pub(crate) fn with_running<R>(borrow: impl FnOnce(&mut Loop) -> R) -> Option<R> {
    look(RUNNING.get(), |it| it.map(|it| it.with(borrow)))
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
    look(find(number), |it| match it {
        Some(it) => Ok(it.with(borrow)),
        None => Err(unreachable(number)),
    })
}

/// Borrows the poller of the loop with that number, if it lives on this thread. The closure may run
/// user code, a logger's: so it is called when nothing looks at the loop any more.
pub(crate) fn with_poller<R>(number: LoopNumber, borrow: impl FnOnce(&Poller) -> R) -> Option<R> {
    let poller = look(find(number), |it| it.map(|it| Rc::clone(&it.poller)))?;
    Some(borrow(&poller.borrow()))
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
    if running_number() != Some(number) {
        expect_alone_or_gone(number, what);
    }
    with(number, borrow).ok()
}

/// What is polled is not the running loop's. It may be if no loop runs here, or if its own is gone.
#[cold]
#[inline(never)]
#[track_caller]
fn expect_alone_or_gone(number: LoopNumber, what: &str) {
    refuse_observers(what);
    if let Some(running) = running_number()
        && inbox::of(number).is_some()
    {
        panic!(
            "{what} of {number} was polled on {running}: it can only be awaited on its own loop"
        );
    }
    if with(number, |_| ()) == Err(Unreachable::Elsewhere) {
        panic!("{what} of {number} was polled on a thread where that loop does not live")
    }
}

/// The panic of whatever needs that no loop runs on this thread.
#[track_caller]
pub(crate) fn refuse_nesting(what: &str) {
    refuse_observers(what);
    if let Some(running) = running_number() {
        panic!(
            "{what} cannot be called while {running} is running on this thread: \
             await the future instead, or spawn it"
        );
    }
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
