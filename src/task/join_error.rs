//! `JoinError`: what a handle says when there is no value.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};

use crate::task::cell::{Failure, Payload, drop_quietly};

/// Why a task has no value: it was cancelled, or it panicked.
///
/// One word, so that a handle's result is hardly larger than the value. Cloning it is cheap (a reference
/// count): the clones share the panic's payload, which [`try_into_panic`](Self::try_into_panic) or
/// [`resume`](Self::resume) takes from all of them. Each goes on telling that the task panicked, and with
/// what message. If no clone takes the payload it is dropped with the last of them, and a panic of its
/// destructor stops there.
#[derive(Clone)]
pub struct JoinError(Arc<Details>);

struct Details {
    id: u64,
    name: Option<Box<str>>,
    /// `None` if the task was cancelled.
    panic: Option<Panic>,
}

struct Panic {
    /// The payload as text, if it is text. It stays when the payload is taken, and is shown without the lock.
    message: Option<Cow<'static, str>>,
    /// Until a clone takes it. A payload is `Send` and need not be `Sync`; behind the lock, the error is both.
    payload: Mutex<Option<Payload>>,
}

impl JoinError {
    pub(crate) fn new(id: u64, name: Option<Box<str>>, failure: Failure) -> Self {
        let panic = match failure {
            Failure::Cancelled => None,
            Failure::Panicked(payload) => Some(Panic::new(*payload)),
        };
        JoinError(Arc::new(Details { id, name, panic }))
    }

    /// Whether the task was dropped before it had a value: by [`abort`](crate::JoinHandle::abort), or
    /// because its loop is gone.
    pub fn is_cancelled(&self) -> bool {
        self.0.panic.is_none()
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        self.0.panic.is_some()
    }

    /// Takes the payload that the task panicked with.
    ///
    /// # Errors
    ///
    /// Gives the error back if the task was cancelled, or if a clone of the error has taken the payload.
    #[doc(alias = "into_panic")]
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, JoinError> {
        let taken = self.0.panic.as_ref().and_then(Panic::take);
        taken.ok_or(self)
    }

    /// Resumes the task's panic on this thread.
    ///
    /// # Panics
    ///
    /// With the task's payload. With a message if the task was cancelled, or if a clone of the error has
    /// taken the payload.
    pub fn resume(self) -> ! {
        match self.try_into_panic() {
            Ok(payload) => resume_unwind(payload),
            Err(error) if error.is_panic() => panic!("{error} (its payload was taken)"),
            Err(error) => panic!("{error}, so there is no panic to resume"),
        }
    }

    /// The task's number; see [`JoinHandle::id`](crate::JoinHandle::id).
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// The task's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.0.id)?;
        if let Some(name) = &self.0.name {
            write!(f, " \"{name}\"")?;
        }
        match &self.0.panic {
            None => f.write_str(" was cancelled"),
            Some(panic) => match &panic.message {
                None => f.write_str(" panicked"),
                Some(message) => write!(f, " panicked: {message}"),
            },
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl Error for JoinError {}

impl Panic {
    fn new(payload: Payload) -> Self {
        let message = if let Some(message) = payload.downcast_ref::<&'static str>() {
            Some(Cow::Borrowed(*message))
        } else {
            let message = payload.downcast_ref::<String>();
            message.map(|message| Cow::Owned(message.clone()))
        };
        Panic {
            message,
            payload: Mutex::new(Some(payload)),
        }
    }

    fn take(&self) -> Option<Payload> {
        let mut payload = self.payload.lock().unwrap_or_else(PoisonError::into_inner);
        payload.take()
    }
}

impl Drop for Panic {
    /// A payload may be the user's, and its destructor may panic.
    fn drop(&mut self) {
        drop_quietly(self.take());
    }
}
