//! The recorder: an observer that keeps the events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::observe::{Event, EventKind, Live, Observer};
use crate::time::clock::real_now;

/// Records one loop or several. Any clone of it returns the recording, on any thread and at any time: also
/// while a loop runs, or when it is stuck.
///
/// ```
/// use boucle::{EventLoop, trace::Recorder};
///
/// let recorder = Recorder::new();
/// let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
/// event_loop.block_on(boucle::yield_now());
/// assert!(recorder.trace().to_string().contains("main")); // as text
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct Recorder {
    recorded: Arc<Mutex<Recorded>>,
}

/// What was recorded: the events of one loop, or of several.
///
/// ```
/// use boucle::{EventLoop, trace::Recorder};
///
/// let recorder = Recorder::new();
/// let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
/// event_loop.block_on(boucle::yield_now());
/// let trace = recorder.trace();
/// assert_eq!(trace.loops.len(), 1);
/// println!("{trace}"); // what was polled when, and why
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Trace {
    /// The loops, in the order in which they were made.
    pub loops: Vec<LoopTrace>,
}

/// What was recorded of one loop.
///
/// ```
/// use boucle::{EventLoop, trace::Recorder};
///
/// let recorder = Recorder::new();
/// let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
/// event_loop.block_on(boucle::yield_now());
/// let trace = recorder.trace();
/// let one = &trace.loops[0];
/// assert_eq!(one.events.back().unwrap().event_loop, one.number);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LoopTrace {
    /// The loop's number.
    pub number: u64,
    /// When its time began, on the real clock: so several loops can be put on one axis.
    pub began: Instant,
    /// How many events were dropped before the first one that is kept.
    pub dropped: u64,
    /// The loop's state before the first event that is kept.
    pub before: Live,
    /// The events, in order.
    pub events: VecDeque<Event>,
}

impl LoopTrace {
    /// Returns how much later its time began than the first loop's.
    pub(super) fn later(&self, first: Option<Instant>) -> Duration {
        first.map_or(Duration::ZERO, |first| self.began - first)
    }
}

/// Returns when the time of the first loop began.
pub(super) fn first_began(loops: &[LoopTrace]) -> Option<Instant> {
    loops.iter().map(|loop_trace| loop_trace.began).min()
}

struct Recorded {
    /// The loops by their numbers, so in the order in which they were made.
    loops: BTreeMap<u64, LoopTrace>,
    /// Those that have ended.
    ended: BTreeSet<u64>,
    /// The most events that are kept, of all loops together.
    limit: usize,
    kept: usize,
}

/// The most events that are kept by default.
const LIMIT: usize = 1_000_000;

impl Recorder {
    /// Makes a recorder that keeps at most a million events, which take some 90 MB.
    ///
    /// ```
    /// use boucle::{EventLoop, trace::Recorder};
    ///
    /// let recorder = Recorder::new();
    /// let one = EventLoop::builder().observe(recorder.clone()).build()?;
    /// let two = EventLoop::builder().observe(recorder.clone()).build()?;
    /// assert_eq!(recorder.trace().loops.len(), 2);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn new() -> Recorder {
        Self::with_limit(LIMIT)
    }

    /// Makes a recorder that keeps at most `limit` events, of all its loops together. When it is full, each new
    /// event drops an old one:
    ///
    /// 1. the oldest of the first loop in [`Trace::loops`] that has ended; if none has ended:
    /// 2. the oldest of the event's own loop; if that has none yet:
    /// 3. the oldest of the loop that has the most.
    ///
    /// So of a loop that begins when running loops have filled the recorder only the last event is kept. The
    /// dropped events are counted, and the state of the loop after them is kept. A loop that has ended is
    /// forgotten, with its count, when its last event is dropped.
    ///
    /// ```
    /// use boucle::{EventLoop, trace::Recorder};
    ///
    /// let recorder = Recorder::with_limit(3);
    /// let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::yield_now());
    /// let kept = &recorder.trace().loops[0];
    /// assert_eq!(kept.events.len(), 3); // the last ones
    /// assert!(kept.dropped > 0);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the limit is zero.
    #[track_caller]
    pub fn with_limit(limit: usize) -> Recorder {
        assert!(limit > 0, "a recorder keeps one event at least");
        let recorded = Recorded { loops: BTreeMap::new(), ended: BTreeSet::new(), limit, kept: 0 };
        Recorder { recorded: Arc::new(Mutex::new(recorded)) }
    }

    /// Returns what was recorded until now. (What happens outside of a loop's runs is recorded with its next
    /// one: see [`Observer::observe`].) It copies the events, O(n); on another thread, that holds up the loop.
    ///
    /// ```
    /// use boucle::{EventLoop, trace::Recorder};
    ///
    /// let recorder = Recorder::new();
    /// let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::yield_now());
    /// let before = recorder.trace().loops[0].events.len();
    /// event_loop.block_on(async {}); // recorded too
    /// assert!(recorder.trace().loops[0].events.len() > before);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn trace(&self) -> Trace {
        Trace { loops: self.lock().loops.values().cloned().collect() }
    }

    /// Removes and returns what was recorded of one loop.
    #[cfg(any(feature = "trace", test))]
    pub(crate) fn take_loop(&self, event_loop: u64) -> Trace {
        let mut recorded = self.lock();
        let taken = recorded.loops.remove(&event_loop);
        recorded.ended.remove(&event_loop);
        recorded.kept -= taken.as_ref().map_or(0, |taken| taken.events.len());
        Trace { loops: Vec::from_iter(taken) }
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.lock().kept;
        write!(f, "Recorder({kept} events)")
    }
}

impl Observer for Recorder {
    fn observe(&mut self, event: &Event) {
        self.lock().push(event);
    }
}

impl Recorded {
    fn push(&mut self, event: &Event) {
        if self.kept == self.limit {
            self.drop_oldest(event.event_loop);
        }
        self.kept += 1;
        let of = self.loops.entry(event.event_loop).or_insert_with(|| LoopTrace {
            number: event.event_loop,
            began: began(event),
            dropped: 0,
            before: Live::default(),
            events: VecDeque::new(),
        });
        of.events.push_back(event.clone());
        if event.kind == EventKind::Closed {
            self.ended.insert(event.event_loop);
        }
    }

    /// Drops the oldest event of the first loop that has ended; if none has, of the loop with the number `of`;
    /// if that has none, of the loop that has the most.
    fn drop_oldest(&mut self, of: u64) {
        let own = || self.loops.get(&of).filter(|own| !own.events.is_empty());
        let most = || self.loops.values().max_by_key(|most| most.events.len());
        let lives = || own().or_else(most).map(|lives| lives.number);
        let Some(number) = self.ended.first().copied().or_else(lives) else { return };
        let Some(loop_trace) = self.loops.get_mut(&number) else { return };
        if let Some(event) = loop_trace.events.pop_front() {
            self.kept -= 1;
            loop_trace.before.apply(&event);
            loop_trace.dropped += 1;
            if event.kind == EventKind::Closed {
                self.loops.remove(&number);
                self.ended.remove(&number);
            }
        }
    }
}

/// Returns when the loop's time began, by its first event.
fn began(event: &Event) -> Instant {
    let now = real_now();
    now.checked_sub(event.time).unwrap_or(now)
}

#[cfg(test)]
mod tests;
