//! The event loop: the ways to make it, run it, stop it and close it.
//!
//! To run it is one function, [`turn::run`], which makes turns until the main future is ready (`run`,
//! `block_on`), until `stop` is called (`run_forever`), or once (`turn`).
//!
//! The builder adds the observers that the environment asks for. So this file, and no other of the loop's,
//! knows `trace`.

use std::any::type_name;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::{Location, resume_unwind};
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_task::{FutureObj, LocalFutureObj, LocalSpawn, Spawn, SpawnError};

use crate::current::{self, Running};
use crate::lifecycle;
use crate::observe::Observer;
use crate::observe::observers::Observers;
use crate::task::cell::{Failure, TaskCell, drop_quietly};
use crate::task::id::LoopNumber;
use crate::task::join::JoinHandle;
use crate::task::spawn;
use crate::trace::{environment, slow_poll};
use crate::turn::{self, Main, Until};
use crate::wake::inbox::Message;
use crate::wake::loop_handle::LoopHandle;

/// Runs a future on an event loop of its own, and returns its value: asyncio's `run`.
///
/// When the future is ready, what it spawned and did not await is dropped, in spawn order, and the
/// loop is closed. Last, it waits for jobs of [`run_in_executor`](crate::run_in_executor) that have
/// begun, as `asyncio.run` and tokio's `Runtime` do; those that have not are dropped. To bound that
/// wait, make the loop with a [`shutdown_timeout`](Builder::shutdown_timeout).
///
/// A future of more than 16 KiB (2 KiB in a debug build) is boxed; any other stays on the stack.
///
/// ```
/// let sum = boucle::run(async {
///     let two = boucle::spawn(async { 2 });
///     1 + two.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// ```
///
/// To call a coroutine runs nothing: it makes a future, and `run` is what polls it. Only another
/// coroutine can `await` one, which the compiler sees to:
///
/// ```compile_fail,E0728
/// async fn coroutine() {}
///
/// fn not_a_coroutine() {
///     coroutine().await;
/// }
/// ```
///
/// # Panics
///
/// If a loop is running on this thread already; if the system refuses what a loop needs; if
/// [`stop`] ends the loop before the future is ready. A panic of the future comes out of here,
/// after the loop is closed, which waits in this case too.
#[track_caller]
pub fn run<F: Future>(main: F) -> F::Output {
    let (name, location) = (type_name::<F>(), Location::caller());
    if const { is_large::<F>() } {
        run_on_its_own(Box::pin(main), name, location)
    } else {
        run_on_its_own(main, name, location)
    }
}

#[track_caller]
fn run_on_its_own<F: Future>(main: F, name: &'static str, location: &'static Location<'static>) -> F::Output {
    let made = match current::nested("boucle::run") {
        Some(refusal) => Err(refusal),
        None => EventLoop::new().map_err(|error| format!("boucle::run cannot make an event loop: {error}")),
    };
    match made {
        Ok(event_loop) => event_loop.run_main(main, name, location),
        Err(refusal) => refuse(main, &refusal),
    }
}

/// Stops the loop that runs on this thread: [`EventLoop::run_forever`] returns when the current
/// batch is through.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn stop() {
    current::expect_running("stop", |state| state.stop());
}

/// An event loop that is kept: asyncio's `new_event_loop`.
///
/// [`run`] is enough for most programs. An `EventLoop` of your own can be run again and again, its
/// tasks surviving in between, and be stepped by hand, turn by turn.
///
/// Dropping it closes it: the tasks that are left are dropped, in spawn order; and last, the thread
/// waits for jobs of [`run_in_executor`](crate::run_in_executor) that have begun, up to the
/// [`shutdown_timeout`](Builder::shutdown_timeout). It belongs to the thread it was made on; a
/// [`LoopHandle`] may go to others.
///
/// ```
/// use boucle::EventLoop;
///
/// # fn main() -> std::io::Result<()> {
/// let event_loop = EventLoop::new()?;
/// event_loop.spawn(async {
///     println!("running");
///     boucle::stop();
/// });
/// event_loop.run_forever();
/// # Ok(())
/// # }
/// ```
#[doc(alias = "new_event_loop")]
#[doc(alias = "Runtime")]
pub struct EventLoop {
    number: LoopNumber,
    /// Its state stands in the thread-locals of this thread.
    not_send: PhantomData<*const ()>,
}

