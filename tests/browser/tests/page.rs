//! The page of a recorded run, in a real browser, against the recording.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use boucle::observe::{Event, EventKind};
use boucle::trace::{Live, LiveTask, LoopTrace, Recorder, TaskState, Trace};
use boucle::{EventLoop, net};
use boucle_browser::{Browser, Scheme};
use futures_lite::{AsyncReadExt, AsyncWriteExt};

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// What a future does on a loop with a virtual clock.
fn recorded(main: impl Future) -> Trace {
    let recorder = Recorder::new();
    let event_loop = EventLoop::builder()
        .virtual_clock()
        .observe(recorder.clone())
        .build();
    event_loop.unwrap().block_on(main);
    recorder.trace()
}

/// Two sleepers, one that is aborted, one that yields, and a gather: something of everything.
async fn medley() {
    let hello = boucle::spawn_named("hello", boucle::sleep(seconds(2.0)));
    let world = boucle::spawn_named("world", boucle::sleep(seconds(1.0)));
    boucle::spawn_named("never polled", async {}).abort();
    let _detached = boucle::spawn_named("yields", async {
        for _ in 0..5 {
            boucle::yield_now().await;
        }
    });
    world.await.unwrap();
    boucle::gather([0.2, 0.1].map(|time| boucle::sleep(seconds(time)))).await;
    hello.await.unwrap();
}

fn open(trace: &Trace) -> Option<Browser> {
    let mut browser = Browser::start()?;
    browser.open(&trace.to_html());
    Some(browser)
}

fn label(task: &LiveTask) -> String {
    match &task.name {
        Some(name) => format!("{} {name}", task.id),
        None if task.is_main => format!("{} main", task.id),
        None => format!("{} ", task.id),
    }
}

/// What is shown must begin with what is expected: the words that follow are the page's own.
fn assert_shown(shown: &[String], expected: &[String], at: &str) {
    let shown: Vec<&String> = shown
        .iter()
        .filter(|it| it.starts_with(|it: char| it.is_ascii_digit()))
        .collect();
    assert_eq!(
        shown.len(),
        expected.len(),
        "{at}: {shown:?}, not {expected:?}"
    );
    for (shown, expected) in shown.iter().zip(expected) {
        assert!(
            shown.starts_with(expected),
            "{at}: {shown:?}, not {expected:?}"
        );
    }
}

/// Compares the page with the state after so many events.
fn compare(browser: &mut Browser, live: &Live, at: &str) {
    let ready: Vec<String> = live.ready.iter().map(|id| label(&live.tasks[id])).collect();
    assert_shown(&browser.texts("#ready li"), &ready, at);

    let slab: Vec<String> = live.tasks.values().map(label).collect();
    assert_shown(&browser.texts("#slab td:first-child"), &slab, at);
    let states: Vec<String> = browser.texts("#slab td:nth-child(2)");
    let expected = live.tasks.values().map(|task| match task.state {
        TaskState::Ready => "ready",
        TaskState::Polled => "polled",
        TaskState::Idle => "idle",
        _ => "aborted",
    });
    assert_eq!(states, expected.collect::<Vec<_>>(), "{at}");
    let polls: Vec<String> = live
        .tasks
        .values()
        .map(|task| task.polls.to_string())
        .collect();
    assert_eq!(browser.texts("#slab td:nth-child(4)"), polls, "{at}");

    let mut timers: Vec<_> = live
        .timers
        .iter()
        .map(|(timer, (deadline, _))| (*deadline, *timer))
        .collect();
    timers.sort();
    let wheel = browser.texts("#wheel li:not(.empty)");
    assert_eq!(wheel.len(), timers.len(), "{at}");
    for (shown, (_, timer)) in wheel.iter().zip(&timers) {
        assert!(
            shown.starts_with(&format!("timer {timer}, at ")),
            "{at}: {shown}"
        );
    }
    let sources = browser.texts("#sources li:not(.empty)");
    assert_eq!(sources.len(), live.sources.len(), "{at}");
}

fn state_after(it: &LoopTrace, events: usize) -> Live {
    let mut live = it.before.clone();
    it.events
        .iter()
        .take(events)
        .for_each(|event| live.apply(event));
    live
}

/// The steps of a loop: what was recorded up to the beginning of each turn, then all of it.
fn steps(it: &LoopTrace) -> Vec<usize> {
    let begins = |(_, event): &(usize, &Event)| event.kind == EventKind::TurnBegins;
    let turns = it.events.iter().enumerate().filter(begins);
    turns
        .map(|(index, _)| index + 1)
        .chain([it.events.len()])
        .collect()
}

