//! The command line of an example.
//!
//! ```no_run
//! use stage::options::{self, Arg::Long};
//!
//! let scale = options::read("Sleeps.\n\nusage: sleep [--scale S]", |arguments| {
//!     let mut scale = 0.1;
//!     while let Some(option) = arguments.next()? {
//!         match option {
//!             Long("scale") => scale = options::factor(arguments)?,
//!             other => return Err(other.unexpected()),
//!         }
//!     }
//!     Ok(scale)
//! });
//! ```

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::exit;
use std::str::FromStr;

pub use lexopt::{Arg, Error, Parser, ValueExt};

/// Reads the command line. `--help` prints `help` and ends the program; an error is printed in one line,
/// and ends it with status 2.
pub fn read<T>(help: &str, take: impl FnOnce(&mut Parser) -> Result<T, Error>) -> T {
    if env::args_os().any(|argument| argument == "--help") {
        crate::println!("{help}");
        exit(0);
    }
    take(&mut Parser::from_env()).unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "{}: {error} (try --help)", program());
        exit(2);
    })
}

/// As [`read`], for a program that has no options.
pub fn none(help: &str) {
    read(help, |arguments| match arguments.next()? {
        None => Ok(()),
        Some(option) => Err(option.unexpected()),
    });
}

/// As [`read`], for a program whose one option is the flag `--name`. Returns whether it is there.
pub fn flag(help: &str, name: &str) -> bool {
    read(help, |arguments| {
        let mut is_there = false;
        while let Some(option) = arguments.next()? {
            match option {
                Arg::Long(flag) if flag == name => is_there = true,
                other => return Err(other.unexpected()),
            }
        }
        Ok(is_there)
    })
}

/// As [`read`], for a program whose one option is `--scale`, a factor for its durations.
pub fn scale(help: &str, default: f64) -> f64 {
    read(help, |arguments| {
        let mut scale = default;
        while let Some(option) = arguments.next()? {
            match option {
                Arg::Long("scale") => scale = factor(arguments)?,
                other => return Err(other.unexpected()),
            }
        }
        Ok(scale)
    })
}

/// Reads the value of `--scale`: a factor for durations, up to a thousand.
pub fn factor(arguments: &mut Parser) -> Result<f64, Error> {
    value(arguments, "scale", "a factor from 0 to 1000", |factor| (0.0..=1000.0).contains(factor))
}

/// Reads the value of the option `--name`. If `is_fine` refuses it, the error says that it is not `wanted`.
pub fn value<T: FromStr>(
    arguments: &mut Parser,
    name: &str,
    wanted: &str,
    is_fine: impl FnOnce(&T) -> bool,
) -> Result<T, Error> {
    let text = arguments.value()?;
    match text.to_str().and_then(|text| text.parse().ok()) {
        Some(value) if is_fine(&value) => Ok(value),
        _ => Err(format!("--{name}: {text:?} is not {wanted}").into()),
    }
}

/// Returns the program's name, as it was called.
pub(crate) fn program() -> String {
    let path = env::args_os().next().unwrap_or_default();
    let name = Path::new(&path).file_stem();
    name.unwrap_or_default().to_string_lossy().into_owned()
}
