//! A coroutine that counts how many run at the same instant, on one loop and on two.

use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use boucle::gather;

/// Counts the coroutines that are in it at the same instant.
#[derive(Default)]
pub(crate) struct Meeting {
    present: Mutex<Present>,
    changed: Condvar,
}

#[derive(Default)]
struct Present {
    now: usize,
    most: usize,
}

/// Attends the meeting without an `await`: blocks the thread until another coroutine attends, or until
/// `patience` has passed.
async fn meet(meeting: Arc<Meeting>, patience: Duration) {
    meeting.attend(patience);
}

/// Two coroutines on one loop. Returns the most that were present at once.
pub(crate) fn on_one_loop(patience: Duration) -> usize {
    let meeting = Arc::new(Meeting::default());
    let coroutine = || meet(Arc::clone(&meeting), patience);
    boucle::run(gather([coroutine(), coroutine()]));
    meeting.most()
}

/// Two coroutines, each on a loop in a thread of its own.
pub(crate) fn on_two_loops(patience: Duration) -> usize {
    let meeting = Arc::new(Meeting::default());
    let coroutine = || meet(Arc::clone(&meeting), patience);
    thread::scope(|scope| {
        scope.spawn(|| boucle::run(coroutine()));
        scope.spawn(|| boucle::run(coroutine()));
    });
    meeting.most()
}

impl Meeting {
    fn attend(&self, patience: Duration) {
        let mut present = self.present.lock().expect("nothing panics here");
        present.now += 1;
        present.most = present.most.max(present.now);
        self.changed.notify_all();
        let alone = |present: &mut Present| present.most < 2;
        let (mut present, _) =
            self.changed.wait_timeout_while(present, patience, alone).expect("nothing panics here");
        present.now -= 1;
    }

    fn most(&self) -> usize {
        self.present.lock().expect("nothing panics here").most
    }
}
