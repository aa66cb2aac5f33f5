//! The dump: which tasks a loop has, and what each of them waits for.
//!
//! It is made from the loop's own tables, so every loop can give one, and pays nothing until then. The tables
//! record which task awaits which: a task's entry holds its joiner, which is woken when the task is done. If the
//! loop is observed, the state that its log derives from events adds the rest: where a task was spawned, how
//! often it was polled and for how long, what it waits for and since when.
//!
//! `dump_text.rs` writes a dump as text.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::current;
use crate::observe::event::WaitsFor;
use crate::observe::live::{LiveTask, TaskState};
use crate::observe::log;
use crate::state::State;
use crate::task::id::LoopNumber;
use crate::task::table::{Entry, Joiner, Status, Tasks};
use crate::time::clock::real_now;
use crate::wake::inbox::{self, Message};
use crate::wake::loop_handle::LoopHandle;
use crate::wake::waiter::Waiter;

/// The tasks of a loop, and what each of them waits for: see [`dump`].
///
/// Its [`Display`](std::fmt::Display) is a table of the tasks, a tree of which task awaits which, and a
/// line for each cycle of tasks that wait for each other.
///
/// ```
/// # boucle::run(async {
/// let _idle = boucle::spawn(std::future::pending::<()>());
/// let dump = boucle::dump();
/// assert_eq!(dump.tasks.len(), 2); // and the main future
/// assert!(dump.to_string().contains("the main future and 1 task"));
/// # });
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Dump {
    /// The loop's number: 1 for "loop 1".
    pub event_loop: u64,
    /// The loop's time, counted from when it was made.
    pub time: Duration,
    /// The tasks that are not done, and the main future, in spawn order.
    pub tasks: Vec<DumpedTask>,
}

/// A task in a [`Dump`].
///
/// ```
/// # boucle::run(async {
/// let _idle = boucle::spawn_named("reader", std::future::pending::<()>());
/// let dump = boucle::dump();
/// let reader = dump.tasks.iter().find(|task| !task.is_main).unwrap();
/// assert_eq!((reader.id, reader.name.as_deref()), (2, Some("reader")));
/// # });
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DumpedTask {
    /// Its id.
    pub id: u64,
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    /// Whether it is the main future.
    pub is_main: bool,
    /// The type of its future; `None` for the task that is being polled, if the loop is not observed.
    pub future: Option<&'static str>,
    /// Its state.
    pub state: TaskState,
    /// The tasks that it awaits, by id.
    pub awaits: Vec<u64>,
    /// Its state as the loop's events give it, if the loop is observed.
    pub seen: Option<LiveTask>,
}

/// Why there is no [`Dump`].
///
/// ```
/// use std::time::Duration;
///
/// let event_loop = boucle::EventLoop::new()?;
/// let handle = event_loop.handle();
/// let other = std::thread::spawn(move || handle.dump(Duration::from_millis(1)));
/// let error = other.join().unwrap().unwrap_err(); // nothing runs the loop
/// assert!(error.to_string().contains("has not answered within 1 ms"));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DumpError {
    /// The loop is gone.
    Gone,
    /// It is ending: it waits for jobs of [`run_in_executor`](crate::run_in_executor) that have begun, or
    /// drops what was left for it.
    Ending {
        /// The loop's number: 1 for "loop 1".
        event_loop: u64,
    },
    /// It has not answered: something holds its thread, or it is not being run.
    NoAnswer {
        /// The loop's number: 1 for "loop 1".
        event_loop: u64,
        /// How long the caller has waited.
        timeout: Duration,
        /// The task that holds its thread, if the loop is observed and a task does.
        holder: Option<Holder>,
    },
}

/// A task, or the main future, that holds the thread of its loop: it is being polled, or dropped.
///
/// ```
/// use boucle::DumpError;
///
/// fn culprit(error: &DumpError) -> Option<u64> {
///     let DumpError::NoAnswer { holder: Some(holder), .. } = error else { return None };
///     Some(holder.task) // it has held the thread for `holder.held`
/// }
/// assert_eq!(culprit(&DumpError::Gone), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// Its id.
    pub task: u64,
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    /// For how long it has held the thread, on the real clock.
    pub held: Duration,
}

