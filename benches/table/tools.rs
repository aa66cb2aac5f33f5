//! Tools that count: the instructions and the system calls of an operation.
//!
//! A side runs one round under the tool, and then one with twice the operations. The difference is what the
//! operations take, without the start of the program and the workload's preparations.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use super::rows::Row;
use super::side::{Job, ONE_ROUND, why_it_failed};

/// Ends the command after three minutes. (Under valgrind, a process that hangs ignores SIGTERM.)
const TIME_LIMIT: &[&str] = &["timeout", "--signal=KILL", "180"];
const KILLED: i32 = 9;

/// A tool that counts, and how its total is found in what it prints on its standard error.
pub struct Tool {
    pub name: &'static str,
    pub counts: &'static str,
    command: &'static [&'static str],
    total: fn(&str) -> Option<f64>,
}

/// Counts what is executed in user space, by all threads.
pub const CALLGRIND: Tool = Tool {
    name: "valgrind",
    counts: "instructions",
    command: &["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"],
    // "==123== Collected : 456"
    total: |printed| {
        let mut lines = printed.lines();
        lines.find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
    },
};

/// Counts the system calls of all threads.
pub const STRACE: Tool = Tool {
    name: "strace",
    counts: "system calls",
    command: &["strace", "--follow-forks", "--summary-only"],
    // "100.00 0.012 3 456 7 total": the fourth column, with the errors after it, if there are any.
    total: |printed| {
        let line = printed.lines().find(|line| line.ends_with(" total"))?;
        line.split_whitespace().nth(3)?.parse().ok()
    },
};

impl Tool {
    /// Returns whether the tool is installed, and may trace other processes.
    pub fn works(&self) -> bool {
        let mut command = Command::new(self.command[0]);
        command.args(&self.command[1..]).arg("true").stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Returns what one of the row's operations takes, or why it cannot be counted.
    pub fn per_operation(&self, peer: &str, row: &Row) -> Result<f64, String> {
        let [once, twice] =
            [1, 2].map(|times| self.count(Job { peer, row: row.name, operations: times * row.counted }));
        Ok((twice? - once?) / row.counted as f64)
    }

    fn count(&self, job: Job) -> Result<f64, String> {
        let command = [TIME_LIMIT, self.command].concat();
        let ran = job.command(&command).arg(ONE_ROUND).output();
        let ran = ran.map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&ran.stderr);
        match (self.total)(&said) {
            Some(total) if ran.status.success() => Ok(total),
            _ if ran.status.signal() == Some(KILLED) => Err("no end in three minutes".to_owned()),
            _ => Err(why_it_failed(&said, ran.status)),
        }
    }
}
