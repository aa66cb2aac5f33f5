//! Signals of the process: what waits for one gets it, and what it does when nothing waits.
//!
//! Each test has a signal of its own, since all tests of this process receive them. Those in which a signal ends
//! the process, or in which it is an interrupt, run in a process of their own.

#![cfg(all(unix, feature = "signal"))]

#[path = "common/mod.rs"]
mod common;

use std::future::{pending, poll_fn};
use std::io::{BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::pin::{Pin, pin};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;

use boucle::signal::{SignalKind, SignalStream, ctrl_c, stream};
use boucle::{Elapsed, dump, now, sleep, spawn, timeout, yield_now};
use futures_core::Stream;
use futures_lite::future::{block_on, poll_once};

use common::{
    HOUR, LONG, child, is_child, ms, observed_by, panic_of, passes_at_once, read_until, run, virtually,
    waker_of,
};

/// Raises a signal on this thread: its handler has run when this returns.
fn raise(kind: SignalKind) {
    signal_hook::low_level::raise(kind as i32).unwrap();
}

fn poll(stream: &mut SignalStream) -> Poll<()> {
    stream.poll_recv(&mut Context::from_waker(std::task::Waker::noop()))
}

/// Each signal is one item of the stream, as a stream and as a call; and none is an item of another one's.
#[test]
fn a_stream_gives_each_signal_once() {
    run(async {
        let mut signals = stream(SignalKind::UserDefined1).unwrap();
        let mut others = stream(SignalKind::Quit).unwrap();
        for _ in 0..50 {
            assert_eq!(poll(&mut signals), Poll::Pending);
            raise(SignalKind::UserDefined1);
            signals.recv().await;
            assert_eq!(poll(&mut signals), Poll::Pending);
            raise(SignalKind::UserDefined1);
            assert_eq!(poll_fn(|cx| Pin::new(&mut signals).poll_next(cx)).await, Some(()));
        }
        assert_eq!(poll(&mut others), Poll::Pending);
    });
}

/// Signals that come between two polls of a stream count as one. (The other stream says that they have come.)
#[test]
fn signals_between_two_polls_are_one() {
    run(async {
        let mut seldom = stream(SignalKind::UserDefined2).unwrap();
        let mut often = stream(SignalKind::UserDefined2).unwrap();
        for _ in 0..3 {
            raise(SignalKind::UserDefined2);
            often.recv().await;
        }
        assert_eq!(poll(&mut seldom), Poll::Ready(()));
        assert_eq!(poll(&mut seldom), Poll::Pending);
    });
}

/// One signal reaches all that wait for it: tasks of loops of several threads, and what no loop runs.
#[test]
fn a_signal_reaches_every_loop() {
    const KIND: SignalKind = SignalKind::Hangup;
    let mut own = stream(KIND).unwrap();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let [mut one, mut other] = [(), ()].map(|()| stream(KIND).unwrap());
            thread::spawn(move || {
                run(async {
                    let task = spawn(async move { one.recv().await });
                    other.recv().await;
                    task.await.unwrap();
                });
            })
        })
        .collect();
    raise(KIND);
    for thread in threads {
        thread.join().unwrap();
    }
    block_on(own.recv());
}

/// A stream wakes the task of its last poll alone, and drops a waker that is not needed any more: when another one
/// takes its place, when the signal has come, and with the stream.
#[test]
fn a_stream_wakes_the_task_of_its_last_poll() {
    let (log, lines) = mpsc::channel();
    let waker = |number| {
        let [woken, dropped] = [log.clone(), log.clone()];
        let wake = move || woken.send((number, "woken")).unwrap();
        waker_of(wake, move || dropped.send((number, "dropped")).unwrap())
    };
    let mut signals = stream(SignalKind::Alarm).unwrap();
    let mut is_pending = |number| signals.poll_recv(&mut Context::from_waker(&waker(number))).is_pending();
    assert!(is_pending(0) && is_pending(1));
    assert_eq!(lines.recv(), Ok((0, "dropped")));
    raise(SignalKind::Alarm);
    assert_eq!(lines.recv_timeout(LONG), Ok((1, "woken")));
    assert_eq!(lines.recv_timeout(LONG), Ok((1, "dropped")));
    assert!(!is_pending(2));
    assert_eq!(lines.recv(), Ok((2, "dropped")));
    assert!(is_pending(3));
    drop(signals);
    assert_eq!(lines.recv(), Ok((3, "dropped")));
    assert!(lines.try_recv().is_err());
}

