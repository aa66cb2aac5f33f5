//! `say_after`: awaited in sequence, as tasks, gathered.

use std::time::Duration;

use stage::testing::{documented, expect_usage, lines, run, virtually};

#[path = "../../say_after/say_after.rs"]
mod coroutines;

use coroutines::{as_tasks, gathered, in_sequence, say_after};

const SECOND: Duration = Duration::from_secs(1);

/// Returns the lines without the times of day.
fn without_times(lines: &[String]) -> Vec<&str> {
    let cut = |line| str::trim_end_matches(line, |letter: char| letter.is_ascii_digit() || letter == ':');
    lines.iter().map(|line| cut(line)).collect()
}

#[test]
fn one_coroutine_takes_its_second() {
    let (what, printed, time) = virtually(say_after(SECOND, "hello"));
    assert_eq!((what, time), ("hello", SECOND));
    assert_eq!(printed, ["hello"]);
}

#[test]
fn two_in_sequence_take_the_sum_of_their_delays() {
    let ((), printed, time) = virtually(in_sequence(SECOND));
    let expected = ["started at ", "hello", "world", "finished at "];
    assert_eq!(without_times(&printed), expected);
    assert_eq!(time, 3 * SECOND);
}

#[test]
fn two_tasks_take_the_longer_of_their_delays() {
    let ((), printed, time) = virtually(as_tasks(SECOND));
    let expected = ["started at ", "world", "hello", "finished at "];
    assert_eq!(without_times(&printed), expected);
    assert_eq!(time, 2 * SECOND);
}

/// Over many seeds each coroutine finishes first in some, and the results are always in input order.
#[test]
fn a_gather_keeps_the_order_of_its_input() {
    let mut first = Vec::new();
    for seed in 0..20 {
        let (results, printed, time) = virtually(gathered(SECOND, seed));
        assert_eq!(results, ["Hello", "World"]);
        assert!(time < SECOND);
        first.push(printed[0].clone());
    }
    assert!(first.contains(&"Hello".to_owned()) && first.contains(&"World".to_owned()));
}

#[test]
fn say_after_prints_what_its_header_says() {
    let say_after = run("say_after", &["--scale", "0.02"]);
    let documented = documented("say_after/main.rs");
    let printed = lines(&say_after);
    assert_eq!(without_times(&printed), without_times(&documented));
    assert!(say_after.status.success());
}

/// Another seed gives other delays, and perhaps another order. The times have the shape of times of day.
#[test]
fn say_after_takes_a_seed_and_prints_the_time() {
    let first = |seed| virtually(gathered(SECOND, seed)).1[0].clone();
    let other = (2..).find(|seed| first(*seed) != first(1)).unwrap();
    let arguments = ["--scale", "0.02", "--seed", &other.to_string()];
    let printed = lines(&run("say_after", &arguments));
    assert_eq!(printed[printed.len() - 3], first(other));
    let times = printed.iter().filter_map(|line| line.split_once("ed at "));
    for (_, time) in times {
        let digits = time.replace(|letter: char| letter.is_ascii_digit(), "9");
        assert_eq!(digits, "99:99:99");
    }
}

#[test]
fn say_after_answers_help_and_refuses_unknown_options() {
    expect_usage("say_after", "--seed");
    let wrong = run("say_after", &["--seed", "x"]);
    assert_eq!(
        String::from_utf8_lossy(&wrong.stderr),
        "say_after: --seed: \"x\" is not a whole number (try --help)\n"
    );
    assert_eq!(wrong.status.code(), Some(2));
}
