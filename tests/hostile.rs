//! Programs that mean harm, or might as well: each of them once starved, hung, spun or aborted the
//! loop, or got a wrong answer from it.

mod common;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use boucle::net::TcpListener;
use boucle::{ALL_COMPLETED, EventLoop, JoinHandle, LoopHandle};
use boucle::{as_completed, gather, now, run, sleep, spawn, timeout, try_gather, wait, yield_now};
use common::{OnDrop, panic_of, virtual_loop};
use futures::stream::FuturesUnordered;
use futures_lite::StreamExt;

const SECOND: Duration = Duration::from_secs(1);

/// However many tasks wait for one side of a socket, they come to rest: the crowd is woken to come
/// again a few times, and then fits.
#[test]
fn a_crowd_that_waits_in_vain_comes_to_rest() {
    for tasks in [64, 65, 200, 1_000] {
        let event_loop = EventLoop::new().unwrap();
        let listener = event_loop.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = Rc::new(listener.unwrap());
        for _ in 0..tasks {
            let listener = listener.clone();
            drop(event_loop.spawn(async move { listener.accept().await.map(drop) }));
        }
        let mut polls = 0;
        loop {
            let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
            polls += turn.polled;
            assert!(polls <= 3 * tasks, "{polls} polls of {tasks} tasks");
            if turn.ready == 0 {
                break;
            }
        }
    }
}

/// The same with waiters that do not come again at once: each gives way before it polls again, or is
/// one of many in a task, or in a task of tasks. A loop that never rests would have no time to let
/// pass, and the sleep would never be over.
#[test]
fn a_crowd_that_takes_its_time_comes_to_rest() {
    async fn slow(listener: Rc<TcpListener>) {
        let mut gives_way = false;
        poll_fn(|cx| {
            gives_way = !gives_way;
            if gives_way {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            listener.poll_accept(cx).map(drop)
        })
        .await;
    }
    async fn many(listener: Rc<TcpListener>, count: usize) {
        let waiters = (0..count).map(|_| slow(listener.clone()));
        waiters.collect::<FuturesUnordered<_>>().count().await;
    }
    async fn task_of_tasks(listener: Rc<TcpListener>) {
        let inner = (0..10).map(|_| many(listener.clone(), 10));
        inner.collect::<FuturesUnordered<_>>().count().await;
    }
    let crowds: [fn(Rc<TcpListener>); 3] = [
        |listener| (0..65).for_each(|_| drop(spawn(slow(listener.clone())))),
        |listener| drop(spawn(many(listener, 100))),
        |listener| drop(spawn(task_of_tasks(listener))),
    ];
    for crowd in crowds {
        virtual_loop().block_on(async {
            let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
            crowd(listener.clone());
            sleep(Duration::from_millis(2)).await;
        });
    }
}

/// A crowd that waits for connections, one after the other, is woken by each once: it is not taken for
/// stale each time anew.
#[test]
fn a_crowd_that_is_served_is_woken_once_for_each_event() {
    const TASKS: usize = 200;
    run(async {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (polls, accepted) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        for _ in 0..TASKS {
            let (listener, polls, accepted) = (listener.clone(), polls.clone(), accepted.clone());
            drop(spawn(poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                while listener.poll_accept(cx)?.is_ready() {
                    accepted.set(accepted.get() + 1);
                }
                Poll::<std::io::Result<()>>::Pending
            })));
        }
        sleep(Duration::from_millis(2)).await;
        for connection in 1..=5 {
            let before = polls.get();
            let _stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            while accepted.get() < connection {
                sleep(Duration::from_millis(1)).await;
            }
            let woken = polls.get() - before;
            assert!(
                woken <= TASKS + 10,
                "{woken} polls for connection {connection}"
            );
        }
    });
}

/// A crowd that has come to rest is not woken again and again because somebody else polls now and then
/// with a new waker each time.
#[test]
fn a_crowd_at_rest_is_left_alone() {
    struct Nobody;
    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }
    run(async {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let polls = Rc::new(Cell::new(0));
        for _ in 0..100 {
            let (listener, polls) = (listener.clone(), polls.clone());
            drop(spawn(poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                listener.poll_accept(cx).map(drop)
            })));
        }
        for _ in 0..50 {
            sleep(Duration::from_micros(1)).await;
            let waker = Waker::from(Arc::new(Nobody));
            let polled = listener.poll_accept(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        assert!(polls.get() <= 400, "{} polls", polls.get());
    });
}

