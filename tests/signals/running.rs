//! A process that runs a part of a test.

use std::io::{BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use crate::common::{LONG, child, is_child, panic_of, read_until};

/// Runs a program with interrupts not ignored. (Where tests run in the background, they may be.)
pub(crate) const DEFAULT: [&str; 2] =
    ["env", if cfg!(target_os = "linux") { "--default-signal=INT" } else { "BOUCLE_TEST_DEFAULT=" }];

/// A process that runs a part of one test. It ends with the test at the latest, also with one that fails.
pub(crate) struct Running {
    process: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    /// Starts a part of a test, with another program in front of it, and reads to "ready".
    pub(crate) fn start(before: &[&str], own: Command) -> Self {
        let mut command = Command::new(before[0]);
        command.args(&before[1..]).arg(own.get_program()).args(own.get_args());
        command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let mut running = Running { process, out };
        running.read_until("ready");
        running
    }

    pub(crate) fn read_until(&mut self, line: &str) {
        read_until(line, &mut self.out);
    }

    pub(crate) fn kill(&self, signal: &str) {
        let killed = Command::new("kill").args(["-s", signal, &self.process.id().to_string()]).status();
        assert!(killed.unwrap().success());
    }

    /// Returns the signal that has ended the process, if one has.
    pub(crate) fn ended_by(mut self) -> Option<i32> {
        self.process.wait().unwrap().signal()
    }
}

/// Prints a line for the parent.
pub(crate) fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().unwrap();
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended by itself
        let _ = self.process.wait();
    }
}

/// A test that fails leaves no process behind.
#[test]
fn a_process_ends_with_its_test() {
    const TEST: &str = "running::a_process_ends_with_its_test";
    if is_child(TEST) {
        say("ready");
        return thread::sleep(LONG);
    }
    let running = Running::start(&DEFAULT, child(TEST, TEST));
    let id = running.process.id().to_string();
    let is_there = || {
        let looked = Command::new("kill").args(["-0", &id]).stderr(Stdio::null()).status();
        looked.unwrap().success()
    };
    assert!(is_there());
    panic_of(|| {
        let _running = running;
        panic!("the test fails");
    });
    assert!(!is_there());
}
