//! The hierarchical timer wheel (Varghese & Lauck, "Hashed and Hierarchical Timing Wheels", 1987).
//!
//! Eleven levels of 64 slots. On level 0 a slot is one tick (a microsecond), on level 1 it is 64
//! ticks, on level 2 it is 4,096, and so on: together they span all 64 bits, so any deadline has a
//! place. A timer stands on the level of the highest digit (in base 64) in which its deadline
//! differs from the wheel's `now`, in the slot that this digit names:
//!
//! ```text
//!   now = 70 = [1][6]      deadline 75 = [1][11]     → level 0, slot 11
//!                          deadline 200 = [3][8]     → level 1, slot 3
//! ```
//!
//! When `now` enters a slot of a higher level, its timers *cascade*: they are put in anew and land
//! on a lower level, in the order they had. So everything on a level is due before anything on the
//! next one, and the earliest timer is in the first occupied slot of the lowest occupied level: one
//! look at a bitmap. To arm and to cancel are O(1): a list link in a slab. A timer cascades at most
//! ten times in its life, and mostly not at all, since most timers are cancelled first and since a
//! cascade goes straight to the slot's earliest deadline.
//!
//! The wheel is pure. Ticks go in, fired values come out in the order (deadline, arming); it reads
//! no clock and wakes nobody. A fired timer keeps its key until its owner cancels it, so a key is
//! never stale. A binary heap, the usual alternative, costs O(log n) a timer and cancels lazily:
//! with timeouts, which are armed for every request and hardly ever fire, it is full of the dead.

use std::num::NonZeroU64;

use slab::Slab;

/// Slots of a level, and the bits of its digit.
const SLOTS: usize = 64;
const DIGIT: u32 = SLOTS.ilog2();

/// Enough levels for every bit of a tick.
const LEVELS: usize = (u64::BITS.div_ceil(DIGIT)) as usize;

/// No timer.
const NIL: u32 = u32::MAX;

/// A timer wheel; `T` is what comes out when a timer fires.
pub(crate) struct Wheel<T> {
    /// Every timer in a slot is due at this tick or later.
    now: u64,
    timers: Slab<Timer<T>>,
    /// Which levels have an occupied slot.
    occupied: u16,
    levels: Box<[Level; LEVELS]>,
}

#[derive(Clone, Copy)]
struct Level {
    /// Which slots have a timer.
    occupied: u64,
    slots: [Slot; SLOTS],
}

/// A list of timers, in arming order.
#[derive(Clone, Copy)]
struct Slot {
    first: u32,
    last: u32,
    /// No timer of the list is due before this tick. One is due at it, unless that one was
    /// cancelled: to look for the next would cost O(n), to come by for nothing once costs less.
    earliest: u64,
}

/// 32 bytes with a waker, free entries of the slab included: tick 0 is no deadline.
struct Timer<T> {
    deadline: NonZeroU64,
    /// Taken when the timer fires.
    value: Option<T>,
    previous: u32,
    next: u32,
}

impl<T> Wheel<T> {
    /// An empty wheel, at tick 0.
    pub(crate) fn new() -> Self {
        let slot = Slot {
            first: NIL,
            last: NIL,
            earliest: 0,
        };
        let level = Level {
            occupied: 0,
            slots: [slot; SLOTS],
        };
        Wheel {
            now: 0,
            timers: Slab::new(),
            occupied: 0,
            levels: Box::new([level; LEVELS]),
        }
    }

    /// Arms a timer and returns its key. O(1).
    ///
    /// A deadline that is past is taken as the next tick's.
    pub(crate) fn arm(&mut self, deadline: u64, value: T) -> u32 {
        let deadline = deadline.max(self.now.saturating_add(1));
        let key = self.timers.insert(Timer {
            deadline: NonZeroU64::new(deadline).expect("later than tick 0"),
            value: Some(value),
            previous: NIL,
            next: NIL,
        }) as u32;
        self.link(key);
        key
    }

    /// Frees a key, whether or not its timer has fired, and gives back the value if not. O(1).
    pub(crate) fn cancel(&mut self, key: u32) -> Option<T> {
        let armed = self.timers[key as usize].value.is_some();
        if armed {
            self.unlink(key);
        }
        self.timers.remove(key as usize).value
    }

    /// Whether the timer has fired.
    pub(crate) fn has_fired(&self, key: u32) -> bool {
        self.timers[key as usize].value.is_none()
    }

