//! The journal: what has happened in a loop and was not told yet.
//!
//! The tables of a loop change while its state is borrowed, and nothing of the user's may run then: no
//! observer either. So what happens is noted here, in order, and the turn tells it when nothing is
//! borrowed. A loop that nobody observes has no journal.

use std::collections::{HashSet, VecDeque};
use std::iter;
use std::mem;
use std::panic::Location;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::observe::{Ending, Event, EventKind, Live, Origin, Outcome, WaitsFor};
use crate::state::Loop;
use crate::task::cell::End;
use crate::task::id::{LoopNumber, TaskNumber};
use crate::time::clock::real_now;
use crate::wake::inbox::Holding;

/// What was not told yet, and what is needed to note more.
pub(crate) struct Journal {
    event_loop: u64,
    untold: Vec<Event>,
    /// What it all comes to: it follows each event.
    live: Live,
    sequence: u64,
    turn: u64,
    /// Where the batch ends that the turn is of; zero once that is over.
    batch_end: u64,
    /// Who causes what happens now.
    cause: Origin,
    /// What the task that is polled has said it waits for.
    waits: usize,
    /// Tasks that wait for the executor: if they are woken from another thread, it is by that.
    at_job: HashSet<u64>,
    /// Who has put the wakers among the woken, in their order.
    woken_by: VecDeque<Origin>,
    /// The task that ends next is dropped.
    cancelling: bool,
    /// The main future, until it is done.
    main: Option<u64>,
}

impl Journal {
    pub(crate) fn new(of: LoopNumber) -> Self {
        Journal {
            event_loop: of.sequence(),
            untold: Vec::new(),
            live: Live::default(),
            sequence: 0,
            turn: 0,
            batch_end: 0,
            cause: Origin::Outside,
            waits: 0,
            at_job: HashSet::new(),
            woken_by: VecDeque::new(),
            cancelling: false,
            main: None,
        }
    }

    /// The state of the loop.
    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// Who is polled.
    fn polled(&self) -> Option<u64> {
        match self.cause {
            Origin::Task(task) => Some(task),
            _ => None,
        }
    }
}

/// How the tables note what happens. Without a journal each is a comparison.
impl Loop {
    /// Notes what has happened, if anybody observes the loop.
    #[inline]
    pub(crate) fn note(&mut self, kind: impl FnOnce(&Journal) -> EventKind) {
        if self.journal.is_some() {
            self.note_now(kind);
        }
    }

    #[cold]
    #[inline(never)]
    fn note_now(&mut self, kind: impl FnOnce(&Journal) -> EventKind) {
        let time = self.clock.elapsed();
        if let Some(journal) = &mut self.journal {
            journal.sequence += 1;
            let event = Event {
                sequence: journal.sequence,
                event_loop: journal.event_loop,
                turn: journal.turn,
                time,
                kind: kind(journal),
            };
            journal.live.apply(&event);
            journal.untold.push(event);
        }
    }

    /// Says who causes what happens from now on, and returns who did.
    pub(crate) fn cause(&mut self, origin: Origin) -> Origin {
        let journal = self.journal.as_mut();
        journal.map_or(origin, |journal| mem::replace(&mut journal.cause, origin))
    }

    pub(crate) fn take_untold(&mut self) -> Vec<Event> {
        let journal = self.journal.as_mut();
        journal.map_or_else(Vec::new, |journal| mem::take(&mut journal.untold))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn note_spawn(&mut self, slot: u32, id: u64, location: &'static Location<'static>) {
        let future = self.tasks.future_type(slot);
        self.note(|journal| EventKind::Spawned {
            task: id,
            parent: journal.polled(),
            future,
            location,
        });
    }

    pub(crate) fn note_main(
        &mut self,
        task: u64,
        future: &'static str,
        location: &'static Location<'static>,
    ) {
        if let Some(journal) = &mut self.journal {
            journal.main = Some(task);
        }
        self.note(|_| EventKind::MainEntered {
            task,
            future,
            location,
        });
    }

    /// The main future's place is gone, and the batch with it; if it was not done, that ends it.
    pub(crate) fn note_main_left(&mut self) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        journal.cause = Origin::Outside;
        journal.batch_end = 0;
        if let Some(task) = journal.main.take() {
            journal.at_job.remove(&task);
            let how = Ending::Cancelled;
            self.note(|_| EventKind::Finished { task, how });
        }
    }

    /// A task was put in the ready queue, or stood there.
    pub(crate) fn note_wake(&mut self, slot: u32, already: bool) {
        if let Some(task) = self.tasks.live_id(slot) {
            self.note(|journal| EventKind::Woken {
                task,
                by: match journal.cause {
                    Origin::Thread if journal.at_job.contains(&task) => Origin::Job,
                    by => by,
                },
                already,
            });
        }
    }

    /// As [`Loop::wake`], and noted.
    pub(crate) fn wake_noted(&mut self, number: TaskNumber) -> bool {
        let before = self.ready.pushed();
        let led = self.wake(number);
        if led {
            let already = self.ready.pushed() == before;
            self.note_wake(number.slot(), already);
        }
        led
    }

    pub(crate) fn note_abort(&mut self, task: u64) {
        self.note(|journal| EventKind::Aborted {
            task,
            by: journal.cause,
        });
    }

    /// The task that is polled waits for something.
    #[inline]
    pub(crate) fn note_wait(&mut self, on: WaitsFor) {
        if self.journal.is_some() {
            self.note_wait_now(on);
        }
    }

