//! The event loop: the ways to make it, run it, stop it and close it.
//!
//! All of them come down to one function, [`Resident::run`](crate::turn), which makes turns until the
//! main future is ready (`run`, `block_on`), until `stop` is called (`run_forever`), or once (`turn`).

use std::any::type_name;
use std::fmt;
use std::io;
use std::mem;
use std::panic::{Location, resume_unwind};
use std::pin::pin;
use std::time::Duration;

use crate::builder::Builder;
use crate::current::{self, Resident};
use crate::main_future::{Main, MainCell, MainPlace, is_large};
use crate::task::cell::{Failure, TaskCell, drop_quietly};
use crate::task::id::LoopNumber;
use crate::task::join::JoinHandle;
use crate::task::spawn;
use crate::turn::{Turn, Until};
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
fn run_on_its_own<F: Future>(
    main: F,
    name: &'static str,
    location: &'static Location<'static>,
) -> F::Output {
    let made = match current::nested("boucle::run") {
        Some(refusal) => Err(refusal),
        None => EventLoop::new()
            .map_err(|error| format!("boucle::run cannot make an event loop: {error}")),
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
    current::expect_running("stop", |it| it.stop());
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
    resident: Resident,
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

    /// A builder, for a loop with a virtual clock.
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
        spawn::on(self.resident.number(), Location::caller(), future)
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
        self.enter(|| {
            let ran = self.resident.run(Until::Stopped);
            ran.unwrap_or_else(|error| kernel_failed(&error));
        });
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
        self.enter(|| {
            let mut turn = self.resident.run(Until::OneTurn(timeout))?;
            self.resident.with(|it| {
                turn.ready = it.ready.len();
                turn.left = it.tasks.live();
                turn.time = it.clock.elapsed();
                turn.stopped = mem::take(&mut it.stopping);
            });
            Ok(turn)
        })
    }

    /// Stops the loop: the next [`run_forever`](Self::run_forever) runs exactly one turn. From
    /// inside, or from another thread, see [`stop`] and [`LoopHandle::stop`].
    pub fn stop(&self) {
        self.resident.with(|it| it.stop());
    }

    /// A handle to this loop for other threads.
    pub fn handle(&self) -> LoopHandle {
        LoopHandle::new(self.resident.number())
    }

    /// A loop that is made, for its owner.
    pub(crate) fn of(resident: Resident) -> EventLoop {
        EventLoop { resident }
    }

    pub(crate) fn number(&self) -> LoopNumber {
        self.resident.number()
    }

    /// Runs the loop until the main future is ready. `name` is the type that the program gave it.
    #[track_caller]
    fn run_main<F: Future>(
        &self,
        main: F,
        name: &'static str,
        location: &'static Location<'static>,
    ) -> F::Output {
        if let Some(refusal) = self.resident.nested("block_on") {
            refuse(main, &refusal);
        }
        self.enter(|| {
            let _place = MainPlace::new(&self.resident, name, location);
            let cell = pin!(TaskCell::new(main));
            let mut cell = MainCell(cell);
            let mut main = Main {
                future: cell.0.as_mut(),
                done: false,
            };
            let ran = self.resident.run(Until::Ready(&mut main));
            ran.unwrap_or_else(|error| kernel_failed(&error));
            if !main.done {
                panic!("event loop stopped before the future completed");
            }
            match cell.0.as_mut().take() {
                Some(Ok(output)) => output,
                Some(Err(Failure::Panicked(payload))) => resume_unwind(*payload),
                Some(Err(Failure::Cancelled)) | None => unreachable!("main is done"),
            }
        })
    }

    #[track_caller]
    fn refuse_nesting(&self, what: &str) {
        if let Some(refusal) = self.resident.nested(what) {
            panic!("{refusal}");
        }
    }

    /// Makes this the running loop; at the end no stop is pending, whichever way it comes.
    fn enter<R>(&self, within: impl FnOnce() -> R) -> R {
        struct TakeStop<'a>(&'a EventLoop);
        impl Drop for TakeStop<'_> {
            fn drop(&mut self) {
                self.0.take_stop();
            }
        }
        let _take_stop = TakeStop(self);
        self.resident.enter(within)
    }

    fn take_stop(&self) -> bool {
        self.resident.with(|it| mem::take(&mut it.stopping))
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        self.resident.close();
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventLoop({})", self.resident.number())
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
