//! `println!` for programs whose output may be piped into `head`, or captured by a test.
//!
//! The standard one panics when its output is no longer read. This one ends the program quietly, since most
//! examples have nothing left to do then; after [`go_on_without_output`] the program goes on.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Write};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::options::program;

/// Whether the program goes on when its output cannot be written.
static GOES_ON: AtomicBool = AtomicBool::new(false);

/// Whether a line could not be written by an error other than a broken pipe.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The lines printed on this thread, while they are captured.
    static CAPTURED: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// As the standard `println!`, but ends the program if the line cannot be written.
#[macro_export]
macro_rules! println {
    () => {
        $crate::stdout::write_line(format_args!(""))
    };
    ($($text:tt)*) => {
        $crate::stdout::write_line(format_args!($($text)*))
    };
}

/// What [`println!`](crate::println!) calls.
pub fn write_line(line: fmt::Arguments<'_>) {
    let captured = CAPTURED.with_borrow_mut(|captured| {
        let lines = captured.as_mut()?;
        lines.extend(line.to_string().split('\n').map(str::to_owned));
        Some(())
    });
    if captured.is_none() {
        write_to_stdout(line);
    }
}

/// From now on, the program goes on when its output cannot be written, and the lines are lost: for a program
/// that must clean up.
pub fn go_on_without_output() {
    GOES_ON.store(true, Relaxed);
}

/// Whether lines were lost by an error, such as a full disk; the first was reported. A pipe that is no longer
/// read is not an error.
pub fn has_failed() -> bool {
    HAS_FAILED.load(Relaxed)
}

/// Runs `program`, and returns the lines that it prints on this thread instead of printing them.
pub fn capture<R>(program: impl FnOnce() -> R) -> (R, Vec<String>) {
    CAPTURED.set(Some(Vec::new()));
    let result = program();
    (result, CAPTURED.take().unwrap_or_default())
}

fn write_to_stdout(line: fmt::Arguments<'_>) {
    let Err(error) = writeln!(io::stdout(), "{line}") else { return };
    let is_error = error.kind() != io::ErrorKind::BrokenPipe;
    // Of several threads whose lines are lost, the one that ends the program must have said why.
    if is_error && !(HAS_FAILED.swap(true, Relaxed) && GOES_ON.load(Relaxed)) {
        let _ = writeln!(io::stderr(), "{}: cannot write to stdout: {error}", program());
    }
    if !GOES_ON.load(Relaxed) {
        process::exit(is_error.into());
    }
}
