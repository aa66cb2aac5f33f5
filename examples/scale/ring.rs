//! What the three kinds have in common: a ring around which one token goes, and its measurement.
//!
//! Each member waits until it has the token and hands it to the next, and the last one to the main
//! process, thread or coroutine of the row, which is a member too. So each member runs once in a
//! round, and a round takes as many switches as there are members.

use std::time::Instant;
use std::{fs, io, process};

/// A number of processes, threads or coroutines in a ring. Dropping it ends them all.
pub(crate) trait Ring: Sized {
    /// Starts them. Each waits for the token.
    fn start(number: usize) -> io::Result<Self>;

    /// Sends the token round once.
    fn round(&mut self) -> io::Result<()>;

    /// The processes that this one has started.
    fn children(&self) -> Vec<u32> {
        Vec::new()
    }
}

/// What is measured of a ring.
pub(crate) struct Figures {
    /// Seconds until all of them have been started, and each has run once.
    pub(crate) start: f64,
    /// The bytes that all of them take, where the kernel reports it.
    pub(crate) memory: Option<f64>,
    /// Seconds of one switch.
    pub(crate) switch: f64,
}

pub(crate) fn measure<R: Ring>(number: usize) -> io::Result<Figures> {
    let before = memory(&[]);
    let begin = Instant::now();
    let mut ring = R::start(number)?;
    ring.round()?;
    let start = begin.elapsed().as_secs_f64();
    let after = memory(&ring.children());
    let memory = before.zip(after);
    Ok(Figures {
        start,
        memory: memory.map(|(before, after)| after - before),
        switch: switch(&mut ring, number + 1)?,
    })
}

/// Adds to an error that `started` of them had been started.
pub(crate) fn after(started: usize, why: &io::Error) -> io::Error {
    io::Error::other(format!("after {started} of them: {why}"))
}

/// Returns the time of a switch: the median of a few measurements, each over enough rounds that reading
/// the clock does not count.
fn switch(ring: &mut impl Ring, members: usize) -> io::Result<f64> {
    let rounds = (5_000 / members).max(1);
    let mut times = Vec::new();
    for _ in 0..5 {
        let begin = Instant::now();
        for _ in 0..rounds {
            ring.round()?;
        }
        times.push(begin.elapsed().as_secs_f64() / (rounds * members) as f64);
    }
    Ok(median(times))
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Returns the memory of this process and of `children`, in bytes, where the kernel reports it.
fn memory(children: &[u32]) -> Option<f64> {
    let processes = children.iter().copied().chain([process::id()]);
    processes.map(anonymous_memory).sum()
}

/// Returns the bytes of heap, stacks and variables. The rest is code, which the processes of a program share:
/// the share of one changes when others start and end.
fn anonymous_memory(process: u32) -> Option<f64> {
    let pages = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let mut lines = pages.lines();
    let line = lines.find_map(|line| line.strip_prefix("Anonymous:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024.0)
}
