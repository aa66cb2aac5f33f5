//! A headless Chromium with one page, driven through a pipe: no port, no WebSocket, no other crate.
//!
//! With `--remote-debugging-pipe` Chromium reads the messages of the DevTools protocol from descriptor 3 and
//! writes them to 4, each a JSON object and a NUL. A shell makes these of its standard input and output.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::{Value, json};

/// How long an answer may take, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page. Dropped, it ends, and its profile is deleted.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    sent: u64,
    session: Option<Value>,
    /// What the page's scripts have thrown.
    thrown: Vec<String>,
    directory: PathBuf,
}

/// Which colours the reader prefers.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub enum Scheme {
    Light,
    Dark,
}

impl Browser {
    /// Starts a browser. If there is no Chromium, prints that and returns `None`.
    ///
    /// # Panics
    ///
    /// If there is none and `CHROMIUM` is "required".
    pub fn start() -> Option<Browser> {
        let Some(program) = chromium() else {
            assert!(env::var_os("CHROMIUM").is_none_or(|value| value != "required"), "there is no Chromium");
            eprintln!("skipped: there is no Chromium");
            return None;
        };
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("browser-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 >/dev/null 2>&1 </dev/null", &program])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
            .args(["--no-first-run", "--disable-dev-shm-usage", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", directory.join("profile").display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut browser = Browser {
            to: child.stdin.take().unwrap(),
            from: messages(child.stdout.take().unwrap()),
            child,
            sent: 0,
            session: None,
            thrown: Vec::new(),
            directory,
        };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        browser.session = Some(browser.ask("Target.attachToTarget", attach)["sessionId"].clone());
        browser.ask("Page.enable", json!({}));
        browser.ask("Runtime.enable", json!({}));
        browser.resize(1280);
        Some(browser)
    }

    /// Makes the window that wide, in pixels.
    pub fn resize(&mut self, width: usize) {
        let size = json!({ "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
        self.ask("Emulation.setDeviceMetricsOverride", size);
    }

    /// Opens a page, by way of a file.
    pub fn open(&mut self, html: &str) {
        let file = self.directory.join("page.html");
        fs::write(&file, html).unwrap();
        let url = format!("file://{}", file.display());
        self.ask("Page.navigate", json!({ "url": url }));
        self.wait_for(&format!("location.href === {url:?} && document.readyState === 'complete'"));
    }

    /// Turns the scripts of the page off. Expressions that are passed to [`value`](Self::value) still run.
    pub fn without_scripts(&mut self) {
        self.ask("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    }

    /// Makes light or dark pages the reader's preference.
    pub fn prefer(&mut self, scheme: Scheme) {
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let feature = json!({ "name": "prefers-color-scheme", "value": value });
        self.ask("Emulation.setEmulatedMedia", json!({ "features": [feature] }));
    }

    /// Returns the value of a JavaScript expression, which is awaited if it is a promise.
    ///
    /// # Panics
    ///
    /// If it throws.
    pub fn value(&mut self, expression: &str) -> Value {
        let asked = json!({
            "expression": expression, "returnByValue": true, "awaitPromise": true,
        });
        let answer = self.ask("Runtime.evaluate", asked);
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{expression} throws {thrown}");
        answer["result"]["value"].clone()
    }

    /// Returns the texts of all visible elements that a CSS selector finds.
    pub fn texts(&mut self, selector: &str) -> Vec<String> {
        let found = self.value(&format!(
            "[...document.querySelectorAll({selector:?})].filter((it) => it.checkVisibility())\
             .map((it) => it.innerText)"
        ));
        let found = found.as_array().unwrap();
        found.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    /// Returns the text of the one visible element that a CSS selector finds.
    pub fn text(&mut self, selector: &str) -> String {
        let mut texts = self.texts(selector);
        assert_eq!(texts.len(), 1, "{selector}");
        texts.remove(0)
    }

    /// Waits until the expression is true.
    pub fn wait_for(&mut self, expression: &str) {
        let begin = Instant::now();
        while self.value(expression) != true {
            assert!(begin.elapsed() < PATIENCE, "{expression} is never true");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Presses a key, such as "ArrowRight" or "Shift+ArrowRight".
    pub fn press(&mut self, key: &str) {
        let (modifiers, key) = match key.strip_prefix("Shift+") {
            Some(key) => (8, key),
            None => (0, key),
        };
        for what in ["keyDown", "keyUp"] {
            let event = json!({ "type": what, "key": key, "modifiers": modifiers });
            self.ask("Input.dispatchKeyEvent", event);
        }
    }

    /// Types into what has the focus.
    pub fn write(&mut self, text: &str) {
        self.ask("Input.insertText", json!({ "text": text }));
    }

    /// Clicks at a place of the window, in pixels.
    pub fn click(&mut self, x: f64, y: f64) {
        for what in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": what, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.ask("Input.dispatchMouseEvent", event);
        }
    }

    /// Returns what the scripts of the page have thrown until now.
    pub fn thrown(&self) -> &[String] {
        &self.thrown
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut message = json!({ "id": self.sent, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = session.clone();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer = self.from.recv_timeout(PATIENCE).expect("the browser answers");
            if answer["method"] == "Runtime.exceptionThrown" {
                self.thrown.push(answer["params"]["exceptionDetails"].to_string());
            }
            if answer["id"] == self.sent {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser's other processes end with it, and may still write into the profile for a moment.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let begin = Instant::now();
        while fs::remove_dir_all(&self.directory).is_err() && begin.elapsed() < PATIENCE / 10 {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Finds the program, which has one of several names.
fn chromium() -> Option<String> {
    let path = env::var_os("PATH")?;
    let programs = ["chromium", "chromium-browser", "google-chrome"];
    let files =
        programs.into_iter().flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)));
    files.filter(|file| file.is_file()).find_map(|file| file.to_str().map(str::to_owned))
}

/// Reads the browser's messages on a thread, so that a wait for the next one can have a limit.
fn messages(from: ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for message in BufReader::new(from).split(0) {
            let Ok(message) = message else { return };
            let message = serde_json::from_slice(&message).expect("a message is JSON");
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}
