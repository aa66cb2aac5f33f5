//! No part of a file stays: not when a download fails, panics or is dropped, nor when the output is no
//! longer read.

#[cfg(target_os = "linux")]
use std::cell::Cell;
use std::fs;
use std::future::poll_fn;
#[cfg(target_os = "linux")]
use std::io::{self, Write};
use std::io::{BufRead, BufReader};
use std::panic::resume_unwind;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::path::PathBuf;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use async_lock::Barrier;
#[cfg(target_os = "linux")]
use boucle::sleep;
use boucle::timeout;
use futures_lite::future::poll_once;
use stage::http::{Failure, Server};
use stage::stdout::capture;
use stage::testing::{expect_soon, lines, program};
use tempfile::{TempDir, tempdir};

use super::fetch::{Folder, fetch};
use super::links::{self, Link};
use super::screen::Screen;
use super::{asynchronous, blocking, content, count, names, site};

/// The disk takes half a file. Where a shell counts `ulimit -f` in 512 bytes, as POSIX says, or in
/// 1024, there is room for the smaller ones.
#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_written_is_removed() {
    let directory = tempdir().unwrap();
    let script = r#"trap "" XFSZ; ulimit -f 1000; exec "$0" --scale 0 --to "$1""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(program("download")).arg(directory.path());
    let download = shell.output().unwrap();
    let printed = lines(&download);
    let reports = count(&printed, "C05-Scientific.pdf failed: File too large");
    assert_eq!(reports, 2, "{printed:#?}");
    let unclear = |line: &&String| line.contains(" failed: ") && !line.contains("File too large");
    assert_eq!(printed.iter().find(unclear), None);
    assert_eq!(count(&printed, "C06-Script.pdf downloaded and saved"), 1);
    assert_eq!(count(&printed, "C06-Script.pdf saved"), 1);
    for way in ["blocking", "asynchronous"] {
        let names = names(&directory.path().join(way));
        assert!(names.contains(&"C06-Script.pdf".to_owned()), "{names:?}");
        assert!(!names.contains(&"C05-Scientific.pdf".to_owned()), "{names:?}");
        assert!(names.iter().all(|name| !name.ends_with(".part")), "{names:?}");
    }
    assert_eq!(download.status.code(), Some(1));
}

/// The disk is full at each of the ten files in turn: its name is reported, with the reason, and nothing of
/// it stays. The other nine are whole. (The disk is a file system of three megabytes, which only the program
/// sees. Where the system allows no such file system, this is skipped, and stderr says so. The server holds back
/// the file that is too large until the others are saved, so that only this file finds the disk full.)
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported_for_each_file() {
    let script = r#"
        mount -t tmpfs -o size=3m none "$1/disk" || exit 99
        "$0" --links "$1/links" --to "$1/disk"
        status=$?
        cp -r "$1/disk" "$1/copy"
        exit $status"#;
    let mut reported = 0;
    for full in 0..10 {
        let directory = tempdir().unwrap();
        let path = directory.path().to_owned();
        fs::create_dir(path.join("disk")).unwrap();
        let process = Arc::default();
        let address = server_of_a_full_disk(full, path.clone(), Arc::clone(&process)).address;
        let urls: String = (0..10).map(|file| format!("http://{address}/{file}.pdf\n")).collect();
        fs::write(path.join("links"), urls).unwrap();
        let mut shell = Command::new("unshare");
        shell.args(["-rm", "sh", "-c", script]).arg(program("download")).arg(&path);
        let shell = match shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
            Ok(shell) => shell,
            Err(error) => return skipped(&format!("unshare: {error}")),
        };
        process.store(shell.id(), SeqCst);
        let download = shell.wait_with_output().unwrap();
        let printed = lines(&download);
        let is_refused = download.status.code() == Some(99) || download.stderr.starts_with(b"unshare");
        if full == 0 && is_refused {
            return skipped(&String::from_utf8_lossy(&download.stderr));
        }
        let reports = count(&printed, &format!("{full}.pdf failed: No space left on device"));
        assert_eq!(reports, 2, "{printed:#?}");
        reported += reports;
        let failed = printed.iter().filter(|line| line.contains(" failed: "));
        assert_eq!(failed.count(), 2, "{printed:#?}");
        assert_eq!(download.status.code(), Some(1));
        for way in ["blocking", "asynchronous"] {
            let way = path.join("copy").join(way);
            let others: Vec<_> =
                (0..10).filter(|file| *file != full).map(|file| format!("{file}.pdf")).collect();
            assert_eq!(names(&way), others);
            for name in others {
                assert!(fs::read(way.join(&name)).unwrap() == content(&format!("/{name}")));
            }
        }
    }
    assert_eq!(reported, 20);
}

