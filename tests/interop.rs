//! What is not ours and runs on boucle unchanged: hyper, channels, buffered readers, and the
//! combinators of the `futures` crates.
//!
//! None of them knows of boucle, and boucle knows of none. They meet in std's `Future` and `Waker`,
//! in the traits of `futures-io`, and in the `Spawn` traits of `futures-task`.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use boucle::net::{TcpListener, TcpStream};
use boucle::{EventLoop, LoopHandle, now, sleep, spawn, timeout, yield_now};
use futures::stream::{FuturesUnordered, StreamExt};
use futures::task::{LocalSpawn, LocalSpawnExt, Spawn, SpawnExt};
use futures_lite::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, BufWriter};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use smol_hyper::rt::FuturesIo;

/// Runs a test on a loop with the real clock, and ends it if it hangs.
fn run<F: Future>(main: F) -> F::Output {
    boucle::run(async {
        timeout(Duration::from_secs(30), main)
            .await
            .expect("the test hangs")
    })
}

fn virtual_loop() -> EventLoop {
    EventLoop::builder().virtual_clock().build().unwrap()
}

fn virtually<F: Future>(main: F) -> F::Output {
    virtual_loop().block_on(main)
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

// hyper.

/// Answers with the path and what was sent.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let path = request.uri().path().to_owned();
    if path == "/missing" {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    }
    let body = request.into_body().collect().await?.to_bytes();
    let text = format!("{path}: {} bytes", body.len());
    Ok(Response::new(Full::new(Bytes::from(text))))
}

/// Serves every connection on a task of its own, until it is aborted.
async fn serve(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        drop(spawn(async move {
            hyper::server::conn::http1::Builder::new()
                .serve_connection(FuturesIo::new(stream), hyper::service::service_fn(answer))
                .await
        }));
    }
}

/// hyper's server and its client talk HTTP/1.1 to each other: several requests on one connection,
/// with bodies that fill the kernel's buffers, and several connections at once.
#[test]
fn hyper_serves_and_asks() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(serve(listener));
        let clients = (0..5usize).map(|client| async move {
            let stream = TcpStream::connect(address).await.unwrap();
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(FuturesIo::new(stream))
                    .await
                    .unwrap();
            let connection = spawn(connection);
            for round in 0..4usize {
                let len = client * 100_000 * round;
                let request = Request::post(format!("/{client}/{round}"))
                    .header("host", "localhost")
                    .body(Full::new(Bytes::from(vec![b'x'; len])))
                    .unwrap();
                let response = sender.send_request(request).await.unwrap();
                assert_eq!(response.status(), StatusCode::OK);
                let body = response.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(body, format!("/{client}/{round}: {len} bytes"));
            }
            let request = Request::get("/missing").body(Full::default()).unwrap();
            let response = sender.send_request(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::NOT_FOUND);
            drop((response, sender));
            connection.await.unwrap().unwrap();
        });
        boucle::gather(clients.collect::<Vec<_>>()).await;
        server.abort();
    });
}

/// hyper's server ends a connection that is not to be kept: a plain socket reads the answer, and
/// then the end.
#[test]
fn hyper_closes_a_connection() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let hello = hyper::service::service_fn(|_| async {
                sleep(ms(1)).await;
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello"))))
            });
            hyper::server::conn::http1::Builder::new()
                .keep_alive(false)
                .serve_connection(FuturesIo::new(stream), hello)
                .await
        });
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        let mut text = String::new();
        futures_lite::AsyncReadExt::read_to_string(&mut stream, &mut text)
            .await
            .unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nhello"), "{text}");
        server.await.unwrap().unwrap();
    });
}

// Channels and buffered readers.

