//! boucle beside the whole field: the same work on every single-threaded runtime, in one table.
//!
//! How to run it, what the columns mean and what is skipped is in `README.md`. The workloads and the table
//! are those of the benches; this package adds the other runtimes.

mod peers; // the field
mod page; // the table for a page
mod chart; // the table as a picture
#[path = "../../table/mod.rs"]
mod table;
#[path = "../../workloads/mod.rs"]
mod workloads;

use std::process::ExitCode;
use std::{fs, io};

use page::{Machine, Page, Version};
use peers::PEERS;
use table::arguments::Arguments;
use table::field::Field;
use table::report::Measured;
use table::rows::Row;
use table::side;
use table::tools::{CALLGRIND, STRACE, Tool};

/// Counts what is held, for the rows in bytes.
#[global_allocator]
static ALLOCATOR: workloads::memory::Counting = workloads::memory::Counting;

const USAGE: &str = "\
boucle-peers [OPTION]... [PART OF A ROW'S NAME]...

  --peer NAME      this peer only, beside boucle (again for more of them)
  --rounds N       that many rounds in each of a side's three processes
  --no-counts      times and bytes only: no callgrind, no strace
  --test           one tiny round of everything, no measurement
  --list           the rows and the peers
  --json FILE      the table for programs
  --markdown FILE  the table for a page
  --svg FILE       the table as a picture";

fn main() -> io::Result<ExitCode> {
    if side::serve(PEERS) {
        return Ok(ExitCode::SUCCESS);
    }
    let asked = Arguments::read(USAGE);
    let mut field = Field::new(PEERS, &asked);
    if asked.list {
        list(&field, &asked);
        return Ok(ExitCode::SUCCESS);
    }
    let rows = measure(&mut field, &asked)?;
    let page = Page {
        machine: Machine::this(),
        peers: field.peers.iter().map(|peer| Version::of(peer)).collect(),
        rows,
        skipped: field.skipped,
    };
    if let Some(path) = &asked.json {
        fs::write(path, serde_json::to_string_pretty(&page)? + "\n")?;
    }
    if let Some(path) = &asked.markdown {
        fs::write(path, page.markdown())?;
    }
    if let Some(path) = &asked.svg {
        fs::write(path, chart::chart(&page))?;
    }
    match asked.test && field.has_failed {
        true => Ok(ExitCode::FAILURE),
        false => Ok(ExitCode::SUCCESS),
    }
}

fn list(field: &Field, asked: &Arguments) {
    for peer in &field.peers {
        println!("{}", Version::of(peer));
    }
    for row in field.rows(asked) {
        println!("  {}", row.name);
    }
}

/// Measures and counts, and prints each row as soon as it is known.
fn measure(field: &mut Field, asked: &Arguments) -> io::Result<Vec<Measured>> {
    let counts = !asked.no_counts && !asked.test;
    let mut tool = |tool: &'static Tool| {
        let works = counts && tool.works();
        if counts && !works {
            let why = format!("{} does not work here", tool.name);
            field.skip(tool.counts.to_owned(), why);
        }
        works.then_some(tool)
    };
    let tools = [tool(&CALLGRIND), tool(&STRACE)];
    let mut rows = Vec::new();
    for row in field.rows(asked) {
        let mut measured = field.measure(&row, asked)?;
        if row.counted > 0 {
            count(field, &row, &mut measured, tools);
        }
        match asked.test {
            true => println!("{}: {} peers", row.name, measured.sides.len()),
            false => println!("{measured}\n"),
        }
        rows.push(measured);
    }
    Ok(rows)
}

/// Fills the columns of the two tools.
fn count(field: &mut Field, row: &Row, measured: &mut Measured, tools: [Option<&Tool>; 2]) {
    for side in &mut measured.sides {
        let columns = [&mut side.instructions, &mut side.system_calls];
        for (column, tool) in columns.into_iter().zip(tools) {
            let Some(tool) = tool else { continue };
            match tool.per_operation(side.peer, row) {
                Ok(count) => *column = Some(count),
                Err(why) => field.skip(
                    format!("{}, {}, {}", side.peer, row.name, tool.counts),
                    format!("{}: {why}", tool.name),
                ),
            }
        }
    }
}
