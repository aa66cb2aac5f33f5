//! The event loop: the ways to make, run, stop and close it.
//!
//! `run`, `block_on`, `run_forever` and `turn` all call [`turn::run_until`], which makes turns. [`Until`] says
//! when it returns.

use std::any::type_name;
use std::fmt;
use std::io::{self, ErrorKind};
use std::marker::PhantomData;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::time::Duration;

use futures_task::{FutureObj, LocalFutureObj, LocalSpawn, Spawn, SpawnError};

use crate::current::{self, Running};
use crate::lifecycle;
use crate::observe::Observer;
use crate::observe::event::EventKind;
use crate::observe::observers::Observers;
use crate::state::{POPS_PER_PARK, State};
use crate::task::cell::{Failure, Kept, TaskCell};
use crate::task::id::{LoopNumber, TaskNumber};
use crate::task::join::JoinHandle;
use crate::task::quiet::Quiet;
use crate::task::spawn;
use crate::task::table::Joiner;
use crate::trace::{environment, slow_poll};
use crate::turn::{self, Turn, Until};
use crate::wake::inbox::Message;
use crate::wake::loop_handle::LoopHandle;
use crate::wake::order::Order;

/// Runs a future on an event loop of its own, and returns its value: asyncio's `run`.
///
/// When the future is ready, the tasks that are left are dropped, in spawn order; they cannot await anything
/// then, as asyncio's can. Last, `run` waits for jobs of [`run_in_executor`](crate::run_in_executor) that have
/// begun; [`Builder::shutdown_timeout`] bounds that wait, in a loop of your own. The future is boxed.
///
/// ```
/// let sum = boucle::run(async {
///     let two = boucle::spawn(async { 2 });
///     1 + two.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// ```
///
/// Calling a coroutine only makes a future, which `run` polls. Only another coroutine can `await` it:
///
/// ```compile_fail,E0728
/// async fn coroutine() {}
/// fn not_a_coroutine() {
///     coroutine().await;
/// }
/// ```
///
/// # Panics
///
/// If a loop is running on this thread already; if the system refuses what a loop needs; if [`stop`] ends the
/// loop before the future is ready. A panic of the future is resumed when the loop is closed.
#[track_caller]
pub fn run<F: Future>(main: F) -> F::Output {
    let main = Quiet::new(Box::pin(main));
    if let Some(refusal) = current::refusal_to_run("boucle::run", None) {
        refuse(main, &refusal);
    }
    match EventLoop::new() {
        Ok(event_loop) => {
            let output = event_loop.run_main(main, type_name::<F>(), Location::caller());
            drop(event_loop); // its tasks are dropped before a panic of the main future goes on
            output_of_main(output)
        }
        Err(error) => refuse(main, &format!("boucle::run cannot make an event loop: {error}")),
    }
}

/// Stops the loop that runs on this thread: [`EventLoop::run_forever`] returns after the turn under way. So do
/// [`run`] and [`block_on`](EventLoop::block_on), with a panic, unless their future is ready in that turn.
///
/// ```
/// let event_loop = boucle::EventLoop::new()?;
/// let late = event_loop.spawn(async {
///     boucle::stop();
///     boucle::yield_now().await;
/// });
/// event_loop.run_forever();
/// assert!(!late.is_finished()); // it goes on when the loop runs again
/// # std::io::Result::Ok(())
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn stop() {
    current::expect_running("stop", |state| state.stop());
}

/// An event loop that can be run again and again, or stepped turn by turn: asyncio's `new_event_loop`.
///
/// [`run`] is enough for most programs. The tasks of an `EventLoop` survive between its runs. It stays on its
/// thread; a [`LoopHandle`] may go to others. Dropping it closes it, as the end of [`run`] does.
///
/// ```
/// let event_loop = boucle::EventLoop::new()?;
/// drop(event_loop.spawn(async { boucle::stop() }));
/// event_loop.run_forever();
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "new_event_loop")]
#[doc(alias = "Runtime")]
pub struct EventLoop {
    number: LoopNumber,
    /// Its state is in the thread-locals of this thread.
    not_send: PhantomData<*const ()>,
}

