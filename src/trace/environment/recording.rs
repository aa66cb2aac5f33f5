//! `BOUCLE_TRACE`: shows the loops of any program, without changing it.
//!
//! ```console
//! $ BOUCLE_TRACE=timeline cargo run --example sleep     # text, on stderr, when a loop ends
//! $ BOUCLE_TRACE=run.html cargo run --example sleep     # a page; or run.svg, run.json
//! ```
//!
//! All loops of the process are recorded together. The text of a loop is printed when it ends. A file is written
//! anew whenever a loop ends, and, on Unix, on Ctrl-C: first under another name, then renamed, so the file is
//! whole at any time. It replaces what stands there, even a link or a FIFO. (So n loops cost O(n²) in a file.
//! The other name ends in `.PID.part`, and must not be too long for the system. A process that ends while it
//! writes leaves that file.) `std::process::exit` ends no loop, so the file then holds what had happened when
//! the last loop ended, if one did.
//!
//! An error is printed on stderr, and the program goes on. If the file's folder does not exist, that is printed
//! when the first loop is made, too: not only at the end of a long run.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::observe::{Event, EventKind, Observer};
use crate::trace::environment::variable;
use crate::trace::{Recorder, stderr};

const VARIABLE: &str = "BOUCLE_TRACE";

/// The recorder of all loops of the process, and what is made of it.
pub(super) struct Recording {
    recorder: Recorder,
    form: Form,
}

/// What is made of a recording.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    Timeline,
    Html(PathBuf),
    Svg(PathBuf),
    Json(PathBuf),
}

/// Returns what the variable asks for. It is read once in a process.
pub(super) fn get() -> Option<&'static Recording> {
    static RECORDING: LazyLock<Option<Recording>> = LazyLock::new(|| {
        let form = variable::read(VARIABLE, parse)?;
        if let Form::Html(path) | Form::Svg(path) | Form::Json(path) = &form
            && let Err(error) = fs::metadata(path.with_file_name("."))
        {
            print_error(path, &error);
        }
        Some(Recording { recorder: Recorder::new(), form })
    });
    RECORDING.as_ref()
}

fn parse(value: &OsStr) -> io::Result<Form> {
    if value == "timeline" {
        return Ok(Form::Timeline);
    }
    let path = PathBuf::from(value);
    let path = std::path::absolute(path)?; // the program may change its directory
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("html") => Ok(Form::Html(path)),
        Some("svg") => Ok(Form::Svg(path)),
        Some("json") => Ok(Form::Json(path)),
        _ => Err(io::Error::other("expected `timeline`, or a file that ends in .html, .svg or .json")),
    }
}

/// An observer that shows the recording of a loop when it ends.
struct AtTheEnd(&'static Recording);

impl Observer for AtTheEnd {
    fn observe(&mut self, event: &Event) {
        if event.kind == EventKind::Closed {
            self.0.show(Some(event.event_loop));
        }
    }
}

impl Recording {
    /// Returns the observers of one more loop.
    pub(super) fn observers(&'static self) -> [Box<dyn Observer>; 2] {
        [Box::new(self.recorder.clone()), Box::new(AtTheEnd(self))]
    }

    /// Prints one loop, or all that were not printed yet; or writes the file, which has all loops.
    pub(super) fn show(&self, event_loop: Option<u64>) {
        // Loops may end on several threads at once.
        static SHOWING: Mutex<()> = Mutex::new(());
        let _showing = SHOWING.lock().unwrap_or_else(PoisonError::into_inner);
        let trace = match (&self.form, event_loop) {
            // What was printed need not be kept.
            (Form::Timeline, Some(number)) => self.recorder.take_loop(number),
            _ => self.recorder.trace(),
        };
        let (path, text) = match &self.form {
            Form::Timeline => return stderr::print(trace.timeline().titles(true).for_stderr()),
            Form::Html(path) => (path, trace.to_html()),
            Form::Svg(path) => (path, trace.to_svg()),
            Form::Json(path) => (path, trace.to_chrome_json()),
        };
        if let Err(error) = write(path, &text) {
            print_error(path, &error);
        }
    }
}

fn print_error(path: &Path, error: &io::Error) {
    stderr::print(format_args!("boucle: {VARIABLE}={}: {error}", path.display()));
}

/// Writes a file under another name, and renames it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}.part", process::id())); // other processes may write the file too
    let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, path));
    written.inspect_err(|_| drop(fs::remove_file(&unfinished)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file's extension says its form; for any other value, the error names the forms.
    #[test]
    fn what_a_value_asks_for() {
        let asks = |value: &str| parse(value.as_ref()).map_err(|wrong| wrong.to_string());
        assert_eq!(asks("timeline"), Ok(Form::Timeline));
        let absolute = |path| std::path::absolute(path).unwrap();
        assert_eq!(asks("../b.html"), Ok(Form::Html(absolute("../b.html"))));
        assert_eq!(asks(r"..\a run.html"), Ok(Form::Html(absolute(r"..\a run.html"))));
        assert_eq!(asks("x.svg"), Ok(Form::Svg(absolute("x.svg"))));
        assert_eq!(asks("x.json"), Ok(Form::Json(absolute("x.json"))));
        for unknown in ["x.txt", "x", "html", ".html"] {
            let wrong = "expected `timeline`, or a file that ends in .html, .svg or .json";
            assert_eq!(asks(unknown), Err(wrong.into()));
        }
    }
}