/// Returns the tasks of the loop that runs on this thread, and what each of them waits for: asyncio's
/// `python -m asyncio ps` and `pstree`, and `all_tasks`.
///
/// ```
/// use std::time::Duration;
///
/// use boucle::{Dump, EventLoop, JoinHandle};
///
/// async fn tea() {
///     boucle::sleep(Duration::from_secs(180)).await;
/// }
///
/// async fn guest(tea: JoinHandle<()>) {
///     tea.await.unwrap();
/// }
///
/// async fn breakfast() -> Dump {
///     let tea = boucle::spawn_named("tea", tea());
///     let _guest = boucle::spawn_named("guest", guest(tea));
///     boucle::sleep(Duration::from_secs(1)).await;
///     boucle::dump()
/// }
///
/// # fn main() -> std::io::Result<()> {
/// let event_loop = EventLoop::builder().virtual_clock().build()?;
/// let dump = event_loop.block_on(breakfast());
/// let shown = r#" at 1 s: the main future and 2 tasks
///   task       state   future
///   1 main     polled  breakfast
///   2 "tea"    idle    tea
///   3 "guest"  idle    guest
///
/// which task awaits which
///   3 "guest"
///   └─ 2 "tea""#;
/// assert_eq!(dump.to_string(), format!("loop {}{shown}", dump.event_loop));
/// # Ok(())
/// # }
/// ```
///
/// The dump of an observed loop (see [`Builder::observe`](crate::Builder::observe)) has more: where each task
/// was spawned, how often it was polled and how long that took, [what it waits
/// for](crate::observe::LiveTask::waits) and since when. In such a loop a task awaits the tasks whose handles
/// its last poll has polled, if the handles still exist; in any other loop, the tasks whose handles it was the
/// last to poll, with its own waker. (A `FuturesUnordered` or a `shared()` of the crate `futures` polls with
/// another.)
///
/// [`LoopHandle::dump`](crate::LoopHandle::dump) takes a dump from another thread. A program that is started
/// with `BOUCLE_DUMP=1` prints a dump of each of its loops on SIGUSR1, on stderr. (Before it makes its first
/// loop, and in an exploration that tries many schedules, the signal ends it.) The loops are observed, at the
/// cost that [`Builder::observe`](crate::Builder::observe) names.
///
/// It costs O(n log n) in the tasks. A loop of which none is taken pays nothing.
///
/// # Panics
///
/// If no loop is running on this thread.
#[doc(alias = "all_tasks")]
#[doc(alias = "ps")]
#[doc(alias = "pstree")]
#[track_caller]
pub fn dump() -> Dump {
    current::expect_running("dump", |state| {
        let mut dump = dump_of(state);
        // The caller is being polled: if it is no task, it is the main future.
        let main = state.tasks.main.map(|(_, id, _)| id);
        let mut polled = state.tasks.entries.iter().filter(|(_, entry)| entry.is_out());
        if polled.all(|(_, entry)| Some(entry.id) == main)
            && let Some(main) = dump.tasks.iter_mut().find(|task| task.is_main)
        {
            main.state = TaskState::Polled;
        }
        dump
    })
}

