//! `run_in_executor`: the loop goes on while a function blocks.

use std::sync::mpsc;
use std::time::Duration;

use stage::testing::{documented, expect_usage, lines, run};

#[path = "../../run_in_executor/say_after.rs"]
mod function;

use function::{beside_a_tick, say_after};

/// The function returns only when another task of the loop lets it, so the loop goes on while it blocks.
/// (Otherwise the function gives up after a while, and the test fails.)
#[test]
fn the_loop_goes_on_while_a_function_blocks() {
    let (let_go, wait) = mpsc::channel();
    let received = boucle::run(async {
        drop(boucle::spawn(async move {
            boucle::sleep(Duration::from_millis(1)).await;
            let _ = let_go.send("the loop went on");
        }));
        let blocking = move || wait.recv_timeout(Duration::from_secs(20));
        beside_a_tick(Duration::from_millis(1), blocking).await.0
    });
    assert_eq!(received, Ok("the loop went on"));
}

#[test]
fn a_task_ticks_while_a_function_blocks() {
    let delay = Duration::from_millis(50);
    let function = move || say_after(delay, "Hello");
    let (what, turns) = boucle::run(beside_a_tick(delay / 50, function));
    assert_eq!(what, "Hello");
    assert!(turns > 1, "{turns}");
}

#[test]
fn the_ticking_task_ends_with_the_function() {
    let event_loop = boucle::EventLoop::new().unwrap();
    event_loop.block_on(beside_a_tick(Duration::from_millis(1), || ()));
    assert_eq!(event_loop.turn(Some(Duration::ZERO)).unwrap().left, 0);
}

#[test]
fn run_in_executor_prints_what_its_header_says() {
    let example = run("run_in_executor", &["--scale", "0.1"]);
    let printed = lines(&example);
    assert_eq!(printed[0], documented("run_in_executor/main.rs")[0]);
    let turns = printed[1].strip_prefix("(a task that ticks every 0.01 s had ");
    let turns = turns.and_then(|rest| rest.strip_suffix(" turns meanwhile)"));
    assert!(turns.unwrap().parse::<usize>().unwrap() > 1);
    assert!(example.status.success());
}

#[test]
fn run_in_executor_answers_help_and_refuses_unknown_options() {
    expect_usage("run_in_executor", "--scale");
    assert!(run("run_in_executor", &["--scale", "0"]).status.success());
}
