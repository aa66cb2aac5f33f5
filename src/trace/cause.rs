//! Causes: what puts a task in the ready queue.

use crate::observe::{Event, EventKind, Origin};

/// Something that was done to a task, and what did it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cause {
    pub(super) task: u64,
    pub(super) does: Does,
    pub(super) by: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Spawn,
    Wake,
    Abort,
}

impl Cause {
    /// What the event does to a task; `None` if it does nothing, as the wake of a task that is ready.
    pub(super) fn of(event: &Event) -> Option<Cause> {
        let (task, does, by) = match event.kind {
            EventKind::Spawned { task, parent, .. } => (
                task,
                Does::Spawn,
                parent.map_or(Origin::Outside, Origin::Task),
            ),
            EventKind::Woken {
                task,
                by,
                already: false,
            } => (task, Does::Wake, by),
            EventKind::Aborted { task, by } => (task, Does::Abort, by),
            _ => return None,
        };
        Some(Cause { task, does, by })
    }
}

impl Does {
    /// Its name in the picture's style, and in the data of the page.
    pub(super) fn class(self) -> &'static str {
        match self {
            Does::Spawn => "spawn",
            Does::Wake => "wake",
            Does::Abort => "abort",
        }
    }

    /// "woken", of the task.
    pub(super) fn done(self) -> &'static str {
        match self {
            Does::Spawn => "spawned",
            Does::Wake => "woken",
            Does::Abort => "aborted",
        }
    }
}
