//! The hierarchical timer wheel (Varghese & Lauck, "Hashed and Hierarchical Timing Wheels", 1987). It is
//! pure: ticks go in, values come out in (deadline, arming) order; it reads no clock and calls no waker.
//!
//! It has eleven levels of 64 slots. On level 0 a slot is one tick (a microsecond), on level 1 it is 64
//! ticks, on level 2 it is 4,096, and so on: together they span all 64 bits, so any deadline has a place. A
//! timer stands on the level of the highest digit (in base 64) in which its deadline differs from the wheel's
//! `now`, in the slot that this digit names:
//!
//! ```text
//!   now = 70 = [1][6]      deadline 75 = [1][11]     → level 0, slot 11
//!                          deadline 200 = [3][8]     → level 1, slot 3
//! ```
//!
//! When `now` enters a slot of a higher level, its timers *cascade*: they are put in anew and land on a lower
//! level. So everything on a level is due before anything on the next one, and the earliest timer is in the
//! first occupied slot of the lowest occupied level. A timer cascades at most ten times; most are cancelled
//! before they cascade at all. A cascade moves `now` straight to the earliest tick at which a
//! timer of the slot may be due, so that this one lands on level 0.
//!
//! A slot is a vector. When a timer is cancelled, the last one of its slot takes its place. So a slot is in no
//! order; what is due at one tick is sorted by arming when it fires. A fired timer keeps its key until its owner
//! cancels it, so a key is never stale.
//!
//! Why not linked lists through a slab: they need less memory, but a million timers do not fit the caches, and
//! each link is a cache miss that must be over before the next can begin. A cascade reads and writes a vector in
//! a row.
//!
//! Why not a binary heap: it takes O(log n) for each timer and cancels lazily. Most timeouts are cancelled, and
//! would fill it.

use std::mem;

use slab::Slab;

use crate::shrink::Shrinker;

/// Slots of a level, and the bits of its digit.
const SLOTS: usize = 64;
const DIGIT: u32 = SLOTS.ilog2();

/// Enough levels for every bit of a tick.
const LEVELS: usize = u64::BITS.div_ceil(DIGIT) as usize;

/// The capacity that an empty slot keeps.
const KEPT: usize = 8;

/// A timer wheel. Slots are numbered from level 0 upwards, in the order of their ticks from `now` on.
pub(crate) struct Wheel<T> {
    /// Every timer in a slot is due at this tick or later.
    now: u64,
    /// How many timers were ever armed.
    armings: u64,
    /// The values of the timers, by key.
    entries: Slab<Entry<T>>,
    shrinker: Shrinker,
    /// How many timers of the first slot were popped.
    popped: usize,
    /// Which levels have a timer.
    levels: u16,
    /// Which slots of each level have one.
    occupied: [u64; LEVELS],
    /// Empty before the first timer.
    slots: Vec<Slot>,
}

/// A timer's value, and the place of its [`Timer`]. 24 bytes with a waiter, also in the slab.
struct Entry<T> {
    /// `None` when it has fired.
    value: Option<T>,
    slot: u32,
    /// Among the slot's timers.
    index: u32,
}

#[derive(Clone)]
struct Slot {
    /// In no order.
    timers: Vec<Timer>,
    /// No timer of the slot is due before this tick. One is due at it, unless that one was cancelled: to
    /// look for the next would cost O(n), which is more than one look in vain.
    earliest: u64,
}

/// 24 bytes.
#[derive(Clone, Copy)]
struct Timer {
    deadline: u64,
    /// How many were armed before.
    arming: u64,
    key: u32,
}

impl<T> Wheel<T> {
    pub(crate) fn new() -> Self {
        Wheel {
            now: 0,
            armings: 0,
            entries: Slab::new(),
            shrinker: Shrinker::default(),
            popped: 0,
            levels: 0,
            occupied: [0; LEVELS],
            slots: Vec::new(),
        }
    }

    /// Arms a timer and returns its key. O(1). A deadline that is past is taken as the next tick's.
    pub(crate) fn arm(&mut self, deadline: u64, value: T) -> u32 {
        let key = self.entries.vacant_key() as u32;
        let deadline = deadline.max(self.now.saturating_add(1));
        let (slot, index) = self.insert(Timer { deadline, arming: self.armings, key });
        self.entries.insert(Entry { value: Some(value), slot, index });
        self.armings += 1;
        key
    }

    /// Frees a key, whether or not its timer has fired, and gives back the value if not. O(1), amortised.
    pub(crate) fn cancel(&mut self, key: u32) -> Option<T> {
        let Entry { value, slot, index } = self.entries.try_remove(key as usize)?;
        let value = value?;
        let number = slot as usize;
        let timers = &mut self.slots[number].timers;
        if let Some(last) = timers.pop()
            && let Some(place) = timers.get_mut(index as usize)
            && let Some(moved) = self.entries.get_mut(last.key as usize)
        {
            *place = last;
            moved.index = index;
        }
        if timers.is_empty() {
            self.vacate(number);
        } else if timers.capacity() > KEPT.max(4 * timers.len()) {
            timers.shrink_to(2 * timers.len());
        }
        Some(value)
    }

