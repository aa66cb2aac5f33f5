//! The inbox and its flags, in every order in which threads can meet there: `cargo run --release`.
//!
//! A test that runs threads does not find a wake that is lost once in a million times, and the order in which
//! other threads see a thread's writes depends on the processor. [loom](https://docs.rs/loom) runs a model
//! again and again, each time with another order of its threads' steps and, for each load, another of the
//! values that the memory model allows. When a wake is lost, no thread can go on: loom reports a deadlock.
//!
//! The files `src/wake/flags.rs` and `src/wake/inbox.rs` themselves are run. They take their atomics and
//! locks from `std` and their waker from `mio`. In this crate both names mean this crate, which has loom's
//! instead ([`sync`], [`Waker`]).
//!
//! A model fails after each of these changes:
//! - `set` or `clear` is relaxed, or a wake only loads the flag instead of calling `set`
//! - the flags are not cleared, or only after the poll; or not when the loop ends, or not by a wake that is
//!   too late
//! - a deadlock is reported without a look at the flags
//! - a loop that sleeps is not rung
//! - `asleep` is set without a look at the messages, or after the lock of that look is released
//! - `asleep` is cleared by a sender after it has rung

extern crate self as mio;
extern crate self as std;
extern crate std as real;

#[rustfmt::skip]
#[path = "../../../src/wake/flags.rs"]
mod flags;
#[rustfmt::skip]
#[path = "../../../src/wake/inbox.rs"]
#[allow(dead_code, clippy::modulo_one)]
mod inbox;
mod stand_ins;

/// The paths by which the two files import each other, and the numbers.
mod wake {
    pub(crate) use crate::flags;
}
mod task {
    pub(crate) use crate::stand_ins::id;
}

/// What they import from `std` and from `mio`.
pub(crate) use real::{collections, io, mem};
pub(crate) use stand_ins::{Registry, Waker, sync};

use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;
use real::collections::VecDeque;
use real::sync::Arc;

use flags::Flags;
use inbox::{Inbox, Message, Outlook};
use stand_ins::id::{LoopNumber, TaskNumber};
use stand_ins::run;

fn main() {
    run("a flag that is set again", a_flag_that_is_set_again);
    run("a waker, twice", || no_wake_is_lost(&[0], 2));
    run("two wakers of a task", || no_wake_is_lost(&[0, 0], 1));
    run("the same, twice", || no_wake_is_lost(&[0, 0], 2));
    run("two wakers of two tasks", || no_wake_is_lost(&[0, 1], 1));
    run("a wake beside an event", a_wake_beside_an_event);
    run("a stop beside an event", a_stop_beside_an_event);
    run("a late wake", a_late_wake);
    run("a wake and the last handle", || no_deadlock_is_reported_too_soon(1));
    run("the same beside another wake", || no_deadlock_is_reported_too_soon(2));
}

/// What a thread has written before it sets a flag again is seen by the thread that clears the flag.
fn a_flag_that_is_set_again() {
    let shared = Arc::new((Flags::default(), AtomicUsize::new(0)));
    let (flags, written) = &*shared;
    flags.set(0);
    let other = thread::spawn({
        let shared = Arc::clone(&shared);
        move || {
            shared.1.store(1, Relaxed);
            shared.0.set(0)
        }
    });
    flags.clear(0);
    let seen = written.load(Relaxed) == 1;
    assert!(seen || !other.join().unwrap(), "the flag was set already, and the write is not seen");
}

/// For each of `wakers`, a thread writes something and wakes that slot, `times` times. The poll after the
/// last wake reads the last write.
fn no_wake_is_lost(wakers: &'static [u32], times: usize) {
    let sleeper = Sleeper::new();
    let written: Arc<[AtomicUsize]> = wakers.iter().map(|_| AtomicUsize::new(0)).collect();
    for (waker, &slot) in wakers.iter().enumerate() {
        let (number, written) = (sleeper.task(slot), Arc::clone(&written));
        thread::spawn(move || {
            for count in 1..=times {
                written[waker].store(count, Relaxed);
                inbox::wake(number);
            }
        });
    }
    let mut seen = vec![0; wakers.len()];
    while seen.iter().any(|&count| count < times) {
        for message in sleeper.park() {
            let Message::Wake(woken) = message else {
                unreachable!("there is nothing else");
            };
            // The task's poll reads what the threads that wake it have written.
            for (waker, &slot) in wakers.iter().enumerate() {
                if slot == woken {
                    seen[waker] = written[waker].load(Relaxed);
                }
            }
        }
    }
}

