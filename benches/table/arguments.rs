//! What the command line asks for. Each program's usage names the options that it has.

use std::env;
use std::path::PathBuf;
use std::process::exit;

#[derive(Default)]
pub struct Arguments {
    /// Passed by `cargo bench`, and not by `cargo test --benches`.
    pub bench: bool,
    /// One tiny round of everything, no measurement.
    pub test: bool,
    /// The sides, if not all are wanted.
    pub peers: Vec<String>,
    /// Rounds in each process of a side, if not as many as fit in some time.
    pub rounds: Option<usize>,
    /// No instructions, no system calls.
    pub no_counts: bool,
    /// Write the figures down instead of comparing with them.
    pub write: bool,
    /// Nothing but the names of peers and rows.
    pub list: bool,
    pub json: Option<PathBuf>,
    pub markdown: Option<PathBuf>,
    pub svg: Option<PathBuf>,
    /// Parts of the names of the rows that are wanted.
    pub filters: Vec<String>,
}

impl Arguments {
    /// Ends the program with its usage if the command line is wrong.
    pub fn read(usage: &str) -> Arguments {
        Arguments::parse(env::args().skip(1), usage).unwrap_or_else(|| {
            eprintln!("usage: {usage}");
            exit(2)
        })
    }

    fn parse(mut given: impl Iterator<Item = String>, usage: &str) -> Option<Arguments> {
        let mut asked = Arguments::default();
        while let Some(argument) = given.next() {
            match argument.as_str() {
                "--bench" => asked.bench = true,
                option if option.starts_with('-') && !usage.contains(option) => return None,
                "--test" => asked.test = true,
                "--peer" => asked.peers.push(given.next()?),
                "--rounds" => asked.rounds = Some(given.next()?.parse().ok()?),
                "--no-counts" => asked.no_counts = true,
                "--write" => asked.write = true,
                "--list" => asked.list = true,
                "--json" => asked.json = Some(given.next()?.into()),
                "--markdown" => asked.markdown = Some(given.next()?.into()),
                "--svg" => asked.svg = Some(given.next()?.into()),
                option if option.starts_with('-') => return None,
                _ => asked.filters.push(argument),
            }
        }
        (asked.rounds != Some(0)).then_some(asked)
    }

    pub fn wants_row(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|part| name.contains(part))
    }

    pub fn say_that_no_row_has_the_name(&self) {
        println!("No row has {} in its name.", self.filters.join(" or "));
    }

    /// boucle is always there: the ratios are to it.
    pub fn wants_peer(&self, name: &str) -> bool {
        self.peers.is_empty() || name == "boucle" || self.peers.iter().any(|peer| peer == name)
    }
}
