//! Causes: a spawn, a wake or an abort, which put a task in the ready queue.

use crate::observe::{Event, EventKind, Origin};

/// Something that was done to a task, and what did it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cause {
    pub(super) task: u64,
    pub(super) action: Action,
    pub(super) by: Origin,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Spawn,
    Wake,
    Abort,
}

impl Cause {
    /// Returns what the event does to a task; `None` for all other events, and for the wake of a task that is
    /// ready already.
    pub(super) fn of(event: &Event) -> Option<Cause> {
        let (task, action, by) = match event.kind {
            EventKind::Spawned { task, parent, .. } => {
                (task, Action::Spawn, parent.map_or(Origin::Outside, Origin::Task))
            }
            EventKind::Woken { task, by, already: false } => (task, Action::Wake, by),
            EventKind::Aborted { task, by } => (task, Action::Abort, by),
            _ => return None,
        };
        Some(Cause { task, action, by })
    }
}

/// Returns the task whose state the event may change.
pub(super) fn changed(event: &Event) -> Option<u64> {
    match event.kind {
        EventKind::MainEntered { task, .. }
        | EventKind::PollBegins { task }
        | EventKind::PollEnds { task, .. }
        | EventKind::Finished { task, .. } => Some(task),
        _ => Cause::of(event).map(|cause| cause.task),
    }
}

impl Action {
    /// Returns its class in the picture's style, which is also its name in the page's data.
    pub(super) fn class(self) -> &'static str {
        match self {
            Action::Spawn => "spawn",
            Action::Wake => "wake",
            Action::Abort => "abort",
        }
    }

    /// Returns the participle: the task was "woken".
    pub(super) fn participle(self) -> &'static str {
        match self {
            Action::Spawn => "spawned",
            Action::Wake => "woken",
            Action::Abort => "aborted",
        }
    }
}

/// Returns the shape of a cause's mark, as an SVG path: a clock, a square, a triangle or a diamond. A task
/// has an arrow instead.
pub(super) fn shape(by: Origin) -> Option<&'static str> {
    match by {
        Origin::Timer(_) => Some("M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0M0 -2.5V0H2"),
        Origin::Source(_) => Some("M-3.5 -3.5h7v7h-7z"),
        Origin::Thread => Some("M0 -4.5L4.5 3.5H-4.5z"),
        Origin::Job => Some("M0 -5L5 0L0 5L-5 0z"),
        Origin::Task(_) | Origin::Outside => None,
    }
}
