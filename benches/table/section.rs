//! A section: rows whose figures are of one kind, and how they are printed.

use super::arguments::Arguments;
use super::row::{BOUCLE, COLUMNS, Columns, FLOOR, Row, TOKIO};
use super::tools::Tool;

pub struct Section {
    title: &'static str,
    kind: Kind,
    rows: Vec<Row>,
}

enum Kind {
    /// They differ from round to round.
    Measured,
    /// They are the same in all rounds.
    Repeating,
    /// A tool counts them.
    Counted(Tool),
}

/// Does with the table what is asked: mostly, fills and prints it.
pub fn run(sections: &[Section], asked: &Arguments) {
    let mut missed = Vec::new();
    for section in sections {
        let rows: Vec<_> = section
            .rows
            .iter()
            .filter(|row| asked.want(row.name))
            .collect();
        if let Some(side) = &asked.only {
            for row in rows {
                let operations = asked.operations.unwrap_or(row.operations);
                row.run_only(side, asked.rounds.unwrap_or(1), operations);
            }
        } else if asked.test {
            rows.iter().for_each(|row| row.try_out());
        } else if !rows.is_empty() {
            missed.extend(section.print(&rows, asked.rounds));
        }
    }
    if asked.only.is_none() && !asked.test {
        match missed.is_empty() {
            true => println!("\nEvery aim is met."),
            false => println!("\nMissed: {}.", missed.join("; ")),
        }
    }
}

impl Section {
    pub fn measured(title: &'static str, rows: Vec<Row>) -> Section {
        Section::new(title, Kind::Measured, rows)
    }

    pub fn repeating(title: &'static str, rows: Vec<Row>) -> Section {
        Section::new(title, Kind::Repeating, rows)
    }

    pub fn counted(title: &'static str, tool: Tool, rows: Vec<Row>) -> Section {
        Section::new(title, Kind::Counted(tool), rows)
    }

    fn new(title: &'static str, kind: Kind, rows: Vec<Row>) -> Section {
        Section { title, kind, rows }
    }

    /// Prints the section, a line as soon as it is known, and returns the names of the rows that miss an aim.
    fn print(&self, rows: &[&Row], rounds: Option<usize>) -> Vec<&'static str> {
        let mut missed = Vec::new();
        if let Kind::Counted(tool) = self.kind
            && !tool.works()
        {
            println!(
                "\n{}: skipped, {} does not work here",
                self.title,
                tool.name()
            );
            return missed;
        }
        print_head(self.title);
        for row in rows {
            let columns = match self.kind {
                Kind::Measured => row.measure(rounds),
                Kind::Repeating => row.measure(Some(1)),
                Kind::Counted(tool) => row.count(tool),
            };
            if print_row(row, &columns) {
                missed.push(row.name);
            }
        }
        missed
    }
}

fn print_head(title: &str) {
    let [boucle, tokio, set, floor] = ["boucle", "tokio", "LocalSet", "floor or mio"];
    println!(
        "\n{title:34}{boucle:>16}{tokio:>16}{set:>16}{floor:>16}   {:18}{:18}boucle",
        "/ tokio", "/ floor or mio"
    );
    println!(
        "{:34}{}",
        "",
        format!("{:>8}{:>8}", "best", "median").repeat(COLUMNS)
    );
}

/// Prints a line of the table; true if it misses an aim.
fn print_row(row: &Row, columns: &Columns) -> bool {
    print!("{:34}", row.name);
    for figures in columns {
        for figure in [figures.best(), figures.median()] {
            print!("{:>8}", figure.map_or("-".into(), in_digits));
        }
    }
    let mut misses = false;
    for column in [TOKIO, FLOOR, BOUCLE] {
        let boucle = columns[BOUCLE].best();
        let compared = match column {
            BOUCLE => row.aims[BOUCLE].and(boucle),
            _ => boucle
                .zip(columns[column].best())
                .map(|(boucle, other)| boucle / other),
        };
        let compared = compared.map(|compared| (compared, row.aims[column]));
        misses |= matches!(compared, Some((figure, Some(aim))) if exceeds(figure, aim));
        print!("   {:15}", compared.map_or("-".into(), verdict));
    }
    println!();
    misses
}

fn verdict((figure, aim): (f64, Option<f64>)) -> String {
    match aim {
        None => in_digits(figure),
        Some(aim) => {
            let sign = if exceeds(figure, aim) { '>' } else { '≤' };
            format!("{} {sign} {}", in_digits(figure), in_digits(aim))
        }
    }
}

/// By more than what its last digit shows.
fn exceeds(figure: f64, aim: f64) -> bool {
    figure > aim * 1.005
}

/// Three digits or so.
fn in_digits(figure: f64) -> String {
    let decimals = match figure.abs() {
        0.0..0.1 => 4,
        0.1..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{figure:.decimals$}")
}