/// A signal does not hold a virtual clock. A loop that only waits for signals is not in a deadlock, and says what
/// it waits for; once the stream is gone, it is in one. (Real time: the loop parks until the signal comes.)
#[test]
fn a_virtual_loop_waits_for_a_signal() {
    const KIND: SignalKind = SignalKind::Continue;
    virtually(async {
        let start = now();
        let mut signals = stream(KIND).unwrap();
        assert_eq!(timeout(HOUR, signals.recv()).await, Err(Elapsed));
        assert_eq!(now() - start, HOUR);
        let mut wait = pin!(signals.recv());
        assert!(poll_once(&mut wait).await.is_none());
        assert!(passes_at_once(HOUR).await);
        yield_now().await;
        let other = thread::spawn(|| {
            thread::sleep(ms(20));
            raise(KIND);
        });
        wait.await;
        other.join().unwrap();
    });
    let message = panic_of(|| {
        virtually(async {
            let mut signals = stream(KIND).unwrap();
            assert!(poll_once(signals.recv()).await.is_none());
            drop(signals);
            pending::<()>().await;
        })
    });
    assert!(message.starts_with("deadlock"), "{message}");
}

/// A dump says which signal a task waits for.
#[test]
fn a_dump_names_the_signal() {
    observed_by(|_| ()).block_on(async {
        let _waits = spawn(async { stream(SignalKind::WindowChange).unwrap().recv().await });
        yield_now().await;
        let dump = dump().to_string();
        let name = format!("signal {}", SignalKind::WindowChange as i32);
        assert!(dump.contains(&name), "{dump}");
    });
}

/// Runs a program that does not ignore interrupts, although tests that run in the background may.
const DEFAULT: [&str; 2] =
    ["env", if cfg!(target_os = "linux") { "--default-signal=INT" } else { "BOUCLE_TEST_DEFAULT=" }];

/// A process that runs a part of one test.
struct Running {
    process: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    /// Starts a part of a test, with another program in front of it, and reads to "ready".
    fn start(before: &[&str], own: Command) -> Self {
        let mut command = Command::new(before[0]);
        command.args(&before[1..]).arg(own.get_program()).args(own.get_args());
        command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let mut running = Running { process, out };
        running.read_until("ready");
        running
    }

    fn read_until(&mut self, line: &str) {
        read_until(line, &mut self.out);
    }

    fn kill(&self, signal: &str) {
        let killed = Command::new("kill").args(["-s", signal, &self.process.id().to_string()]).status();
        assert!(killed.unwrap().success());
    }

    /// Returns the signal that has ended the process, if one has.
    fn ended_by(mut self) -> Option<i32> {
        self.process.wait().unwrap().signal()
    }
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().unwrap();
}

/// Waits for Ctrl-C, and then hangs: it never polls again.
fn hangs_after(pressed: impl Future) -> ! {
    run(async {
        let mut pressed = pin!(pressed);
        assert!(poll_once(&mut pressed).await.is_none());
        say("ready");
        pressed.await;
        say("cleaning up");
        thread::sleep(LONG);
    });
    unreachable!("it was ended");
}

