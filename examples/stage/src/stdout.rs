//! `println!` for programs whose output may be piped into `head`, or listened to by a test.
//!
//! The standard one panics when nobody reads any more. This one ends the program, quietly, as the
//! examples have nothing to do then.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Write};
use std::process;

thread_local! {
    /// What was printed, while somebody listens on this thread.
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

/// Runs `program`, and returns the lines that it prints on this thread instead of printing them.
pub fn listen<R>(program: impl FnOnce() -> R) -> (R, Vec<String>) {
    HEARD.set(Some(Vec::new()));
    let result = program();
    (result, HEARD.take().unwrap_or_default())
}

fn write_to_stdout(line: fmt::Arguments<'_>) {
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => process::exit(0),
        Err(error) => {
            eprintln!("cannot write to stdout: {error}");
            process::exit(1);
        }
    }
}