    pub(crate) fn has_fired(&self, key: u32) -> bool {
        self.entries.get(key as usize).is_none_or(|entry| entry.value.is_none())
    }

    /// Exchanges the value of a timer that has not fired; else gives the new one back.
    pub(crate) fn replace(&mut self, key: u32, value: T) -> T {
        match self.entries.get_mut(key as usize) {
            Some(Entry { value: Some(current), .. }) => mem::replace(current, value),
            _ => value,
        }
    }

    /// Gives back the memory of keys that are free, while the loop is idle.
    pub(crate) fn shrink(&mut self) {
        self.shrinker.shrink(&mut self.entries);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.levels == 0
    }

    /// Returns a tick before which no timer fires, and at which one does unless it was cancelled. O(1).
    pub(crate) fn next_look(&self) -> Option<u64> {
        Some(self.slots[self.first_occupied()?].earliest)
    }

    /// Returns the earliest deadline. O(n) in the timers of one slot.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        let timers = &self.slots[self.first_occupied()?].timers;
        timers.iter().map(|timer| timer.deadline).min()
    }

    /// Moves towards a tick until a timer fires, and returns the timer's key and value; `None` when the tick
    /// is reached. No timer may be armed or cancelled between two calls until it has returned `None`.
    pub(crate) fn pop_due(&mut self, to: u64) -> Option<(u32, T)> {
        let to = to.max(self.now);
        while let Some(number) = self.first_occupied()
            && number <= self.slot_of(to)
        {
            self.now = self.slots[number].earliest.min(to);
            if number >= SLOTS {
                self.cascade(number);
            } else if let Some(fired) = self.pop(number) {
                return Some(fired);
            }
            self.vacate(number);
        }
        self.now = to;
        None
    }

    /// Fires the next timer of a slot of level 0, where all have the same deadline.
    fn pop(&mut self, number: usize) -> Option<(u32, T)> {
        let timers = &mut self.slots[number].timers;
        if self.popped == 0 {
            timers.sort_unstable_by_key(|timer| timer.arming);
        }
        let key = timers.get(self.popped)?.key;
        self.popped += 1;
        let value = self.entries.get_mut(key as usize)?.value.take()?;
        Some((key, value))
    }

    /// Puts the timers of a slot in anew, on lower levels.
    #[inline(never)]
    fn cascade(&mut self, number: usize) {
        let mut timers = mem::take(&mut self.slots[number].timers);
        for timer in timers.drain(..) {
            let (slot, index) = self.insert(timer);
            if let Some(entry) = self.entries.get_mut(timer.key as usize) {
                (entry.slot, entry.index) = (slot, index);
            }
        }
        self.slots[number].timers = timers;
    }

    /// Returns the slot where a deadline belongs, seen from `now`.
    fn slot_of(&self, deadline: u64) -> usize {
        let differing = (deadline ^ self.now) | (SLOTS as u64 - 1);
        let level = (differing.ilog2() / DIGIT) as usize;
        let digit = (deadline >> (DIGIT * level as u32)) as usize % SLOTS;
        level * SLOTS + digit
    }

    fn first_occupied(&self) -> Option<usize> {
        let level = self.levels.trailing_zeros() as usize;
        let slots = self.occupied.get(level)?;
        Some(level * SLOTS + slots.trailing_zeros() as usize)
    }

    /// Puts a timer into its slot. Returns the slot and the index there, which the caller keeps in the entry.
    #[inline(always)]
    fn insert(&mut self, timer: Timer) -> (u32, u32) {
        let number = self.slot_of(timer.deadline);
        self.levels |= 1 << (number / SLOTS);
        self.occupied[number / SLOTS] |= 1 << (number % SLOTS);
        if self.slots.is_empty() {
            self.slots = vec![Slot { timers: Vec::new(), earliest: u64::MAX }; LEVELS * SLOTS];
        }
        let slot = &mut self.slots[number];
        slot.earliest = slot.earliest.min(timer.deadline);
        let index = slot.timers.len();
        slot.timers.push(timer);
        (number as u32, index as u32)
    }

    /// Empties a slot, which keeps a little memory.
    #[inline(always)]
    fn vacate(&mut self, number: usize) {
        self.popped = 0;
        let level = number / SLOTS;
        self.occupied[level] &= !(1 << (number % SLOTS));
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
        let slot = &mut self.slots[number];
        slot.earliest = u64::MAX;
        slot.timers.clear();
        slot.timers.shrink_to(KEPT);
    }
}

#[cfg(test)]
mod tests;
