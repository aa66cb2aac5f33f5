//! Where a schedule leaves FIFO, as data and as text.

use std::fmt;
use std::str::FromStr;

/// The choices of a schedule that are not 0: position and choice, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Deviations(pub(super) Vec<(u32, u32)>);

impl Deviations {
    /// Returns the choice at a position: 0 if it is no deviation.
    pub(super) fn chosen_at(&self, at: usize) -> usize {
        let index = self.0.binary_search_by_key(&(at as u32), |deviation| deviation.0);
        index.map_or(0, |index| self.0[index].1 as usize)
    }

    pub(super) fn last_position(&self) -> Option<usize> {
        self.0.last().map(|last| last.0 as usize)
    }

    /// Formats them for `BOUCLE_SCHEDULE`, for the thread's exploration with this number.
    pub(super) fn numbered(&self, number: u64) -> String {
        if number == 1 { self.to_string() } else { format!("{number}/{self}") }
    }

    /// Returns them without the `group` deviations from `at` on.
    pub(super) fn without(&self, at: usize, group: usize) -> Deviations {
        let end = self.0.len().min(at + group);
        Deviations([&self.0[..at], &self.0[end..]].concat())
    }

    /// Returns them with each lower choice in place of the one at `at`.
    pub(super) fn lowered(&self, at: usize) -> impl Iterator<Item = Deviations> {
        let (position, chosen) = self.0[at];
        let with = move |lower| [&self.0[..at], &[(position, lower)], &self.0[at + 1..]].concat();
        (1..chosen).map(with).map(Deviations)
    }
}

/// As `BOUCLE_SCHEDULE` has it: `3:1,17:2`, or `fifo`.
impl fmt::Display for Deviations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("fifo");
        }
        for (index, (at, chosen)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{at}:{chosen}")?;
        }
        Ok(())
    }
}

impl FromStr for Deviations {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "fifo" {
            return Ok(Deviations::default());
        }
        let mut deviations = Vec::new();
        for deviation in text.split(',') {
            let (at, chosen) = deviation.split_once(':').ok_or(())?;
            let (at, chosen) = (at.parse().map_err(drop)?, chosen.parse().map_err(drop)?);
            let is_later = deviations.last().is_none_or(|&(before, _)| before < at);
            if !is_later || chosen == 0 {
                return Err(());
            }
            deviations.push((at, chosen));
        }
        Ok(Deviations(deviations))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deviations that are written read back; any other text is refused.
    #[test]
    fn deviations_are_text() {
        for text in ["fifo", "0:1", "3:1,17:2"] {
            assert_eq!(text.parse::<Deviations>().unwrap().to_string(), text);
        }
        for wrong in ["", "3", "3:", ":1", "3:0", "3:1,", "3:1,3:2", "4:1,3:1", "a:b", "-1:1"] {
            assert_eq!(wrong.parse::<Deviations>(), Err(()), "{wrong}");
        }
    }
}
