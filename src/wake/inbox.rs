//! The inbox: what is left for the loop, mostly by other threads.
//!
//! A loop's tables are touched on its own thread only. Other threads leave a [`Message`]: a slot to wake, a
//! closure to call, a dropped handle. The loop reads them in the third step of its turn, in order.
//!
//! There is one inbox for each short id. It is made when the id is first used, is never freed, and passes from
//! loop to loop with the id: so a waker reaches its inbox by indexing an array, with no table to lock and
//! nothing to count, also long after its loop is gone.
//!
//! **Many wakes of a task are one message.** Each slot has a flag ([`Flags`]). Until the loop has taken the
//! list, a slot gets no second message, and all wakes but the first take no lock. The wake goes to the task that
//! has the slot when the message is handled: a poll too many is legal, a lost wake is not.
//!
//! **Many messages do not lengthen a turn.** The loop takes the whole list at once, but handles a bounded
//! number in each turn (`read_inbox` in `turn.rs`), and takes the next list when the first is done. The list
//! is not bounded, since a sender that had to wait could deadlock.
//!
//! **The lost wakeup.** The loop must not sleep on a message that came just before, and a sender need not ring a
//! loop that is awake. So both look at the list and at the mark `asleep`, under one lock (`lib.rs` has the
//! picture, in "A wake from another thread"). The bell is mio's waker, an eventfd on Linux. A sender releases
//! the lock before it rings: the loop that it wakes takes the lock at once.
//!
//! **No user code runs under the lock.** Closures leave before they are run or dropped. The list grows, and is
//! freed, while nothing is locked: the allocator is the program's too.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::{io, mem};

use crate::task::id::{LoopNumber, MAX_LOOPS, TaskNumber};
use crate::wake::flags::Flags;

/// The inboxes, by short id.
static INBOXES: [OnceLock<Inbox>; MAX_LOOPS] = [const { OnceLock::new() }; MAX_LOOPS];

/// A request to a loop, handled in `messages.rs`.
pub(crate) enum Message {
    /// The task in that slot was woken.
    Wake(u32),
    /// `stop` of a loop or of its handle.
    Stop,
    /// To be called on the loop's thread: it spawns a task, or looks at the loop.
    Call(Call),
    /// `abort` of a handle.
    Abort { slot: u32, id: u64 },
    /// A `JoinHandle` was dropped.
    ReleaseTask { slot: u32, id: u64 },
    /// A `Sleep` was dropped, reset, or is over.
    ReleaseTimer(u32),
    /// A socket was dropped or given back, and is deregistered already.
    ReleaseSource(usize),
    /// What holds a group was dropped: a `gather`, a `wait`, a `TaskGroup` and the like.
    ReleaseGroup(u32),
    /// `LoopHandle::hold_clock`.
    HoldClock,
    /// A `ClockHold` was dropped; or the work of a `run_in_executor` has ended, or its future was dropped.
    ReleaseClock,
    /// The last `LoopHandle` is gone. There is nothing to do, but a loop that sleeps only because one exists has
    /// to wake, and find that nothing can come any more.
    NoLoopHandles,
}

pub(crate) type Call = Box<dyn FnOnce() + Send>;

/// One short id's inbox.
#[derive(Default)]
pub(crate) struct Inbox {
    contents: Mutex<Contents>,
    /// For each slot, whether a `Wake` of it is among the messages, or about to be.
    woken: Flags,
}

#[derive(Default)]
struct Contents {
    /// The loop that has the short id, until its `EventLoop` is dropped.
    owner: Option<LoopNumber>,
    /// The same loop, until its end closes the inbox: from then on it reads no more.
    reader: Option<LoopNumber>,
    messages: VecDeque<Message>,
    /// While it is set, a message rings. It is set when the loop is about to sleep, and cleared by the first
    /// message, or when the loop reads its inbox. (A message between a park's end and that rings in vain.)
    asleep: bool,
    /// Rings the loop out of its sleep. Shared, since it is rung while nothing is locked.
    bell: Option<Arc<mio::Waker>>,
    /// Where the loop's sockets are registered. Shared, since it is used while nothing is locked: it calls a
    /// logger, which is user code.
    registry: Option<Arc<mio::Registry>>,
    /// How many `LoopHandle`s exist.
    loop_handles: usize,
}

