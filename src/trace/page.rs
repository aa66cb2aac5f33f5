//! The page: one HTML file that needs nothing else, neither network nor server.
//!
//! It has the static picture, for readers without JavaScript, and everything that it draws and says, as JSON.
//! Its scripts draw the visible part of that on a canvas, and step through it; they know no kind of event. They
//! stand in `page/`, in this order: `run.js` reads the data; `view.js` says which part is visible, and `draw.js`
//! draws it; `stepper.js` shows the loop's data structures at each step; `why.js` explains a poll; `page.js` is
//! the buttons and keys.

mod data; // the JSON
mod steps; // what the page says of each step
mod texts; // each text once

use crate::trace::Trace;

const TEMPLATE: &str = include_str!("page/template.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPTS: [&str; 6] = [
    include_str!("page/run.js"),
    include_str!("page/view.js"),
    include_str!("page/draw.js"),
    include_str!("page/stepper.js"),
    include_str!("page/why.js"),
    include_str!("page/page.js"),
];

impl Trace {
    /// Returns the run as a page to look at in a browser, and to step through: one HTML file, which needs
    /// nothing else.
    ///
    /// Its size is O(n) in the events; the static picture of each loop is bounded, unless names are long.
    ///
    /// ```
    /// use boucle::{EventLoop, trace::Recorder};
    ///
    /// let recorder = Recorder::new();
    /// let event_loop = EventLoop::builder().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::yield_now());
    /// let page = recorder.trace().to_html();
    /// assert!(page.starts_with("<!doctype html>"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn to_html(&self) -> String {
        // A task's name may contain "</script>".
        let data = data::of(self).replace('<', "\\u003c");
        let parts = [
            ("{{title}}", self.title()),
            ("{{style}}", STYLE.into()),
            ("{{picture}}", self.to_svg()),
            ("{{data}}", data),
            ("{{scripts}}", SCRIPTS.concat()),
        ];
        let mut page = String::new();
        let mut rest = TEMPLATE;
        for (mark, part) in parts {
            let (before, after) = rest.split_once(mark).expect("the template has the marks in order");
            page += before;
            page += &part;
            rest = after;
        }
        page + rest
    }
}
