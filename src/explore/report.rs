//! The report of a failure: the shortest failing schedule, drawn above FIFO's, and how to run it alone.

use std::cell::Cell;
use std::env;
use std::error::Error;
use std::fmt::{self, Write};
use std::path::Path;
use std::thread;

use crate::explore::deviations::Deviations;
use crate::explore::options::Explore;
use crate::explore::outcome::{FailureKind, Run};
use crate::explore::run::run;
use crate::explore::search::{Exploration, Explored, Found};
use crate::observe::observers::Observers;
use crate::trace::{Recorder, Trace, environment};

/// The variable that replays a schedule: of a thread's first exploration, or with `2/` before it, of its second.
const VARIABLE: &str = "BOUCLE_SCHEDULE";

thread_local! {
    /// How many explorations this thread has begun.
    static BEGUN: Cell<u64> = const { Cell::new(0) };
}

/// How the report of a program that is not deterministic ends.
const NOT_DETERMINISTIC: &str =
    "not deterministic: something besides the schedule decides what it does. Look for
  - what an earlier run has left, in a static or in what the closure captures
  - random numbers, as in `futures::select!`, in `fastrand`, and in the order of a `HashMap`
  - the system's clock, sockets, other threads and their panic hooks
";

/// A schedule under which a program fails. Its `Display` is the message, the schedule drawn above FIFO's, and
/// the line that replays it; of a schedule that was replayed by `BOUCLE_SCHEDULE`, no pictures and no line. If
/// the same schedule does not fail again, it says so, and draws nothing.
///
/// ```
/// use boucle::explore::Explore;
///
/// let failure = Explore::new().try_run(|| async { assert_eq!(1 + 1, 3) }).unwrap_err();
/// assert!(failure.message.contains("left: 2"));
/// assert_eq!((failure.schedule.as_str(), failure.schedules), ("fifo", 1));
/// println!("{failure}");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Failure {
    /// The program's panic, and where it happened; or how else it has failed.
    pub message: String,
    /// The shortest failing schedule that was found, like `3:1,17:2`, or `fifo`. (A program that is not
    /// deterministic may pass under it. For `BOUCLE_SCHEDULE`, that of a thread's second exploration needs `2/`
    /// before it.)
    pub schedule: String,
    /// How many schedules were tried, including the one that failed.
    pub schedules: u64,
    report: String,
}

impl<F: Future, P: Fn() -> F + Sync> Exploration<'_, P> {
    /// Returns the report of a failure.
    pub(super) fn report(&self, found: &Found) -> Failure {
        let tried = self.tried;
        let shortest = self.shortest(found);
        let (again, picture) = self.record(&shortest);
        // FIFO is tried first, so it has passed if another schedule was found to fail.
        let has_passed = shortest.0.is_empty() && tried > 1;
        let failure = match &again.failure {
            Some(failure) if failure.is_like(&found.failure) && !has_passed => failure,
            other => return not_repeated(&found.failure, tried, &shortest, other.as_ref()),
        };
        let message = failure.to_string();
        let mut report = format!("schedule {tried} fails: {message}\n\n");
        if shortest.0.is_empty() {
            _ = write!(report, "It is the first, FIFO:\n\n{picture}");
        } else {
            let (fifo, usual) = self.record(&Deviations::default());
            let (deviations, choices, how) = (shortest.0.len(), again.taken.len(), again.words);
            let both = Trace { loops: [&picture.loops[..], &usual.loops].concat() };
            let passes = if fifo.failure.is_none() { "passes" } else { "fails too" };
            _ = write!(
                report,
                "The shortest found leaves FIFO at {deviations} of {choices} choices:\n{how}\n{}\n\
                 FIFO, which {passes}:\n\n{}\n{}",
                picture.timeline().legend(false),
                usual.timeline().legend(false),
                both.timeline().signs(),
            );
        }
        let numbered = shortest.numbered(self.explore.number);
        _ = write!(report, "\nTo run it alone: {VARIABLE}={numbered}{}", command());
        Failure { message, schedule: shortest.to_string(), schedules: tried, report }
    }

    /// Runs a schedule once more, and records it.
    fn record(&self, planned: &Deviations) -> (Run, Trace) {
        let recorder = Recorder::new();
        let mut observers = Observers::default();
        observers.add(Box::new(recorder.clone()));
        let mut schedule = self.schedule_of(planned.clone());
        schedule.is_in_words = true;
        let run = run(self.program, schedule, observers);
        (run, recorder.trace())
    }
}

/// Returns the report of a failure that the same schedule does not show `again`. A schedule that does not fit is
/// such a failure too: it was made from a run that had the choice.
fn not_repeated(
    failure: &FailureKind,
    tried: u64,
    shortest: &Deviations,
    again: Option<&FailureKind>,
) -> Failure {
    let message = failure.to_string();
    let (schedule, rerun) = match (failure, again) {
        (FailureKind::Misfit { planned, .. }, _) => (planned, String::new()),
        (_, None) => (shortest, format!("The same schedule, {shortest}, passes when it is run again. ")),
        (_, Some(again)) if again.is_like(failure) => {
            (shortest, "FIFO, which has passed, fails like this now. ".to_owned())
        }
        (_, Some(other)) => (
            shortest,
            format!("The same schedule, {shortest}, fails in another way when it is run again: {other}\n"),
        ),
    };
    let report = format!("schedule {tried} fails: {message}\n\n{rerun}So the program is {NOT_DETERMINISTIC}");
    Failure { message, schedule: schedule.to_string(), schedules: tried, report }
}

