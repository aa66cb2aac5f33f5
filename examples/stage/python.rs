//! Lists, printed as Python prints them.

use std::fmt::Display;

/// Formats a list of numbers: `[1, 0.25, 2.25]`, where `{:?}` would give `[1.0, 0.25, 2.25]`.
pub fn list(items: impl IntoIterator<Item = impl Display>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}

/// Formats a list of strings: `['Hello', 'World']`.
pub fn list_of_strings(items: &[&str]) -> String {
    list(items.iter().map(|item| format!("'{item}'")))
}
