//! The static picture, and the one on the canvas.

use boucle::observe::EventKind;
use boucle::trace::Trace;
use boucle_browser::Browser;
use serde_json::Value;

use crate::{data, drawn, medley, open, recorded, seconds, two_loops, watch_the_canvas};

/// Without JavaScript the page has the static picture, with a description in words.
#[test]
fn without_scripts_there_is_a_picture() {
    let trace = recorded(async {
        boucle::spawn_named("hello", boucle::sleep(seconds(1.0))).await.unwrap();
    });
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.without_scripts();
    browser.open(&trace.to_html());
    assert_eq!(browser.texts("#live"), [""; 0]);
    assert_eq!(browser.value("document.querySelector('svg').checkVisibility()"), true);
    let polls = trace.loops[0].events.iter();
    let polls = polls.filter(|event| matches!(event.kind, EventKind::PollBegins { .. })).count();
    // The legend has one too.
    let drawn = browser.value("document.querySelectorAll('svg rect.poll').length");
    assert_eq!(drawn, polls + 1);
    let about = browser.value("document.querySelector('svg desc').textContent");
    assert!(about.as_str().unwrap().contains("polls 2 hello"), "{about}");
}

/// A name is shown as text, even if it looks like markup.
#[test]
fn a_name_is_no_markup() {
    let name = "</script><h1 id=\"bad\">&amp;";
    let trace = recorded(async {
        boucle::spawn_named(name, async {}).await.unwrap();
    });
    let Some(mut browser) = open(&trace) else {
        return;
    };
    browser.press("ArrowRight");
    assert_eq!(browser.texts("#ready li"), [format!("2 {name}")]);
    assert_eq!(browser.value("document.querySelectorAll('#bad').length"), 0);
    browser.without_scripts();
    browser.open(&trace.to_html());
    let drawn = browser.value("document.querySelectorAll('svg text').length");
    assert!(drawn.as_u64().unwrap() > 5);
    assert_eq!(browser.value("document.querySelectorAll('#bad').length"), 0);
}

/// Every bar stands on the canvas as in the static picture, but for the scale. Both have the same labels.
#[test]
fn both_pictures_have_the_same_bars() {
    let trace = recorded(async {
        let hello = boucle::spawn_named("hello", boucle::sleep(seconds(2.0)));
        boucle::spawn_named("never polled", async {}).abort();
        let world = boucle::spawn(async { boucle::sleep(seconds(1.0)).await });
        boucle::gather([0.2, 0.1].map(|time| boucle::sleep(seconds(time)))).await;
        world.await.unwrap();
        hello.await.unwrap();
    });
    let Some(mut browser) = open(&trace) else {
        return;
    };
    browser.value("get('static').hidden = false");
    let placed = browser.value(
        "[...document.querySelectorAll('svg g')].map((it) => it.querySelector('rect, .wait'))\
         .map((it) => [it.getAttribute('class'), it.getBBox()])\
         .map(([name, { x, y, width, height }]) => [name, y + height / 2, x, width])",
    );
    // Polls are as high as 14 pixels, what is ready or aborted is 10, and what waits has a line.
    browser.value(
        "(() => { window.bars = []; const of = CanvasRenderingContext2D.prototype, { fillRect } = of; \
         of.fillRect = function (x, y, width, height) { \
         const name = { 14: 'poll', 10: 'ready', 1.2: 'wait' }[height]; \
         if (name) bars.push([name, y + height / 2, x, width]); \
         return fillRect.call(this, x, y, width, height); }; })()",
    );
    watch_the_canvas(&mut browser);
    let (words, _) = drawn(&mut browser, "bars.length = 0; get('whole').click()");
    let shown = browser.value("bars");
    let (placed, shown) = (Bar::all(&placed), Bar::all(&shown));
    assert!(placed.len() > 15);
    assert_eq!(shown.len(), placed.len());
    for (shown, placed) in shown.iter().zip(&placed) {
        assert_eq!((&shown.name, shown.row), (&placed.name, placed.row));
        let apart = (shown.x - placed.x).abs().max((shown.width - placed.width).abs());
        assert!(apart < 2e-4, "{shown:?} {placed:?}");
    }
    for task in data(&trace)["loops"][0]["tasks"].as_array().unwrap() {
        let label = data(&trace)["texts"][task["label"].as_u64().unwrap() as usize].clone();
        let label = label.as_str().unwrap();
        let is_label = |words: &String| match words.strip_suffix('…') {
            Some(beginning) => label.starts_with(beginning),
            None => words == label,
        };
        assert!(words.iter().any(is_label), "{label} {words:?}");
        let title = format!("<title>{label} is ready: ");
        assert!(trace.to_svg().contains(&title), "{label}");
    }
}

