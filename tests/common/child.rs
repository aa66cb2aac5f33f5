//! Tests that run in a process of their own: the test starts its own binary again, and there runs alone.

use std::io::BufRead;
use std::process::{Command, Output};

/// The variable that marks a child process, and names the part of its test that it runs.
const VARIABLE: &str = "BOUCLE_TEST_CHILD";

/// Returns a command that runs this binary.
pub(crate) fn own_binary() -> Command {
    Command::new(std::env::current_exe().expect("a test has a file"))
}

/// Returns a command that runs a part of one test of this binary, by its full name, in a process of its own.
pub(crate) fn child(test: &str, part: &str) -> Command {
    let mut command = own_binary();
    select(&mut command, test, part);
    command
}

fn select(command: &mut Command, test: &str, part: &str) {
    let arguments = ["--exact", test, "--nocapture"];
    command.args(arguments).env(VARIABLE, part);
}

/// Returns the part that this process was started for; `None` in the tests' own process.
pub(crate) fn part_of_child() -> Option<String> {
    std::env::var(VARIABLE).ok()
}

/// Returns true in a process that was started for this part.
pub(crate) fn is_child(part: &str) -> bool {
    part_of_child().is_some_and(|own| own == part)
}

/// Starts this binary by a command, to run one test alone, and asserts that the test passes. In the process
/// that it has started it returns false, and the caller goes on with the test.
pub(crate) fn passes_alone(mut command: Command, test: &str) -> bool {
    if is_child(test) {
        return false;
    }
    select(&mut command, test, test);
    assert_passed(&command.output().unwrap());
    true
}

/// Asserts that a child process has run its test, and that the test has passed.
pub(crate) fn assert_passed(output: &Output) {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "{out}\n{err}");
}

/// Reads the lines of a child process up to one that begins like this.
pub(crate) fn read_until(expected: &str, out: &mut impl BufRead) {
    let mut line = String::new();
    while !line.trim().starts_with(expected) {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "the child has ended");
    }
}
