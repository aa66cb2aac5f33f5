//! Panics: of a task, of main, of destructors, of values and payloads that are never taken; and those of
//! boucle.

#![allow(unused_must_use)] // A handle that is dropped detaches its task, which is what many tests want.

#[path = "../common/mod.rs"]
mod common;

mod tasks;
mod destructors;
mod main_future;
mod combinators;
mod misuse;

use std::pin::Pin;
use std::task::{Context, Poll};

use boucle::JoinHandle;

use crate::common::Bomb;

/// A panic payload that is no message.
#[derive(Debug, PartialEq)]
struct Custom(i32);

/// A future that returns one answer and panics when it is dropped.
struct Explosive<T> {
    answer: Option<Poll<T>>,
    _bomb: Bomb,
}

impl<T> Unpin for Explosive<T> {}

impl<T> Future for Explosive<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        self.answer.take().unwrap_or(Poll::Pending)
    }
}

fn explosive<T>(answer: Poll<T>) -> Explosive<T> {
    let _bomb = Bomb("in the destructor");
    let answer = Some(answer);
    Explosive { answer, _bomb }
}

/// Returns the message of a task that panicked.
async fn message_of<T: 'static>(task: JoinHandle<T>) -> String {
    match task.await {
        Ok(_) => panic!("the task did not panic"),
        Err(error) => {
            assert!(error.is_panic() && !error.is_cancelled());
            error.to_string()
        }
    }
}
