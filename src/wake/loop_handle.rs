//! `LoopHandle`: what another thread may hold of a loop.

use std::error::Error;
use std::fmt;
use std::panic::Location;

use futures_task::{FutureObj, LocalFutureObj, LocalSpawn, Spawn, SpawnError};

use crate::current;
use crate::task::id::LoopNumber;
use crate::task::quiet::drop_quietly;
use crate::task::spawn;
use crate::wake::inbox::{self, Message};

/// A handle to a loop that may be sent to other threads, to spawn tasks there: asyncio's
/// `run_coroutine_threadsafe`.
///
/// ```
/// boucle::run(async {
///     let (done, result) = async_channel::bounded(1);
///     let handle = boucle::LoopHandle::current();
///     // The other thread sends the closure; it and its future run on the loop's thread.
///     std::thread::spawn(move || handle.spawn(move || async move { done.send(6 * 7).await }));
///     assert_eq!(result.recv().await, Ok(42));
/// });
/// ```
///
/// It does not keep its loop alive. While one exists, a virtual clock waits instead of reporting a deadlock,
/// but it still jumps to the next deadline: to let real time pass, see [`hold_clock`](Self::hold_clock).
#[doc(alias = "Handle")]
#[doc(alias = "run_coroutine_threadsafe")]
#[doc(alias = "call_soon_threadsafe")]
pub struct LoopHandle {
    pub(crate) loop_number: LoopNumber,
}

/// The error of [`LoopHandle::spawn`]: the loop is gone.
///
/// ```
/// let event_loop = boucle::EventLoop::new()?;
/// let handle = event_loop.handle();
/// drop(event_loop);
/// assert_eq!(handle.spawn(|| async {}), Err(boucle::LoopGone));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopGone;

impl LoopHandle {
    /// Returns a handle to the loop that runs on this thread.
    ///
    /// ```
    /// let event_loop = boucle::EventLoop::new()?;
    /// let _task = event_loop.spawn(async {
    ///     let handle = boucle::LoopHandle::current();
    ///     std::thread::spawn(move || handle.stop());
    /// });
    /// event_loop.run_forever(); // until the other thread has stopped it
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn current() -> LoopHandle {
        LoopHandle::new(current::expect_running("LoopHandle::current", |state| state.number))
    }

    pub(crate) fn new(loop_number: LoopNumber) -> LoopHandle {
        inbox::add_loop_handle(loop_number);
        LoopHandle { loop_number }
    }

    /// Spawns a task on the loop, from any thread. The closure makes the future on the loop's thread, in the
    /// new task's first poll, so the future need not be `Send`. The task is detached.
    ///
    /// The task is spawned when the loop reads its inbox, even if this is called on the loop's own thread. What
    /// one thread sends is spawned in the order of its calls, and first polled in that order, unless the loop is
    /// [shuffled](crate::Builder::shuffle). Costs one allocation here and one there; the loop is rung only if it
    /// sleeps.
    ///
    /// ```
    /// use std::rc::Rc;
    ///
    /// # boucle::run(async {
    /// let (done, result) = async_channel::bounded(1);
    /// let handle = boucle::LoopHandle::current();
    /// let work = move || async move {
    ///     let shared = Rc::new(6 * 7); // not `Send`: it is made on the loop's thread
    ///     done.send(*shared).await
    /// };
    /// std::thread::spawn(move || handle.spawn(work));
    /// assert_eq!(result.recv().await, Ok(42));
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// [`LoopGone`], and the closure is dropped. There is no error if the loop ends before it has read its
    /// inbox, or is full when it does (2^32 - 1 slots; 2^20 - 1 on a 32-bit target): then the closure is dropped
    /// later, on the loop's thread.
    #[track_caller]
    pub fn spawn<M, F>(&self, make: M) -> Result<(), LoopGone>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future<Output: 'static> + 'static,
    {
        let (loop_number, location) = (self.loop_number, Location::caller());
        let spawn = Box::new(move || {
            let _ = spawn::detached(loop_number, location, async move { make().await });
        });
        inbox::send(loop_number, Message::Call(spawn)).map_err(|unsent| {
            drop_quietly(unsent);
            LoopGone
        })
    }

