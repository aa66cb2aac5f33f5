//! Panics: of a task, of main, of destructors, of values and payloads that nobody wanted; and those
//! that the crate raises itself.

#![allow(unused_must_use)] // A handle that is dropped detaches its task, which is what many tests want.

mod common;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt::{self, Write};
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use boucle::{
    ALL_COMPLETED, FIRST_COMPLETED, JoinError, JoinHandle, LoopGone, LoopHandle, as_completed,
    gather, now, sleep, spawn, spawn_named, try_gather, wait, yield_now,
};
use futures_lite::StreamExt;
use futures_lite::future::poll_once;

use common::{Log, OnDrop, panic_of, virtual_loop};

const SECOND: Duration = Duration::from_secs(1);

/// A payload of our own.
#[derive(Debug, PartialEq)]
struct Custom(i32);

/// Something whose destructor panics.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

/// A future that gives one answer and panics when it is dropped.
struct Explosive<T> {
    answer: Option<Poll<T>>,
    _bomb: Bomb,
}

impl<T> Unpin for Explosive<T> {}

impl<T> Future for Explosive<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        self.answer.take().unwrap_or(Poll::Pending)
    }
}

fn explosive<T>(answer: Poll<T>) -> Explosive<T> {
    let _bomb = Bomb("in the destructor");
    let answer = Some(answer);
    Explosive { answer, _bomb }
}

/// What a task that panicked says.
async fn message_of<T: 'static>(task: JoinHandle<T>) -> String {
    match task.await {
        Ok(_) => panic!("the task did not panic"),
        Err(error) => {
            assert!(error.is_panic() && !error.is_cancelled());
            error.to_string()
        }
    }
}

/// Spawns a task when it is polled first, and awaits it.
async fn spawn_now(task: impl Future<Output = ()> + 'static) -> Result<(), JoinError> {
    spawn(task).await
}

// --- Tasks

/// A panic ends its task alone, and reaches its handle.
#[test]
fn a_panic_in_a_task_reaches_its_handle_only() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let other = log.clone();
        spawn(async move {
            other.add("other");
            yield_now().await;
            other.add("other again");
        });
        let task = spawn(async { panic!("mine") });
        yield_now().await;
        assert!(task.is_finished());
        assert_eq!(message_of(task).await, "task 3 panicked: mine");
        yield_now().await;
    });
    assert_eq!(log.take(), ["other", "other again"]);
}

/// A panic without a handle is nobody's: the loop goes on.
#[test]
fn a_panic_in_a_detached_task_is_nobodys() {
    virtual_loop().block_on(async {
        drop(spawn(async { panic!("unseen") }));
        sleep(SECOND).await;
    });
}

/// A message that is a `&str` or a `String` is shown; any other payload can be taken.
#[test]
fn the_error_shows_the_message() {
    virtual_loop().block_on(async {
        let literal = spawn(async { panic!("a literal") });
        let formatted = spawn_named("named", async {
            let number = std::hint::black_box(1);
            panic!("formatted {number}")
        });
        let custom = spawn(async { panic_any(Custom(7)) });

        let error = literal.await.unwrap_err();
        assert_eq!(error.to_string(), "task 2 panicked: a literal");
        assert_eq!(
            format!("{error:?}"),
            "JoinError(task 2 panicked: a literal)"
        );
        assert_eq!((error.id(), error.name()), (2, None));

        let error = formatted.await.unwrap_err();
        assert_eq!(error.to_string(), "task 3 \"named\" panicked: formatted 1");
        assert_eq!((error.id(), error.name()), (3, Some("named")));
        let payload = error.try_into_panic().unwrap();
        assert_eq!(*payload.downcast::<String>().unwrap(), "formatted 1");

        let error = custom.await.unwrap_err();
        assert_eq!(error.to_string(), "task 4 panicked");
        let payload = error.try_into_panic().unwrap();
        assert_eq!(*payload.downcast::<Custom>().unwrap(), Custom(7));
    });
}

