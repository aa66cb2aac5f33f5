//! The texts of the page, interned: each is stored once.

use std::collections::HashMap;
use std::rc::Rc;

/// Texts and their numbers.
#[derive(Default)]
pub(super) struct Texts {
    all: Vec<Rc<str>>,
    number_of: HashMap<Rc<str>, u64>,
}

impl Texts {
    /// Returns the number of a text, and adds the text if it is new.
    pub(super) fn intern(&mut self, text: &str) -> u64 {
        if let Some(&number) = self.number_of.get(text) {
            return number;
        }
        let (number, text) = (self.all.len() as u64, Rc::from(text));
        self.all.push(Rc::clone(&text));
        self.number_of.insert(text, number);
        number
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|text| &**text)
    }
}
