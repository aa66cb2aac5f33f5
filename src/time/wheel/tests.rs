//! The wheel against a sorted map.
//!
//! The model is as plain as a timer queue can be: a `BTreeMap` whose key is (deadline, arming number). Random
//! operations are done to both, and both must answer the same. Tests of single boundaries follow, which
//! random operations would seldom meet.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::Config;

use super::*;

/// A wheel and its model, to which the same is done.
struct Pair {
    wheel: Wheel<u64>,
    /// (deadline, arming number) → key and value of an armed timer.
    model: BTreeMap<(u64, u64), (u32, u64)>,
    /// Keys whose timers have fired and that were not cancelled.
    fired: Vec<u32>,
    now: u64,
    armings: u64,
    values: u64,
    /// An armed timer was cancelled: from here on, `next_look` may be early.
    cancelled: bool,
}

#[derive(Debug, Clone)]
enum Operation {
    ArmIn(u64),
    ArmAt(u64),
    /// At the deadline of another timer.
    ArmWith(Index),
    Cancel(Index),
    CancelExpired(Index),
    Replace(Index),
    AdvanceBy(u64),
    /// To just before, at, or just behind the next deadline.
    AdvanceAround(i8),
    /// To `next_look`, as the loop does.
    AdvanceToLook,
}

impl Pair {
    fn new() -> Self {
        Pair {
            wheel: Wheel::new(),
            model: BTreeMap::new(),
            fired: Vec::new(),
            now: 0,
            armings: 0,
            values: 0,
            cancelled: false,
        }
    }

    fn next_value(&mut self) -> u64 {
        self.values += 1;
        self.values
    }

    fn arm(&mut self, deadline: u64) {
        let value = self.next_value();
        let key = self.wheel.arm(deadline, value);
        let deadline = deadline.max(self.now.saturating_add(1));
        self.armings += 1;
        self.model.insert((deadline, self.armings), (key, value));
    }

    fn pick(&self, index: &Index) -> Option<(u64, u64)> {
        let len = self.model.len();
        (len > 0).then(|| *self.model.keys().nth(index.index(len)).unwrap())
    }

    fn cancel(&mut self, place: (u64, u64)) {
        let (key, value) = self.model.remove(&place).unwrap();
        assert!(!self.wheel.has_fired(key));
        assert_eq!(self.wheel.cancel(key), Some(value));
        self.cancelled = true;
    }

    fn replace(&mut self, place: (u64, u64)) {
        let new = self.next_value();
        let (key, value) = self.model.get_mut(&place).unwrap();
        assert_eq!(self.wheel.replace(*key, new), *value);
        *value = new;
    }

    fn advance(&mut self, to: u64) {
        let out = fired(&mut self.wheel, to);
        self.now = self.now.max(to);
        let mut due = Vec::new();
        while let Some(entry) = self.model.first_entry()
            && entry.key().0 <= self.now
        {
            let (key, value) = entry.remove();
            due.push(value);
            self.fired.push(key);
        }
        assert_eq!(out, due, "advance to {to}");
    }