/// `resume` goes on with the very payload; of a cancelled task there is none, and it says so.
#[test]
fn a_panic_can_be_resumed() {
    virtual_loop().block_on(async {
        let error = spawn(async { panic_any(Custom(7)) }).await.unwrap_err();
        let resumed = catch_unwind(AssertUnwindSafe(|| error.resume())).unwrap_err();
        assert_eq!(*resumed.downcast::<Custom>().unwrap(), Custom(7));

        let task = spawn(pending::<()>());
        task.abort();
        let error = task.await.unwrap_err();
        let expected = "task 3 was cancelled, so there is no panic to resume";
        assert_eq!(panic_of(|| error.resume()), expected);
    });
}

/// The message is written without a lock: a writer may show the same error, on any thread.
#[test]
fn a_writer_may_show_the_error_that_it_is_given() {
    struct Shows(JoinError, Vec<String>);
    impl Write for Shows {
        fn write_str(&mut self, _: &str) -> fmt::Result {
            let (error, (tell, told)) = (self.0.clone(), mpsc::channel());
            // On a thread of its own, so that a deadlock is a failure and no hang.
            thread::spawn(move || tell.send(error.to_string()));
            let shown = told.recv_timeout(Duration::from_secs(10));
            self.1
                .push(shown.expect("the error can be shown meanwhile"));
            Ok(())
        }
    }
    let number = std::hint::black_box(1);
    let task = async move { panic!("formatted {number}") };
    let error = virtual_loop().block_on(spawn_now(task)).unwrap_err();
    let mut writer = Shows(error.clone(), Vec::new());
    write!(writer, "{error}").unwrap();
    assert!(
        writer
            .1
            .iter()
            .all(|it| it == "task 2 panicked: formatted 1")
    );
}

/// Clones share the payload: the first that takes it has it. The others still tell what happened.
#[test]
fn the_payload_is_taken_once_from_all_clones() {
    virtual_loop().block_on(async {
        let error = spawn(async { panic!("message") }).await.unwrap_err();
        let clones = [error.clone(), error.clone()];
        let payload = error.try_into_panic().unwrap();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "message");
        let [first, second] = clones;
        assert!(first.is_panic() && !first.is_cancelled());
        let first = first.try_into_panic().unwrap_err();
        assert_eq!(first.to_string(), "task 2 panicked: message");
        let expected = "task 2 panicked: message (its payload was taken)";
        assert_eq!(panic_of(|| second.resume()), expected);

        let task = spawn_named("named", pending::<()>());
        task.abort();
        let error = task.await.unwrap_err();
        let clone = error.clone().try_into_panic().unwrap_err();
        assert!(clone.is_cancelled() && error.is_cancelled());
        assert_eq!((clone.id(), clone.name()), (3, Some("named")));
    });
}

