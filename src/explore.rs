//! Runs a program under many schedules, to find one that fails.
//!
//! A loop is FIFO, so a test sees one schedule, always the same. [`explore()`] runs a program again and
//! again, each time on a new loop with a virtual clock, and polls the ready tasks in another order. If a run
//! fails, `explore` panics. The message contains the program's own, a picture of the shortest failing
//! schedule that was found, above one of FIFO's, and a line that replays it. Name the tasks
//! ([`spawn_named`](crate::spawn_named)): the picture shows their names.
//!
//! ```should_panic
//! use std::{cell::Cell, rc::Rc};
//! use boucle::{spawn_named, yield_now};
//!
//! // Checks the balance before it waits: another withdrawal may come between.
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
//! As a test `two_withdrawals` of a package `bank`, this panics with
//!
//! ```text
//! schedule 7 fails: panicked at src/lib.rs:23:5: the account is overdrawn: -60
//!
//! The shortest found leaves FIFO at 2 of 6 choices:
//!   choice 0, turn 2: #3 is next, not #2
//!   choice 1, turn 3: #3 is next, not #2
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
//! run> main begins   [1] polled, first in its turn   === ready, waits for the thread
//! ~~~ waits for what it says   +#1 spawned by #1   #1==> woken by #1
//!
//! To run it alone: BOUCLE_SCHEDULE=0:1,1:1 cargo test -p bank two_withdrawals -- --exact
//! ```
//!
//! `cargo run --example race` is this program.
//!
//! # What is explored
//!
//! - **Which ready task is polled next**, after every poll: in an exploration each turn polls one task. So tasks
//!   whose timers are due together are polled in each order. The task that has been ready for longest is passed
//!   over at most 64 times in a row, not counting [spurious polls](Explore::spurious_polls). So a task that
//!   yields until another has done something does not hang. (Even under FIFO, messages of a
//!   [`LoopHandle`](crate::LoopHandle), sockets and signals may be looked at after other polls than in a usual
//!   loop.)
//! - **The program's own choices**, by [`choose`]: inputs, faults.
//! - **Where a future is dropped**, by [`cancel`].
//!
//! By default FIFO comes first, then each schedule that leaves it once, then each that leaves it twice, and so
//! on (Musuvathi and Qadeer, "Iterative context bounding for systematic testing of multithreaded programs",
//! 2007). If half of the [bound](Explore::schedules) of 10,000 is enough for all, the result is
//! [complete](Explored::complete). Else the rest of the bound goes to [random](Strategy::Random) schedules, by
//! a [seed](Explore::seed).
//!
//! How a program waits for its tasks decides how many schedules it has, since the polls of the task that waits
//! have places in the order too. For three tasks of two yields each:
//!
//! | what the main future awaits | schedules |
//! |---|---|
//! | [`gather`](crate::gather()) of the futures; [`wait`](crate::wait) for all handles | 1,680 |
//! | one handle after the other | 4,875 |
//! | [`TaskGroup::join_all`](crate::TaskGroup::join_all) | 11,130 |
//! | `gather` of the handles: each has a task, which awaits it | more than 100,000 |
//!
//! # What is not
//!
//! - **Threads.** Jobs, locks between threads and atomics have orders of their own: loom and shuttle explore
//!   those. (`benches/peers` compares how many schedules each of the three runs in a second.)
//! - **The system.** A program that opens a socket, reads the system's clock or draws random numbers may do
//!   something else in each run. Give a protocol a pipe in memory
//!   ([`virtual_clock`](crate::Builder::virtual_clock) names some), and a server a
//!   [`Listener`](crate::net::Listener) in memory. turmoil and madsim simulate networks.
//! - **Chance.** Random numbers hide in `futures::select!` and `tokio::select!` (use `select_biased!`, and
//!   `biased;`), in `futures_lite::future::race` and whatever else uses `fastrand`, such as `piper` (call
//!   `fastrand::seed(1)` at the start of the program), and in the order of a `HashMap` (use a `BTreeMap`).
//! - **Timers against computations.** Under the virtual clock a computation takes no time: a timer never
//!   fires before what is ready has been polled.
//! - **What happens within one poll.** It is one step, as on any single-threaded loop. So what polls futures
//!   inside one task (`join!`, `select!`, `FuturesUnordered`, another executor) decides their order by itself:
//!   spawn what is to be tried in other orders.
//!
//! # What is a failure
//!
//! - A panic on the thread that runs the program, even one that the program catches, or gets as a
//!   [`JoinError`](crate::JoinError). (`resume_unwind` counts only if it ends the main future.)
//! - A deadlock.
//! - [Too many polls](Explore::polls).
//! - What shows that the program is not deterministic: a choice that a schedule planned is never made, or has
//!   too few options; the last planned choice has another number of options than before; or a failure does not
//!   come again under the same schedule. The report says so, in place of a picture.
//!
//! **A run that waits for what is not virtual** (a socket, a signal, a job, another thread by a
//! [`LoopHandle`](crate::LoopHandle)) is not deadlocked, and nothing limits how long it waits: if nothing comes,
//! exploration hangs, and does not say under which schedule. So put a [`timeout`](crate::timeout) around what
//! such a program does, and panic when it is over: the run fails, with its schedule. If FIFO hangs too,
//! `BOUCLE_SCHEDULE=fifo BOUCLE_DUMP=1` and a SIGUSR1 print a [dump](crate::dump()).
//!
//! Where only a `LoopHandle` or a signal can end the wait, hold the clock meanwhile, by
//! [`hold_clock`](crate::LoopHandle::hold_clock): otherwise time jumps to the deadline at once, and the run
//! fails while its message is on the way. While the clock is held, and beside a socket or a job, time is real.
//!
//! **Exploration's hook** finds the panics; a run installs it if it is missing. It prints nothing: the report
//! has the first panic. A replay passes that panic to the earlier hook too, so `RUST_BACKTRACE=1` gives a
//! backtrace. A panic that ends the process, as with `panic = "abort"`, or in a destructor while another panic
//! unwinds, leaves no time for a report: the hook prints the schedule and the panic, unless the panic's message
//! panics too.
//!
//! **A program that handles panics**, as a supervisor does, sets a panic hook of its own, first of all. Then a
//! panic is a failure only if it ends the main future, and the program's hook gets them all, until the next run,
//! on any thread, installs exploration's hook again. So explore such a program on one thread, in a test binary
//! of its own:
//!
//! ```
//! # async fn worker() { panic!("no luck") }
//! boucle::explore(|| async {
//!     std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))); // first
//!     let failed = boucle::spawn(worker()).await;
//!     assert!(failed.unwrap_err().is_panic()); // and it is spawned again
//! });
//! ```
//!
//! A program that takes exploration's hook ([`take_hook`](std::panic::take_hook)) must call it from its own:
//! exploration installs no second one while that exists.

