//! `starvation`: how late a task is while another one works.

use stage::testing::{documented, expect_manners, lines, run, virtually};

#[path = "../../examples/starvation/work.rs"]
mod work;

use work::{Manners, Seen, work};

/// Exact counts: they are a schedule.
#[test]
fn who_keeps_the_hand_starves_the_others() {
    for (manners, turns, latest) in [
        (Manners::None, 1, 1000),
        (Manners::Yield, 1000, 1),
        (Manners::Budget, 8, 128),
    ] {
        let (seen, ..) = virtually(work(1000, manners));
        assert_eq!(seen, Seen { turns, latest });
    }
}

#[test]
fn starvation_prints_what_its_header_says() {
    let starvation = run("starvation", &[]);
    assert_eq!(
        lines(&starvation),
        documented("examples/starvation/main.rs")
    );
    assert!(starvation.status.success());
}

#[test]
fn starvation_has_manners() {
    expect_manners("starvation", "usage: starvation");
}