/// A bar: its place and width as parts of the whole run.
#[derive(Debug)]
struct Bar {
    name: String,
    row: i64,
    x: f64,
    width: f64,
}

impl Bar {
    /// Makes bars of arrays of name, middle, place and width in pixels, sorted by row and place.
    fn all(bars: &Value) -> Vec<Bar> {
        let bars = bars.as_array().unwrap();
        let number = |bar: &Value, index: usize| bar[index].as_f64().unwrap();
        let begin = bars.iter().map(|bar| number(bar, 2)).fold(f64::MAX, f64::min);
        let end = bars.iter().map(|bar| number(bar, 2) + number(bar, 3)).fold(0.0, f64::max);
        let top = bars.iter().map(|bar| number(bar, 1)).fold(f64::MAX, f64::min);
        let bars = bars.iter().map(|bar| Bar {
            name: bar[0].as_str().unwrap().replace("aborted", "ready"),
            row: ((number(bar, 1) - top) / 26.0).round() as i64,
            x: (number(bar, 2) - begin) / (end - begin),
            width: number(bar, 3) / (end - begin),
        });
        let mut bars: Vec<Bar> = bars.collect();
        bars.sort_by(|one, other| (one.row, one.x).partial_cmp(&(other.row, other.x)).unwrap());
        bars
    }
}

/// Times have three decimals even after an hour: a timer that is due at 1.049 s and fires at 1.131 s is late.
/// The axis of the page writes times as the picture does.
#[test]
fn a_millisecond_is_shown_after_an_hour() {
    let times = [1.049, 1.131, 61.5, 3661.001].map(seconds);
    let trace = recorded(async move {
        let start = boucle::now();
        for time in times {
            boucle::sleep_until(start + time).await;
        }
    });
    let Some(mut browser) = open(&trace) else {
        return;
    };
    let svg = trace.to_svg();
    for (time, words) in times.iter().zip(["1.049 s", "1.131 s", "61.5 s", "3661.001 s"]) {
        assert!(svg.contains(&format!(">{words}<")), "{words}");
        let said = browser.value(&format!("duration({})", time.as_nanos()));
        assert_eq!(said, words);
    }
}

/// No time is rounded to 1000 of its unit, and half a digit is rounded up, as in the texts of the data.
#[test]
fn a_time_is_rounded_to_its_unit() {
    let Some(mut browser) = open(&recorded(async {})) else {
        return;
    };
    for (nanos, words) in [
        (999, "999 ns"),
        (12_250, "12.3 µs"),
        (100_500, "101 µs"),
        (999_499, "999 µs"),
        (999_500, "1 ms"),
        (999_499_999, "999 ms"),
        (999_600_000, "1 s"),
    ] {
        assert_eq!(browser.value(&format!("duration({nanos})")), words);
    }
}

/// The picture is well-formed XML, whatever names it has, since it is also written to a file.
#[test]
fn the_picture_is_well_formed() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let hostile = recorded(async {
        let _named = boucle::spawn_named("]]><a & b='\"\u{1}\u{fffe}\u{1F600}", async {}).await;
    });
    for trace in [recorded(medley()), hostile, two_loops(), Trace::default()] {
        let found = browser.value(&format!(
            "(() => {{ const it = new DOMParser().parseFromString({}, 'image/svg+xml'); \
             return it.querySelector('parsererror')?.textContent ?? it.documentElement.tagName; }})()",
            Value::from(trace.to_svg())
        ));
        assert_eq!(found, "svg");
    }
}