    fn next(&self) -> Option<u64> {
        self.model.keys().next().map(|(deadline, _)| *deadline)
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::ArmIn(ticks) => self.arm(self.now.saturating_add(*ticks)),
            Operation::ArmAt(tick) => self.arm(*tick),
            Operation::ArmWith(index) => {
                if let Some((deadline, _)) = self.pick(index) {
                    self.arm(deadline);
                }
            }
            Operation::Cancel(index) => {
                if let Some(place) = self.pick(index) {
                    self.cancel(place);
                }
            }
            Operation::CancelExpired(index) => {
                if !self.fired.is_empty() {
                    let key = self.fired.swap_remove(index.index(self.fired.len()));
                    assert_eq!(self.wheel.cancel(key), None);
                }
            }
            Operation::Replace(index) => {
                if let Some(place) = self.pick(index) {
                    self.replace(place);
                }
            }
            Operation::AdvanceBy(ticks) => self.advance(self.now.saturating_add(*ticks)),
            Operation::AdvanceAround(by) => {
                if let Some(next) = self.next() {
                    self.advance(next.saturating_add_signed(i64::from(*by)).max(self.now));
                }
            }
            Operation::AdvanceToLook => self.advance_to_look(),
        }
    }

    /// An advance to `next_look` fires a timer, or makes `next_look` later: so no two in a row are in vain.
    fn advance_to_look(&mut self) {
        let Some(look) = self.wheel.next_look() else {
            return;
        };
        let before = self.model.len();
        self.advance(look);
        let found = self.model.len() < before;
        assert!(found || self.wheel.next_look().is_none_or(|next| next > look));
    }

    /// What holds between any two operations.
    fn check(&self) {
        let next = self.next();
        assert_eq!(self.wheel.next_deadline(), next);
        let look = self.wheel.next_look();
        assert_eq!(look.is_some(), next.is_some());
        assert!(look <= next, "a look at {look:?} misses {next:?}");
        if !self.cancelled {
            assert_eq!(look, next);
        }
        assert!(self.model.values().all(|(key, _)| !self.wheel.has_fired(*key)));
        assert!(self.fired.iter().all(|key| self.wheel.has_fired(*key)));
        let mut timers = 0;
        for (number, slot) in self.wheel.slots.iter().enumerate() {
            let is_occupied = self.wheel.occupied[number / SLOTS] >> (number % SLOTS) & 1 == 1;
            assert_eq!(is_occupied, !slot.timers.is_empty());
            for (index, timer) in slot.timers.iter().enumerate() {
                let entry = &self.wheel.entries[timer.key as usize];
                assert!(entry.value.is_some());
                assert_eq!((entry.slot as usize, entry.index as usize), (number, index));
            }
            timers += slot.timers.len();
        }
        assert_eq!(timers, self.model.len(), "a cancelled timer takes no room");
        assert_eq!(self.wheel.entries.len(), self.model.len() + self.fired.len());
    }

    /// Cancels everything, and finds the wheel as it was made.
    fn clear(&mut self) {
        while let Some((place, _)) = self.model.first_key_value() {
            self.cancel(*place);
        }
        for key in std::mem::take(&mut self.fired) {
            assert_eq!(self.wheel.cancel(key), None);
        }
        assert_is_empty(&self.wheel);
    }
}

fn assert_is_empty<T>(wheel: &Wheel<T>) {
    assert_eq!(wheel.entries.len(), 0);
    assert!(wheel.is_empty());
    assert_eq!(wheel.occupied, [0; LEVELS]);
    assert!(wheel.slots.iter().all(|slot| slot.timers.is_empty()));
    assert_eq!(wheel.next_look(), None);
    assert_eq!(wheel.next_deadline(), None);
}

/// A number of any magnitude, each as likely as the others.
fn ticks() -> impl Strategy<Value = u64> {
    (0..=u64::BITS, any::<u64>()).prop_map(|(bits, number)| {
        let mask = 1u64.checked_shl(bits).map_or(u64::MAX, |bit| bit - 1);
        number & mask
    })
}

/// Around where a level of the wheel ends.
fn near_a_boundary() -> impl Strategy<Value = u64> {
    (0..LEVELS as u32, 1..SLOTS as u64, -2i64..=2).prop_map(|(level, slot, by)| {
        let boundary = slot.wrapping_shl(DIGIT * level);
        boundary.saturating_add_signed(by)
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0..200u64).prop_map(Operation::ArmIn),
        4 => ticks().prop_map(Operation::ArmIn),
        2 => near_a_boundary().prop_map(Operation::ArmIn),
        2 => near_a_boundary().prop_map(Operation::ArmAt),
        1 => Just(Operation::ArmAt(u64::MAX)),
        4 => any::<Index>().prop_map(Operation::ArmWith),
        4 => any::<Index>().prop_map(Operation::Cancel),
        2 => any::<Index>().prop_map(Operation::CancelExpired),
        1 => any::<Index>().prop_map(Operation::Replace),
        3 => (0..130u64).prop_map(Operation::AdvanceBy),
        2 => (0..1u64 << 30).prop_map(Operation::AdvanceBy),
        1 => ticks().prop_map(Operation::AdvanceBy),
        3 => (-1..=1i8).prop_map(Operation::AdvanceAround),
        3 => Just(Operation::AdvanceToLook),
    ]
}

