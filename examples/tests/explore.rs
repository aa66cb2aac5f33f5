//! Other orders than FIFO: what `race` and `cancel` find, the replay of a schedule, and a shuffled program.
#![cfg(feature = "trace")]

use std::collections::BTreeSet;
use std::process::{Command, Output};

use stage::testing::{documented, expect_usage, program};

fn run(example: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program(example));
    command.args(arguments).envs(variables.iter().copied()).output().expect("the examples are built")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n").replace('\\', "/")
}

/// The race is found, drawn beside FIFO, and can be replayed; the fixed program has none.
#[test]
fn race_draws_what_fifo_hides() {
    let shown = text(run("race", &[], &[]).stdout);
    let expected = "\
: the account is overdrawn: -60

The shortest found leaves FIFO at 2 of 6 choices:
  choice 0, turn 2: #3 is next, not #2
  choice 1, turn 3: #3 is next, not #2

turn         1     2           3 4         5 6         7 8
time         0
#1 main  run>[1]~#2~~~~~~~~~~~~~~~~~~~~~~~~~~#2=========>[1] panicked
#2 cash      +#1================>[1]=yield==>[1] returned
#3 card      +#1==>[1]=yield==>[1]=yield==>[1]=yield==>[1] returned

FIFO, which passes:

turn         1     2 3         4 5  6        7    8
time         0
#1 main  run>[1]~#2~~~~~~~~~~~~#2==>[1]~#3~~~#3==>[1] returned
#2 cash      +#1==>[1]=yield==>[1] returned
#3 card      +#1====>[1]=yield==>[1]=yield==>[1] returned

run> main begins   [1] polled, first in its turn   === ready, waits for the thread
~~~ waits for what it says   +#1 spawned by #1   #1==> woken by #1

To run it alone: BOUCLE_SCHEDULE=0:1,1:1 cargo run --example race

fixed: 22 schedules, complete
";
    assert!(shown.starts_with("as written: schedule 7 fails: panicked at "), "{shown}");
    assert!(shown.ends_with(expected), "{shown}");
}

/// The variable of the printed line runs that schedule alone, also under `BOUCLE_TRACE`; the FIFO schedule
/// passes. The program's second exploration tries all of its own.
#[test]
fn a_schedule_is_replayed() {
    let replayed = run("race", &[], &[("BOUCLE_SCHEDULE", "0:1,1:1"), ("BOUCLE_TRACE", "timeline")]);
    let shown = text(replayed.stdout);
    assert!(shown.contains("as written: schedule 0:1,1:1 fails: panicked at "), "{shown}");
    assert!(shown.ends_with("overdrawn: -60\n\nfixed: 22 schedules, complete\n"), "{shown}");
    let timeline = text(replayed.stderr);
    assert!(timeline.contains("#2 cash      +#1================>[1]=yield==>[1] returned"), "{timeline}");
    let fifo = text(run("race", &[], &[("BOUCLE_SCHEDULE", "fifo")]).stdout);
    assert_eq!(fifo, "as written: 1 schedule, replayed\n\nfixed: 22 schedules, complete\n");
}

/// A value that is no schedule is refused, and so is a schedule that the program cannot have.
#[test]
fn a_wrong_schedule_is_refused() {
    let refused = run("race", &[], &[("BOUCLE_SCHEDULE", "3-1")]);
    assert!(!refused.status.success());
    let stderr = text(refused.stderr);
    let expected =
        "BOUCLE_SCHEDULE=3-1: expected a schedule as a failed exploration prints it, like 3:1,17:2 or fifo";
    assert!(stderr.contains(expected), "{stderr}");
    let none = text(run("race", &[], &[("BOUCLE_SCHEDULE", "0/fifo")]).stderr);
    assert!(none.contains("BOUCLE_SCHEDULE=0/fifo: expected"), "{none}");
    for (schedule, choice) in [("0:7", "choice 0 has"), ("99:1", "choice 99 has")] {
        let shown = text(run("race", &[], &[("BOUCLE_SCHEDULE", schedule)]).stdout);
        assert!(shown.contains(&format!("the schedule does not fit the program: {choice}")), "{shown}");
    }
}

/// The reader that is not safe to cancel loses a frame; the other does not. All is as the header says, which
/// leaves out what varies, and the pictures.
#[test]
fn cancel_finds_a_frame_that_is_lost() {
    let shown = text(run("cancel", &[], &[]).stdout);
    let header = documented("cancel.rs").join("\n") + "\n";
    let parts: Vec<_> = header.split("...").collect();
    assert_eq!(parts.len(), 3);
    assert!(shown.starts_with(parts[0]) && shown.contains(parts[1]) && shown.ends_with(parts[2]), "{shown}");
    assert!(shown.contains("\nTo run it alone: BOUCLE_SCHEDULE=0:1 cargo run --example cancel\n"), "{shown}");
}

/// A seed gives one order, and others give others; what the program computes is the same.
#[test]
fn a_program_is_shuffled() {
    // When they leave depends on the real clock; the order in which they enter does not.
    let entered = |seed: &str| {
        let shown = text(run("sleep", &["--scale", "0.01"], &[("BOUCLE_SHUFFLE", seed)]).stdout);
        assert!(shown.ends_with("\n[1, 0.25, 2.25]\n"), "{shown}");
        shown.lines().take(3).collect::<Vec<_>>().join("\n")
    };
    let orders: BTreeSet<_> = ["1", "2", "3", "4", "5", "6"].map(entered).into();
    assert!(
        orders.len() > 1 && orders.iter().all(|order| order.matches("Entrée").count() == 3),
        "{orders:?}"
    );
    assert_eq!(entered("1"), entered("1"));
    let wrong = run("sleep", &["--scale", "0"], &[("BOUCLE_SHUFFLE", "often")]);
    let stderr = text(wrong.stderr);
    assert_eq!(stderr, "boucle: BOUCLE_SHUFFLE=often: expected a number, the seed of the order\n");
    assert_eq!(wrong.stdout, run("sleep", &["--scale", "0"], &[]).stdout);
}

#[test]
fn both_answer_help_and_refuse_unknown_options() {
    expect_usage("race", "race");
    expect_usage("cancel", "cancel");
}