/// A bounded channel between tasks hands over in order, and holds up the sender when it is full.
#[test]
fn a_channel_joins_two_tasks() {
    virtually(async {
        let (sender, receiver) = async_channel::bounded(2);
        let log = Rc::new(RefCell::new(Vec::new()));
        let sent = log.clone();
        let producer = spawn(async move {
            for number in 0..5 {
                sender.send(number).await.unwrap();
                sent.borrow_mut().push(format!("sent {number}"));
            }
        });
        yield_now().await;
        assert_eq!(*log.borrow(), ["sent 0", "sent 1"]);
        for number in 0..5 {
            assert_eq!(receiver.recv().await, Ok(number));
        }
        assert!(receiver.recv().await.is_err());
        producer.await.unwrap();
    });
}

/// A channel between a thread and a task wakes the loop out of its park, and the thread out of its
/// own.
#[test]
fn a_channel_joins_a_thread_and_a_task() {
    run(async {
        let (questions, asked) = async_channel::bounded::<u32>(1);
        let (answers, answered) = async_channel::bounded::<u32>(1);
        let other = thread::spawn(move || {
            while let Ok(number) = asked.recv_blocking() {
                answers.send_blocking(number * 2).unwrap();
            }
        });
        for number in 0..200 {
            questions.send(number).await.unwrap();
            assert_eq!(answered.recv().await, Ok(number * 2));
        }
        drop(questions);
        other.join().unwrap();
    });
}

/// Buffered readers and writers work on a stream, and on a reference to it: lines go one way and
/// come back.
#[test]
fn buffered_readers_read_lines() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut lines = BufReader::new(&stream).lines();
            let mut writer = BufWriter::new(&stream);
            while let Some(line) = lines.next().await {
                let line = line.unwrap().to_uppercase() + "\n";
                writer.write_all(line.as_bytes()).await.unwrap();
            }
            writer.close().await.unwrap();
        });
        let mut stream = TcpStream::connect(address).await.unwrap();
        let text: String = (0..2_000)
            .map(|number| format!("line {number}\n"))
            .collect();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.close().await.unwrap();
        let lines: Vec<String> = BufReader::new(stream)
            .lines()
            .map(|line| line.unwrap())
            .collect()
            .await;
        assert_eq!(lines.join("\n") + "\n", text.to_uppercase());
        server.await.unwrap();
    });
}

// Spawning by the traits of `futures-task`.

/// An `EventLoop` and a `LoopHandle` are spawners to the `futures` crate, with and without `Send`;
/// the tasks run in spawn order.
#[test]
fn the_spawn_traits_spawn() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let log = Rc::new(RefCell::new(Vec::new()));
    let add = |name| {
        let log = log.clone();
        async move { log.borrow_mut().push(name) }
    };
    event_loop.spawn_local(add("loop, local")).unwrap();
    handle.spawn_local(add("handle, local")).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let add_one = || {
        let count = count.clone();
        async move {
            count.fetch_add(1, Ordering::Relaxed);
        }
    };
    SpawnExt::spawn(&event_loop, add_one()).unwrap();
    SpawnExt::spawn(&handle, add_one()).unwrap();
    event_loop.status().unwrap();
    event_loop.status_local().unwrap();
    handle.status_local().unwrap();
    handle.status().unwrap();
    let value = event_loop.spawn_local_with_handle(async { Rc::new(5) });
    assert_eq!(*event_loop.block_on(value.unwrap()), 5);
    assert_eq!(*log.borrow(), ["loop, local", "handle, local"]);
    assert_eq!(count.load(Ordering::Relaxed), 2);
    drop(handle);
}

/// From another thread a `LoopHandle` takes a future that is `Send`, and no other.
#[test]
fn the_spawn_traits_spawn_from_another_thread() {
    run(async {
        let handle = LoopHandle::current();
        let (sender, receiver) = async_channel::bounded(1);
        let owner = thread::current().id();
        let other = thread::spawn(move || {
            assert!(handle.spawn_local(async {}).unwrap_err().is_shutdown());
            assert!(handle.status_local().is_err());
            let future = async move { sender.send(thread::current().id()).await.unwrap() };
            SpawnExt::spawn(&handle, future).unwrap();
        });
        assert_eq!(receiver.recv().await, Ok(owner));
        other.join().unwrap();
    });
}

