//! A row of the table. It is measured in processes of its own, so that it does not find the memory as
//! another row left it, and its failure ends no other row.

use std::env;
use std::io;
use std::process::{Command, Output};

use stage::println;

use crate::coroutines::Coroutines;
use crate::processes::Processes;
use crate::ring::{Figures, measure, median};
use crate::threads::Threads;

pub(crate) const KINDS: [&str; 3] = ["processes", "threads", "coroutines"];

/// Measures the row three times, each in a new process, and returns the median of each figure.
pub(crate) fn figures(kind: &str, number: usize) -> Result<Figures, String> {
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(in_a_process(kind, number)?);
    }
    let memories: Option<_> = runs.iter().map(|run| run.memory).collect();
    Ok(Figures {
        start: median(runs.iter().map(|run| run.start).collect()),
        memory: memories.map(median),
        switch: median(runs.iter().map(|run| run.switch).collect()),
    })
}

fn in_a_process(kind: &str, number: usize) -> Result<Figures, String> {
    let output = env::current_exe().and_then(|program| {
        Command::new(program).args(["--row", kind, &number.to_string()]).env("RUST_BACKTRACE", "0").output()
    });
    let output = output.map_err(|why| format!("no process for this row: {why}"))?;
    read(&output).ok_or_else(|| failure(&output))
}

/// Measures the row in this process, and prints its figures.
pub(crate) fn measure_here(kind: &str, number: usize) -> io::Result<()> {
    let figures = match kind {
        "processes" => measure::<Processes>(number)?,
        "threads" => measure::<Threads>(number)?,
        _ => measure::<Coroutines>(number)?,
    };
    let memory = figures.memory.map(|bytes| bytes.to_string());
    let memory = memory.as_deref().unwrap_or("-");
    println!("{} {memory} {}", figures.start, figures.switch);
    Ok(())
}

/// Reads the figures that the process has printed.
fn read(output: &Output) -> Option<Figures> {
    let line = str::from_utf8(&output.stdout).ok()?;
    let mut figures = line.split_whitespace().map(|figure| figure.parse().ok());
    Some(Figures { start: figures.next()??, memory: figures.next()?, switch: figures.next()?? })
}

/// Returns why the process has printed nothing: its line on stderr, or its exit status.
fn failure(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let mut lines = stderr.lines();
    // A panic prints where, and then why.
    let why = lines.find(|line| !line.is_empty() && !line.contains(" panicked at "));
    why.map_or_else(|| output.status.to_string(), str::to_owned)
}