mod options; // how a program is explored
mod deviations; // where a schedule leaves FIFO
mod outcome; // what came of a run
mod priorities; // tasks that have random priorities
mod schedule; // the choices of a run, and what makes them
mod run; // a run
mod search; // which schedules are run, in what order
mod shorten; // a failing schedule, made shorter
mod report; // the shortest schedule that fails, drawn

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::current;
use crate::explore::schedule::choose_in_words;
use crate::explore::search::Exploration;
use crate::task::budget::yield_now;

pub use options::{Explore, Strategy};
pub use report::Failure;
pub use schedule::choose;
pub use search::Explored;

/// Runs a program under many schedules: all, if there are at most 5,000; else 10,000, half of them random.
/// See [the module](self).
///
/// The closure makes the program's future anew for each run. The program must do the same under the same
/// schedule: [nothing else](self#what-is-not) may decide what it does. What its closure captures is shared by
/// all runs.
///
/// ```
/// use async_channel::bounded;
///
/// let explored = boucle::explore(|| async {
///     let (sender, receiver) = bounded(1);
///     let twice = sender.clone();
///     drop(boucle::spawn(async move { sender.send("hello").await }));
///     drop(boucle::spawn(async move { twice.send("world").await }));
///     let (one, other) = (receiver.recv().await.unwrap(), receiver.recv().await.unwrap());
///     assert_ne!(one, other);
/// });
/// assert!(explored.complete);
/// ```
///
/// # Replay
///
/// `BOUCLE_SCHEDULE`, as the panic prints it, runs that schedule alone; if it passes then, the result is
/// [`replayed`](Explored::replayed). It is for the thread's first exploration; `2/` before it means the second,
/// and so on. The others explore as usual. With `BOUCLE_TRACE` too, what is replayed is recorded, as any loop;
/// explorations that try many schedules are not.
///
/// # Panics
///
/// If the program [fails](self#what-is-a-failure) under a schedule. If a loop is running on this thread, or
/// `BOUCLE_SCHEDULE` is not a schedule.
#[track_caller]
pub fn explore<F: Future>(program: impl Fn() -> F + Sync) -> Explored {
    Explore::new().run(program)
}

/// Runs an operation to its end; then again and again, and drops it after its first pending poll, after its
/// second, and so on: at once, or when it is woken and before it is polled. After each run it checks what is
/// left: is the value still in the queue, the lock free, the file whole?
///
/// `setup` makes what the operation works on. `check` takes what `setup` made, and the operation's output, or
/// `None` if it was dropped.
///
/// ```
/// let explored = boucle::explore::cancel(
///     || {
///         let (sender, receiver) = async_channel::unbounded();
///         drop(boucle::spawn(async move { sender.send("hello").await }));
///         receiver
///     },
///     async |receiver| receiver.recv().await.unwrap(),
///     async |receiver, received| match received {
///         Some(message) => assert_eq!(message, "hello"),
///         None => assert_eq!(receiver.recv().await.unwrap(), "hello", "it is still there"),
///     },
/// );
/// assert_eq!(explored.to_string(), "3 schedules, complete");
/// ```
///
/// Why also when it is woken? It may own something then that it has not yet taken: a message was handed to it,
/// or it is the only waiter that a free lock has woken. If it is dropped, it must pass that on.
///
/// The order of tasks is FIFO, and the operation is polled before the tasks that `setup` has spawned;
/// [`Explore::cancel`] tries other orders too. With [`Explore::spurious_polls`] the operation is also dropped
/// later, while it still waits and other tasks go on, as a `timeout` or a `select` may drop it.
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