impl EventLoop {
    /// Makes a loop with a real clock. On Linux it takes three descriptors. Its first timer makes the wheel, of
    /// 23 KB.
    ///
    /// ```
    /// let event_loop = boucle::EventLoop::new()?;
    /// let task = event_loop.spawn(async { 1 });
    /// assert_eq!(event_loop.block_on(task).unwrap(), 1);
    /// assert_eq!(event_loop.block_on(async { 2 }), 2); // again, on the same loop
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the system refuses an epoll or an eventfd, or if the process has 4,096 loops (16 on a 32-bit target).
    pub fn new() -> io::Result<EventLoop> {
        Self::builder().build()
    }

    /// Returns a builder, for a loop with a virtual clock, observers, another order or a bound for its end.
    ///
    /// ```
    /// let event_loop = boucle::EventLoop::builder().virtual_clock().build()?;
    /// event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(3_600))); // takes no time
    /// # std::io::Result::Ok(())
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Makes a loop with a virtual clock and an order of its own, for `explore`.
    pub(crate) fn in_order(order: Order, observers: Observers) -> io::Result<EventLoop> {
        let number = lifecycle::open(true, Some(order), observers, None)?;
        Ok(EventLoop { number, not_send: PhantomData })
    }

    /// Spawns a task on this loop, which need not be running. See [`spawn`](crate::spawn).
    ///
    /// ```
    /// let event_loop = boucle::EventLoop::new()?;
    /// let task = event_loop.spawn(async { 40 + 2 }); // is not polled yet
    /// assert!(!task.is_finished());
    /// assert_eq!(event_loop.block_on(task).unwrap(), 42);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the loop's 2^32 - 1 slots are taken (2^20 - 1 on a 32-bit target).
    #[doc(alias = "ensure_future")]
    #[track_caller]
    pub fn spawn<F: Future<Output: 'static> + 'static>(&self, future: F) -> JoinHandle<F::Output> {
        spawn::spawn_on(Some(self.number), Joiner::Nothing, Location::caller(), TaskCell::boxed(future))
    }

