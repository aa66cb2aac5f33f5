//! Time: the wheel, the clock, and the futures that wait for it.

pub(crate) mod wheel; // the timer wheel, pure
pub(crate) mod clock; // real or virtual: the one file that reads the time
pub(crate) mod sleep; // `sleep`, `sleep_until`, `now`
pub(crate) mod timeout; // `timeout`
pub(crate) mod interval; // `interval`