/// A waker that polls the socket again while it is woken, as an executor might that runs at once, does
/// not recurse for ever when its crowd is woken.
#[test]
fn a_crowd_that_polls_within_its_wake_comes_to_rest() {
    thread_local! {
        static LISTENER: RefCell<Option<Rc<TcpListener>>> = const { RefCell::new(None) };
    }
    struct PollsAtOnce;
    impl Wake for PollsAtOnce {
        fn wake(self: Arc<Self>) {
            if let Some(listener) = LISTENER.with_borrow(|listener| listener.clone()) {
                let waker = Waker::from(self);
                let polled = listener.poll_accept(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
            }
        }
    }
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        LISTENER.set(Some(Rc::new(listener)));
        for _ in 0..200 {
            Arc::new(PollsAtOnce).wake();
        }
        LISTENER.set(None);
    });
}

/// A destructor that spawns its like and aborts it, for ever, keeps neither timers nor the loop's
/// other tasks waiting: what is dropped counts towards the next park. (Under the virtual clock no
/// time would ever pass; so the clock is real, and the test ends when the timer has fired.)
#[test]
fn a_chain_of_aborts_starves_no_timer() {
    struct Respawn(Rc<Cell<bool>>);
    impl Drop for Respawn {
        fn drop(&mut self) {
            if !self.0.get() {
                abort_one(Respawn(self.0.clone()));
            }
        }
    }
    fn abort_one(guard: Respawn) {
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        task.abort();
    }
    run(async {
        let enough = Rc::new(Cell::new(false));
        abort_one(Respawn(enough.clone()));
        sleep(Duration::from_millis(2)).await;
        enough.set(true);
    });
}

/// A future that panics in its poll, if it is told to, and always in its drop.
struct Evil {
    in_poll: bool,
}

impl Future for Evil {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        assert!(!self.in_poll, "in poll");
        Poll::Pending
    }
}

impl Drop for Evil {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

/// A main future that panics in its poll and again in its drop is one panic, the first.
#[test]
fn a_main_that_panics_twice_is_one_panic() {
    assert_eq!(panic_of(|| run(Evil { in_poll: true })), "in poll");
}

/// When the loop itself ends a main future, by `stop` or for a deadlock, a panic of its destructor
/// stops there.
#[test]
fn a_main_that_the_loop_ends_may_panic_when_it_is_dropped() {
    let event_loop = virtual_loop();
    drop(event_loop.spawn(async { boucle::stop() }));
    let stopped = panic_of(|| event_loop.block_on(Evil { in_poll: false }));
    assert!(stopped.starts_with("event loop stopped"), "{stopped}");
    let stuck = panic_of(|| event_loop.block_on(Evil { in_poll: false }));
    assert!(stuck.starts_with("deadlock"), "{stuck}");
    assert_eq!(event_loop.block_on(ready(1)), 1);
}

/// A stop ends the run in which it was called, also when that run ends by a panic; the next one
/// knows nothing of it.
#[test]
fn a_stop_does_not_outlive_a_panic() {
    let event_loop = virtual_loop();
    let message = panic_of(|| {
        event_loop.block_on(async {
            boucle::stop();
            panic!("mine");
        })
    });
    assert_eq!(message, "mine");
    event_loop.block_on(async { yield_now().await });
}

/// A task that waits for its own handle through `wait` is told so, as one that awaits it.
#[test]
fn a_task_that_waits_for_itself_panics() {
    let own: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let told: Rc<RefCell<String>> = Rc::default();
    virtual_loop().block_on(async {
        let (mine, tells) = (own.clone(), told.clone());
        let task = spawn(async move {
            let mut waiting = wait(mine.take(), ALL_COMPLETED);
            let poll = std::future::poll_fn(|cx| {
                let polled = panic_of(|| Pin::new(&mut waiting).poll(cx).is_pending());
                Poll::Ready(polled)
            });
            tells.replace(poll.await);
        });
        own.replace(Some(task));
        yield_now().await;
    });
    let told = told.take();
    assert!(told.contains("awaits its own handle"), "{told}");
}

/// Another executor that blocks inside of a poll makes as many ready operations as it likes: it
/// cannot give way to the loop, and is not made to wait for it.
#[test]
fn an_executor_inside_of_a_poll_is_not_stuck_without_budget() {
    run(async {
        let operations = async {
            for _ in 0..1_000 {
                sleep(Duration::ZERO).await;
            }
        };
        futures_lite::future::block_on(operations);
    });
}

/// What was polled in vain without a loop has lost nothing when it is polled on one.
#[test]
fn a_first_poll_without_a_loop_loses_no_child() {
    fn poll_outside(future: impl Future) {
        let mut future = pin!(future);
        let cx = &mut Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx).is_ready()));
        assert!(polled.is_err());
    }
    let mut gathered = gather([ready(1), ready(2)]);
    poll_outside(&mut gathered);
    assert_eq!(run(gathered), [1, 2]);
    let mut tried = try_gather([ready(Ok::<_, ()>(1))]);
    poll_outside(&mut tried);
    assert_eq!(run(tried), Ok(vec![1]));
    let mut completed = as_completed([ready(1)]);
    poll_outside(completed.next());
    assert_eq!(run(completed.next()).unwrap().unwrap(), 1);
}

