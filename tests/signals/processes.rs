//! What a signal does to a process. Each test runs in a process of its own.

use std::hint::spin_loop;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc;
use std::task::Context;
use std::thread;

use boucle::signal::{SignalKind, ctrl_c, stream};
use boucle::{sleep, spawn, timeout, yield_now};
use futures_lite::future::{block_on, poll_once};

use crate::common::{
    HOUR, LONG, child, is_child, ms, own_binary, part_of_child, passes_alone, run, waker_of,
};
use crate::running::{DEFAULT, Running, say};
use crate::{poll, raise};

/// Waits for Ctrl-C, and then holds the loop's thread.
fn hangs_after(pressed: impl Future) -> ! {
    run(async {
        let mut pressed = pin!(pressed);
        assert!(poll_once(&mut pressed).await.is_none());
        say("ready");
        pressed.await;
        hangs();
    });
    unreachable!("it was ended");
}

/// Holds this thread in a clean-up.
fn hangs() {
    say("cleaning up");
    thread::sleep(LONG);
}

/// The first Ctrl-C completes the future. The second one ends the process, as the signal does by default, even
/// while the loop's thread hangs.
#[test]
fn a_second_ctrl_c_ends_a_program_that_hangs() {
    const TEST: &str = "processes::a_second_ctrl_c_ends_a_program_that_hangs";
    if is_child(TEST) {
        hangs_after(ctrl_c());
    }
    let mut running = Running::start(&DEFAULT, child(TEST, TEST));
    running.kill("INT");
    running.read_until("cleaning up");
    running.kill("INT");
    assert_eq!(running.ended_by(), Some(2));
}

/// The second one also ends a process in which another `ctrl_c` is not polled again: it waits on the same loop,
/// or on one that hangs as well.
#[test]
fn a_second_ctrl_c_ends_a_program_with_several_waits() {
    const TEST: &str = "processes::a_second_ctrl_c_ends_a_program_with_several_waits";
    if is_child("on one loop") {
        return run(async {
            let waits = [(); 2].map(|()| spawn(async { ctrl_c().await.map(|()| hangs()) }));
            yield_now().await;
            say("ready"); // both have been polled
            for wait in waits {
                wait.await.unwrap().unwrap();
            }
        });
    }
    if is_child("on two loops") {
        let (waits, waiting) = mpsc::channel();
        thread::spawn(move || {
            run(async {
                let mut pressed = pin!(ctrl_c());
                assert!(poll_once(&mut pressed).await.is_none());
                waits.send(()).unwrap();
                thread::sleep(LONG);
            });
        });
        waiting.recv_timeout(LONG).unwrap();
        hangs_after(ctrl_c());
    }
    for part in ["on one loop", "on two loops"] {
        let mut running = Running::start(&DEFAULT, child(TEST, part));
        running.kill("INT");
        running.read_until("cleaning up");
        running.kill("INT");
        assert_eq!(running.ended_by(), Some(2), "{part}");
    }
}

