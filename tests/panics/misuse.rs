//! Panics of boucle itself, where it is misused.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::panic::{set_hook, take_hook};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;

use boucle::explore::Explore;
use boucle::net::TcpListener;
use boucle::trace::Recorder;
use boucle::{
    ALL_COMPLETED, JoinHandle, TaskGroup, as_completed, gather, sleep, spawn, timeout, try_gather, wait,
    yield_now,
};
use futures_lite::StreamExt;
use futures_lite::future::poll_once;

use super::message_of;
use crate::common::{Log, OnDrop, SECOND, holds, panic_of, virtual_loop};

/// A task that awaits its own handle panics, since it would wait for ever.
#[test]
fn a_task_that_awaits_itself_panics() {
    virtual_loop().block_on(async {
        let own: Rc<Cell<Option<JoinHandle<()>>>> = Rc::default();
        let (handle, log) = (own.clone(), Log::default());
        let seen = log.clone();
        own.set(Some(spawn(async move {
            let mut handle = handle.take().unwrap();
            let message = poll_fn(|cx| Poll::Ready(panic_of(|| pin!(&mut handle).poll(cx)))).await;
            seen.add(message);
        })));
        yield_now().await;
        assert_eq!(log.take(), ["task 2 awaits its own handle: it would wait for ever"]);
    });
}

/// The place of that panic is the await.
#[test]
fn a_task_that_awaits_itself_panics_there() {
    let failure = boucle::explore::Explore::new().try_run(|| async {
        let own: Rc<Cell<Option<JoinHandle<()>>>> = Rc::default();
        let handle = own.clone();
        own.set(Some(spawn(async move { handle.take().unwrap().await.unwrap() })));
        yield_now().await;
    });
    let message = failure.unwrap_err().message;
    assert!(message.starts_with(&format!("panicked at {}:", file!())), "{message}");
}

thread_local! {
    /// The file of this thread's last panic.
    static FILE: RefCell<String> = RefCell::default();
}

/// Returns the file that a panic names.
fn file_of(panics: impl FnOnce()) -> String {
    panic_of(panics);
    FILE.take()
}

/// The place of a misuse is the caller's.
#[test]
fn the_place_of_a_misuse_is_the_callers() {
    boucle::explore(|| async {}); // first, so that an exploration of another test finds its hook in place
    let before = take_hook();
    // It stays, since another test may have put its own above it.
    set_hook(Box::new(move |panic| {
        FILE.set(panic.location().unwrap().file().to_owned());
        before(panic);
    }));
    let (event_loop, group) = (virtual_loop(), TaskGroup::new());
    let aborted = event_loop.spawn(pending::<()>());
    aborted.abort();
    let error = event_loop.block_on(aborted).unwrap_err();
    let task = event_loop.spawn(ready(()));
    let abort_handle = task.abort_handle();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut files = vec![
        file_of(|| _ = Explore::new().schedules(0)),
        file_of(|| _ = Explore::new().threads(0)),
        file_of(|| _ = Recorder::with_limit(0)),
        file_of(|| _ = group.spawn(ready(()))),
        file_of(|| error.resume()),
        file_of(|| _ = TcpListener::from_std(listener)),
    ];
    let stuck = virtual_loop(); // it panics for a deadlock
    stuck.spawn(pending::<()>());
    files.extend([
        file_of(|| stuck.block_on(pending::<()>())),
        file_of(|| stuck.run_forever()),
        file_of(|| _ = stuck.turn(None)),
    ]);
    let mut cx = Context::from_waker(Waker::noop());
    let done = event_loop.spawn(ready(()));
    files.extend([
        file_of(|| _ = pin!(sleep(SECOND)).poll(&mut cx)), // there is no loop
        file_of(|| _ = pin!(timeout(SECOND, pending::<()>())).poll(&mut cx)),
        file_of(|| _ = pin!(gather([ready(())])).poll(&mut cx)),
        file_of(|| _ = pin!(try_gather([ready(Ok::<_, ()>(()))])).poll(&mut cx)),
        file_of(|| _ = pin!(wait([done], ALL_COMPLETED)).poll(&mut cx)),
    ]);
    let foreign_group = TaskGroup::new();
    event_loop.block_on(async { _ = foreign_group.spawn(ready(())) });
    let on_another_thread = thread::spawn(move || {
        let file = file_of(|| _ = foreign_group.spawn(ready(())));
        (file, panic_of(|| _ = foreign_group.spawn(ready(()))))
    });
    let (file, message) = on_another_thread.join().unwrap();
    assert!(message.starts_with("a group of loop "), "{message}");
    files.push(file);
    let others = event_loop.spawn(ready(()));
    let mut gathered = gather([pending::<()>()]);
    event_loop.block_on(poll_once(&mut gathered));
    virtual_loop().block_on(async {
        files.push(file_of(|| _ = pin!(wait([others], ALL_COMPLETED)).poll(&mut cx))); // another loop's
        files.push(file_of(|| _ = pin!(gathered).poll(&mut cx)));
    });
    #[cfg(feature = "blocking")]
    {
        let mut job = boucle::run_in_executor(|| ());
        event_loop.block_on(&mut job);
        files.push(file_of(|| _ = pin!(job).poll(&mut cx))); // again
    }
    thread::scope(|scope| {
        let elsewhere =
            scope.spawn(|| [file_of(|| _ = task.is_finished()), file_of(|| _ = abort_handle.is_finished())]);
        files.extend(elsewhere.join().unwrap());
    });
    #[cfg(all(unix, not(miri)))] // Miri has no datagrams, and binds no path.
    {
        use boucle::net::{AsyncFd, UnixDatagram, UnixListener, UnixStream};
        let path = std::env::temp_dir().join(format!("boucle-{}-misuse", std::process::id()));
        files.extend([
            file_of(|| _ = UnixStream::pair()),
            file_of(|| _ = UnixDatagram::pair()),
            file_of(|| _ = UnixDatagram::unbound()),
            file_of(|| _ = UnixListener::bind(&path)), // it makes no file
            file_of(|| _ = UnixDatagram::bind(&path)),
            file_of(|| _ = AsyncFd::new(std::io::stdin())),
        ]);
    }
    assert!(files.iter().all(|file| file == file!()), "{files:#?}");
}

/// A handle and each combinator panics when it is polled after it was ready. A stream ends again.
#[test]
fn polling_again_after_ready_panics() {
    virtual_loop().block_on(async {
        let mut task = spawn(ready(()));
        (&mut task).await.unwrap();
        assert!(task.is_finished());
        task.abort();
        let again = spawn(task);
        assert!(message_of(again).await.ends_with("the JoinHandle of task 2 was polled after it was ready"));

        let mut gathered = gather([ready(())]);
        (&mut gathered).await;
        assert!(message_of(spawn(gathered)).await.contains("after it was ready"));

        let mut tried = try_gather([ready(Ok::<_, ()>(()))]);
        (&mut tried).await.unwrap();
        assert!(message_of(spawn(tried)).await.contains("after it was ready"));

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

/// A gather whose values were dropped because its loop is closing panics with that reason when a
/// destructor polls it.
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
    event_loop.spawn(holds(guard));
    drop(event_loop);
    assert!(log.take()[0].contains("the event loop is closing"));
}
