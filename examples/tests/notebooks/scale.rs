//! `scale`: its table has every row, with figures or with the reason why there are none, and no process is
//! left behind. The figures themselves are not asserted.

use stage::testing::{documented, expect_usage, lines, run};

/// The table has the rows that the program's header documents: its head, its rows, and what follows.
#[test]
fn scale_prints_the_rows_of_its_header() {
    let scale = run("scale", &["--most", "1000"]);
    let (printed, documented) = (lines(&scale), documented("scale/main.rs"));
    assert_eq!(printed.len(), documented.len());
    for (printed, documented) in printed.iter().zip(&documented) {
        // The figures begin in column 20.
        assert_eq!(start(printed), start(documented));
    }
    assert_eq!((&printed[0], &printed[8..]), (&documented[0], &documented[8..]));
    expect_figures(&printed[1..4]);
    expect_consistency(&printed[1..4]);
    for line in &printed[4..8] {
        assert!(line.ends_with(" left out, as it is more than 1000"), "{line}");
    }
    assert!(scale.status.success());
}

#[test]
fn scale_answers_help_and_refuses_unknown_options() {
    expect_usage("scale", "--most");
}

/// The kind and the number of a row.
fn start(line: &str) -> String {
    line.chars().take(19).collect()
}

/// Asserts that each row has four positive numbers, except the memory where no kernel reports it.
#[track_caller]
fn expect_figures(lines: &[String]) {
    for line in lines {
        let columns: Vec<_> = line.split_whitespace().skip(2).collect();
        assert_eq!(columns.len(), 4, "{line}");
        for (index, column) in columns.iter().enumerate() {
            let unknown = index == 2 && *column == "-" && !cfg!(target_os = "linux");
            assert!(unknown || column.parse::<f64>().unwrap() > 0.0, "{line}");
        }
    }
}

/// Asserts that the time for all is that for one times their number, and that a process has memory of its own.
fn expect_consistency(rows: &[String]) {
    for row in rows {
        let figures = row.split_whitespace().filter_map(|word| word.parse().ok());
        let [number, all, one, memory, _switch] = figures.collect::<Vec<f64>>()[..] else {
            continue; // Where the kernel reports no memory.
        };
        // Both are rounded when they are printed.
        assert!((all * 1000.0 / number - one).abs() <= 50.0 / number + 0.01, "{row}");
        assert!(!row.starts_with("processes") || memory > 16_384.0, "{row}");
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use stage::testing::{expect_soon, program};

    use super::{expect_figures, lines};

    /// In an address space of less than a gigabyte, the stacks of a thousand threads find no room: the rows
    /// of threads have the reason, and the others have figures.
    #[test]
    fn a_row_that_the_machine_refuses_has_the_reason_and_the_others_go_on() {
        let scale = Command::new("sh")
            .args(["-c", "ulimit -v 900000 && exec \"$0\" --most 10000"])
            .arg(program("scale"))
            .output()
            .unwrap();
        let printed = lines(&scale);
        expect_figures(&printed[1..3]);
        for line in &printed[3..5] {
            // The system refuses either a thread, or memory to one that has just begun.
            let refused = line.contains(" of them: Resource temporarily unavailable")
                || line.contains("memory allocation of")
                || line.contains("Cannot allocate memory")
                || line.contains("out of memory");
            assert!(refused, "{line}");
        }
        expect_figures(&printed[5..6]);
        assert!(scale.status.success());
    }

    /// A closed stdout, as in `scale | head -1`, ends the program quietly, and no process is left.
    #[test]
    fn a_closed_stdout_ends_it_quietly_and_nothing_is_left() {
        let mut scale = Command::new(program("scale"))
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut head = String::new();
        let mut stdout = BufReader::new(scale.stdout.take().unwrap());
        stdout.read_line(&mut head).unwrap();
        drop(stdout);
        let group = scale.id();
        let end = scale.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&end.stderr), "");
        assert!(end.status.success());
        expect_soon(|| living(group) == 0);
    }

    /// If a row is killed while it starts its children, they end too, since their pipe is closed.
    #[test]
    fn the_children_of_a_killed_row_end() {
        let mut row = Command::new(program("scale"))
            .args(["--row", "processes", "500"])
            .process_group(0)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let group = row.id();
        expect_soon(|| living(group) > 50);
        row.kill().unwrap();
        row.wait().unwrap();
        expect_soon(|| living(group) == 0);
    }

    /// Returns how many processes of a group have not ended.
    fn living(group: u32) -> usize {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let stats = processes.flat_map(|process| fs::read_to_string(process.path().join("stat")));
        // A number, a name in parentheses, the state, the parent, the group.
        let of_the_group = |stat: &String| {
            let after_the_name = stat.rsplit(") ").next().unwrap();
            let fields: Vec<_> = after_the_name.split(' ').collect();
            fields[2] == group.to_string() && fields[0] != "Z"
        };
        stats.filter(of_the_group).count()
    }
}
