//! `calcul`: what it computes and prints, and that a calculation starves the loop, unless the
//! executor does it.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use stage::stdout::capture;
use stage::testing::{documented, expect_usage, lines, run};

#[path = "../../calcul/calcul.rs"]
mod coroutines;
#[path = "../../calcul/ticking.rs"]
mod ticking;

use coroutines::{calcul_async, calcul_in_executor, coroutines, first_digits, of_a_million, subroutines};
use ticking::TICK;

/// All lines, except times. In the last run the three may come in any order.
#[test]
fn calcul_prints_what_its_header_says() {
    let calcul = run("calcul", &[]);
    let stable = |lines: Vec<String>| {
        let mut lines: Vec<_> = lines.into_iter().map(without_measures).collect();
        lines[16..19].sort();
        lines
    };
    assert_eq!(stable(lines(&calcul)), stable(documented("calcul/main.rs")));
    assert!(calcul.status.success());
}

#[test]
fn subroutines_come_in_the_order_of_their_calls() {
    let ((), printed) = capture(|| subroutines(Duration::ZERO));
    assert_eq!(printed[..4], documented("calcul/main.rs")[1..5]);
}

/// While a calculation runs in a task, no other task has a turn: neither the ticking task nor `nom`,
/// whose sleeps are over long before.
#[test]
fn a_calculation_in_the_loop_starves_the_others() {
    let calcul = |x| {
        calcul_async(x, |x| {
            thread::sleep(4 * TICK);
            x.to_string()
        })
    };
    let (turns, printed) = capture(|| boucle::run(coroutines(TICK, calcul)));
    assert_eq!(printed[..4], ["Coroutine :", "5", "3", "Daniel"]);
    assert_eq!(turns.unwrap(), 0);
}

/// Here a calculation ends only when a task of the loop lets it: so the loop goes on meanwhile. That
/// task sleeps longer than the ticking one, which has had its turn by then.
#[test]
fn a_calculation_in_the_executor_leaves_the_loop_to_the_others() {
    let calcul = |x| {
        let (let_end, may_end) = mpsc::channel();
        drop(boucle::spawn(async move {
            boucle::sleep(2 * TICK).await;
            let_end.send(()).unwrap();
        }));
        calcul_in_executor(x, move |x| {
            let ends = may_end.recv_timeout(Duration::from_secs(10));
            ends.map_or("starved".to_owned(), |()| x.to_string())
        })
    };
    let (turns, mut printed) = capture(|| boucle::run(coroutines(TICK, calcul)));
    printed[1..4].sort();
    assert_eq!(printed[..4], ["Coroutine :", "3", "5", "Daniel"]);
    assert!(turns.unwrap() >= 1);
}

/// Compares the digits with those of all powers that a `u128` can hold.
#[test]
fn the_first_digits_are_those_of_the_power() {
    for x in 2..=20_u32 {
        let powers = (0..).map_while(|exponent| u128::from(x).checked_pow(exponent));
        for (exponent, power) in (0..).zip(powers) {
            let digits = power.to_string();
            assert_eq!(first_digits(x, exponent), digits[..digits.len().min(2)]);
        }
    }
    assert_eq!([5, 3].map(of_a_million), ["10", "17"]);
}

/// With `--sleep`, the calculations are not measured first.
#[test]
fn calcul_sleeps_as_long_as_its_option_says() {
    let printed = lines(&run("calcul", &["--sleep", "0"]));
    assert_eq!(printed[0], "Subroutine :");
}

#[test]
fn calcul_answers_help_and_refuses_unknown_options() {
    expect_usage("calcul", "--sleep");
    for wrong in ["-1", "abc", "NaN", "1e9"] {
        let output = run("calcul", &["--sleep", wrong]);
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            format!("calcul: --sleep: {wrong:?} is not a number of seconds from 0 to 1000 (try --help)\n")
        );
        assert_eq!(output.status.code(), Some(2));
    }
}

/// Replaces the times in a line, and the number of turns unless it is 0.
fn without_measures(line: String) -> String {
    let mut words: Vec<_> = line.split(' ').collect();
    for index in 0..words.len() - 1 {
        match words[index + 1] {
            "secondes" | "s" => words[index] = "SECONDS",
            "turns" if words[index] != "0" => words[index] = "SOME",
            _ => {}
        }
    }
    words.join(" ")
}