impl LoopHandle {
    /// Takes a [`dump`] of the loop, from any thread: for a program that hangs.
    ///
    /// It blocks the calling thread. A loop that sleeps wakes up to answer, and sleeps on. If it does not answer
    /// within `timeout`, something holds its thread, or it is not being run. If the loop is
    /// [observed](crate::Builder::observe), the error names the task that is being polled, or was aborted and is
    /// being dropped, and says for how long.
    ///
    /// ```
    /// use std::thread;
    /// use std::time::Duration;
    ///
    /// use boucle::{DumpError, EventLoop};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let event_loop = EventLoop::new()?;
    /// let handle = event_loop.handle();
    /// let other = thread::spawn(move || handle.dump(Duration::from_secs(10)));
    /// event_loop.block_on(async {
    ///     while !other.is_finished() {
    ///         boucle::sleep(Duration::from_millis(1)).await;
    ///     }
    /// });
    /// let dump = other.join().unwrap().unwrap();
    /// assert!(dump.tasks[0].is_main);
    ///
    /// // On its own thread a loop answers at once, also when it does not run.
    /// let handle = event_loop.handle();
    /// assert!(handle.dump(Duration::ZERO).unwrap().tasks.is_empty());
    /// drop(event_loop);
    /// assert_eq!(handle.dump(Duration::ZERO).unwrap_err(), DumpError::Gone);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It costs the loop O(n log n) in its tasks, and it polls none meanwhile.
    ///
    /// # Errors
    ///
    /// [`DumpError`]: the loop is gone, or is ending, or has not answered.
    pub fn dump(&self, timeout: Duration) -> Result<Dump, DumpError> {
        if let Some(state) = current::find(self.loop_number) {
            return Ok(dump_of(&state));
        }
        current::refuse_observers("LoopHandle::dump");
        Request::send(self.loop_number)?.wait(timeout)
    }
}

/// Returns the tasks of a loop, and what each of them waits for.
pub(crate) fn dump_of(state: &State) -> Dump {
    let mut dump =
        Dump { event_loop: state.number.sequence(), time: state.clock.elapsed(), tasks: tasks_of(state) };
    // A foreign waker does not say which task it is for: then only the events do.
    let is_foreign = |entry: &Entry| matches!(entry.joiner, Joiner::Waiter(Waiter::Foreign(_)));
    let entries = state.tasks.entries.iter().map(|(_, entry)| entry);
    let by_foreign = entries.filter(|entry| is_foreign(entry)).map(|entry| entry.id).collect();
    for task in &mut dump.tasks {
        if let Some(seen) = state.log.live.tasks.get(&task.id) {
            task.fill_in(seen, &by_foreign);
        }
    }
    dump
}

/// Returns the tasks that are not done, and the main future, in spawn order, each with the tasks that it
/// awaits. O(n log n).
fn tasks_of(state: &State) -> Vec<DumpedTask> {
    let live = || state.tasks.entries.iter().filter(|(_, entry)| !entry.is_done());
    let dumped = live().map(|(slot, entry)| (entry.id, dump_task(&state.tasks, slot, entry)));
    let mut dumped = BTreeMap::from_iter(dumped);
    for (_, entry) in live() {
        let awaiter = awaiter(state, &entry.joiner).and_then(|id| dumped.get_mut(&id));
        if let Some(awaiter) = awaiter {
            awaiter.awaits.push(entry.id);
        }
    }
    dumped.values_mut().for_each(|task| task.awaits.sort_unstable());
    dumped.into_values().collect()
}

fn dump_task(tasks: &Tasks, slot: usize, entry: &Entry) -> DumpedTask {
    let main = tasks.main.filter(|(_, id, _)| *id == entry.id);
    DumpedTask {
        id: entry.id,
        name: tasks.names.get(&(slot as u32)).map(|name| Arc::from(&**name)),
        is_main: main.is_some(),
        future: match main {
            Some((.., future)) => Some(future),
            None => entry.task.as_ref().map(|task| task.future_type()),
        },
        state: match entry.status {
            Status::Aborted => TaskState::Aborted,
            _ if entry.is_out() && main.is_none() => TaskState::Polled,
            Status::Queued => TaskState::Ready,
            _ => TaskState::Idle,
        },
        awaits: Vec::new(),
        seen: None,
    }
}

