//! Durations, and whether a virtual clock jumps.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use boucle::{now, sleep};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// How long a test that would otherwise hang waits before it fails. Miri needs half a minute for some that do
/// not hang, on an idle machine.
pub(crate) const LONG: Duration = Duration::from_secs(if cfg!(miri) { 600 } else { 60 });

pub(crate) const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(crate) const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Sleeps under a virtual clock. Returns false if the loop parks for real instead of letting the clock jump:
/// a thread ends that park after five seconds.
pub(crate) async fn passes_at_once(time: Duration) -> bool {
    let (end_park, park_ended) = async_channel::bounded(1);
    let (over, is_over) = mpsc::channel::<()>();
    let other = thread::spawn(move || {
        if is_over.recv_timeout(secs(5)).is_err() {
            end_park.try_send(()).unwrap();
        }
        // `end_park` lives until the sleep is over: if it were dropped, `recv` would return.
        let _ = is_over.recv();
    });
    let start = now();
    let mut asleep = sleep(time);
    let mut ended = pin!(park_ended.recv());
    let passed = poll_fn(|cx| {
        if Pin::new(&mut asleep).poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        ended.as_mut().poll(cx).map(|_| false)
    })
    .await;
    drop(over);
    other.join().unwrap();
    // A park that was real may have left the clock between two ticks, and a deadline is rounded up.
    assert!(!passed || now() - start - time < Duration::from_micros(1));
    passed
}
