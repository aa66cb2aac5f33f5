//! The field: every peer, those of the benches and the others.

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
use crate::table::peer::{ASKING_FLOOR, BOUCLE, FLOOR, LOCAL_SET, MIO, Peer, TOKIO, peer};
use crate::table::rows::{handles, pairs, remote, sleepers, sockets, tasks, timers};

type MonoioMio = Monoio<Mio>;
type MonoioRing = Monoio<IoUring>;

#[rustfmt::skip]
pub const PEERS: &[Peer] = &[
    BOUCLE,
    TOKIO,
    LOCAL_SET,
    peer::<Smol>("async-executor", &[
        tasks::<Smol>, handles::<Smol>, remote::<Smol>,
        timers::<Smol>, sleepers::<Smol>, sockets::<Smol>, pairs::<Smol>,
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
    FLOOR,
    ASKING_FLOOR,
    MIO,
];

const NO_WAIT: (&str, &str) =
    ("wait for the first", "it has nothing that awaits whichever of many tasks is done first");
const NO_IO: (&str, &str) = ("timers, sockets", "it has none");
const NO_SYNC: (&str, &str) = (
    "wakes from another thread",
    "its wakers panic there without the feature `sync`, which is off by default",
);
const WAKES_ARE_LOST: (&str, &str) =
    ("wakes from another thread", "they are lost: a waker finds no queue but its own thread's");
const SLEEPS_HANG: (&str, &str) = (
    "timers",
    "sleeps hang: the wheel may fire early; a sleep that is polled then is pending, and not armed \
     again. One that is dropped stays in the wheel",
);