    /// Exchanges the value of a timer that has not fired; else gives the new one back.
    pub(crate) fn replace(&mut self, key: u32, value: T) -> T {
        match &mut self.timers[key as usize].value {
            Some(current) => std::mem::replace(current, value),
            None => value,
        }
    }

    /// Takes every value; the timers are as if fired.
    pub(crate) fn take_all(&mut self) -> Vec<T> {
        let mut values = Vec::new();
        self.advance(u64::MAX, &mut values);
        values
    }

    /// Whether no timer is armed.
    pub(crate) fn is_empty(&self) -> bool {
        self.occupied == 0
    }

    /// A tick before which no timer fires, and at which one does unless it was cancelled. O(1).
    pub(crate) fn next_look(&self) -> Option<u64> {
        let (level, slot) = self.first_occupied()?;
        Some(self.levels[level].slots[slot].earliest)
    }

    /// The earliest deadline. O(n) in the timers of one slot.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        let (level, slot) = self.first_occupied()?;
        let mut key = self.levels[level].slots[slot].first;
        let mut earliest = u64::MAX;
        while key != NIL {
            let timer = &self.timers[key as usize];
            earliest = earliest.min(timer.deadline.get());
            key = timer.next;
        }
        Some(earliest)
    }

    /// Moves to a tick; what is due at it or before comes out, in the order (deadline, arming).
    pub(crate) fn advance(&mut self, to: u64, fired: &mut Vec<T>) {
        while let Some((level, slot)) = self.first_occupied()
            && self.start(level, slot) <= to
        {
            let list = self.levels[level].slots[slot];
            self.clear(level, slot);
            self.now = list.earliest.min(to);
            let mut key = list.first;
            while key != NIL {
                let timer = &mut self.timers[key as usize];
                let next = timer.next;
                if level == 0 {
                    fired.extend(timer.value.take());
                } else {
                    self.link(key);
                }
                key = next;
            }
        }
        self.now = self.now.max(to);
    }

    /// Where a deadline belongs, seen from `now`.
    fn place(&self, deadline: u64) -> (usize, usize) {
        let differing = (deadline ^ self.now) | (SLOTS as u64 - 1);
        let level = (differing.ilog2() / DIGIT) as usize;
        let slot = (deadline >> (DIGIT * level as u32)) as usize % SLOTS;
        (level, slot)
    }

    /// The first tick of a slot.
    fn start(&self, level: usize, slot: usize) -> u64 {
        let shift = DIGIT * level as u32;
        let above = u64::MAX.checked_shl(shift + DIGIT).unwrap_or(0);
        self.now & above | (slot as u64) << shift
    }

    fn first_occupied(&self) -> Option<(usize, usize)> {
        if self.occupied == 0 {
            return None;
        }
        let level = self.occupied.trailing_zeros() as usize;
        Some((level, self.levels[level].occupied.trailing_zeros() as usize))
    }

    /// Appends a timer to the list where its deadline belongs.
    fn link(&mut self, key: u32) {
        let deadline = self.timers[key as usize].deadline.get();
        let (level, slot) = self.place(deadline);
        self.occupied |= 1 << level;
        self.levels[level].occupied |= 1 << slot;
        let list = &mut self.levels[level].slots[slot];
        let last = std::mem::replace(&mut list.last, key);
        if last == NIL {
            list.first = key;
            list.earliest = deadline;
        } else {
            list.earliest = list.earliest.min(deadline);
            self.timers[last as usize].next = key;
        }
        let timer = &mut self.timers[key as usize];
        timer.previous = last;
        timer.next = NIL;
    }

    /// Takes a timer out of its list.
    fn unlink(&mut self, key: u32) {
        let timer = &self.timers[key as usize];
        let (previous, next) = (timer.previous, timer.next);
        let (level, slot) = self.place(timer.deadline.get());
        if previous == NIL && next == NIL {
            return self.clear(level, slot);
        }
        match previous {
            NIL => self.levels[level].slots[slot].first = next,
            previous => self.timers[previous as usize].next = next,
        }
        match next {
            NIL => self.levels[level].slots[slot].last = previous,
            next => self.timers[next as usize].previous = previous,
        }
    }

    /// Empties a slot.
    fn clear(&mut self, level: usize, slot: usize) {
        let of = &mut self.levels[level];
        of.slots[slot].first = NIL;
        of.slots[slot].last = NIL;
        of.occupied &= !(1 << slot);
        if of.occupied == 0 {
            self.occupied &= !(1 << level);
        }
    }
}

#[cfg(test)]
mod tests;
