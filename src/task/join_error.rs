//! `JoinError`: what a handle says when there is no value.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};

use crate::task::cell::{Failure, Payload};

/// Why a task has no value: it was cancelled, or it panicked.
///
/// One word, so that what a handle gives is hardly larger than the value.
pub struct JoinError(Box<Details>);

struct Details {
    id: u64,
    name: Option<Box<str>>,
    /// The payload of a panic. A payload is `Send` and need not be `Sync`; behind the lock, the
    /// error is both.
    payload: Option<Mutex<Payload>>,
}

impl JoinError {
    pub(crate) fn new(id: u64, name: Option<Box<str>>, failure: Failure) -> Self {
        let payload = match failure {
            Failure::Cancelled => None,
            Failure::Panicked(payload) => Some(Mutex::new(*payload)),
        };
        JoinError(Box::new(Details { id, name, payload }))
    }

    /// Whether the task was dropped before it had a value: by [`abort`](crate::JoinHandle::abort), or
    /// because its loop is gone.
    pub fn is_cancelled(&self) -> bool {
        self.0.payload.is_none()
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        self.0.payload.is_some()
    }

    /// What the task panicked with, or the error itself if it did not.
    ///
    /// # Errors
    ///
    /// The task was cancelled.
    pub fn try_into_panic(mut self) -> Result<Box<dyn Any + Send>, JoinError> {
        match self.0.payload.take() {
            Some(payload) => Ok(payload.into_inner().unwrap_or_else(PoisonError::into_inner)),
            None => Err(self),
        }
    }

    /// Goes on with the task's panic, here.
    ///
    /// # Panics
    ///
    /// With the task's payload; with a message if the task was cancelled.
    pub fn resume(self) -> ! {
        match self.try_into_panic() {
            Ok(payload) => resume_unwind(payload),
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
        let Some(payload) = &self.0.payload else {
            return f.write_str(" was cancelled");
        };
        f.write_str(" panicked")?;
        let payload = payload.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(message) = payload.downcast_ref::<&str>() {
            write!(f, ": {message}")
        } else if let Some(message) = payload.downcast_ref::<String>() {
            write!(f, ": {message}")
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl Error for JoinError {}
