//! A variable, and what it asks for.

use std::env;
use std::ffi::OsStr;
use std::fmt::Display;

use crate::trace::stderr;

/// Reads a variable. Returns `None` if it is unset or empty, or if `parse` refuses its value, which is reported
/// on stderr.
pub(super) fn read<T, E: Display>(variable: &str, parse: impl FnOnce(&OsStr) -> Result<T, E>) -> Option<T> {
    let value = env::var_os(variable).filter(|value| !value.is_empty())?;
    let wrong = |why: &E| stderr::print(format_args!("boucle: {variable}={}: {why}", value.display()));
    parse(&value).inspect_err(wrong).ok()
}
