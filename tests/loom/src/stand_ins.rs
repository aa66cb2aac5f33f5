//! What stands in for `std`, `mio` and the numbers in the files under test.

use real::sync::Arc;
use real::sync::atomic::{AtomicUsize, Ordering};

use loom::model::Builder;
use loom::sync::{Condvar, Mutex};

/// The number of this execution. Loom's atomics and locks belong to one.
static EXECUTION: AtomicUsize = AtomicUsize::new(0);

/// Runs a model in every order that preempts threads at most three times.
pub(crate) fn run(name: &str, model: fn()) {
    let before = EXECUTION.load(Ordering::Relaxed);
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        EXECUTION.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let executions = EXECUTION.load(Ordering::Relaxed) - before;
    println!("{name}: {executions} executions");
}

/// `std::sync`, with what is loom's.
pub(crate) mod sync {
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use real::sync::{Arc, PoisonError};

    use real::sync::Mutex as RealMutex;
    use real::sync::atomic::Ordering;

    pub(crate) mod atomic {
        pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};
    }

    /// Is empty again in each execution, since it may be a static; old values are leaked. Loom knows no order
    /// that it makes, so it has to be filled before a second thread starts.
    pub(crate) struct OnceLock<T: 'static>(RealMutex<Option<(usize, &'static T)>>);

    impl<T> Default for OnceLock<T> {
        fn default() -> Self {
            OnceLock::new()
        }
    }

    impl<T> OnceLock<T> {
        pub(crate) const fn new() -> Self {
            OnceLock(RealMutex::new(None))
        }

        pub(crate) fn get(&self) -> Option<&T> {
            let now = super::EXECUTION.load(Ordering::Relaxed);
            let (execution, value) = (*self.0.lock().unwrap())?;
            (execution == now).then_some(value)
        }

        /// `init` has no step between which loom could run another thread.
        pub(crate) fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
            self.get().unwrap_or_else(|| {
                let value = Box::leak(Box::new(init()));
                let now = super::EXECUTION.load(Ordering::Relaxed);
                *self.0.lock().unwrap() = Some((now, value));
                value
            })
        }
    }
}

/// mio's waker, which ends the loop's sleep. As with an eventfd, a wake before the sleep ends it too.
#[derive(Clone)]
pub(crate) struct Waker(Arc<(Mutex<bool>, Condvar)>);

impl Waker {
    pub(crate) fn new() -> Self {
        Waker(Arc::new((Mutex::new(false), Condvar::new())))
    }

    pub(crate) fn wake(&self) -> crate::io::Result<()> {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_one();
        Ok(())
    }

    /// Sleeps until the waker is woken, as the kernel does.
    pub(crate) fn wait(&self) {
        let mut woken = self.0.0.lock().unwrap();
        while !*woken {
            woken = self.0.1.wait(woken).unwrap();
        }
        *woken = false;
    }
}

/// mio's: where sockets are registered. No model has one.
#[derive(Clone)]
pub(crate) struct Registry;

/// The numbers, as far as the inbox uses them, with one short id, for one loop at a time.
pub(crate) mod id {
    pub(crate) const MAX_LOOPS: usize = 1;

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) struct LoopNumber(u64);

    impl LoopNumber {
        pub(crate) fn next_sequence() -> u64 {
            use real::sync::atomic::{AtomicU64, Ordering};
            static LAST: AtomicU64 = AtomicU64::new(0);
            LAST.fetch_add(1, Ordering::Relaxed)
        }

        pub(crate) fn new(sequence: u64, _short: usize) -> Self {
            LoopNumber(sequence)
        }

        pub(crate) fn short_id(self) -> usize {
            0
        }
    }

    #[derive(Clone, Copy)]
    pub(crate) struct TaskNumber(u32);

    impl TaskNumber {
        pub(crate) fn new(_of: LoopNumber, slot: u32) -> Self {
            TaskNumber(slot)
        }

        pub(crate) fn short_id(self) -> usize {
            0
        }

        pub(crate) fn slot(self) -> u32 {
            self.0
        }
    }
}
