//! What a figure of boucle's should be at most.

use super::report::number;

pub enum Aim {
    AtMost(f64),
    /// A multiple of that peer's figure.
    Times(f64, &'static str),
}

impl Aim {
    /// Compares boucle's figure with the bound. `None` if the peer has no figure.
    pub fn judge(&self, boucle: f64, figure_of: impl FnOnce(&str) -> Option<f64>) -> Option<Verdict> {
        let (figure, bound, of) = match *self {
            Aim::AtMost(bound) => (boucle, bound, String::new()),
            Aim::Times(bound, peer) => (boucle / figure_of(peer)?, bound, format!(" times {peer}")),
        };
        let is_within = figure <= bound;
        // Half a percent more is not seen in the digits that are printed.
        let is_met = figure <= bound * 1.005;
        let sign = if is_met { '≤' } else { '>' };
        let (figure, bound) = (number(Some(figure)), number(Some(bound)));
        Some(Verdict { is_met, is_within, words: format!("{figure} {sign} {bound}{of}") })
    }
}

pub struct Verdict {
    /// Within the bound, as far as the printed digits show.
    pub is_met: bool,
    /// Within the bound, exactly.
    pub is_within: bool,
    /// "0.31 > 0.25 times tokio".
    pub words: String,
}
