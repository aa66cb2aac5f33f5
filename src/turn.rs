//! One turn: what an event loop does, over and over.
//!
//! ```text
//!   1 run    poll the batch: everything that was ready when the turn began, in FIFO order
//!   2 park   if it is due: for zero if something is ready, else until the next deadline, else
//!            until an event
//!   3 wake   due sources → their tasks, the inbox → tasks, due timers → their tasks
//! ```
//!
//! **A batch is frozen.** A task that is woken during a turn is polled in the next one. So a task
//! that wakes itself for ever cannot keep the others from their poll, nor the loop from its park.
//!
//! **A park is due** when nothing is ready, and when the next batch would end more than 61 polls after
//! the last park (the number is tokio's, prime so that it falls in with no pattern of the program). A
//! batch is never interrupted: so the kernel and the timers are looked at after at most 61 polls or one
//! batch, whichever is more. A loop that is stepped by hand, or that is to stop, parks in every turn.
//!
//! asyncio's `_run_once` is the same circle, entered at another point: it selects, fires the timers, and
//! then runs the batch.
//!
//! **Nothing is borrowed while user code runs.** A `Resident` is a loop seen from its own thread, and a
//! `Loop` is its state. The turn borrows the state, and lets go of it before each poll, park and wake;
//! `with` borrows it for a closure that runs no user code. A task is lent to the turn while it is
//! polled; wakers and boxes leave the state before they are woken or dropped. So whatever is called may
//! call back: spawn, wake, abort, drop.

use std::fmt;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::current::Resident;
use crate::main_future::Main;
use crate::observe::Origin;
use crate::park_plan::Park;
use crate::state::Loop;
use crate::task::budget;
use crate::task::cell::{End, drop_quietly};
use crate::task::id::TaskNumber;
use crate::task::slots::{Lent, Popped};
use crate::wake::inbox::Message;
use crate::wake::waker::{wake_quietly, waker};

/// What one turn did, as [`EventLoop::turn`](crate::EventLoop::turn) returns it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turn {
    /// Futures that were polled.
    pub polled: usize,
    /// Tasks that were woken because a socket is ready.
    pub woken_by_sources: usize,
    /// Tasks that were woken or spawned from outside of the loop.
    pub woken_by_inbox: usize,
    /// Tasks that were woken because a deadline has come.
    pub woken_by_timers: usize,
    // The rest is filled in by `EventLoop::turn`.
    /// Tasks in the ready queue: what the next turn will poll.
    pub ready: usize,
    /// Tasks that are not done.
    pub left: usize,
    /// The loop's time at the end of the turn, counted from when the loop was made.
    pub time: Duration,
    /// Whether [`stop`](crate::stop) was called.
    pub stopped: bool,
}

/// When the loop returns to its caller.
pub(crate) enum Until<'main, 'future> {
    /// When the main future is ready, or the loop is to stop: `block_on`.
    Ready(&'main mut Main<'future>),
    /// When the loop is to stop: `run_forever`.
    Stopped,
    /// After one turn, whose park takes no longer than that: `turn`.
    OneTurn(Option<Duration>),
}

/// How many messages of other threads one turn handles: as many as the events that one system call
/// may bring. The next ones are handled in the next turn, which does not sleep.
const MESSAGES_PER_TURN: usize = 1_024;

/// For how many wakers the memory is kept from one turn to the next.
const KEPT_WOKEN: usize = 1_024;

