//! What the command line asks for.

use std::env;
use std::process::exit;

#[derive(Default)]
pub struct Arguments {
    /// One tiny round of everything, no measurement.
    pub test: bool,
    pub rounds: Option<usize>,
    /// In a round of the only side.
    pub operations: Option<usize>,
    /// The name of the only side that runs. Nothing is measured then, and a row is meant by its whole name.
    pub only: Option<String>,
    /// Write the figures instead of comparing with them.
    pub write: bool,
    /// Parts of the names of the rows that are wanted.
    pub filters: Vec<String>,
}

impl Arguments {
    /// Ends the program with its usage if it is called in another way.
    pub fn read(usage: &str) -> Arguments {
        Arguments::parse(env::args().skip(1)).unwrap_or_else(|| {
            eprintln!("usage: {usage}");
            exit(2)
        })
    }

    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Arguments> {
        let mut asked = Arguments::default();
        let mut measures = false;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // Cargo says so; `cargo test --benches` does not.
                "--bench" => measures = true,
                "--test" => asked.test = true,
                "--write" => asked.write = true,
                "--only" => asked.only = Some(arguments.next()?),
                "--operations" => asked.operations = Some(arguments.next()?.parse().ok()?),
                "--rounds" => asked.rounds = Some(arguments.next()?.parse().ok()?),
                // Criterion's, in a `cargo bench` of everything.
                option if option.starts_with("--") => eprintln!("{option} is ignored"),
                _ => asked.filters.push(argument),
            }
        }
        asked.test |= !measures;
        (asked.rounds != Some(0)).then_some(asked)
    }

    /// Whether a row of this name is asked for.
    pub fn want(&self, name: &str) -> bool {
        let meant = |filter: &String| match self.only {
            Some(_) => name == filter,
            None => name.contains(filter.as_str()),
        };
        self.filters.is_empty() || self.filters.iter().any(meant)
    }
}
