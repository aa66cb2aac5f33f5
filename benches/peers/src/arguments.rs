//! The command line.

use std::env;
use std::path::PathBuf;
use std::process::exit;

use crate::peers::PEERS;

const USAGE: &str = "\
usage: boucle-peers [OPTION]... [PART OF A ROW'S NAME]...

  --peer NAME      this peer only, beside boucle (again for more of them)
  --rounds N       so many rounds in each of a side's three processes
  --no-counts      times and bytes only: no callgrind, no strace
  --test           one tiny round of everything, no measurement
  --list           the rows and the peers
  --json FILE      the table for programs
  --markdown FILE  the table for a page
  --svg FILE       the table as a picture";

/// What is asked for.
#[derive(Default)]
pub struct Arguments {
    pub peers: Vec<String>,
    pub rounds: Option<usize>,
    pub no_counts: bool,
    pub test: bool,
    pub list: bool,
    pub json: Option<PathBuf>,
    pub markdown: Option<PathBuf>,
    pub svg: Option<PathBuf>,
    pub filters: Vec<String>,
}

impl Arguments {
    pub fn read() -> Arguments {
        let mut asked = Arguments::default();
        let mut given = env::args().skip(1);
        while let Some(argument) = given.next() {
            let mut value = || given.next().unwrap_or_else(|| usage());
            match argument.as_str() {
                "--peer" => asked.peers.push(known_peer(value())),
                "--rounds" => match value().parse() {
                    Ok(rounds) if rounds > 0 => asked.rounds = Some(rounds),
                    _ => usage(),
                },
                "--no-counts" => asked.no_counts = true,
                "--test" => asked.test = true,
                "--list" => asked.list = true,
                "--json" => asked.json = Some(value().into()),
                "--markdown" => asked.markdown = Some(value().into()),
                "--svg" => asked.svg = Some(value().into()),
                option if option.starts_with('-') => usage(),
                _ => asked.filters.push(argument),
            }
        }
        asked
    }

    pub fn wants_row(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|part| name.contains(part))
    }

    /// boucle is always there: the ratios are to it.
    pub fn wants_peer(&self, name: &str) -> bool {
        let named = |peer: &String| peer == name;
        self.peers.is_empty() || name == "boucle" || self.peers.iter().any(named)
    }
}

fn known_peer(name: String) -> String {
    if !PEERS.iter().any(|peer| peer.name == name) {
        let names: Vec<_> = PEERS.iter().map(|peer| peer.name).collect();
        eprintln!("there is no peer {name:?}, but {}", names.join(", "));
        exit(2);
    }
    name
}

fn usage() -> ! {
    eprintln!("{USAGE}");
    exit(2)
}
