//! The page of a recorded run, in a real browser, compared with the recording.

mod picture;
mod steps;
mod view;
mod why;

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use boucle::trace::{Recorder, Trace};
use boucle::{EventLoop, net};
use boucle_browser::Browser;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use serde_json::Value;

pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Records what a future does on a loop with a virtual clock.
pub(crate) fn recorded(main: impl Future) -> Trace {
    let recorder = Recorder::new();
    let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build();
    event_loop.unwrap().block_on(main);
    recorder.trace()
}

/// Two sleepers, one that is aborted, one that yields, and a gather: something of everything.
pub(crate) async fn medley() {
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

/// Records a loop with a real clock, on which one poll holds the thread for longer than another task sleeps,
/// and eight further polls hold it for a while.
pub(crate) fn held() -> Trace {
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

/// Records a client and a server, on two threads.
pub(crate) fn two_loops() -> Trace {
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
    let event_loop = EventLoop::builder().observe(recorder.clone()).build().unwrap();
    event_loop.block_on(async {
        let mut stream = net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap();
    });
    drop(event_loop);
    server.join().unwrap();
    recorder.trace()
}

pub(crate) fn open(trace: &Trace) -> Option<Browser> {
    let mut browser = Browser::start()?;
    browser.open(&trace.to_html());
    Some(browser)
}

/// Returns the data in the page.
pub(crate) fn data(trace: &Trace) -> Value {
    let page = trace.to_html();
    let (_, data) = page.split_once("id=\"data\">").unwrap();
    let (data, _) = data.split_once('<').unwrap();
    serde_json::from_str(data).unwrap()
}

/// Clicks along the row of a task, over turns, until the page explains this poll. Returns the explanation.
pub(crate) fn click_on_poll(browser: &mut Browser, row: usize, begins: &str) -> String {
    browser.value("get('turns').click()");
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

/// Makes the page keep what is drawn from now on: words, and the place of the frame of what is selected.
pub(crate) fn watch_the_canvas(browser: &mut Browser) {
    browser.value(
        "(() => { window.drawn = { words: [], selected: [] }; \
         const of = CanvasRenderingContext2D.prototype, { fillText, strokeRect } = of; \
         of.fillText = function (words, ...at) { \
         drawn.words.push(words); return fillText.call(this, words, ...at); }; \
         of.strokeRect = function (x, ...at) { \
         if (this.lineWidth === 2) drawn.selected.push(x); return strokeRect.call(this, x, ...at); }; })()",
    );
}

/// Runs an action, and returns what is drawn in the next frame: the words, and the places of frames.
pub(crate) fn drawn(browser: &mut Browser, action: &str) -> (Vec<String>, Vec<f64>) {
    let drawn = browser.value(&format!(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {{ \
         drawn = {{ words: [], selected: [] }}; {action}; \
         requestAnimationFrame(() => requestAnimationFrame(() => done(drawn))); }})))"
    ));
    let words = drawn["words"].as_array().unwrap().iter();
    let selected = drawn["selected"].as_array().unwrap().iter();
    (
        words.map(|word| word.as_str().unwrap().to_owned()).collect(),
        selected.map(|place| place.as_f64().unwrap()).collect(),
    )
}
