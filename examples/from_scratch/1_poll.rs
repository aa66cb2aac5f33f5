//! From scratch, 1: two coroutines, polled again and again. No waker, no queue: a loop of a few lines.
//!
//! ```sh
//! cargo run --example scratch_1
//! ```
//!
//! prints, in a second,
//!
//! ```text
//! Entrée dans 1
//! Entrée dans 0.5
//! Sortie de 0.5
//! Sortie de 1
//! [1.0, 0.25]
//! polled more than 1,000 times, where four polls would have done
//! ```
//!
//! A future is a value with one function, `poll`, which goes on from where the future stands and returns
//! "ready", with the result, or "pending". It must not wait: while one poll waits, no other future is polled.
//! `MySleep` is a coroutine by hand; the compiler makes the same of `mysleep`.
//!
//! This loop cannot sleep: it does not know when a poll would get further, so it polls without end. In
//! `2_wake.rs` the future says when.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A leaf: it polls no other future. It is ready when its time has come.
struct Sleep {
    until: Instant,
}

fn sleep(seconds: f64) -> Sleep {
    Sleep { until: Instant::now() + Duration::from_secs_f64(seconds) }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.until { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// A coroutine by hand: an enum of the places where it can stand, each with the variables that are needed
/// there.
enum MySleep {
    Begin { duration: f64 },
    AtAwait { duration: f64, sleep: Sleep },
    End,
}

impl Future for MySleep {
    type Output = f64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<f64> {
        loop {
            match &mut *self {
                MySleep::Begin { duration } => {
                    println!("Entrée dans {duration}");
                    *self = MySleep::AtAwait { duration: *duration, sleep: sleep(*duration) };
                }
                MySleep::AtAwait { duration, sleep } => {
                    if Pin::new(sleep).poll(cx).is_pending() {
                        return Poll::Pending; // the next poll goes on here
                    }
                    println!("Sortie de {duration}");
                    let result = duration.powi(2);
                    *self = MySleep::End;
                    return Poll::Ready(result);
                }
                MySleep::End => panic!("polled after it was ready"),
            }
        }
    }
}

/// The same, written by the compiler.
async fn mysleep(duration: f64) -> f64 {
    println!("Entrée dans {duration}");
    sleep(duration).await;
    println!("Sortie de {duration}");
    duration.powi(2)
}

/// Polls each future in turn until all are ready. Returns their results, and how often it polled.
pub(crate) fn run<T>(mut futures: Vec<Pin<Box<dyn Future<Output = T>>>>) -> (Vec<T>, u64) {
    let mut results: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    let mut polls = 0;
    let mut cx = Context::from_waker(Waker::noop()); // a waker that does nothing
    while results.iter().any(Option::is_none) {
        for (future, result) in futures.iter_mut().zip(&mut results) {
            if result.is_none() {
                polls += 1;
                if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                    *result = Some(value);
                }
            }
        }
    }
    (results.into_iter().flatten().collect(), polls)
}

fn main() {
    let (results, polls) = run(vec![Box::pin(MySleep::Begin { duration: 1.0 }), Box::pin(mysleep(0.5))]);
    println!("{results:?}");
    assert!(polls > 1_000);
    println!("polled more than 1,000 times, where four polls would have done");
}
