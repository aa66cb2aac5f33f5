//! Exploration: which schedules are tried, and what is said of one that fails.

mod cancel;
mod failures;
mod leaves;
mod schedules;
