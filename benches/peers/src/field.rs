//! The field, measured row by row.
//!
//! A round of one peer is followed by one of the next, and who was first is last in the next round: so
//! whatever else the machine does happens to all of them. After a third of the rounds, each peer gets a
//! new process.

use std::io;

use crate::arguments::Arguments;
use crate::counts::{CALLGRIND, STRACE, Tool};
use crate::coverage;
use crate::peers::{PEERS, Peer};
use crate::report::{Figures, Machine, Measured, Report, Skipped};
use crate::rows::{Row, Unit};
use crate::side::{Errand, Side};

/// Who takes part, what counts, and what is left out.
pub struct Field {
    peers: Vec<&'static Peer>,
    /// Counts instructions, if it is here and wanted.
    callgrind: Option<&'static Tool>,
    /// Counts system calls.
    strace: Option<&'static Tool>,
    skipped: Vec<Skipped>,
    has_failed: bool,
}

impl Field {
    /// Tries every peer, in a process of its own, and looks for the tools.
    pub fn new(asked: &Arguments) -> Field {
        let mut field = Field {
            peers: Vec::new(),
            callgrind: None,
            strace: None,
            skipped: Vec::new(),
            has_failed: false,
        };
        for peer in PEERS.iter().filter(|peer| asked.wants_peer(peer.name)) {
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
        if !asked.no_counts && !asked.test {
            field.callgrind = field.find(&CALLGRIND);
            field.strace = field.find(&STRACE);
        }
        field
    }

    fn find(&mut self, tool: &'static Tool) -> Option<&'static Tool> {
        if !tool.is_here() {
            self.skip(
                tool.counts.to_owned(),
                format!("there is no {} here", tool.name),
            );
            return None;
        }
        Some(tool)
    }

    fn skip(&mut self, what: String, why: String) {
        eprintln!("skipped: {what}: {why}");
        self.skipped.push(Skipped { what, why });
    }

    /// All the rows, which are boucle's.
    fn rows(&self) -> Vec<Row> {
        self.peers
            .first()
            .map_or(Vec::new(), |boucle| boucle.rows())
    }

    pub fn list(&self) {
        for peer in &self.peers {
            println!("{}", peer.version());
        }
        for row in self.rows() {
            println!("  {}", row.name);
        }
    }

    fn look_for_missing_rows(&mut self) {
        for name in coverage::missing(&self.rows()) {
            let why = "it is a row of the benches at the top, and none here";
            self.skip(name.to_owned(), why.to_owned());
            self.has_failed = true;
        }
    }

    /// Measures what is asked for, and prints each row when it is there.
    pub fn measure(mut self, asked: &Arguments) -> io::Result<Report> {
        if asked.test {
            self.look_for_missing_rows();
        }
        let mut rows = Vec::new();
        for row in self.rows() {
            if asked.wants_row(row.name) {
                let row = self.measure_row(&row, asked)?;
                match asked.test {
                    true => println!("{}: {} peers", row.row, row.sides.len()),
                    false => println!("{row}"),
                }
                rows.push(row);
            }
        }
        Ok(Report {
            machine: Machine::this(),
            peers: self.peers.iter().map(|peer| peer.version()).collect(),
            rows,
            skipped: self.skipped,
            has_failed: self.has_failed,
        })
    }

    fn measure_row(&mut self, row: &Row, asked: &Arguments) -> io::Result<Measured> {
        let plan = Plan::new(row, asked);
        let mut sides = Vec::new();
        let mut boucle = None;
        for mut side in self.rounds(row.name, &plan)? {
            side.rounds.sort_by(f64::total_cmp);
            let best = side.rounds[0];
            if side.errand.peer == "boucle" {
                // There is no ratio to nothing.
                boucle = (best > 0.0).then_some(best);
            }
            let (instructions, system_calls) = match row.counted {
                true => (
                    self.count(self.callgrind, &side.errand),
                    self.count(self.strace, &side.errand),
                ),
                false => (None, None),
            };
            sides.push(Figures {
                peer: side.errand.peer,
                best,
                median: side.rounds[side.rounds.len() / 2],
                ratio: boucle.map(|boucle| best / boucle),
                instructions,
                system_calls,
            });
        }
        let Plan {
            operations,
            processes,
            rounds,
            ..
        } = plan;
        Ok(Measured {
            row: row.name,
            unit: row.unit,
            operations,
            rounds: processes * rounds,
            sides,
        })
    }

    /// The rounds of all peers that have the row, in the order of the field.
    fn rounds<'a>(&mut self, row: &'a str, plan: &Plan) -> io::Result<Vec<Side<'a>>> {
        let mut sides = Vec::new();
        for peer in self.peers.iter().filter(|peer| peer.row(row).is_some()) {
            sides.push(Side::start(Errand {
                peer: peer.name,
                row,
                operations: plan.operations,
            })?);
        }
        for process in 0..plan.processes {
            if process > 0 {
                sides.iter_mut().try_for_each(Side::restart)?;
            }
            for round in 0..plan.warm_ups + plan.rounds {
                sides.retain_mut(|side| match side.round(round >= plan.warm_ups) {
                    Ok(()) => true,
                    Err(why) => {
                        self.skip(format!("{}, {row}", side.errand.peer), why);
                        self.has_failed = true;
                        false
                    }
                });
                sides.reverse();
            }
        }
        sides.sort_by_key(|side| {
            self.peers
                .iter()
                .position(|peer| peer.name == side.errand.peer)
        });
        Ok(sides)
    }

    fn count(&mut self, tool: Option<&Tool>, errand: &Errand) -> Option<f64> {
        let tool = tool?;
        match tool.per_operation(errand) {
            Ok(count) => Some(count),
            Err(why) => {
                let Errand { peer, row, .. } = errand;
                self.skip(
                    format!("{peer}, {row}, {}", tool.counts),
                    format!("{}: {why}", tool.name),
                );
                None
            }
        }
    }
}

/// How often a row is run on each side.
struct Plan {
    operations: usize,
    /// One after the other.
    processes: usize,
    /// Rounds of each process, before those that count.
    warm_ups: usize,
    rounds: usize,
}

impl Plan {
    fn new(row: &Row, asked: &Arguments) -> Plan {
        let Row { operations, .. } = *row;
        let rounds = asked.rounds.unwrap_or(row.rounds);
        match row.unit {
            _ if asked.test => Plan {
                operations: operations.min(1_000),
                processes: 1,
                warm_ups: 0,
                rounds: 1,
            },
            // What is held repeats, and is asked of a process that held nothing before.
            Unit::Bytes => Plan {
                operations,
                processes: 1,
                warm_ups: 0,
                rounds: 1,
            },
            _ => Plan {
                operations,
                processes: 3,
                warm_ups: 1,
                rounds,
            },
        }
    }
}
