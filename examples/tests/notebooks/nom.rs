//! `nom`: three sleeps in sequence, and at once.

use std::time::Duration;

use stage::stdout::capture;
use stage::testing::{documented, expect_usage, lines, run, virtually};

#[path = "../../nom/nom.rs"]
mod names;

use names::{coroutines, subroutines};

/// Three coroutines take as long as one: the course's own 10 seconds, once.
#[test]
fn three_coroutines_take_as_long_as_one() {
    let ((), printed, time) = virtually(coroutines(Duration::from_secs(10)));
    let total = "Durée totale d'exécution: 10.00 secondes";
    assert_eq!(printed, ["Coroutine :", "Daniel", "Donna", "Diane", total]);
    assert_eq!(time, Duration::from_secs(10));
}

/// Three subroutines take the sum. (Three times a tenth of a real second, since a function that blocks
/// has no virtual clock.)
#[test]
fn three_subroutines_take_the_sum() {
    let ((), printed) = capture(|| subroutines(Duration::from_millis(100)));
    assert_eq!(printed[..4], ["Subroutine :", "Daniel", "Donna", "Diane"]);
    assert!(seconds(&printed[4]) >= 0.30, "{}", printed[4]);
}

#[test]
fn nom_prints_what_its_header_says() {
    let nom = run("nom", &["--scale", "0.01"]);
    let without_seconds = |lines: Vec<String>| {
        let cut = |line: String| match line.strip_prefix("Durée totale d'exécution: ") {
            Some(_) => "Durée totale d'exécution: ".to_owned(),
            None => line,
        };
        lines.into_iter().map(cut).collect::<Vec<_>>()
    };
    let documented = documented("nom/main.rs");
    let printed = lines(&nom);
    assert_eq!(without_seconds(printed.clone()), without_seconds(documented));
    // At least the waits of the scale, three and then one.
    assert!(seconds(&printed[4]) >= 0.30, "{}", printed[4]);
    assert!(seconds(&printed[10]) >= 0.10, "{}", printed[10]);
    assert!(nom.status.success());
}

#[test]
fn nom_answers_help_and_refuses_unknown_options() {
    expect_usage("nom", "--scale 1");
}

fn seconds(line: &str) -> f64 {
    let number = line.strip_prefix("Durée totale d'exécution: ");
    let number = number.and_then(|rest| rest.strip_suffix(" secondes"));
    number.and_then(|number| number.parse().ok()).expect(line)
}
