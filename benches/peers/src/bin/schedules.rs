//! How many schedules are run in a second, by boucle's `explore`, by shuttle and by loom?
//!
//! `README.md` says what the sides are, and what a schedule is on each of them.
//!
//! ```console
//! $ cargo run --release --bin schedules             # the table: half a minute
//! $ cargo run --release --bin schedules -- --test   # ten schedules of everything, no measurement
//! ```

use std::sync::atomic::{AtomicU64, Ordering};

use boucle::explore::{Explore, Strategy};
use cpu_time::ProcessTime;

/// Three programs of tasks, the same on boucle and on shuttle.
mod tasks {
    use std::sync::Arc;

    use async_channel::{Receiver, Sender, bounded};
    use async_lock::Mutex;

    pub trait Tasks: 'static {
        fn spawn(future: impl Future<Output = ()> + Send + 'static) -> impl Future<Output = ()>;
        fn yield_now() -> impl Future<Output = ()> + Send;
    }

    /// Three tasks yield five times each.
    pub async fn yields<T: Tasks>() {
        let tasks = [(); 3].map(|()| {
            T::spawn(async {
                for _ in 0..5 {
                    T::yield_now().await;
                }
            })
        });
        for task in tasks {
            task.await;
        }
    }

    /// Two tasks send each other 20 messages in all.
    pub async fn ping_pong<T: Tasks>() {
        let (ping, pong) = (bounded(1), bounded(1));
        let returns = T::spawn(return_ten(ping.1, pong.0));
        let sends = T::spawn(send_ten(ping.0, pong.1));
        returns.await;
        sends.await;
    }

    async fn send_ten(ping: Sender<u32>, pong: Receiver<u32>) {
        for message in 0..10 {
            ping.send(message).await.expect("the other task receives");
            assert_eq!(pong.recv().await, Ok(message));
        }
    }

    async fn return_ten(ping: Receiver<u32>, pong: Sender<u32>) {
        for _ in 0..10 {
            let message = ping.recv().await.expect("the other task sends");
            pong.send(message).await.expect("the other task receives");
        }
    }

    /// Three tasks take a lock three times each, and yield while they have it.
    pub async fn lock<T: Tasks>() {
        let count = Arc::new(Mutex::new(0));
        let tasks = [(); 3].map(|()| T::spawn(count_three::<T>(count.clone())));
        for task in tasks {
            task.await;
        }
        assert_eq!(*count.lock().await, 9);
    }

    async fn count_three<T: Tasks>(count: Arc<Mutex<u32>>) {
        for _ in 0..3 {
            let mut locked = count.lock().await;
            let before = *locked;
            T::yield_now().await;
            *locked = before + 1;
        }
    }
}

/// The three programs of threads, on a library's own threads, channels and locks.
macro_rules! threads {
    ($name:ident, $library:ident) => {
        mod $name {
            use $library::sync::{Arc, Mutex, mpsc};
            use $library::thread::{spawn, yield_now};

            /// Three threads yield five times each.
            pub fn yields() {
                let threads = [(); 3].map(|()| spawn(|| (0..5).for_each(|_| yield_now())));
                for thread in threads {
                    thread.join().expect("no thread panics");
                }
            }

            /// Two threads send each other 20 messages in all.
            pub fn ping_pong() {
                let ((ping, pings), (pong, pongs)) = (mpsc::channel(), mpsc::channel());
                let returns = spawn(move || {
                    for _ in 0..10 {
                        let message: u32 = pings.recv().expect("the other thread sends");
                        pong.send(message).expect("the other thread receives");
                    }
                });
                let sends = spawn(move || {
                    for message in 0..10 {
                        ping.send(message).expect("the other thread receives");
                        assert_eq!(pongs.recv(), Ok(message));
                    }
                });
                returns.join().expect("no thread panics");
                sends.join().expect("no thread panics");
            }

            /// Three threads take a lock three times each.
            pub fn lock() {
                let count = Arc::new(Mutex::new(0));
                let threads = [(); 3].map(|()| {
                    let count = count.clone();
                    spawn(move || (0..3).for_each(|_| *count.lock().unwrap() += 1))
                });
                for thread in threads {
                    thread.join().expect("no thread panics");
                }
                assert_eq!(*count.lock().unwrap(), 9);
            }
        }
    };
}

threads!(shuttle_threads, shuttle);
threads!(loom_threads, loom);

struct Boucle;

impl tasks::Tasks for Boucle {
    fn spawn(future: impl Future<Output = ()> + Send + 'static) -> impl Future<Output = ()> {
        let task = boucle::spawn(future);
        async { task.await.expect("no task panics") }
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        boucle::yield_now()
    }
}

struct Shuttle;

impl tasks::Tasks for Shuttle {
    fn spawn(future: impl Future<Output = ()> + Send + 'static) -> impl Future<Output = ()> {
        let task = shuttle::future::spawn(future);
        async { task.await.expect("no task panics") }
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        shuttle::future::yield_now()
    }
}