/// A payload that no clone takes is dropped with the last of them. If it panics then, the panic stops there.
#[test]
fn the_payload_is_dropped_with_the_last_clone() {
    struct Payload(Arc<AtomicUsize>, #[expect(dead_code)] Bomb);
    impl Drop for Payload {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let payload = Payload(drops.clone(), Bomb("payload"));
    let error = virtual_loop().block_on(spawn_now(async { panic_any(payload) }));
    let error = error.unwrap_err();
    drop(error.clone());
    assert_eq!(drops.load(SeqCst), 0);
    thread::spawn(move || drop(error)).join().unwrap();
    assert_eq!(drops.load(SeqCst), 1);
}

/// An error takes one word, and a handle gives it with no more than that.
#[test]
fn a_join_error_is_one_word() {
    assert_eq!(size_of::<JoinError>(), size_of::<usize>());
    assert_eq!(size_of::<Result<(), JoinError>>(), size_of::<usize>());
}

/// The error may travel, and is an error like others.
#[test]
fn a_join_error_is_send_and_sync() {
    fn travels<T: Error + Send + Sync + 'static>() {}
    travels::<JoinError>();
    travels::<LoopGone>();
    fn sent<T: Send + Sync>() {}
    // Whatever the value is.
    sent::<JoinHandle<Rc<()>>>();
    sent::<LoopHandle>();
}

/// A closure that came from another thread panics in a task of its own.
#[test]
fn a_panic_in_what_a_loop_handle_spawns_is_the_tasks() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let make = || -> std::future::Ready<()> { panic!("in the closure") };
    handle.spawn(make).unwrap();
    handle.spawn(|| async { panic!("in the future") }).unwrap();
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!((turn.polled, turn.left), (2, 0));
}

// --- Destructors

/// A future that is ready and then panics while it is dropped has panicked: its value is dropped.
#[test]
fn a_panic_in_the_destructor_of_a_ready_future_is_the_tasks() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let value = log.on_drop("value dropped");
        let task = spawn(explosive(Poll::Ready(value)));
        assert_eq!(message_of(task).await, "task 2 panicked: in the destructor");
        // Nobody has the handle.
        drop(spawn(explosive(Poll::Ready(()))));
        yield_now().await;
    });
    assert_eq!(log.take(), ["value dropped"]);
}

/// If the poll has panicked already, the first panic is the one that is told.
#[test]
fn the_first_panic_of_a_task_is_told() {
    struct Both(Bomb);
    impl Future for Both {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            let _ = &self.0;
            panic!("in the poll");
        }
    }
    virtual_loop().block_on(async {
        let task = spawn(Both(Bomb("in the destructor")));
        assert_eq!(message_of(task).await, "task 2 panicked: in the poll");
    });
}

/// A task whose destructor panics because it was aborted has panicked.
#[test]
fn a_panic_in_the_destructor_of_an_aborted_task_is_the_tasks() {
    virtual_loop().block_on(async {
        let polled = spawn(explosive::<()>(Poll::Pending));
        let fresh = spawn(explosive::<()>(Poll::Pending));
        fresh.abort();
        yield_now().await;
        polled.abort();
        assert_eq!(
            message_of(polled).await,
            "task 2 panicked: in the destructor"
        );
        assert_eq!(
            message_of(fresh).await,
            "task 3 panicked: in the destructor"
        );
        // Nobody has the handle.
        let detached = spawn(explosive::<()>(Poll::Pending));
        detached.abort();
        drop(detached);
        yield_now().await;
    });
}

/// A value that nobody takes may panic when it is dropped, and harms nobody: with the handle, or
/// without one.
#[test]
fn a_panic_in_the_destructor_of_a_value_stops_at_the_loop() {
    virtual_loop().block_on(async {
        let done = spawn(async { Bomb("value") });
        drop(spawn(async { Bomb("detached value") }));
        yield_now().await;
        drop(done);

        let gathered = gather([0, 9].map(|count| async move {
            sleep(count * SECOND).await;
            Bomb("value of a child")
        }));
        assert!(boucle::timeout(SECOND, gathered).await.is_err());
        yield_now().await;
    });
}

/// A task that aborts itself and returns a value whose destructor panics has panicked.
#[test]
fn a_panic_in_a_value_that_is_dropped_by_an_abort_is_the_tasks() {
    virtual_loop().block_on(async {
        let own: Rc<RefCell<Option<JoinHandle<Bomb>>>> = Rc::default();
        let handle = own.clone();
        own.replace(Some(spawn(async move {
            handle.borrow().as_ref().unwrap().abort();
            Bomb("value")
        })));
        yield_now().await;
        let task = own.take().unwrap();
        assert_eq!(message_of(task).await, "task 2 panicked: value");
    });
}

