//! Faults for Miri and for ThreadSanitizer to find. If they report these, their silence about the other tests
//! can be trusted. `.ci` runs each by its name, and expects the report.

use std::cell::UnsafeCell;
use std::sync::Arc;
use std::thread;

/// A task reads freed memory.
#[cfg(miri)]
#[test]
#[ignore = "it is undefined behaviour"]
fn a_use_after_free_is_reported() {
    let freed = {
        let value = Box::new(1);
        &raw const *value
    };
    // SAFETY: none, the value is gone.
    boucle::run(async { assert_eq!(unsafe { *freed }, 1) });
}

/// A task and a thread write to one place at the same time.
#[test]
#[ignore = "it is undefined behaviour"]
fn a_data_race_is_reported() {
    struct Unguarded(UnsafeCell<u32>);
    // SAFETY: none, nothing orders the writes.
    unsafe impl Sync for Unguarded {}
    impl Unguarded {
        fn write(&self) {
            // SAFETY: none.
            unsafe { *self.0.get() += 1 };
        }
    }

    let place = Arc::new(Unguarded(UnsafeCell::new(0)));
    let others = place.clone();
    let other = thread::spawn(move || others.write());
    boucle::run(async move { place.write() });
    other.join().unwrap();
}