/// If a directory does not exist, each file in it fails.
#[test]
fn a_directory_that_takes_no_file_is_reported() {
    let links = links(&format!("http://{}/good.pdf", site()));
    let nowhere = folder(Path::new("nowhere"));
    let (came, printed) = capture(|| {
        boucle::run(async {
            fetch(links.clone(), nowhere.clone(), blocking::download).await
                || fetch(links, nowhere, asynchronous::download).await
        })
    });
    assert!(!came);
    let reports = count(&printed, "good.pdf failed: No such file or directory");
    assert_eq!(reports, 2, "{printed:#?}");
}

/// A job of the executor panics: its download has failed, and the other goes on.
#[test]
fn a_panic_ends_one_download() {
    let directory = tempdir().unwrap();
    let site = site();
    let links = links(&format!("http://{site}/bad.pdf\nhttp://{site}/good.pdf"));
    let download = async |link: Arc<Link>, folder: Folder| -> Result<(), Failure> {
        if link.name == "bad.pdf" {
            boucle::run_in_executor(|| resume_unwind(Box::new("out of luck"))).await
        }
        blocking::download(link, folder).await
    };
    let (came, mut printed) = capture(|| boucle::run(fetch(links, folder(directory.path()), download)));
    printed.sort();
    assert!(!came);
    assert!(printed[0].starts_with("bad.pdf failed: "), "{printed:#?}");
    assert!(printed[0].ends_with(" panicked: out of luck"), "{printed:#?}");
    assert_eq!(printed[1..], ["good.pdf downloaded and saved"]);
    assert_eq!(names(directory.path()), ["good.pdf"]);
}

/// The coroutine is dropped after one poll, after two, and so on up to its end: so it is dropped in each of
/// its waits, for the file to be created, written and renamed.
#[test]
fn an_async_download_that_is_dropped_leaves_nothing() {
    let server = Server::start(async |uri| Some(content(uri.path()))).unwrap();
    let link = link(&server);
    let download = |polls: usize, directory: &TempDir| {
        let download = asynchronous::download(Arc::clone(&link), folder(directory.path()));
        capture(|| boucle::run(polled(polls, download))).0
    };
    let mut dropped = Vec::new();
    loop {
        let directory = tempdir().unwrap();
        if let Some(result) = download(dropped.len() + 1, &directory) {
            result.unwrap();
            assert!(is_whole(&directory));
            break;
        }
        dropped.push(directory);
    }
    assert!(!dropped.is_empty());
    let is_empty = |directory: &TempDir| names(directory.path()).is_empty();
    expect_soon(|| dropped.iter().all(|directory| is_empty(directory) || is_whole(directory)));
}

/// The coroutine is dropped when the server has the request. Its thread goes on, so the file is whole when
/// the server has answered.
#[test]
fn a_blocking_download_that_is_dropped_leaves_a_whole_file() {
    let gate = Arc::new(Barrier::new(2));
    let of_server = Arc::clone(&gate);
    let server = Server::start(move |uri| {
        let gate = Arc::clone(&of_server);
        async move {
            gate.wait().await;
            gate.wait().await;
            Some(content(uri.path()))
        }
    });
    let link = link(&server.unwrap());
    let directory = tempdir().unwrap();
    let drop_it = async {
        let mut download = Box::pin(blocking::download(link, folder(directory.path())));
        assert!(poll_once(&mut download).await.is_none());
        gate.wait().await;
        drop(download);
        gate.wait().await;
    };
    boucle::run(timeout(Duration::from_secs(10), drop_it)).unwrap();
    expect_soon(|| is_whole(&directory));
}

