//! Runs the examples, and reads the output in their headers. For the tests.

use std::cell::RefCell;
use std::env::{self, consts::EXE_SUFFIX};
use std::fs;
use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use boucle::EventLoop;

/// How long a test waits for something that should happen soon.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes a loop with a virtual clock.
pub fn virtual_loop() -> EventLoop {
    let event_loop = EventLoop::builder().virtual_clock().build();
    event_loop.expect("the system gives a poller")
}

/// Runs a future under a virtual clock. Returns its value, what it printed, and how long it took.
pub fn virtually<F: Future>(future: F) -> (F::Output, Vec<String>, Duration) {
    let event_loop = virtual_loop();
    let ((value, time), printed) = crate::stdout::capture(|| {
        event_loop.block_on(async {
            let begin = boucle::now();
            let value = future.await;
            (value, boucle::now() - begin)
        })
    });
    (value, printed, time)
}

/// Returns the path of an example, which cargo puts beside the directory of the tests.
pub fn program(example: &str) -> PathBuf {
    let tests = env::current_exe().expect("a test knows where it is");
    let built = tests.parent().and_then(Path::parent).expect("in `deps`");
    built.join(format!("examples/{example}{EXE_SUFFIX}"))
}

/// Runs an example to its end.
///
/// # Panics
///
/// If it was not built: `cargo test` builds the examples, `cargo test --test` does not. If it does
/// not end in a minute.
pub fn run(example: &str, arguments: &[&str]) -> Output {
    run_in(example, arguments, &[])
}

/// Runs an example to its end, with these variables in its environment.
fn run_in(example: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program(example));
    command.args(arguments).envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = match command.spawn() {
        // Wine refuses a process now and then: ERROR_INTERNAL_ERROR.
        Err(error) if cfg!(windows) && error.raw_os_error() == Some(1359) => command.spawn(),
        child => child,
    };
    let mut child = child.unwrap_or_else(|error| panic!("{error}: run `cargo build --examples` first"));
    let stdout = read_to_end(child.stdout.take());
    let stderr = read_to_end(child.stderr.take());
    let status = wait(&mut child);
    let output = Output {
        status,
        stdout: stdout.join().expect("it is read"),
        stderr: stderr.join().expect("it is read"),
    };
    assert!(status.code().is_some(), "{example} was killed: {output:?}");
    output
}

/// Runs an example under `BOUCLE_TRACE`, and asserts that it leaves a page that has this task.
///
/// # Panics
///
/// If it does not.
pub fn expect_page(example: &str, arguments: &[&str], schedule: Option<&str>, task: &str) {
    let name = format!("boucle-{}-{example}-{}.html", std::process::id(), arguments.join("-"));
    let file = env::temp_dir().join(name);
    let mut variables = vec![("BOUCLE_TRACE", file.to_str().expect("it is text"))];
    variables.extend(schedule.map(|schedule| ("BOUCLE_SCHEDULE", schedule)));
    let output = run_in(example, arguments, &variables);
    let page = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{example}: {error}: {output:?}"));
    fs::remove_file(&file).expect("it was read");
    assert!(page.ends_with("</html>\n"), "{example}: it is not whole");
    assert!(page.contains(&format!("\"{task}\"")), "{example}: it has no task {task}");
    assert!(output.status.success(), "{example}: {output:?}");
}

/// Reads a program's output on another thread, so that the program need not wait for room in the pipe.
fn read_to_end(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    let mut pipe = pipe.expect("it is piped");
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        bytes
    })
}

/// Waits for the end of a program. Kills it after a minute.
pub fn wait(child: &mut Child) -> ExitStatus {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it is a child") {
            return status;
        }
        if begin.elapsed() > 3 * PATIENCE {
            let _ = child.kill();
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until a condition is true.
///
/// # Panics
///
/// If it is not after twenty seconds.
#[track_caller]
pub fn expect_soon(condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "it does not happen");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for a connection, and gives it a timeout for reads.
///
/// # Panics
///
/// If none comes in twenty seconds.
#[track_caller]
pub fn accept_soon(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("a listener");
    let accepted = RefCell::new(None);
    expect_soon(|| match listener.accept() {
        Ok((stream, _)) => accepted.replace(Some(stream)).is_none(),
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error}"),
    });
    let stream = accepted.into_inner().expect("it was accepted");
    stream.set_nonblocking(false).expect("a stream");
    stream.set_read_timeout(Some(PATIENCE)).expect("a stream");
    stream
}

/// Returns the lines that an example printed.
pub fn lines(output: &Output) -> Vec<String> {
    let text = str::from_utf8(&output.stdout).expect("examples print UTF-8");
    text.lines().map(str::to_owned).collect()
}

/// Cuts a line at its first digit if it begins with one of `starts`: its numbers, times or ports, vary from
/// run to run.
pub fn without_numbers<'a>(line: &'a str, starts: &[&str]) -> &'a str {
    match line.find(|letter: char| letter.is_ascii_digit()) {
        Some(digit) if starts.iter().any(|start| line.starts_with(start)) => &line[..digit],
        _ => line,
    }
}

/// Returns the output that the header of a source file shows.
pub fn documented(source: impl AsRef<Path>) -> Vec<String> {
    let source = fs::read_to_string(source).expect("the source is there");
    let block = source.split_once("//! ```text\n").and_then(|(_, rest)| rest.split_once("//! ```\n"));
    let (block, _) = block.expect("the header has a block of output");
    let lines = block.lines().map(|line| line.trim_start_matches("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned()).collect()
}

/// Asserts that an example refuses an unknown option, with one line that names it and exit status 2, and
/// that its `--help` mentions `option`.
///
/// # Panics
///
/// If it does not.
pub fn expect_usage(example: &str, option: &str) {
    let wrong = run(example, &["--wrong"]);
    assert_eq!(
        String::from_utf8_lossy(&wrong.stderr),
        format!("{example}: invalid option '--wrong' (try --help)\n")
    );
    assert!(wrong.stdout.is_empty(), "{wrong:?}");
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");

    let help = run(example, &["--help"]);
    let lines = lines(&help);
    assert!(lines.iter().any(|line| line.contains(option)), "{lines:?}");
    assert!(help.stderr.is_empty(), "{help:?}");
    assert!(help.status.success(), "{help:?}");
}