fn config() -> Config {
    Config { cases: 256, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Whatever is done to a wheel, it answers as a sorted map does.
    #[test]
    fn a_wheel_answers_as_a_sorted_map(operations in prop::collection::vec(operation(), 1..200)) {
        let mut pair = Pair::new();
        for operation in &operations {
            pair.apply(operation);
            pair.check();
        }
        pair.clear();
    }

    /// One long advance gives the same order as many short ones.
    #[test]
    fn the_length_of_an_advance_changes_no_order(
        deadlines in prop::collection::vec(0..20_000u64, 1..100),
        step in 1..5_000u64,
    ) {
        let (mut slow, mut fast) = (Wheel::new(), Wheel::new());
        for (value, deadline) in deadlines.iter().enumerate() {
            slow.arm(*deadline, value);
            fast.arm(*deadline, value);
        }
        let mut by_steps = Vec::new();
        let mut now = 0;
        while now < 20_000 {
            now += step;
            by_steps.extend(fired(&mut slow, now));
        }
        prop_assert_eq!(by_steps, fired(&mut fast, 20_000));
    }
}

/// What comes out of an advance.
fn fired<T>(wheel: &mut Wheel<T>, to: u64) -> Vec<T> {
    std::iter::from_fn(|| wheel.pop_due(to)).map(|(_, value)| value).collect()
}

/// Around the ends of the first two levels, and seen from several ticks, a timer fires at its deadline
/// and not one tick before.
#[test]
fn a_timer_fires_at_its_tick_on_either_side_of_a_level() {
    for now in [0, 1, 62, 63, 64, 65, 4_094, 4_095, 4_096] {
        for deadline in [63, 64, 65, 127, 128, 4_095, 4_096, 4_097, 262_143, 262_144] {
            if deadline <= now {
                continue;
            }
            let mut wheel = Wheel::new();
            assert!(fired(&mut wheel, now).is_empty());
            wheel.arm(deadline, "due");
            assert_eq!(wheel.next_look(), Some(deadline));
            assert_eq!(wheel.next_deadline(), Some(deadline));
            assert!(fired(&mut wheel, deadline - 1).is_empty(), "{now}: {deadline}");
            assert_eq!(fired(&mut wheel, deadline), ["due"], "{now}: {deadline}");
        }
    }
}

/// The last level has a place for every deadline that 64 bits can say.
#[test]
fn the_top_level_reaches_to_the_last_tick() {
    let deadlines = [1 << 59, 1 << 60, (1 << 60) + 1, 1 << 63, u64::MAX - 1, u64::MAX];
    let mut wheel = Wheel::new();
    for deadline in deadlines.into_iter().rev() {
        wheel.arm(deadline, deadline);
    }
    for deadline in deadlines {
        assert_eq!(wheel.next_look(), Some(deadline));
        assert!(fired(&mut wheel, deadline - 1).is_empty());
        assert_eq!(fired(&mut wheel, deadline), [deadline]);
    }
    assert_eq!(wheel.next_look(), None);
}

/// A timer that is armed at the last tick fires with the next advance.
#[test]
fn a_timer_that_is_armed_at_the_last_tick_fires() {
    let mut wheel = Wheel::new();
    assert!(fired::<u8>(&mut wheel, u64::MAX).is_empty());
    wheel.arm(7, 1);
    wheel.arm(u64::MAX, 2);
    assert_eq!(fired(&mut wheel, u64::MAX), [1, 2]);
}

/// A timer that has cascaded stays before one that is armed later for the same tick, on each level that
/// they can meet on.
#[test]
fn arming_order_outlives_a_cascade() {
    for deadline in [64, 70, 4_096, 5_000, 300_000, 1 << 40] {
        let mut wheel = Wheel::new();
        wheel.arm(deadline, 1);
        wheel.arm(deadline, 2);
        let mut value = 2;
        // Ever closer to the deadline, so that the early ones cascade a level at a time.
        for distance in [1 << 39, 200_000, 4_000, 900, 63, 1] {
            if distance < deadline {
                assert!(fired(&mut wheel, deadline - distance).is_empty());
                value += 1;
                wheel.arm(deadline, value);
            }
        }
        let in_order: Vec<u64> = (1..=value).collect();
        assert_eq!(fired(&mut wheel, deadline), in_order, "{deadline}");
    }
}

/// A deadline that is past, or zero, is the next tick's: nothing fires twice at one tick, and nothing is lost.
#[test]
fn a_past_deadline_is_the_next_ticks() {
    let mut wheel = Wheel::new();
    wheel.arm(0, "zero");
    assert_eq!(wheel.next_deadline(), Some(1));
    assert!(fired(&mut wheel, 0).is_empty());
    assert_eq!(fired(&mut wheel, 1_000), ["zero"]);
    wheel.arm(3, "past");
    wheel.arm(1_000, "present");
    assert!(fired(&mut wheel, 1_000).is_empty());
    assert_eq!(fired(&mut wheel, 1_001), ["past", "present"]);
}

/// An advance to a tick that is past moves nothing back.
#[test]
fn time_does_not_run_backwards() {
    let mut wheel = Wheel::new();
    assert!(fired(&mut wheel, 500).is_empty());
    wheel.arm(510, "due");
    assert!(fired(&mut wheel, 100).is_empty());
    assert!(fired(&mut wheel, 509).is_empty());
    assert_eq!(fired(&mut wheel, 510), ["due"]);
}

/// A key stays in use until it is cancelled, also when its timer has fired; then another timer may get it.
#[test]
fn a_fired_timer_keeps_its_key() {
    let mut wheel = Wheel::new();
    let first = wheel.arm(1, 10);
    assert_eq!(fired(&mut wheel, 1), [10]);
    let second = wheel.arm(2, 20);
    assert_ne!(first, second);
    assert!(wheel.has_fired(first));
    assert_eq!(wheel.replace(first, 11), 11, "given back");
    assert_eq!(wheel.cancel(first), None);
    assert_eq!(wheel.replace(second, 21), 20);
    assert_eq!(wheel.cancel(second), Some(21));
    assert_is_empty(&wheel);
}

/// The first, the middle and the last of a slot can be cancelled, and the rest keep their order.
#[test]
fn a_cancelled_timer_leaves_its_slot_in_order() {
    for absent in [vec![0], vec![2], vec![4], vec![0, 4], vec![1, 2, 3], vec![0, 1], vec![0, 1, 2]] {
        let mut wheel = Wheel::new();
        let keys: Vec<u32> = (0..5).map(|value| wheel.arm(100, value)).collect();
        for value in &absent {
            assert_eq!(wheel.cancel(keys[*value]), Some(*value));
        }
        let rest: Vec<usize> = (0..5).filter(|value| !absent.contains(value)).collect();
        assert_eq!(fired(&mut wheel, 100), rest);
    }
}

/// After a cancel `next_look` may be too early, once; the second one is right.
#[test]
fn a_look_for_a_cancelled_timer_is_made_once() {
    let mut wheel = Wheel::new();
    let early = wheel.arm(1_000, "early");
    wheel.arm(1_020, "late");
    wheel.cancel(early);
    assert_eq!(wheel.next_deadline(), Some(1_020));
    assert_eq!(wheel.next_look(), Some(1_000));
    assert!(fired(&mut wheel, 1_000).is_empty());
    assert_eq!(wheel.next_look(), Some(1_020));
    assert_eq!(fired(&mut wheel, 1_020), ["late"]);
}

/// An advance to the last tick, as at the end of a loop, gives every value in order. Cancelling frees the
/// keys.
#[test]
fn an_advance_to_the_last_tick_leaves_keys_and_no_values() {
    let mut wheel = Wheel::new();
    let keys = [u64::MAX, 5, 70, 5].map(|deadline| wheel.arm(deadline, deadline));
    assert_eq!(fired(&mut wheel, u64::MAX), [5, 5, 70, u64::MAX]);
    for key in keys {
        assert!(wheel.has_fired(key));
        assert_eq!(wheel.cancel(key), None);
    }
    assert_is_empty(&wheel);
}

/// However many timers were cancelled, slots and keys have room for only a few times the armed ones.
#[test]
fn a_million_cancelled_timers_hold_no_memory() {
    let mut wheel = Wheel::new();
    let mut keys: VecDeque<u32> = (0..100).map(|value| wheel.arm(1_000_000, value)).collect();
    for value in 0..1_000_000 {
        keys.push_back(wheel.arm(1_000_000, value));
        wheel.cancel(keys.pop_front().unwrap());
    }
    assert_room_for_at_most(4 * 101, &wheel);
    assert!(wheel.entries.vacant_key() <= 101);

    // Many that are armed at once, and then cancelled, leave as little.
    keys.extend((0..100_000).map(|value| wheel.arm(1_000_000, value)));
    while keys.len() > 100 {
        wheel.cancel(keys.pop_front().unwrap());
    }
    assert_room_for_at_most(4 * 101, &wheel);
    // So do many that are cancelled from the last to the first.
    keys.extend((0..100_000).map(|value| wheel.arm(1_000_000, value)));
    while keys.len() > 100 {
        wheel.cancel(keys.pop_back().unwrap());
    }
    assert_room_for_at_most(4 * 101, &wheel);
    // What has fired is gone from the slot.
    assert_eq!(fired(&mut wheel, 1_000_000).len(), keys.len());
    assert_room_for_at_most(2 * KEPT, &wheel);
    for key in keys {
        wheel.cancel(key);
    }
    assert_is_empty(&wheel);
}

/// When the loop is idle, the memory of many keys is given back, whether their timers have fired or were
/// cancelled, and although another timer is armed. The wheel goes on from there.
#[test]
fn the_memory_of_many_keys_is_given_back() {
    let mut wheel = Wheel::new();
    let stays = wheel.arm(1_000, 0);
    for fires in [false, true] {
        let keys: Vec<u32> = (0..100_000).map(|value| wheel.arm(5, value)).collect();
        if fires {
            fired(&mut wheel, 10);
        }
        wheel.shrink();
        assert!(wheel.entries.capacity() >= 100_000);
        for key in keys {
            wheel.cancel(key);
        }
        wheel.shrink();
        assert_eq!((wheel.entries.len(), wheel.entries.capacity()), (1, 1));
    }
    assert_eq!(wheel.cancel(stays), Some(0));
    assert_is_empty(&wheel);
}

#[track_caller]
fn assert_room_for_at_most<T>(timers: usize, wheel: &Wheel<T>) {
    let room: usize = wheel.slots.iter().map(|slot| slot.timers.capacity()).sum();
    assert!(room <= timers, "room for {room}");
}

/// The sizes that the documentation promises.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_timer_takes_48_bytes() {
    use crate::wake::waiter::Waiter;

    /// As the slab has it.
    #[expect(dead_code)]
    enum Place<T> {
        Vacant(usize),
        Occupied(T),
    }
    assert_eq!(size_of::<Timer>() + size_of::<Place<Entry<Waiter>>>(), 48);
}