/// A payload may panic when it is dropped, and what it panics with may do so again.
#[test]
fn a_payload_that_panics_when_it_is_dropped_harms_nobody() {
    struct Endless;
    impl Drop for Endless {
        fn drop(&mut self) {
            panic_any(Endless);
        }
    }
    let event_loop = virtual_loop();
    event_loop.block_on(async {
        drop(spawn(async { panic_any(Bomb("payload")) }));
        drop(spawn(async { panic_any(Endless) }));
        let done = [
            spawn(async { panic_any(Bomb("payload")) }),
            spawn(async { panic_any(Endless) }),
        ];
        yield_now().await;
        drop(done);
    });
    event_loop.spawn(async { panic_any(Endless) });
    let kept = event_loop.spawn(async { panic_any(Endless) });
    event_loop.turn(None).unwrap();
    drop(event_loop);
    drop(kept);
}

// --- Main

/// A panic of main comes out of `run` with its payload, after the tasks were dropped.
#[test]
fn a_panic_of_main_comes_out_after_the_loop_is_cleaned_up() {
    let log = Log::default();
    let payload = catch_unwind(AssertUnwindSafe(|| {
        boucle::run(async {
            let _main = log.on_drop("main");
            for line in ["first", "second"] {
                let guard = log.on_drop(line);
                spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                });
            }
            yield_now().await;
            panic_any(Custom(1));
        })
    }))
    .unwrap_err();
    assert_eq!(log.take(), ["main", "first", "second"]);
    assert_eq!(*payload.downcast::<Custom>().unwrap(), Custom(1));
    assert_eq!(boucle::run(ready(1)), 1);
}

/// The same while the destructors of the tasks panic too: each of them runs, and main's panic is
/// the one that comes out.
#[test]
fn a_panic_of_main_survives_those_of_the_destructors() {
    let log = Log::default();
    let message = panic_of(|| {
        boucle::run(async {
            for line in ["first", "second"] {
                let guard = log.on_drop(line);
                spawn(async move {
                    let _guard = (Bomb(line), guard);
                    pending::<()>().await;
                });
            }
            spawn(async { Bomb("value") });
            spawn(async { panic_any(Bomb("payload")) });
            yield_now().await;
            panic!("main");
        })
    });
    assert_eq!(message, "main");
    assert_eq!(log.take(), ["first", "second"]);
}

/// Destructors that panic while a loop closes do not keep the others from their turn, nor do they
/// come out.
#[test]
fn panics_in_destructors_stop_at_the_closing_loop() {
    let log = Log::default();
    boucle::run(async {
        for line in ["first", "second"] {
            let guard = log.on_drop(line);
            spawn(async move {
                let _guard = (Bomb(line), guard);
                pending::<()>().await;
            });
        }
        yield_now().await;
    });
    assert_eq!(log.take(), ["first", "second"]);
}

/// A main whose destructor panics after it was ready has panicked, and the loop is cleaned up as
/// well.
#[test]
fn a_panic_in_the_destructor_of_main_comes_out() {
    let log = Log::default();
    let message = panic_of(|| {
        let tasks = log.clone();
        let mut main = explosive(Poll::Ready(()));
        boucle::run(std::future::poll_fn(move |cx| {
            let guard = tasks.on_drop("task");
            spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            Pin::new(&mut main).poll(cx)
        }))
    });
    assert_eq!(message, "in the destructor");
    assert_eq!(log.take(), ["task"]);
}

/// An explicit loop outlives the panic of a main future, with its tasks, in the middle of a batch.
#[test]
fn an_explicit_loop_survives_a_panic_of_main() {
    let event_loop = virtual_loop();
    let task = event_loop.spawn(async {
        for _ in 0..3 {
            yield_now().await;
        }
        sleep(SECOND).await;
        7
    });
    for _ in 0..2 {
        assert_eq!(
            panic_of(|| event_loop.block_on(async { panic!("main") })),
            "main"
        );
    }
    assert_eq!(event_loop.block_on(task).unwrap(), 7);
}

/// A loop whose thread dies of a panic is gone for the other threads.
#[test]
fn a_loop_that_dies_of_a_panic_is_gone() {
    let (sender, handles) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        boucle::run(async {
            sender.send(LoopHandle::current()).unwrap();
            panic!("main");
        })
    });
    assert!(thread.join().is_err());
    let handle = handles.recv().unwrap();
    assert_eq!(handle.spawn(|| ready(())), Err(LoopGone));
    assert_eq!(LoopGone.to_string(), "the event loop is gone");
}

