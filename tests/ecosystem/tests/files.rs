//! async-fs: files, on the threads of the crate `blocking`, from which the wakes come.

use std::io::{ErrorKind, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use async_fs::{File, OpenOptions};
use blocking::Unblock;
use boucle::{LoopHandle, gather, spawn, yield_now};
use boucle_ecosystem_tests::{run, virtually};
use futures_lite::future::poll_once;
use futures_lite::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader};
use futures_lite::stream::StreamExt;
use tempfile::TempDir;

#[test]
fn a_file_is_written_read_and_changed() {
    run(async {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("text");
        let mut file = File::create(&path).await.unwrap();
        for number in 0..10_000 {
            file.write_all(format!("line {number}\n").as_bytes()).await.unwrap();
        }
        file.close().await.unwrap();

        let lines = BufReader::new(File::open(&path).await.unwrap()).lines();
        let lines: Vec<String> = lines.map(|line| line.unwrap()).collect().await;
        assert_eq!((lines.len(), lines[9_999].as_str()), (10_000, "line 9999"));

        let mut file = OpenOptions::new().read(true).write(true).open(&path).await.unwrap();
        assert_eq!(file.seek(SeekFrom::Start(5)).await.unwrap(), 5);
        file.write_all(b"zero").await.unwrap();
        file.flush().await.unwrap();
        file.seek(SeekFrom::Start(0)).await.unwrap();
        let mut start = [0; 9];
        file.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"line zero");
    });
}

#[test]
fn a_folder_is_made_listed_and_removed() {
    run(async {
        let folder = TempDir::new().unwrap();
        let inner = folder.path().join("a/b");
        async_fs::create_dir_all(&inner).await.unwrap();
        let files = (0..50).map(|number| {
            let path = inner.join(number.to_string());
            async move { async_fs::write(path, number.to_string()).await.unwrap() }
        });
        gather(files).await;
        let mut sum = 0;
        let mut entries = async_fs::read_dir(&inner).await.unwrap();
        while let Some(entry) = entries.try_next().await.unwrap() {
            sum += async_fs::read_to_string(entry.path()).await.unwrap().parse::<u32>().unwrap();
        }
        assert_eq!(sum, (0..50).sum());
        async_fs::remove_dir_all(folder.path().join("a")).await.unwrap();
        let error = async_fs::metadata(&inner).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

/// Makes a pipe in the file system. To open one end of it waits until the other end is opened.
fn pipe(folder: &TempDir, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// `Unblock`, as for stdin, reads a file and a pipe: each line comes when it is written, and the end of the loop
/// does not wait for the next.
#[test]
fn lines_are_read_on_a_thread() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("text");
    std::fs::write(&path, "one\ntwo\n").unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    run(async {
        let lines = BufReader::new(Unblock::new(std::fs::File::open(&path).unwrap())).lines();
        assert_eq!(lines.map(|line| line.unwrap()).collect::<Vec<_>>().await, ["one", "two"]);

        let mut lines = BufReader::new(Unblock::new(reader)).lines();
        for text in ["one\ntwo\n", "three\nfour\n"] {
            writer.write_all(text.as_bytes()).unwrap();
            for line in text.lines() {
                assert_eq!(lines.next().await.unwrap().unwrap(), line);
            }
        }
        assert!(poll_once(lines.next()).await.is_none());
    });
    drop(writer);
}

/// A read of a pipe that nothing is written to holds a thread of the pool, and no task of the loop.
#[test]
fn other_tasks_run_while_a_thread_reads() {
    run(async {
        let folder = TempDir::new().unwrap();
        let path = pipe(&folder, "pipe");
        let reading = spawn(async_fs::read_to_string(path.clone()));
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(!reading.is_finished());
        async_fs::write(&path, "at last").await.unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), "at last");
    });
}

/// A loop with a virtual clock does not know that another crate's thread will wake it, and reports a
/// deadlock; unless a `LoopHandle` exists, by which a wake may come from elsewhere.
#[test]
fn a_virtual_clock_waits_for_a_file_while_there_is_a_loop_handle() {
    let folder = TempDir::new().unwrap();
    let (silent, path) = (pipe(&folder, "silent"), pipe(&folder, "pipe"));
    // The thread waits for a writer until the process ends.
    let read = || virtually(async { async_fs::read_to_string(silent).await.unwrap() });
    let panic = catch_unwind(AssertUnwindSafe(read)).unwrap_err();
    assert!(panic.downcast::<String>().unwrap().contains("deadlock"));

    virtually(async {
        let _handle = LoopHandle::current();
        let text = async_fs::read_to_string(path.clone());
        let writer = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20)); // the loop is in its park by then
            std::fs::write(path, "to us").unwrap();
        });
        assert_eq!(text.await.unwrap(), "to us");
        writer.join().unwrap();
    });
}