impl EventLoop {
    /// Makes a loop with a real clock.
    ///
    /// # Errors
    ///
    /// If the system refuses an epoll and an eventfd (or their like), or if 4,096 loops are alive
    /// (16 on a 32-bit target).
    pub fn new() -> io::Result<EventLoop> {
        Self::builder().build()
    }

    /// A builder, for a loop with a virtual clock, observers, or a bound for its end.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Spawns a task on this loop, which need not be running. See [`spawn`](crate::spawn).
    ///
    /// # Panics
    ///
    /// If the slab is full (2^32 - 1 tasks; 2^20 - 1 on a 32-bit target).
    #[doc(alias = "ensure_future")]
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        spawn::spawn_on(Some(self.number), Location::caller(), TaskCell::boxed(future))
    }

    /// Runs the loop until the future is ready, and returns its value. Tasks that are not done
    /// stay, for the next time the loop runs. A large future is boxed, as by [`run`].
    ///
    /// # Panics
    ///
    /// If a loop is running on this thread already, or if [`stop`] ends the loop before the future
    /// is ready: the tasks survive that. Under a virtual clock, if nothing can ever run again
    /// ("deadlock"). A panic of the future comes out of here.
    #[doc(alias = "run_until_complete")]
    #[track_caller]
    pub fn block_on<F: Future>(&self, main: F) -> F::Output {
        let (name, location) = (type_name::<F>(), Location::caller());
        if const { is_large::<F>() } {
            self.run_main(Box::pin(main), name, location)
        } else {
            self.run_main(main, name, location)
        }
    }

    /// Runs the loop until [`stop`] is called: the current batch finishes, and it returns. It can
    /// be run again. If `stop` was called before, it runs exactly one turn.
    ///
    /// # Panics
    ///
    /// If a loop is running on this thread already. Under a virtual clock, if nothing can ever run
    /// again ("deadlock").
    #[track_caller]
    pub fn run_forever(&self) {
        self.refuse_nesting("run_forever");
        let _entered = self.enter();
        turn::run(self.number, Until::Stopped).unwrap_or_else(|error| kernel_failed(&error));
    }

    /// Runs one turn, and says what it did: polls the batch, parks until something happens or
    /// `timeout` is over (`None`: as long as it takes), and wakes.
    ///
    /// It does not sleep when a task is ready, nor when nothing is left that an event could matter
    /// to: no task and no [`LoopHandle`]. Neither asyncio nor tokio can be stepped.
    ///
    /// ```
    /// use boucle::EventLoop;
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let event_loop = EventLoop::builder().virtual_clock().build()?;
    /// event_loop.spawn(boucle::sleep(Duration::from_secs(1)));
    /// let first = event_loop.turn(None)?;
    /// assert_eq!((first.polled, first.woken_by_timers, first.left), (1, 1, 1));
    /// let second = event_loop.turn(None)?;
    /// assert_eq!((second.polled, second.left), (1, 0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `epoll_wait` or its like. A signal is none.
    ///
    /// # Panics
    ///
    /// If a loop is running on this thread already. Under a virtual clock and without a timeout, if
    /// nothing can ever run again ("deadlock").
    #[doc(alias = "run_once")]
    #[track_caller]
    pub fn turn(&self, timeout: Option<Duration>) -> io::Result<Turn> {
        self.refuse_nesting("turn");
        let _entered = self.enter();
        let counts = turn::run(self.number, Until::OneTurn(timeout))?;
        let state = current::expect(self.number);
        Ok(Turn {
            polled: counts.polled,
            woken_by_sources: counts.by_sources as usize,
            woken_by_inbox: counts.by_inbox as usize,
            woken_by_timers: counts.by_timers as usize,
            ready: state.ready.len(),
            left: state.tasks.live,
            time: state.clock.elapsed(),
            stopped: state.stopping,
        })
    }

    /// Stops the loop: the next [`run_forever`](Self::run_forever) runs exactly one turn. From
    /// inside, or from another thread, see [`stop`] and [`LoopHandle::stop`].
    pub fn stop(&self) {
        current::deliver(self.number, Message::Stop);
    }

    /// A handle to this loop for other threads.
    pub fn handle(&self) -> LoopHandle {
        LoopHandle::new(self.number)
    }

    /// Runs the loop until the main future is ready. `name` is the type that the program gave it.
    #[track_caller]
    fn run_main<F: Future>(
        &self,
        main: F,
        name: &'static str,
        location: &'static Location<'static>,
    ) -> F::Output {
        if let Some(refusal) = self.nested("block_on") {
            refuse(main, &refusal);
        }
        let _entered = self.enter();
        let _place = MainPlace::new(self.number, name, location);
        let main = pin!(TaskCell::new(main));
        let mut cell = MainCell(main);
        let mut main = Main { future: cell.0.as_mut(), done: false };
        let ran = turn::run(self.number, Until::Ready(&mut main));
        ran.unwrap_or_else(|error| kernel_failed(&error));
        if !main.done {
            panic!("event loop stopped before the future completed");
        }
        match cell.0.as_mut().take() {
            Some(Ok(output)) => output,
            Some(Err(Failure::Panicked(payload))) => resume_unwind(*payload),
            Some(Err(Failure::Cancelled)) | None => unreachable!("main is done"),
        }
    }

    #[track_caller]
    fn refuse_nesting(&self, what: &str) {
        if let Some(refusal) = self.nested(what) {
            panic!("{refusal}");
        }
    }

    /// Why the loop may not be run here and now, if it may not.
    fn nested(&self, what: &str) -> Option<String> {
        current::nested(what).or_else(|| {
            let is_entered = current::expect(self.number).entered;
            is_entered.then(|| current::nested_in(self.number, what))
        })
    }

    /// Makes this the running loop.
    fn enter(&self) -> Entered {
        let running = Running::enter(self.number);
        current::expect(self.number).entered = true;
        Entered { of: self.number, _running: running }
    }
}

