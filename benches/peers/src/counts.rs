//! Instructions and system calls of an operation.
//!
//! They repeat where times do not. A side runs one round under the tool that counts, and one with twice
//! the operations: the difference is what these take, without the start of the program, and without what
//! the workload prepares.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use crate::side::{Errand, ONE_ROUND, last_words};

/// Runs what follows for a minute at most. What hangs under valgrind does not hear a gentler signal, and
/// this one takes `timeout` along.
const PATIENCE: &[&str] = &["timeout", "--signal=KILL", "60"];
const KILLED: i32 = 9;

/// A tool that counts, and how its total is found in what it prints on its standard error.
pub struct Tool {
    pub name: &'static str,
    pub counts: &'static str,
    command: &'static [&'static str],
    total: fn(&str) -> Option<f64>,
}

/// Counts what is executed in user space, of all threads.
pub const CALLGRIND: Tool = Tool {
    name: "valgrind",
    counts: "instructions",
    command: &[
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
    ],
    // "==123== Collected : 456"
    total: |said| {
        let mut lines = said.lines();
        lines.find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
    },
};

pub const STRACE: Tool = Tool {
    name: "strace",
    counts: "system calls",
    command: &["strace", "--follow-forks", "--summary-only"],
    // "100.00 0.012 3 456 7 total": the fourth column, with the errors after it, if there are any.
    total: |said| {
        let line = said.lines().find(|line| line.ends_with(" total"))?;
        line.split_whitespace().nth(3)?.parse().ok()
    },
};

impl Tool {
    pub fn is_here(&self) -> bool {
        let mut version = Command::new(self.name);
        version
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    }

    /// How much of it an operation takes, or why the side cannot run under the tool.
    pub fn per_operation(&self, errand: &Errand) -> Result<f64, String> {
        let operations = (errand.operations / 10).max(100);
        let count = |operations| {
            self.count(&Errand {
                operations,
                ..*errand
            })
        };
        Ok((count(2 * operations)? - count(operations)?) / operations as f64)
    }

    fn count(&self, errand: &Errand) -> Result<f64, String> {
        let command = [PATIENCE, self.command].concat();
        let ran = errand.command(&command).arg(ONE_ROUND).output();
        let ran = ran.map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&ran.stderr);
        match (self.total)(&said) {
            Some(total) if ran.status.success() => Ok(total),
            _ if ran.status.signal() == Some(KILLED) => Err("no end in a minute".to_owned()),
            _ => Err(last_words(&said, ran.status)),
        }
    }
}
