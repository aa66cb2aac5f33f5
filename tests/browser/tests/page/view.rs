//! What is looked at: zoom, axes, search, colours.

use std::time::Duration;

use boucle::trace::Trace;
use boucle_browser::{Browser, Scheme};

use crate::{drawn, held, medley, open, recorded, seconds, watch_the_canvas};

/// A poll that is selected stays where it is when the picture is zoomed, and in view when the axis changes.
/// Over time, its turn has its number, and so has the turn under the pointer.
#[test]
fn a_selected_poll_stays_in_view() {
    let trace = recorded(async {
        for _ in 0..100 {
            boucle::sleep(seconds(0.1)).await;
        }
    });
    let Some(mut browser) = open(&trace) else {
        return;
    };
    watch_the_canvas(&mut browser);
    browser.press("End");
    browser.press("ArrowLeft");
    browser.press("Shift+ArrowRight");
    let why = browser.text("#why");
    let turn = trace.loops[0].events.back().unwrap().turn;
    assert!(why.contains(&format!("is polled in turn {turn},")), "{why}");

    let (_, before) = drawn(&mut browser, "get('larger').click()");
    let (_, after) = drawn(&mut browser, "get('larger').click()");
    assert_eq!(before.len(), 1);
    assert!((before[0] - after[0]).abs() < 1.0, "{before:?} {after:?}");
    let width = browser.value("get('scroll').clientWidth").as_f64().unwrap();
    let (words, over_time) = drawn(&mut browser, "get('time').click()");
    assert!(words.contains(&turn.to_string()), "{words:?}");
    // Behind the end, the last turn is pointed at.
    let (words, _) = drawn(
        &mut browser,
        "get('canvas').dispatchEvent(new PointerEvent('pointermove', \
         { clientX: get('canvas').getBoundingClientRect().right - 5 }))",
    );
    let numbers = words.iter().filter(|word| **word == turn.to_string());
    assert_eq!(numbers.count(), 2, "{words:?}");
    let (_, over_turns) = drawn(&mut browser, "get('turns').click()");
    for selected in [before, over_time, over_turns] {
        assert!((0.0..width).contains(&selected[0]), "{selected:?}");
    }
    assert_eq!(browser.thrown(), [""; 0]);
}

/// A window that is narrower than the names leaves the axis a pixel, and the page goes on.
#[test]
fn a_window_may_be_narrower_than_the_names() {
    let Some(mut browser) = open(&recorded(medley())) else {
        return;
    };
    for axis in ["time", "turns"] {
        browser.value(&format!("get('{axis}').click()"));
        browser.resize(100);
        browser.wait_for("innerWidth === 100");
        browser.value("new Promise(requestAnimationFrame)"); // it draws
        for button in ["whole", "larger", "smaller"] {
            browser.value(&format!("get('{button}').click()"));
        }
        browser.resize(1280);
        browser.value("new Promise(requestAnimationFrame)");
    }
    assert_eq!(browser.thrown(), [""; 0]);
}

/// The page opens over turns, but over time if a poll is so long that it shows there.
#[test]
fn the_page_opens_where_the_run_is_readable() {
    for (trace, axis) in [(recorded(medley()), "turns"), (held(), "time")] {
        let Some(mut browser) = open(&trace) else {
            return;
        };
        watch_the_canvas(&mut browser);
        assert_eq!(browser.texts("[aria-pressed=true]"), [axis]);
        let (words, _) = drawn(&mut browser, "get('larger').click()");
        // The upper of the two scales.
        assert_eq!(words[0], axis.trim_end_matches('s'));
        assert_eq!(browser.thrown(), [""; 0]);
    }
}

