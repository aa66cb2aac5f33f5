//! `download`: what it prints, that its waits overlap both ways, and what it refuses.

mod cleanup; // nothing is left behind

use std::cell::Cell;
use std::fs;
use std::future::ready;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_lock::Barrier;
use boucle::timeout;
use stage::http::Server;
use stage::testing::{documented, expect_usage, lines, program, run, without_numbers};
use tempfile::tempdir;

#[path = "../../download/asynchronous.rs"]
mod asynchronous;
#[path = "../../download/blocking.rs"]
mod blocking;
#[path = "../../download/fetch.rs"]
mod fetch;
#[path = "../../download/links.rs"]
mod links;
#[path = "../../download/part.rs"]
mod part;
#[path = "../../download/screen.rs"]
mod screen;

/// All lines, except times and the port. The lines of the files are compared without their order: on a
/// slow machine one may come after the next one. The directory is gone at the end.
#[test]
fn download_prints_what_its_header_says() {
    let temporary = tempdir().unwrap();
    let mut download = Command::new(program("download"));
    let download = download.env("TMPDIR", temporary.path()).output().unwrap();
    let printed = lines(&download);
    assert_eq!(stable(printed.clone()), stable(documented("download/main.rs")));
    let line = |line: &str| printed.iter().position(|printed| printed == line).unwrap();
    assert!(line("C06-Script.pdf downloaded") < line("C06-Script.pdf saved"));
    assert!(download.status.success());
    assert_eq!(names(temporary.path()), [""; 0]);
}

/// On a terminal there are bars; in the pipe of the test above there are none.
#[cfg(target_os = "linux")]
#[test]
fn download_draws_bars_on_a_terminal() {
    let mut terminal = Command::new("script");
    let command = format!("{} --scale 0", program("download").display());
    terminal.args(["-qec", &command, "/dev/null"]).env("TERM", "xterm");
    let Ok(download) = terminal.output() else {
        return; // There is no `script`.
    };
    let drawn = String::from_utf8_lossy(&download.stdout);
    assert!(drawn.contains("C01-Objects.pdf                ░"), "{drawn}");
    assert!(drawn.contains("C01-Objects.pdf downloaded and saved\r\n"), "{drawn}");
    assert!(download.status.success());
}

/// The server here answers nothing before it has read all ten requests, so each way ends only if
/// its ten waits overlap. Both bring what was served.
#[test]
fn ten_downloads_overlap_both_ways() {
    let all_ten = Arc::new(Barrier::new(10));
    let server = Server::start(move |uri| {
        let all_ten = Arc::clone(&all_ten);
        async move {
            let bound = Duration::from_secs(5);
            timeout(bound, all_ten.wait()).await.ok()?;
            Some(content(uri.path()))
        }
    });
    let server = server.unwrap();

    let paths: Vec<_> = (0..10).map(|file| format!("/{file}.pdf")).collect();
    let urls = paths.iter().map(|path| format!("http://{}{path}\n\n", server.address));
    let directory = tempdir().unwrap();
    let download = download(directory.path(), &urls.collect::<String>());
    assert!(download.status.success(), "{download:?}");
    for way in ["blocking", "asynchronous"] {
        let way = directory.path().join(way);
        for path in &paths {
            assert!(fs::read(way.join(&path[1..])).unwrap() == content(path));
        }
        assert_eq!(names(&way).len(), 10);
    }
    assert_eq!(server.take_most_open(), 10);
}

/// One good file among failures of every kind: each failure is reported once each way, and leaves nothing.
#[test]
fn download_reports_what_failed_and_gets_the_rest() {
    let site = site();
    // Nothing listens there any more.
    let refused = TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr());
    let refused = refused.unwrap();
    let no_connection = format!("cannot connect to {refused}: Connection refused");
    let failures = [
        (site, "missing.pdf", "404 Not Found"),
        (site, "closed.pdf", "connection closed"),
        (site, "short.pdf", ""),
        (refused, "refused.pdf", &*no_connection),
    ];
    let urls = failures.map(|(server, name, _)| format!("http://{server}/{name}\n"));
    let directory = tempdir().unwrap();
    let urls = urls.concat() + &format!("http://{site}/good.pdf");
    let download = download(directory.path(), &urls);

    let printed = lines(&download);
    for (_, name, why) in failures {
        let failed = format!("{name} failed: ");
        let reports = printed.iter().filter(|line| line.starts_with(&failed) && line.contains(why));
        assert_eq!(reports.count(), 2, "{printed:#?}");
    }
    let short = "short.pdf failed: connection closed after 3 of 6 bytes";
    assert_eq!(count(&printed, short), 1);
    assert_eq!(count(&printed, "short.pdf saved"), 0);
    for way in ["blocking", "asynchronous"] {
        let way = directory.path().join(way);
        assert_eq!(names(&way), ["good.pdf"]);
        assert_eq!(fs::read(way.join("good.pdf")).unwrap(), b"whole!");
    }
    assert_eq!(download.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&download.stderr), "");
}