/// What one turn did, as [`EventLoop::turn`] returns it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turn {
    /// Futures that were polled.
    pub polled: usize,
    /// Tasks that were woken because a socket is ready.
    pub woken_by_sources: usize,
    /// Tasks that were woken, spawned or aborted from outside of the loop.
    pub woken_by_inbox: usize,
    /// Tasks that were woken because a deadline has come.
    pub woken_by_timers: usize,
    /// Tasks in the ready queue: what the next turn will poll.
    pub ready: usize,
    /// Tasks that are not done.
    pub left: usize,
    /// The loop's time at the end of the turn, counted from when the loop was made.
    pub time: Duration,
    /// Whether [`stop`] was called.
    pub stopped: bool,
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

/// Marks the loop as being run, until this drops; then a pending `stop` is cleared.
struct Entered {
    of: LoopNumber,
    /// Drops last.
    _running: Running,
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(mut state) = current::find(self.of) {
            state.entered = false;
            state.stopping = false;
        }
    }
}

/// The main future's cell, on the stack. If `block_on` unwinds, the future is dropped here, and a
/// panic of its destructor goes no further.
struct MainCell<'a, F: Future>(Pin<&'a mut TaskCell<F>>);

impl<F: Future> Drop for MainCell<'_, F> {
    fn drop(&mut self) {
        self.0.as_mut().clear();
    }
}

/// The main future's place among the tasks, freed when `block_on` ends, however it ends.
struct MainPlace {
    of: LoopNumber,
    slot: u32,
    id: u64,
}

impl MainPlace {
    /// A place, in the ready queue already.
    fn new(of: LoopNumber, future: &'static str, location: &'static Location<'static>) -> Self {
        let (slot, id) = current::expect(of).enter_main(future, location);
        MainPlace { of, slot, id }
    }
}

impl Drop for MainPlace {
    fn drop(&mut self) {
        if let Some(mut state) = current::find(self.of) {
            state.leave_main(self.slot, self.id);
        }
    }
}

/// Returns whether a main future is to be boxed before anything else, since each function that takes it by
/// value may have a copy of it on the stack. The limits are tokio's; without optimization more copies are
/// made.
const fn is_large<F>() -> bool {
    let limit = if cfg!(debug_assertions) { 2_048 } else { 16_384 };
    size_of::<F>() > limit
}

/// Configures an [`EventLoop`].
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    virtual_clock: bool,
    shutdown_timeout: Option<Duration>,
    observers: Observers,
}

impl Builder {
    /// Gives the loop a virtual clock: its time stands still while tasks run, and jumps to the next
    /// deadline when nothing else can happen.
    ///
    /// A test of an hour takes no time, and the schedule is the same on every run. While a socket
    /// is waited for or an executor job runs, the park is real, and time passes as it does outside.
    /// (A socket counts as waited for from a poll that found nothing until its next event, even if
    /// the wait was given up.) If nothing can ever run again, the loop panics ("deadlock") and
    /// lists the tasks. It cannot know of a thread that will wake one of its wakers: let that
    /// thread hold a [`LoopHandle`].
    #[doc(alias = "start_paused")]
    pub fn virtual_clock(mut self) -> Builder {
        self.virtual_clock = true;
        self
    }

