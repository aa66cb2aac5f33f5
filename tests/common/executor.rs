//! The threads of the executor. This is not part of `common`, which compiles without the executor's feature.

use std::sync::mpsc;

use boucle::run_in_executor;

use crate::common::LONG;

/// Occupies so many threads with a job each until the returned sender is dropped. The jobs belong to the
/// running loop, if there is one.
pub(crate) fn take_threads(count: usize) -> async_channel::Sender<()> {
    let (hold, released) = async_channel::bounded::<()>(1);
    let (started, has_started) = mpsc::channel();
    for _ in 0..count {
        let (released, started) = (released.clone(), started.clone());
        let job = run_in_executor(move || {
            started.send(()).unwrap();
            let _ = released.recv_blocking();
        });
        has_started.recv_timeout(LONG).expect("the system gives so many threads");
        drop(job);
    }
    hold
}