    /// Holds the loop's virtual clock, from any thread: while the hold exists, an idle loop does not jump to the
    /// next deadline, nor report a deadlock. It waits in real time, as while a job of the executor runs. Use it
    /// while another thread works for the loop, on the answer to a request, say. A real clock is not affected.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
    /// let hold = event_loop.handle().hold_clock();
    /// let (answer, answered) = async_channel::bounded(1);
    /// std::thread::spawn(move || {
    ///     std::thread::sleep(Duration::from_millis(10));
    ///     answer.try_send("here").unwrap();
    ///     drop(hold); // after the wake, so that the loop sees that first
    /// });
    /// event_loop.block_on(async {
    ///     let answer = boucle::timeout(Duration::from_secs(60), answered.recv()).await;
    ///     assert_eq!(answer, Ok(Ok("here"))); // without the hold, the minute would have passed at once
    /// });
    /// ```
    ///
    /// It costs a message to the loop, and another when it is dropped.
    #[must_use = "dropping it lets the clock go"]
    pub fn hold_clock(&self) -> ClockHold {
        current::deliver(self.loop_number, Message::HoldClock);
        ClockHold { loop_number: self.loop_number }
    }

    /// Stops the loop, from any thread; see [`stop`](crate::stop). Does nothing if the loop is gone.
    ///
    /// It stops the run in which the loop reads its inbox: the one under way, or a later one. A busy loop reads
    /// it after up to 61 polls, or one batch. A `block_on` whose future is ready by then returns the value, and
    /// the stop has no effect.
    ///
    /// ```
    /// let event_loop = boucle::EventLoop::new()?;
    /// let handle = event_loop.handle();
    /// std::thread::spawn(move || handle.stop());
    /// event_loop.run_forever(); // until then
    /// # std::io::Result::Ok(())
    /// ```
    pub fn stop(&self) {
        let _ = inbox::send(self.loop_number, Message::Stop);
    }
}

/// What holds a loop's virtual clock, until it is dropped: see [`LoopHandle::hold_clock`].
///
/// ```
/// let event_loop = boucle::EventLoop::builder().virtual_clock().build()?;
/// let hold: boucle::ClockHold = event_loop.handle().hold_clock();
/// drop(hold); // on any thread; from now on time jumps again
/// event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(3_600)));
/// # std::io::Result::Ok(())
/// ```
#[must_use = "dropping it lets the clock go"]
pub struct ClockHold {
    loop_number: LoopNumber,
}

impl Drop for ClockHold {
    /// Goes through the inbox on any thread: the message of its making may still be unread.
    fn drop(&mut self) {
        let _ = inbox::send(self.loop_number, Message::ReleaseClock);
    }
}

impl fmt::Debug for ClockHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClockHold({})", self.loop_number)
    }
}

impl Clone for LoopHandle {
    fn clone(&self) -> Self {
        LoopHandle::new(self.loop_number)
    }
}

impl Drop for LoopHandle {
    fn drop(&mut self) {
        inbox::remove_loop_handle(self.loop_number);
    }
}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoopHandle({})", self.loop_number)
    }
}

impl fmt::Display for LoopGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event loop is gone")
    }
}

impl Error for LoopGone {}

/// Spawns on the loop if this is its thread; elsewhere gives an error, since the future is not `Send`.
impl LocalSpawn for LoopHandle {
    #[track_caller]
    fn spawn_local_obj(&self, future: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        spawn::detached(self.loop_number, Location::caller(), future)
    }

    fn status_local(&self) -> Result<(), SpawnError> {
        let is_open = current::find(self.loop_number).is_some_and(|state| !state.closing);
        is_open.then_some(()).ok_or_else(SpawnError::shutdown)
    }
}

/// Spawns on the loop from any thread.
impl Spawn for LoopHandle {
    fn status(&self) -> Result<(), SpawnError> {
        let here = current::find(self.loop_number).map(|state| !state.closing);
        let is_open = here.unwrap_or_else(|| inbox::is_read_by(self.loop_number));
        is_open.then_some(()).ok_or_else(SpawnError::shutdown)
    }

    #[track_caller]
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        if current::find(self.loop_number).is_some() {
            spawn::detached(self.loop_number, Location::caller(), future)
        } else {
            self.spawn(move || future).map_err(|LoopGone| SpawnError::shutdown())
        }
    }
}
