//! How a conversation ended.

use std::fmt;

use async_tungstenite::tungstenite::Error;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use boucle::JoinHandle;

pub(crate) struct End {
    /// The names of the tasks that were done.
    termine: Vec<&'static str>,
    /// The names of those that were not.
    attente: Vec<&'static str>,
    /// Whether all of these were aborted.
    pub(crate) aborted: bool,
    /// The close frame of the other side, or why there was no closing handshake.
    pub(crate) closed: Result<Option<CloseFrame>, Error>,
}

impl End {
    pub(crate) fn new<T>(
        names: [(u64, &'static str); 2],
        termine: &[JoinHandle<T>],
        attente: &[JoinHandle<T>],
    ) -> End {
        let of = |tasks: &[JoinHandle<T>]| {
            let is_one = |id| tasks.iter().any(|task| task.id() == id);
            let names = names.iter().filter(|(id, _)| is_one(*id));
            names.map(|(_, name)| *name).collect()
        };
        End { termine: of(termine), attente: of(attente), aborted: true, closed: Ok(None) }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (termine, attente) = (self.termine.join(", "), self.attente.join(", "));
        write!(f, "termine [{termine}], attente [{attente}]")?;
        match self.aborted {
            _ if self.attente.is_empty() => write!(f, "; ")?,
            true => write!(f, " (aborted); ")?,
            false => write!(f, " (not aborted); ")?,
        }
        match &self.closed {
            Ok(None) => write!(f, "close frames went both ways"),
            Ok(Some(frame)) => write!(f, "close frames went both ways ({})", frame.code),
            Err(error) => write!(f, "no closing handshake: {error}"),
        }
    }
}