/// The loop is woken by an event of a socket while a thread leaves a wake.
fn a_wake_beside_an_event() {
    let sleeper = Sleeper::new();
    let number = sleeper.task(0);
    sleeper.event_comes();
    thread::spawn(move || inbox::wake(number));
    while sleeper.park().is_empty() {}
}

/// The same with a message that is no wake.
fn a_stop_beside_an_event() {
    let sleeper = Sleeper::new();
    let number = sleeper.number;
    sleeper.event_comes();
    thread::spawn(move || inbox::send(number, Message::Stop).is_ok());
    while sleeper.park().is_empty() {}
}

/// A wake comes while its loop ends and another one gets the inbox. If the flag that it sets stayed set
/// without a message, the next loop's wakes would leave none.
fn a_late_wake() {
    let first = Sleeper::new();
    let late = first.task(0);
    let late = thread::spawn(move || inbox::wake(late));
    drop(first.inbox.close());
    inbox::unclaim(first.number);

    let next = Sleeper::claim();
    inbox::wake(next.task(0));
    late.join().unwrap();
    assert!(!next.park().is_empty());
}

/// Threads wake a task, and one of them drops the last handle after its wake. A loop that finds neither a
/// message nor a handle has seen that wake.
fn no_deadlock_is_reported_too_soon(wakers: usize) {
    let sleeper = Sleeper::new();
    inbox::add_loop_handle(sleeper.number);
    let written = Arc::new(AtomicUsize::new(0));
    for waker in 0..wakers {
        let (of, number, written) = (sleeper.number, sleeper.task(0), Arc::clone(&written));
        thread::spawn(move || {
            if waker == 0 {
                written.store(1, Relaxed);
            }
            inbox::wake(number);
            if waker == 0 {
                inbox::remove_loop_handle(of);
            }
        });
    }
    let mut seen = 0;
    loop {
        if sleeper.inbox.outlook(1_024) == Outlook::Nothing {
            break;
        }
        let messages = sleeper.park();
        if messages.iter().any(|message| matches!(message, Message::Wake(_))) {
            seen = written.load(Relaxed); // the task's poll
        }
    }
    assert_eq!(seen, 1, "a wake was on its way, and the loop would have reported a deadlock");
}

/// A loop, as far as it uses its inbox.
struct Sleeper {
    number: LoopNumber,
    inbox: &'static Inbox,
    bell: Waker,
}

impl Sleeper {
    /// Makes the flags that the models need, before there is a second thread.
    fn new() -> Self {
        let sleeper = Sleeper::claim();
        inbox::wake(sleeper.task(0));
        sleeper.inbox.drain(&mut VecDeque::new());
        sleeper
    }

    fn claim() -> Self {
        let bell = Waker::new();
        let (number, inbox) = inbox::claim().unwrap();
        inbox.connect(bell.clone(), Registry);
        Sleeper { number, inbox, bell }
    }

    fn task(&self, slot: u32) -> TaskNumber {
        TaskNumber::new(self.number, slot)
    }

    /// Sleeps unless a message is waiting, then takes all messages.
    fn park(&self) -> VecDeque<Message> {
        if self.inbox.fall_asleep() {
            self.bell.wait();
        }
        let mut messages = VecDeque::new();
        self.inbox.drain(&mut messages);
        messages
    }

    /// Ends the park by something else than a message.
    fn event_comes(&self) {
        let bell = self.bell.clone();
        thread::spawn(move || bell.wake());
    }
}
