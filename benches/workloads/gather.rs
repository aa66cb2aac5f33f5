//! Gather: a thousand children that give way once, and their values in input order.
//!
//! An operation is one child. Three ways: boucle's `gather`; tokio's `JoinSet`, the nearest thing it has,
//! which returns values as they come, so the children say their positions; and `join_all` of the `futures` crate
//! on tokio, for reference: its children are no tasks, but parts of one.

use std::hint::black_box;

use super::runtime::{Boucle, Runtime, Tokio, TokioLocalSet};
use super::watch::{Spent, Watch};

const CHILDREN: usize = 1_000;

async fn child<R: Runtime>(n: usize) -> usize {
    R::yield_now().await;
    black_box(n)
}

fn check(values: &[usize]) {
    assert!(values.iter().copied().eq(0..CHILDREN));
}

pub fn gather(runtime: &Boucle, children: usize) -> Spent {
    runtime.block_on(async {
        let watch = Watch::start();
        for _ in 0..children / CHILDREN {
            check(&boucle::gather((0..CHILDREN).map(child::<Boucle>)).await);
        }
        watch.stop()
    })
}

pub fn join_set(runtime: &Tokio, children: usize) -> Spent {
    runtime.block_on(join_sets::<Tokio>(children))
}

pub fn join_set_in_local_set(runtime: &TokioLocalSet, children: usize) -> Spent {
    runtime.block_on(join_sets::<TokioLocalSet>(children))
}

async fn join_sets<R: Runtime>(children: usize) -> Spent {
    let watch = Watch::start();
    for _ in 0..children / CHILDREN {
        let mut set = tokio::task::JoinSet::new();
        for n in 0..CHILDREN {
            set.spawn_local(async move { (n, child::<R>(n).await) });
        }
        let mut values = vec![0; CHILDREN];
        while let Some(joined) = set.join_next().await {
            let (n, value) = joined.expect("the child has a value");
            values[n] = value;
        }
        check(&values);
    }
    watch.stop()
}

pub fn join_all(runtime: &Tokio, children: usize) -> Spent {
    runtime.block_on(async {
        let watch = Watch::start();
        for _ in 0..children / CHILDREN {
            check(&futures::future::join_all((0..CHILDREN).map(child::<Tokio>)).await);
        }
        watch.stop()
    })
}
