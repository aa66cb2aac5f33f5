//! Styled text: pieces, each with its ink, so that it can be printed in colours.

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Heading,
    Polled,
    Ready,
    Waits,
    Returned,
    /// A panic, an abort, a task that is dropped.
    Broken,
}

/// A line of text, or a part of one.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pieces: Vec<(Ink, String)>,
    /// In characters.
    width: usize,
}

impl Ink {
    /// Returns its colour, as a code for a terminal (ECMA-48, "select graphic rendition"): one of the eight
    /// that every terminal has, and that its theme sets.
    fn colour(self) -> Option<&'static str> {
        match self {
            Ink::Plain => None,
            Ink::Heading => Some("2"),
            Ink::Polled => Some("1;32"),
            Ink::Ready => Some("33"),
            Ink::Waits => Some("34"),
            Ink::Returned => Some("32"),
            Ink::Broken => Some("1;31"),
        }
    }
}

impl Line {
    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn put(&mut self, text: &str, ink: Ink) {
        self.width += text.chars().count();
        match self.pieces.last_mut() {
            Some((last, piece)) if *last == ink => piece.push_str(text),
            _ => self.pieces.push((ink, text.to_owned())),
        }
    }

    pub(super) fn append(&mut self, line: &Line) {
        for (ink, piece) in &line.pieces {
            self.put(piece, *ink);
        }
    }

    /// Repeats a sign until the line has that width.
    pub(super) fn fill(&mut self, width: usize, sign: &str, ink: Ink) {
        self.put(&sign.repeat(width.saturating_sub(self.width)), ink);
    }

    pub(super) fn text(&self, in_colours: bool) -> String {
        let pieces = self.pieces.iter().map(|(ink, piece)| match ink.colour() {
            Some(colour) if in_colours => format!("\x1b[{colour}m{piece}\x1b[0m"),
            _ => piece.clone(),
        });
        pieces.collect()
    }
}
