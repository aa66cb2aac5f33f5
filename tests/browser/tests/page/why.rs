//! The explanations: why a poll ran, what was late, what took long.

use std::thread;
use std::time::Duration;

use boucle::EventLoop;
use boucle::observe::EventKind;
use boucle::trace::{LoopTrace, Recorder};
use boucle_browser::Browser;

use crate::{click_on_poll, data, drawn, held, medley, open, recorded, seconds, watch_the_canvas};

/// A click on a poll says what has woken the task, in which turn and when; if that was a task, its poll
/// is a click away.
#[test]
fn a_click_on_a_poll_says_why_it_ran() {
    let trace = recorded(async {
        let hello = boucle::spawn_named("hello", boucle::sleep(seconds(2.0)));
        let _detached = boucle::spawn_named("world", boucle::sleep(seconds(1.0)));
        hello.await.unwrap();
    });
    let woken = |task| {
        let mut events = trace.loops[0].events.iter().rev();
        let woken = events.find_map(|event| match event.kind {
            EventKind::Woken { task: woken, already: false, .. } if woken == task => Some(event.turn),
            _ => None,
        });
        woken.unwrap()
    };
    let Some(mut browser) = open(&trace) else {
        return;
    };
    let turn = woken(2);
    let why = click_on_poll(&mut browser, 1, &format!("2 hello is polled in turn {}", turn + 1));
    assert!(why.contains(&format!("woken by timer 0, in turn {turn}, at 2 s")), "{why}");
    assert!(why.contains("waited for timer 0, until 2 s"), "{why}");

    let turn = woken(1);
    let why = click_on_poll(&mut browser, 0, &format!("1 main is polled in turn {}", turn + 1));
    assert!(why.contains(&format!("woken by 2 hello, in turn {turn}, at 2 s")), "{why}");
    browser.value("document.querySelector('#why button').click()");
    assert!(browser.text("#why").starts_with("2 hello is polled"));
    assert_eq!(browser.thrown(), [""; 0]);
}

/// The page explains the poll that the step is in, or that ends there; between polls, none.
#[test]
fn the_explanation_follows_the_step() {
    let trace = recorded(medley());
    let Some(mut browser) = open(&trace) else {
        return;
    };
    browser.press("Home");
    let mut polled = None;
    for event in &trace.loops[0].events {
        browser.press("Shift+ArrowRight");
        let (shown, next) = match event.kind {
            EventKind::PollBegins { task } => (Some(task), Some(task)),
            EventKind::PollEnds { task, .. } => (Some(task), None),
            _ => (polled, polled),
        };
        polled = next;
        let why = browser.text("#why");
        match shown {
            Some(task) => assert!(
                why.starts_with(&format!("{task} "))
                    && why.contains(&format!(" is polled in turn {},", event.turn)),
                "{event:?}: {why}"
            ),
            None => assert!(why.starts_with("Click a bar"), "{event:?}: {why}"),
        }
    }
    assert_eq!(browser.thrown(), [""; 0]);
}

/// When several timers fire together, the explanation of each task has its own timer.
#[test]
fn timers_that_fire_together_explain_their_own_tasks() {
    let recorder = Recorder::new();
    let builder = EventLoop::builder().observe(recorder.clone());
    builder.build().unwrap().block_on(async {
        let sleepers = [30, 20]
            .map(|millis| boucle::spawn_named("sleeps", boucle::sleep(Duration::from_millis(millis))));
        let _detached = boucle::spawn(async { thread::sleep(Duration::from_millis(60)) });
        for sleeper in sleepers {
            sleeper.await.unwrap();
        }
    });
    let trace = recorder.trace();
    let Some(mut browser) = open(&trace) else {
        return;
    };
    for task in [2, 3] {
        let (due, late) = lateness(&mut browser, &trace.loops[0], task);
        let poll = format!("{task} sleeps is polled in turn 3");
        let why = click_on_poll(&mut browser, task as usize - 1, &poll);
        let expected = format!("The timer was due at {due}, and fired {late} late.");
        assert!(why.contains(&expected), "{expected} {why}");
    }
}

/// Returns when the timer of a task was due, and how late it fired, in the page's words.
fn lateness(browser: &mut Browser, recording: &LoopTrace, task: u64) -> (String, String) {
    let armed = recording.events.iter().find_map(|event| match event.kind {
        EventKind::TimerArmed { timer, task: Some(whose), deadline } if whose == task => {
            Some((timer, deadline))
        }
        _ => None,
    });
    let (timer, due) = armed.unwrap();
    let fires = EventKind::TimerFired { timer };
    let fired = recording.events.iter().find(|event| event.kind == fires);
    let late = fired.unwrap().time - due;
    let [due, late] = [due, late].map(|time| {
        let words = browser.value(&format!("duration({})", time.as_nanos()));
        words.as_str().unwrap().to_owned()
    });
    (due, late)
}

