//! Operations that may be dropped at any await and lose nothing: boucle's own, and those of other crates.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_lock::Mutex;
use boucle::explore::Explore;
use boucle::net::{TcpListener, TcpStream};
use boucle::{
    ALL_COMPLETED, FIRST_COMPLETED, JoinHandle, TaskGroup, as_completed, gather, interval, sleep, spawn,
    timeout, try_gather, wait, yield_now,
};
use futures_lite::{AsyncReadExt, AsyncWriteExt, StreamExt};

/// Drops an operation at each of its awaits, under each order of the tasks, and checks what is left.
fn drop_at_each_await<S, T>(
    setup: impl Fn() -> S + Sync,
    operation: impl AsyncFn(&mut S) -> T + Sync,
    check: impl AsyncFn(S, Option<T>) + Sync,
) {
    drop_under(Explore::new().schedules(20_000), setup, operation, check);
}

/// As [`drop_at_each_await`], under FIFO alone. When the kernel says that a socket is ready may vary, and with
/// it the orders.
fn drop_at_each_await_of_a_socket<S, T>(
    setup: impl Fn() -> S + Sync,
    operation: impl AsyncFn(&mut S) -> T + Sync,
    check: impl AsyncFn(S, Option<T>) + Sync,
) {
    drop_under(Explore::new().orders(false), setup, operation, check);
}

/// Tries all schedules, and asserts that the operation was dropped after a pending poll, and in place of the
/// next.
fn drop_under<S, T>(
    explore: Explore,
    setup: impl Fn() -> S + Sync,
    operation: impl AsyncFn(&mut S) -> T + Sync,
    check: impl AsyncFn(S, Option<T>) + Sync,
) {
    let dropped = AtomicUsize::new(0);
    let explored = explore.cancel(setup, operation, async |state, output| {
        dropped.fetch_add(usize::from(output.is_none()), Ordering::Relaxed);
        check(state, output).await;
    });
    assert!(explored.complete && dropped.into_inner() >= 2, "{explored}");
}

/// How many children have not been dropped.
#[derive(Clone, Default)]
struct Alive(Rc<Cell<usize>>);

struct Guard(Alive);

impl Alive {
    /// Sleeps for `n` seconds, and returns `n`.
    fn child(&self, n: u64) -> impl Future<Output = u64> + use<> {
        self.0.set(self.0.get() + 1);
        let guard = Guard(self.clone());
        async move {
            let _guard = guard;
            yield_now().await;
            sleep(Duration::from_secs(n)).await;
            n
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get() - 1);
    }
}

/// Asserts that all children are dropped before time passes.
async fn expect_none(alive: Alive) {
    sleep(Duration::from_micros(1)).await;
    assert_eq!(alive.0.get(), 0);
}

/// Asserts that an operation leaves no child, wherever it is dropped and under each order of tasks.
fn leaves_no_child(operation: impl AsyncFn(&Alive) + Sync) {
    drop_at_each_await(
        Alive::default,
        async |alive| operation(alive).await,
        async |alive, _| expect_none(alive).await,
    );
}

/// A combinator that is dropped at any await takes its children with it: none goes on by itself.
#[test]
fn combinators_leave_no_child() {
    leaves_no_child(async |alive| drop(gather([alive.child(2), alive.child(1), alive.child(1)]).await));
    leaves_no_child(async |alive| {
        let children = [1, 2].map(|n| {
            let child = alive.child(n);
            async move { Ok::<_, ()>(child.await) }
        });
        try_gather(children).await.unwrap();
    });
    leaves_no_child(async |alive| {
        let mut completed = as_completed([alive.child(2), alive.child(1)]);
        while completed.next().await.is_some() {}
    });
    leaves_no_child(async |alive| _ = timeout(Duration::from_secs(1), alive.child(2)).await);
    leaves_no_child(async |alive| {
        let group = TaskGroup::new();
        group.spawn(alive.child(1));
        group.spawn(alive.child(2));
        group.join_all().await;
    });
}

/// Each result of a group is returned once: if a `join_next` is dropped, by the next one.
#[test]
fn a_result_of_a_task_group_is_not_lost() {
    drop_at_each_await(
        || {
            let group = TaskGroup::new();
            for n in [1, 10, 100] {
                group.spawn(async move {
                    yield_now().await;
                    n
                });
            }
            group
        },
        async |group| group.join_next().await.unwrap().unwrap(),
        async |group, first| {
            let mut sum = first.unwrap_or(0);
            while let Some(next) = group.join_next().await {
                sum += next.unwrap();
            }
            assert_eq!(sum, 111);
        },
    );
}

/// A task whose handle is awaited by reference keeps its output.
#[test]
fn an_output_is_not_lost() {
    let tasks = || -> [JoinHandle<u64>; 2] { [1, 2].map(|n| spawn(Alive::default().child(n))) };
    drop_at_each_await(
        tasks,
        async |[first, _]| first.await.unwrap(),
        async |[first, second], output| {
            assert_eq!(output.unwrap_or(1), 1);
            if output.is_none() {
                assert_eq!(first.await.unwrap(), 1);
            }
            assert_eq!(second.await.unwrap(), 2);
        },
    );
}

