//! Tools that count: this program again, under one of them.
//!
//! Two runs of one round, of which one has twice the operations: the difference is what these take, and nothing
//! else. The program's start and the workload's preparations are in both.

use std::env;
use std::process::Command;

/// What a tool counts.
#[derive(Clone, Copy, PartialEq)]
pub enum Tool {
    /// System calls, of all threads.
    Strace,
    /// Those that write: to an eventfd, if nothing else is written.
    StraceWrites,
    /// Instructions in user space.
    Callgrind,
}

impl Tool {
    /// Whether it is installed, and may look into other processes.
    pub fn works(self) -> bool {
        let [tool, options @ ..] = self.command() else {
            return false;
        };
        let output = Command::new(tool).args(options).arg("true").output();
        output.is_ok_and(|output| output.status.success())
    }

    pub fn name(self) -> &'static str {
        self.command()[0]
    }

    fn command(self) -> &'static [&'static str] {
        match self {
            Tool::Strace => &["strace", "-f", "-c"],
            Tool::StraceWrites => &["strace", "-f", "-c", "-e", "trace=write"],
            Tool::Callgrind => &[
                "valgrind",
                "--tool=callgrind",
                "--callgrind-out-file=/dev/null",
            ],
        }
    }

    /// What an operation of a row takes on one side.
    ///
    /// # Panics
    ///
    /// If the tool fails: it says why.
    pub fn count(self, row: &str, side: &str, operations: usize) -> f64 {
        let [once, twice] = [1, 2].map(|times| self.count_round(row, side, times * operations));
        ((twice - once) / operations as f64).max(0.0)
    }

    fn count_round(self, row: &str, side: &str, operations: usize) -> f64 {
        let [tool, options @ ..] = self.command() else {
            unreachable!("a command has a name")
        };
        let this_program = env::current_exe().expect("a program has a path");
        let output = Command::new(tool)
            .args(options)
            .arg(this_program)
            .args(["--bench", "--only", side, row])
            .args(["--operations", &operations.to_string()])
            .output()
            .expect("the tool is there");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tool} failed:\n{told}");
        self.read(&told)
            .unwrap_or_else(|| panic!("{tool} told no number:\n{told}"))
    }

    fn read(self, told: &str) -> Option<f64> {
        match self {
            // ==7== Collected : 24581094
            Tool::Callgrind => {
                let line = told.lines().find(|line| line.contains("Collected :"))?;
                line.rsplit(' ').next()?.parse().ok()
            }
            // 100.00    0.004711           4       978         2 total
            Tool::Strace | Tool::StraceWrites => {
                let Some(line) = told.lines().find(|line| line.ends_with(" total")) else {
                    // No call, no table.
                    return Some(0.0);
                };
                line.split_whitespace().nth(3)?.parse().ok()
            }
        }
    }
}
