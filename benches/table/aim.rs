//! What a figure of boucle's should be at most.

use super::report::number;

pub enum Aim {
    AtMost(f64),
    /// A multiple of that peer's figure.
    Times(f64, &'static str),
}

impl Aim {
    /// The figure beside the bound, in words, and whether it is within.
    pub fn judge(&self, boucle: f64, figure_of: impl FnOnce(&str) -> Option<f64>) -> Option<Verdict> {
        let (figure, bound, of) = match *self {
            Aim::AtMost(bound) => (boucle, bound, String::new()),
            Aim::Times(bound, peer) => (boucle / figure_of(peer)?, bound, format!(" times {peer}")),
        };
        let is_within = figure <= bound;
        // By more than what the last digit shows.
        let is_met = figure <= bound * 1.005;
        let sign = if is_met { '≤' } else { '>' };
        let (figure, bound) = (number(Some(figure)), number(Some(bound)));
        Some(Verdict { is_met, is_within, words: format!("{figure} {sign} {bound}{of}") })
    }
}

pub struct Verdict {
    /// As far as the digits show.
    pub is_met: bool,
    /// Exactly.
    pub is_within: bool,
    /// "0.31 > 0.25 times tokio".
    pub words: String,
}