// --- Combinators

/// When a child of a gather panics its payload goes on in the parent, at once, and the other
/// children are aborted.
#[test]
fn a_panic_of_a_child_goes_on_in_the_parent_of_a_gather() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let start = now();
        let children = [3, 1, 2].map(|count: u32| {
            let guard = log.on_drop(["", "child 1", "child 2", "child 3"][count as usize]);
            async move {
                let _guard = guard;
                sleep(count * SECOND).await;
                panic_any(Custom(count as i32))
            }
        });
        let parent = spawn(async move {
            let _: Vec<()> = gather(children).await;
        });
        let payload = parent.await.unwrap_err().try_into_panic().unwrap();
        assert_eq!(*payload.downcast::<Custom>().unwrap(), Custom(1));
        assert_eq!(now() - start, SECOND);
        yield_now().await;
        assert_eq!(log.take(), ["child 1", "child 3", "child 2"]);
    });
}

/// The macro does the same.
#[test]
fn a_panic_of_a_child_goes_on_in_the_parent_of_a_gather_of_types() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let guard = log.on_drop("other dropped");
        let parent = spawn(async {
            let other = async move {
                let _guard = guard;
                pending::<()>().await;
            };
            let fails = async {
                sleep(SECOND).await;
                panic!("child");
            };
            boucle::gather!(other, ready(1), fails).await;
        });
        assert_eq!(message_of(parent).await, "task 2 panicked: child");
        yield_now().await;
    });
    assert_eq!(log.take(), ["other dropped"]);
}

/// And so does `try_gather`, where a panic is not an error.
#[test]
fn a_panic_of_a_child_goes_on_in_the_parent_of_a_try_gather() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let children = [1, 2].map(|count: u32| {
            let guard = log.on_drop(["", "child 1", "child 2"][count as usize]);
            async move {
                let _guard = guard;
                sleep(count * SECOND).await;
                assert_ne!(count, 1, "child");
                Ok::<_, ()>(())
            }
        });
        let parent = spawn(try_gather(children));
        assert!(message_of(parent).await.contains("child"));
        yield_now().await;
        assert_eq!(log.take(), ["child 1", "child 2"]);
    });
}

/// Of two children that panic in one turn the first one is told, and the loop goes on.
#[test]
fn the_first_of_two_panics_goes_on_in_the_parent() {
    virtual_loop().block_on(async {
        let children = [1, 2].map(|number| async move {
            sleep(SECOND).await;
            panic_any(Custom(number))
        });
        let parent = spawn(async move {
            let _: Vec<()> = gather(children).await;
        });
        let payload = parent.await.unwrap_err().try_into_panic().unwrap();
        assert_eq!(*payload.downcast::<Custom>().unwrap(), Custom(1));
    });
}

/// A panic in main's own gather comes out of `run`.
#[test]
fn a_panic_of_a_child_comes_out_of_run() {
    let message = panic_of(|| boucle::run(gather([async { panic!("child") }])));
    assert_eq!(message, "child");
}

/// There is nothing to wait for in an empty set: a panic that says so, and no hang.
#[test]
fn wait_of_none_panics() {
    let none = Vec::<JoinHandle<()>>::new;
    let message = panic_of(|| drop(wait(none(), ALL_COMPLETED)));
    assert!(message.contains("empty"), "{message}");
    virtual_loop().block_on(async {
        let task = spawn(async move { wait(none(), FIRST_COMPLETED).await.0.len() });
        assert!(message_of(task).await.contains("empty"));
    });
}

// --- Misuse

