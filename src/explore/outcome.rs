//! What came of a run: its choices, and how it failed.

use std::fmt;

use crate::explore::deviations::Deviations;

/// What a run has done until now.
#[derive(Default)]
pub(super) struct Run {
    /// Each choice: what was chosen, and among how many options.
    pub(super) taken: Vec<(u32, u32)>,
    /// A line for each deviation, if they are asked for.
    pub(super) words: String,
    /// What went wrong first, if anything did. It ends the run.
    pub(super) failure: Option<FailureKind>,
}

/// How a run fails.
pub(super) enum FailureKind {
    /// By a panic. `resume_unwind` gives no location.
    Panicked { location: Option<String>, message: String },
    /// By a deadlock, in the loop's words.
    Deadlock(String),
    /// By its limit of polls.
    TooManyPolls(u64),
    /// The choice at that position has other options than when it was planned, or is never made.
    Misfit { planned: Deviations, at: usize },
}

impl Run {
    /// Ends the run by a failure, unless one has ended it before.
    pub(super) fn fail(&mut self, how: impl FnOnce() -> FailureKind) {
        self.failure.get_or_insert_with(how);
    }

    /// Returns true if the run has failed, in the same way.
    pub(super) fn fails_like(&self, other: &FailureKind) -> bool {
        self.failure.as_ref().is_some_and(|own| own.is_like(other))
    }

    /// Returns where the run has left FIFO.
    pub(super) fn deviations(&self) -> Deviations {
        let all = (0..).zip(&self.taken);
        Deviations(all.filter(|(_, taken)| taken.0 != 0).map(|(at, taken)| (at, taken.0)).collect())
    }

    /// Returns each schedule that has one deviation more than this run, at a later choice, and how many options
    /// that choice had.
    pub(super) fn one_deviation_more(&self) -> impl Iterator<Item = (Deviations, Option<u32>)> {
        let planned = self.deviations().0;
        let first = planned.last().map_or(0, |last| last.0 + 1);
        let later = (0..).zip(&self.taken).skip(first as usize);
        let more =
            later.flat_map(|(at, &(_, options))| (1..options).map(move |chosen| (at, chosen, options)));
        more.map(move |(at, chosen, options)| {
            (Deviations([&planned[..], &[(at, chosen)]].concat()), Some(options))
        })
    }
}

impl FailureKind {
    /// Returns true if both fail in the same way. Two panics do if they have the same location: their messages
    /// may differ. Without a location, the messages decide.
    pub(super) fn is_like(&self, other: &FailureKind) -> bool {
        match (self, other) {
            (
                FailureKind::Panicked { location, message },
                FailureKind::Panicked { location: other, message: others },
            ) => location == other && (location.is_some() || message == others),
            (FailureKind::Deadlock(_), FailureKind::Deadlock(_)) => true,
            (FailureKind::TooManyPolls(_), FailureKind::TooManyPolls(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FailureKind::Panicked { location: Some(location), message } => {
                write!(f, "panicked at {location}: {message}")
            }
            FailureKind::Panicked { location: None, message } => write!(f, "panicked: {message}"),
            FailureKind::Deadlock(message) => f.write_str(message),
            FailureKind::TooManyPolls(limit) => write!(f, "the program has not ended after {limit} polls"),
            FailureKind::Misfit { at, .. } => write!(
                f,
                "the schedule does not fit the program: choice {at} has other options than before, or is never made"
            ),
        }
    }
}
