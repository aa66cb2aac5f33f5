//! `BOUCLE_SHUFFLE`: polls ready tasks in a random order instead of FIFO, by a seed.
//!
//! ```console
//! $ BOUCLE_SHUFFLE=7 cargo run --example sleep
//! ```

use std::env;
use std::sync::OnceLock;

use crate::trace::stderr;

const VARIABLE: &str = "BOUCLE_SHUFFLE";

/// Returns the seed that the environment asks for. It is read once in a process.
pub(crate) fn shuffle() -> Option<u64> {
    static SEED: OnceLock<Option<u64>> = OnceLock::new();
    *SEED.get_or_init(|| {
        let value = env::var_os(VARIABLE)?;
        parse(&value.to_string_lossy()).unwrap_or_else(|wrong| {
            stderr::print(format_args!("boucle: {wrong}"));
            None
        })
    })
}

/// Reads a value of the variable; `None` if it asks for nothing.
fn parse(value: &str) -> Result<Option<u64>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    value.parse().map(Some).map_err(|_| format!("{VARIABLE}={value}: it is a number, the seed of the order"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value is a number, and nothing else.
    #[test]
    fn what_a_value_asks_for() {
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("0"), Ok(Some(0)));
        assert_eq!(parse("18446744073709551615"), Ok(Some(u64::MAX)));
        for wrong in ["seed", "-1", "1.5", "18446744073709551616"] {
            let message = format!("{VARIABLE}={wrong}: it is a number, the seed of the order");
            assert_eq!(parse(wrong), Err(message));
        }
    }
}