/// When the loop is gone the spawners say so, and drop the future.
#[test]
fn a_spawner_whose_loop_is_gone_says_so() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    drop(event_loop);
    let guard = Arc::new(());
    let held = guard.clone();
    let future = async move {
        let _held = held;
        pending::<()>().await;
    };
    assert!(SpawnExt::spawn(&handle, future).unwrap_err().is_shutdown());
    assert_eq!(Arc::strong_count(&guard), 1);
    assert!(handle.spawn_local(async {}).unwrap_err().is_shutdown());
    assert!(handle.status_local().unwrap_err().is_shutdown());
    assert!(handle.status().unwrap_err().is_shutdown());
    thread::spawn(move || {
        assert!(
            SpawnExt::spawn(&handle, async {})
                .unwrap_err()
                .is_shutdown()
        );
    })
    .join()
    .unwrap();
}

/// A loop that is closing takes no task by the traits either: a destructor is told so.
#[test]
fn a_spawner_whose_loop_is_closing_says_so() {
    struct SpawnsOnDrop(Rc<Cell<Option<bool>>>);
    impl Drop for SpawnsOnDrop {
        fn drop(&mut self) {
            let handle = LoopHandle::current();
            let refused = handle
                .spawn_local(async {})
                .is_err_and(|it| it.is_shutdown());
            self.0.set(Some(refused && handle.status_local().is_err()));
        }
    }
    let refused = Rc::new(Cell::new(None));
    let guard = SpawnsOnDrop(refused.clone());
    boucle::run(async move {
        drop(spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        yield_now().await;
    });
    assert_eq!(refused.get(), Some(true));
}

// Combinators.

/// `select!` takes the first that is ready, and drops or keeps the other.
#[test]
fn select_takes_the_first() {
    use futures::FutureExt;
    virtually(async {
        let start = now();
        let mut slow = pin!(sleep(ms(20)).fuse());
        futures::select! {
            () = slow => panic!("the slow one was first"),
            () = sleep(ms(10)).fuse() => {}
        }
        assert_eq!(now() - start, ms(10));
        slow.await;
        assert_eq!(now() - start, ms(20));
        let winner = futures_lite::future::or(
            async {
                sleep(ms(2)).await;
                "slow"
            },
            async {
                sleep(ms(1)).await;
                "fast"
            },
        );
        assert_eq!(winner.await, "fast");
    });
}

/// `join_all` and `join!` wait for all, few and many (from thirty on, `join_all` has wakers of its
/// own).
#[test]
fn join_all_waits_for_all() {
    virtually(async {
        for count in [3u64, 100, 1_000] {
            let start = now();
            let sleeps = (0..count).map(|number| async move {
                sleep(ms(count - number)).await;
                number
            });
            let numbers = futures::future::join_all(sleeps).await;
            assert_eq!(numbers, (0..count).collect::<Vec<_>>());
            assert_eq!(now() - start, ms(count));
        }
        let start = now();
        let ((), handle) = futures::join!(sleep(ms(5)), spawn(async { 7 }));
        assert_eq!((handle.unwrap(), now() - start), (7, ms(5)));
    });
}

/// `join_all` over more ready handles than a poll's budget has operations still ends.
#[test]
fn join_all_outlives_the_budget() {
    virtually(async {
        let handles: Vec<_> = (0..1_000)
            .map(|number| spawn(async move { number }))
            .collect();
        let numbers = futures::future::join_all(handles).await;
        for (expected, number) in numbers.into_iter().enumerate() {
            assert_eq!(number.unwrap(), expected);
        }
    });
}

/// `FuturesUnordered` gives out what is ready first, and polls only what was woken.
#[test]
fn futures_unordered_polls_what_was_woken() {
    virtually(async {
        let polls = Cell::new(0);
        let mut sleeps: FuturesUnordered<_> = [30, 10, 20]
            .into_iter()
            .map(|count| {
                let polls = &polls;
                async move {
                    let mut asleep = sleep(ms(count));
                    poll_fn(|cx| {
                        polls.set(polls.get() + 1);
                        Pin::new(&mut asleep).poll(cx)
                    })
                    .await;
                    count
                }
            })
            .collect();
        let mut order = Vec::new();
        while let Some(count) = sleeps.next().await {
            order.push(count);
        }
        assert_eq!(order, [10, 20, 30]);
        assert_eq!(polls.get(), 6);
    });
}

/// A socket may be polled with wakers that are not the task's: those of `FuturesUnordered`, here,
/// and each is woken.
#[test]
fn sockets_wake_foreign_wakers() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepts: FuturesUnordered<_> = (0..3).map(|_| listener.accept()).collect();
        let clients = spawn(async move {
            yield_now().await;
            let mut clients = Vec::new();
            for _ in 0..3 {
                clients.push(TcpStream::connect(address).await.unwrap());
            }
            clients
        });
        let mut peers: Vec<_> = accepts.map(|it| it.unwrap().1).collect().await;
        let clients = clients.await.unwrap();
        let mut expected: Vec<_> = clients.iter().map(|it| it.local_addr().unwrap()).collect();
        peers.sort();
        expected.sort();
        assert_eq!(peers, expected);
    });
}

