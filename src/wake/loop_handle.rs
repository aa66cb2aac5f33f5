//! `LoopHandle`: what another thread may hold of a loop.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use std::panic::Location;

use crate::current;
use crate::observe::dump::{Dump, DumpError, Question};
use crate::task::cell::drop_quietly;
use crate::task::id::LoopNumber;
use crate::task::spawn;
use crate::wake::inbox::{self, Message};

/// A handle to a loop that may be sent to other threads: asyncio's `call_soon_threadsafe`.
///
/// ```
/// use boucle::LoopHandle;
///
/// boucle::run(async {
///     let (done, result) = async_channel::bounded(1);
///     let handle = LoopHandle::current();
///     std::thread::spawn(move || {
///         // On another thread; the closure and its future run on the loop's.
///         handle.spawn(move || async move { done.send(6 * 7).await }).unwrap();
///     });
///     assert_eq!(result.recv().await, Ok(42));
/// });
/// ```
///
/// It keeps no loop alive. While one exists, a loop with a virtual clock waits for it where it
/// would else report a deadlock.
#[doc(alias = "Handle")]
#[doc(alias = "call_soon_threadsafe")]
pub struct LoopHandle {
    of: LoopNumber,
}

/// The loop that was to do something is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopGone;

impl LoopHandle {
    /// A handle to the loop that runs on this thread.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn current() -> LoopHandle {
        match current::running_number() {
            Some(number) => LoopHandle::new(number),
            None => current::no_loop("LoopHandle::current"),
        }
    }

    pub(crate) fn new(of: LoopNumber) -> LoopHandle {
        inbox::add_handle(of);
        LoopHandle { of }
    }

    pub(crate) fn number(&self) -> LoopNumber {
        self.of
    }

    /// Spawns a task on the loop, from any thread. The closure makes the future; it runs on the
    /// loop's thread, in the new task's first poll, so the future need not be `Send`. The task is
    /// detached.
    ///
    /// Costs one allocation here and one there; the loop is rung only if it sleeps.
    ///
    /// # Errors
    ///
    /// [`LoopGone`], and the closure is dropped. If the loop ends before it has read its inbox, or is
    /// full when it does (2^32 - 1 tasks; 2^20 - 1 on a 32-bit target), the closure is dropped on its
    /// thread.
    #[track_caller]
    pub fn spawn<M, F>(&self, make: M) -> Result<(), LoopGone>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: 'static,
    {
        let (of, location) = (self.of, Location::caller());
        let spawn = Box::new(move || {
            // Refused if the loop is full by then; the closure is dropped.
            let _ = spawn::detached(of, location, async move { make().await });
        });
        inbox::send(of, Message::Spawn(spawn)).map_err(|unsent| {
            drop_quietly(unsent);
            LoopGone
        })
    }

    /// Stops the loop, from any thread; see
    /// [`EventLoop::run_forever`](crate::EventLoop::run_forever). Does nothing if it is gone.
    ///
    /// It stops the run that reads it, the one that is under way or a next one. If that is a
    /// `block_on` whose future is ready by then, its value wins, and nothing of the stop is left.
    pub fn stop(&self) {
        let _ = inbox::send(self.of, Message::Stop);
    }

    /// Asks the loop, from any thread, which tasks there are and what they wait for: as [`dump`](crate::dump),
    /// when a program hangs.
    ///
    /// A loop that sleeps is woken for it, and sleeps on. One that does not answer within `timeout` is
    /// stuck: something holds its thread, or it is not being run. If the loop is
    /// [observed](crate::Builder::observe), the error says which task that is, and for how long.
    ///
    /// ```
    /// use std::thread;
    /// use std::time::Duration;
    ///
    /// use boucle::{DumpError, EventLoop};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let event_loop = EventLoop::new()?;
    /// let handle = event_loop.handle();
    /// let other = thread::spawn(move || handle.dump(Duration::from_secs(10)));
    /// event_loop.block_on(async {
    ///     while !other.is_finished() {
    ///         boucle::sleep(Duration::from_millis(1)).await;
    ///     }
    /// });
    /// let dump = other.join().unwrap().unwrap();
    /// assert!(dump.tasks[0].is_main);
    ///
    /// // On its own thread a loop answers at once, also when it does not run.
    /// let handle = event_loop.handle();
    /// assert!(handle.dump(Duration::ZERO).unwrap().tasks.is_empty());
    /// drop(event_loop);
    /// assert_eq!(handle.dump(Duration::ZERO).unwrap_err(), DumpError::Gone);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It costs the loop O(n log n) in its tasks, for which it stands still, and at least an allocation
    /// for each.
    ///
    /// # Errors
    ///
    /// [`DumpError`]: the loop is gone, or has not answered.
    pub fn dump(&self, timeout: Duration) -> Result<Dump, DumpError> {
        match current::with(self.of, |it| it.dump()) {
            Ok(dump) => Ok(dump),
            Err(_) => {
                current::refuse_observers("LoopHandle::dump");
                Question::ask(self.of)?.answer(timeout)
            }
        }
    }
}

impl Clone for LoopHandle {
    fn clone(&self) -> Self {
        LoopHandle::new(self.of)
    }
}

impl Drop for LoopHandle {
    fn drop(&mut self) {
        inbox::remove_handle(self.of);
    }
}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoopHandle({})", self.of)
    }
}

impl fmt::Display for LoopGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event loop is gone")
    }
}

impl Error for LoopGone {}