/// A file that is there already stays as it is.
#[test]
fn download_overwrites_nothing() {
    let directory = tempdir().unwrap();
    let ways = ["blocking", "asynchronous"].map(|way| directory.path().join(way));
    for way in &ways {
        fs::create_dir(way).unwrap();
        fs::write(way.join("good.pdf"), "mine").unwrap();
    }
    let download = download(directory.path(), &format!("http://{}/good.pdf", site()));
    assert_eq!(count(&lines(&download), "good.pdf failed: File exists"), 2);
    for way in &ways {
        assert_eq!(names(way), ["good.pdf"]);
        assert_eq!(fs::read_to_string(way.join("good.pdf")).unwrap(), "mine");
    }
    assert_eq!(download.status.code(), Some(1));

    fs::write(directory.path().join("links"), "mine").unwrap();
    let to = directory.path().to_str().unwrap();
    let stderr = String::from_utf8(run("download", &["--to", to]).stderr).unwrap();
    assert!(stderr.starts_with(&format!("download: {to}/links: File exists")), "{stderr}");
}

/// A file of links gives the links, and an error for each other line.
#[test]
fn links_have_names_that_stay_in_the_directory() {
    let (found, failures) = links::read(
        "http://h/C01-Objects.pdf\r\n\n  http://h:81/a/b/..%2F..%2Fx.pdf?page=/1\n\
         http://h/\nhttp://h\nhttp://h/a/..\nhttp://h/.\nhttp://h/?x.pdf\n\
         http://h/2/C01-Objects.pdf\nftp://h/x.pdf\nwhat is this",
    );
    let names: Vec<_> = found.iter().map(|link| link.name.as_str()).collect();
    assert_eq!(names, ["C01-Objects.pdf", "..%2F..%2Fx.pdf"]);
    assert_eq!(found[1].target.path, "/a/b/..%2F..%2Fx.pdf?page=/1");
    let expected = [
        r#"http://h/ failed: "" is not a file name"#,
        r#"http://h failed: "" is not a file name"#,
        r#"http://h/a/.. failed: ".." is not a file name"#,
        r#"http://h/. failed: "." is not a file name"#,
        r#"http://h/?x.pdf failed: "" is not a file name"#,
        "http://h/2/C01-Objects.pdf failed: another link has the file name C01-Objects.pdf",
        "ftp://h/x.pdf failed: not a URL: it does not begin with http:// or https://",
        "what is this failed: not a URL: invalid uri character",
    ];
    assert_eq!(failures, expected);
}

/// A line that is no link is reported, the others are downloaded, and the exit status is 1.
#[test]
fn download_reports_what_is_no_link() {
    let good = format!("http://{}/good.pdf", site());
    for (urls, saved, stderr) in
        [(format!("what?\n{good}\n"), 1, ""), ("what?\n".to_owned(), 0, "links: there is no link in it\n")]
    {
        let directory = tempdir().unwrap();
        let download = download(directory.path(), &urls);
        let printed = lines(&download);
        assert!(printed[0].starts_with("what? failed: not a URL"), "{printed:?}");
        assert_eq!(count(&printed, "good.pdf saved"), saved);
        assert!(String::from_utf8_lossy(&download.stderr).ends_with(stderr));
        assert_eq!(download.status.code(), Some(1));
    }
}

#[test]
fn download_answers_help_and_refuses_unknown_options() {
    expect_usage("download", "--links");
    let nowhere = run("download", &["--links", "nowhere"]);
    let stderr = String::from_utf8_lossy(&nowhere.stderr);
    assert!(stderr.starts_with("download: nowhere: No such file"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1);
    assert_eq!(nowhere.status.code(), Some(1));
}

/// Downloads a list of URLs into a directory.
fn download(directory: &Path, urls: &str) -> Output {
    let links = directory.join("links");
    fs::write(&links, urls).unwrap();
    let [links, to] = [&links, directory].map(|path| path.to_str().unwrap());
    run("download", &["--links", links, "--to", to])
}

/// Returns how many lines begin with `start`.
fn count(lines: &[String], start: &str) -> usize {
    let lines = lines.iter().filter(|line| line.starts_with(start));
    lines.count()
}

/// Returns the names in a directory, in alphabetical order.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn content(path: &str) -> Vec<u8> {
    path.repeat(20_000).into_bytes()
}

/// Cuts the port and the times, which vary from run to run, and sorts the lines of the files.
fn stable(mut lines: Vec<String>) -> Vec<String> {
    let vary = ["(a local server", "Elapsed", "With async files"];
    for line in &mut lines {
        *line = without_numbers(line, &vary).to_owned();
    }
    lines[1..11].sort();
    lines[13..33].sort();
    lines
}

/// Starts a server with one good file, and several bad ones.
fn site() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        loop {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = BufReader::new(&stream).lines().map(Result::unwrap);
            let request = head.next().unwrap();
            head.find(|line| line.is_empty()).unwrap();
            let response = match request.split(' ').nth(1) {
                Some("/good.pdf") => "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nwhole!",
                Some("/short.pdf") => "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhal",
                Some("/closed.pdf") => "",
                _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            };
            stream.write_all(response.as_bytes()).unwrap();
        }
    });
    address
}

/// A failure in either of the two ways makes the exit status 1.
#[test]
fn one_failure_is_enough_for_the_exit_status() {
    for fails in [0, 1] {
        let asked = Cell::new(0);
        let server = Server::start(move |_| {
            let fails = asked.replace(asked.get() + 1) == fails;
            ready((!fails).then(|| b"!".to_vec()))
        });
        let directory = tempdir().unwrap();
        let url = format!("http://{}/x.pdf", server.unwrap().address);
        assert_eq!(download(directory.path(), &url).status.code(), Some(1));
    }
}