/// What a loop that has nothing to do may still be woken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// A message is waiting, or a wake is on its way to become one.
    Message,
    /// A `LoopHandle` exists: something may still come.
    LoopHandle,
    /// Nothing, as far as the loop can know.
    Nothing,
}

fn inbox(short_id: usize) -> &'static Inbox {
    INBOXES[short_id].get_or_init(Inbox::default)
}

/// Wakes a task from where its loop is not found: another thread, or a hook of the allocator while the loop's
/// state is in use. Does nothing if no loop has the short id.
///
/// Costs an atomic operation; and a lock, if it is the slot's first wake since the loop last read its inbox.
#[inline]
pub(crate) fn wake(number: TaskNumber) {
    let inbox = inbox(number.short_id());
    if !inbox.woken.set(number.slot()) {
        inbox.push_wake(number.slot());
    }
}

/// Leaves a message for a loop; gives it back if the loop is gone.
pub(crate) fn send(to: LoopNumber, message: Message) -> Result<(), Message> {
    let contents = inbox(to.short_id()).lock_with_room();
    if contents.reader != Some(to) {
        return Err(message);
    }
    push_and_ring(contents, message);
    Ok(())
}

/// Where a loop's sockets are registered, for any thread; `None` if the loop is gone.
pub(crate) fn registry(loop_number: LoopNumber) -> Option<Arc<mio::Registry>> {
    let contents = inbox(loop_number.short_id()).lock();
    if contents.reader == Some(loop_number) { contents.registry.clone() } else { None }
}

/// Counts one `LoopHandle` more.
pub(crate) fn add_loop_handle(loop_number: LoopNumber) {
    let mut contents = inbox(loop_number.short_id()).lock();
    if contents.reader == Some(loop_number) {
        contents.loop_handles += 1;
    }
}

/// Counts one `LoopHandle` less. The last one leaves a message.
pub(crate) fn remove_loop_handle(loop_number: LoopNumber) {
    let mut contents = inbox(loop_number.short_id()).lock_with_room();
    if contents.reader == Some(loop_number) {
        contents.loop_handles -= 1;
        // Not a second one behind it: while the loop does not run, handles may come and go any number of times.
        let is_left = matches!(contents.messages.back(), Some(Message::NoLoopHandles));
        if contents.loop_handles == 0 && !is_left {
            push_and_ring(contents, Message::NoLoopHandles);
        }
    }
}

/// Whether the loop with that number lives, and reads its inbox.
pub(crate) fn is_read_by(number: LoopNumber) -> bool {
    inbox(number.short_id()).lock().reader == Some(number)
}

/// Whether the loop with that number has its short id still: until its `EventLoop` is dropped.
pub(crate) fn has_owner(number: LoopNumber) -> bool {
    inbox(number.short_id()).lock().owner == Some(number)
}

/// The loops that live in this process, also those that are ending.
#[cfg_attr(not(all(unix, feature = "trace")), expect(dead_code))]
pub(crate) fn living() -> Vec<LoopNumber> {
    let inboxes = INBOXES.iter().filter_map(OnceLock::get);
    inboxes.filter_map(|inbox| inbox.lock().owner).collect()
}

/// Gives a new loop its number, and the inbox that goes with it.
pub(crate) fn claim() -> io::Result<(LoopNumber, &'static Inbox)> {
    let sequence = LoopNumber::next_sequence();
    // One after the other, so that an id rests as long as possible before it is used again.
    for step in 0..MAX_LOOPS {
        let number = LoopNumber::new(sequence, (sequence as usize + step) % MAX_LOOPS);
        let inbox = inbox(number.short_id());
        let mut contents = inbox.lock();
        if contents.owner.is_none() {
            contents.owner = Some(number);
            contents.reader = Some(number);
            return Ok((number, inbox));
        }
    }
    let full = format!("{MAX_LOOPS} event loops are alive, and there is no number for another");
    Err(io::Error::other(full))
}

/// Frees the short id of a loop that nothing leads to any more. Returns unread messages, to be dropped: there
/// are some only if the loop's end could not close the inbox, since the state was in use.
pub(crate) fn unclaim(number: LoopNumber) -> VecDeque<Message> {
    let inbox = inbox(number.short_id());
    let unread = inbox.close();
    // Dropped when nothing is locked: the bell and the registry close their descriptors.
    let _emptied = mem::take(&mut *inbox.lock());
    unread
}