    /// Runs the loop until the future is ready, and returns its value. Tasks that are not done stay, for the
    /// next time the loop runs. The future is boxed.
    ///
    /// ```
    /// let event_loop = boucle::EventLoop::new()?;
    /// let name = String::from("Ada"); // the future may borrow
    /// let len = event_loop.block_on(async { name.len() });
    /// assert_eq!(len, 3);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the future panics; if a loop is running on this thread already; if [`stop`] ends the loop before
    /// the future is ready (the tasks survive that); if the loop cannot park, with the errors of
    /// [`turn`](Self::turn); under a virtual clock, if nothing can ever run again.
    #[doc(alias = "run_until_complete")]
    #[track_caller]
    pub fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.block_on_as(Box::pin(main), type_name::<F>(), Location::caller())
    }

    /// As [`block_on`](Self::block_on), for a future around the program's. Observers are given the type and the
    /// location of the program's.
    #[track_caller]
    pub(crate) fn block_on_as<F: Future>(
        &self,
        main: Pin<Box<F>>,
        future: &'static str,
        location: &'static Location<'static>,
    ) -> F::Output {
        output_of_main(self.run_main(Quiet::new(main), future, location))
    }

    /// Runs the loop until [`stop`] is called: the current turn finishes, and it returns. It can be run
    /// again. If `stop` was called before, it runs exactly one turn. With nothing left to do it sleeps on,
    /// unless its clock is virtual.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let event_loop = boucle::EventLoop::builder().virtual_clock().build()?;
    /// drop(event_loop.spawn(async {
    ///     boucle::sleep(Duration::from_secs(5)).await;
    ///     boucle::stop();
    /// }));
    /// event_loop.run_forever();
    /// assert_eq!(event_loop.turn(Some(Duration::ZERO))?.time, Duration::from_secs(5));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Panics
    ///
    /// If a loop is running on this thread already; if the loop cannot park, with the errors of
    /// [`turn`](Self::turn); under a virtual clock, if nothing can ever run again.
    #[track_caller]
    pub fn run_forever(&self) {
        let _entered = self.enter("run_forever", ());
        expect_parked(self.turn_until(Until::Stopped));
    }

    /// Runs one turn, and returns what it did: polls the batch, parks until something happens or `timeout` is
    /// over (`None`: without a limit), and wakes. It does not sleep if a task is ready, if no task and no
    /// [`LoopHandle`] is left, or if the loop is to [stop](Self::stop).
    ///
    /// ```
    /// let event_loop = boucle::EventLoop::builder().virtual_clock().build()?;
    /// drop(event_loop.spawn(boucle::sleep(std::time::Duration::from_secs(1))));
    /// let first = event_loop.turn(None)?;
    /// assert_eq!((first.polled, first.woken_by_timers, first.left), (1, 1, 1));
    /// let second = event_loop.turn(None)?;
    /// assert_eq!((second.polled, second.left), (1, 0));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `epoll_wait` or its like, and of opening an epoll, which a loop with a virtual clock does
    /// when it first needs one. A signal that interrupts is no error. The loop can be run again.
    ///
    /// # Panics
    ///
    /// As [`run_forever`](Self::run_forever), but it returns errors; with a timeout, or if no task is left, a
    /// virtual clock finds no deadlock.
    #[doc(alias = "run_once")]
    #[track_caller]
    pub fn turn(&self, timeout: Option<Duration>) -> io::Result<Turn> {
        let _entered = self.enter("turn", ());
        self.turn_until(Until::OneTurn(timeout))
    }

    /// Stops the run under way, or else the next one after its first turn. A [`block_on`](Self::block_on) whose
    /// future is not ready by then panics. From inside the loop, call [`stop`]; from another thread,
    /// [`LoopHandle::stop`].
    ///
    /// ```
    /// let event_loop = boucle::EventLoop::new()?;
    /// let task = event_loop.spawn(async {});
    /// event_loop.stop();
    /// event_loop.run_forever(); // one turn
    /// assert!(task.is_finished());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn stop(&self) {
        current::deliver(self.number, Message::Stop);
    }

    /// Returns a handle to this loop, for other threads.
    ///
    /// ```
    /// let event_loop = boucle::EventLoop::new()?;
    /// let handle = event_loop.handle();
    /// let other = std::thread::spawn(move || handle.stop());
    /// event_loop.run_forever(); // until the other thread stops it
    /// other.join().unwrap();
    /// # std::io::Result::Ok(())
    /// ```
    pub fn handle(&self) -> LoopHandle {
        LoopHandle::new(self.number)
    }

    /// Runs a main future. Returns its output, or `None` if the loop was stopped before.
    #[track_caller]
    fn run_main<F: Future>(
        &self,
        main: Quiet<Pin<Box<F>>>,
        future: &'static str,
        location: &'static Location<'static>,
    ) -> Kept<F::Output> {
        let (_entered, main) = self.enter("block_on", main);
        current::expect(self.number).enter_main(future, location);
        // Below `_entered`, to be dropped before it.
        let mut main = Quiet::new(TaskCell::Running { future: main.take() });
        let future = Pin::new(&mut *main);
        expect_parked(self.turn_until(Until::MainDone(future)));
        Pin::new(&mut *main).take()
    }

    /// Runs turns. An error of a park is returned; a deadlock panics here, at the program's line.
    #[track_caller]
    fn turn_until(&self, until: Until<'_>) -> io::Result<Turn> {
        match turn::run_until(self.number, until) {
            Err(error) if error.kind() == ErrorKind::Deadlock => panic!("{error}"),
            turned => turned,
        }
    }

    /// Makes this the running loop. If it may not run here, drops the main future and panics.
    #[track_caller]
    fn enter<M>(&self, what: &str, main: M) -> (Entered, M) {
        let is_entered = current::find(self.number).is_some_and(|state| state.entered);
        if let Some(refusal) = current::refusal_to_run(what, is_entered.then_some(self.number)) {
            refuse(main, &refusal);
        }
        let running = Running::enter(self.number);
        current::expect(self.number).entered = true;
        (Entered { loop_number: self.number, _running: running }, main)
    }
}

/// Returns the value of a main future, or resumes its panic. Panics if it is not done: `stop` has ended the run.
#[track_caller]
fn output_of_main<T>(output: Kept<T>) -> T {
    match output {
        Some(Ok(value)) => value,
        Some(Err(Failure::Panicked(payload))) => resume_unwind(*payload),
        _ => panic!("event loop stopped before the future completed"),
    }
}

/// Panics if a run has ended by an error of a park.
#[track_caller]
fn expect_parked(turned: io::Result<Turn>) {
    if let Err(error) = turned {
        panic!("the event loop cannot park: {error}");
    }
}

/// Panics instead of running a main future. It is dropped before, not while the panic unwinds.
#[track_caller]
fn refuse<M>(main: M, refusal: &str) -> ! {
    drop(main);
    panic!("{refusal}");
}

