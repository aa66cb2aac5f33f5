//! `starvation`: how late a task is while another one works.

use stage::testing::{documented, expect_usage, lines, run, virtually};

#[path = "../../starvation/work.rs"]
mod work;

use work::{Seen, Yields, work};

/// The counts are exactly those of the schedule.
#[test]
fn a_coroutine_that_keeps_control_starves_the_others() {
    for (yields, turns, longest) in
        [(Yields::Never, 1, 1000), (Yields::Always, 1000, 1), (Yields::WhenBudgetIsSpent, 8, 128)]
    {
        let (seen, ..) = virtually(work(1000, yields));
        assert_eq!(seen, Seen { turns, longest });
    }
}

#[test]
fn starvation_prints_what_its_header_says() {
    let starvation = run("starvation", &[]);
    assert_eq!(lines(&starvation), documented("starvation/main.rs"));
    assert!(starvation.status.success());
}

#[test]
fn starvation_answers_help_and_refuses_unknown_options() {
    expect_usage("starvation", "usage: starvation");
}
