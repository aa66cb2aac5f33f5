//! Running the examples, and what their headers say they print. For the tests.

use std::env::{self, consts::EXE_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// Runs a future under a virtual clock. Returns its value, what it printed, and how long it took.
pub fn virtually<F: Future>(future: F) -> (F::Output, Vec<String>, Duration) {
    let event_loop = boucle::EventLoop::builder().virtual_clock().build();
    let event_loop = event_loop.expect("the system gives a poller");
    let ((value, time), printed) = crate::stdout::listen(|| {
        event_loop.block_on(async {
            let begin = boucle::now();
            let value = future.await;
            (value, boucle::now() - begin)
        })
    });
    (value, printed, time)
}

/// Where cargo puts an example: beside the directory of the tests.
pub fn program(example: &str) -> PathBuf {
    let tests = env::current_exe().expect("a test knows where it is");
    let built = tests.parent().and_then(Path::parent).expect("in `deps`");
    built.join(format!("examples/{example}{EXE_SUFFIX}"))
}

/// Runs an example to its end.
///
/// # Panics
///
/// If it was not built: `cargo test` builds the examples, `cargo test --test` does not.
pub fn run(example: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program(example)).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{error}: run `cargo build --examples` first"))
}

/// The lines that an example printed.
pub fn lines(output: &Output) -> Vec<String> {
    let text = str::from_utf8(&output.stdout).expect("examples print UTF-8");
    text.lines().map(str::to_owned).collect()
}

/// The output that stands in the header of a source file.
pub fn documented(source: impl AsRef<Path>) -> Vec<String> {
    let source = fs::read_to_string(source).expect("the source is there");
    let block = source
        .split_once("//! ```text\n")
        .and_then(|(_, rest)| rest.split_once("//! ```\n"));
    let (block, _) = block.expect("the header has a block of output");
    let lines = block.lines().map(|line| line.trim_start_matches("//!"));
    lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned())
        .collect()
}

/// Asserts that an example bears a wrong option: one line that names it, and exit status 2; and
/// that its `--help` says something and mentions `option`.
///
/// # Panics
///
/// If it does not.
pub fn expect_manners(example: &str, option: &str) {
    let wrong = run(example, &["--wrong"]);
    assert_eq!(
        String::from_utf8_lossy(&wrong.stderr),
        format!("{example}: invalid option '--wrong' (try --help)\n")
    );
    assert!(wrong.stdout.is_empty(), "{wrong:?}");
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");

    let help = run(example, &["--help"]);
    let told = lines(&help);
    assert!(told.iter().any(|line| line.contains(option)), "{told:?}");
    assert!(help.stderr.is_empty(), "{help:?}");
    assert!(help.status.success(), "{help:?}");
}
