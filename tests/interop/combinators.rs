//! The combinators of the `futures` crates.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;

use boucle::net::TcpStream;
use boucle::{now, sleep, spawn, yield_now};
use futures::future::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};

use crate::common::{listen, ms, run, virtually};

/// `select!` takes the first future that is ready, and drops or keeps the other.
#[test]
fn select_takes_the_first() {
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

/// `join_all` and `join!` wait for all, few and many. (Above thirty, `join_all` has wakers of its own.)
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
        let handles: Vec<_> = (0..1_000).map(|number| spawn(async move { number })).collect();
        let numbers = futures::future::join_all(handles).await;
        for (expected, number) in numbers.into_iter().enumerate() {
            assert_eq!(number.unwrap(), expected);
        }
    });
}

/// `FuturesUnordered` returns first what is ready first, and polls only what was woken.
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

/// A `yield_now` is ready when it is polled again, even if that is in the same poll of its task, as here by
/// `FuturesUnordered`: no other task is polled in between.
#[test]
fn a_yield_may_be_polled_again_in_the_same_poll() {
    virtually(async {
        let polls = Rc::new(Cell::new(0));
        let counted = polls.clone();
        let _other = spawn(async move {
            loop {
                counted.set(counted.get() + 1);
                yield_now().await;
            }
        });
        let yields = async {
            yield_now().await;
            let first = polls.get();
            yield_now().await;
            (first, polls.get())
        };
        let mut unordered = FuturesUnordered::from_iter([yields.boxed_local()]);
        unordered.push(sleep(ms(1)).map(|()| (0, 0)).boxed_local());
        assert_eq!(unordered.next().await, Some((1, 1)));
    });
}

/// A socket wakes each of several foreign wakers, here those of `FuturesUnordered`.
#[test]
fn sockets_wake_foreign_wakers() {
    run(async {
        let (listener, address) = listen().await;
        let accepts: FuturesUnordered<_> = (0..3).map(|_| listener.accept()).collect();
        let clients = spawn(async move {
            yield_now().await;
            let mut clients = Vec::new();
            for _ in 0..3 {
                clients.push(TcpStream::connect(address).await.unwrap());
            }
            clients
        });
        let mut peers: Vec<_> = accepts.map(|accepted| accepted.unwrap().1).collect().await;
        let clients = clients.await.unwrap();
        let mut expected: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        peers.sort();
        expected.sort();
        assert_eq!(peers, expected);
    });
}