/// The first Ctrl-C completes the future. The second one ends the process, as the signal does by default, even
/// while the loop's thread hangs.
#[test]
fn a_second_ctrl_c_ends_a_program_that_hangs() {
    const TEST: &str = "a_second_ctrl_c_ends_a_program_that_hangs";
    if is_child(TEST) {
        hangs_after(ctrl_c());
    }
    let mut running = Running::start(&DEFAULT, child(TEST, TEST));
    running.kill("INT");
    running.read_until("cleaning up");
    running.kill("INT");
    assert_eq!(running.ended_by(), Some(2));
}

/// A `ctrl_c` that was given up leaves the interrupt as it was.
#[test]
fn ctrl_c_that_is_dropped_gives_the_default_action_back() {
    const TEST: &str = "ctrl_c_that_is_dropped_gives_the_default_action_back";
    if is_child(TEST) {
        return run(async {
            assert!(timeout(ms(1), ctrl_c()).await.is_err());
            say("ready");
            sleep(HOUR).await;
        });
    }
    let running = Running::start(&DEFAULT, child(TEST, TEST));
    running.kill("INT");
    assert_eq!(running.ended_by(), Some(2));
}

/// As long as a stream exists, no interrupt ends the process, however often it comes and whatever else has waited.
#[test]
fn a_stream_goes_on_receiving() {
    const TEST: &str = "a_stream_goes_on_receiving";
    if is_child(TEST) {
        return run(async {
            let mut presses = stream(SignalKind::Interrupt).unwrap();
            let mut first = pin!(ctrl_c());
            assert!(poll_once(&mut first).await.is_none());
            say("ready");
            for _ in 0..3 {
                presses.recv().await;
                say("pressed");
            }
            first.await.unwrap();
        });
    }
    let mut running = Running::start(&DEFAULT, child(TEST, TEST));
    for _ in 0..3 {
        running.kill("INT");
        running.read_until("pressed");
    }
    assert_eq!(running.ended_by(), None);
}

/// A process that was started to ignore interrupts, as by `nohup`, receives them while it waits for them, and
/// ignores them again afterwards.
#[test]
#[cfg(target_os = "linux")]
fn what_was_ignored_is_ignored_again() {
    const TEST: &str = "what_was_ignored_is_ignored_again";
    if is_child(TEST) {
        return run(async {
            let mut alive = stream(SignalKind::UserDefined1).unwrap();
            let mut pressed = pin!(ctrl_c());
            assert!(poll_once(&mut pressed).await.is_none());
            say("ready");
            pressed.await.unwrap();
            say("pressed");
            for _ in 0..2 {
                alive.recv().await;
                say("alive");
            }
        });
    }
    let ignoring = ["sh", "-c", r#"trap "" INT; exec "$0" "$@""#];
    let mut running = Running::start(&ignoring, child(TEST, TEST));
    running.kill("INT");
    running.read_until("pressed");
    for _ in 0..2 {
        running.kill("INT");
        running.kill("USR1");
        running.read_until("alive");
    }
    assert_eq!(running.ended_by(), None);
}

/// A program that waits for Ctrl-C is not ended by it while it is recorded; and the one that ends it shows the
/// recording first. The wait begins before the recording, or after it.
#[test]
#[cfg(feature = "trace")]
fn a_recorded_program_waits_for_ctrl_c() {
    const TEST: &str = "a_recorded_program_waits_for_ctrl_c";
    if is_child("before") {
        // No loop exists yet, and so no recording.
        let mut presses = stream(SignalKind::Interrupt).unwrap();
        hangs_after(async move { presses.recv().await });
    }
    if is_child("after") {
        hangs_after(ctrl_c());
    }
    for part in ["before", "after"] {
        let file = std::env::temp_dir().join(format!("boucle-{}-{part}.json", std::process::id()));
        let mut command = child(TEST, part);
        command.env("BOUCLE_TRACE", &file);
        let mut running = Running::start(&DEFAULT, command);
        running.kill("INT");
        running.read_until("cleaning up");
        assert!(!file.exists());
        running.kill("INT");
        assert_eq!(running.ended_by(), Some(2));
        let recorded = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(recorded.contains("1 main"), "{recorded}");
    }
}
