//! How a program is explored: the options of [`Explore`].

use std::panic::Location;
use std::time::Duration;

/// How a program is explored.
///
/// ```
/// use boucle::explore::{Explore, Strategy};
///
/// let explored = Explore::new().schedules(500).strategy(Strategy::Random).seed(7).run(|| async {
///     boucle::gather((0..10).map(|_| boucle::yield_now())).await;
/// });
/// assert_eq!(explored.to_string(), "500 schedules, bounded");
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is explored until `run` or `cancel` is called"]
pub struct Explore {
    pub(super) schedules: u64,
    pub(super) time: Option<Duration>,
    pub(super) polls: u64,
    pub(super) seed: u64,
    pub(super) strategy: Strategy,
    pub(super) orders: bool,
    pub(super) spurious: bool,
    pub(super) threads: usize,
    /// Where it was made.
    pub(super) location: &'static Location<'static>,
    /// Which exploration of its thread it is, from 1 on; 0 before it begins.
    pub(super) number: u64,
}

impl Explore {
    /// Makes an exploration of at most 10,000 schedules, on this thread.
    ///
    /// ```
    /// use boucle::explore::Explore;
    ///
    /// assert!(Explore::new().run(|| async {}).complete); // as `explore`
    /// ```
    #[track_caller]
    pub fn new() -> Explore {
        Explore {
            schedules: 10_000,
            time: None,
            polls: 100_000,
            seed: 0,
            strategy: Strategy::Mixed,
            orders: true,
            spurious: false,
            threads: 1,
            location: Location::caller(),
            number: 0,
        }
    }