    #[cold]
    #[inline(never)]
    fn note_wait_now(&mut self, on: WaitsFor) {
        if let Some(journal) = &mut self.journal
            && let Some(task) = journal.polled()
        {
            journal.waits += 1;
            if on == WaitsFor::Job {
                journal.at_job.insert(task);
            }
            self.note(|_| EventKind::Waits { task, on });
        }
    }

    /// The task that is polled waits for a timer, which was armed now or before.
    #[inline]
    pub(crate) fn note_sleep(&mut self, timer: u32, deadline: Instant, armed: bool) {
        if self.journal.is_some() {
            self.note_sleep_now(timer, deadline, armed);
        }
    }

    #[cold]
    #[inline(never)]
    fn note_sleep_now(&mut self, timer: u32, deadline: Instant, armed: bool) {
        let deadline = self.clock.since_start(deadline);
        if armed {
            self.note(|journal| EventKind::TimerArmed {
                timer,
                task: journal.polled(),
                deadline,
            });
        }
        self.note_wait(WaitsFor::Timer { timer, deadline });
    }

    /// The wakers that have come among the woken were put there by that one.
    pub(crate) fn note_woken(&mut self, origin: Origin) {
        let woken = self.woken.len();
        if let Some(journal) = &mut self.journal {
            journal.woken_by.resize(woken, origin);
        }
    }

    /// The wakers among the woken, and who has put them there.
    pub(crate) fn take_woken(&mut self) -> Vec<(Waker, Origin)> {
        let woken_by = match &mut self.journal {
            Some(journal) => mem::take(&mut journal.woken_by),
            None => VecDeque::new(),
        };
        let woken = mem::take(&mut self.woken);
        debug_assert_eq!(woken.len(), woken_by.len(), "each waker has an origin");
        let origins = woken_by.into_iter().chain(iter::repeat(Origin::Outside));
        woken.into_iter().zip(origins).collect()
    }

    /// A task comes out of the ready queue, to be polled or dropped: it causes what happens now. If it is
    /// the first of its batch, a turn begins. Returns its id.
    fn note_task(&mut self, slot: u32) -> Option<u64> {
        let batch_end = self.ready.batch_end();
        let task = self.tasks.live_id(slot)?;
        let journal = self.journal.as_mut()?;
        journal.cause = Origin::Task(task);
        journal.waits = 0;
        journal.at_job.remove(&task);
        if journal.batch_end != batch_end {
            journal.batch_end = batch_end;
            journal.turn += 1;
            self.note(|_| EventKind::TurnBegins);
        }
        self.hold(task);
        Some(task)
    }

    /// Says, for whoever asks on another thread, which task has this one from now on.
    fn hold(&self, task: u64) {
        let live = self.journal.as_ref().map(|journal| journal.live());
        let name = live.and_then(|live| live.tasks.get(&task)?.name.clone());
        let since = real_now();
        self.inbox.set_holder(Some(Holding { task, name, since }));
    }

    pub(crate) fn note_poll_begins(&mut self, slot: u32) {
        if let Some(task) = self.note_task(slot) {
            self.note(|_| EventKind::PollBegins { task });
        }
    }

    /// A poll is over. `end` is `None` if the task is pending.
    pub(crate) fn note_poll_ends(&mut self, slot: u32, end: Option<End>, began: Duration) {
        let took = self.clock.elapsed().saturating_sub(began);
        self.inbox.set_holder(None);
        let Some(task) = self.journal.as_ref().and_then(|journal| journal.polled()) else {
            return;
        };
        if end.is_none()
            && self
                .journal
                .as_ref()
                .is_some_and(|journal| journal.waits == 0)
        {
            let itself = self.tasks.is_queued(slot);
            self.note_wait(if itself {
                WaitsFor::Turn
            } else {
                WaitsFor::Foreign
            });
        }
        let outcome = match end {
            None => Outcome::Pending,
            Some(End::Quiet) => Outcome::Ready,
            Some(End::Panic) => Outcome::Panicked,
        };
        self.note(|_| EventKind::PollEnds {
            task,
            outcome,
            took,
        });
        let journal = self.journal.as_mut();
        if let Some(end) = end
            && journal.is_some_and(|journal| journal.main.take_if(|main| *main == task).is_some())
        {
            self.note_finish(task, end);
        }
    }

    /// The task whose cell is lent is to be dropped.
    pub(crate) fn note_cancel(&mut self) {
        if self.journal.is_some()
            && let Some(slot) = self.tasks.lent()
        {
            self.note_task(slot);
            self.note_drop();
        }
    }

    /// The task that ends next is dropped, not done.
    pub(crate) fn note_drop(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.cancelling = true;
        }
    }

    /// The task whose cell is lent is done; or it is not, because it has aborted itself.
    pub(crate) fn note_end(&mut self, end: End) {
        if self.journal.is_none() {
            return;
        }
        self.inbox.set_holder(None);
        if self.tasks.is_itself_aborted() {
            return;
        }
        let slot = self.tasks.lent();
        if let Some(task) = slot.and_then(|slot| self.tasks.live_id(slot)) {
            self.note_finish(task, end);
        }
    }

    pub(crate) fn note_finish(&mut self, task: u64, end: End) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        // Whoever waits for it is woken in its name.
        journal.cause = Origin::Task(task);
        let how = match (end, mem::take(&mut journal.cancelling)) {
            (End::Panic, _) => Ending::Panicked,
            (End::Quiet, true) => Ending::Cancelled,
            (End::Quiet, false) => Ending::Returned,
        };
        self.note(|_| EventKind::Finished { task, how });
    }
}
