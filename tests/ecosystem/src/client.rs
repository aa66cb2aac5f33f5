//! Client programs of other projects, as processes of a test.

use std::process::{Command, Output};

/// Runs a program to its end, in a thread of the executor.
///
/// # Panics
///
/// If the program cannot be started.
pub async fn output(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments);
    boucle::run_in_executor(move || command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")))
        .await
}

/// Runs a program to its end, in a thread of the executor, and returns what it has written.
///
/// # Panics
///
/// If the program cannot be started, or fails.
pub async fn written_by(program: &str, arguments: &[&str]) -> String {
    let output = output(program, arguments).await;
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("it has written text")
}

/// [`written_by`] of curl, which gives up after 30 seconds.
pub async fn curl(arguments: &[&str]) -> String {
    let limited = [&["--silent", "--show-error", "--max-time", "30"], arguments].concat();
    written_by("curl", &limited).await
}
