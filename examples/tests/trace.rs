//! `BOUCLE_TRACE`, with programs that do not mention it: the examples, which `cargo test` builds.
#![cfg(feature = "trace")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Output, Stdio};
use std::thread;

use stage::testing::{expect_page, program, wait};

/// Runs an example with the variable.
fn traced(example: &str, value: &str) -> Output {
    let output = Command::new(program(example)).env("BOUCLE_TRACE", value).output();
    output.expect("the examples are built")
}

/// A file or a folder of this test, removed on drop.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> File {
        let name = format!("boucle-{}-{name}", std::process::id());
        File(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0).or_else(|_| fs::remove_dir(&self.0));
    }
}

/// Under a virtual clock the text is the same in every run. It goes to stderr; stdout is the program's.
#[test]
fn a_timeline_of_a_virtual_run() {
    let plain = Command::new(program("step")).output().unwrap();
    let traced = traced("step", "timeline");
    assert_eq!(traced.stdout, plain.stdout);
    let timeline = String::from_utf8(traced.stderr).unwrap();
    let expected = "\
loop 1

turn          1     2                      3     4  5    6
time          0                            500ms 1s 1.5s
#1 main     +>[1]~gather 3~~~~~~~~~~~~~~~~~~~~~~~~~~#4==>[1] returned
#2 mysleep    +#1==>[1]~until 1s~~~~~~~~~~~timer>[1] returned
#3 mysleep    +#1==>[2]~until 500ms~~timer>[1] returned
#4 mysleep    +#1==>[3]~until 1.5s~~~~~~~~~~~~timer>[1] returned
";
    assert!(timeline.starts_with(expected), "{timeline}");
}

/// The picture in the README is what its command draws, and so is the text.
#[test]
fn the_picture_of_the_readme_is_drawn_from_a_run() {
    let file = File::new("sleep.svg");
    assert!(traced("step", file.path()).status.success());
    assert!(file.text() == include_str!("../sleep/sleep.svg"), "draw it anew");

    let timeline = String::from_utf8(traced("step", "timeline").stderr).unwrap();
    let rows: Vec<&str> = timeline.lines().skip(2).take(6).collect();
    assert!(include_str!("../../README.md").contains(&rows.join("\n")));
}

/// The ending of the file's name chooses its format, each file is whole, and the program's output is unchanged.
#[test]
fn the_ending_of_a_name_chooses_the_format() {
    let plain = Command::new(program("step")).output().unwrap();
    for (name, begins, ends) in
        [("run.html", "<!doctype html>", "</html>"), ("run.svg", "<svg", "</svg>"), ("run.json", "{", "}")]
    {
        let file = File::new(name);
        let traced = traced("step", file.path());
        assert_eq!((traced.stdout, traced.stderr), (plain.stdout.clone(), vec![]));
        let text = file.text();
        let (text, whole) = (text.trim(), text.contains("mysleep"));
        assert!(text.to_lowercase().starts_with(begins), "{name}: {}", &text[..40]);
        assert!(text.ends_with(ends) && whole, "{name}");
    }
}

/// The examples that leave a page in any run, with arguments for a short one, and one of their tasks.
const WITH_A_PAGE: &[(&str, &[&str], &str)] = &[
    ("await_another", &[], "1 main"),
    ("awaitables", &[], "2 say_after"),
    ("cores", &["--scale", "0.005"], "2 ask"),
    ("exemple", &[], "3 coroutine_2"),
    ("fetch", &[], "2 serve"),
    ("figures", &["7"], "3 page 2"),
    ("generators", &[], "2 count"),
    ("late", &[], "2 clock"),
    ("nom", &[], "4 nom_async"),
    ("on_boucle", &["4"], "4 mysleep"),
    ("pages", &[], "3 page"),
    ("run_forever", &[], "2 coroutine_2_that_stops"),
    #[cfg(feature = "blocking")]
    ("run_in_executor", &[], "2 beside_a_tick"),
    ("say_after", &["--scale", "0.1"], "3 say_after"),
    ("shared_state", &[], "2 block in count"),
    ("sleep", &[], "4 mysleep"),
    ("starvation", &[], "2 wait"),
    ("step", &[], "4 mysleep"),
    ("two_loops", &[], "3 meet"),
];

/// Those that leave one only with a schedule: otherwise they explore, in many loops.
const WITH_A_SCHEDULE: &[(&str, &str, &str)] =
    &[("cancel", "0:1", "2 sender"), ("race", "0:1,1:1", "3 card")];

