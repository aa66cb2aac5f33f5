//! The SVG that a figure is drawn on, light or dark as the reader's browser prefers.

use std::fmt::{Arguments, Write};

pub(crate) struct Sheet {
    body: String,
    width: f64,
    height: f64,
}

pub(crate) const MARGIN: f64 = 20.0;
/// Where the drawing begins, below the title and two lines of text.
pub(crate) const TOP: f64 = 84.0;

const STYLE: &str = "\
.figure {
  --page: #ffffff; --ink: #1f2328; --dim: #656d76; --edge: #afb8c1; --busy: #c2500c; --pale: #e7ecf1;
}
@media (prefers-color-scheme: dark) {
  .figure {
    --page: #0d1117; --ink: #e6edf3; --dim: #949ca6; --edge: #6e7681; --busy: #f0883e; --pale: #21262d;
  }
}
.figure text { font: 12px system-ui, -apple-system, \"Segoe UI\", sans-serif; fill: var(--ink); }
.figure .title { font-size: 16px; font-weight: 600; }
.figure .name { font-weight: 600; }
.figure .dim { fill: var(--dim); paint-order: stroke; stroke: var(--page); stroke-width: 3px; }
.figure .middle { text-anchor: middle; }
.figure .page { fill: var(--page); }
.figure .busy { fill: var(--busy); }
.figure .waits { fill: url(#figure-hatch); stroke: var(--edge); stroke-width: .75; }
.figure .hatch-back { fill: var(--page); }
.figure .hatch { fill: var(--edge); }
.figure .box { fill: none; stroke: var(--ink); stroke-width: 1.25; }
.figure .cell { fill: var(--pale); stroke: var(--edge); }
.figure .line { stroke: var(--edge); stroke-width: 1; fill: none; }
.figure .mark { stroke: var(--ink); stroke-width: 1.25; fill: none; }
.figure .thread { stroke: var(--busy); stroke-width: 2; fill: none; }
";

const HATCH: &str = r#"<defs>
<pattern id="figure-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect class="hatch-back" width="6" height="6"/><rect class="hatch" width="1.2" height="6"/></pattern>
</defs>
"#;

impl Sheet {
    pub(crate) fn new(width: f64, height: f64) -> Sheet {
        Sheet { body: String::new(), width, height }
    }

    pub(crate) fn text(&mut self, x: f64, y: f64, class: &str, words: &str) {
        let words = escaped(words);
        self.put(format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"));
    }

    pub(crate) fn rect(&mut self, class: &str, [x, y]: [f64; 2], [width, height]: [f64; 2]) {
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        ));
    }

    /// Draws a line; `path` is as in SVG.
    pub(crate) fn path(&mut self, class: &str, path: &str) {
        self.put(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
    }

    fn put(&mut self, element: Arguments<'_>) {
        let _ = writeln!(self.body, "{element}");
    }

    /// Adds a title and a note or two above the drawing, and returns the SVG.
    pub(crate) fn finish(mut self, title: &str, notes: &[&str]) -> String {
        self.text(MARGIN, 30.0, "title", title);
        for (index, note) in notes.iter().enumerate() {
            self.text(MARGIN, 50.0 + index as f64 * 17.0, "dim", note);
        }
        let Sheet { body, width, height } = self;
        let (title, about) = (escaped(title), escaped(&notes.join(" ")));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"figure\" role=\"img\" \
             aria-labelledby=\"figure-title figure-about\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\">\n\
             <title id=\"figure-title\">{title}</title>\n<desc id=\"figure-about\">{about}</desc>\n\
             <style>\n{STYLE}</style>\n{HATCH}\
             <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n{body}</svg>"
        )
    }
}

/// Makes a figure of a picture that is an SVG already.
pub(crate) fn framed(picture: &str, title: &str, notes: &[&str]) -> String {
    let size = |name: &str| -> Option<f64> {
        let (_, rest) = picture.split_once(&format!(" {name}=\""))?;
        rest.split_once('"')?.0.parse().ok()
    };
    let [width, height] = ["width", "height"].map(|name| size(name).expect("a picture has a size"));
    let mut sheet = Sheet::new(width, TOP + height);
    let placed = picture.replacen("<svg ", &format!("<svg y=\"{TOP}\" "), 1);
    sheet.put(format_args!("{placed}"));
    sheet.finish(title, notes)
}

fn escaped(words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    words.replace('>', "&gt;").replace('"', "&quot;")
}
