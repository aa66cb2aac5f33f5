//! `println!` for programs whose output may be piped into `head`, or captured by a test.
//!
//! The standard one panics when its output is no longer read. This one ends the program quietly, since most
//! examples have nothing left to do then; after [`ignore_broken_pipe`] the program goes on.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Write};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether the program goes on when its output is no longer read.
static IGNORES_BROKEN_PIPE: AtomicBool = AtomicBool::new(false);

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

/// From now on, the program goes on when its output is no longer read, and the lines are lost: for a program
/// that must clean up.
pub fn ignore_broken_pipe() {
    IGNORES_BROKEN_PIPE.store(true, Relaxed);
}

/// Runs `program`, and returns the lines that it prints on this thread instead of printing them.
pub fn capture<R>(program: impl FnOnce() -> R) -> (R, Vec<String>) {
    CAPTURED.set(Some(Vec::new()));
    let result = program();
    (result, CAPTURED.take().unwrap_or_default())
}

fn write_to_stdout(line: fmt::Arguments<'_>) {
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            if !IGNORES_BROKEN_PIPE.load(Relaxed) {
                process::exit(0);
            }
        }
        Err(error) => {
            eprintln!("cannot write to stdout: {error}");
            process::exit(1);
        }
    }
}
