//! The output of the downloads: lines, and on a terminal a bar below them for each download under way.

use std::fmt::Display;
use std::io::{IsTerminal, stdout};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

/// Where lines are printed and bars are drawn. A clone is the same screen.
#[derive(Clone)]
pub(crate) struct Screen(MultiProgress);

impl Screen {
    /// The terminal. If stdout is not one, the bars are not drawn.
    pub(crate) fn new() -> Screen {
        let bars =
            if stdout().is_terminal() { ProgressDrawTarget::stdout() } else { ProgressDrawTarget::hidden() };
        Screen(MultiProgress::with_draw_target(bars))
    }

    /// Prints a line, above the bars.
    pub(crate) fn say(&self, line: impl Display) {
        self.0.suspend(|| stage::println!("{line}"));
    }

    /// Draws a bar for a file whose length is not known yet. It is cleared when it is dropped.
    pub(crate) fn bar(&self, name: &str) -> ProgressBar {
        let style = ProgressStyle::with_template("{prefix:30} {wide_bar} {bytes}/{total_bytes}");
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
            .with_style(style.expect("a template"))
            .with_prefix(name.to_owned())
            .with_finish(ProgressFinish::AndClear);
        let bar = self.0.add(bar);
        bar.tick();
        bar
    }
}