/// Marks the loop as being run. Its drop frees the main future's slot, and clears a `stop`.
struct Entered {
    loop_number: LoopNumber,
    /// Drops last.
    _running: Running,
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(mut state) = current::find(self.loop_number) {
            state.leave_main();
            state.entered = false;
            state.stopping = false;
            state.pops_per_park = POPS_PER_PARK;
        }
    }
}

impl State {
    /// Gives the main future a slot and an id, and queues it.
    fn enter_main(&mut self, future: &'static str, location: &'static Location<'static>) {
        let (slot, id) = self.tasks.insert(None, Joiner::Nothing);
        self.tasks.main = Some((slot, id, future));
        self.ready.push(TaskNumber::new(self.number, id, slot));
        self.record(|_| EventKind::MainEntered { task: id, future, location });
    }

    /// Frees the main future's slot, if there is one. If nothing is ready, the loop gives memory back, as in a
    /// park.
    fn leave_main(&mut self) {
        let Some((slot, id, _)) = self.tasks.main.take() else {
            return;
        };
        if self.log.is_on() {
            self.log.leave_main(self.clock.elapsed(), id);
        }
        self.tasks.entries.try_remove(slot as usize);
        if self.ready.is_empty() {
            self.shrink_tables();
        }
    }
}

/// Configures an [`EventLoop`].
///
/// ```
/// use std::time::Duration;
///
/// let builder = boucle::EventLoop::builder();
/// let event_loop = builder.slow_poll(Duration::from_millis(50)).shutdown_timeout(Duration::ZERO).build()?;
/// assert_eq!(event_loop.block_on(async { 1 }), 1);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    virtual_clock: bool,
    shutdown_timeout: Option<Duration>,
    shuffle: Option<u64>,
    observers: Observers,
}