/// The keys walk through the turns, there and back; at each the page shows the state that the
/// recording has there.
#[test]
fn the_stepper_shows_the_recording() {
    let trace = recorded(medley());
    let it = &trace.loops[0];
    let Some(mut browser) = open(&trace) else {
        return;
    };
    let steps = steps(it);
    assert!(steps.len() > 8);
    for (index, &step) in steps.iter().enumerate() {
        compare(
            &mut browser,
            &state_after(it, step),
            &format!("step {index}"),
        );
        browser.press("ArrowRight");
    }
    browser.press("ArrowRight");
    for (index, &step) in steps.iter().enumerate().rev() {
        compare(
            &mut browser,
            &state_after(it, step),
            &format!("step {index}, on the way back"),
        );
        browser.press("ArrowLeft");
    }
    compare(&mut browser, &it.before, "before the first event");
    assert_eq!(browser.thrown(), [""; 0]);
}

/// A recording whose oldest events were dropped begins with the state that they have left.
#[test]
fn the_stepper_begins_where_the_recording_does() {
    let recorder = Recorder::with_limit(60);
    let builder = EventLoop::builder().virtual_clock();
    let event_loop = builder.observe(recorder.clone()).build().unwrap();
    event_loop.block_on(medley());
    drop(event_loop);
    let trace = recorder.trace();
    let it = &trace.loops[0];
    assert!(it.dropped > 0 && !it.before.tasks.is_empty());
    let Some(mut browser) = open(&trace) else {
        return;
    };
    browser.press("Home");
    for step in 0..=it.events.len() {
        compare(
            &mut browser,
            &state_after(it, step),
            &format!("event {step}"),
        );
        browser.press("Shift+ArrowRight");
    }
    assert!(
        browser
            .text("#about")
            .contains(&format!("{} events before", it.dropped))
    );
    assert_eq!(browser.thrown(), [""; 0]);
}

/// With Shift, each event is a step.
#[test]
fn the_stepper_shows_every_event() {
    let trace = recorded(medley());
    let it = &trace.loops[0];
    let Some(mut browser) = open(&trace) else {
        return;
    };
    browser.press("Home");
    for step in 0..=it.events.len() {
        compare(
            &mut browser,
            &state_after(it, step),
            &format!("event {step}"),
        );
        let current = browser.texts("#events li[aria-current]");
        assert_eq!(current.len(), usize::from(step > 0), "event {step}");
        browser.press("Shift+ArrowRight");
    }
    assert_eq!(browser.thrown(), [""; 0]);
}

/// Clicks along the row of a task until the page explains that poll.
fn click_on_poll(browser: &mut Browser, row: usize, begins: &str) -> String {
    let place = |browser: &mut Browser, side: &str| {
        let side = format!("document.querySelector('#canvas').getBoundingClientRect().{side}");
        browser.value(&side).as_f64().unwrap()
    };
    let (left, right) = (place(browser, "left"), place(browser, "right"));
    let y = place(browser, "top") + 46.0 + 26.0 * row as f64 + 13.0;
    let mut x = left;
    while x < right {
        browser.click(x, y);
        let why = browser.text("#why");
        if why.starts_with(begins) {
            return why;
        }
        x += 8.0;
    }
    panic!("nothing in row {row} says {begins:?}");
}

/// A click on a poll says who has woken the task, in which turn and when; and whoever that was can be
/// gone to.
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
            EventKind::Woken {
                task: it,
                already: false,
                ..
            } if it == task => Some(event.turn),
            _ => None,
        });
        woken.unwrap()
    };
    let Some(mut browser) = open(&trace) else {
        return;
    };
    let turn = woken(2);
    let why = click_on_poll(
        &mut browser,
        1,
        &format!("2 hello is polled in turn {}", turn + 1),
    );
    assert!(
        why.contains(&format!("woken by timer 0, in turn {turn}, at 2 s")),
        "{why}"
    );
    assert!(why.contains("waited for timer 0, until 2 s"), "{why}");

    let turn = woken(1);
    let why = click_on_poll(
        &mut browser,
        0,
        &format!("1 main is polled in turn {}", turn + 1),
    );
    assert!(
        why.contains(&format!("woken by 2 hello, in turn {turn}, at 2 s")),
        "{why}"
    );
    browser.value("document.querySelector('#why button').click()");
    assert!(browser.text("#why").starts_with("2 hello is polled"));
    assert_eq!(browser.thrown(), [""; 0]);
}