/// The tasks of a `wait` that is dropped come to their end.
#[test]
fn a_wait_that_is_dropped_ends_no_task() {
    drop_at_each_await(
        Rc::<Cell<u64>>::default,
        async |sum| {
            let tasks = [1, 2].map(|n| {
                let sum = sum.clone();
                spawn(async move {
                    sleep(Duration::from_secs(n)).await;
                    sum.set(sum.get() + n);
                })
            });
            let (done, pending) = wait(tasks, FIRST_COMPLETED).await;
            assert!(!done.is_empty() && done.len() + pending.len() == 2);
            wait(pending, ALL_COMPLETED).await;
        },
        async |sum, _| {
            sleep(Duration::from_secs(5)).await;
            assert_eq!(sum.get(), 3);
        },
    );
}

/// A tick that a dropped `tick` has waited for is returned by the next call.
#[test]
fn a_tick_is_not_lost() {
    drop_at_each_await(
        || (boucle::now(), interval(Duration::from_secs(1))),
        async |(_, ticks)| {
            ticks.tick().await; // at once
            ticks.tick().await
        },
        async |(began, mut ticks), second| {
            let next = if second.is_some() { 2 } else { 1 };
            assert_eq!(ticks.tick().await - began, Duration::from_secs(next));
        },
    );
}

/// A listener and two connections that it has not accepted yet.
fn listener() -> (TcpListener, Vec<std::net::TcpStream>) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let clients = (0..2).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    (TcpListener::from_std(listener).unwrap(), clients)
}

/// A connection that a dropped `accept` has not returned is returned by the next one.
#[test]
fn a_connection_is_not_lost() {
    let peers = async |listener: &TcpListener, left: usize| -> Vec<SocketAddr> {
        let mut peers = Vec::new();
        for _ in 0..left {
            peers.push(timeout(Duration::from_secs(10), listener.accept()).await.unwrap().unwrap().1);
        }
        peers
    };
    drop_at_each_await_of_a_socket(
        listener,
        async |(listener, _)| listener.accept().await.unwrap().1,
        async |(listener, clients), first| {
            let mut accepted = peers(&listener, if first.is_some() { 1 } else { 2 }).await;
            accepted.extend(first);
            accepted.sort_unstable();
            let mut expected: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
            expected.sort_unstable();
            assert_eq!(accepted, expected);
        },
    );
}

/// Returns both ends of a connection.
fn pair() -> [TcpStream; 2] {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    [client, listener.accept().unwrap().0].map(|end| TcpStream::from_std(end).unwrap())
}

/// What a dropped `read` has not returned is read by the next one.
#[test]
fn bytes_are_not_lost() {
    drop_at_each_await_of_a_socket(
        || {
            let [reader, mut writer] = pair();
            let write = spawn(async move {
                for byte in *b"abc" {
                    yield_now().await;
                    writer.write_all(&[byte]).await.unwrap();
                }
            });
            (reader, write)
        },
        async |(reader, _)| {
            let mut buffer = [0; 2];
            let length = reader.read(&mut buffer).await.unwrap();
            buffer[..length].to_vec()
        },
        async |(mut reader, write), read| {
            let mut all = read.unwrap_or_default();
            reader.read_to_end(&mut all).await.unwrap();
            assert_eq!(all, b"abc");
            write.await.unwrap();
        },
    );
}

/// A task that is dropped while it waits for a lock of `async-lock`, or holds it, leaves it to the others.
#[test]
fn a_lock_of_async_lock_is_not_lost() {
    let waited = AtomicBool::new(false);
    drop_at_each_await(
        || {
            let lock = Rc::new(Mutex::new(0));
            let tasks = [1, 2].map(|n| {
                let lock = lock.clone();
                spawn(async move {
                    let mut value = lock.lock().await;
                    yield_now().await;
                    *value += n;
                })
            });
            (lock, tasks)
        },
        async |(lock, _)| {
            waited.fetch_or(lock.try_lock().is_none(), Ordering::Relaxed);
            let mut value = lock.lock().await;
            yield_now().await;
            *value += 100;
        },
        async |(lock, tasks), done| {
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(*lock.lock().await, if done.is_some() { 103 } else { 3 });
        },
    );
    assert!(waited.into_inner(), "the operation has never waited for the lock");
}

/// A message of `async-channel` that was not received is still in the queue.
#[test]
fn a_message_of_async_channel_is_not_lost() {
    drop_at_each_await(
        || {
            let (sender, receiver) = async_channel::bounded(1);
            let sends = spawn(async move {
                for n in 1..=3 {
                    sender.send(n).await.unwrap();
                }
            });
            (receiver, sends)
        },
        async |(receiver, _)| receiver.recv().await.unwrap(),
        async |(receiver, sends), received| {
            let mut all: Vec<_> = received.into_iter().collect();
            while let Ok(next) = receiver.recv().await {
                all.push(next);
            }
            assert_eq!(all, [1, 2, 3]);
            sends.await.unwrap();
        },
    );
}
