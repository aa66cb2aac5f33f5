//! Memory: how many bytes a task takes that waits.
//!
//! They are those asked of the allocator and not given back: the task itself and its share of the loop's
//! tables, but not the `Vec` of the handles. There are a million tasks, or 8,000 with a socket each: just below
//! a power of two, so that a table that doubles is nearly full.
//!
//! The program must have [`Counting`] as its allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use super::runtime::{Pairs, Runtime, Timers};
use super::socket::{Socket, allow_sockets};

/// The system's allocator, with a count of the bytes that are held.
pub struct Counting;

/// Changed by a load and a store, since an atomic addition would make allocations dearer. So an allocation of
/// another thread at the same time may not be counted; there is none while memory is measured.
static HELD: AtomicIsize = AtomicIsize::new(0);

fn add(bytes: isize) {
    HELD.store(HELD.load(Ordering::Relaxed) + bytes, Ordering::Relaxed);
}

// SAFETY: everything is passed on to `System` as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as isize);
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        // SAFETY: as above, and the memory came from `System`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// Bytes of a task whose future is 24 bytes and waits for ever, and whose handle is kept.
pub fn idle_task<R: Runtime>() -> impl Fn(&R, usize) -> f64 {
    |_, tasks| bytes_each::<R, _>(tasks, async move { (0..tasks).map(|_| Idle([0; 3])) })
}

/// Bytes of a task whose future is a sleep.
pub fn sleeping_task<R: Timers>() -> impl Fn(&R, usize) -> f64 {
    |_, tasks| {
        let minute = Duration::from_secs(60);
        bytes_each::<R, _>(tasks, async move { (0..tasks).map(move |_| R::sleep(minute)) })
    }
}

/// Bytes of a task that owns a socket, and waits to read from it into a buffer of 64 bytes: both ends of a
/// pair are such tasks. What the kernel keeps is not counted.
pub fn reading_task<R: Pairs<S>, S: Socket>() -> impl Fn(&R, usize) -> f64 {
    |_, tasks| {
        allow_sockets(tasks);
        let reading = async move {
            let pairs = R::pairs(tasks / 2).await.expect("there are enough sockets");
            pairs.into_iter().flat_map(|(one, other)| [one, other]).map(read::<R, S>)
        };
        bytes_each::<R, _>(tasks, reading)
    }
}

async fn read<R: Pairs<S>, S: Socket>(mut end: R::End) {
    let received = R::receive(&mut end, &mut [0; 64]).await;
    panic!("nothing was sent, but {received:?}");
}

/// On a runtime of its own, which drops the tasks.
fn bytes_each<R, F>(tasks: usize, futures: impl Future<Output = impl Iterator<Item = F>>) -> f64
where
    R: Runtime,
    F: Future<Output = ()> + 'static,
{
    let runtime = R::new();
    runtime.block_on(async {
        let mut handles = Vec::with_capacity(tasks);
        let before = HELD.load(Ordering::Relaxed);
        handles.extend(futures.await.map(R::spawn));
        // The task spawned last is polled last: now all of them wait.
        R::spawn(async {}).await.expect("it ends");
        let held = HELD.load(Ordering::Relaxed) - before;
        held as f64 / tasks as f64
    })
}

/// Waits for ever.
struct Idle([u64; 3]);

impl Future for Idle {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
        std::hint::black_box(self.0);
        Poll::Pending
    }
}