impl Resident {
    /// Runs turns until the caller has what it waits for. Returns what the last one did, and those just
    /// before it that made no park.
    pub(crate) fn run(&self, mut until: Until<'_, '_>) -> io::Result<Turn> {
        let _polls = budget::Polls;
        let mut turn = Turn::default();
        let mut state = self.borrow();
        loop {
            // 1 run
            state.ready.freeze();
            let mut pending = None;
            while let Some(popped) = state.next(pending.take()) {
                drop(state); // user code runs
                match popped {
                    Popped::Task(number, mut task) => {
                        turn.polled += 1;
                        match self.poll(number, task.future()) {
                            Poll::Pending => pending = Some(task),
                            Poll::Ready(end) => self.finish(task, end),
                        }
                    }
                    Popped::Aborted(task) => self.cancel(task),
                    Popped::Main(number) => {
                        turn.polled += 1;
                        if self.poll_main(number, &mut until) {
                            self.park_if_overdue();
                            return Ok(turn);
                        }
                    }
                    Popped::Stale => {}
                }
                state = self.borrow();
            }
            if !state.is_park_due() && !until.is_one_turn() {
                continue;
            }
            let limit = until.limit(&state);
            drop(state);

            let parked = self.park(limit); // 2 park
            if parked.is_ok() {
                self.wake_due(&mut turn); // 3 wake
            }
            self.notify_at_rest();
            parked?;
            state = self.borrow();
            if until.is_one_turn() || state.stopping {
                return Ok(turn);
            }
            turn = Turn::default();
        }
    }

    /// Polls the main future. Returns true if it is ready: the rest of the batch stays in the queue.
    fn poll_main(&self, number: TaskNumber, until: &mut Until<'_, '_>) -> bool {
        let Until::Ready(main) = until else {
            unreachable!("the main future has a place for as long as `block_on` runs");
        };
        let polled = self.poll(number, main.future.as_mut());
        if let Poll::Ready(end) = polled {
            main.done = true;
            if self.is_observed() {
                self.with(|state| state.record_finish(end));
            }
        }
        polled.is_ready()
    }

    /// Polls a future with the waker of its number and a budget of its own.
    #[inline(always)]
    fn poll(&self, number: TaskNumber, future: Pin<&mut dyn Future<Output = End>>) -> Poll<End> {
        if self.is_observed() {
            return self.poll_observed(number, future);
        }
        poll_with_waker(number, future)
    }

    /// A task is ready: wakes what waits for it.
    #[inline(never)]
    fn finish(&self, task: Lent, end: End) {
        match self.with(|state| state.finish(task, end)) {
            Ok((joiner, unheld)) => {
                joiner.into_iter().for_each(wake_quietly);
                unheld.into_iter().for_each(drop_quietly);
            }
            Err(aborted) => self.cancel(aborted),
        }
    }

    /// A task was aborted: drops its future, and wakes what waits for it.
    fn cancel(&self, mut task: Lent) {
        self.with(|state| state.record_cancel());
        let end = task.cancel();
        self.finish(task, end);
    }

    /// A main future that is ready is returned at once. But `block_on` that is called in a row must not
    /// starve the rest: a park that is overdue is made, without waiting. If it fails, the next one will
    /// say so.
    fn park_if_overdue(&self) {
        budget::end();
        if self.with(|state| state.is_park_overdue()) {
            let _ = self.park(Some(Duration::ZERO));
            self.wake_due(&mut Turn::default());
        }
        self.notify_at_rest();
    }

    /// Asks the kernel, sleeping if nothing is ready. Under a virtual clock, lets time pass instead if
    /// it can.
    fn park(&self, limit: Option<Duration>) -> io::Result<()> {
        budget::end();
        let begun = self.record_rest();
        let park = self.with(|it| it.begin_park(limit));
        let parked = match park {
            Park::Ask(timeout) => {
                let parked = self.poller().park(timeout);
                self.with(|it| it.end_park(timeout));
                parked
            }
            Park::Skipped => Ok(()),
            Park::Never => self.deadlock(),
        };
        if let Some(begun) = begun {
            self.record_park(begun, park);
        }
        parked
    }

    /// Queues the tasks that wait for what the park has brought.
    fn wake_due(&self, turn: &mut Turn) {
        let mut poller = self.poller();
        turn.woken_by_sources = self.wake_all(move |it| it.take_events(&mut poller.events));
        turn.woken_by_inbox = self.read_inbox();
        turn.woken_by_timers = self.wake_all(Loop::take_due);
    }