/// What is explained is the poll in which the step stands, or that ends there; between polls, none.
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

/// Notes what is drawn from now on: the words, and where the frame of what is selected stands.
fn watch_the_canvas(browser: &mut Browser) {
    browser.value(
        "(() => { window.drawn = { words: [], selected: [] }; \
         const of = CanvasRenderingContext2D.prototype, { fillText, strokeRect } = of; \
         of.fillText = function (words, ...at) { \
         drawn.words.push(words); return fillText.call(this, words, ...at); }; \
         of.strokeRect = function (x, ...at) { \
         if (this.lineWidth === 2) drawn.selected.push(x); return strokeRect.call(this, x, ...at); }; })()",
    );
}

/// What is drawn in the next frame: words, and frames' places.
fn drawn(browser: &mut Browser, action: &str) -> (Vec<String>, Vec<f64>) {
    let drawn = browser.value(&format!(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {{ \
         drawn = {{ words: [], selected: [] }}; {action}; \
         requestAnimationFrame(() => requestAnimationFrame(() => done(drawn))); }})))"
    ));
    let words = drawn["words"].as_array().unwrap().iter();
    let selected = drawn["selected"].as_array().unwrap().iter();
    (
        words.map(|it| it.as_str().unwrap().to_owned()).collect(),
        selected.map(|it| it.as_f64().unwrap()).collect(),
    )
}

/// A poll that is selected stays where it is when the picture is zoomed, and in view when the axis
/// changes; over time, its turn is told, and that under the pointer.
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
    let told = words.iter().filter(|it| **it == turn.to_string());
    assert_eq!(told.count(), 2, "{words:?}");
    let (_, over_turns) = drawn(&mut browser, "get('turns').click()");
    for selected in [before, over_time, over_turns] {
        assert!((0.0..width).contains(&selected[0]), "{selected:?}");
    }
    assert_eq!(browser.thrown(), [""; 0]);
}

/// A loop with a real clock, on which a poll holds the thread for longer than another task sleeps; and
/// eight others for a while.
fn held() -> Trace {
    let recorder = Recorder::new();
    let builder = EventLoop::builder().observe(recorder.clone());
    builder.build().unwrap().block_on(async {
        let late = boucle::spawn_named("late", async {
            boucle::sleep(Duration::from_millis(20)).await;
        });
        let _detached = boucle::spawn_named("holds", async {
            thread::sleep(Duration::from_millis(60));
        });
        late.await.unwrap();
        for _ in 0..8 {
            thread::sleep(Duration::from_millis(2));
            boucle::yield_now().await;
        }
    });
    recorder.trace()
}

/// Timers that fire together are told apart: each task is explained by its own.
#[test]
fn timers_that_fire_together_are_told_apart() {
    let recorder = Recorder::new();
    let builder = EventLoop::builder().observe(recorder.clone());
    builder.build().unwrap().block_on(async {
        let sleepers = [30, 20].map(|millis| {
            boucle::spawn_named("sleeps", boucle::sleep(Duration::from_millis(millis)))
        });
        let _detached = boucle::spawn(async { thread::sleep(Duration::from_millis(60)) });
        for sleeper in sleepers {
            sleeper.await.unwrap();
        }
    });
    let Some(mut browser) = open(&recorder.trace()) else {
        return;
    };
    for task in [2, 3] {
        let due = browser.value(&format!(
            "(() => {{ const {{ events }} = new Picture(JSON.parse(get('data').textContent).loops[0]); \
             const [, fired, , , due] = events.find((it) => it[0] === 'fired' && it[3] === {task}); \
             return duration(due) + ', and fired ' + lateness(fired - due); }})()",
        ));
        let why = click_on_poll(
            &mut browser,
            task - 1,
            &format!("{task} sleeps is polled in turn 3"),
        );
        let expected = format!("The timer was due at {}.", due.as_str().unwrap());
        assert!(why.contains(&expected), "{expected} {why}");
    }
}

