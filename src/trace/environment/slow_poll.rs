//! `BOUCLE_SLOW_POLL`: prints each poll that takes longer than the given time.
//!
//! ```console
//! $ BOUCLE_SLOW_POLL=100ms cargo run --example sleep
//! ```

use std::env;
use std::sync::OnceLock;
use std::time::Duration;

use crate::observe::Observer;
use crate::trace::{slow_poll, stderr};

const VARIABLE: &str = "BOUCLE_SLOW_POLL";

/// Returns the observer that the environment asks for.
pub(super) fn observer() -> Option<Box<dyn Observer>> {
    static ASKED: OnceLock<Option<Duration>> = OnceLock::new();
    let asked = ASKED.get_or_init(|| {
        let value = env::var_os(VARIABLE)?;
        parse(&value.to_string_lossy()).unwrap_or_else(|wrong| {
            stderr::print(format_args!("boucle: {wrong}"));
            None
        })
    });
    Some(Box::new(slow_poll::observer((*asked)?)))
}

/// Reads a value of the variable; `None` if it asks for nothing.
fn parse(value: &str) -> Result<Option<Duration>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    let unit = value.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = value.split_at(unit.unwrap_or(value.len()));
    let time = number.parse().ok().and_then(|number| match unit {
        "us" | "µs" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        _ => None,
    });
    let wrong = || format!("{VARIABLE}={value}: it is a time, like 100ms, 1s or 250us");
    time.map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value is a number and a unit, and nothing else.
    #[test]
    fn what_a_value_asks_for() {
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("100ms"), Ok(Some(Duration::from_millis(100))));
        assert_eq!(parse("1s"), Ok(Some(Duration::from_secs(1))));
        assert_eq!(parse("250us"), Ok(Some(Duration::from_micros(250))));
        assert_eq!(parse("0ms"), Ok(Some(Duration::ZERO)));
        let too_much = "99999999999999999999s";
        for wrong in ["100", "ms", "1.5s", "-1s", "1 s", "1h", "1sec", too_much] {
            let message = format!("{VARIABLE}={wrong}: it is a time, like 100ms, 1s or 250us");
            assert_eq!(parse(wrong), Err(message));
        }
        let message = parse("fast").unwrap_err();
        let expected = "BOUCLE_SLOW_POLL=fast: it is a time, like 100ms, 1s or 250us";
        assert_eq!(message, expected);
    }
}
