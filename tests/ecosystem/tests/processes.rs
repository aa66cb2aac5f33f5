//! async-process. It has two threads of its own: one with the reactor of async-io, for the pipes, and one
//! that waits for children to end.

use std::fs;
use std::time::Duration;

use async_process::{Command, Stdio};
use boucle::{LoopHandle, gather, sleep, spawn, timeout};
use boucle_ecosystem_tests::{run, virtually};
use futures_lite::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use futures_lite::stream::StreamExt;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn output_and_status_come_back() {
    run(async {
        let output = shell("echo out; echo err >&2; exit 3").output().await.unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    });
}

/// More than a pipe holds goes in and comes out at the same time.
#[test]
fn megabytes_pass_through_a_child() {
    run(async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let text = vec![b'x'; 4 << 20];
        let sent = text.clone();
        let writing = spawn(async move { stdin.write_all(&sent).await }); // and the pipe is closed
        let mut received = Vec::new();
        stdout.read_to_end(&mut received).await.unwrap();
        writing.await.unwrap().unwrap();
        assert!(received == text);
        assert!(child.status().await.unwrap().success());
    });
}

#[test]
fn lines_come_as_they_are_written() {
    run(async {
        let mut child = shell("while read line; do echo \"heard $line\"; done")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for word in ["one", "two"] {
            stdin.write_all(format!("{word}\n").as_bytes()).await.unwrap();
            assert_eq!(lines.next().await.unwrap().unwrap(), format!("heard {word}"));
        }
        drop(stdin);
        assert!(lines.next().await.is_none());
        assert!(child.status().await.unwrap().success());
    });
}

#[test]
fn many_children_end_in_any_order() {
    run(async {
        let codes = gather((0..30).map(|code| async move {
            let mut child = shell(&format!("exit {code}")).spawn().unwrap();
            child.status().await.unwrap().code().unwrap()
        }));
        assert_eq!(codes.await, (0..30).collect::<Vec<_>>());
    });
}

#[test]
fn a_child_that_takes_too_long_is_killed() {
    run(async {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        timeout(Duration::from_millis(5), child.status()).await.unwrap_err();
        child.kill().unwrap();
        assert_eq!(child.status().await.unwrap().code(), None);
    });
}

/// A virtual clock does not know that a child runs: it jumps to the limit, unless the clock is held.
#[test]
fn a_virtual_clock_that_is_held_waits_for_a_child() {
    virtually(async {
        let limit = Duration::from_secs(600);
        let mut silent = Command::new("sleep").arg("600").spawn().unwrap();
        timeout(limit, silent.status()).await.unwrap_err(); // at once
        silent.kill().unwrap();

        let _hold = LoopHandle::current().hold_clock();
        let status = timeout(limit, shell("sleep 0.02; exit 3").status()).await;
        assert_eq!(status.unwrap().unwrap().code(), Some(3));
    });
}

/// It has two threads, and no more for more children.
#[test]
#[cfg(target_os = "linux")]
fn it_has_two_threads() {
    let names = || -> Vec<String> {
        let threads = fs::read_dir("/proc/self/task").unwrap();
        // A thread may have ended since.
        let names = threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).ok());
        names.filter(|name| name.starts_with("async-")).collect()
    };
    run(async {
        let children: Vec<_> = (0..10)
            .map(|_| Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
            .collect();
        let outputs = children.into_iter().map(|child| child.output());
        for output in gather(outputs).await {
            assert!(output.unwrap().status.success());
        }
        sleep(Duration::ZERO).await;
        let mut names = names();
        names.sort();
        assert_eq!(names, ["async-io\n", "async-process\n"]);
    });
}
