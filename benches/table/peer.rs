//! A peer: a runtime, or a program written by hand in its place, and the rows that it has.

use std::net::UdpSocket;
use std::os::unix::net::{UnixDatagram, UnixStream};

use super::rows::{
    Row, asking, by_hand, explored, gather_beside_substitutes, gather_substitutes, groups, loops_alone,
    pairs, remote, sleepers, sockets, tasks, timers,
};
use super::side::{Job, Side};
use crate::workloads::floor::{AskingFloor, Floor};
use crate::workloads::runtime::{Alone, Boucle, Groups, Net, Pairs, Runtime, Timers, Tokio, TokioLocalSet};

pub struct Peer {
    pub name: &'static str,
    /// Its package, or of its packages the one that schedules.
    pub package: &'static str,
    /// What it offers.
    pub rows: &'static [Kind],
    /// What it does not offer, and why.
    pub lacks: &'static [(&'static str, &'static str)],
}

/// Rows of one kind.
pub type Kind = fn() -> Vec<Row>;

/// The sides of the benches.
pub const BENCH_PEERS: &[Peer] = &[BOUCLE, TOKIO, LOCAL_SET, FLOOR, ASKING_FLOOR, MIO];

pub const BOUCLE: Peer = peer::<Boucle>(
    "boucle",
    &[
        tasks::<Boucle>,
        groups::<Boucle>,
        gather_beside_substitutes::<Boucle>,
        remote::<Boucle>,
        timers::<Boucle>,
        sleepers::<Boucle>,
        sockets::<Boucle>,
        pairs::<Boucle>,
        loops_alone::<Boucle>,
        explored,
    ],
);
pub const TOKIO: Peer = peer::<Tokio>("tokio", &tokio_rows::<Tokio>());
pub const LOCAL_SET: Peer = peer::<TokioLocalSet>("tokio", &tokio_rows::<TokioLocalSet>());
pub const FLOOR: Peer = peer::<Floor>("", &[tasks::<Floor>]);
pub const ASKING_FLOOR: Peer = peer::<AskingFloor>("", &[tasks::<AskingFloor>, asking::<AskingFloor>]);
pub const MIO: Peer = Peer { name: "mio by hand", package: "mio", rows: &[by_hand], lacks: &[] };

const fn tokio_rows<R>() -> [Kind; 9]
where
    R: Alone + Groups + Net + Pairs<UdpSocket> + Pairs<UnixDatagram> + Pairs<UnixStream> + Timers,
{
    [
        tasks::<R>,
        groups::<R>,
        gather_substitutes::<R>,
        remote::<R>,
        timers::<R>,
        sleepers::<R>,
        sockets::<R>,
        pairs::<R>,
        loops_alone::<R>,
    ]
}

pub const fn peer<R: Runtime>(package: &'static str, rows: &'static [Kind]) -> Peer {
    Peer { name: R::NAME, package, rows, lacks: &[] }
}

impl Peer {
    pub const fn lacks(self, lacks: &'static [(&'static str, &'static str)]) -> Peer {
        Peer { lacks, ..self }
    }

    pub fn rows(&self) -> Vec<Row> {
        self.rows.iter().flat_map(|rows| rows()).collect()
    }

    pub fn row(&self, name: &str) -> Option<Row> {
        self.rows().into_iter().find(|row| row.name == name)
    }

    /// Runs a small round in a process of its own. The error is why it cannot.
    pub fn try_out(&self) -> Result<(), String> {
        let rows = self.rows();
        let first = rows.first().expect("every peer has a row");
        let side = Side::start(Job { peer: self.name, row: first.name, operations: 100 });
        side.map_err(|error| error.to_string())?.round(false)
    }
}
