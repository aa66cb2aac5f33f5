//! The field: all sides of a row, in rounds that take turns.
//!
//! A round of one peer is followed by one of the next, and the order is reversed after each round, so a slow
//! moment of the machine falls on all of them. Each peer has three processes, one after the other.

use std::io;
use std::process::exit;
use std::time::{Duration, Instant};

use super::arguments::Arguments;
use super::peer::Peer;
use super::report::{Figures, Measured, Skipped};
use super::rows::{Row, Unit};
use super::side::{Job, Side};

/// The peers that take part, and what is left out.
pub struct Field {
    pub peers: Vec<&'static Peer>,
    pub skipped: Vec<Skipped>,
    /// Whether a peer has failed in one of its rows.
    pub has_failed: bool,
}

impl Field {
    /// Tries every peer, in a process of its own.
    pub fn new(peers: &'static [Peer], asked: &Arguments) -> Field {
        expect_known(peers, asked);
        let mut field = Field { peers: Vec::new(), skipped: Vec::new(), has_failed: false };
        for peer in peers.iter().filter(|peer| asked.wants_peer(peer.name)) {
            match peer.try_out() {
                Ok(()) => {
                    field.peers.push(peer);
                    for (rows, why) in peer.lacks {
                        field.skip(format!("{}, {rows}", peer.name), why.to_string());
                    }
                }
                Err(why) => field.skip(peer.name.to_owned(), why),
            }
        }
        field
    }

    pub fn skip(&mut self, what: String, why: String) {
        eprintln!("skipped: {what}: {why}");
        self.skipped.push(Skipped { what, why });
    }

    /// The rows that are wanted, of boucle's, which has all.
    pub fn rows(&self, asked: &Arguments) -> Vec<Row> {
        let boucle = self.peers.first();
        let mut rows = boucle.map_or(Vec::new(), |boucle| boucle.rows());
        rows.retain(|row| asked.wants_row(row.name));
        rows
    }

    /// Measures a row on all sides that have it.
    pub fn measure(&mut self, row: &Row, asked: &Arguments) -> io::Result<Measured> {
        let plan = Plan::new(row, asked);
        let mut sides = Vec::new();
        let mut boucle = None;
        for mut side in self.rounds(row.name, &plan)? {
            side.rounds.sort_by(f64::total_cmp);
            let best = side.rounds[0];
            if side.job.peer == "boucle" {
                boucle = Some(best);
            }
            sides.push(Figures {
                peer: side.job.peer,
                best,
                median: side.rounds[side.rounds.len() / 2],
                rounds: side.rounds.len(),
                // There is no ratio to nothing.
                ratio: boucle.filter(|_| best > 0.0).map(|boucle| boucle / best),
                instructions: None,
                system_calls: None,
            });
        }
        Ok(Measured { row: row.name, unit: row.unit, operations: plan.operations, sides })
    }

    /// The rounds of all peers that have the row, in the order of the field.
    fn rounds<'a>(&mut self, row: &'a str, plan: &Plan) -> io::Result<Vec<Side<'a>>> {
        let mut sides = Vec::new();
        for peer in self.peers.iter().filter(|peer| peer.row(row).is_some()) {
            sides.push(Side::start(Job { peer: peer.name, row, operations: plan.operations })?);
        }
        for process in 0..plan.processes {
            if process > 0 {
                sides.iter_mut().try_for_each(Side::restart)?;
            }
            if plan.warms_up {
                self.round(&mut sides, false);
            }
            let begin = Instant::now();
            for round in 1.. {
                self.round(&mut sides, true);
                let is_enough = match plan.rounds {
                    Some(rounds) => round >= rounds,
                    None => begin.elapsed() > ENOUGH,
                };
                if is_enough {
                    break;
                }
            }
        }
        let place = |side: &Side| (self.peers.iter()).position(|peer| peer.name == side.job.peer);
        sides.sort_by_key(place);
        Ok(sides)
    }

    /// Runs a round of each side. A side that fails is left out from then on.
    fn round(&mut self, sides: &mut Vec<Side>, keeps: bool) {
        sides.retain_mut(|side| match side.round(keeps) {
            Ok(()) => true,
            Err(why) => {
                self.skip(format!("{}, {}", side.job.peer, side.job.row), why);
                self.has_failed = true;
                false
            }
        });
        sides.reverse();
    }
}

/// Ends the program if a peer is asked for that does not exist.
fn expect_known(peers: &[Peer], asked: &Arguments) {
    let names: Vec<_> = peers.iter().map(|peer| peer.name).collect();
    if let Some(name) = asked.peers.iter().find(|name| !names.contains(&name.as_str())) {
        eprintln!("there is no peer {name:?}, but {}", names.join(", "));
        exit(2);
    }
}

/// How long the sides' processes run rounds before they are replaced.
const ENOUGH: Duration = Duration::from_millis(400);

/// How often a row is run on each side.
struct Plan {
    operations: usize,
    /// Of each side, one after the other.
    processes: usize,
    /// Whether the first round of each process does not count.
    warms_up: bool,
    /// In each process; if `None`, as many as fit in `ENOUGH`.
    rounds: Option<usize>,
}

impl Plan {
    fn new(row: &Row, asked: &Arguments) -> Plan {
        let once = Plan { operations: row.operations, processes: 1, warms_up: false, rounds: Some(1) };
        match row.unit {
            _ if asked.test => Plan { operations: row.operations.min(1_000), ..once },
            // Bytes repeat, in a process that has held nothing before.
            Unit::Bytes => once,
            _ => Plan { processes: 3, warms_up: true, rounds: asked.rounds, ..once },
        }
    }
}