/// Who sleeps while a poll holds the thread is overdue from its deadline on, over time; the list and the
/// explanation say how late its timer has fired.
#[test]
fn who_wakes_late_is_overdue() {
    let Some(mut browser) = open(&held()) else {
        return;
    };
    let said = browser.value(
        "(() => { const it = new Picture(JSON.parse(get('data').textContent).loops[0]); \
         const fired = it.events.find(([what]) => what === 'fired'); \
         const late = duration(fired[1] - fired[4]); \
         const idle = it.rows[1].spans.find((span) => span.state === 'idle'); \
         return { late, deadline: duration(fired[4]), step: it.events.indexOf(fired) + 1, \
         overdue: it.timeOf(idle.to) - it.dueOf(idle), \
         sentence: sentence(fired, (id) => it.name(id)) }; })()",
    );
    let (late, deadline) = (
        said["late"].as_str().unwrap(),
        said["deadline"].as_str().unwrap(),
    );
    assert!(said["overdue"].as_f64().unwrap() > 20e6, "{said}");
    let sentence = said["sentence"].as_str().unwrap();
    assert!(
        sentence.ends_with(&format!(" fires for 2 late, {late} late")),
        "{said}"
    );
    let why = click_on_poll(&mut browser, 1, "2 late is polled in turn 3");
    let expected = format!("The timer was due at {deadline}, and fired {late} late.");
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

/// The polls that have held the thread for long are told, the longest first, and are a click away; over
/// turns, their time stands beside their bars. Under a virtual clock there are none.
#[test]
fn long_polls_are_told() {
    let trace = held();
    let Some(mut browser) = open(&trace) else {
        return;
    };
    let took = trace.loops[0]
        .events
        .iter()
        .filter_map(|event| match event.kind {
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

    watch_the_canvas(&mut browser);
    let (words, _) = drawn(
        &mut browser,
        "document.querySelector('#longest button').click()",
    );
    assert!(words.iter().any(|it| it == longest), "{words:?}");
    assert!(
        browser
            .text("#why")
            .starts_with("3 holds is polled in turn 2")
    );
    assert_eq!(browser.thrown(), [""; 0]);

    browser.open(&recorded(medley()).to_html());
    assert_eq!(browser.texts("#longest"), [""; 0]);
}

/// Without JavaScript there is the static picture, with a text for those who do not see it.
#[test]
fn without_scripts_there_is_a_picture() {
    let trace = recorded(async {
        boucle::spawn_named("hello", boucle::sleep(seconds(1.0)))
            .await
            .unwrap();
    });
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.without_scripts();
    browser.open(&trace.to_html());
    assert_eq!(browser.texts("#live"), [""; 0]);
    assert_eq!(
        browser.value("document.querySelector('svg').checkVisibility()"),
        true
    );
    let polls = trace.loops[0].events.iter();
    let polls = polls
        .filter(|event| matches!(event.kind, EventKind::PollBegins { .. }))
        .count();
    // The legend has one too.
    let drawn = browser.value("document.querySelectorAll('svg rect.poll').length");
    assert_eq!(drawn, polls + 1);
    let about = browser.value("document.querySelector('svg desc').textContent");
    assert!(about.as_str().unwrap().contains("polls 2 hello"), "{about}");
}

/// A client and a server, on two threads: over time they stand on one axis.
fn two_loops() -> Trace {
    let recorder = Recorder::new();
    let (sender, receiver) = channel();
    let server = thread::spawn({
        let recorder = recorder.clone();
        move || {
            let event_loop = EventLoop::builder().observe(recorder).build().unwrap();
            event_loop.block_on(async {
                let listener = net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send(listener.local_addr().unwrap()).unwrap();
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut byte = [0];
                stream.read_exact(&mut byte).await.unwrap();
                stream.write_all(&byte).await.unwrap();
            });
        }
    });
    let address = receiver.recv().unwrap();
    let event_loop = EventLoop::builder()
        .observe(recorder.clone())
        .build()
        .unwrap();
    event_loop.block_on(async {
        let mut stream = net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap();
    });
    drop(event_loop);
    server.join().unwrap();
    recorder.trace()
}

/// Both axes, both loops: each can be chosen and is shown.
#[test]
fn two_loops_share_the_axis_of_time() {
    let trace = two_loops();
    assert_eq!(trace.loops.len(), 2);
    let Some(mut browser) = open(&trace) else {
        return;
    };
    assert_eq!(
        browser.value("document.querySelector('#loop').options.length"),
        2
    );
    let rows = |browser: &mut Browser| {
        let label = browser.value("document.querySelector('#canvas').getAttribute('aria-label')");
        label
            .as_str()
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse::<usize>()
            .unwrap()
    };
    assert_eq!(rows(&mut browser), 1);
    browser.value("document.querySelector('#time').click()");
    // A lane for each loop, and one for its task.
    assert_eq!(rows(&mut browser), 4);
    // A step is the next turn of either.
    let mut seen = Vec::new();
    for _ in 0..trace.loops.iter().map(|it| steps(it).len()).sum() {
        seen.push(browser.value("document.querySelector('#loop').value"));
        browser.press("ArrowRight");
    }
    let changes = seen.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes > 1, "{seen:?}");

    for (index, it) in trace.loops.iter().enumerate() {
        browser.value(&format!(
            "(() => {{ const loop = document.querySelector('#loop'); loop.value = {index}; \
             loop.dispatchEvent(new Event('change')); }})()"
        ));
        browser.press("End");
        compare(
            &mut browser,
            &state_after(it, it.events.len()),
            &format!("loop {index}"),
        );
        assert!(browser.text("#status").ends_with("; closed"));
    }
    assert_eq!(browser.thrown(), [""; 0]);
}

/// The field looks for tasks by name; the others are no rows any more.
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

/// A name is shown as it is, whatever it is.
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

/// The static picture and the page place every bar alike, and say the same of it: two languages, one
/// rule.
#[test]
fn both_pictures_agree() {
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
    let drawn = browser.value(
        "[...document.querySelectorAll('svg g')].map((it) => it.querySelector('rect, .wait'))\
         .filter((it) => it && it.closest('g').querySelector('title'))\
         .map((it) => [it.getAttribute('class'), Math.round(it.getBBox().x), Math.round(it.getBBox().width)])",
    );
    let placed = browser.value(
        "(() => { const it = new Picture(JSON.parse(get('data').textContent).loops[0]); \
         const names = { polled: 'poll', ready: 'ready', aborted: 'aborted', idle: 'wait' }; \
         const axis = 20 + 6.6 * Math.min(26, Math.max(...it.rows.map((row) => row.label.length))) + 14; \
         return it.rows.flatMap((row) => row.spans.map(({ from, to, state }) => \
         [names[state], Math.round(axis + it.places[from]), Math.round(it.places[to] - it.places[from])]))\
         .filter(([, , width]) => width > 0); })()",
    );
    assert!(drawn.as_array().unwrap().len() > 15);
    assert_eq!(drawn, placed);
    let labels =
        "new Picture(JSON.parse(get('data').textContent).loops[0]).rows.map((it) => it.label)";
    for label in browser.value(labels).as_array().unwrap() {
        let label = label.as_str().unwrap();
        assert!(
            trace
                .to_svg()
                .contains(&format!("<title>{label} is ready: ")),
            "{label}"
        );
    }
}

/// Seconds are told to the millisecond: what is due at 1.049 s and fires at 1.131 s is late. Both
/// languages say it alike.
#[test]
fn a_millisecond_is_told_after_an_hour() {
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
    for (time, words) in times
        .iter()
        .zip(["1.049 s", "1.131 s", "61.5 s", "3661.001 s"])
    {
        assert!(svg.contains(&format!(">{words}<")), "{words}");
        let said = browser.value(&format!("duration({})", time.as_nanos()));
        assert_eq!(said, words);
    }
}

/// The picture is XML, whatever stands in it: it is a file too.
#[test]
fn the_picture_is_well_formed() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let hostile = recorded(async {
        let _named = boucle::spawn_named("]]><a & b='\"\u{1F600}", async {}).await;
    });
    for trace in [recorded(medley()), hostile, two_loops(), Trace::default()] {
        let found = browser.value(&format!(
            "(() => {{ const it = new DOMParser().parseFromString({}, 'image/svg+xml'); \
             return it.querySelector('parsererror')?.textContent ?? it.documentElement.tagName; }})()",
            serde_json::Value::from(trace.to_svg())
        ));
        assert_eq!(found, "svg");
    }
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

/// Light and dark follow the reader, on the page and on the canvas, also while it is open.
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
        assert_eq!(
            page,
            if is_dark {
                "rgb(13, 17, 23)"
            } else {
                "rgb(255, 255, 255)"
            }
        );
    }
    browser.prefer(Scheme::Light);
    assert!(!corner_is_dark(&mut browser));
}

/// The colour of the canvas where nothing is drawn, after the next frame.
fn corner_is_dark(browser: &mut Browser) -> bool {
    let pixel = browser.value(
        "new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => \
         done(document.querySelector('#canvas').getContext('2d').getImageData(2, 2, 1, 1).data[0]))), 50))",
    );
    pixel.as_u64().unwrap() < 128
}

/// Of a long run a frame draws what is visible, at every scale: a bounded number of things, fewer than
/// there are.
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
