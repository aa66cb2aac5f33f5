//! Each runtime but boucle and tokio, which the workloads bring along.

pub mod compio;
pub mod glommio;
mod lend; // a main future that borrows
pub mod local_executor;
pub mod local_pool;
pub mod monoio;
pub mod nexus;
pub mod smol;

use self::compio::Compio;
use self::glommio::Glommio;
use self::local_executor::LocalExecutor;
use self::local_pool::LocalPool;
use self::monoio::{IoUring, Mio, Monoio};
use self::nexus::Nexus;
use self::smol::Smol;
use crate::report::Version;
use crate::rows::{
    Row, asking, by_hand, by_oneself, groups, handles, remote, sleepers, sockets, tasks,
    the_gather, timers,
};
use crate::side::{Errand, Side};
use crate::workloads::floor::{AskingFloor, Floor};
use crate::workloads::runtime::{Boucle, Runtime, Tokio, TokioLocalSet};

/// A runtime of the field.
pub struct Peer {
    pub name: &'static str,
    /// The package that it is, or the one of its parts that schedules.
    pub package: &'static str,
    /// What it offers.
    rows: &'static [Kind],
    /// What it does not, and why.
    pub lacks: &'static [(&'static str, &'static str)],
}

/// Rows of one kind.
type Kind = fn() -> Vec<Row>;

type MonoioMio = Monoio<Mio>;
type MonoioRing = Monoio<IoUring>;

#[rustfmt::skip]
pub const PEERS: &[Peer] = &[
    peer::<Boucle>("boucle", &[
        tasks::<Boucle>, groups::<Boucle>, the_gather::<Boucle>,
        remote::<Boucle>, timers::<Boucle>, sleepers::<Boucle>, sockets::<Boucle>,
    ]),
    peer::<Tokio>("tokio", &[
        tasks::<Tokio>, groups::<Tokio>, by_oneself::<Tokio>,
        remote::<Tokio>, timers::<Tokio>, sleepers::<Tokio>, sockets::<Tokio>,
    ]),
    peer::<TokioLocalSet>("tokio", &[
        tasks::<TokioLocalSet>, groups::<TokioLocalSet>, by_oneself::<TokioLocalSet>,
        remote::<TokioLocalSet>, timers::<TokioLocalSet>, sleepers::<TokioLocalSet>, sockets::<TokioLocalSet>,
    ]),
    peer::<Smol>("async-executor", &[
        tasks::<Smol>, handles::<Smol>, remote::<Smol>,
        timers::<Smol>, sleepers::<Smol>, sockets::<Smol>,
    ])
    .lacks(&[NO_WAIT]),
    peer::<LocalPool>("futures-executor", &[
        tasks::<LocalPool>, handles::<LocalPool>, remote::<LocalPool>,
    ])
    .lacks(&[NO_WAIT, NO_IO]),
    peer::<MonoioMio>("monoio", &[
        tasks::<MonoioMio>, handles::<MonoioMio>,
        timers::<MonoioMio>, sleepers::<MonoioMio>, sockets::<MonoioMio>,
    ])
    .lacks(&[NO_WAIT, NO_SYNC]),
    peer::<MonoioRing>("monoio", &[
        tasks::<MonoioRing>, handles::<MonoioRing>,
        timers::<MonoioRing>, sleepers::<MonoioRing>, sockets::<MonoioRing>,
    ])
    .lacks(&[NO_WAIT, NO_SYNC]),
    peer::<Glommio>("glommio", &[
        tasks::<Glommio>, handles::<Glommio>, remote::<Glommio>,
        timers::<Glommio>, sleepers::<Glommio>, sockets::<Glommio>,
    ])
    .lacks(&[NO_WAIT]),
    peer::<Compio>("compio", &[
        tasks::<Compio>, handles::<Compio>, remote::<Compio>,
        timers::<Compio>, sleepers::<Compio>, sockets::<Compio>,
    ])
    .lacks(&[NO_WAIT]),
    peer::<Nexus>("nexus-async-rt", &[
        tasks::<Nexus>, handles::<Nexus>, sleepers::<Nexus>, sockets::<Nexus>,
    ])
    .lacks(&[NO_WAIT, WAKES_ARE_LOST, SLEEPS_HANG]),
    peer::<LocalExecutor>("async-local-executor", &[
        tasks::<LocalExecutor>, handles::<LocalExecutor>, remote::<LocalExecutor>,
    ])
    .lacks(&[NO_WAIT, NO_IO]),
    peer::<Floor>("", &[tasks::<Floor>]),
    peer::<AskingFloor>("", &[tasks::<AskingFloor>, asking::<AskingFloor>]),
    Peer { name: "mio by hand", package: "mio", rows: &[by_hand], lacks: &[] },
];

const NO_WAIT: (&str, &str) = (
    "wait for the first",
    "it has nothing that awaits whichever of many tasks is done next",
);
const NO_IO: (&str, &str) = ("timers, sockets", "it has none");
const NO_SYNC: (&str, &str) = (
    "wakes from another thread",
    "its wakers panic there without the feature `sync`, which is off by default",
);
const WAKES_ARE_LOST: (&str, &str) = (
    "wakes from another thread",
    "they are lost: a waker finds no queue but its own thread's",
);
const SLEEPS_HANG: (&str, &str) = (
    "timers",
    "sleeps hang: the wheel may fire early, which a sleep does not count as fired nor arm \
     again; and a sleep that is dropped is not cancelled",
);

const fn peer<R: Runtime>(package: &'static str, rows: &'static [Kind]) -> Peer {
    Peer {
        name: R::NAME,
        package,
        rows,
        lacks: &[],
    }
}

impl Peer {
    const fn lacks(self, lacks: &'static [(&'static str, &'static str)]) -> Peer {
        Peer { lacks, ..self }
    }

    pub fn rows(&self) -> Vec<Row> {
        self.rows.iter().flat_map(|rows| rows()).collect()
    }

    pub fn row(&self, name: &str) -> Option<Row> {
        self.rows().into_iter().find(|row| row.name == name)
    }

    /// Has it do something small in a process of its own. The error says why it cannot.
    pub fn try_out(&self) -> Result<(), String> {
        let rows = self.rows();
        let first = rows.first().expect("every peer has a row");
        let side = Side::start(Errand {
            peer: self.name,
            row: first.name,
            operations: 100,
        });
        side.map_err(|error| error.to_string())?.round(false)
    }

    /// What was built, by the lock file.
    pub fn version(&self) -> Version {
        let lock = include_str!("../../Cargo.lock");
        let entry = format!("name = \"{}\"\nversion = \"", self.package);
        // The last entry is the newest: there are two versions of mio, as monoio has an old one.
        let after = lock.rsplit_once(&entry).map_or("", |(_, after)| after);
        let version = after.split('"').next().unwrap_or_default();
        Version {
            peer: self.name,
            package: self.package,
            version,
        }
    }
}
