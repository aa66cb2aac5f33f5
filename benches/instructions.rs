//! Does the loop execute more instructions than it did when this was written down?
//!
//! Times drift; instructions repeat. valgrind counts those of the hot paths, and `instructions.toml` has
//! how many they were, for each compiler. A row that is off by more than 3 % fails the bench, also where it
//! got better: so that every change of a figure is a line in a commit.
//!
//! ```text
//! cargo bench --bench instructions               compare
//! cargo bench --bench instructions -- --write    write down what is counted
//! cargo bench --bench instructions -- --test     one tiny round of everything, nothing counted
//! ```

#[macro_use]
mod table;
mod workloads;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, fs};

use table::arguments::Arguments;
use table::row::Row;
use table::tools::Tool;
use workloads::gather::{gather, staggered};
use workloads::ring::ring;
use workloads::spawn::{one_after_another, spawn_and_await};
use workloads::tcp::echo;
use workloads::timers::{arm_and_cancel, isolated_sleeps};
use workloads::yields::yields;

const WRITTEN_DOWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.toml");

/// How much a figure may differ, as a share of it.
const TOLERANCE: f64 = 0.03;

/// Instructions of an operation, by the name of the row.
type Figures = BTreeMap<String, f64>;

fn rows() -> Vec<Row> {
    rows! { [boucle]
        "yield, 1 task",                20_000, yields(1);
        "yield, 1,000 tasks",           20_000, yields(1_000);
        "ping-pong",                    20_000, ring(2);
        "ring of 1,000",                20_000, ring(1_000);
        "spawn and await",              20_000, spawn_and_await();
        "spawn(..).await, one by one",  20_000, one_after_another();
        "gather of 1,000, staggered",   20_000, gather(1_000, staggered);
        // Many, as the clock takes some instructions more in one half of each second.
        "arm and cancel a timer",      200_000, arm_and_cancel();
        "isolated sleep",                  500, isolated_sleeps(Duration::from_micros(100));
        "TCP echo, 50 connections",      5_000, echo(50);
    }
}

fn main() -> ExitCode {
    let asked = Arguments::read("instructions [--test] [--write] [PART OF A ROW'S NAME]...");
    let mut rows = rows();
    rows.retain(|row| asked.want(row.name));
    if let Some(side) = &asked.only {
        for row in rows {
            row.run_only(side, 1, asked.operations.unwrap_or(row.operations));
        }
    } else if asked.test {
        rows.iter().for_each(Row::try_out);
    } else if !Tool::Callgrind.works() {
        println!("instructions: skipped, valgrind does not work here");
    } else {
        return compare(&rows, asked.write);
    }
    ExitCode::SUCCESS
}

fn compare(rows: &[Row], write: bool) -> ExitCode {
    let compiler = compiler();
    let mut all = read();
    let known = all.get(&compiler).cloned();
    let mut counted = Figures::new();
    let mut is_right = true;
    println!("instructions per operation, {compiler}");
    for row in rows {
        let now = Tool::Callgrind.count(row.name, "boucle", row.operations);
        counted.insert(row.name.into(), now);
        let before = known.as_ref().and_then(|figures| figures.get(row.name));
        let is_off = before.is_none_or(|before| (now / before - 1.0).abs() > TOLERANCE);
        is_right &= !is_off;
        let before = before.map_or("nothing".into(), |before| format!("{before:.1}"));
        let verdict = if is_off { "  <- off" } else { "" };
        println!(
            "{:30}{now:>10.1}{:>20}{verdict}",
            row.name,
            format!("written: {before}")
        );
    }
    if write {
        all.entry(compiler).or_default().extend(counted);
        write_down(&all);
    } else if known.is_none() {
        println!("nothing is written down for this compiler, so nothing is compared");
    } else if !is_right {
        println!("If this is meant: cargo bench --bench instructions -- --write, and commit it.");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What `rustc -V` says.
fn compiler() -> String {
    let rustc = env::var("RUSTC").unwrap_or("rustc".into());
    let output = Command::new(rustc).arg("-V").output();
    let output = output.expect("there is a compiler, as this was compiled");
    String::from_utf8_lossy(&output.stdout).trim().into()
}

/// A section for each compiler.
fn read() -> BTreeMap<String, Figures> {
    let text = fs::read_to_string(WRITTEN_DOWN).unwrap_or_default();
    let mut sections = BTreeMap::new();
    let mut section = &mut Figures::new();
    for line in text.lines() {
        if let Some(compiler) = line
            .strip_prefix("[\"")
            .and_then(|it| it.strip_suffix("\"]"))
        {
            section = sections.entry(compiler.into()).or_default();
        } else if let Some((name, figure)) = line.split_once(" = ") {
            let figure = figure.parse().expect("a figure is a number");
            section.insert(name.trim_matches('"').into(), figure);
        }
    }
    sections
}

fn write_down(sections: &BTreeMap<String, Figures>) {
    let mut text = String::from(
        "# Instructions of one operation, as `cargo bench --bench instructions -- --write` counts them.\n",
    );
    for (compiler, figures) in sections {
        text += &format!("\n[\"{compiler}\"]\n");
        for (name, figure) in figures {
            text += &format!("\"{name}\" = {figure:.1}\n");
        }
    }
    fs::write(WRITTEN_DOWN, text).expect("the file can be written");
}
