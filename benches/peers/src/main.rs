//! boucle beside the whole field: the same work on every single-threaded runtime, in one table.
//!
//! How to run it, what the columns mean and what is skipped is in `README.md`. The workloads are those of
//! the benches; here are the other runtimes, and what it takes to measure a dozen of them fairly: a
//! process for each side of each row, whose rounds take turns.

mod arguments; // the command line
mod rows; // what is measured
mod peers; // who is measured
mod coverage; // whether the rows of the benches at the top are all here
mod side; // one side of a row, in a process of its own
mod counts; // instructions and system calls
mod field; // rounds in turns, row by row
mod report; // the table
mod chart; // the table as a picture
#[path = "../../workloads/mod.rs"]
mod workloads;

use std::process::ExitCode;
use std::{fs, io};

use arguments::Arguments;
use field::Field;

/// Counts what is held, for the rows in bytes.
#[global_allocator]
static ALLOCATOR: workloads::memory::Counting = workloads::memory::Counting;

fn main() -> io::Result<ExitCode> {
    if side::serve() {
        return Ok(ExitCode::SUCCESS);
    }
    let asked = Arguments::read();
    let field = Field::new(&asked);
    if asked.list {
        field.list();
        return Ok(ExitCode::SUCCESS);
    }
    let report = field.measure(&asked)?;
    if let Some(path) = &asked.json {
        fs::write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    if let Some(path) = &asked.markdown {
        fs::write(path, report.markdown())?;
    }
    if let Some(path) = &asked.svg {
        fs::write(path, chart::chart(&report))?;
    }
    match asked.test && report.has_failed {
        true => Ok(ExitCode::FAILURE),
        false => Ok(ExitCode::SUCCESS),
    }
}