/// An opened page has a hint about the keys. It goes with the first of them, and nothing moves.
#[test]
fn the_hint_goes_with_the_first_key() {
    let Some(mut browser) = open(&recorded(medley())) else {
        return;
    };
    let seen = |browser: &mut Browser| {
        let place = "JSON.stringify(get('scroll').getBoundingClientRect())";
        let hint = browser.value("get('hint').checkVisibility({ visibilityProperty: true })");
        (hint, browser.value(place))
    };
    let (hint, place) = seen(&mut browser);
    assert_eq!(hint, true);
    assert!(browser.text("#hint").contains("Press → for the next turn"));
    browser.press("x");
    assert_eq!(seen(&mut browser), (true.into(), place.clone()));
    browser.press("ArrowRight");
    assert_eq!(seen(&mut browser), (false.into(), place));
    assert_eq!(browser.thrown(), [""; 0]);
}

/// The field finds tasks by name; the others have no rows any more.
#[test]
fn tasks_are_found_by_name() {
    let trace = recorded(medley());
    let Some(mut browser) = open(&trace) else {
        return;
    };
    browser.press("/");
    browser.write("WORLD");
    let label = browser.value("document.querySelector('#canvas').getAttribute('aria-label')");
    assert!(label.as_str().unwrap().starts_with("1 row;"), "{label}");
    // The arrows belong to the field now.
    let before = browser.text("#status");
    browser.press("ArrowRight");
    assert_eq!(browser.text("#status"), before);
    assert_eq!(browser.thrown(), [""; 0]);
}

/// A recording of nothing is a page that says so.
#[test]
fn nothing_recorded_is_shown_as_that() {
    let Some(mut browser) = open(&Trace::default()) else {
        return;
    };
    assert_eq!(browser.texts("#live"), [""; 0]);
    assert_eq!(browser.thrown(), [""; 0]);
}

/// Light and dark follow the reader's preference, on the page and on the canvas, also while the page is open.
#[test]
fn the_colours_follow_the_reader() {
    let trace = recorded(medley());
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let mut seen = Vec::new();
    for scheme in [Scheme::Light, Scheme::Dark] {
        browser.prefer(scheme);
        browser.open(&trace.to_html());
        seen.push(browser.text("h1"));
        let is_dark = matches!(scheme, Scheme::Dark);
        assert_eq!(corner_is_dark(&mut browser), is_dark);
        let page = browser.value("getComputedStyle(document.body).backgroundColor");
        assert_eq!(page, if is_dark { "rgb(13, 17, 23)" } else { "rgb(255, 255, 255)" });
    }
    browser.prefer(Scheme::Light);
    assert!(!corner_is_dark(&mut browser));
}

/// Returns whether the canvas is dark where nothing is drawn, after the next frame.
fn corner_is_dark(browser: &mut Browser) -> bool {
    let pixel = browser.value(
        "new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => \
         done(document.querySelector('#canvas').getContext('2d').getImageData(2, 2, 1, 1).data[0]))), 50))",
    );
    pixel.as_u64().unwrap() < 128
}

/// Of a long run a frame draws only what is visible, at every scale: a bounded number of things.
#[test]
fn a_frame_of_a_long_run_is_bounded() {
    let trace = recorded(async {
        let sleepers = (0..4).map(|task| async move {
            for round in 0..4_000 {
                boucle::sleep(Duration::from_millis(1 + (task * 7 + round) % 13)).await;
            }
        });
        boucle::gather(sleepers).await;
    });
    let events = trace.loops[0].events.len();
    assert!(events > 100_000, "{events}");
    let Some(mut browser) = open(&trace) else {
        return;
    };
    browser.value(
        "(() => { window.calls = 0; const of = CanvasRenderingContext2D.prototype; \
         for (const name of ['fillRect', 'strokeRect', 'fill', 'stroke', 'fillText']) { \
         const it = of[name]; of[name] = function (...all) { calls++; return it.apply(this, all); }; } })()",
    );
    for axis in ["turns", "time"] {
        browser.value(&format!("document.querySelector('#{axis}').click()"));
        for key in ["0", "+", "+", "+", "+", "End"] {
            browser.value("calls = 0");
            browser.press(key);
            let calls = browser.value(
                "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(calls))))",
            );
            let calls = calls.as_u64().unwrap();
            assert!((20..10_000).contains(&calls), "{axis}, {key}: {calls}");
        }
    }
    assert_eq!(browser.thrown(), [""; 0]);
}
