//! Does an operation still take the instructions and system calls that are written down?
//!
//! valgrind and strace count boucle's, which repeat where times do not. `counts.toml` has the figures: system
//! calls, and for each compiler the instructions. A figure that is off by more than 3 % fails the bench, even
//! if it got better, so that every change of a figure is a line in a commit. A figure above its bound fails
//! the bench too, and cannot be written down. A figure above its aim is only marked.
//!
//! ```text
//! cargo bench --bench counts               compare
//! cargo bench --bench counts -- yield      the rows with "yield" in their name
//! cargo bench --bench counts -- --write    write down what is counted
//! ```

mod table;
mod workloads;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::{env, fs};

use table::aim::Aim::{self, AtMost, Times};
use table::arguments::Arguments;
use table::peer::{BENCH_PEERS, BOUCLE};
use table::report::number;
use table::side;
use table::tools::{CALLGRIND, STRACE, Tool};

const USAGE: &str = "counts [--test] [--write] [PART OF A ROW'S NAME]...";

const WRITTEN_DOWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/counts.toml");

/// How much a figure may differ, as a share of it.
const TOLERANCE: f64 = 0.03;

/// How much any figure may differ: a system call in 200 operations.
const LEAST_TOLERANCE: f64 = 0.005;

/// One system call in 61 polls.
const ONE_IN_61: f64 = 0.0165;

/// Bounds of instructions: a simpler loop may take more, up to these.
const MOST_INSTRUCTIONS: &[(&str, Aim)] = &[
    ("yield, 1 task", AtMost(174.0)),
    ("yield, 1,000 tasks", AtMost(162.0)),
    ("spawn(..).await, one by one", AtMost(1_011.0)),
    ("gather of 1,000, staggered", AtMost(1_509.0)),
    ("gather / join_all, yield_now", AtMost(960.0)),
    ("isolated sleep", AtMost(1_947.0)),
    ("ping-pong, 2 tasks", AtMost(224.0)),
    ("arm and cancel, 10,000 pending", AtMost(492.0)),
    ("accept and close", AtMost(2_386.0)),
];

/// Bounds of system calls: an echo makes none that the program by hand does not make.
const MOST_SYSTEM_CALLS: &[(&str, Aim)] = &[
    ("TCP echo, 1 connection", Times(1.0, "mio by hand")),
    ("TCP echo, 50 connections", Times(1.0, "mio by hand")),
    ("TCP echo, 1,000 connections", Times(1.0, "mio by hand")),
    ("UDP echo, 1 pair", Times(1.0, "mio by hand")),
    ("UDP echo, 50 pairs", Times(1.0, "mio by hand")),
    ("Unix datagram echo, 1 pair", Times(1.0, "mio by hand")),
    ("Unix datagram echo, 50 pairs", Times(1.0, "mio by hand")),
    ("Unix stream echo, 1 pair", Times(1.0, "mio by hand")),
    ("Unix stream echo, 50 pairs", Times(1.0, "mio by hand")),
    ("a loop for one run", AtMost(0.0)),
    ("a schedule of three tasks", AtMost(0.01)),
];

const INSTRUCTION_AIMS: &[(&str, Aim)] = &[
    ("TCP echo, 1 connection", Times(0.40, "tokio")),
    ("TCP echo, 50 connections", Times(0.40, "tokio")),
    ("TCP echo, 1,000 connections", Times(0.40, "tokio")),
];

const SYSTEM_CALL_AIMS: &[(&str, Aim)] = &[
    ("isolated sleep", AtMost(1.0)),
    ("yield, 1 task", AtMost(ONE_IN_61)),
    ("yield_now, 1 task", AtMost(ONE_IN_61)),
    ("yield, 1 task, socket open", AtMost(ONE_IN_61)),
    ("accept and close", Times(1.0, "tokio")),
];

/// What an operation takes, by the name of the row.
type Figures = BTreeMap<String, f64>;