impl Builder {
    /// Gives the loop a virtual clock: its time stands still while tasks run, and jumps to the next deadline
    /// when nothing else can happen. A test of an hour takes no time, and its schedule is always the same. Read
    /// it by [`now`](crate::now).
    ///
    /// If nothing can ever run again, the loop panics ("deadlock") and lists the tasks. It does not know which
    /// threads will wake a task: let such a thread hold a [`LoopHandle`], or
    /// [the clock](LoopHandle::hold_clock) if real time is to pass until then. Hold the clock while you await
    /// the threads of another crate (files, child processes).
    ///
    /// While a task waits for a socket or an executor job runs, time does not jump: the loop parks, and real
    /// time passes. So test a protocol without a socket. Write it for any `AsyncRead` and `AsyncWrite`, and give
    /// it a `&[u8]` and a `Vec<u8>`, or a pipe in memory: `tokio::io::duplex` behind `tokio-util`'s `compat`,
    /// which needs no runtime of tokio's, or `piper`'s, whose schedule is always the same only after
    /// `fastrand::seed(1)`.
    ///
    /// A socket counts as waited for from a poll that found nothing until its next event, even if the future is
    /// dropped. The loop opens its descriptors with its first socket, or when it first waits for another thread.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let event_loop = boucle::EventLoop::builder().virtual_clock().build()?;
    /// let slept = event_loop.block_on(async {
    ///     let before = boucle::now();
    ///     boucle::sleep(Duration::from_secs(3_600)).await; // at once
    ///     boucle::now() - before
    /// });
    /// assert_eq!(slept, Duration::from_secs(3_600)); // and no more
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "start_paused")]
    pub fn virtual_clock(mut self) -> Builder {
        self.virtual_clock = true;
        self
    }

    /// Polls the tasks that are ready in a pseudorandom order, instead of FIFO. The same seed gives the same
    /// schedule. In a test, it shows whether a program relies on one order.
    ///
    /// A task with n tasks ready before it is polled within 65 (n + 1) polls. A turn polls one task, and costs
    /// O(n) in those that are ready. (So what these pages say of the next batch is true of FIFO only.) The
    /// environment variable `BOUCLE_SHUFFLE=7` does the same for all loops of a program that have no seed of
    /// their own (feature `trace`). [`explore`](crate::explore()) tries many orders, or all.
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    ///
    /// let order = |seed| {
    ///     let event_loop = boucle::EventLoop::builder().shuffle(seed).build().unwrap();
    ///     let order = Rc::new(RefCell::new(Vec::new()));
    ///     let tasks = (1..=6).map(|n| {
    ///         let order = order.clone();
    ///         async move { order.borrow_mut().push(n) }
    ///     });
    ///     event_loop.block_on(boucle::gather(tasks));
    ///     order.take()
    /// };
    /// assert_eq!(order(7), order(7));
    /// assert_ne!(order(7), order(8));
    /// ```
    pub fn shuffle(mut self, seed: u64) -> Builder {
        self.shuffle = Some(seed);
        self
    }

    /// Adds an observer, which is given an event for everything that the loop does. Observers are called in
    /// the order in which they were added. An event costs more than a bare yield: turns of yields take tens of
    /// times as long, turns of socket reads hardly longer.
    ///
    /// ```
    /// let recorder = boucle::trace::Recorder::new();
    /// let event_loop = boucle::EventLoop::builder().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::yield_now());
    /// assert_eq!(recorder.trace().loops.len(), 1);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn observe(mut self, observer: impl Observer + 'static) -> Builder {
        self.observers.add(Box::new(observer));
        self
    }

    /// Prints a line on stderr for each poll that takes longer than `limit`: asyncio's
    /// `slow_callback_duration`. Such a poll keeps all other tasks waiting: its work belongs on [another
    /// thread](crate::run_in_executor), or in pieces, with a [`yield_now`](crate::yield_now) between them.
    ///
    /// ```
    /// use std::{thread, time::Duration};
    ///
    /// let event_loop = boucle::EventLoop::builder().slow_poll(Duration::from_millis(10)).build()?;
    /// event_loop.block_on(async {
    ///     let parse = async { thread::sleep(Duration::from_millis(20)) };
    ///     boucle::spawn_named("parser", parse).await.unwrap();
    /// });
    /// // boucle: slow poll in loop 1: task 2 "parser", spawned at src/main.rs:6:5, took 20.1 ms in turn 2
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// The destructor of a task that was aborted, or of a value that nothing wants, is not measured. Under a
    /// virtual clock a poll takes no time. The cost is that of an [observer](Self::observe). The environment
    /// variable `BOUCLE_SLOW_POLL=100ms` (or a number of `us` or `s`) does the same in any program (feature
    /// `trace`).
    #[doc(alias = "slow_callback_duration")]
    pub fn slow_poll(self, limit: Duration) -> Builder {
        self.observe(slow_poll::observer(limit))
    }

    /// Bounds how long the end of the loop waits for jobs of [`run_in_executor`](crate::run_in_executor) that
    /// have begun: asyncio's `shutdown_default_executor(timeout)`, tokio's `Runtime::shutdown_timeout`.
    ///
    /// A job that is not done by then runs on, detached, until it ends or the process does. With zero the
    /// loop does not wait. The time is real, also under a virtual clock.
    ///
    /// ```
    /// use std::{thread, time::Duration};
    ///
    /// let event_loop = boucle::EventLoop::builder().shutdown_timeout(Duration::from_millis(10)).build()?;
    /// # #[cfg(feature = "blocking")]
    /// event_loop.block_on(async {
    ///     let job = boucle::run_in_executor(|| thread::sleep(Duration::from_secs(60)));
    ///     boucle::timeout(Duration::from_millis(10), job).await.unwrap_err(); // the job has begun
    /// });
    /// drop(event_loop); // waits 10 ms for it
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "shutdown_default_executor")]
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Builder {
        self.shutdown_timeout = Some(timeout);
        self
    }

    /// Makes the loop.
    ///
    /// ```
    /// let event_loop = boucle::EventLoop::builder().build()?; // as `EventLoop::new`
    /// assert_eq!(event_loop.block_on(async { 1 }), 1);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`EventLoop::new`].
    pub fn build(self) -> io::Result<EventLoop> {
        let mut observers = self.observers;
        environment::observers().into_iter().for_each(|observer| observers.add(observer));
        let order = self.shuffle.or_else(environment::shuffle).map(Order::shuffle);
        let number = lifecycle::open(self.virtual_clock, order, observers, self.shutdown_timeout)?;
        Ok(EventLoop { number, not_send: PhantomData })
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        lifecycle::close(self.number);
    }
}

/// Spawns on this loop: `spawn_local` and `spawn_local_with_handle` of the `futures` crate.
impl LocalSpawn for EventLoop {
    #[track_caller]
    fn spawn_local_obj(&self, future: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        spawn::detached(self.number, Location::caller(), future)
    }
}

/// Spawns on this loop: `spawn` and `spawn_with_handle` of the `futures` crate.
impl Spawn for EventLoop {
    #[track_caller]
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        spawn::detached(self.number, Location::caller(), future)
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventLoop({})", self.number)
    }
}