impl Explore {
    /// Explores a program: see [`explore()`].
    ///
    /// ```
    /// use boucle::explore::Explore;
    ///
    /// let explored = Explore::new().schedules(1_000).run(|| async {
    ///     let child = boucle::spawn(async { 5 });
    ///     assert_eq!(child.await.unwrap(), 5);
    /// });
    /// assert!(explored.complete);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`explore()`].
    #[track_caller]
    pub fn run<F: Future>(&self, program: impl Fn() -> F + Sync) -> Explored {
        match self.try_run(program) {
            Ok(explored) => explored,
            Err(failure) => panic!("{failure}"), // not in a closure, which has no caller to name
        }
    }

    /// Explores a program, and returns a failure instead of panicking.
    ///
    /// # Errors
    ///
    /// If the program fails under a schedule, or if a loop is running on this thread.
    ///
    /// ```
    /// use boucle::explore::Explore;
    ///
    /// let failure = Explore::new().try_run(|| async { panic!("no luck") }).unwrap_err();
    /// assert!(failure.message.ends_with("no luck"));
    /// assert_eq!(failure.schedule, "fifo");
    /// ```
    ///
    /// # Panics
    ///
    /// If `BOUCLE_SCHEDULE` is no schedule.
    #[track_caller]
    pub fn try_run<F: Future>(&self, program: impl Fn() -> F + Sync) -> Result<Explored, Failure> {
        if current::refusal_to_run("explore", None).is_some() {
            return Err(Failure::in_a_loop());
        }
        let mut exploration = Exploration::begin(self, &program);
        match exploration.schedule_to_replay() {
            Some(schedule) => exploration.replay(schedule),
            None => exploration.search().map_err(|found| exploration.report(&found)),
        }
    }

    /// Explores where an operation can be dropped, under each order of tasks: see [`cancel`].
    ///
    /// ```
    /// use boucle::explore::Explore;
    ///
    /// let explored = Explore::new().cancel(
    ///     || boucle::spawn(async { 5 }),
    ///     async |task| task.await.unwrap(),
    ///     async |task, output| {
    ///         if output.is_none() {
    ///             assert_eq!(task.await.unwrap(), 5, "a handle that is dropped in its await loses nothing");
    ///         }
    ///     },
    /// );
    /// assert!(explored.complete);
    /// ```
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
        match self.try_cancel(setup, operation, check) {
            Ok(explored) => explored,
            Err(failure) => panic!("{failure}"),
        }
    }

    /// As [`cancel`](Self::cancel), but returns a failure instead of panicking.
    ///
    /// ```
    /// use boucle::explore::Explore;
    ///
    /// let failure = Explore::new().try_cancel(
    ///     || async_channel::bounded(1),
    ///     async |(sender, _)| {
    ///         boucle::yield_now().await;
    ///         sender.send("hello").await.unwrap();
    ///     },
    ///     async |(_, receiver), _| assert_eq!(receiver.try_recv(), Ok("hello")),
    /// );
    /// assert!(failure.unwrap_err().message.contains("Empty")); // it was dropped before it had sent
    /// ```
    ///
    /// # Errors
    ///
    /// If the check fails, or anything else panics; or if a loop is running on this thread.
    ///
    /// # Panics
    ///
    /// As [`try_run`](Self::try_run).
    #[track_caller]
    pub fn try_cancel<S, T>(
        &self,
        setup: impl Fn() -> S + Sync,
        operation: impl AsyncFn(&mut S) -> T + Sync,
        check: impl AsyncFn(S, Option<T>) + Sync,
    ) -> Result<Explored, Failure> {
        self.try_run(|| async {
            let mut state = setup();
            if self.orders {
                yield_now().await; // The tasks that `setup` has spawned may be polled first.
            }
            let output = until_dropped(operation(&mut state)).await;
            check(state, output).await;
        })
    }
}

/// Waits for a future; returns `None`, and so drops it, after a pending poll that is chosen, or in place of the
/// next one.
async fn until_dropped<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|cx| {
        let words = |_| format!("the operation is dropped in place of poll {}", polls + 1);
        if polls > 0 && choose_in_words(2, words) == 1 {
            return Poll::Ready(None);
        }
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        polls += 1;
        let words = |_| format!("the operation is dropped after pending poll {polls}");
        if choose_in_words(2, words) == 1 { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}
