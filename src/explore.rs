//! Every schedule a program can have: what is right in one order of tasks may be wrong in another.
//!
//! A loop is FIFO, so a test sees one schedule, always the same. [`explore()`] runs a program under many: on a fresh
//! loop with a virtual clock each time, and with another order of the tasks that are ready. If one fails, it panics
//! with the program's message, the shortest failing schedule that was found, drawn above FIFO's, and a line that
//! replays it.
//!
//! ```should_panic
//! use std::{cell::Cell, rc::Rc};
//! use boucle::{spawn_named, yield_now};
//!
//! // Looks, waits, and takes: by then somebody else may have taken it.
//! async fn withdraw(account: Rc<Cell<i32>>, amount: i32) {
//!     if account.get() >= amount {
//!         yield_now().await;
//!         account.set(account.get() - amount);
//!     }
//! }
//!
//! boucle::explore(|| async {
//!     let account = Rc::new(Cell::new(100));
//!     let cash = spawn_named("cash", withdraw(account.clone(), 80));
//!     let later = account.clone();
//!     let card = spawn_named("card", async move {
//!         yield_now().await;
//!         yield_now().await;
//!         withdraw(later, 80).await
//!     });
//!     cash.await.unwrap();
//!     card.await.unwrap();
//!     assert!(account.get() >= 0, "the account is overdrawn: {}", account.get());
//! });
//! ```
//!
//! panics, as a test `two_withdrawals`, with
//!
//! ```text
//! schedule 7 fails: panicked at src/lib.rs:23:5: the account is overdrawn: -60
//!
//! The shortest found leaves FIFO at 2 of 6 choices:
//!   choice 0: #3 is next, not #2
//!   choice 1: #3 is next, not #2
//!
//! turn         1     2           3 4         5 6         7 8
//! time         0
//! #1 main  run>[1]~#2~~~~~~~~~~~~~~~~~~~~~~~~~~#2=========>[1] panicked
//! #2 cash      +#1================>[1]=yield==>[1] returned
//! #3 card      +#1==>[1]=yield==>[1]=yield==>[1]=yield==>[1] returned
//!
//! FIFO, which passes:
//!
//! turn         1     2 3         4 5  6        7    8
//! time         0
//! #1 main  run>[1]~#2~~~~~~~~~~~~#2==>[1]~#3~~~#3==>[1] returned
//! #2 cash      +#1==>[1]=yield==>[1] returned
//! #3 card      +#1====>[1]=yield==>[1]=yield==>[1] returned
//!
//! [2] polled, second in its turn   === ready, waits for the thread
//! ~~~ waits for what it says   +#1 spawned by #1   #1 woken by #1   timer> woken by a timer
//! !#1 aborted by #1   [x] dropped   ... as before
//!
//! To run it alone: BOUCLE_SCHEDULE=0:1,1:1 cargo test two_withdrawals
//! ```
//!
//! A turn polls one task here. `cargo run --example race` is this program.
//!
//! # What is explored
//!
//! - **Which ready task is next**, after every poll. Timers that are due together wake tasks, and each order of
//!   those is tried. The task that has been ready for longest is passed over at most 64 times in a row, so a task that
//!   yields until another has done something does not hang.
//! - **The program's own choices**, by [`choose`]: inputs, faults.
//! - **Where a future is dropped**, by [`cancel`].
//!
//! By default FIFO comes first, then each schedule that leaves it once, then each that leaves it twice, and so on
//! (Musuvathi and Qadeer, "Iterative context bounding for systematic testing of multithreaded programs", 2007), until
//! there is none left, which [`Explored::complete`] says; or until half of the [bound](Explore::schedules) is spent. The
//! rest goes to schedules that are drawn by [seed](Explore::seed), evenly and by priorities.
//!
//! # What is not
//!
//! - **Threads.** Jobs, locks between threads and atomics have orders of their own: loom and shuttle explore those.
//!   (Of three small programs, boucle runs 1.2 to 2.5 times as many schedules in a second as shuttle, and 9 to 29 times
//!   as many as loom: `benches/peers` has the programs, and what differs.)
//! - **The world.** A program may not repeat itself if it opens a socket, reads the system's clock or draws random
//!   numbers. turmoil and madsim simulate networks. Under the virtual clock a computation takes no time: a timer never fires
//!   before what is ready has been polled.
//! - **What happens within one poll.** It is one step, as on any single-threaded loop.
//!
//! # What is a failure
//!
//! Any panic on the thread that runs the program, in whatever task, also one that the program catches or whose
//! [`JoinError`](crate::JoinError) it handles; a deadlock; and a run that takes [too many polls](Explore::polls). Panics
//! of explored programs are not printed: the report has the first of them. (`resume_unwind` is no panic here, unless it
//! ends the main future.)