/// A waker whose destructor panics.
struct BadDrop;

impl Wake for BadDrop {
    fn wake(self: Arc<Self>) {}
}

impl Drop for BadDrop {
    fn drop(&mut self) {
        panic!("a waker's drop");
    }
}

/// Somebody else's waker that panics when it is dropped harms nobody, even if what holds it is
/// dropped by a task that panics.
#[test]
fn a_waker_that_panics_when_it_is_dropped_harms_nobody() {
    fn poll_once(future: impl Future) {
        let waker = Waker::from(Arc::new(BadDrop));
        assert!(
            pin!(future)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    virtual_loop().block_on(async {
        let sleeps = spawn(async {
            let mut armed = sleep(SECOND);
            poll_once(&mut armed);
            panic!("first");
        });
        assert!(sleeps.await.unwrap_err().to_string().ends_with("first"));
        let gathers = spawn(async {
            let mut gathered = gather([pending::<()>()]);
            poll_once(&mut gathered);
            panic!("first");
        });
        assert!(gathers.await.unwrap_err().to_string().ends_with("first"));
        let accepts = spawn(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            poll_once(std::future::poll_fn(|cx| {
                listener.poll_accept(cx).map(drop)
            }));
            let _dropped_last = listener;
            panic!("first");
        });
        assert!(accepts.await.unwrap_err().to_string().ends_with("first"));
    });
}

/// A waker that panics when it is dropped keeps no other one from the poll that takes its place: what
/// it waited for is not lost.
#[test]
fn a_waker_that_panics_when_it_is_replaced_loses_nothing() {
    /// Polls with a waker of which nothing is left afterwards but what the future keeps.
    fn poll_and_forget(future: impl Future) {
        let waker = Waker::from(Arc::new(BadDrop));
        let mut cx = Context::from_waker(&waker);
        assert!(pin!(future).poll(&mut cx).is_pending());
    }
    virtual_loop().block_on(async {
        let mut asleep = sleep(SECOND);
        poll_and_forget(&mut asleep);
        asleep.await;

        let mut gathered = gather([sleep(SECOND), sleep(SECOND)]);
        poll_and_forget(&mut gathered);
        gathered.await;

        let mut tuple = Box::pin(boucle::gather!(sleep(SECOND), ready(1)));
        poll_and_forget(&mut tuple);
        tuple.await;

        let child = async || {
            sleep(SECOND).await;
            Ok::<_, ()>(1)
        };
        let mut tried = try_gather([child(), child()]);
        poll_and_forget(&mut tried);
        assert_eq!(tried.await, Ok(vec![1, 1]));

        let mut items = as_completed([sleep(SECOND), sleep(2 * SECOND)]);
        poll_and_forget(items.next());
        assert!(items.next().await.is_some());
        poll_and_forget(items.next());
        assert!(items.next().await.is_some());
        assert!(items.next().await.is_none());

        let tasks = [1, 2].map(|count| spawn(sleep(count * SECOND)));
        let mut waiting = wait(tasks, ALL_COMPLETED).timeout(3 * SECOND);
        poll_and_forget(&mut waiting);
        assert_eq!(waiting.await.0.len(), 2);
    });
}

/// A value, or a future that is never polled, whose destructor panics.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor");
    }
}

impl Future for Bomb {
    type Output = Result<(), ()>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(()))
    }
}

