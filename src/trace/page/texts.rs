//! The texts of the page, interned: each is stored once.

use std::collections::HashMap;

/// Texts and their numbers.
#[derive(Default)]
pub(super) struct Texts {
    number_of: HashMap<String, u64>,
}

impl Texts {
    /// Returns the number of a text, and adds the text if it is new.
    pub(super) fn intern(&mut self, text: &str) -> u64 {
        if let Some(&number) = self.number_of.get(text) {
            return number;
        }
        let number = self.number_of.len() as u64;
        self.number_of.insert(text.to_owned(), number);
        number
    }

    /// Returns the texts, in the order of their numbers.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &str> {
        let mut all: Vec<_> = self.number_of.iter().collect();
        all.sort_unstable_by_key(|(_, number)| **number);
        all.into_iter().map(|(text, _)| text.as_str())
    }
}
