//! Trees of tasks of no real loop.

use std::time::Duration;

use super::*;

/// Returns a dump of idle tasks, each with the tasks that it awaits.
fn dump(tasks: impl IntoIterator<Item = (u64, Vec<u64>)>) -> Dump {
    let tasks = tasks.into_iter().map(|(id, awaits)| DumpedTask {
        id,
        name: None,
        is_main: false,
        future: None,
        state: TaskState::Idle,
        awaits,
        seen: None,
    });
    Dump { event_loop: 1, time: Duration::ZERO, tasks: tasks.collect() }
}

/// Returns the lines of the tree: depth, task, and "again" if it is drawn above.
fn drawn(dump: &Dump) -> Vec<(usize, u64, &'static str)> {
    let (nodes, _) = dump.tree();
    let line = |node: &Node<'_>| {
        let again = if node.again { "again" } else { "" };
        (node.depth, node.task.id, again)
    };
    nodes.iter().map(line).collect()
}

/// A task that several tasks await is drawn under each, and what it awaits under the first one. That is no
/// cycle. A task that neither awaits nor is awaited is left out, and so is one that is done.
#[test]
fn a_task_that_several_await_is_drawn_in_full_once() {
    let dump =
        dump([(1, vec![2, 3]), (2, vec![4]), (3, vec![4, 99]), (4, vec![5]), (5, vec![]), (6, vec![])]);
    assert_eq!(drawn(&dump), [(0, 1, ""), (1, 2, ""), (2, 4, ""), (3, 5, ""), (1, 3, ""), (2, 4, "again"),]);
    assert_eq!(dump.cycles(), [] as [Vec<u64>; 0]);
}

/// Cycles are found below a root, without a root, of one task alone, and where two share a task; not if one
/// of the tasks is ready.
#[test]
fn cycles_of_idle_tasks_are_found() {
    let below = (1..=4).map(|id| (id, vec![if id == 4 { 2 } else { id + 1 }]));
    let own = [(5, vec![5])];
    let within = [(6, vec![7]), (7, vec![6, 8]), (8, vec![7])];
    let mut dump = dump(below.chain(own).chain(within));
    let cycles = [vec![2, 3, 4], vec![5], vec![6, 7], vec![7, 8]];
    assert_eq!(dump.cycles(), cycles);
    dump.tasks[2].state = TaskState::Ready;
    assert_eq!(dump.cycles(), cycles[1..]);
}

/// A chain of a hundred thousand tasks, each of which awaits the next, overflows no stack, and its lines stay
/// short.
#[test]
fn a_long_chain_is_drawn() {
    const TASKS: u64 = 100_000;
    let dump = dump((1..=TASKS).map(|id| (id, Vec::from_iter((id < TASKS).then_some(id + 1)))));
    let text = dump.to_string();
    let last = format!("  (99982 levels) {}└─ {TASKS}", "   ".repeat(16));
    assert_eq!(text.lines().last(), Some(last.as_str()));
}
