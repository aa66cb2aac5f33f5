//! The inbox: what other threads leave for the loop.
//!
//! A loop belongs to its thread, and its tables are touched on no other. What holds a number of it
//! on another thread leaves a [`Mail`]: wake this slot, start this, I dropped that. The loop
//! reads them in the third step of its turn, in the order they came.
//!
//! There is one inbox for each short id. It is made when the id is used for the first time, is
//! never freed, and passes from loop to loop with the id: so a waker reaches its inbox by indexing
//! an array, with no registry to lock and nothing to count, also long after its loop is gone.
//!
//! **A storm grows nothing.** Each slot has one bit here: a slot whose wake is already waiting gets no
//! second message, so a million wakes of one task are one message. All but the first of them take no
//! lock: they find the bit set. A drained wake goes to the task that has the slot *now*: a poll too
//! many is legal, a lost wake is not.
//!
//! **A flood makes no turn longer.** The loop takes the whole list at once, but handles a bounded
//! number of messages in each turn, in their order, and takes the next list when the first is done
//! (`turn.rs`, `read_inbox`). So a thread that never stops sending
//! delays no timer; what it sends in excess of what the loop can handle stays in the list, since a
//! sender that had to wait could deadlock.
//!
//! **The lost wakeup.** The loop must not sleep on a message that came just before, and a sender
//! should not ring a loop that is awake. Both look at the same two things under the same lock:
//!
//! ```text
//!   loop                                   another thread
//!   lock: inbox empty? → asleep = true     lock: push the message; asleep? → asleep = false
//!   park                                   was it asleep? ring
//!   lock: asleep = false; drain
//! ```
//!
//! If the message comes first, the loop sees it and does not sleep; if the loop marks itself as asleep
//! first, the sender sees that and rings (mio's waker, an eventfd on Linux), once for each sleep. The sender
//! has released the lock by then, which the loop takes soon after it wakes.
//!
//! No user code runs under the lock: closures come in boxed and leave before they are run or
//! dropped, and the list grows while nothing is locked, since the allocator is the program's too.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::{io, mem};

use crate::task::id::{LoopNumber, MAX_LOOPS, TaskNumber};
use crate::wake::bits::Bits;

/// The inboxes, by short id.
static INBOXES: [OnceLock<Inbox>; MAX_LOOPS] = [const { OnceLock::new() }; MAX_LOOPS];

/// What another thread leaves for the loop.
pub(crate) enum Mail {
    Message(Message),
    /// To be called on the loop's thread: it spawns a task, or looks at the loop.
    Call(Call),
}

pub(crate) type Call = Box<dyn FnOnce() + Send>;

/// What is asked of a loop: at once on its own thread
/// ([`current::deliver`](crate::current::deliver)), through the inbox from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// The task in that slot was woken.
    Wake(u32),
    /// `LoopHandle::stop`.
    Stop,
    /// `JoinHandle::abort`.
    Abort { slot: u32, id: u64 },
    /// A `JoinHandle` was dropped.
    ReleaseTask { slot: u32, id: u64 },
    /// A `Sleep` was dropped.
    ReleaseTimer(u32),
    /// A socket was dropped, and is closed already.
    ReleaseSource(usize),
    /// A `gather`, a `wait` or an `as_completed` was dropped.
    ReleaseGroup(u32),
    /// The work of a `run_in_executor` has ended, or its future was dropped.
    #[cfg_attr(not(feature = "blocking"), expect(dead_code))]
    ReleaseJob,
    /// The last `LoopHandle` is gone. Nothing to do, but a sleeping loop must wake to notice.
    NoHandles,
}

/// One short id's inbox.
pub(crate) struct Inbox {
    contents: Mutex<Contents>,
    /// One bit for each slot: whether a `Wake` of it is among the messages, or about to be.
    woken: Bits,
}

/// What was not read before the loop ended. Dropping it drops the users' closures in it.
pub(crate) struct Unread {
    pub(crate) messages: VecDeque<Mail>,
    _bell: Option<Arc<mio::Waker>>,
    _registry: Option<Arc<mio::Registry>>,
}

struct Contents {
    /// The loop whose short id this is; `None` between two loops.
    owner: Option<LoopNumber>,
    /// Whether the loop still reads it; false once teardown has closed it.
    open: bool,
    messages: VecDeque<Mail>,
    /// The loop sleeps, or is about to, and must be rung.
    asleep: bool,
    /// What rings the loop out of its sleep. Shared, because to ring it no lock is held.
    bell: Option<Arc<mio::Waker>>,
    /// Where the loop's sockets are registered. Shared, because mio reports to a logger, which is user
    /// code and runs under no lock.
    registry: Option<Arc<mio::Registry>>,
    /// How many `LoopHandle`s exist: while there is one, something may still come.
    handles: usize,
}

/// What a loop that has nothing to do may still be woken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// A message is waiting, or a wake is on its way to become one.
    Message,
    /// A `LoopHandle` exists: something may still come.
    Handle,
    /// Nothing, as far as the loop can know.
    Nothing,
}

