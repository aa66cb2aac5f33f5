//! `println!` for programs whose output may be piped into `head`.
//!
//! The standard one panics when nobody reads any more. This one ends the program, quietly, as the
//! examples have nothing to do then.

use std::fmt;
use std::io::{self, Write};
use std::process;

/// As the standard `println!`, but ends the program if the line cannot be written.
macro_rules! println {
    () => {
        $crate::stdout::write_line(format_args!(""))
    };
    ($($text:tt)*) => {
        $crate::stdout::write_line(format_args!($($text)*))
    };
}

pub(crate) use println;

pub(crate) fn write_line(line: fmt::Arguments<'_>) {
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => process::exit(0),
        Err(error) => {
            eprintln!("cannot write to stdout: {error}");
            process::exit(1);
        }
    }
}
