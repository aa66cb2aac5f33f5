//! The turn: what an event loop does, over and over.
//!
//! ```text
//!   1 run    poll what is ready, in FIFO order, batch after batch until a park is due
//!   2 park   for zero if something is ready, else until the next deadline, else until an event
//!   3 wake   due sources → their tasks, the inbox → tasks, due timers → their tasks
//! ```
//!
//! **A batch is frozen.** It is what stood in the ready queue when it began; what is woken
//! meanwhile is in the next one. So a task that wakes itself for ever cannot keep the others from
//! their poll, nor the loop from its park.
//!
//! **Parks are left out while tasks are ready**, until 61 polls have been made since the last one
//! (the number is tokio's, prime so that it falls in with no pattern of the program). So the first
//! step of a turn, a *run*, is one batch or several. A batch is never interrupted, and only the
//! first one of a run may exceed the 61: so the kernel and the timers are looked at after at most 61
//! polls or one batch, whichever is more. A turn that is made by hand has one batch.
//!
//! A `Resident` is a loop seen from its own thread; its `with` lends out the state, a `Loop`, for
//! one step. How long the second step may take, `begin_park` says.
//!
//! **Nothing is borrowed while user code runs.** Each `with` below borrows the loop's state for one
//! step. A task's cell is lent while it is polled; wakers and boxes leave before they are woken or
//! dropped. So whatever is called may call back: spawn, wake, abort, drop.

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
use crate::state::{Loop, Parks};
use crate::task::budget;
use crate::task::cell::{End, drop_quietly};
use crate::task::id::TaskNumber;
use crate::task::slots::{Lent, Runnable};
use crate::wake::inbox::Message;
use crate::wake::waker::{wake_quietly, waker};

/// What one turn did, as [`EventLoop::turn`](crate::EventLoop::turn) tells it.
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

/// How many messages of other threads one turn handles: as many as the events that one system call
/// may bring. The next ones are handled in the next turn, which does not sleep.
const MESSAGES_PER_TURN: usize = 1_024;

/// For how many wakers the memory is kept from one turn to the next.
const KEPT_WOKEN: usize = 1_024;

impl Resident {
    /// A run of one batch or several, a park, and the wakes.
    pub(crate) fn turn(
        &self,
        mut main: Option<&mut Main<'_>>,
        limit: Option<Duration>,
        parks: Parks,
    ) -> io::Result<Turn> {
        let mut turn = Turn::default();
        self.run(&mut main, parks, &mut turn); // 1 run
        if !main.is_some_and(|main| main.done) {
            self.park(limit, parks)?; // 2 park
            self.wake_due(&mut turn); // 3 wake
        } else if self.with(|it| it.is_park_due()) {
            // A main future that is ready is returned at once. But `block_on` that is called in a row
            // must not starve the rest, so a park that is due is made, without waiting. If it fails,
            // the next turn will say so.
            let _ = self.park(Some(Duration::ZERO), parks);
            self.wake_due(&mut turn);
        }
        self.tell_at_rest();
        Ok(turn)
    }

    /// Polls batches until a park is due, one in any case; the only place where tasks are polled.
    /// When the main future is ready, the rest of the batch is not polled.
    fn run(&self, main: &mut Option<&mut Main<'_>>, parks: Parks, turn: &mut Turn) {
        // Outside of polls nothing is counted: this sees to it at the end, whichever way that comes.
        let _unlimited = budget::Unlimited;
        self.with(|it| it.begin_run(parks));
        let observed = self.with(|it| it.log.on);
        let mut pending = None;
        while let Some(runnable) = self.with(|it| it.next(pending.take())) {
            let Some(runnable) = runnable else {
                continue;
            };
            match (runnable, &mut *main) {
                (Runnable::Task(number, mut task), _) => {
                    turn.polled += 1;
                    let polled = match observed {
                        true => self.poll_observed(number, task.future()),
                        false => self.poll(number, task.future()),
                    };
                    match polled {
                        Poll::Pending => pending = Some(task),
                        Poll::Ready(end) => self.finish(task, end),
                    }
                }
                (Runnable::Aborted(task), _) => self.cancel(task),
                (Runnable::Main(number), Some(main)) => {
                    turn.polled += 1;
                    let polled = match observed {
                        true => self.poll_observed(number, main.future.as_mut()),
                        false => self.poll(number, main.future.as_mut()),
                    };
                    if let Poll::Ready(end) = polled {
                        main.done = true;
                        self.with(|it| it.note_finish(end));
                        return;
                    }
                }
                (Runnable::Main(_), None) => unreachable!("main is polled by its `block_on`"),
            }
        }
    }

    /// Polls something with a number's waker and a budget of its own.
    #[inline(always)]
    pub(crate) fn poll(
        &self,
        number: TaskNumber,
        future: Pin<&mut dyn Future<Output = End>>,
    ) -> Poll<End> {
        budget::refill();
        future.poll(&mut Context::from_waker(&waker(number)))
    }

    /// A task is ready: wakes who waits for it.
    #[inline(never)]
    fn finish(&self, task: Lent, end: End) {
        match self.with(|it| it.finish(task, end)) {
            Ok((joiner, unheld)) => {
                joiner.into_iter().for_each(wake_quietly);
                unheld.into_iter().for_each(drop_quietly);
            }
            Err(aborted) => self.cancel(aborted),
        }
    }

    /// A task was aborted: drops it, and wakes who waits for it.
    fn cancel(&self, mut task: Lent) {
        self.with(|it| it.note_cancel());
        let end = task.cancel();
        self.finish(task, end);
    }

    /// Asks the kernel, sleeping if nothing is ready. Under a virtual clock, lets time pass instead if
    /// it can.
    fn park(&self, limit: Option<Duration>, parks: Parks) -> io::Result<()> {
        let begun = self.rest();
        let park = self.with(|it| it.begin_park(limit, parks));
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
            self.note_park(begun, park);
        }
        parked
    }

    /// Puts in the ready queue who waits for what the park has brought.
    fn wake_due(&self, turn: &mut Turn) {
        let mut poller = self.poller();
        turn.woken_by_sources = self.wake_all(move |it| it.take_events(&mut poller.events));
        turn.woken_by_inbox = self.read_inbox();
        turn.woken_by_timers = self.wake_all(Loop::take_due);
    }

    /// Wakes whom `take` finds, and says how many tasks came into the ready queue.
    pub(crate) fn wake_all(&self, take: impl FnOnce(&mut Loop)) -> usize {
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

    /// Wakes those whose wakers may be the user's, so that they were not queued at once.
    fn wake_others(&self) {
        let mut woken = self.with(|it| mem::take(&mut it.woken));
        for (waker, by) in woken.drain(..) {
            self.with(|it| it.log.cause = by);
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
    pub(crate) fn read_inbox(&self) -> usize {
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
            // Whoever has asked may be gone.
            Message::Dump(asker) => drop(asker.send(self.with(|it| it.dump()))),
            Message::NoHandles => {}
        }
    }

    #[cold]
    fn deadlock(&self) -> ! {
        let dump = self.with(|it| it.dump());
        panic!(
            "deadlock: nothing is ready, and no timer, socket, executor job or LoopHandle is left \
             to wake anybody\n{dump}"
        )
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