/// A program in this folder is an example: cargo builds it, and the list of the examples names it.
#[test]
fn every_program_is_an_example() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (built, list) = (include_str!("../Cargo.toml"), include_str!("../README.md"));
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap().file_name().into_string().unwrap();
        let is_folder = folder.join(&entry).join("main.rs").is_file();
        if !is_folder && !entry.ends_with(".rs") {
            continue;
        }
        let (name, path) = match entry.strip_suffix(".rs") {
            Some(name) => (name, entry.clone()),
            None => (&*entry, format!("{entry}/main.rs")),
        };
        let line = format!("{{ name = \"{name}\", path = \"{path}\"");
        assert!(built.contains(&line), "examples/Cargo.toml lacks {line}, so cargo does not build it");
        assert!(list.contains(&format!("--example {name}")), "examples/README.md does not name {name}");
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

/// Every example that runs on boucle leaves its page.
#[test]
fn every_example_has_its_page() {
    // The five from scratch do not run boucle; `run_in_executor` needs a feature; `echo` needs clients, and
    // is in the next test; the coroutines of `scale` come after ten thousand threads.
    let others =
        ["scratch_1", "scratch_2", "scratch_3", "scratch_4", "scratch_5", "run_in_executor", "echo", "scale"];
    for line in include_str!("../Cargo.toml").lines() {
        let Some((name, _)) = line.trim().strip_prefix("{ name = \"").and_then(|line| line.split_once('"'))
        else {
            continue;
        };
        let with_a_page = WITH_A_PAGE.iter().map(|(example, ..)| *example);
        let with_a_schedule = WITH_A_SCHEDULE.iter().map(|(example, ..)| *example);
        let is_listed = with_a_page.chain(with_a_schedule).chain(others).any(|example| example == name);
        assert!(
            is_listed,
            "add {name} to WITH_A_PAGE, with arguments and a task, or to those that have none"
        );
    }
    thread::scope(|scope| {
        for (example, arguments, task) in WITH_A_PAGE {
            scope.spawn(|| expect_page(example, arguments, None, task));
        }
        for (example, schedule, task) in WITH_A_SCHEDULE {
            scope.spawn(|| expect_page(example, &[], Some(schedule), task));
        }
    });
}

/// A server leaves its page when it ends, with the tasks that served its clients.
#[test]
fn a_server_has_its_page_when_it_ends() {
    let file = File::new("echo.html");
    let mut echo = Command::new(program("echo"))
        .arg("--once")
        .env("BOUCLE_TRACE", file.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the examples are built");
    let lines = BufReader::new(echo.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    for line in [lines.next(), lines.next()].map(Option::unwrap) {
        let port = line.trim_end_matches("`)").rsplit(' ').next().unwrap();
        let mut client = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
        client.write_all(b"ping").unwrap();
        client.read_to_end(&mut Vec::new()).unwrap();
    }
    assert!(wait(&mut echo).success());
    assert!(file.text().contains("\"2 serve_one\""));
}

/// A wrong value, or a file that cannot be written, is reported in one line; the program goes on. A folder that
/// does not exist is reported twice: before the run, and when the file is written.
#[test]
fn an_error_is_reported_in_a_line() {
    let plain = Command::new(program("step")).output().unwrap();
    let nowhere = absolute("/no/such/folder/run.svg").unwrap().display().to_string();
    let unwritten = fs::write(&nowhere, "").unwrap_err().to_string();
    for (value, why, times) in [
        ("run.txt", "expected `timeline`, or a file that ends in .html, .svg or .json", 1),
        (&nowhere, &unwritten, 2),
    ] {
        let traced = traced("step", value);
        assert_eq!(traced.stdout, plain.stdout);
        let stderr = String::from_utf8(traced.stderr).unwrap();
        assert_eq!(stderr, format!("boucle: BOUCLE_TRACE={value}: {why}\n").repeat(times));
        assert!(traced.status.success());
    }
}

/// A folder that does not exist is reported before the program runs, not when it ends.
#[test]
fn a_folder_that_does_not_exist_is_reported_first() {
    let file = File::new("report.txt");
    let value = absolute("/no/such/folder/run.svg").unwrap().display().to_string();
    let stdout = fs::File::create(&file.0).unwrap();
    let stderr = stdout.try_clone().unwrap();
    let mut step = Command::new(program("step"));
    assert!(step.env("BOUCLE_TRACE", &value).stdout(stdout).stderr(stderr).status().unwrap().success());
    assert!(file.text().starts_with(&format!("boucle: BOUCLE_TRACE={value}: ")), "{}", file.text());
}

/// The loops of a process share one file.
#[test]
fn several_loops_share_a_file() {
    let file = File::new("loops.json");
    let traced = traced("two_loops", file.path());
    assert!(traced.status.success());
    let text = file.text();
    assert!(text.contains("loop 1") && text.contains("loop 2"), "{text}");
}

/// If the name is that of a folder, the error is one line, and no file stays beside the folder.
#[test]
fn a_folder_is_no_file() {
    let folder = File::new("folder.svg");
    fs::create_dir(&folder.0).unwrap();
    let traced = traced("step", folder.path());
    assert!(traced.status.success());
    let stderr = String::from_utf8(traced.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let beside = fs::read_dir(folder.0.parent().unwrap()).unwrap();
    let begins = format!("{}.", folder.0.file_name().unwrap().display());
    assert!(!beside.map(|it| it.unwrap().file_name()).any(|it| it.to_string_lossy().starts_with(&begins)));
}

/// Processes that write one file at the same time write it whole, each in turn.
#[cfg(unix)]
#[test]
fn processes_may_share_a_file() {
    let file = File::new("shared.json");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let traced = traced("two_loops", file.path());
                assert!(traced.status.success() && traced.stderr.is_empty(), "{traced:?}");
            });
        }
    });
    let text = file.text();
    assert!(text.starts_with('{') && text.trim_end().ends_with('}'), "{text}");
}

