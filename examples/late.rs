//! A clock that ticks every 20 ms is late, again and again. Some task keeps the thread: which one, and
//! when? A picture of the run shows it.
//!
//! After the course page "la programmation asynchrone en Python", "pourquoi c'est mieux que des threads":
//! a coroutine that keeps control starves the others.
//!
//! ```sh
//! BOUCLE_TRACE=run.html cargo run --release --example late
//! ```
//!
//! prints something like
//!
//! ```text
//! 75 ticks in 1.5 s; 16 of them were more than 10 ms late, the worst one by 87 ms
//! ```
//!
//! and leaves a page, `run.html`. Open it, and choose the clock among the most delayed polls: the page says
//! which task was polled while the clock was overdue. `BOUCLE_SLOW_POLL=50ms` names that task at once.
//! `BOUCLE_TRACE=timeline` prints the schedule as text, and leaves it to the reader to find the task.
//!
//! Read next: `src/trace/page.rs`. Run next: `cargo run --release --example starvation`, the cure.

use std::hint::black_box;
use std::time::{Duration, Instant};

use boucle::{interval, sleep, spawn_named};
use stage::{options, println};

const HELP: &str = "\
Runs five tasks for two seconds. A clock among them is late: another task keeps the thread.

usage: late";

const RUN: Duration = Duration::from_millis(1500);
const TICK: Duration = Duration::from_millis(20);

/// Ticks. Returns how late each tick was.
async fn clock() -> Vec<Duration> {
    let (start, mut late) = (boucle::now(), Vec::new());
    for tick in 1.. {
        let due = start + TICK * tick;
        if due > start + RUN {
            break;
        }
        boucle::sleep_until(due).await;
        late.push(boucle::now() - due);
    }
    late
}

/// Looks for mail every 70 ms, and reads it quickly.
async fn mail() {
    for _ in 0..20 {
        sleep(Duration::from_millis(70)).await;
        compute(Duration::from_micros(200));
    }
}

/// Throws old entries away, a few at a time.
async fn cache() {
    let mut every = interval(Duration::from_millis(110));
    for _ in 0..13 {
        every.tick().await;
        for _ in 0..8 {
            compute(Duration::from_micros(100));
            boucle::yield_now().await;
        }
    }
}

/// Adds up what has happened, with 290 ms in between.
async fn report() {
    for _ in 0..5 {
        sleep(Duration::from_millis(290)).await;
        compute(Duration::from_millis(90));
    }
}

/// Searches in small pieces, and yields after each: much work that delays no other task.
async fn search() {
    for _ in 0..400 {
        compute(Duration::from_micros(300));
        sleep(Duration::from_millis(3)).await;
    }
}

/// Keeps the processor busy for that long.
fn compute(duration: Duration) {
    let end = Instant::now() + duration;
    let mut sum = 0u64;
    while Instant::now() < end {
        (0..1000).for_each(|n| sum = black_box(sum.wrapping_mul(31) + n));
    }
}

async fn run() -> Vec<Duration> {
    let clock = spawn_named("clock", clock());
    let others = [
        spawn_named("mail", mail()),
        spawn_named("cache", cache()),
        spawn_named("report", report()),
        spawn_named("search", search()),
    ];
    for other in others {
        other.await.expect("no task panics");
    }
    clock.await.expect("a clock does not panic")
}

fn main() {
    options::none(HELP);
    let late = boucle::run(run());
    let bad = late.iter().filter(|late| late.as_millis() > 10).count();
    let worst = late.iter().max().expect("it has ticked");
    println!(
        "{} ticks in {} s; {bad} of them were more than 10 ms late, the worst one by {} ms",
        late.len(),
        RUN.as_secs_f64(),
        worst.as_millis()
    );
}