fn main() -> ExitCode {
    if side::serve(BENCH_PEERS) {
        return ExitCode::SUCCESS;
    }
    let asked = Arguments::read(USAGE);
    if asked.test || !asked.bench {
        println!("counts: the rows are those of `ratios`");
        return ExitCode::SUCCESS;
    }
    let mut sections = read();
    let (mut is_right, mut are_compared, mut missed) = (true, false, Vec::new());
    for (tool, bounds, aims, section) in [
        (&CALLGRIND, MOST_INSTRUCTIONS, INSTRUCTION_AIMS, format!("instructions, {}", compiler())),
        (&STRACE, MOST_SYSTEM_CALLS, SYSTEM_CALL_AIMS, "system calls".to_owned()),
    ] {
        if !tool.works() {
            println!("{section}: skipped, {} does not work here", tool.name);
            continue;
        }
        let written = sections.entry(section.clone()).or_default();
        if written.is_empty() && !asked.write {
            println!("{section}: nothing is written down, so nothing is compared");
        }
        println!("{section:60} {:>10} {:>10}", "written", "counted");
        let Some(counted) = count(tool, &asked, bounds, aims, written, &mut missed) else {
            println!(
                "A figure is above its bound, which is a promise: see `MOST_INSTRUCTIONS`, `MOST_SYSTEM_CALLS`."
            );
            return ExitCode::FAILURE;
        };
        if counted.is_empty() {
            asked.say_that_no_row_has_the_name();
        }
        are_compared |= !written.is_empty() && !counted.is_empty();
        is_right &= counted.iter().all(|(row, &now)| is_as_written(written, row, now));
        if asked.filters.is_empty() {
            written.clear();
        }
        written.extend(counted);
    }
    if asked.write {
        write_down(&sections);
    } else if !is_right {
        println!("If this is meant: cargo bench --bench counts -- --write, and commit it.");
        return ExitCode::FAILURE;
    } else if are_compared {
        println!("What is written down still holds.");
    }
    if !missed.is_empty() {
        println!("Aims that are missed: {}.", missed.join("; "));
    }
    ExitCode::SUCCESS
}

/// Counts boucle's rows, and prints each beside what is written down. `None` if one is above its bound. An aim
/// may be missed.
fn count(
    tool: &Tool,
    asked: &Arguments,
    bounds: &[(&str, Aim)],
    aims: &[(&str, Aim)],
    written: &Figures,
    missed: &mut Vec<String>,
) -> Option<Figures> {
    let mut counted = Figures::new();
    let mut is_within = true;
    let rows = BOUCLE.rows().into_iter();
    for row in rows.filter(|row| row.counted > 0 && asked.wants_row(row.name)) {
        let of = |peer: &str| {
            let count = tool.per_operation(peer, &row);
            count.unwrap_or_else(|why| panic!("{peer}, {}: {why}", row.name))
        };
        let now = of("boucle");
        let is_off = !is_as_written(written, row.name, now);
        let [before, after] = [written.get(row.name).copied(), Some(now)].map(number);
        let verdict = if is_off { "  <- off" } else { "" };
        println!("{:60} {before:>10} {after:>10}{verdict}", row.name);
        let judge = |(name, aim): &(&str, Aim)| {
            (*name == row.name).then(|| aim.judge(now, |peer| Some(of(peer)))).flatten()
        };
        for verdict in bounds.iter().filter_map(judge) {
            let above = if verdict.is_within { "" } else { "  <- above its bound" };
            println!("  {}{above}", verdict.words);
            is_within &= verdict.is_within;
        }
        for verdict in aims.iter().filter_map(judge) {
            println!("  {} (an aim)", verdict.words);
            if !verdict.is_met {
                missed.push(format!("{}, {}", row.name, verdict.words));
            }
        }
        counted.insert(row.name.into(), now);
    }
    is_within.then_some(counted)
}

/// Returns whether a figure is within its tolerance. A row that is not written down is off, unless none is.
fn is_as_written(written: &Figures, row: &str, now: f64) -> bool {
    let is_near = |before: &f64| (now - before).abs() <= (TOLERANCE * before).max(LEAST_TOLERANCE);
    written.is_empty() || written.get(row).is_some_and(is_near)
}

/// What `rustc -V` says.
fn compiler() -> String {
    let rustc = env::var("RUSTC").unwrap_or("rustc".into());
    let output = Command::new(rustc).arg("-V").output();
    let output = output.expect("there is a compiler, as this was compiled");
    String::from_utf8_lossy(&output.stdout).trim().into()
}

fn read() -> BTreeMap<String, Figures> {
    let text = fs::read_to_string(WRITTEN_DOWN).unwrap_or_default();
    let mut sections = BTreeMap::new();
    let mut section = &mut Figures::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("[\"").and_then(|name| name.strip_suffix("\"]")) {
            section = sections.entry(name.into()).or_default();
        } else if let Some((row, figure)) = line.split_once(" = ") {
            let figure = figure.parse().expect("a figure is a number");
            section.insert(row.trim_matches('"').into(), figure);
        }
    }
    sections
}

fn write_down(sections: &BTreeMap<String, Figures>) {
    let mut text =
        String::from("# What an operation takes, as `cargo bench --bench counts -- --write` counts it.\n");
    for (section, figures) in sections {
        text += &format!("\n[\"{section}\"]\n");
        for (row, figure) in figures {
            text += &format!("\"{row}\" = {figure:.4}\n");
        }
    }
    fs::write(WRITTEN_DOWN, text).expect("the file can be written");
}
