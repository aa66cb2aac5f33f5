//! The observers of a loop, and how they are notified of what the log has recorded.
//!
//! An observer is user code. The turn calls it between its steps, when nothing of the loop is borrowed.
//! Meanwhile no loop is the running one, so whatever needs a loop panics and says so. A panic of an
//! observer leaves `block_on`, `run_forever` or `turn` at the next place where nothing is under way; the
//! observers are notified of nothing more.

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::current::{self, Resident};
use crate::observe::{EventKind, Observer, Origin};
use crate::park_plan::Park;
use crate::task::cell::{End, Payload, drop_quietly};
use crate::task::id::TaskNumber;
use crate::turn::poll_with_waker;

/// The observers of a loop.
#[derive(Default)]
pub(crate) struct Observers {
    list: RefCell<Vec<Box<dyn Observer>>>,
    /// What one of them has panicked with.
    panicked: RefCell<Option<Payload>>,
}

impl Observers {
    pub(crate) fn add(&mut self, observer: Box<dyn Observer>) {
        self.list.get_mut().push(observer);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }

    /// Drops them, one by one, so that each may panic.
    fn let_go(&self) {
        self.list.take().into_iter().for_each(drop_quietly);
    }
}

impl Drop for Observers {
    /// Only what was not let go of before: the observers of a loop that could not be made.
    fn drop(&mut self) {
        self.let_go();
        drop_quietly(self.panicked.take());
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.list.borrow().len();
        write!(f, "{count} observers")
    }
}

impl Resident {
    /// Notifies the observers of what was recorded.
    pub(crate) fn notify(&self) {
        let events = self.with(|it| mem::take(&mut it.log.events));
        if events.is_empty() {
            return;
        }
        // What they do is no task's doing.
        let cause = self.with(|it| mem::replace(&mut it.log.cause, Origin::Outside));
        // Taken out, since an observer may come back here: by `process::exit`, which drops the loop of a
        // thread-local. It then finds no observers.
        let mut observers = self.observers().list.take();
        let notified = catch_unwind(AssertUnwindSafe(|| {
            current::while_notifying(|| {
                for event in &events {
                    observers.iter_mut().for_each(|it| it.observe(event));
                }
            });
        }));
        self.observers().list.replace(observers);
        if let Err(payload) = notified {
            self.observers().panicked.replace(Some(payload));
            self.observers().let_go();
        }
        self.with(|it| it.log.cause = cause);
    }

    /// Notifies the observers for the last time. A panic of one ends here.
    pub(crate) fn notify_last(&self) {
        self.notify();
        self.observers().let_go();
        drop_quietly(self.observers().panicked.take());
    }

    /// Notifies the observers where nothing is under way: a panic of one goes on here.
    pub(crate) fn notify_at_rest(&self) {
        if !self.is_observed() {
            return;
        }
        self.notify();
        if let Some(payload) = self.observers().panicked.take() {
            resume_unwind(payload);
        }
    }

    /// Polls, and records when that begins and ends. The observers are notified before.
    #[cold]
    #[inline(never)]
    pub(crate) fn poll_observed(
        &self,
        number: TaskNumber,
        future: Pin<&mut dyn Future<Output = End>>,
    ) -> Poll<End> {
        self.with(|it| it.record_poll_begins(number.slot()));
        self.notify();
        // Only now: how long the observers take is not the task's.
        let began = self.with(|it| it.clock.elapsed());
        let polled = poll_with_waker(number, future);
        self.with(|it| it.record_poll_ends(number.slot(), polled, began));
        polled
    }

    /// The batch is over, and a park is due. Returns the time, if the loop is observed.
    pub(crate) fn record_rest(&self) -> Option<Duration> {
        if !self.is_observed() {
            return None;
        }
        self.with(|it| it.log.cause = Origin::Outside);
        self.notify_at_rest();
        Some(self.with(|it| it.clock.elapsed()))
    }

    /// A park is over, or was left out.
    pub(crate) fn record_park(&self, begun: Duration, park: Park) {
        let poller = self.poller();
        self.with(|it| {
            let slept = it.clock.elapsed().saturating_sub(begun);
            let timeout = match park {
                Park::Ask(timeout) if slept.is_zero() || timeout != Some(Duration::ZERO) => timeout,
                // Virtual time has passed instead.
                _ if !slept.is_zero() && it.clock.is_virtual() => Some(slept),
                Park::Ask(timeout) => timeout,
                Park::Skipped | Park::Never => return,
            };
            let events = poller.events.iter();
            let sources = events.filter(|event| it.reactor.has(event.token())).count();
            it.record(|_| EventKind::Parked {
                timeout,
                slept,
                sources,
            });
        });
    }
}