/// Returns the id of the task that a joiner wakes, if it is a task of this loop.
fn awaiter(state: &State, joiner: &Joiner) -> Option<u64> {
    let waiter = match joiner {
        Joiner::Nothing => None,
        Joiner::Waiter(waiter) => Some(waiter),
        Joiner::Group(member) => state.groups.table.get(member.group as usize)?.parent.as_ref(),
    };
    let Waiter::Task(number) = waiter? else {
        return None;
    };
    let entry = state.tasks.entries.get(number.slot() as usize)?;
    (entry.identity == number.identity()).then_some(entry.id)
}

impl DumpedTask {
    /// Adds what the events of an observed loop say.
    fn fill_in(&mut self, seen: &LiveTask, by_foreign: &BTreeSet<u64>) {
        self.name = self.name.take().or_else(|| seen.name.clone()); // a connection's, which no table has
        self.future = Some(seen.future);
        self.state = seen.state;
        // The events say what its last poll has polled, the tables whether that handle still exists.
        let is_awaited = |task: &u64| self.awaits.binary_search(task).is_ok() || by_foreign.contains(task);
        let tasks = seen.waits.iter().filter_map(|on| match on {
            WaitsFor::Task(task) if is_awaited(task) => Some(*task),
            _ => None,
        });
        let mut awaits = BTreeSet::from_iter(tasks);
        // Events do not name the members of a group: those that the tables have are kept.
        if seen.waits.iter().any(|on| matches!(on, WaitsFor::Tasks { .. })) {
            awaits.extend(&self.awaits);
        }
        self.awaits = Vec::from_iter(awaits);
        self.seen = Some(seen.clone());
    }

    pub(crate) fn label(&self) -> String {
        label(self.id, self.name.as_deref(), self.is_main)
    }
}

/// A request for a dump, to a loop of another thread.
pub(crate) struct Request {
    loop_number: LoopNumber,
    answer: Receiver<Dump>,
    sent: Instant,
}

impl Request {
    /// Sends the request to the loop's inbox.
    pub(crate) fn send(loop_number: LoopNumber) -> Result<Request, DumpError> {
        let (sender, answer) = mpsc::sync_channel(1);
        let reply = move || {
            if let Some(state) = current::find(loop_number) {
                // The thread that asked may have given up.
                let _ = sender.send(dump_of(&state));
            }
        };
        let sent = inbox::send(loop_number, Message::Call(Box::new(reply)));
        sent.map_err(|_| gone(loop_number))?;
        Ok(Request { loop_number, answer, sent: real_now() })
    }

    /// Waits for the answer, until `timeout` after the request was sent.
    pub(crate) fn wait(self, timeout: Duration) -> Result<Dump, DumpError> {
        let left = timeout.saturating_sub(real_now() - self.sent);
        let answer = self.answer.recv_timeout(left);
        answer.map_err(|_| self.no_answer(timeout))
    }

    /// Returns why there is no answer. A loop that ends without reading its inbox drops the request.
    fn no_answer(&self, timeout: Duration) -> DumpError {
        if !inbox::is_read_by(self.loop_number) {
            return gone(self.loop_number);
        }
        DumpError::NoAnswer {
            event_loop: self.loop_number.sequence(),
            timeout,
            holder: log::holding(self.loop_number.sequence()).map(|holding| Holder {
                task: holding.task,
                name: holding.name,
                held: real_now().saturating_duration_since(holding.since),
            }),
        }
    }
}

/// Returns the error for a loop that does not read its inbox any more.
fn gone(loop_number: LoopNumber) -> DumpError {
    match inbox::has_owner(loop_number) {
        true => DumpError::Ending { event_loop: loop_number.sequence() },
        false => DumpError::Gone,
    }
}

impl Error for DumpError {}

/// Names a task in a dump: `2 "reader"`, `1 main` or `3`. A line break in a name is escaped.
pub(crate) fn label(id: u64, name: Option<&str>, is_main: bool) -> String {
    match name {
        Some(name) => format!("{id} {name:?}"),
        None if is_main => format!("{id} main"),
        None => id.to_string(),
    }
}