/// A closed stdout, as in `download | head -1`, does not keep the program from cleaning up.
#[test]
fn the_directory_is_removed_when_the_output_is_not_read() {
    let temporary = tempdir().unwrap();
    let mut download = Command::new(program("download"))
        .args(["--scale", "0"])
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut stdout = BufReader::new(download.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    drop(stdout);
    let end = download.wait_with_output().unwrap();
    assert!(first.starts_with("(a local server"));
    assert_eq!(String::from_utf8_lossy(&end.stderr), "");
    assert!(end.status.success());
    assert_eq!(names(temporary.path()), [""; 0]);
}

/// A stdout that is full does not either, and is reported once.
#[cfg(target_os = "linux")]
#[test]
fn the_directory_is_removed_when_the_output_is_full() {
    let temporary = tempdir().unwrap();
    let full = fs::File::create("/dev/full").unwrap();
    let mut download = Command::new(program("download"));
    download.args(["--scale", "0"]).env("TMPDIR", temporary.path()).stdout(full);
    let download = download.output().unwrap();
    let stderr = String::from_utf8_lossy(&download.stderr);
    assert_eq!(stderr, "download: cannot write to stdout: No space left on device (os error 28)\n");
    assert_eq!(download.status.code(), Some(1));
    assert_eq!(names(temporary.path()), [""; 0]);
}

/// The help, too, is a line that could not be printed.
#[cfg(target_os = "linux")]
#[test]
fn help_that_is_not_printed_is_a_failure() {
    let full = fs::File::create("/dev/full").unwrap();
    let download = Command::new(program("download")).arg("--help").stdout(full).output().unwrap();
    assert_eq!(download.status.code(), Some(1));
}

/// A signal leaves the directory, whose name says what it is of.
#[cfg(unix)]
#[test]
fn the_directory_that_a_signal_leaves_has_the_name_of_the_program() {
    let temporary = tempdir().unwrap();
    let mut download = Command::new(program("download"))
        .args(["--scale", "20"])
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    BufReader::new(download.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    download.kill().unwrap();
    download.wait().unwrap();
    let left = names(temporary.path());
    assert!(left.len() == 1 && left[0].starts_with("boucle-download-"), "{left:?}");
}

/// Starts a server of ten files. The file `full` is too large for the disk. Its answer waits until `process`
/// has saved the other nine in `path`.
#[cfg(target_os = "linux")]
fn server_of_a_full_disk(full: u32, path: PathBuf, process: Arc<AtomicU32>) -> Server {
    let asked = Cell::new(0);
    let server = Server::start(move |uri| {
        let (path, process) = (path.clone(), Arc::clone(&process));
        let way = ["blocking", "asynchronous"][asked.replace(asked.get() + 1) / 10];
        async move {
            if uri.path() != format!("/{full}.pdf") {
                return Some(content(uri.path()));
            }
            let is_saved = |file| {
                // The program's disk, seen from outside.
                let disk = format!("/proc/{}/root{}/disk", process.load(SeqCst), path.display());
                Path::new(&format!("{disk}/{way}/{file}.pdf")).exists()
            };
            let others = async {
                while !(0..10).all(|file| file == full || is_saved(file)) {
                    sleep(Duration::from_millis(1)).await;
                }
            };
            timeout(Duration::from_secs(10), others).await.ok()?;
            Some(vec![0; 4_000_000])
        }
    });
    server.unwrap()
}

/// Says why no disk can be filled. (Not by `eprintln`, whose output is not shown if the test passes.)
#[cfg(target_os = "linux")]
fn skipped(why: &str) {
    _ = writeln!(io::stderr(), "skipped: no disk can be filled: {}", why.trim_end());
}

/// Polls a future that many times, and drops it if it is still pending.
async fn polled<F: Future>(mut polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        polls -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn is_whole(directory: &TempDir) -> bool {
    names(directory.path()) == ["file.pdf"]
        && fs::read(directory.path().join("file.pdf")).unwrap() == content("/file.pdf")
}

fn links(urls: &str) -> Vec<Arc<Link>> {
    links::read(urls).0
}

fn link(server: &Server) -> Arc<Link> {
    links(&format!("http://{}/file.pdf", server.address)).remove(0)
}

fn folder(path: &Path) -> Folder {
    let (path, screen) = (path.to_owned(), Screen::new());
    Folder { path, screen }
}
