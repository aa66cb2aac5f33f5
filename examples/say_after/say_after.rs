//! The coroutine, and four ways to run it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use boucle::{gather, sleep, spawn};
use fastrand::Rng;
use stage::println;

/// Prints `what` after some time, and returns it.
pub(crate) async fn say_after(delay: Duration, what: &str) -> &str {
    sleep(delay).await;
    println!("{what}");
    what
}

/// Awaits one coroutine, then the other: 2 and 1 seconds are 3.
pub(crate) async fn in_sequence(second: Duration) {
    println!("started at {}", time_of_day());
    say_after(2 * second, "hello").await;
    say_after(second, "world").await;
    println!("finished at {}", time_of_day());
}

/// Spawns both, and awaits both: 2 and 1 seconds are 2.
pub(crate) async fn as_tasks(second: Duration) {
    let task1 = spawn(say_after(2 * second, "hello"));
    let task2 = spawn(say_after(second, "world"));
    println!("started at {}", time_of_day());
    task1.await.expect("it is not aborted");
    task2.await.expect("it is not aborted");
    println!("finished at {}", time_of_day());
}

/// Gathers both, with random delays: whichever comes first, the results keep the input's order.
pub(crate) async fn gathered(second: Duration, seed: u64) -> Vec<&'static str> {
    let mut random = Rng::with_seed(seed);
    gather(["Hello", "World"].map(|what| say_after(second.mul_f64(random.f64()), what))).await
}

/// `HH:MM:SS`, in UTC.
fn time_of_day() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.unwrap_or_default().as_secs();
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}
