//! `AbortHandle`: the numbers of a task, to which a [`JoinHandle`](crate::JoinHandle) adds the value's type.

use std::fmt;

use crate::current;
use crate::task::id::{LoopNumber, NO_SLOT};
use crate::wake::inbox::Message;

/// Aborts a task whose [`JoinHandle`](crate::JoinHandle) is elsewhere, in a [`wait`](crate::wait) say:
/// asyncio's `task.cancel()`, tokio's `AbortHandle`.
///
/// It is three numbers: it does not keep the task alive, and may be sent, cloned and dropped anywhere.
///
/// ```
/// # boucle::run(async {
/// let task = boucle::spawn(std::future::pending::<()>());
/// let abort = task.abort_handle();
/// drop(boucle::spawn(async move { abort.abort() })); // while the handle is awaited
/// assert!(task.await.unwrap_err().is_cancelled());
/// # });
/// ```
#[derive(Clone)]
pub struct AbortHandle {
    pub(crate) loop_number: LoopNumber,
    /// [`NO_SLOT`] once the output was taken.
    pub(crate) slot: u32,
    pub(crate) id: u64,
}

impl AbortHandle {
    /// Aborts the task, as [`JoinHandle::abort`](crate::JoinHandle::abort) does. Does nothing if it is done.
    ///
    /// ```
    /// # boucle::run(async {
    /// let task = boucle::spawn(async { 5 });
    /// let abort = task.abort_handle();
    /// boucle::yield_now().await;
    /// abort.abort(); // too late: it is done
    /// assert_eq!(task.await.unwrap(), 5);
    /// # });
    /// ```
    #[doc(alias = "cancel")]
    pub fn abort(&self) {
        if self.slot != NO_SLOT {
            current::deliver(self.loop_number, Message::Abort { slot: self.slot, id: self.id });
        }
    }

    /// Returns true if the task is done, or its loop is gone.
    ///
    /// ```
    /// # boucle::run(async {
    /// let abort = boucle::spawn(async {}).abort_handle(); // the task goes on, detached
    /// assert!(!abort.is_finished());
    /// boucle::yield_now().await;
    /// assert!(abort.is_finished());
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If it is called on another thread than the loop's, while the loop lives.
    #[track_caller]
    pub fn is_finished(&self) -> bool {
        let is_done = current::on_own_thread(self.loop_number, "a handle", |state| {
            state.tasks.is_done(self.slot, self.id)
        });
        is_done.unwrap_or(true)
    }

    /// Returns the task's id, as [`JoinHandle::id`](crate::JoinHandle::id) does.
    ///
    /// ```
    /// # boucle::run(async {
    /// let task = boucle::spawn(async {});
    /// assert_eq!(task.abort_handle().id(), task.id());
    /// # });
    /// ```
    pub fn id(&self) -> u64 {
        self.id
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AbortHandle(task {} of {})", self.id, self.loop_number)
    }
}