/// How many schedules a side runs in a round.
const SCHEDULES: u64 = 5_000;

/// How many rounds count.
const ROUNDS: usize = 20;

/// For each of the three programs, a function that runs it under a number of schedules.
struct Side {
    name: &'static str,
    programs: [fn(u64); 3],
}

const PROGRAMS: [&str; 3] = ["three yield", "ping-pong", "a lock"];

const SIDES: [Side; 4] = [
    Side {
        name: "boucle",
        programs: [
            |schedules| explore(schedules, tasks::yields::<Boucle>),
            |schedules| explore(schedules, tasks::ping_pong::<Boucle>),
            |schedules| explore(schedules, tasks::lock::<Boucle>),
        ],
    },
    Side {
        name: "shuttle, tasks",
        programs: [
            |schedules| shuttle(schedules, || shuttle::future::block_on(tasks::yields::<Shuttle>())),
            |schedules| shuttle(schedules, || shuttle::future::block_on(tasks::ping_pong::<Shuttle>())),
            |schedules| shuttle(schedules, || shuttle::future::block_on(tasks::lock::<Shuttle>())),
        ],
    },
    Side {
        name: "shuttle, threads",
        programs: [
            |schedules| shuttle(schedules, shuttle_threads::yields),
            |schedules| shuttle(schedules, shuttle_threads::ping_pong),
            |schedules| shuttle(schedules, shuttle_threads::lock),
        ],
    },
    Side {
        name: "loom, threads",
        programs: [
            |schedules| loom(schedules, loom_threads::yields),
            |schedules| loom(schedules, loom_threads::ping_pong),
            |schedules| loom(schedules, loom_threads::lock),
        ],
    },
];

/// How many schedules have been run in this round.
static RUN: AtomicU64 = AtomicU64::new(0);

fn explore<F: Future>(schedules: u64, program: fn() -> F) {
    Explore::new().strategy(Strategy::Random).schedules(schedules).run(|| {
        RUN.fetch_add(1, Ordering::Relaxed);
        program()
    });
}

fn shuttle(schedules: u64, program: fn()) {
    let counted = move || {
        RUN.fetch_add(1, Ordering::Relaxed);
        program();
    };
    shuttle::check_random(counted, schedules as usize);
}

/// If a program has fewer schedules, they are run again.
fn loom(schedules: u64, program: fn()) {
    loop {
        let left = (schedules - RUN.load(Ordering::Relaxed)) as usize;
        if left == 0 {
            return;
        }
        let mut model = loom::model::Builder::new();
        // loom looks at the maximum only where it would write a checkpoint, and before it runs the schedule.
        model.checkpoint_interval = left + 1;
        model.max_permutations = Some(left + 1);
        model.check(move || {
            RUN.fetch_add(1, Ordering::Relaxed);
            program();
        });
    }
}

/// Schedules in a second of CPU time, in one round.
fn rate(run: fn(u64), schedules: u64) -> f64 {
    RUN.store(0, Ordering::Relaxed);
    let watch = ProcessTime::now();
    run(schedules);
    let seconds = watch.elapsed().as_secs_f64();
    assert_eq!(RUN.load(Ordering::Relaxed), schedules);
    schedules as f64 / seconds
}

/// All rounds of each side, in ascending order, without the first.
fn measure(program: usize) -> [Vec<f64>; SIDES.len()] {
    let mut rates = [const { Vec::new() }; SIDES.len()];
    for round in 0..=ROUNDS {
        for turn in 0..SIDES.len() {
            let side = if round % 2 == 0 { turn } else { SIDES.len() - 1 - turn };
            let rate = rate(SIDES[side].programs[program], SCHEDULES);
            if round > 0 {
                rates[side].push(rate);
            }
        }
    }
    for rates in &mut rates {
        rates.sort_unstable_by(f64::total_cmp);
    }
    rates
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        None => table(),
        Some("--test") => test(),
        Some(other) => panic!("the only option is --test, not {other}"),
    }
}

fn table() {
    println!("| program | side | best | median | boucle's best to it |");
    println!("|---|---|--:|--:|--:|");
    for (index, program) in PROGRAMS.iter().enumerate() {
        let rates = measure(index);
        let best = |side: usize| rates[side][ROUNDS - 1];
        for (side, Side { name, .. }) in SIDES.iter().enumerate() {
            let (best, ratio) = (best(side), best(0) / best(side));
            println!("| {program} | {name} | {best:.0} | {:.0} | {ratio:.1} |", rates[side][ROUNDS / 2]);
        }
    }
}

fn test() {
    for (index, program) in PROGRAMS.iter().enumerate() {
        for side in &SIDES {
            rate(side.programs[index], 10);
        }
        println!("{program}: {} sides", SIDES.len());
    }
}