impl<'a, F: Future, P: Fn() -> F + Sync> Exploration<'a, P> {
    /// Begins an exploration, the next of this thread.
    pub(super) fn begin(explore: &Explore, program: &'a P) -> Self {
        let number = BEGUN.get() + 1;
        BEGUN.set(number);
        Exploration::new(Explore { number, ..explore.clone() }, program)
    }

    /// Returns the schedule that the environment asks to replay, if it is one of this exploration.
    #[track_caller]
    pub(super) fn schedule_to_replay(&self) -> Option<Deviations> {
        let value = env::var_os(VARIABLE).filter(|value| !value.is_empty())?;
        let value = value.to_string_lossy();
        let (number, schedule) = value.split_once('/').unwrap_or(("1", &value));
        match (number.parse::<u64>(), schedule.parse()) {
            (Ok(number @ 1..), Ok(schedule)) => (number == self.explore.number).then_some(schedule),
            _ => panic!(
                "{VARIABLE}={value}: expected a schedule as a failed exploration prints it, like 3:1,17:2 or fifo, \
                 or 2/3:1,17:2"
            ),
        }
    }

    /// Replays a schedule. `BOUCLE_TRACE` shows it, and the panic by which it fails is printed.
    pub(super) fn replay(&self, planned: Deviations) -> Result<Explored, Failure> {
        let name = planned.to_string();
        let mut observers = Observers::default();
        for observer in environment::observers() {
            observers.add(observer);
        }
        let mut schedule = self.schedule_of(planned);
        schedule.shows_panic = true;
        let Some(failure) = run(self.program, schedule, observers).failure else {
            return Ok(Explored { schedules: 1, complete: true, replayed: true });
        };
        let message = failure.to_string();
        let mut report = format!("schedule {name} fails: {message}");
        if matches!(failure, FailureKind::Misfit { .. }) {
            _ = write!(report, "\n\nThe program has changed since, or it is {NOT_DETERMINISTIC}");
        }
        Err(Failure { message, schedule: name, schedules: 1, report })
    }
}

impl Failure {
    /// Returns the failure of an exploration that is started inside a running loop.
    pub(super) fn in_a_loop() -> Self {
        let message = "explore runs loops of its own: call it where no loop is running".to_owned();
        Failure { report: message.clone(), message, schedule: "fifo".to_owned(), schedules: 0 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

impl Error for Failure {}

impl fmt::Debug for Failure {
    /// As `Display`: an `unwrap` shows the whole report.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

/// Returns the command that has started this program, as far as is known, with a space before it. libtest names
/// a test's thread by the test, so a thread with a name of another form has no command; nor has a test of the
/// documentation.
fn command() -> String {
    let mut arguments = env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let path = arguments.next().unwrap_or_default();
    let program = Path::new(&path);
    let is_in = |folder: &str| program.parent().is_some_and(|parent| parent.ends_with(folder));
    let arguments = arguments.fold(String::new(), |line, argument| line + " " + &quoted(argument));
    match thread::current().name() {
        Some(test) if test != "main" && is_path(test) && is_in("deps") => {
            // Another package of the workspace may have a test of that name.
            let package = env::var("CARGO_PKG_NAME").map_or(String::new(), |name| format!(" -p {name}"));
            format!(" cargo test{package} {test} -- --exact")
        }
        Some("main") if is_in("examples") => {
            let name = program.file_stem().unwrap_or_default().to_string_lossy();
            let separator = if arguments.is_empty() { "" } else { " --" };
            format!(" cargo run --example {name}{separator}{arguments}")
        }
        Some("main") if !is_in("deps") && !path.contains("rustdoctest") => {
            format!(" {}{arguments}", quoted(path))
        }
        _ => String::new(),
    }
}

/// Returns whether a name may be the path of a function.
fn is_path(name: &str) -> bool {
    name.chars().all(|char| char.is_alphanumeric() || "_:#".contains(char))
}

/// Quotes a word for a shell, if it needs that.
fn quoted(word: String) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"%+,-./:=@_".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread that is named like no function is not taken for a test.
    #[test]
    fn the_name_of_a_test_is_a_path() {
        assert!(is_path("two_withdrawals") && is_path("bank::tests::r#try"));
        assert!(!is_path("big stack") && !is_path("worker-1"));
    }

    /// A word that a shell would take apart is quoted; any other stays as it is.
    #[test]
    fn words_are_quoted_for_a_shell() {
        for plain in ["race", "--most=10,000", "target/debug/race", "a@b:1"] {
            assert_eq!(quoted(plain.to_owned()), plain);
        }
        for (word, expected) in [("", "''"), ("b c", "'b c'"), ("$x", "'$x'"), ("it's", "'it'\\''s'")] {
            assert_eq!(quoted(word.to_owned()), expected);
        }
    }
}
