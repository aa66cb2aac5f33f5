//! How the data is written: arrays of numbers, in which a state or a kind of cause is an index.

use json_writer::JSONArrayWriter;

use crate::observe::TaskState;
use crate::trace::cause::Action;

/// The states of a task, their names, and what the page says of a task in them.
pub(super) const STATES: [(TaskState, &str, &str); 4] = [
    (TaskState::Polled, "polled", "is polled"),
    (TaskState::Ready, "ready", "is ready, and waits for the thread"),
    (TaskState::Aborted, "aborted", "will be dropped"),
    (TaskState::Idle, "idle", "waits for"),
];
pub(super) const ACTIONS: [Action; 3] = [Action::Spawn, Action::Wake, Action::Abort];

/// Writes the items of a list, and closes the array.
pub(super) fn each<'a, T>(
    mut array: JSONArrayWriter<'a>,
    list: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut JSONArrayWriter<'a>, T),
) {
    list.into_iter().for_each(|item| write(&mut array, item));
}

/// Writes numbers, and closes the array.
pub(super) fn numbers(array: JSONArrayWriter<'_>, numbers: impl IntoIterator<Item = u64>) {
    each(array, numbers, JSONArrayWriter::value);
}

/// Replaces each number by its difference to the one before.
pub(super) fn differences(numbers: impl Iterator<Item = u64>) -> impl Iterator<Item = u64> {
    numbers.scan(0, |before, number| {
        let difference = number.saturating_sub(*before);
        *before += difference;
        Some(difference)
    })
}

/// Converts a number for the writer, which takes no `usize`.
pub(super) fn count(number: usize) -> u64 {
    number as u64
}