/// A task whose timer is due while another task's poll holds the thread is drawn as overdue from its deadline
/// on, over time. The list and the explanation say how late its timer has fired.
#[test]
fn a_task_that_wakes_late_is_overdue() {
    let trace = held();
    let recording = &trace.loops[0];
    let Some(mut browser) = open(&trace) else {
        return;
    };
    let (due, late) = lateness(&mut browser, recording, 2);
    let spans = data(&trace)["loops"][0]["tasks"][1]["spans"].clone();
    let waits = spans.as_array().unwrap().iter().filter(|span| span[1] == 3);
    let overdue = waits.filter_map(|span| span[5].as_f64());
    let overdue: Vec<f64> = overdue.collect();
    assert!(overdue.len() == 1 && overdue[0] > 20e6, "{spans}");

    browser.press("Home");
    for event in &recording.events {
        browser.press("Shift+ArrowRight");
        if matches!(event.kind, EventKind::TimerFired { .. }) {
            break;
        }
    }
    let sentence = browser.text("#events [aria-current]");
    assert!(sentence.ends_with(&format!(" fires for 2 late, {late} late")), "{sentence}");
    let why = click_on_poll(&mut browser, 1, "2 late is polled in turn 3");
    let expected = format!("The timer was due at {due}, and fired {late} late.");
    assert!(why.contains(&expected), "{expected} {why}");

    // The pattern is drawn over time, and nowhere else.
    let overdue = "(() => { window.overdue = 0; const of = CanvasRenderingContext2D.prototype, it = of.strokeRect; \
         of.strokeRect = function (...all) { \
         if (this.strokeStyle === colour) overdue++; return it.apply(this, all); }; \
         const colour = getComputedStyle(document.body).getPropertyValue('--line').trim(); })()";
    browser.value(overdue);
    for (axis, is_drawn) in [("time", true), ("turns", false)] {
        drawn(&mut browser, "overdue = 0");
        drawn(&mut browser, &format!("overdue = 0; get('{axis}').click()"));
        assert_eq!(browser.value("overdue > 0"), is_drawn, "{axis}");
    }
    assert_eq!(browser.thrown(), [""; 0]);
}

/// The polls that have held the thread for longest are listed, the longest first, and a click leads to each.
/// Over turns, their time stands beside their bars. Under a virtual clock there are none.
#[test]
fn long_polls_are_listed() {
    let trace = held();
    let Some(mut browser) = open(&trace) else {
        return;
    };
    let took = trace.loops[0].events.iter().filter_map(|event| match event.kind {
        EventKind::PollEnds { took, .. } => Some(took),
        _ => None,
    });
    let longest = took.max().unwrap().as_nanos();
    let longest = browser.value(&format!("duration({longest})"));
    let longest = longest.as_str().unwrap();
    let title = format!("and is ready after {longest}</title>");
    assert!(trace.to_svg().contains(&title), "{title}");
    let listed = browser.texts("#longest button");
    assert_eq!(listed[0], format!("3 holds in turn 2, {longest}"));
    assert_eq!(listed.len(), 8);
    assert!(listed[1].starts_with("1 main in turn "), "{listed:?}");

    browser.value("get('turns').click()");
    watch_the_canvas(&mut browser);
    let (words, _) = drawn(&mut browser, "document.querySelector('#longest button').click()");
    assert!(words.iter().any(|word| word == longest), "{words:?}");
    assert!(browser.text("#why").starts_with("3 holds is polled in turn 2"));
    assert_eq!(browser.thrown(), [""; 0]);

    browser.open(&recorded(medley()).to_html());
    assert_eq!(browser.texts("#longest, #most_delayed"), [""; 0]);
}

/// The explanation of a late poll names the late task and the one that held the thread, and links to the
/// latter's poll. The explanation of that poll names the late task.
#[test]
fn a_late_poll_names_the_poll_that_held_the_thread() {
    let Some(mut browser) = open(&held()) else {
        return;
    };
    let why = click_on_poll(&mut browser, 1, "2 late is polled in turn 3");
    let said = |why: &str| {
        let late = why.lines().find(|line| line.starts_with("2 late was overdue for "));
        late.unwrap_or_else(|| panic!("{why}")).to_owned()
    };
    let late = said(&why);
    assert!(late.ends_with(" while 3 holds was polled."), "{late}");
    browser.value(
        "[...document.querySelectorAll('#why button')].find((it) => it.innerText === '3 holds').click()",
    );
    let why = browser.text("#why");
    assert!(why.starts_with("3 holds is polled in turn 2"), "{why}");
    assert_eq!(said(&why), late);
    assert_eq!(browser.thrown(), [""; 0]);
}

/// When the screen has no room for all tasks, the polls that were most delayed are listed, the most delayed
/// first. A click brings the row of one into view.
#[test]
fn the_most_delayed_polls_are_listed() {
    let recorder = Recorder::new();
    let builder = EventLoop::builder().observe(recorder.clone());
    builder.build().unwrap().block_on(async {
        for _ in 0..300 {
            let _detached = boucle::spawn_named("early", async {});
        }
        let _detached = boucle::spawn_named("holds", async { thread::sleep(Duration::from_millis(60)) });
        let late = [4, 2, 0].map(|millis| {
            boucle::spawn_named("late", async move { thread::sleep(Duration::from_millis(millis)) })
        });
        for task in late {
            task.await.unwrap();
        }
    });
    let trace = recorder.trace();
    let Some(mut browser) = open(&trace) else {
        return;
    };
    let listed = browser.texts("#most_delayed button");
    assert!(listed.len() <= 8, "{listed:?}");
    for (listed, task) in listed.iter().zip([305, 304, 303]) {
        assert!(
            listed.starts_with(&format!("{task} late in turn 2, ")) && listed.ends_with(" ms late"),
            "{listed}"
        );
    }
    watch_the_canvas(&mut browser);
    let (words, _) = drawn(&mut browser, "scroll(0, 0)");
    assert!(!words.iter().any(|word| word == "305 late"), "{words:?}");
    let (words, _) = drawn(&mut browser, "document.querySelector('#most_delayed button').click()");
    assert!(words.iter().any(|word| word == "305 late"), "{words:?}");
    assert!(browser.text("#why").starts_with("305 late is polled in turn 2"));
    assert_eq!(browser.thrown(), [""; 0]);
}
