//! `println!` for programs whose output may be piped into `head`, or captured by a test.
//!
//! The standard one panics when its output is no longer read. This one ends the program, quietly, as most
//! examples have nothing to do then; after [`go_on_unread`] it does not.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Write};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether the program goes on when its output is no longer read.
static GOES_ON: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// What was printed on this thread, while it is captured.
    static HEARD: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
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
    let heard = HEARD.with_borrow_mut(|heard| {
        let lines = heard.as_mut()?;
        lines.extend(line.to_string().split('\n').map(str::to_owned));
        Some(())
    });
    if heard.is_none() {
        write_to_stdout(line);
    }
}

/// From now on, lines that cannot be written are lost, and the program goes on: for a program that has more
/// to do than to print.
pub fn go_on_unread() {
    GOES_ON.store(true, Relaxed);
}

/// Runs `program`, and returns the lines that it prints on this thread instead of printing them.
pub fn listen<R>(program: impl FnOnce() -> R) -> (R, Vec<String>) {
    HEARD.set(Some(Vec::new()));
    let result = program();
    (result, HEARD.take().unwrap_or_default())
}

fn write_to_stdout(line: fmt::Arguments<'_>) {
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            if !GOES_ON.load(Relaxed) {
                process::exit(0);
            }
        }
        Err(error) => {
            eprintln!("cannot write to stdout: {error}");
            process::exit(1);
        }
    }
}