    /// Wakes what `take` finds. Returns how many tasks came into the ready queue.
    fn wake_all(&self, take: impl FnOnce(&mut Loop)) -> usize {
        let (before, others) = self.with(|it| {
            let before = it.ready.pushed();
            take(it);
            (before, !it.woken.is_empty())
        });
        if others {
            self.wake_others();
        }
        self.with(|it| it.ready.pushed() - before) as usize
    }

    /// Wakes the wakers that may be foreign, so that they were not turned into queued tasks at once.
    fn wake_others(&self) {
        let mut woken = self.with(|it| mem::take(&mut it.woken));
        for (waker, by) in woken.drain(..) {
            if self.is_observed() {
                self.with(|it| it.log.cause = by);
            }
            wake_quietly(waker);
        }
        self.with(|it| {
            it.log.cause = Origin::Outside;
            if woken.capacity() <= KEPT_WOKEN {
                it.woken = woken;
            }
        });
    }

    /// Does what other threads have asked for, as far as one turn goes. Returns how many tasks came
    /// into the ready queue.
    fn read_inbox(&self) -> usize {
        let Some(before) = self.with(Loop::open_inbox) else {
            return 0;
        };
        for _ in 0..MESSAGES_PER_TURN {
            let Some(message) = self.with(Loop::next_message) else {
                break;
            };
            self.receive(message);
        }
        self.with(|it| {
            it.log.cause = Origin::Outside;
            it.ready.pushed() - before
        }) as usize
    }

    fn receive(&self, message: Message) {
        match message {
            Message::Wake(slot) => self.with(|it| it.wake_slot(slot)),
            Message::Spawn(spawn) => spawn(),
            Message::Stop => self.with(|it| it.stop()),
            Message::Abort { slot, id } => self.with(|it| it.abort(slot, id)),
            Message::ReleaseTask { slot, id } => {
                let (unseen, joiner) = self.with(|it| it.tasks.release(slot, id));
                drop_quietly(joiner);
                drop_quietly(unseen);
            }
            Message::ReleaseTimer(key) => drop_quietly(self.with(|it| it.drop_timer(key))),
            Message::ReleaseSource(slot) => drop_quietly(self.with(|it| it.drop_source(slot))),
            Message::ReleaseGroup(group) => drop_quietly(self.with(|it| it.groups.remove(group))),
            Message::ReleaseJob => self.with(|it| it.jobs = it.jobs.saturating_sub(1)),
            // The thread that has asked may be gone.
            Message::Dump(asker) => drop(asker.send(self.with(|it| it.dump()))),
            Message::NoHandles => {}
        }
    }

    #[cold]
    fn deadlock(&self) -> ! {
        let dump = self.with(|it| it.dump());
        panic!(
            "deadlock: nothing is ready, and no timer, socket, executor job or LoopHandle is left \
             to wake any task\n{dump}"
        )
    }
}

/// Polls a future with the waker of its number and a budget of its own.
#[inline(always)]
pub(crate) fn poll_with_waker(
    number: TaskNumber,
    future: Pin<&mut dyn Future<Output = End>>,
) -> Poll<End> {
    budget::refill();
    future.poll(&mut Context::from_waker(&waker(number)))
}

impl Until<'_, '_> {
    fn is_one_turn(&self) -> bool {
        matches!(self, Until::OneTurn(_))
    }

    /// How long the caller would let the loop park.
    fn limit(&self, state: &Loop) -> Option<Duration> {
        match self {
            Until::OneTurn(timeout) => state.limit_of_step(*timeout),
            _ => None,
        }
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "polled {}; woken by sources {}, inbox {}, timers {}; ready {}, left {}; {:.3} s",
            self.polled,
            self.woken_by_sources,
            self.woken_by_inbox,
            self.woken_by_timers,
            self.ready,
            self.left,
            self.time.as_secs_f64(),
        )
    }
}
