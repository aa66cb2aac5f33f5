//! The table as a picture: a panel for each row, a bar for each peer, shortest first.
//!
//! The bars are linear and begin at zero. One that would be longer than `LONGEST` times boucle's is cut, and
//! has an arrow. The colours follow the reader's page, light or dark.

use std::fmt::Write;

use crate::page::Page;
use crate::table::report::{Figures, Measured, number};

/// In bars of boucle's length.
const LONGEST: f64 = 8.0;

const COLUMNS: usize = 3;
const PANEL: usize = 350;
const NAMES: usize = 140;
const BARS: usize = 130;
const BAR: usize = 15;
const HEAD: usize = 84;
const TITLE: usize = 34;

const STYLE: &str = "
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.page { fill: #ffffff; }
.bar { fill: #afb8c1; }
.boucle { fill: #d1570d; }
.floor { fill: none; stroke: #8c959f; stroke-dasharray: 3 2; }
.title { font-weight: 600; }
.big { font-size: 18px; font-weight: 600; }
.dim { fill: #656d76; }
.name { text-anchor: end; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .page { fill: #0d1117; }
  .bar { fill: #57606a; }
  .boucle { fill: #f0883e; }
  .floor { stroke: #8b949e; }
  .dim { fill: #8d96a0; }
}
";

pub fn chart(page: &Page) -> String {
    let lines: Vec<_> = page.rows.chunks(COLUMNS).collect();
    let height = HEAD + lines.iter().map(|panels| line_height(panels)).sum::<usize>();
    let width = COLUMNS * PANEL + 20;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\">\n<style>{STYLE}</style>\n\
         <rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    text(&mut svg, 20, 32, "big", "boucle beside the field");
    text(&mut svg, 20, 52, "dim", &page.machine.to_string());
    let explained = format!(
        "What an operation takes, best round; shorter is better. A bar with an arrow is cut at {LONGEST} \
         times boucle's. Dashed: the floor and mio by hand, which are no runtimes."
    );
    text(&mut svg, 20, 70, "dim", &explained);
    let mut y = HEAD;
    for panels in lines {
        for (column, row) in panels.iter().enumerate() {
            panel(&mut svg, 20 + column * PANEL, y, row);
        }
        y += line_height(panels);
    }
    svg + "</svg>\n"
}

/// As high as the panel with the most bars.
fn line_height(panels: &[Measured]) -> usize {
    let most = panels.iter().map(|row| row.sides.len()).max();
    TITLE + most.unwrap_or(0) * BAR + 18
}

fn panel(svg: &mut String, x: usize, y: usize, row: &Measured) {
    text(svg, x, y + 22, "title", &format!("{}, {}", row.row, row.unit.name()));
    let mut sides: Vec<&Figures> = row.sides.iter().collect();
    sides.sort_by(|one, other| one.best.total_cmp(&other.best));
    let boucle = sides.iter().find(|side| side.peer == "boucle");
    let limit = boucle.map(|boucle| LONGEST * boucle.best);
    // A multiple of nothing is no limit.
    let limit = limit.filter(|&limit| limit > 0.0).unwrap_or(f64::INFINITY);
    let longest = sides.last().map_or(0.0, |side| side.best).min(limit);
    for (place, side) in sides.iter().enumerate() {
        let top = y + TITLE + place * BAR;
        let base = top + BAR - 4;
        let (name, bar) = match side.peer {
            "boucle" => ("name title", "bar boucle"),
            "floor" | "asking floor" | "mio by hand" => ("name", "floor"),
            _ => ("name", "bar"),
        };
        let length = (side.best.min(limit) / longest * BARS as f64).max(1.0);
        text(svg, x + NAMES - 8, base, name, side.peer);
        let _ = writeln!(
            svg,
            "<rect class=\"{bar}\" x=\"{}\" y=\"{top}\" width=\"{length:.1}\" height=\"{}\"/>",
            x + NAMES,
            BAR - 3,
        );
        let arrow = if side.best > limit { "→ " } else { "" };
        let figure = format!("{arrow}{}", number(Some(side.best)));
        text(svg, x + NAMES + length as usize + 6, base, "dim", &figure);
    }
}

fn text(svg: &mut String, x: usize, y: usize, class: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{words}</text>");
}
