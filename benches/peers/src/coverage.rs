//! The rows of the tables at the top, each of which has to stand here too.
//!
//! `ratios` and `counts` are programs of another workspace, which this one cannot ask. So their rows are
//! read from their sources, where a row is a line with its name and, behind it, its number of operations.

use crate::rows::Row;

const SOURCES: [&str; 2] = [
    include_str!("../../ratios.rs"),
    include_str!("../../counts.rs"),
];

/// The names of those that are not among these.
pub fn missing(rows: &[Row]) -> Vec<&'static str> {
    let names = SOURCES.into_iter().flat_map(names);
    names.filter(|name| !is_there(name, rows)).collect()
}

fn names(source: &'static str) -> Vec<&'static str> {
    let names: Vec<_> = source.lines().filter_map(name).collect();
    assert!(!names.is_empty(), "a row is written differently by now");
    names
}

fn name(line: &'static str) -> Option<&'static str> {
    let (name, behind) = line.split_once('"')?.1.split_once("\",")?;
    let is_row = behind
        .trim_start()
        .starts_with(|it: char| it.is_ascii_digit());
    is_row.then_some(name)
}

/// What `counts` counts is a column here, of the row that has all of the name's words: "TCP echo, 1: calls" is
/// one of "TCP echo, 1 connection".
fn is_there(name: &str, rows: &[Row]) -> bool {
    let in_column = name
        .strip_suffix(": calls")
        .or(name.strip_suffix(": instructions"));
    let has_words = |row: &Row, words: &str| {
        let mut words = words.split(' ');
        words.all(|word| row.name.split(' ').any(|its| its == word))
    };
    rows.iter().any(|row| match in_column {
        Some(words) => row.counted && has_words(row, words),
        None => row.name == name,
    })
}