mod report;
mod run;
mod schedule;

use std::fmt;
use std::future::poll_fn;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use crate::explore::report::Replay;
use crate::explore::run::{Run, run};
use crate::explore::schedule::{Choices, Chooser, Deviations, Priorities, Schedule};
use crate::observe::observers::Observers;
use crate::time::clock::real_now;
use crate::wake::order::Random;

pub use report::Failure;
pub use schedule::choose;

/// Runs a program under many schedules: all, if there are at most 5,000; else 10,000, half of them random. See
/// [the module](self).
///
/// The program makes its futures anew for each run, and must do the same under the same schedule. What it shares with
/// the outside is shared by all runs.
///
/// ```
/// use async_channel::bounded;
///
/// let explored = boucle::explore(|| async {
///     let (sender, receiver) = bounded(1);
///     let twice = sender.clone();
///     boucle::spawn(async move { sender.send("hello").await });
///     boucle::spawn(async move { twice.send("world").await });
///     let (one, other) = (receiver.recv().await.unwrap(), receiver.recv().await.unwrap());
///     assert_ne!(one, other);
/// });
/// assert!(explored.complete);
/// ```
///
/// # Panics
///
/// If the program fails under a schedule: if anything in it panics, if it deadlocks, or does not end.
/// `BOUCLE_SCHEDULE`, as the panic prints it, runs that schedule alone.
#[track_caller]
pub fn explore<F: Future>(program: impl Fn() -> F + Sync) -> Explored {
    Explore::new().run(program)
}

/// Runs an operation to its end; then again and again, and drops it at the first poll that is pending, at the second,
/// and so on. After each run it checks what is left: is the value still in the queue, the lock free, the file whole?
///
/// `setup` makes what the operation works on; `check` is given that, and the output, or `None` if the operation was
/// dropped. The order of tasks is FIFO; [`Explore::cancel`] combines both.
///
/// ```
/// let explored = boucle::explore::cancel(
///     || {
///         let (sender, receiver) = async_channel::unbounded();
///         boucle::spawn(async move { sender.send("hello").await });
///         receiver
///     },
///     async |receiver| receiver.recv().await.unwrap(),
///     async |receiver, received| match received {
///         Some(message) => assert_eq!(message, "hello"),
///         None => assert_eq!(receiver.recv().await.unwrap(), "hello", "it is still there"),
///     },
/// );
/// assert_eq!(explored.to_string(), "2 schedules, complete");
/// ```
///
/// # Panics
///
/// If the check fails, or anything else panics; as [`explore()`].
#[track_caller]
pub fn cancel<S, T>(
    setup: impl Fn() -> S + Sync,
    operation: impl AsyncFn(&mut S) -> T + Sync,
    check: impl AsyncFn(S, Option<T>) + Sync,
) -> Explored {
    Explore::new().orders(false).cancel(setup, operation, check)
}

/// How a program is explored.
///
/// ```
/// use boucle::explore::{Explore, Strategy};
///
/// let explored = Explore::new().schedules(500).strategy(Strategy::Random).seed(7).run(|| async {
///     boucle::gather((0..10).map(|_| boucle::yield_now())).await;
/// });
/// assert_eq!(explored.to_string(), "500 schedules, bounded");
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is explored until `run` or `cancel` is called"]
pub struct Explore {
    schedules: u64,
    time: Option<Duration>,
    polls: u64,
    seed: u64,
    strategy: Strategy,
    choices: Choices,
    threads: usize,
}

/// Which schedules are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Those of `Exhaustive`, up to half of the bound, and then those of `Random`.
    #[default]
    Mixed,
    /// Each that leaves FIFO once, then each that leaves it twice, and so on.
    Exhaustive,
    /// FIFO, and then one that is drawn by each seed: evenly, or by priorities that change
    /// up to three times.
    Random,
}

/// What was explored, without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explored {
    /// How many schedules were tried.
    pub schedules: u64,
    /// Whether these are all that the options allow.
    pub complete: bool,
}

/// How many schedules are tried, or shared out among threads, before the time and the results are looked at.
const CHUNK: usize = 256;

/// A schedule to be tried.
enum Plan {
    Deviations(Deviations),
    /// Evenly, by a seed.
    Even(u64),
    /// By a seed, and priorities that change so often.
    Priorities(u64, usize),
}

/// What has been tried so far.
struct Tried {
    schedules: u64,
    /// The most choices that a run had.
    choices: usize,
    until: Option<Instant>,
}

impl Tried {
    fn is_late(&self) -> bool {
        self.until.is_some_and(|until| real_now() >= until)
    }
}

/// A run that has failed, after so many schedules.
struct Failed {
    run: Run,
    tried: u64,
}