/// For how many messages the memory is kept when all are handled.
pub(crate) const KEPT: usize = 1_024;

/// Whether the loop with that number lives, and reads its inbox.
pub(crate) fn is_read_by(number: LoopNumber) -> bool {
    let inbox = INBOXES[number.short()].get();
    inbox.is_some_and(|inbox| inbox.lock().is_read_by(number))
}

/// Whether the loop with that number has its short id still: until its `EventLoop` is dropped.
pub(crate) fn has_owner(number: LoopNumber) -> bool {
    let inbox = INBOXES[number.short()].get();
    inbox.is_some_and(|inbox| inbox.lock().owner == Some(number))
}

/// The loops that live in this process.
#[cfg_attr(not(all(unix, feature = "trace")), expect(dead_code))]
pub(crate) fn living() -> Vec<LoopNumber> {
    let inboxes = INBOXES.iter().filter_map(OnceLock::get);
    inboxes.filter_map(|inbox| inbox.lock().reader()).collect()
}

/// A wake from where the loop is not: another thread, or a thread that is ending.
///
/// Costs an atomic operation; and a lock that no user code is ever run under if it is the first one
/// since the loop last looked. Does nothing if the loop is gone.
#[inline]
pub(crate) fn wake(number: TaskNumber) {
    if let Some(inbox) = INBOXES[number.short()].get()
        && !inbox.woken.set(number.slot())
    {
        inbox.wake(number.slot());
    }
}

/// Leaves a message for a loop. Does nothing if the loop is gone.
pub(crate) fn send(to: LoopNumber, message: Message) {
    // What comes back is a message without content.
    let _ = post(to, Mail::Message(message));
}

/// Lets a loop call a function on its thread; gives it back if the loop is gone.
pub(crate) fn call(on: LoopNumber, function: Call) -> Result<(), Mail> {
    post(on, Mail::Call(function))
}

fn post(to: LoopNumber, mail: Mail) -> Result<(), Mail> {
    match INBOXES[to.short()].get() {
        Some(inbox) => inbox.post(to, mail),
        None => Err(mail),
    }
}

/// Where a loop's sockets are registered, for any thread; `None` if the loop is gone.
pub(crate) fn registry(of: LoopNumber) -> Option<Arc<mio::Registry>> {
    let contents = INBOXES[of.short()].get()?.lock();
    if !contents.is_read_by(of) {
        return None;
    }
    contents.registry.clone()
}

/// Counts one `LoopHandle` more.
pub(crate) fn add_handle(of: LoopNumber) {
    count_handle(of, 1);
}

/// Counts one `LoopHandle` less.
pub(crate) fn remove_handle(of: LoopNumber) {
    count_handle(of, -1);
}

fn count_handle(of: LoopNumber, change: isize) {
    if let Some(inbox) = INBOXES[of.short()].get() {
        inbox.count_handle(of, change);
    }
}

/// Gives a new loop its number and the inbox that goes with it. `bell` rings it, `registry` watches its
/// sockets.
pub(crate) fn claim(bell: mio::Waker, registry: mio::Registry) -> io::Result<(LoopNumber, &'static Inbox)> {
    let sequence = LoopNumber::next_sequence();
    let (bell, registry) = (Arc::new(bell), Arc::new(registry));
    // One after the other, so that an id rests as long as possible before it is used again.
    for step in 0..MAX_LOOPS as u64 {
        let short = ((sequence + step) % MAX_LOOPS as u64) as usize;
        let inbox = INBOXES[short].get_or_init(Inbox::new);
        let mut contents = inbox.lock();
        if contents.owner.is_none() {
            let number = LoopNumber::new(sequence, short);
            contents.owner = Some(number);
            contents.open = true;
            contents.bell = Some(bell);
            contents.registry = Some(registry);
            return Ok((number, inbox));
        }
    }
    let full = format!("{MAX_LOOPS} event loops are alive, and there is no number for another");
    Err(io::Error::other(full))
}

/// Nothing leads to the loop any more: its short id may go to another. What a loop that could not be
/// closed has not read comes out, to be dropped.
pub(crate) fn release(number: LoopNumber) -> VecDeque<Mail> {
    let Some(inbox) = INBOXES[number.short()].get() else {
        return VecDeque::new();
    };
    let unread = inbox.close();
    inbox.lock().owner = None;
    unread.messages
}

impl Inbox {
    fn new() -> Self {
        Inbox {
            contents: Mutex::new(Contents {
                owner: None,
                open: false,
                messages: VecDeque::new(),
                asleep: false,
                bell: None,
                registry: None,
                handles: 0,
            }),
            woken: Bits::new(),
        }
    }