    /// Sets how many schedules are tried at most: 10,000 by default. Each planned schedule takes memory: O(n) in
    /// this bound, and one of billions may need more than there is.
    ///
    /// ```
    /// use boucle::explore::Explore;
    ///
    /// let explored = Explore::new().schedules(50).run(|| async {
    ///     boucle::gather((0..3).map(|_| boucle::yield_now())).await; // has 90 schedules
    /// });
    /// assert!(explored.schedules == 50 && !explored.complete);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn schedules(mut self, schedules: u64) -> Explore {
        assert!(schedules > 0, "an exploration needs one schedule at least");
        self.schedules = schedules;
        self
    }

    /// Sets a time limit; a result that it cuts short is not complete. By default there is none, so that every
    /// run of a test tries the same schedules.
    ///
    /// The clock is read after each schedule, never within one: a run that waits for a socket or a signal for
    /// ever is [not stopped](super#what-is-a-failure). If the bound of [schedules](Self::schedules) is far above
    /// what the time allows, it costs memory, and the random half is not reached. After a failure the limit
    /// begins anew, once or twice: up to 1,000 runs each time look for a shorter schedule.
    ///
    /// ```
    /// use boucle::explore::Explore;
    /// use std::time::Duration;
    ///
    /// let explored = Explore::new().time(Duration::ZERO).run(|| async {
    ///     boucle::gather((0..3).map(|_| boucle::yield_now())).await;
    /// });
    /// assert!(explored.schedules == 1 && !explored.complete); // one is always tried
    /// ```
    pub fn time(mut self, limit: Duration) -> Explore {
        self.time = Some(limit);
        self
    }

    /// Sets how many polls a run may take before it fails: 100,000 by default. (The drop of an aborted task
    /// counts as one.)
    ///
    /// ```
    /// use boucle::explore::Explore;
    ///
    /// let failure = Explore::new().polls(50).try_run(|| async {
    ///     loop {
    ///         boucle::yield_now().await;
    ///     }
    /// });
    /// assert!(failure.unwrap_err().message.contains("50 polls"));
    /// ```
    pub fn polls(mut self, limit: u64) -> Explore {
        self.polls = limit;
        self
    }

    /// Sets the seed of the random schedules: 0 by default. The same seed gives the same schedules.
    ///
    /// ```
    /// use boucle::explore::{Explore, Strategy};
    ///
    /// let random = Explore::new().strategy(Strategy::Random).schedules(200);
    /// for seed in 0..3 {
    ///     random.clone().seed(seed).run(|| async {
    ///         boucle::gather((0..9).map(|_| boucle::yield_now())).await;
    ///     });
    /// }
    /// ```
    pub fn seed(mut self, seed: u64) -> Explore {
        self.seed = seed;
        self
    }

    /// Sets which schedules are tried.
    ///
    /// ```
    /// use boucle::explore::{Explore, Strategy};
    ///
    /// // All of them or as many as the bound allows, but no random ones.
    /// Explore::new().strategy(Strategy::Exhaustive).run(|| async {
    ///     boucle::gather((0..3).map(|_| boucle::yield_now())).await;
    /// });
    /// ```
    pub fn strategy(mut self, strategy: Strategy) -> Explore {
        self.strategy = strategy;
        self
    }

    /// Sets whether other orders of tasks than FIFO are tried: by default they are. Without them, only the
    /// program's [choices](crate::explore::choose) differ, and [spurious polls](Self::spurious_polls).
    ///
    /// ```
    /// use boucle::explore::{Explore, choose};
    ///
    /// let explored = Explore::new().orders(false).run(|| async {
    ///     let bytes = choose(3); // of a message that comes in parts
    ///     boucle::gather((0..3).map(|_| boucle::yield_now())).await;
    ///     assert!(bytes < 3);
    /// });
    /// assert_eq!(explored.to_string(), "3 schedules, complete");
    /// ```
    pub fn orders(mut self, orders: bool) -> Explore {
        self.orders = orders;
        self
    }

    /// Sets whether a task that waits, or the main future, may be polled though nothing has woken it: by
    /// default it is not. Any future must allow such a poll, since another future of the same task may have
    /// been woken. (A task that waits may be polled again and again while others are ready, so hardly any
    /// exploration is complete then.)
    ///
    /// ```
    /// use boucle::explore::Explore;
    /// use std::future::poll_fn;
    /// use std::task::Poll;
    ///
    /// // Its second poll is ready, whether or not it was woken.
    /// let program = || async {
    ///     let mut polls = 0;
    ///     let child = boucle::spawn(poll_fn(move |cx| {
    ///         polls += 1;
    ///         let waker = cx.waker().clone();
    ///         drop(boucle::spawn(async move { waker.wake() }));
    ///         if polls > 1 { Poll::Ready(polls) } else { Poll::Pending }
    ///     }));
    ///     assert_eq!(child.await.unwrap(), 2);
    /// };
    /// Explore::new().spurious_polls(true).schedules(100).run(program);
    /// ```
    pub fn spurious_polls(mut self, spurious: bool) -> Explore {
        self.spurious = spurious;
        self
    }

    /// Sets how many threads share the schedules: by default there is one. The result is the same with any
    /// number, unless there is a limit of time, or the program [sets a panic hook](super#what-is-a-failure).
    ///
    /// ```
    /// use boucle::explore::Explore;
    ///
    /// let program = || async { boucle::gather((0..3).map(|_| boucle::yield_now())).await };
    /// let explored = Explore::new().threads(2).run(program);
    /// assert_eq!(explored, boucle::explore(program));
    /// ```
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn threads(mut self, threads: usize) -> Explore {
        assert!(threads > 0, "an exploration needs one thread at least");
        self.threads = threads;
        self
    }
}

impl Default for Explore {
    #[track_caller]
    fn default() -> Self {
        Explore::new()
    }
}

/// Which schedules are tried.
///
/// ```
/// use boucle::explore::{Explore, Strategy};
///
/// let program = || async { boucle::gather((0..3).map(|_| boucle::yield_now())).await };
/// let explored = Explore::new().strategy(Strategy::Exhaustive).run(program);
/// assert_eq!(explored.to_string(), "90 schedules, complete");
/// let explored = Explore::new().strategy(Strategy::Random).run(program);
/// assert_eq!(explored.to_string(), "10000 schedules, bounded"); // some of them more than once
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Those of `Exhaustive`, up to half of the bound, and then those of `Random`.
    #[default]
    Mixed,
    /// FIFO, then each that leaves it once, then each that leaves it twice, and so on.
    Exhaustive,
    /// FIFO, and then random ones: every other one chooses evenly, the rest by priorities that change up to
    /// three times.
    Random,
}