/// A `ctrl_c` that is dropped gives the interrupt its default action back.
#[test]
fn ctrl_c_that_is_dropped_gives_the_default_action_back() {
    const TEST: &str = "processes::ctrl_c_that_is_dropped_gives_the_default_action_back";
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

/// As long as a stream exists, no interrupt ends the process, however many come, even after a `ctrl_c`.
#[test]
fn a_stream_goes_on_receiving() {
    const TEST: &str = "processes::a_stream_goes_on_receiving";
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
    const TEST: &str = "processes::what_was_ignored_is_ignored_again";
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

/// The name of the process, which stands beside what it ignores, need not be text.
#[test]
#[cfg(target_os = "linux")]
fn a_process_may_have_any_name() {
    const TEST: &str = "processes::a_process_may_have_any_name";
    if is_child(TEST) {
        std::fs::write("/proc/self/comm", b"\xff").unwrap();
        drop(stream(SignalKind::Hangup).unwrap());
        return say("ready");
    }
    assert_eq!(Running::start(&DEFAULT, child(TEST, TEST)).ended_by(), None);
}

/// Without a descriptor, whether a signal is ignored cannot be read: that is an error, and nothing is assumed.
#[test]
#[cfg(target_os = "linux")]
fn what_was_ignored_stays_ignored_without_a_descriptor() {
    const TEST: &str = "processes::what_was_ignored_stays_ignored_without_a_descriptor";
    if is_child(TEST) {
        return run(async {
            let mut alive = stream(SignalKind::UserDefined1).unwrap();
            let files: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
            assert!(stream(SignalKind::Hangup).is_err());
            drop(files);
            drop(stream(SignalKind::Hangup).unwrap());
            say("ready");
            alive.recv().await;
            say("alive");
        });
    }
    let ignoring = ["sh", "-c", r#"trap "" HUP; ulimit -n 64; exec "$0" "$@""#];
    let mut running = Running::start(&ignoring, child(TEST, TEST));
    running.kill("HUP");
    running.kill("USR1");
    running.read_until("alive");
    assert_eq!(running.ended_by(), None);
}

/// A recorded program that waits for Ctrl-C is not ended by it. The second Ctrl-C ends it, and writes the
/// recording first. The wait begins before the recording, or after it.
#[test]
#[cfg(feature = "trace")]
fn a_recorded_program_waits_for_ctrl_c() {
    const TEST: &str = "processes::a_recorded_program_waits_for_ctrl_c";
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

/// With `BOUCLE_DUMP`, SIGUSR1 shows the loops and never ends the process, while the program waits for it and
/// afterwards. The wait begins before the first loop, or after it.
#[test]
#[cfg(feature = "trace")]
fn a_dumped_program_may_wait_for_the_same_signal() {
    const TEST: &str = "processes::a_dumped_program_may_wait_for_the_same_signal";
    let waits = |part: &str| is_child(part).then(|| stream(SignalKind::UserDefined1).unwrap());
    let before = waits("before");
    if before.is_some() || is_child("after") {
        return run(async {
            let mut signals = before.or_else(|| waits("after")).unwrap();
            say("ready");
            signals.recv().await;
            say("received");
            drop(signals);
            say("dropped");
            sleep(HOUR).await;
        });
    }
    let merged = ["sh", "-c", r#"exec "$0" "$@" 2>&1"#];
    for part in ["before", "after"] {
        let mut command = child(TEST, part);
        command.env("BOUCLE_DUMP", "1");
        let mut running = Running::start(&merged, command);
        running.kill("USR1");
        for line in ["received", "dropped"] {
            running.read_until(line);
        }
        for _ in 0..2 {
            running.kill("USR1");
            running.read_until("task    state");
        }
    }
}

/// Polls some `ctrl_c`s, raises the interrupt, and returns them when all are woken. None is complete.
fn woken(count: usize) -> Vec<Pin<Box<impl Future<Output = io::Result<()>>>>> {
    let (wakes, woken) = mpsc::channel();
    let waker = waker_of(move || wakes.send(()).unwrap(), || ());
    let mut pressed: Vec<_> = (0..count).map(|_| Box::pin(ctrl_c())).collect();
    for pressed in &mut pressed {
        assert!(pressed.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    raise(SignalKind::Interrupt);
    pressed.iter().for_each(|_| woken.recv_timeout(LONG).unwrap());
    pressed
}

/// Raises another interrupt. Returns when it has been handled, if it has not ended the process.
fn raise_again() {
    let mut handled = stream(SignalKind::UserDefined1).unwrap();
    raise(SignalKind::Interrupt);
    // Signals are handled in rounds, by number. The first of these may be in a round that has passed the
    // interrupt's number before it came.
    for _ in 0..2 {
        raise(SignalKind::UserDefined1);
        run(async { handled.recv().await });
    }
}

/// Runs each part of a test in a process of its own. An interrupt ends some, and the others come to their end.
fn run_parts(test: &str, run: fn(&str), ended: &[&str], alive: &[&str]) {
    if let Some(part) = part_of_child() {
        say("ready");
        run(&part);
        return say("alive");
    }
    for part in ended {
        assert_eq!(Running::start(&DEFAULT, child(test, part)).ended_by(), Some(2), "{part}");
    }
    for part in alive {
        let mut running = Running::start(&DEFAULT, child(test, part));
        running.read_until("alive");
        assert_eq!(running.ended_by(), None, "{part}");
    }
}

/// Raises interrupts, the second one while a `ctrl_c` has not returned the first.
fn press_twice(part: &str) {
    match part {
        "nothing has received it" => {
            let pressed = woken(2);
            raise_again();
            pressed.into_iter().for_each(|pressed| block_on(pressed).unwrap());
        }
        "it was handed on" => {
            let mut pressed = woken(2);
            drop(pressed.remove(0));
            raise_again();
            block_on(pressed.remove(0)).unwrap();
        }
        "a stream has lost it" => {
            let presses = stream(SignalKind::Interrupt).unwrap();
            let mut pressed = woken(1);
            drop(presses);
            raise_again();
            block_on(pressed.remove(0)).unwrap();
        }
        "another has received it" => {
            let mut pressed = woken(2);
            block_on(pressed.remove(0)).unwrap();
            raise_again();
            mem::forget(pressed); // dropped, it would hand the interrupt on
        }
        "a stream has received it" => {
            let mut presses = stream(SignalKind::Interrupt).unwrap();
            let pressed = woken(1);
            assert!(poll(&mut presses).is_ready());
            drop(presses);
            raise_again();
            mem::forget(pressed);
        }
        "a stream waits" => {
            let mut presses = stream(SignalKind::Interrupt).unwrap();
            let mut pressed = woken(2);
            block_on(pressed.remove(0)).unwrap();
            raise_again();
            assert!(poll(&mut presses).is_ready());
        }
        "a later one waits" | "a later one is dropped" => {
            let mut pressed = woken(2);
            block_on(pressed.remove(0)).unwrap();
            let mut later = Box::pin(ctrl_c());
            assert!(block_on(poll_once(&mut later)).is_none());
            raise_again();
            if part == "a later one waits" {
                block_on(later).unwrap();
            } else {
                drop(later);
                mem::forget(pressed);
            }
        }
        _ => unreachable!("{part}"),
    }
}

/// A `ctrl_c` that was woken and is not polled again keeps further interrupts from ending the process while
/// nothing has received the first: they count as one. Afterwards only a stream does, or a `ctrl_c` that began to
/// wait later.
#[test]
fn a_ctrl_c_that_was_received_elsewhere_prevents_nothing() {
    const TEST: &str = "processes::a_ctrl_c_that_was_received_elsewhere_prevents_nothing";
    let ended = ["another has received it", "a stream has received it", "a later one is dropped"];
    let alive = [
        "nothing has received it",
        "it was handed on",
        "a stream has lost it",
        "a stream waits",
        "a later one waits",
    ];
    run_parts(TEST, press_twice, &ended, &alive);
}

/// Drops `ctrl_c`s that were woken, some of them incomplete.
fn drop_woken(part: &str) {
    match part {
        "one is dropped" => drop(woken(1)),
        "several are dropped" => drop(woken(3)),
        "one completes" => {
            let mut pressed = woken(3);
            drop(pressed.remove(0));
            block_on(pressed.remove(0)).unwrap();
        }
        "a stream has it" => {
            let presses = stream(SignalKind::Interrupt).unwrap();
            drop(woken(1));
            drop(presses);
        }
        "a dropped stream had it" => {
            let presses = stream(SignalKind::Interrupt).unwrap();
            let pressed = woken(1);
            drop((presses, pressed));
        }
        "a later one completes" => {
            let pressed = woken(2);
            let mut later = pin!(ctrl_c());
            assert!(block_on(poll_once(&mut later)).is_none());
            drop(pressed);
            block_on(later).unwrap();
        }
        _ => unreachable!("{part}"),
    }
}

/// A Ctrl-C that has woken a `ctrl_c` counts as coming anew when that is dropped before it completes: it ends
/// the process, or completes a `ctrl_c` that began to wait meanwhile; unless another wait has received it.
#[test]
fn a_ctrl_c_that_completes_nothing_is_handed_on() {
    const TEST: &str = "processes::a_ctrl_c_that_completes_nothing_is_handed_on";
    let ended = ["one is dropped", "several are dropped", "a dropped stream had it"];
    let alive = ["one completes", "a stream has it", "a later one completes"];
    run_parts(TEST, drop_woken, &ended, &alive);
}

/// A Ctrl-C that a stream receives while a `ctrl_c` is dropped on another thread is not handed on as well.
#[test]
fn a_ctrl_c_is_not_received_and_handed_on() {
    const TEST: &str = "processes::a_ctrl_c_is_not_received_and_handed_on";
    if passes_alone(own_binary(), TEST) {
        return;
    }
    let mut presses = stream(SignalKind::Interrupt).unwrap();
    for round in 0..500 {
        let pressed = woken(1);
        let [is_ready, is_time] = [(); 2].map(|()| AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                is_ready.store(true, SeqCst);
                while !is_time.load(SeqCst) {
                    spin_loop();
                }
                drop(pressed);
            });
            while !is_ready.load(SeqCst) {
                thread::yield_now();
            }
            is_time.store(true, SeqCst);
            (0..round % 64).for_each(|_| spin_loop());
            assert!(poll(&mut presses).is_ready());
        });
        assert!(poll(&mut presses).is_pending(), "round {round}");
    }
}
