//! The threads of figures 5 and 6 as lanes on an axis of time.

use std::ops::Range;
use std::time::Duration;

use super::sheet::{MARGIN, Sheet, TOP};
use super::threads::Moments;

/// Where the axis begins, and how long it is.
const AXIS: f64 = 100.0;
const LENGTH: f64 = 860.0;
const LANE: f64 = 80.0;
const BAR: f64 = 22.0;
/// The least width of a bar.
const SHORTEST: f64 = 1.5;
/// About how many times are written below the axis.
const TICKS: u32 = 8;

/// The axis, and the part of the run that it shows.
struct Axis {
    shown: Range<Duration>,
}

/// Figure 5: the whole run.
pub(crate) fn whole(threads: &[Moments; 2]) -> Sheet {
    let [one, other] = threads;
    let shown = Duration::ZERO..one.done.max(other.done);
    draw(threads, &Axis { shown }, false)
}

/// Figure 6: from the moment when the first of the two is woken to the end.
pub(crate) fn zoomed(threads: &[Moments; 2]) -> Sheet {
    let [one, other] = threads;
    let (woken, done) = (one.answered.min(other.answered), one.done.max(other.done));
    let around = (done - woken) / 10;
    let shown = woken.saturating_sub(around)..done + around;
    draw(threads, &Axis { shown }, true)
}

fn draw(threads: &[Moments; 2], axis: &Axis, with_pieces: bool) -> Sheet {
    let bottom = TOP + 2.0 * LANE;
    let mut sheet = Sheet::new(AXIS + LENGTH + 60.0, bottom + 60.0);
    axis.draw(&mut sheet, bottom);
    for (index, thread) in threads.iter().enumerate() {
        let y = TOP + index as f64 * LANE + 24.0;
        sheet.text(MARGIN, y + 8.0, "name", &format!("thread {}", index + 1));
        sheet.text(MARGIN, y + 23.0, "dim", thread.page);
        let mut bar = |class, words, time: Range<Duration>| axis.bar(&mut sheet, y, class, words, time);
        bar("waits", "", thread.begun..thread.connected);
        bar("busy", "", thread.connected..thread.sent);
        let answer = thread.sent..thread.answered;
        bar("waits", "waits for the answer", answer);
        bar("busy", "reads the page", thread.answered..thread.done);
        sheet.text(AXIS, y + BAR + 18.0, "dim", &in_words(thread));
        if with_pieces {
            for &piece in &thread.pieces {
                let (x, begin) = (axis.place(piece), y + BAR - 6.0);
                sheet.path("mark", &format!("M{x:.1} {begin:.1}v10"));
            }
        }
    }
    key(&mut sheet, bottom + 42.0, with_pieces);
    sheet
}

/// Says when the thread came to each step.
fn in_words(thread: &Moments) -> String {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    format!(
        "connected at {:.2} ms, request sent at {:.2} ms, first byte at {:.2} ms, done at {:.2} ms",
        millis(thread.connected),
        millis(thread.sent),
        millis(thread.answered),
        millis(thread.done)
    )
}

impl Axis {
    fn length(&self) -> Duration {
        self.shown.end - self.shown.start
    }

    fn place(&self, time: Duration) -> f64 {
        let after = time.saturating_sub(self.shown.start).as_secs_f64();
        AXIS + LENGTH * (after / self.length().as_secs_f64()).min(1.0)
    }

    /// Draws round times, each with a line.
    fn draw(&self, sheet: &mut Sheet, bottom: f64) {
        let rough = (self.length() / TICKS).as_nanos() as u64;
        let power = 10_u64.pow(rough.max(1).ilog10());
        let step = [1, 2, 5, 10].map(|digit| digit * power).into_iter().find(|&step| step >= rough);
        let step = step.unwrap_or(10 * power);
        let first = (self.shown.start.as_nanos() as u64).div_ceil(step);
        let times = (first..).map(|index| Duration::from_nanos(index * step));
        for time in times.take_while(|time| *time < self.shown.end) {
            let x = self.place(time);
            sheet.path("line", &format!("M{x:.1} {TOP}V{bottom}"));
            // A division gives the nearest number, and so few digits; a product with 1e-6 would not.
            let words = format!("{} ms", time.as_nanos() as f64 / 1e6);
            sheet.text(x, bottom + 16.0, "dim middle", &words);
        }
    }

    /// Draws the part of a bar that the axis shows, with its words if there is room.
    fn bar(&self, sheet: &mut Sheet, y: f64, class: &str, words: &str, time: Range<Duration>) {
        if time.end <= self.shown.start {
            return;
        }
        let (x, end) = (self.place(time.start), self.place(time.end));
        let width = (end - x).max(SHORTEST);
        sheet.rect(class, [x, y], [width, BAR]);
        if !words.is_empty() && width > words.len() as f64 * 6.6 {
            sheet.text(x, y - 5.0, "dim", words);
        }
    }
}

/// Explains the bars and the marks.
fn key(sheet: &mut Sheet, y: f64, with_pieces: bool) {
    sheet.rect("busy", [MARGIN, y - 10.0], [18.0, 12.0]);
    sheet.text(MARGIN + 26.0, y, "dim", "busy: it writes, or reads piece by piece");
    sheet.rect("waits", [310.0, y - 10.0], [18.0, 12.0]);
    sheet.text(336.0, y, "dim", "waits in a call to the kernel");
    if with_pieces {
        sheet.path("mark", &format!("M530 {:.1}v10", y - 8.0));
        sheet.text(540.0, y, "dim", "a piece of the page was read");
    }
}
