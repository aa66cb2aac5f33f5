//! The whole table for a page: the machine, the versions of the peers, the figures.

use std::process::Command;
use std::{fmt, fs};

use serde::Serialize;

use crate::table::peer::Peer;
use crate::table::report::{Figures, Measured, Skipped, number};

#[derive(Serialize)]
pub struct Page {
    pub machine: Machine,
    pub peers: Vec<Version>,
    pub rows: Vec<Measured>,
    pub skipped: Vec<Skipped>,
}

#[derive(Serialize)]
pub struct Machine {
    pub processor: String,
    pub processors: usize,
    pub kernel: String,
    pub compiler: String,
    pub date: String,
}

/// A peer's version.
#[derive(Serialize)]
pub struct Version {
    pub peer: &'static str,
    pub package: &'static str,
    pub version: &'static str,
}

impl Machine {
    pub fn this() -> Machine {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus.lines().find_map(|line| line.strip_prefix("model name\t: "));
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
    said.ok().and_then(|said| said.lines().next().map(str::to_owned)).unwrap_or("unknown".into())
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { processor, processors, kernel, compiler, date } = self;
        write!(f, "{processors} × {processor}, {kernel}, {compiler}, {date}")
    }
}

impl Version {
    /// Reads it in the lock file.
    pub fn of(peer: &Peer) -> Version {
        let lock = include_str!("../Cargo.lock");
        let entry = format!("name = \"{}\"\nversion = \"", peer.package);
        // The last entry is the newest: there are two versions of mio, as monoio has an old one.
        let after = lock.rsplit_once(&entry).map_or("", |(_, after)| after);
        Version {
            peer: peer.name,
            package: peer.package,
            version: after.split('"').next().unwrap_or_default(),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version { peer, package, version } = self;
        match *package {
            "" => write!(f, "{peer}"),
            package if package == *peer => write!(f, "{peer} {version}"),
            _ => write!(f, "{peer} ({package} {version})"),
        }
    }
}

impl Page {
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
                let Figures { peer, best, median, .. } = *side;
                let figures = [Some(best), Some(median), side.ratio, side.instructions, side.system_calls];
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
