//! A lost frame: a read is dropped half done, as a `timeout` drops it, and the bytes that it has read go with
//! it.
//!
//! A frame is one byte, its length, and then that many bytes. `read_frame` keeps what it has read in local
//! variables, so dropping it after the first byte loses that byte. `Frames` keeps it in a field, and the next
//! read goes on from there. Each run of the exploration drops the reader after another pending poll, at once or
//! when it is woken, and reads on, until a run fails.
//!
//! ```sh
//! cargo run --release --example cancel
//! ```
//!
//! prints
//!
//! ```text
//! read_frame: schedule 4 fails: panicked at examples/cancel.rs:...: the frame is lost: Elapsed
//!
//! The shortest found leaves FIFO at 1 of 3 choices:
//!   choice 2, turn 4: the operation is dropped after pending poll 2
//! ```
//!
//! then pictures of that schedule and of FIFO's, a line that runs that schedule alone, and
//!
//! ```text
//! Frames: 13 schedules, complete
//! ```
//!
//! Read next: `src/explore.rs`. Run next: `cargo run --release --example echo`.

use std::future::pending;
use std::time::Duration;

use boucle::explore::Explore;
use boucle::{spawn_named, timeout, yield_now};
use futures_channel::mpsc::{UnboundedReceiver, unbounded};
use stage::explored::show;
use stage::{options, println};

const HELP: &str = "\
Drops two readers of frames after each of their pending polls, and shows what is lost.

usage: cancel";

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

/// Sends a frame, one byte at a time.
fn hello() -> UnboundedReceiver<u8> {
    let (sender, bytes) = unbounded();
    drop(spawn_named("sender", async move {
        for byte in *b"\x05hello" {
            yield_now().await;
            sender.unbounded_send(byte).unwrap();
        }
        pending::<()>().await
    }));
    bytes
}

fn main() {
    options::none(HELP);
    let second = Duration::from_secs(1);
    let explore = Explore::new().orders(false);
    let explored = explore.try_cancel(
        hello,
        async |bytes| read_frame(bytes).await,
        async |mut bytes, frame| match frame {
            Some(frame) => assert_eq!(frame, b"hello"),
            None => {
                assert_eq!(
                    timeout(second, read_frame(&mut bytes)).await.expect("the frame is lost"),
                    b"hello"
                )
            }
        },
    );
    show("read_frame", explored);
    println!();
    let explored = explore.try_cancel(
        || Frames { bytes: hello(), begun: Vec::new() },
        async |frames| frames.next().await,
        async |mut frames, frame| match frame {
            Some(frame) => assert_eq!(frame, b"hello"),
            None => assert_eq!(timeout(second, frames.next()).await.expect("the frame is lost"), b"hello"),
        },
    );
    show("Frames", explored);
}
