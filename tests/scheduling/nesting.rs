//! Loops inside a running loop, and calls that need a running loop where there is none.

use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Mutex;

use boucle::{EventLoop, LoopHandle, sleep, spawn, yield_now};

use crate::common::{Log, SECOND, name_of, panic_of, virtual_loop};

/// Running a loop inside a poll panics with the reason, and the outer loop goes on.
#[test]
fn a_nested_run_panics_and_the_outer_loop_goes_on() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let other = Rc::new(virtual_loop());
    event_loop.block_on(async {
        let task = spawn(async {
            sleep(SECOND).await;
            1
        });
        log.add(panic_of(|| boucle::run(async {})));
        log.add(panic_of(|| other.block_on(async {})));
        log.add(panic_of(|| other.run_forever()));
        log.add(panic_of(|| other.turn(None)));
        log.add(panic_of(|| event_loop.turn(None)));
        assert_eq!(task.await.unwrap(), 1);
    });
    let (name, lines) = (name_of(&event_loop), log.take());
    let calls = ["boucle::run", "block_on", "run_forever", "turn", "turn"];
    assert_eq!(lines.len(), calls.len());
    for (line, call) in lines.iter().zip(calls) {
        let begin = format!("{call} cannot be called while {name} is running on this thread");
        assert!(line.starts_with(&begin), "{line}");
    }
    other.block_on(yield_now());
}

/// A loop may be made, spawned on, and dropped while another one runs.
#[test]
fn a_loop_may_be_made_inside_of_another() {
    let event_loop = virtual_loop();
    let (kept, task) = event_loop.block_on(async {
        let dropped = virtual_loop();
        let kept = virtual_loop();
        let task = kept.spawn(ready(3));
        drop(dropped);
        yield_now().await;
        assert!(!task.is_finished());
        (kept, task)
    });
    assert_eq!(kept.block_on(task).unwrap(), 3);
}

/// Without a running loop, `spawn` panics and names `boucle::run`.
#[test]
fn spawn_without_a_loop_names_run() {
    assert!(panic_of(|| drop(spawn(async {}))).contains("boucle::run"));
    assert!(panic_of(|| drop(LoopHandle::current())).contains("boucle::run"));
    let _living_but_not_running = virtual_loop();
    assert!(panic_of(|| drop(spawn(async {}))).contains("boucle::run"));
}

/// A main future that is refused is dropped before the panic: a guard that it owns poisons no mutex.
#[test]
fn a_refused_main_future_does_not_see_the_panic() {
    let mutex = Mutex::new(());
    let other = EventLoop::new().unwrap();
    boucle::run(async {
        for nested in [false, true] {
            let guard = mutex.lock().unwrap();
            let main = async move { drop(guard) };
            let refused = catch_unwind(AssertUnwindSafe(|| match nested {
                true => boucle::run(main),
                false => other.block_on(main),
            }));
            assert!(refused.is_err() && !mutex.is_poisoned());
        }
    });
}