impl Explore {
    /// At most 10,000 schedules, on this thread.
    pub fn new() -> Explore {
        Explore {
            schedules: 10_000,
            time: None,
            polls: 100_000,
            seed: 0,
            strategy: Strategy::Mixed,
            choices: Choices { orders: true, spurious: false },
            threads: 1,
        }
    }

    /// Sets how many schedules are tried at most: 10,000 by default.
    pub fn schedules(mut self, schedules: u64) -> Explore {
        self.schedules = schedules;
        self
    }

    /// Stops after that time, which is looked at every 256 schedules: the result is not complete then. By default
    /// there is no limit, so that every run of a test tries the same schedules.
    pub fn time(mut self, limit: Duration) -> Explore {
        self.time = Some(limit);
        self
    }

    /// Sets how many polls a run may take: with more it fails. 100,000 by default.
    pub fn polls(mut self, limit: u64) -> Explore {
        self.polls = limit;
        self
    }

    /// Sets the seed of the random schedules: 0 by default. The same seed gives the same schedules.
    pub fn seed(mut self, seed: u64) -> Explore {
        self.seed = seed;
        self
    }

    /// Sets which schedules are tried.
    pub fn strategy(mut self, strategy: Strategy) -> Explore {
        self.strategy = strategy;
        self
    }

    /// Sets whether other orders of tasks than FIFO are tried, as by default, or only what the program
    /// [chooses](choose).
    pub fn orders(mut self, orders: bool) -> Explore {
        self.choices.orders = orders;
        self
    }

    /// Sets whether a task that waits may be polled though nothing has woken it: by default not. (The main future is
    /// not.) A future has to bear that, since another one of the same task may have been woken.
    pub fn spurious_polls(mut self, spurious: bool) -> Explore {
        self.choices.spurious = spurious;
        self
    }

    /// Shares the schedules among so many threads: by default there is one. Without a limit of time the result is the
    /// same.
    pub fn threads(mut self, threads: usize) -> Explore {
        self.threads = threads.max(1);
        self
    }

