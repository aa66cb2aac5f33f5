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
//! look at a bitmap. To arm and to cancel are O(1). A timer cascades at most ten times in its life,
//! and mostly not at all, since most timers are cancelled first and since a cascade goes straight to
//! the slot's earliest deadline.
//!
//! What a million timers cost is their cache misses. So a slot is a vector with the timers
//! themselves in it, which a cascade reads and writes in a row; only where each of them stands is
//! noted aside, for its cancellation. Lists that run through a slab of timers, the usual way, need
//! less memory; but each link is a miss that must be over before the next can begin. A
//! timer that is cancelled leaves a gap in its vector, and gaps are closed before they outnumber
//! the timers.
//!
//! The wheel is pure. Ticks go in, fired values come out in the order (deadline, arming); it reads
//! no clock and calls no waker. A fired timer keeps its key until its owner cancels it, so a key is
//! never stale. A binary heap, the usual alternative, costs O(log n) a timer and cancels lazily:
//! with timeouts, which are armed for every request and hardly ever fire, it is full of the dead.

use std::mem;

use slab::Slab;

use crate::shrink::Shrink;

/// Slots of a level, and the bits of its digit.
const SLOTS: usize = 64;
const DIGIT: u32 = SLOTS.ilog2();

/// Enough levels for every bit of a tick.
const LEVELS: usize = (u64::BITS.div_ceil(DIGIT)) as usize;

/// For how many timers an empty slot keeps the memory.
const KEPT: usize = 8;

/// A timer wheel; `T` is what comes out when a timer fires.
///
/// Slots are numbered from level 0 upwards, 64 to a level.
pub(crate) struct Wheel<T> {
    /// Every timer in a slot is due at this tick or later.
    now: u64,
    /// Where the timer of each key stands.
    places: Slab<Place>,
    shrink: Shrink,
    /// How many timers of the first slot of level 0 were popped.
    popped: usize,
    /// Which levels have an occupied slot.
    levels: u16,
    /// Which slots of each level have a timer.
    occupied: [u64; LEVELS],
    slots: Box<[Slot<T>; LEVELS * SLOTS]>,
}

struct Slot<T> {
    /// In arming order, with gaps. The last one is none, so a slot without timers is empty; nor are
    /// more than half of them, so the cancelled take no more room than the armed.
    timers: Vec<Timer<T>>,
    gaps: usize,
    /// No timer of the slot is due before this tick. One is due at it, unless that one was
    /// cancelled: to look for the next would cost O(n), to come by for nothing once costs less.
    earliest: u64,
}

/// 32 bytes with a waker.
struct Timer<T> {
    deadline: u64,
    key: u32,
    /// `None` makes it a gap.
    value: Option<T>,
}

/// Where a timer stands.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    /// The slot's number.
    slot: u32,
    /// Among the slot's timers.
    index: u32,
}

impl Place {
    /// In no slot any more.
    const FIRED: Place = Place { slot: u32::MAX, index: 0 };
}

impl<T> Wheel<T> {
    /// An empty wheel, at tick 0.
    pub(crate) fn new() -> Self {
        Wheel {
            now: 0,
            places: Slab::new(),
            shrink: Shrink::default(),
            popped: 0,
            levels: 0,
            occupied: [0; LEVELS],
            slots: empty_slots(),
        }
    }

    /// Arms a timer and returns its key. O(1).
    ///
    /// A deadline that is past is taken as the next tick's.
    pub(crate) fn arm(&mut self, deadline: u64, value: T) -> u32 {
        let key = self.places.insert(Place::FIRED) as u32;
        self.insert(Timer { deadline: deadline.max(self.now.saturating_add(1)), key, value: Some(value) });
        key
    }

    /// Frees a key, whether or not its timer has fired, and gives back the value if not. O(1),
    /// amortised.
    pub(crate) fn cancel(&mut self, key: u32) -> Option<T> {
        let place = self.places.try_remove(key as usize)?;
        let number = place.slot as usize;
        let slot = self.slots.get_mut(number)?;
        let value = slot.timers.get_mut(place.index as usize)?.value.take();
        slot.gaps += 1;
        slot.drop_last_gaps();
        if slot.timers.is_empty() {
            self.vacate(number);
        } else if slot.is_sparse() {
            self.close_gaps(number);
        }
        value
    }

    /// Whether the timer has fired.
    pub(crate) fn has_fired(&self, key: u32) -> bool {
        self.places.get(key as usize).is_none_or(|place| *place == Place::FIRED)
    }

    /// Exchanges the value of a timer that has not fired; else gives the new one back.
    pub(crate) fn replace(&mut self, key: u32, value: T) -> T {
        match self.value_mut(key) {
            Some(Some(current)) => mem::replace(current, value),
            _ => value,
        }
    }

    /// The loop rests: gives back the memory of keys that are free.
    pub(crate) fn rest(&mut self) {
        self.shrink.rest(&mut self.places);
    }

    /// Whether no timer is armed.
    pub(crate) fn is_empty(&self) -> bool {
        self.levels == 0
    }

    /// A tick before which no timer fires, and at which one does unless it was cancelled. O(1).
    pub(crate) fn next_look(&self) -> Option<u64> {
        let slot = self.first_occupied()?;
        Some(self.slots[slot].earliest)
    }

