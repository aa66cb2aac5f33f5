//! Counts the requests that a server has open, which shows without a clock whether waits overlap.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Counts the requests that were read and are not answered yet.
#[derive(Debug, Default)]
pub struct OpenRequests {
    now: AtomicUsize,
    /// The most there have been at once.
    most: AtomicUsize,
}

/// A request, open until this is dropped, as it is too when the client goes away.
#[derive(Debug)]
pub struct Open<'a>(&'a OpenRequests);

impl OpenRequests {
    /// Counts one more, until what it returns is dropped.
    pub fn open(&self) -> Open<'_> {
        let open = self.now.fetch_add(1, Relaxed) + 1;
        self.most.fetch_max(open, Relaxed);
        Open(self)
    }

    /// Returns the most that were open at once since this was last called.
    ///
    /// If that is the number of requests, the server had read all of them before it answered one. If it is one,
    /// each was read after the one before was answered.
    pub fn take_most(&self) -> usize {
        self.most.swap(0, Relaxed)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Relaxed);
    }
}