    /// Gives the loop an observer, which is given an event for everything that the loop does. More than
    /// one may be given: they are called in that order.
    ///
    /// An observed loop takes several times as long for a turn; one without an observer pays a branch for
    /// each event.
    ///
    /// ```
    /// use boucle::EventLoop;
    /// use boucle::trace::Recorder;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let recorder = Recorder::new();
    /// let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::yield_now());
    /// assert_eq!(recorder.trace().loops.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn observe(mut self, observer: impl Observer + 'static) -> Builder {
        self.observers.add(Box::new(observer));
        self
    }

    /// Prints a line on stderr for each poll that takes longer than `limit`: which task it was, where the
    /// task was spawned, and how long the poll took. asyncio's debug mode has `slow_callback_duration` for it.
    ///
    /// While a task is polled no other task is. What takes long belongs on
    /// [another thread](crate::run_in_executor), or in pieces, with a
    /// [`yield_now`](crate::yield_now) between them.
    ///
    /// ```
    /// use std::thread;
    /// use std::time::Duration;
    ///
    /// use boucle::EventLoop;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let event_loop = EventLoop::builder().slow_poll(Duration::from_millis(10)).build()?;
    /// event_loop.block_on(async {
    ///     let parser = boucle::spawn_named("parser", async {
    ///         thread::sleep(Duration::from_millis(20)); // it should await `boucle::sleep`
    ///     });
    ///     parser.await.unwrap();
    /// });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// prints
    ///
    /// ```text
    /// boucle: slow poll in loop 1: task 2 "parser", spawned at src/main.rs:9:18, took 20.1 ms in turn 2
    /// ```
    ///
    /// The destructor of a task that was aborted is not measured. Under a virtual clock a poll
    /// takes no time, so none is slow. It is an observer, and costs what one does: see
    /// [`observe`](Self::observe). Any program has it if it is started with
    /// `BOUCLE_SLOW_POLL=100ms` (or so many `us` or `s`).
    #[doc(alias = "slow_callback_duration")]
    pub fn slow_poll(self, limit: Duration) -> Builder {
        self.observe(slow_poll::observer(limit))
    }

    /// Bounds how long the end of the loop waits for jobs of
    /// [`run_in_executor`](crate::run_in_executor) that have begun; without it, as long as they take.
    /// asyncio's `shutdown_default_executor(timeout)`, tokio's `Runtime::shutdown_timeout`.
    ///
    /// A job that is not done by then runs on, detached, and is cut off if the process ends first. A
    /// timeout of zero does not wait. The time is real, also under a virtual clock.
    ///
    /// ```
    /// use std::thread;
    /// use std::time::{Duration, Instant};
    ///
    /// use boucle::EventLoop;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let begun = Instant::now();
    /// let event_loop = EventLoop::builder().shutdown_timeout(Duration::from_millis(10)).build()?;
    /// event_loop.block_on(async {
    ///     # #[cfg(feature = "blocking")]
    ///     drop(boucle::run_in_executor(|| thread::sleep(Duration::from_secs(60))));
    /// });
    /// drop(event_loop);
    /// assert!(begun.elapsed() < Duration::from_secs(60));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "shutdown_default_executor")]
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Builder {
        self.shutdown_timeout = Some(timeout);
        self
    }

    /// Makes the loop.
    ///
    /// # Errors
    ///
    /// As [`EventLoop::new`].
    pub fn build(self) -> io::Result<EventLoop> {
        let mut observers = self.observers;
        environment::observers().into_iter().for_each(|observer| observers.add(observer));
        let number = lifecycle::open(self.virtual_clock, observers, self.shutdown_timeout)?;
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

/// Panics instead of running a main future. That is dropped before, and quietly: a panic of its
/// destructor while another one unwinds would end the process.
#[cold]
#[track_caller]
fn refuse<F: Future>(main: F, refusal: &str) -> ! {
    drop_quietly(main);
    panic!("{refusal}");
}

#[cold]
#[track_caller]
fn kernel_failed(error: &io::Error) -> ! {
    panic!("the kernel refuses to be asked for events: {error}")
}
