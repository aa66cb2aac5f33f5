//! Gather: children that run concurrently, and their values in input order.
//!
//! An operation is one child. Each side gathers with what it offers ([`Groups::gather`]): boucle with
//! `gather`, tokio with a `JoinSet`. Two other ways work on any runtime: handles in a `Vec`, awaited one
//! after the other; and `join_all` of the `futures` crate, whose children are no tasks but parts of one.

use std::future::Future;
use std::hint::black_box;

use super::runtime::{Groups, Runtime};
use super::watch::{Spent, Watch};
use super::yield_once::yield_once;

/// How often a child yields before it ends, by its position.
pub type Yields = fn(usize) -> usize;

pub fn at_once(_position: usize) -> usize {
    0
}

pub fn once(_position: usize) -> usize {
    1
}

/// From 0 to 8 times, so the children end in nine batches.
pub fn staggered(position: usize) -> usize {
    position % 9
}

/// A child whose value is its position.
async fn child(position: usize, yields: Yields) -> usize {
    for _ in 0..yields(position) {
        yield_once().await;
    }
    black_box(position)
}

pub fn children(count: usize, yields: Yields) -> impl Iterator<Item = impl Future<Output = usize> + 'static> {
    (0..count).map(move |position| child(position, yields))
}

/// Gathers `count` children at a time.
pub fn gather<R: Groups>(count: usize, yields: Yields) -> impl Fn(&R, usize) -> Spent {
    rounds(count, move || R::gather(children(count, yields)), in_order)
}

pub fn handles_in_a_vec<R: Runtime>(count: usize, yields: Yields) -> impl Fn(&R, usize) -> Spent {
    let gather = move || async move {
        let handles: Vec<_> = children(count, yields).map(R::spawn).collect();
        let mut values = Vec::with_capacity(count);
        for handle in handles {
            values.push(handle.await.expect("the child has a value"));
        }
        values
    };
    rounds(count, gather, in_order)
}

pub fn join_all<R: Runtime>(count: usize, yields: Yields) -> impl Fn(&R, usize) -> Spent {
    let gather = move || futures::future::join_all(children(count, yields));
    rounds(count, gather, in_order)
}

/// Children that yield once by the runtime's own `yield_now`. tokio's suits `join_all`, which ends its poll
/// after two children that wake themselves: `yield_now` wakes later.
pub fn gather_yielding<R: Groups>(count: usize) -> impl Fn(&R, usize) -> Spent {
    rounds(count, move || R::gather(yielding::<R>(count)), in_order)
}

pub fn join_all_yielding<R: Runtime>(count: usize) -> impl Fn(&R, usize) -> Spent {
    let gather = move || futures::future::join_all(yielding::<R>(count));
    rounds(count, gather, in_order)
}

fn yielding<R: Runtime>(count: usize) -> impl Iterator<Item = impl Future<Output = usize> + 'static> {
    (0..count).map(|position| async move {
        R::yield_now().await;
        black_box(position)
    })
}

fn in_order(values: &[usize]) -> bool {
    values.iter().copied().eq(0..values.len())
}

/// Runs groups of `count` children, one after the other, until there were as many children as operations.
pub fn rounds<R: Runtime, F: Future<Output = Vec<usize>>>(
    count: usize,
    values: impl Fn() -> F,
    are_right: fn(&[usize]) -> bool,
) -> impl Fn(&R, usize) -> Spent {
    move |runtime, operations| {
        runtime.block_on(async {
            let watch = Watch::start();
            for _ in 0..(operations / count).max(1) {
                let values = values().await;
                assert!(values.len() == count && are_right(&values));
            }
            watch.stop()
        })
    }
}
