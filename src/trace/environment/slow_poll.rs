//! `BOUCLE_SLOW_POLL`: prints each poll that takes longer than the given time.
//!
//! ```console
//! $ BOUCLE_SLOW_POLL=100ms cargo run --example sleep
//! ```

use std::ffi::OsStr;
use std::sync::LazyLock;
use std::time::Duration;

use crate::observe::Observer;
use crate::trace::environment::variable;
use crate::trace::slow_poll;

/// Returns the observer that the environment asks for.
pub(super) fn observer() -> Option<Box<dyn Observer>> {
    static LIMIT: LazyLock<Option<Duration>> = LazyLock::new(|| variable::read("BOUCLE_SLOW_POLL", parse));
    Some(Box::new(slow_poll::observer((*LIMIT)?)))
}

fn parse(value: &OsStr) -> Result<Duration, &'static str> {
    let value = value.to_string_lossy();
    let unit = value.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = value.split_at(unit.unwrap_or(value.len()));
    let time = number.parse().ok().and_then(|number| match unit {
        "us" | "µs" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        _ => None,
    });
    time.ok_or("expected a time, like 100ms, 1s or 250us")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value is a number and a unit, and nothing else.
    #[test]
    fn what_a_value_asks_for() {
        let parse = |value: &str| parse(value.as_ref());
        assert_eq!(parse("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(parse("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(parse("250us"), Ok(Duration::from_micros(250)));
        assert_eq!(parse("0ms"), Ok(Duration::ZERO));
        let too_much = "99999999999999999999s";
        for wrong in ["100", "ms", "1.5s", "-1s", "1 s", "1h", "1sec", too_much] {
            assert_eq!(parse(wrong), Err("expected a time, like 100ms, 1s or 250us"));
        }
    }
}
