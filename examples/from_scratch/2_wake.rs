//! From scratch, 2: one coroutine, and a thread that sleeps until a waker wakes it.
//!
//! ```sh
//! cargo run --example scratch_2
//! ```
//!
//! prints, in a second,
//!
//! ```text
//! Entrée dans 1
//! Sortie de 1
//! 1 after 2 polls
//! woken during its poll, and asleep all the same: the wake is lost
//! ```
//!
//! The loop hands a waker to each poll. A future that returns "pending" has arranged that the waker is called
//! when it can go on: that is the whole contract. Here a thread that sleeps in the future's place calls it.
//!
//! A wake may come at any time, even before the loop sleeps, so it must leave a mark. `unpark` leaves a
//! token: the next `park` returns at once.
//!
//! This loop can lose a wake. A thread has one token, and any `park` takes it: if the poll itself parks, as
//! `recv` of a channel does, the token is gone. So a loop needs a mark that nothing else takes. And this one
//! runs a single future. The queue of `3_tasks.rs` mends both.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

struct ThreadWaker(Thread);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a future until it is ready, and sleeps whenever it is not. Returns its result, and how often it
/// polled.
pub(crate) fn run<F: Future>(future: F) -> (F::Output, u64) {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(ThreadWaker(thread::current())));
    let mut polls = 0;
    loop {
        polls += 1;
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return (output, polls),
            Poll::Pending => thread::park(),
        }
    }
}

struct Sleep {
    until: Instant,
}

fn sleep(seconds: f64) -> Sleep {
    Sleep { until: Instant::now() + Duration::from_secs_f64(seconds) }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        thread::spawn(move || {
            thread::sleep(left);
            waker.wake();
        });
        Poll::Pending // and a wake is arranged, by the latest waker (each poll starts a thread)
    }
}

async fn mysleep(duration: f64) -> f64 {
    println!("Entrée dans {duration}");
    sleep(duration).await;
    println!("Sortie de {duration}");
    duration.powi(2)
}

/// Is woken during its first poll, and then parks, which takes the token. Ready at its second poll.
#[derive(Default)]
pub(crate) struct Parks {
    is_woken: bool,
}

impl Future for Parks {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_woken {
            return Poll::Ready(());
        }
        let (waker, here) = (cx.waker().clone(), thread::current());
        let other = thread::spawn(move || {
            waker.wake();
            here.unpark(); // as `send` of a channel does
        });
        other.join().unwrap();
        thread::park(); // as `recv` does
        self.is_woken = true;
        Poll::Pending
    }
}

fn main() {
    let (result, polls) = run(mysleep(1.0));
    println!("{result} after {polls} polls");

    let stuck = thread::spawn(|| run(Parks::default()));
    thread::sleep(Duration::from_millis(200));
    assert!(!stuck.is_finished());
    println!("woken during its poll, and asleep all the same: the wake is lost");
}