/// A task that awaits its own handle would wait for ever: it panics, and the panic can be read
/// elsewhere.
#[test]
fn a_task_that_awaits_itself_panics() {
    virtual_loop().block_on(async {
        let own: Rc<Cell<Option<JoinHandle<()>>>> = Rc::default();
        let (handle, seen) = (own.clone(), Rc::new(RefCell::new(String::new())));
        let note = seen.clone();
        let task = spawn(async move {
            let mut handle = handle.take().unwrap();
            let mut pinned = pin!(&mut handle);
            std::future::poll_fn(|cx| {
                note.replace(panic_of(|| pinned.as_mut().poll(cx)));
                Poll::Ready(())
            })
            .await;
        });
        own.set(Some(task));
        yield_now().await;
        assert_eq!(
            *seen.borrow(),
            "task 2 awaits its own handle: it would wait for ever"
        );
    });
}

/// Running a loop inside of a task is the task's panic; the loop outside is unharmed.
#[test]
fn a_run_inside_of_a_task_is_the_tasks_panic() {
    virtual_loop().block_on(async {
        let task = spawn(async { boucle::run(async {}) });
        assert!(
            message_of(task)
                .await
                .contains("boucle::run cannot be called while")
        );
        assert_eq!(spawn(ready(1)).await.unwrap(), 1);
        sleep(SECOND).await;
    });
}

/// What is ready is not polled again: each of the futures says so.
#[test]
fn polling_again_after_ready_panics() {
    virtual_loop().block_on(async {
        let mut task = spawn(ready(()));
        (&mut task).await.unwrap();
        assert!(task.is_finished());
        task.abort();
        let again = spawn(task);
        assert!(message_of(again).await.contains("after it was ready"));

        let mut gathered = gather([ready(())]);
        (&mut gathered).await;
        assert!(
            message_of(spawn(gathered))
                .await
                .contains("after it was ready")
        );

        let mut tried = try_gather([ready(Ok::<_, ()>(()))]);
        (&mut tried).await.unwrap();
        assert!(
            message_of(spawn(tried))
                .await
                .contains("after it was ready")
        );

        let mut waiting = wait([spawn(ready(()))], ALL_COMPLETED);
        (&mut waiting).await;
        let again = spawn(async { waiting.await.0.len() });
        assert!(message_of(again).await.contains("after it was ready"));

        let mut items = as_completed([ready(())]);
        assert!(items.next().await.is_some());
        assert!(items.next().await.is_none());
        assert!(items.next().await.is_none());
    });
}

/// A destructor that panics in the middle of a batch keeps nobody from the poll that was due.
#[test]
fn a_panic_in_the_middle_of_a_batch_loses_nothing() {
    let count = Arc::new(());
    let event_loop = virtual_loop();
    for number in 0..10 {
        let (guard, held) = (Arc::clone(&count), number % 3 == 0);
        let task = event_loop.spawn(async move {
            let _guard = guard;
            let _bomb = OnDrop(move || assert!(!held, "destructor"));
            yield_now().await;
            assert_ne!(number % 3, 1, "poll");
        });
        if number % 5 == 0 {
            task.abort();
        }
    }
    let first = event_loop.turn(None).unwrap();
    assert_eq!((first.polled, first.left), (8, 8));
    let second = event_loop.turn(None).unwrap();
    assert_eq!((second.polled, second.left), (8, 0));
    assert_eq!(Arc::strong_count(&count), 1);
}

/// A gather whose values were dropped because its loop is closing says so, to a destructor that polls
/// it.
#[test]
fn a_gather_says_that_its_loop_is_closing() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let mut gathered = gather([ready(1)]);
    event_loop.block_on(async {
        assert!(poll_once(&mut gathered).await.is_none());
        yield_now().await;
    });
    let inner = log.clone();
    let guard = OnDrop(move || {
        let mut cx = Context::from_waker(Waker::noop());
        let poll = || pin!(&mut gathered).poll(&mut cx).is_ready();
        inner.add(panic_of(poll));
    });
    event_loop.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    drop(event_loop);
    assert!(log.take()[0].contains("the event loop is closing"));
}
