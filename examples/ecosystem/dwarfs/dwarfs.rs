//! The generator, and three ways to iterate over it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use async_stream::stream;
use futures_lite::{Stream, StreamExt};
use stage::println;

/// Yields the dwarfs, one after the other, and waits before each.
pub(crate) fn dwarfs(wait: Duration) -> impl Stream<Item = &'static str> {
    stream! {
        for name in ["Grumpy", "Happy", "Sleepy", "Bashful", "Sneezy", "Dopey", "Doc"] {
            boucle::sleep(wait).await;
            yield name;
        }
    }
}

/// An `async for` loop.
pub(crate) async fn print_all(wait: Duration) {
    let mut dwarfs = Box::pin(dwarfs(wait));
    while let Some(dwarf) = dwarfs.next().await {
        println!("{dwarf}");
    }
}

/// An asynchronous comprehension.
pub(crate) async fn all_dwarfs(wait: Duration) -> Vec<&'static str> {
    dwarfs(wait).collect().await
}

/// An asynchronous comprehension with a condition.
pub(crate) async fn dwarfs_with_e(wait: Duration) -> Vec<&'static str> {
    let with_e = dwarfs(wait).filter(|name| name.contains('e'));
    with_e.collect().await
}

/// Iterates over a generator. Returns how long that took, and how many turns another task, which sleeps
/// a little less each time, had meanwhile.
pub(crate) async fn beside_another_task(wait: Duration) -> (Duration, usize) {
    let turns = Rc::new(Cell::new(0));
    let counted = Rc::clone(&turns);
    let other = boucle::spawn(async move {
        loop {
            boucle::sleep(wait.mul_f64(0.9)).await;
            counted.set(counted.get() + 1);
        }
    });
    let begin = boucle::now();
    all_dwarfs(wait).await;
    other.abort();
    (boucle::now() - begin, turns.get())
}
