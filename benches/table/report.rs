//! The figures of a row, and its lines for a terminal.

use std::fmt;

use serde::Serialize;

use super::rows::Unit;

/// A row, with its sides in the order of the field: boucle first.
#[derive(Serialize)]
pub struct Measured {
    pub row: &'static str,
    pub unit: Unit,
    pub operations: usize,
    pub sides: Vec<Figures>,
}

/// What an operation takes.
#[derive(Serialize)]
pub struct Figures {
    pub peer: &'static str,
    pub best: f64,
    pub median: f64,
    /// How many rounds were run.
    pub rounds: usize,
    /// boucle's best to its best.
    pub ratio: Option<f64>,
    pub instructions: Option<f64>,
    pub system_calls: Option<f64>,
}

/// A peer that does not run here, or not in one row, or not under one tool; a tool that is missing.
#[derive(Serialize)]
pub struct Skipped {
    pub what: String,
    pub why: String,
}

impl Measured {
    pub fn side(&self, peer: &str) -> Option<&Figures> {
        self.sides.iter().find(|side| side.peer == peer)
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = format!("{}, {}", self.row, self.unit.name());
        write!(f, "{title:44} {:>9} {:>9} {:>7}", "best", "median", "ratio")?;
        let is_counted = self.sides.iter().any(|side| side.instructions.or(side.system_calls).is_some());
        if is_counted {
            write!(f, " {:>13} {:>13}", "instructions", "system calls")?;
        }
        for side in &self.sides {
            let [best, median] = [side.best, side.median].map(|figure| number(Some(figure)));
            write!(f, "\n  {:42} {best:>9} {median:>9} {:>7}", side.peer, number(side.ratio))?;
            if is_counted {
                let counts = [side.instructions, side.system_calls].map(number);
                write!(f, " {:>13} {:>13}", counts[0], counts[1])?;
            }
        }
        Ok(())
    }
}

/// Prints three digits or so.
pub fn number(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        // Not minus zero.
        Some(value) if value.abs() < 0.0005 => "0.00".into(),
        Some(value) if value.abs() < 0.0995 => format!("{value:.4}"),
        Some(value) if value.abs() < 9.995 => format!("{value:.2}"),
        Some(value) if value < 99.95 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}
