//! How many tasks one loop holds. A test binary of its own, since it measures the memory of its process.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use boucle::EventLoop;

/// A million tasks sleep at the same time and all wake, and the process never takes 300 MB.
#[test]
fn a_million_tasks_sleep_at_once_in_less_than_300_megabytes() {
    const TASKS: usize = 1_000_000;
    let event_loop = EventLoop::builder().virtual_clock().build().unwrap();
    let awake = Rc::new(Cell::new(0));
    for n in 0..TASKS {
        let awake = awake.clone();
        let _detached = event_loop.spawn(async move {
            boucle::sleep(Duration::from_millis(1_000 + n as u64 % 1_000)).await;
            awake.set(awake.get() + 1);
        });
    }
    let first = event_loop.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!((first.polled, first.left), (TASKS, TASKS));
    assert_eq!(awake.get(), 0);

    while event_loop.turn(None).unwrap().left > 0 {}
    assert_eq!(awake.get(), TASKS);
    if let Some(peak) = peak_megabytes() {
        println!("peak memory: {peak} MB");
        assert!(peak < 300, "{peak} MB");
    }
}

/// Returns the most memory that this process has taken, if the kernel reports it.
fn peak_megabytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes / 1_000)
}