/// Values of a `try_gather` that come to nothing are dropped one by one. (Two of them that panic in one
/// drop would end the process.)
#[test]
fn values_that_come_to_nothing_are_dropped_one_by_one() {
    async fn child(count: u32) -> Result<Bomb, u32> {
        sleep(count * SECOND).await;
        if count > 2 { Err(count) } else { Ok(Bomb) }
    }
    async fn panics(count: u32) -> Result<Bomb, u32> {
        if count < 3 {
            return Ok(Bomb);
        }
        sleep(SECOND).await;
        panic!("the child's");
    }
    virtual_loop().block_on(async {
        // An error comes after two values, in one turn or later.
        assert_eq!(try_gather([1, 2, 3].map(child)).await.err(), Some(3));
        let errs = async |count| if count > 2 { Err(count) } else { Ok(Bomb) };
        assert_eq!(try_gather([1, 2, 3].map(errs)).await.err(), Some(3));
        // It is given up, with two values in it, taken from their tasks or not.
        let mut tried = try_gather([1, 2, 3].map(child));
        assert!(timeout(SECOND * 5 / 2, &mut tried).await.is_err());
        drop(tried);
        assert!(
            timeout(SECOND * 5 / 2, gather([1, 2, 3].map(child)))
                .await
                .is_err()
        );
        let wait = wait([1, 2, 3].map(|count| spawn(child(count))), ALL_COMPLETED);
        assert!(timeout(SECOND * 5 / 2, wait).await.is_err());
        let mut items = as_completed([1, 2, 3].map(child));
        assert!(timeout(SECOND / 2, items.next()).await.is_err());
        sleep(2 * SECOND).await;
        drop(items);
        // A child panics after two values.
        let parent = spawn(try_gather([1, 2, 3].map(panics)));
        assert!(
            parent
                .await
                .err()
                .unwrap()
                .to_string()
                .ends_with("the child's")
        );
        let parent = spawn(gather([1, 2, 3].map(panics)));
        assert!(
            parent
                .await
                .err()
                .unwrap()
                .to_string()
                .ends_with("the child's")
        );
        let parent = spawn(async { drop(boucle::gather!(panics(1), panics(2), panics(3)).await) });
        assert!(
            parent
                .await
                .err()
                .unwrap()
                .to_string()
                .ends_with("the child's")
        );
    });
}

/// Futures that never became tasks are dropped one by one too.
#[test]
fn futures_that_were_never_polled_are_dropped_one_by_one() {
    drop(gather([Bomb, Bomb]));
    drop(try_gather([Bomb, Bomb]));
    drop(as_completed([Bomb, Bomb]));
    drop(boucle::gather!(Bomb, Bomb));
    virtual_loop().block_on(async {
        drop(gather([Bomb, Bomb]));
    });
}

/// A virtual clock stays virtual at the end of time, and never goes back.
#[test]
fn a_virtual_clock_has_no_end_at_which_it_turns_real() {
    let event_loop = virtual_loop();
    drop(event_loop.spawn(pending::<()>()));
    let mut last = event_loop.turn(Some(SECOND)).unwrap().time;
    assert_eq!(last, SECOND);
    for _ in 0..3 {
        let time = event_loop.turn(Some(Duration::MAX)).unwrap().time;
        assert!(time >= last);
        last = time;
    }
    event_loop.block_on(async {
        let before = now();
        sleep(SECOND).await;
        assert_eq!(now() - before, SECOND);
    });
}

/// Nor is there a panic in its last century, where no sleep can be long. (It would be raised while the
/// loop is borrowed, and its hook may use the loop.)
#[test]
fn a_virtual_clock_has_no_end_at_which_a_sleep_panics() {
    let event_loop = virtual_loop();
    drop(event_loop.spawn(pending::<()>()));
    for bit in (0..u64::BITS).rev() {
        let time = Duration::from_secs(1 << bit);
        event_loop.turn(Some(time)).unwrap();
    }
    event_loop.block_on(async {
        let end = now();
        assert_eq!(end.checked_add(2 * SECOND), None);
        assert_eq!(sleep(Duration::MAX).deadline(), Some(end));
        sleep(Duration::MAX).await;
        assert_eq!(now(), end);
    });
}