// Other executors.

/// A handle is awaited under another executor on the loop's thread, while the loop is stepped by
/// hand.
#[test]
fn a_handle_is_awaited_under_another_executor() {
    let event_loop = virtual_loop();
    let mut handle = event_loop.spawn(async {
        sleep(ms(10)).await;
        sleep(ms(10)).await;
        7
    });
    let mut turns = 0;
    let value = futures::executor::block_on(poll_fn(|cx| {
        let polled = Pin::new(&mut handle).poll(cx);
        if polled.is_pending() {
            // What is done in this turn wakes the other executor, so that it polls again.
            event_loop.turn(None).unwrap();
            turns += 1;
            if turns < 3 {
                cx.waker().wake_by_ref();
            }
        }
        polled
    }));
    assert_eq!((value.unwrap(), turns), (7, 3));
}

/// `block_on` of another executor inside of a task holds the loop, and is served by a thread all
/// the same.
#[test]
fn another_executor_runs_inside_of_a_task() {
    run(async {
        let (sender, receiver) = async_channel::bounded(1);
        let other = thread::spawn(move || sender.send_blocking(7).unwrap());
        assert_eq!(futures::executor::block_on(receiver.recv()), Ok(7));
        other.join().unwrap();
        sleep(ms(1)).await;
    });
}

/// A task of boucle's is woken by a thread that was given its waker; and a future that is polled by
/// a waker of a thread's wakes that thread.
#[test]
fn wakers_of_threads_and_tasks_meet() {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    run(async {
        // A task's waker, woken on a thread.
        let (wakers, to_wake) = std::sync::mpsc::channel::<Waker>();
        let other = thread::spawn(move || {
            for waker in to_wake {
                waker.wake();
            }
        });
        for _ in 0..100 {
            let mut asked = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut asked, true) {
                    return Poll::Ready(());
                }
                wakers.send(cx.waker().clone()).unwrap();
                Poll::Pending
            })
            .await;
        }
        drop(wakers);
        other.join().unwrap();
    });
    // A thread's waker, woken by the loop: the handle's awaiter is nobody that boucle knows.
    let event_loop = virtual_loop();
    let mut handle = event_loop.spawn(sleep(ms(10)));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let cx = &mut Context::from_waker(&waker);
    assert!(Pin::new(&mut handle).poll(cx).is_pending());
    while !handle.is_finished() {
        event_loop.turn(None).unwrap();
    }
    thread::park(); // returns at once, since the loop has unparked this thread
    assert!(Pin::new(&mut handle).poll(cx).is_ready());
}
