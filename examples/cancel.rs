//! A lost frame: a `select` drops a read half done, and the bytes that it has read go with it.
//!
//! A frame is one byte, its length, and then that many bytes. In each second without a frame a heartbeat is due,
//! so the reader waits for the first of the two in a `select`, which drops the other. `read_frame` keeps what it
//! has read in local variables. If the heartbeat is due after the first byte, that byte is lost, and the next
//! read takes `h` for a length. Under FIFO the heartbeat is due before the first byte, and nothing is lost. The
//! exploration tries other orders, until one fails.
//!
//! The cure is to keep outside of the future what has been read: `Frames` has it in a field, and the next read
//! goes on from there. (The other cure is not to drop the future: make it before the loop with `pin!`, and give
//! `select` its `as_mut()`.) A `select` drops a read where something else is ready. `cancel` needs nothing else:
//! it drops `next` after each of its pending polls, at once or when it is woken.
//!
//! ```sh
//! cargo run --release --example cancel
//! ```
//!
//! prints this. In place of the second `...` are pictures of that schedule and of FIFO's, and a line that runs
//! that schedule alone.
//!
//! ```text
//! read_frame: schedule 2 fails: panicked at examples/cancel.rs:...: the frame is lost
//!
//! The shortest found leaves FIFO at 1 of 4 choices:
//!   choice 0, turn 3: #2 is next, not #1
//! ...
//!
//! Frames: 16 schedules, complete
//! Frames, dropped at each await: 7 schedules, complete
//! ```
//!
//! In turn 3 `sender` sends the first byte. In turn 4 `main` reads it, and then finds that the second is over.
//!
//! Read next: `src/explore.rs`. Run next: `cargo run --release --example echo`.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use boucle::explore::Explore;
use boucle::{sleep, spawn_named, yield_now};
use futures_channel::mpsc::{UnboundedReceiver, unbounded};
use futures_util::future::{Either, select};
use stage::explored::show;
use stage::{options, println};

const HELP: &str = "\
Waits for a frame or a heartbeat in a `select`, with two readers, and shows what is lost.

usage: cancel";

const SECOND: Duration = Duration::from_secs(1);

/// Reads a frame. If it is dropped, the bytes that it has read are lost.
async fn read_frame(bytes: &mut UnboundedReceiver<u8>) -> Vec<u8> {
    let len = bytes.recv().await.unwrap();
    let mut frame = Vec::new();
    while frame.len() < len.into() {
        frame.push(bytes.recv().await.unwrap());
    }
    frame
}

/// Frames, one after the other.
struct Frames {
    bytes: UnboundedReceiver<u8>,
    /// What has been read of the next one, its length included.
    begun: Vec<u8>,
}

impl Frames {
    /// Reads the next frame. If it is dropped, nothing is lost: the next call goes on.
    async fn next(&mut self) -> Vec<u8> {
        while self.begun.first().is_none_or(|len| self.begun.len() <= usize::from(*len)) {
            self.begun.push(self.bytes.recv().await.unwrap());
        }
        self.begun.drain(..).skip(1).collect()
    }
}

/// Waits for a frame. After each second the `select` drops the read, and the next one begins.
async fn frame_or_heartbeats(mut read: impl AsyncFnMut() -> Vec<u8>) -> Vec<u8> {
    for _ in 0..3 {
        match select(pin!(read()), pin!(sleep(SECOND))).await {
            Either::Left((frame, _)) => return frame,
            Either::Right(_) => {} // a heartbeat would be sent here
        }
    }
    panic!("the frame is lost");
}

/// Sends a frame after a second, one byte at a time.
fn hi() -> UnboundedReceiver<u8> {
    let (sender, bytes) = unbounded();
    drop(spawn_named("sender", async move {
        sleep(SECOND).await;
        for byte in *b"\x02hi" {
            sender.unbounded_send(byte).unwrap();
            yield_now().await;
        }
        pending::<()>().await
    }));
    bytes
}

fn frames() -> Frames {
    Frames { bytes: hi(), begun: Vec::new() }
}

fn main() {
    options::none(HELP);
    let explored = Explore::new().try_run(async || {
        let mut bytes = hi();
        assert_eq!(frame_or_heartbeats(async || read_frame(&mut bytes).await).await, b"hi");
    });
    show("read_frame", explored);
    println!();
    let explored = Explore::new().try_run(async || {
        let mut frames = frames();
        assert_eq!(frame_or_heartbeats(async || frames.next().await).await, b"hi");
    });
    show("Frames", explored);
    let explored = Explore::new().orders(false).try_cancel(
        frames,
        async |frames| frames.next().await,
        async |mut frames, frame| match frame {
            Some(frame) => assert_eq!(frame, b"hi"),
            None => assert_eq!(frame_or_heartbeats(async || frames.next().await).await, b"hi"),
        },
    );
    show("Frames, dropped at each await", explored);
}