/// A name need not be UTF-8.
#[cfg(target_os = "linux")]
#[test]
fn a_name_may_be_bytes() {
    use std::os::unix::ffi::OsStrExt;

    let name = std::ffi::OsStr::from_bytes(b"-\xff.svg");
    let mut path = File::new("bytes").0.clone().into_os_string();
    path.push(name);
    let file = File(path.into());
    let traced = Command::new(program("step")).env("BOUCLE_TRACE", &file.0).output();
    assert_eq!(traced.unwrap().stderr, b"");
    assert!(file.text().contains("</svg>"));
}

/// If stderr takes nothing, the report is lost, and the program goes on.
#[cfg(target_os = "linux")]
#[test]
fn a_stderr_that_is_full_stops_no_program() {
    for (variable, value) in [
        ("BOUCLE_TRACE", "timeline"),
        ("BOUCLE_TRACE", "run.txt"),
        ("BOUCLE_TRACE", "/no/such/folder/run.svg"),
        ("BOUCLE_SLOW_POLL", "fast"),
        ("BOUCLE_SLOW_POLL", "0us"),
    ] {
        let full = fs::File::create("/dev/full").unwrap();
        let mut step = Command::new(program("step"));
        let output = step.env(variable, value).stderr(full).output().unwrap();
        assert!(output.status.success(), "{variable}={value}");
        let plain = Command::new(program("step")).output().unwrap();
        assert_eq!(output.stdout, plain.stdout);
    }
}

/// A program that ignores interrupts still ignores them, and its file is written.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_that_is_ignored_ends_no_program() {
    let file = File::new("ignored.svg");
    let mut child = Command::new("sh")
        .args(["-c", "trap '' INT; exec \"$0\""])
        .arg(program("late"))
        .env("BOUCLE_TRACE", file.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // It runs for two seconds.
    std::thread::sleep(std::time::Duration::from_millis(400));
    interrupt(&child);
    assert!(child.wait().unwrap().success());
    assert!(file.text().contains("clock"));
}

#[cfg(unix)]
fn interrupt(child: &std::process::Child) {
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
}

/// Ctrl-C ends the program by the signal, as without a trace, and leaves a whole file. (Tests that run in the
/// background may ignore it: `env` restores the default for the program.)
#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_leaves_a_whole_file() {
    use std::os::unix::process::ExitStatusExt;

    let file = File::new("interrupted.svg");
    let mut child = Command::new("env")
        .arg("--default-signal=INT")
        .arg(program("late"))
        .env("BOUCLE_TRACE", file.path())
        .spawn()
        .expect("the examples are built");
    // It runs for two seconds.
    std::thread::sleep(std::time::Duration::from_millis(400));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    let text = file.text();
    assert!(text.trim().ends_with("</svg>") && text.contains("clock"));
}
