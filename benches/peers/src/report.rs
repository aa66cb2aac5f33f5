//! What was measured, and the table of it.

use std::process::Command;
use std::{fmt, fs};

use serde::Serialize;

use crate::rows::Unit;

#[derive(Serialize)]
pub struct Report {
    pub machine: Machine,
    pub peers: Vec<Version>,
    pub rows: Vec<Measured>,
    /// Peers that do not run here, or not in one row, or not under one tool; tools that are missing.
    pub skipped: Vec<Skipped>,
    /// Whether a peer failed in a row that it should have.
    #[serde(skip)]
    pub has_failed: bool,
}

#[derive(Serialize)]
pub struct Machine {
    pub processor: String,
    pub processors: usize,
    pub kernel: String,
    pub compiler: String,
    pub date: String,
}

/// What was built.
#[derive(Serialize)]
pub struct Version {
    pub peer: &'static str,
    pub package: &'static str,
    pub version: &'static str,
}

/// A row, with its sides in the order of the field: boucle first.
#[derive(Serialize)]
pub struct Measured {
    pub row: &'static str,
    pub unit: Unit,
    pub operations: usize,
    pub rounds: usize,
    pub sides: Vec<Figures>,
}

/// What an operation takes.
#[derive(Serialize)]
pub struct Figures {
    pub peer: &'static str,
    pub best: f64,
    pub median: f64,
    /// Its best to boucle's best.
    pub ratio: Option<f64>,
    pub instructions: Option<f64>,
    pub system_calls: Option<f64>,
}

#[derive(Serialize)]
pub struct Skipped {
    pub what: String,
    pub why: String,
}

impl Machine {
    pub fn this() -> Machine {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus
            .lines()
            .find_map(|line| line.strip_prefix("model name\t: "));
        Machine {
            processor: model.unwrap_or("unknown").to_owned(),
            processors: std::thread::available_parallelism().map_or(1, |count| count.get()),
            kernel: first_line("uname", &["-sr"]),
            compiler: first_line("rustc", &["--version"]),
            date: first_line("date", &["+%F"]),
        }
    }
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let ran = Command::new(program).args(arguments).output();
    let said = ran.map(|ran| String::from_utf8_lossy(&ran.stdout).into_owned());
    said.ok()
        .and_then(|said| said.lines().next().map(str::to_owned))
        .unwrap_or("unknown".into())
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine {
            processor,
            processors,
            kernel,
            compiler,
            date,
        } = self;
        write!(
            f,
            "{processors} × {processor}, {kernel}, {compiler}, {date}"
        )
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version {
            peer,
            package,
            version,
        } = self;
        match *package {
            "" => write!(f, "{peer}"),
            package if package == *peer => write!(f, "{peer} {version}"),
            _ => write!(f, "{peer} ({package} {version})"),
        }
    }
}

/// The lines of one row for a terminal.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:34} {:>9} {:>9} {:>7} {:>13} {:>13}",
            self.row, "best", "median", "ratio", "instructions", "system calls"
        )?;
        for side in &self.sides {
            writeln!(
                f,
                "  {:32} {:>9} {:>9} {:>7} {:>13} {:>13}",
                side.peer,
                number(Some(side.best)),
                number(Some(side.median)),
                number(side.ratio),
                number(side.instructions),
                number(side.system_calls)
            )?;
        }
        Ok(())
    }
}

impl Report {
    /// The table for a page.
    pub fn markdown(&self) -> String {
        let versions: Vec<_> = self.peers.iter().map(Version::to_string).collect();
        let mut page = format!(
            "# The field, measured\n\n{}.\n\n{}.\n\n\
             What the columns mean, and how to measure again, is in [README.md](README.md).\n",
            self.machine,
            versions.join(", ")
        );
        for row in &self.rows {
            page += &format!(
                "\n| {}, {} | best | median | ratio | instructions | system calls |\n\
                 |---|--:|--:|--:|--:|--:|\n",
                row.row,
                row.unit.name()
            );
            for side in &row.sides {
                let Figures {
                    peer, best, median, ..
                } = *side;
                let figures = [
                    Some(best),
                    Some(median),
                    side.ratio,
                    side.instructions,
                    side.system_calls,
                ];
                page += &format!("| {peer} | {} |\n", figures.map(number).join(" | "));
            }
        }
        if !self.skipped.is_empty() {
            page += "\nSkipped:\n\n";
        }
        for Skipped { what, why } in &self.skipped {
            page += &format!("- {what}: {why}\n");
        }
        page
    }
}

/// Three digits that say something.
pub fn number(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        // Not minus zero.
        Some(value) if value.abs() < 0.005 => "0.00".into(),
        Some(value) if value.abs() < 9.995 => format!("{value:.2}"),
        Some(value) if value < 99.95 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}
