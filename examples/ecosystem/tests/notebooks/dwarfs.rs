//! `dwarfs`: a generator, one item after the other.

use std::time::Duration;

use stage::testing::{documented, expect_usage, lines, run, virtual_loop, virtually};

#[path = "../../dwarfs/dwarfs.rs"]
mod coroutines;

use coroutines::{all_dwarfs, beside_another_task, dwarfs_with_e, print_all};
use stage::python::list_of_strings as list;

const SECOND: Duration = Duration::from_secs(1);

/// The notebook's lines are printed, after seven waits that do not overlap.
#[test]
fn a_generator_yields_one_item_after_the_other() {
    let ((), printed, time) = virtually(print_all(SECOND));
    assert_eq!(printed, documented("dwarfs/main.rs")[..7]);
    assert_eq!(time, 7 * SECOND);
}

#[test]
fn a_comprehension_is_a_list_whole_or_filtered() {
    let (all, _, time) = virtually(all_dwarfs(SECOND));
    assert_eq!(list(&all), documented("dwarfs/main.rs")[7]);
    assert_eq!(time, 7 * SECOND);
    let (with_e, _, time) = virtually(dwarfs_with_e(SECOND));
    assert_eq!(list(&with_e), "['Sleepy', 'Sneezy', 'Dopey']");
    assert_eq!(time, 7 * SECOND);
}

/// The waits of one generator do not overlap each other, but those of another task.
#[test]
fn iteration_is_not_concurrent_and_lets_others_have_their_turn() {
    let ((time, turns), ..) = virtually(beside_another_task(SECOND));
    assert_eq!(time, 7 * SECOND);
    assert_eq!(turns, 7);
}

/// Nothing is left running.
#[test]
fn the_other_task_ends_with_the_iteration() {
    let event_loop = virtual_loop();
    event_loop.block_on(beside_another_task(SECOND));
    assert_eq!(event_loop.turn(Some(Duration::ZERO)).unwrap().left, 0);
}

#[test]
fn dwarfs_prints_what_its_header_says() {
    let dwarfs = run("dwarfs", &["--scale", "0"]);
    let printed = lines(&dwarfs);
    assert_eq!(printed[..9], documented("dwarfs/main.rs")[..9]);
    assert!(printed[9].starts_with("(7 waits of 0.00 s took "));
    assert!(dwarfs.status.success());
}

#[test]
fn dwarfs_answers_help_and_refuses_unknown_options() {
    expect_usage("dwarfs", "--scale");
}