    /// The earliest deadline. O(n) in the timers of one slot.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        let timers = &self.slots[self.first_occupied()?].timers;
        let armed = timers.iter().filter(|timer| !timer.is_gap());
        armed.map(|timer| timer.deadline).min()
    }

    /// Moves towards a tick until a timer fires that is due at it or before. Returns the timer's key and
    /// value; `None` when the tick is reached. Timers fire in the order (deadline, arming). No timer may
    /// be armed or cancelled between two calls until it has returned `None`.
    pub(crate) fn pop_due(&mut self, to: u64) -> Option<(u32, T)> {
        while let Some(number) = self.first_occupied()
            && self.start(number) <= to
        {
            self.now = self.slots[number].earliest.min(to);
            if number >= SLOTS {
                self.cascade(number);
            } else if let Some(fired) = self.pop(number) {
                return Some(fired);
            } else {
                self.vacate(number);
            }
        }
        self.now = self.now.max(to);
        None
    }

    /// Fires the next timer of a slot of level 0.
    fn pop(&mut self, number: usize) -> Option<(u32, T)> {
        while let Some(timer) = self.slots[number].timers.get_mut(self.popped) {
            self.popped += 1;
            let key = timer.key;
            if let Some(value) = timer.value.take() {
                self.note_place(key, Place::FIRED);
                return Some((key, value));
            }
        }
        None
    }

    /// Puts the timers of a slot in anew, where they are due sooner.
    #[inline(never)]
    fn cascade(&mut self, number: usize) {
        let mut timers = mem::take(&mut self.slots[number].timers);
        for timer in timers.drain(..).filter(|timer| !timer.is_gap()) {
            self.insert(timer);
        }
        self.slots[number].timers = timers;
        self.vacate(number);
    }

    /// The slot where a deadline belongs, seen from `now`.
    fn slot_of(&self, deadline: u64) -> usize {
        let differing = (deadline ^ self.now) | (SLOTS as u64 - 1);
        let level = (differing.ilog2() / DIGIT) as usize;
        let digit = (deadline >> (DIGIT * level as u32)) as usize % SLOTS;
        level * SLOTS + digit
    }

    /// The first tick of a slot.
    fn start(&self, number: usize) -> u64 {
        let (level, digit) = (number / SLOTS, number % SLOTS);
        let shift = DIGIT * level as u32;
        let above = u64::MAX.checked_shl(shift + DIGIT).unwrap_or(0);
        self.now & above | (digit as u64) << shift
    }

    fn first_occupied(&self) -> Option<usize> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize;
        Some(level * SLOTS + self.occupied[level].trailing_zeros() as usize)
    }

    /// Notes where the timer of a key stands now.
    fn note_place(&mut self, key: u32, place: Place) {
        match self.places.get_mut(key as usize) {
            Some(noted) => *noted = place,
            None => debug_assert!(false, "a timer has a key"),
        }
    }

    /// Where the value of a timer is, unless it has fired.
    fn value_mut(&mut self, key: u32) -> Option<&mut Option<T>> {
        let place = self.places.get(key as usize)?;
        let slot = self.slots.get_mut(place.slot as usize)?;
        Some(&mut slot.timers.get_mut(place.index as usize)?.value)
    }

    /// Puts a timer where its deadline belongs, behind those that are there.
    #[inline(always)]
    fn insert(&mut self, timer: Timer<T>) {
        let number = self.slot_of(timer.deadline);
        self.levels |= 1 << (number / SLOTS);
        self.occupied[number / SLOTS] |= 1 << (number % SLOTS);
        let slot = &mut self.slots[number];
        slot.earliest = slot.earliest.min(timer.deadline);
        let place = Place { slot: number as u32, index: slot.timers.len() as u32 };
        let key = timer.key;
        slot.timers.push(timer);
        self.note_place(key, place);
    }

    /// Moves the timers of a slot together. O(n), after at least n / 2 were cancelled.
    #[cold]
    fn close_gaps(&mut self, number: usize) {
        let slot = &mut self.slots[number];
        slot.timers.retain(|timer| !timer.is_gap());
        slot.timers.shrink_to(2 * slot.timers.len());
        slot.gaps = 0;
        for (index, timer) in slot.timers.iter().enumerate() {
            if let Some(place) = self.places.get_mut(timer.key as usize) {
                place.index = index as u32;
            }
        }
    }

    /// A slot has no timers any more.
    #[inline(always)]
    fn vacate(&mut self, number: usize) {
        self.popped = 0;
        self.slots[number].reset();
        let level = number / SLOTS;
        self.occupied[level] &= !(1 << (number % SLOTS));
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
    }
}

/// Empty slots, made where they stay: as an array they would take 28 KiB of the stack.
fn empty_slots<T>() -> Box<[Slot<T>; LEVELS * SLOTS]> {
    let slots: Box<[_]> = (0..LEVELS * SLOTS).map(|_| Slot::new()).collect();
    slots.try_into().unwrap_or_else(|_| unreachable!("their number is right"))
}

impl<T> Slot<T> {
    fn new() -> Self {
        Slot { timers: Vec::new(), gaps: 0, earliest: u64::MAX }
    }

    /// As new, but for a little memory.
    #[inline(always)]
    fn reset(&mut self) {
        self.timers.clear();
        self.gaps = 0;
        self.earliest = u64::MAX;
        if self.timers.capacity() > KEPT {
            self.timers = Vec::new();
        }
    }

    /// Whether the gaps outnumber the timers, or those that were dropped from the end leave much room.
    fn is_sparse(&self) -> bool {
        let len = self.timers.len();
        self.gaps > len / 2 || self.timers.capacity() > KEPT.max(4 * len)
    }

    #[inline(always)]
    fn drop_last_gaps(&mut self) {
        while self.timers.last().is_some_and(Timer::is_gap) {
            self.timers.pop();
            self.gaps -= 1;
        }
    }
}

impl<T> Timer<T> {
    fn is_gap(&self) -> bool {
        self.value.is_none()
    }
}

#[cfg(test)]
mod tests;
