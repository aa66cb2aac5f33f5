//! Dumps and slow polls, by variables of the environment. Each test runs in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use boucle::{EventLoop, run, spawn_named, yield_now};

use super::sleeper;
use crate::common::{child, is_child, read_until};

/// Returns a command that runs one test in a process of its own, whose streams are pipes.
fn piped(test: &str) -> Command {
    let mut command = child(test, test);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a child process and returns its stderr.
fn stderr_of(mut command: Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

/// A process with `BOUCLE_DUMP` prints all its loops on a signal, with what each task waits for: here one
/// that sleeps, and one of another thread that does not answer.
#[test]
fn a_signal_shows_all_loops() {
    const TEST: &str = "environment::a_signal_shows_all_loops";
    /// They have a second for their answers, all together: with one each, the process would end before.
    const STUCK: usize = 12;
    if is_child(TEST) {
        let _stuck: Vec<_> = (0..STUCK).map(|_| EventLoop::new().unwrap()).collect();
        let sleeping = thread::spawn(|| {
            run(async {
                drop(spawn_named("sleeper", sleeper(3_600)));
                yield_now().await;
                println!("ready");
                // The parent kills the process before that is over.
                sleeper(10).await;
            });
        });
        return sleeping.join().unwrap();
    }
    let mut child = piped(TEST).env("BOUCLE_DUMP", "1").spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    read_until("ready", &mut out);
    ask(&child);
    let mut printed = String::new();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    while !printed.contains("sleeper\n") || !printed.contains("not being run\n") {
        assert_ne!(err.read_line(&mut printed).unwrap(), 0, "{printed}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    out.read_to_string(&mut String::new()).unwrap();
    let mut lines = printed.lines();
    for number in 1..=STUCK {
        let silent = "has not answered within 1 s: something holds its thread, or it is not being run";
        assert_eq!(lines.next(), Some(&*format!("loop {number} {silent}")));
        assert_eq!(lines.next(), Some(""));
    }
    let begin = lines.next().unwrap();
    assert!(begin.starts_with(&format!("loop {} at ", STUCK + 1)), "{printed}");
    assert!(begin.ends_with(": the main future and 1 task"), "{printed}");
    let row = printed.lines().find(|line| line.starts_with("  2 \"sleeper\"  idle for ")).unwrap();
    assert!(row.contains("  timer 0, until 3600") && row.ends_with("  sleeper"), "{printed}");
}

/// Asks a process with `BOUCLE_DUMP` for its loops.
fn ask(process: &Child) {
    send("-USR1", process);
}

fn send(signal: &str, process: &Child) {
    let killed = Command::new("kill").args([signal, &process.id().to_string()]).status();
    assert!(killed.unwrap().success());
}

/// A loop whose end waits for a job is shown too: a process that hangs there is not one without loops.
#[cfg(feature = "blocking")]
#[test]
fn a_signal_shows_a_loop_that_ends() {
    const TEST: &str = "environment::a_signal_shows_a_loop_that_ends";
    if is_child(TEST) {
        return run(async {
            let (begins, begun) = async_channel::bounded(1);
            let job = boucle::run_in_executor(move || {
                begins.send_blocking(()).unwrap();
                // The parent kills the process before that is over.
                thread::sleep(Duration::from_secs(30));
            });
            begun.recv().await.unwrap();
            drop(job);
            println!("ready");
        });
    }
    let mut child = piped(TEST).env("BOUCLE_DUMP", "1").spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    read_until("ready", &mut out);
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("loop 1 is ending: it waits for jobs") {
        assert_ne!(line, "no event loop is alive\n");
        line.clear();
        ask(&child);
        assert_ne!(err.read_line(&mut line).unwrap(), 0);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Another Ctrl-C ends a process whose recording cannot be shown: here the program has locked stderr. (Tests
/// that run in the background may ignore it: `env` restores the default for the program.)
#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_ends_a_process_that_cannot_show_its_recording() {
    use std::os::unix::process::ExitStatusExt;

    const TEST: &str = "environment::an_interrupt_ends_a_process_that_cannot_show_its_recording";
    if is_child(TEST) {
        let _locked = std::io::stderr().lock();
        return run(async {
            println!("ready");
            // The parent ends the process before that is over.
            sleeper(60).await;
        });
    }
    let own = child(TEST, TEST);
    let mut command = Command::new("env");
    command.arg("--default-signal=INT").arg(own.get_program()).args(own.get_args());
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = command.env("BOUCLE_TRACE", "timeline").stdout(Stdio::piped()).spawn().unwrap();
    read_until("ready", &mut BufReader::new(child.stdout.take().unwrap()));
    // Interrupts that arrive together are one.
    for _ in 0..300 {
        send("-INT", &child);
        thread::sleep(Duration::from_millis(100));
        if let Some(ended) = child.try_wait().unwrap() {
            return assert_eq!(ended.signal(), Some(2));
        }
    }
    child.kill().unwrap();
    panic!("it goes on");
}

/// A process with `BOUCLE_SLOW_POLL` reports its slow polls. A malformed value is reported once, and the
/// program still runs.
#[test]
fn a_variable_reports_slow_polls() {
    const TEST: &str = "environment::a_variable_reports_slow_polls";
    if is_child(TEST) {
        for _ in 0..2 {
            let own = async { thread::sleep(Duration::from_millis(2)) };
            run(async { spawn_named("slow", own).await.unwrap() });
        }
        return;
    }
    let with = |value| {
        let mut command = piped(TEST);
        command.env("BOUCLE_SLOW_POLL", value);
        let text = stderr_of(command);
        let ours = text.lines().filter(|line| line.starts_with("boucle: "));
        ours.map(str::to_owned).collect::<Vec<_>>()
    };
    let slow = with("1ms");
    for number in [1, 2] {
        let begin = format!("boucle: slow poll in loop {number}: task 2 \"slow\", spawned at ");
        let of = |line: &&String| line.starts_with(&begin) && line.ends_with(" in turn 2");
        let line = slow.iter().find(of).unwrap_or_else(|| panic!("{slow:?}"));
        let place = format!("{begin}{}:", file!());
        assert!(line.starts_with(&place) && line.contains(", took "), "{line}");
    }
    assert_eq!(with(""), [] as [&str; 0]);
    assert_eq!(with("3600s"), [] as [&str; 0]);
    let wrong = "boucle: BOUCLE_SLOW_POLL=often: expected a time, like 100ms, 1s or 250us";
    assert_eq!(with("often"), [wrong]);
}
