//! A loop for one run. A test makes one, an exploration thousands.

use boucle::explore::{Explore, Strategy};

use super::runtime::{Alone, Boucle};
use super::watch::{Spent, Watch};

/// An operation makes a loop without a socket, runs a future that is ready, and drops the loop.
pub fn loops<R: Alone>() -> impl Fn(&R, usize) -> Spent {
    |_, loops| {
        let watch = Watch::start();
        (0..loops).for_each(|_| R::run_alone(async {}));
        watch.stop()
    }
}

/// An operation is a schedule of three tasks that yield five times each: 22 polls or so.
pub fn schedules() -> impl Fn(&Boucle, usize) -> Spent {
    |_, schedules| {
        let explore = Explore::new().strategy(Strategy::Exhaustive).schedules(schedules as u64);
        let watch = Watch::start();
        let explored = explore.run(|| async {
            let tasks = [0; 3].map(|_| boucle::spawn(five_yields()));
            for task in tasks {
                task.await.expect("the task has a value");
            }
        });
        assert_eq!(explored.schedules, schedules as u64);
        watch.stop()
    }
}

async fn five_yields() {
    for _ in 0..5 {
        boucle::yield_now().await;
    }
}
