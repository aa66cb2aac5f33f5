//! The legend, which explains a timeline's signs.

use crate::observe::Origin;
use crate::trace::cause::Action::{Abort, Spawn, Wake};
use crate::trace::timeline::chart::{Chart, Mark, Meanwhile};

/// A sign with its meaning, and which marks have it.
pub(super) type Sign = (&'static str, fn(&Mark) -> bool);

pub(super) const SIGNS: [Sign; 21] = [
    ("run> main begins", |mark| matches!(mark, Mark::Entered)),
    ("[1] polled, first in its turn", |mark| matches!(mark, Mark::Polled(Some(_)))),
    ("[.] polled, its place is not known", |mark| matches!(mark, Mark::Polled(None))),
    ("=== ready, waits for the thread", |mark| *mark.meanwhile() == Meanwhile::Ready),
    ("~~~ waits for what it says", |mark| matches!(mark.meanwhile(), Meanwhile::Waits(_))),
    ("~unknown~ say, a channel or a lock", |mark| mark.meanwhile().in_words().contains("unknown")),
    ("+#1 spawned by #1", |mark| matches!(mark, Mark::Caused(Spawn, Origin::Task(_)))),
    ("+> spawned by no task", |mark| matches!(mark, Mark::Caused(Spawn, Origin::Outside))),
    ("#1==> woken by #1", |mark| matches!(mark, Mark::Caused(Wake, Origin::Task(_)))),
    ("timer> woken by a timer", |mark| matches!(mark, Mark::Caused(Wake, Origin::Timer(_)))),
    ("source 1> woken by source 1", |mark| matches!(mark, Mark::Caused(Wake, Origin::Source(_)))),
    ("job> woken by a job of the executor", |mark| matches!(mark, Mark::Caused(Wake, Origin::Job))),
    ("thread> woken by another thread", |mark| matches!(mark, Mark::Caused(Wake, Origin::Thread))),
    ("outside> woken by no task", |mark| matches!(mark, Mark::Caused(Wake, Origin::Outside))),
    ("!#1 aborted by #1", |mark| matches!(mark, Mark::Caused(Abort, Origin::Task(_)))),
    ("!timer aborted in the wake of a timer", |mark| matches!(mark, Mark::Caused(Abort, Origin::Timer(_)))),
    ("!source 1 aborted in the wake of source 1", |mark| {
        matches!(mark, Mark::Caused(Abort, Origin::Source(_)))
    }),
    ("!thread aborted by another thread", |mark| matches!(mark, Mark::Caused(Abort, Origin::Thread))),
    ("!outside aborted by no task", |mark| matches!(mark, Mark::Caused(Abort, Origin::Outside))),
    ("[x] dropped", |mark| matches!(mark, Mark::Dropped)),
    ("... as before", |mark| matches!(mark, Mark::Again(_))),
];

/// Returns the signs that the charts have, as many on a line as there is room for.
pub(super) fn of(charts: &[Chart], width: usize) -> String {
    // A row of a loop whose first events were not kept begins with what the task did before.
    let before = charts.iter().flat_map(|chart| chart.before.values().cloned().map(Mark::Pending));
    let before: Vec<Mark> = before.collect();
    let columns = charts.iter().flat_map(|chart| &chart.columns);
    let marks = columns.flat_map(|column| column.marks.values().flatten());
    let marks: Vec<&Mark> = marks.chain(&before).collect();
    let mut lines: Vec<String> = Vec::new();
    for (sign, is_its) in SIGNS {
        if !marks.iter().any(|mark| is_its(mark)) {
            continue;
        }
        match lines.last_mut() {
            Some(line) if line.len() + 3 + sign.len() <= width => {
                *line += "   ";
                *line += sign;
            }
            _ => lines.push(sign.into()),
        }
    }
    lines.into_iter().map(|line| line + "\n").collect()
}