    /// The first wake of a slot since the loop last looked: the bit is set, and becomes a message.
    #[cold]
    #[inline(never)]
    fn wake(&self, slot: u32) {
        let contents = self.lock_with_room();
        if contents.open {
            self.leave(contents, Mail::Message(Message::Wake(slot)));
        } else {
            // Under the lock: no loop can claim this inbox meanwhile, and rely on a set bit.
            self.woken.clear([slot]);
        }
    }

    fn post(&self, to: LoopNumber, mail: Mail) -> Result<(), Mail> {
        let contents = self.lock_with_room();
        if !contents.is_read_by(to) {
            return Err(mail);
        }
        self.leave(contents, mail);
        Ok(())
    }

    /// Marks the loop as asleep, unless a message is waiting. Returns whether it may sleep.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut contents = self.lock();
        contents.asleep = contents.messages.is_empty();
        contents.asleep
    }

    /// The loop is awake: takes the messages into an empty list, whose memory is kept for the next if
    /// it is small.
    pub(crate) fn drain(&self, drained: &mut VecDeque<Mail>) {
        debug_assert!(drained.is_empty());
        give_back(drained);
        let contents = &mut *self.lock();
        contents.asleep = false;
        mem::swap(&mut contents.messages, drained);
        if !drained.is_empty() {
            self.woken.clear(drained.iter().filter_map(Mail::woken));
        }
    }

    /// What may still come. One look under one lock: a thread that leaves a wake and then drops the
    /// last handle is seen before both or after both. And a bit that is set without a message belongs
    /// to a thread on its way to leave one, for itself and for others that have found the bit set.
    pub(crate) fn outlook(&self) -> Outlook {
        let contents = self.lock();
        if !contents.messages.is_empty() {
            Outlook::Message
        } else if contents.handles > 0 {
            Outlook::Handle
        } else if self.woken.any() {
            Outlook::Message
        } else {
            Outlook::Nothing
        }
    }

    /// Whether a `LoopHandle` exists, so that something may still come.
    pub(crate) fn has_handle(&self) -> bool {
        self.lock().handles > 0
    }

    /// The loop reads no more. What was left for it comes out, to be dropped outside of the lock.
    pub(crate) fn close(&self) -> Unread {
        let mut contents = self.lock();
        contents.open = false;
        contents.asleep = false;
        contents.handles = 0;
        self.woken.clear_all();
        Unread {
            messages: mem::take(&mut contents.messages),
            _bell: contents.bell.take(),
            _registry: contents.registry.take(),
        }
    }

    /// The last one leaves a message: if the loop sleeps, or is about to, because something might
    /// still come, it now knows better.
    fn count_handle(&self, of: LoopNumber, change: isize) {
        let mut contents = self.lock_with_room();
        if contents.is_read_by(of) {
            contents.handles = contents.handles.saturating_add_signed(change);
            let last = contents.messages.back();
            let is_said = matches!(last, Some(Mail::Message(Message::NoHandles)));
            if contents.handles == 0 && !is_said {
                self.leave(contents, Mail::Message(Message::NoHandles));
            }
        }
    }

    /// Leaves a message, for which there is room, lets go of the lock, and rings the loop, if it sleeps.
    fn leave(&self, mut contents: MutexGuard<'_, Contents>, mail: Mail) {
        contents.messages.push_back(mail);
        let was_asleep = mem::take(&mut contents.asleep);
        let bell = if was_asleep { contents.bell.clone() } else { None };
        drop(contents);
        if let Some(bell) = bell {
            // It fails only if the descriptor is not an eventfd any more; nothing here could help.
            let _ = bell.wake();
        }
    }

    /// Locks the contents, with room for one more message. The list grows while nothing is locked:
    /// the program's allocator may call back, and wake.
    fn lock_with_room(&self) -> MutexGuard<'_, Contents> {
        loop {
            let contents = self.lock();
            let len = contents.messages.len();
            if len < contents.messages.capacity() {
                return contents;
            }
            drop(contents);
            let mut larger = VecDeque::with_capacity(2 * len + 4);
            let mut contents = self.lock();
            if contents.messages.len() < larger.capacity() {
                larger.append(&mut contents.messages);
                mem::swap(&mut contents.messages, &mut larger);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        // Nothing panics under the lock; if it did, what is there would still be whole.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Frees the memory of a list that is empty and was long.
pub(crate) fn give_back(messages: &mut VecDeque<Mail>) {
    if messages.is_empty() && messages.capacity() > KEPT {
        *messages = VecDeque::new();
    }
}

impl Mail {
    /// The slot that a `Wake` is of.
    fn woken(&self) -> Option<u32> {
        match *self {
            Mail::Message(Message::Wake(slot)) => Some(slot),
            _ => None,
        }
    }
}

impl Contents {
    fn is_read_by(&self, number: LoopNumber) -> bool {
        self.reader() == Some(number)
    }

    /// The loop that reads what comes, if one does.
    #[inline]
    fn reader(&self) -> Option<LoopNumber> {
        self.owner.filter(|_| self.open)
    }
}

#[cfg(test)]
mod tests;
