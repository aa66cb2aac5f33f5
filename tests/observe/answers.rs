//! Dumps that another thread asks for, and the error for a loop that does not answer.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use boucle::observe::{EventKind, TaskState};
use boucle::{DumpError, EventLoop, LoopHandle, spawn, spawn_named};

use super::{observed_loop, task};
use crate::common::{LONG, OnDrop, holds, observed_by, turn, virtual_loop};

/// A sleeping loop answers another thread, whichever clock it has, and sleeps on.
#[test]
fn a_loop_that_sleeps_answers_another_thread() {
    let real = EventLoop::new().unwrap();
    for event_loop in [real, virtual_loop(), observed_loop()] {
        let (done, is_done) = async_channel::bounded(1);
        let handle = event_loop.handle();
        let other = thread::spawn(move || {
            let dumps = [(); 3].map(|()| handle.dump(LONG).unwrap());
            done.send_blocking(()).unwrap();
            dumps
        });
        drop(event_loop.spawn(pending::<()>()));
        event_loop.block_on(is_done.recv()).unwrap();
        for dump in other.join().unwrap() {
            assert_eq!(task(&dump, 1).state, TaskState::Idle);
        }
    }
}

/// Runs a loop until another thread has asked for a dump and got no answer in time. What `spawn_held` spawns
/// holds the loop's thread meanwhile, by a call of the closure. Returns the error.
fn error_while_held(event_loop: &EventLoop, spawn_held: impl FnOnce(Box<dyn FnMut()>)) -> String {
    let (holds, is_held) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let (done, is_done) = async_channel::bounded(1);
    let handle = event_loop.handle();
    let other = thread::spawn(move || {
        is_held.recv().unwrap();
        let limit = Duration::from_millis(20);
        let error = handle.dump(limit).unwrap_err();
        go_on.send(()).unwrap();
        // Now it answers.
        handle.dump(LONG).unwrap();
        done.send_blocking(()).unwrap();
        let DumpError::NoAnswer { timeout, holder, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*timeout, limit);
        if let Some(holder) = holder {
            assert!(holder.held >= limit, "{holder:?}");
        }
        error.to_string()
    });
    event_loop.block_on(async {
        spawn_held(Box::new(move || {
            holds.send(()).unwrap();
            may_go_on.recv().unwrap();
        }));
        is_done.recv().await.unwrap();
    });
    other.join().unwrap()
}

/// A loop whose thread is held by a poll or a destructor does not answer in time. If it is observed, the
/// error names the task. Once the thread is free, the loop answers.
#[test]
fn a_loop_that_is_held_is_reported_with_its_task() {
    let unknown = ": something holds its thread, or it is not being run";
    let known = ": task 2 \"held\" has held its thread for ";
    for (event_loop, why) in [(virtual_loop(), unknown), (observed_loop(), known)] {
        let error = error_while_held(&event_loop, |mut hold| {
            drop(spawn_named("held", async move { hold() }));
        });
        assert!(error.starts_with("loop "), "{error}");
        assert!(error.contains(&format!(" has not answered within 20 ms{why}")), "{error}");
    }
    for (event_loop, why) in [(virtual_loop(), unknown), (observed_loop(), known)] {
        let error = error_while_held(&event_loop, |hold| {
            let guard = OnDrop(hold);
            let held = spawn_named("held", holds(guard));
            held.abort();
        });
        assert!(error.contains(why), "{error}");
    }
}

/// An observer that is called before a poll holds the thread, and the task does not.
#[test]
fn an_observer_holds_the_thread_itself() {
    type Hold = Box<dyn FnMut()>;
    let hold: Rc<RefCell<Option<Hold>>> = Rc::default();
    let held = Rc::clone(&hold);
    let event_loop = observed_by(move |event| {
        if event.kind == (EventKind::PollBegins { task: 2 }) {
            held.take().unwrap()();
        }
    });
    let error = error_while_held(&event_loop, |holds| {
        hold.replace(Some(holds));
        drop(spawn(async {}));
    });
    assert!(error.ends_with(": something holds its thread, or it is not being run"), "{error}");
}

/// No task holds an observed loop that is not run: neither the last one that was polled nor the last one
/// that was dropped.
#[test]
fn no_task_holds_a_loop_that_is_not_run() {
    let event_loop = observed_loop();
    let ask = || {
        let handle = event_loop.handle();
        let other = thread::spawn(move || handle.dump(Duration::ZERO).unwrap_err());
        let error = other.join().unwrap();
        let is_free = matches!(error, DumpError::NoAnswer { holder: None, .. });
        assert!(is_free, "{error}");
    };
    let task = event_loop.spawn(pending::<()>());
    turn(&event_loop);
    ask();
    task.abort();
    // The question is still in its inbox, but no thread waits for the answer.
    turn(&event_loop);
    ask();
    event_loop.spawn(async {}).abort();
    event_loop.block_on(async {});
    ask();
}

/// A loop whose end waits for a job says that it is ending: here the job itself asks.
#[cfg(feature = "blocking")]
#[test]
fn a_loop_that_is_ending_is_reported() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let (begins, begun) = async_channel::bounded(1);
    let (ended, error) = mpsc::channel();
    event_loop.block_on(async {
        let job = boucle::run_in_executor(move || {
            begins.send_blocking(()).unwrap();
            let error = loop {
                match handle.dump(LONG) {
                    Ok(_) => thread::yield_now(),
                    Err(error) => break error,
                }
            };
            ended.send(error).unwrap();
        });
        begun.recv().await.unwrap();
        drop(job);
    });
    drop(event_loop);
    let error = error.recv().unwrap().to_string();
    let ending = " is ending: it waits for jobs that have begun, or drops what was left for it";
    assert!(error.ends_with(ending), "{error}");
}

/// A loop that is gone, or ends without an answer, gives the error that it is gone, or that it is ending.
#[test]
fn a_loop_that_is_gone_is_reported() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let (asks, is_asked) = mpsc::channel();
    let other = thread::spawn({
        let handle = handle.clone();
        move || {
            asks.send(()).unwrap();
            handle.dump(LONG).unwrap_err()
        }
    });
    is_asked.recv().unwrap();
    // Most probably the question comes before the drop. If not, it comes to a loop that is gone.
    thread::sleep(Duration::from_millis(20));
    drop(event_loop);
    assert!(matches!(other.join().unwrap(), DumpError::Gone | DumpError::Ending { .. }));
    assert_eq!(handle.dump(LONG).unwrap_err(), DumpError::Gone);
    let nowhere = thread::spawn(move || handle.dump(LONG).unwrap_err());
    let error = nowhere.join().unwrap();
    assert_eq!(error.to_string(), "the event loop is gone");
}

/// A handle of a loop of the same thread gets its answer at once, also inside that loop.
#[test]
fn a_loop_of_the_same_thread_answers_at_once() {
    let other = virtual_loop();
    drop(other.spawn(pending::<()>()));
    let handle = other.handle();
    virtual_loop().block_on(async move {
        assert_eq!(handle.dump(Duration::ZERO).unwrap().tasks.len(), 1);
        let own = LoopHandle::current().dump(Duration::ZERO).unwrap();
        assert!(own.tasks[0].is_main);
    });
}