impl Inbox {
    /// Marks the loop as asleep, unless a message is waiting. Returns whether it may sleep.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut contents = self.lock();
        contents.asleep = contents.messages.is_empty();
        contents.asleep
    }

    /// Marks the loop as awake, takes the list, and then clears the flags of its slots. The messages are handled
    /// after that: so a wake that comes before the clearing, and leaves no message, is served by one of these.
    /// (A flag whose message is not in the list yet stays set: its thread is about to push.)
    pub(crate) fn drain(&self, messages: &mut VecDeque<Message>) {
        debug_assert!(messages.is_empty());
        let mut contents = self.lock();
        contents.asleep = false;
        if contents.messages.is_empty() {
            return;
        }
        mem::swap(&mut contents.messages, messages);
        drop(contents);
        for message in messages.iter() {
            if let Message::Wake(slot) = message {
                self.woken.clear(*slot);
            }
        }
    }

    /// Returns what may still come. Of the flags it looks at those of the first `slots` slots: one that is set
    /// without a message belongs to a thread that is about to leave one. All is looked at under one lock: a
    /// thread that leaves a message and then drops the last `LoopHandle` is seen with one of the two.
    pub(crate) fn outlook(&self, slots: usize) -> Outlook {
        let contents = self.lock();
        if !contents.messages.is_empty() || self.woken.any(slots) {
            Outlook::Message
        } else if contents.loop_handles > 0 {
            Outlook::LoopHandle
        } else {
            Outlook::Nothing
        }
    }

    /// Keeps the bell and the registry of the poller that was opened, before the loop sleeps or has a socket.
    pub(crate) fn connect(&self, bell: mio::Waker, registry: mio::Registry) {
        let (bell, registry) = (Arc::new(bell), Arc::new(registry));
        let mut contents = self.lock();
        debug_assert!(contents.bell.is_none());
        contents.bell = Some(bell);
        contents.registry = Some(registry);
    }

    /// Closes the inbox: the loop reads no more. Returns what was left for it, to be dropped.
    pub(crate) fn close(&self) -> VecDeque<Message> {
        self.lock().reader = None;
        let mut unread = VecDeque::new();
        self.drain(&mut unread);
        unread
    }

    /// Leaves a message for a slot whose flag has just been set; clears the flag if no loop will read it.
    #[cold]
    #[inline(never)]
    fn push_wake(&self, slot: u32) {
        let contents = self.lock_with_room();
        if contents.reader.is_some() {
            push_and_ring(contents, Message::Wake(slot));
        } else {
            // Under the lock: no loop can claim this inbox meanwhile. With the flag still set, a wake of that
            // slot would leave no message for that loop, and be lost.
            self.woken.clear(slot);
        }
    }

    /// Locks the contents, with room for one more message. The list grows while nothing is locked: the
    /// program's allocator may call back, and wake.
    fn lock_with_room(&self) -> MutexGuard<'_, Contents> {
        loop {
            let contents = self.lock();
            let len = contents.messages.len();
            if len < contents.messages.capacity() {
                return contents;
            }
            drop(contents);
            let mut spare = VecDeque::with_capacity(2 * len + 4); // dropped after `contents`, unlocked
            let mut contents = self.lock();
            if contents.messages.len() < spare.capacity() {
                spare.append(&mut contents.messages);
                mem::swap(&mut contents.messages, &mut spare);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        // Nothing panics under the lock; if it did, what is there would still be whole.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves a message, for which there is room, releases the lock, and rings the loop if it sleeps.
fn push_and_ring(mut contents: MutexGuard<'_, Contents>, message: Message) {
    contents.messages.push_back(message);
    let was_asleep = mem::take(&mut contents.asleep);
    let bell = if was_asleep { contents.bell.clone() } else { None };
    drop(contents);
    if let Some(bell) = bell {
        // A lost ring is a lost wake, so one that a signal interrupts is repeated. Any other error means that
        // the descriptor is not an eventfd any more; nothing here could help.
        while bell.wake().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {}
    }
}

#[cfg(test)]
mod tests;