    /// Explores a program: see [`explore()`].
    ///
    /// # Panics
    ///
    /// As [`explore()`].
    #[track_caller]
    pub fn run<F: Future>(&self, program: impl Fn() -> F + Sync) -> Explored {
        self.try_run(program).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// Explores a program, and returns what is said of a failure instead of a panic.
    ///
    /// # Errors
    ///
    /// If the program fails under a schedule.
    ///
    /// ```
    /// use boucle::explore::Explore;
    ///
    /// let failure = Explore::new().try_run(|| async { panic!("no luck") }).unwrap_err();
    /// assert!(failure.message.ends_with("no luck"));
    /// assert_eq!(failure.schedule, "fifo");
    /// ```
    pub fn try_run<F: Future>(&self, program: impl Fn() -> F + Sync) -> Result<Explored, Failure> {
        let replay = Replay { polls: self.polls, choices: self.choices };
        match report::asked() {
            Some(asked) => replay.asked(&program, asked).map(|()| Explored { schedules: 1, complete: false }),
            None => {
                self.search(&program).map_err(|Failed { run, tried }| replay.report(&program, &run, tried))
            }
        }
    }

    /// Explores where an operation can be dropped, under each order of tasks: see [`cancel`].
    ///
    /// # Panics
    ///
    /// As [`cancel`].
    #[track_caller]
    pub fn cancel<S, T>(
        &self,
        setup: impl Fn() -> S + Sync,
        operation: impl AsyncFn(&mut S) -> T + Sync,
        check: impl AsyncFn(S, Option<T>) + Sync,
    ) -> Explored {
        self.try_cancel(setup, operation, check).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// As [`cancel`](Self::cancel), and returns what is said of a failure instead of a panic.
    ///
    /// # Errors
    ///
    /// If the check fails, or anything else panics.
    pub fn try_cancel<S, T>(
        &self,
        setup: impl Fn() -> S + Sync,
        operation: impl AsyncFn(&mut S) -> T + Sync,
        check: impl AsyncFn(S, Option<T>) + Sync,
    ) -> Result<Explored, Failure> {
        self.try_run(|| async {
            let mut state = setup();
            let output = until_dropped(operation(&mut state)).await;
            check(state, output).await;
        })
    }

    fn search<F: Future>(&self, program: &(impl Fn() -> F + Sync)) -> Result<Explored, Failed> {
        let mut tried = Tried {
            schedules: 0,
            choices: 0,
            until: self.time.and_then(|limit| real_now().checked_add(limit)),
        };
        let complete = self.search_by_deviations(program, &mut tried)?;
        while !complete
            && self.strategy != Strategy::Exhaustive
            && tried.schedules < self.schedules
            && !tried.is_late()
        {
            let to = self.schedules.min(tried.schedules + CHUNK as u64);
            let plans: Vec<_> = (tried.schedules..to).map(|index| self.drawn(index)).collect();
            self.try_all(program, &plans, &mut tried)?;
        }
        Ok(Explored { schedules: tried.schedules, complete })
    }

    /// Tries FIFO, then all with one deviation from it, then all with two, up to a bound. Returns whether these are
    /// all.
    fn search_by_deviations<F: Future>(
        &self,
        program: &(impl Fn() -> F + Sync),
        tried: &mut Tried,
    ) -> Result<bool, Failed> {
        let bound = match self.strategy {
            Strategy::Mixed => self.schedules.div_ceil(2),
            Strategy::Exhaustive => self.schedules,
            Strategy::Random => 1,
        };
        let mut plans = vec![Plan::Deviations(Deviations::default())];
        while !plans.is_empty() {
            let mut next = Vec::new();
            for chunk in plans.chunks(CHUNK) {
                let left = usize::try_from(bound - tried.schedules).unwrap_or(usize::MAX);
                if left < chunk.len() {
                    return self.try_all(program, &chunk[..left], tried).map(|_| false);
                }
                let runs = self.try_all(program, chunk, tried)?;
                if tried.is_late() {
                    return Ok(false);
                }
                let longer = runs.iter().flat_map(Run::one_deviation_more).map(Plan::Deviations);
                // No more than can be tried, and one to show that they are not all.
                next.extend(longer.take(left.saturating_add(1).saturating_sub(next.len())));
            }
            plans = next;
        }
        Ok(true)
    }

    /// Runs schedules, up to the first that fails.
    fn try_all<F: Future>(
        &self,
        program: &(impl Fn() -> F + Sync),
        plans: &[Plan],
        tried: &mut Tried,
    ) -> Result<Vec<Run>, Failed> {
        let mut runs = self.run_all(program, plans, tried.choices);
        tried.schedules += runs.len() as u64;
        tried.choices = runs.iter().fold(tried.choices, |most, run| most.max(run.taken.len()));
        match runs.pop_if(|last| last.failure.is_some()) {
            Some(run) => Err(Failed { run, tried: tried.schedules }),
            None => Ok(runs),
        }
    }

    /// A random schedule: every other one is drawn evenly.
    fn drawn(&self, index: u64) -> Plan {
        let seed = Random::new(self.seed ^ index.rotate_left(32)).next();
        if index.is_multiple_of(2) {
            Plan::Even(seed)
        } else {
            Plan::Priorities(seed, 1 + index as usize / 2 % 3)
        }
    }

    /// Runs schedules, on some threads, up to the first that fails.
    fn run_all<F: Future>(
        &self,
        program: &(impl Fn() -> F + Sync),
        plans: &[Plan],
        choices: usize,
    ) -> Vec<Run> {
        let (next, end) = (AtomicUsize::new(0), AtomicUsize::new(plans.len()));
        let strand = || {
            let mut runs = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= end.load(Ordering::Relaxed) {
                    return runs;
                }
                let run = run(program, self.schedule(&plans[index], choices), Observers::default());
                if run.failure.is_some() {
                    end.fetch_min(index, Ordering::Relaxed);
                }
                runs.push((index, run));
            }
        };
        let mut runs = if self.threads == 1 {
            strand()
        } else {
            thread::scope(|scope| {
                let strands: Vec<_> = (0..self.threads).map(|_| scope.spawn(strand)).collect();
                let ended = strands.into_iter().map(|strand| strand.join());
                ended.flat_map(|runs| runs.unwrap_or_else(|payload| resume_unwind(payload))).collect()
            })
        };
        runs.sort_unstable_by_key(|(index, _)| *index);
        let first_failed = end.into_inner();
        runs.into_iter().take_while(|(index, _)| *index <= first_failed).map(|(_, run)| run).collect()
    }

    fn schedule(&self, plan: &Plan, choices: usize) -> Schedule {
        let (planned, chooser) = match plan {
            Plan::Deviations(deviations) => (deviations.clone(), Chooser::First),
            Plan::Even(seed) => (Deviations::default(), Chooser::Random(Random::new(*seed))),
            Plan::Priorities(seed, falls) => {
                let priorities = Priorities::new(Random::new(*seed), *falls, choices as u64);
                (Deviations::default(), Chooser::Priorities(priorities))
            }
        };
        Schedule::new(planned, chooser, self.polls, self.choices)
    }
}

impl Default for Explore {
    fn default() -> Self {
        Explore::new()
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.complete { "complete" } else { "bounded" };
        let plural = if self.schedules == 1 { "" } else { "s" };
        write!(f, "{} schedule{plural}, {kind}", self.schedules)
    }
}

/// Waits for a future, or drops it where that is chosen.
async fn until_dropped<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if choose(2) == 1 => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}
