//! Recordings of a run, and their pictures.
//!
//! The page of a run is a file to open in a browser, and to step through. Any program writes one, without a
//! change to its code:
//!
//! ```sh
//! BOUCLE_TRACE=run.html cargo run --example sleep
//! ```
//!
//! `BOUCLE_TRACE=timeline` prints each loop as text, on stderr, when it ends. `BOUCLE_TRACE=run.svg` writes a
//! drawing, `BOUCLE_TRACE=run.json` a file for Perfetto.
//!
//! A file has all loops of the process. It is written when a loop ends, and, on Unix, on Ctrl-C, unless the
//! program waits for that itself; not by `process::exit`, nor by another signal, such as SIGTERM. Each loop that
//! ends writes it anew, with those before it: for n loops that takes O(n²).
//!
//! A recording keeps the latest million events. So of a long run, as of a service, the page has only the end;
//! text and SVG have the beginning of these events.
//!
//! A file that cannot be written is reported on stderr, as is a value of `BOUCLE_TRACE` that is not understood;
//! the program goes on.
//!
//! In a test, a [`Recorder`] keeps what has happened:
//!
//! ```
//! use boucle::{EventLoop, trace::Recorder};
//!
//! let recorder = Recorder::new();
//! let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
//! event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(1)));
//! let text = recorder.trace().timeline().legend(false).to_string();
//! let drawn = "\
//! turn         1                   2
//! time         0                   1s
//! #1 main  run>[1]~until 1s~~timer>[1] returned";
//! assert_eq!(text.trim_end(), drawn);
//! # std::io::Result::Ok(())
//! ```
//!
//! All of it is made from the [events](crate::observe) of the loop alone.

mod recorder; // keeps the events
mod stderr; // prints lines
mod labels; // what tasks are called
mod cause; // what puts a task in the ready queue
mod picture; // rows, columns and arrows
mod tracer; // events → a picture
mod repeats; // turns that repeat others, and are not drawn again
mod axis; // where an event stands on the axis of turns
mod time_axis; // and on that of time
mod svg; // the picture as a file
#[cfg(feature = "trace")]
mod page; // a page to step through
mod timeline; // a trace as text
pub(crate) mod slow_poll; // reports polls that take long
#[cfg(feature = "trace")]
mod perfetto; // a trace for Perfetto

#[cfg(feature = "trace")]
pub(crate) mod environment; // BOUCLE_TRACE and others
#[cfg(not(feature = "trace"))]
pub(crate) mod environment {
    //! Without the feature, the environment asks for nothing.

    pub(crate) fn observers() -> Vec<Box<dyn crate::observe::Observer>> {
        Vec::new()
    }

    pub(crate) fn shuffle() -> Option<u64> {
        None
    }
}

#[cfg(test)]
pub(crate) mod story; // recordings for tests

pub use recorder::{LoopTrace, Recorder, Trace};
pub use timeline::Timeline;