/// Handles that come and go leave one message, however many they are. (The message is drained by
/// the next turn; a list of a million would show in the memory, which the test of a million tasks
/// looks at, and in the time of this one.)
#[test]
fn handles_that_come_and_go_leave_nothing() {
    run(async {
        for _ in 0..100_000 {
            drop(LoopHandle::current());
        }
    });
}

/// Destructors that spawn while a loop ends, from every place where something is dropped, end too.
#[test]
fn destructors_at_the_end_may_spawn() {
    let count = Rc::new(Cell::new(0));
    let event_loop = virtual_loop();
    for _ in 0..3 {
        let count = count.clone();
        let guard = OnDrop(move || {
            count.set(count.get() + 1);
            drop(spawn(async { unreachable!("the loop is closing") }));
        });
        drop(event_loop.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
    }
    drop(event_loop);
    assert_eq!(count.get(), 3);
}

thread_local! {
    /// What the logger does on this thread.
    static ON_LOG: Cell<Option<fn()>> = const { Cell::new(None) };

    /// A loop for the logger to drop.
    static DOOMED: Cell<Option<EventLoop>> = const { Cell::new(None) };
}

/// mio writes to the `log` crate when a socket is registered, and a logger may do anything.
struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _: &log::Record<'_>) {
        if let Some(on_log) = ON_LOG.get() {
            on_log();
        }
    }

    fn flush(&self) {}
}

/// Lets every logged message come to `ON_LOG`; in the first test that asks, for all of them.
fn hear_logs() {
    let _ = log::set_logger(&Logger);
    log::set_max_level(log::LevelFilter::Trace);
}

/// A logger that uses the loop while the loop registers a socket, and takes it back.
#[test]
fn a_logger_may_use_the_loop() {
    hear_logs();
    thread_local!(static LOGGED: Cell<u32> = const { Cell::new(0) });
    boucle::run(async {
        ON_LOG.set(Some(|| {
            drop(boucle::spawn(async { LOGGED.set(LOGGED.get() + 1) }));
            let _ = boucle::now();
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = listener.into_std().unwrap();
        ON_LOG.set(None);
        drop(listener);
        yield_now().await;
    });
    assert_eq!(LOGGED.get(), 2, "mio does not log any more");
}

/// A logger that drops the loop, which does not run, while a socket is taken back from it.
#[test]
fn a_logger_may_drop_the_loop() {
    hear_logs();
    let event_loop = EventLoop::new().unwrap();
    let listener = event_loop
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    DOOMED.set(Some(event_loop));
    ON_LOG.set(Some(|| drop(DOOMED.take())));
    let listener = listener.into_std().unwrap();
    ON_LOG.set(None);
    assert!(DOOMED.take().is_none(), "mio does not log any more");
    assert_eq!(listener.local_addr().unwrap(), address);
}

/// A logger that turns the loop, which does not run, while a socket is taken back from it or dropped: that
/// is a turn like any other.
#[test]
fn a_logger_may_turn_the_loop() {
    thread_local! {
        static LOOP: RefCell<Option<Rc<EventLoop>>> = const { RefCell::new(None) };
        static POLLED: Cell<usize> = const { Cell::new(0) };
    }
    hear_logs();
    let event_loop = Rc::new(EventLoop::new().unwrap());
    drop(event_loop.spawn(async {
        loop {
            yield_now().await;
        }
    }));
    for dropped in [false, true] {
        let listener = event_loop.block_on(TcpListener::bind("127.0.0.1:0"));
        LOOP.set(Some(event_loop.clone()));
        POLLED.set(0);
        ON_LOG.set(Some(|| {
            // Once: that turn may be logged too.
            if let Some(event_loop) = LOOP.take() {
                let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
                POLLED.set(turn.polled);
            }
        }));
        let back = if dropped {
            drop(listener);
            None
        } else {
            listener.unwrap().into_std().ok()
        };
        ON_LOG.set(None);
        assert_eq!((POLLED.get(), back.is_none()), (1, dropped));
    }
}

/// A logger that panics while a socket is dropped harms nobody, even if the socket is dropped by a task
/// that panics.
#[test]
fn a_logger_may_panic_while_a_socket_is_dropped() {
    hear_logs();
    run(async {
        let panics = spawn(async {
            let _listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ON_LOG.set(Some(|| panic!("a logger")));
            panic!("first");
        });
        let error = panics.await.unwrap_err();
        ON_LOG.set(None);
        assert!(error.to_string().ends_with("first"), "{error}");
    });
}
