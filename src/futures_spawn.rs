//! The spawn traits of the `futures` crates, so that their extension traits spawn on boucle.

use std::panic::Location;

use futures_task::{FutureObj, LocalFutureObj, LocalSpawn, Spawn, SpawnError};

use crate::current::{self, Unreachable};
use crate::event_loop::EventLoop;
use crate::task::cell::drop_quietly;
use crate::task::spawn;
use crate::wake::inbox;
use crate::wake::loop_handle::LoopHandle;

/// Spawns on this loop: `spawn_local` and `spawn_local_with_handle` of the `futures` crate.
impl LocalSpawn for EventLoop {
    #[track_caller]
    fn spawn_local_obj(&self, future: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        spawn::detached(self.number(), Location::caller(), future)
    }
}

/// Spawns on this loop: `spawn` and `spawn_with_handle` of the `futures` crate.
impl Spawn for EventLoop {
    #[track_caller]
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        spawn::detached(self.number(), Location::caller(), future)
    }
}

/// Spawns on the loop if this is its thread; elsewhere it is an error, since the future cannot go
/// there.
impl LocalSpawn for LoopHandle {
    #[track_caller]
    fn spawn_local_obj(&self, future: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        spawn::detached(self.number(), Location::caller(), future)
    }

    fn status_local(&self) -> Result<(), SpawnError> {
        current::with(self.number(), |it| it.closing)
            .ok()
            .filter(|closing| !closing)
            .map(|_| ())
            .ok_or_else(SpawnError::shutdown)
    }
}

/// Spawns on the loop from any thread.
impl Spawn for LoopHandle {
    fn status(&self) -> Result<(), SpawnError> {
        match inbox::of(self.number()) {
            Some(_) => Ok(()),
            None => Err(SpawnError::shutdown()),
        }
    }

    #[track_caller]
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        match current::with(self.number(), |_| ()) {
            Ok(()) => spawn::detached(self.number(), Location::caller(), future),
            Err(Unreachable::Gone) => {
                drop_quietly(future);
                Err(SpawnError::shutdown())
            }
            Err(Unreachable::Elsewhere) => {
                LoopHandle::spawn(self, move || future).map_err(|_| SpawnError::shutdown())
            }
        }
    }
}
