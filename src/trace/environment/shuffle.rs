//! `BOUCLE_SHUFFLE`: polls ready tasks in a random order instead of FIFO, by a seed.
//!
//! ```console
//! $ BOUCLE_SHUFFLE=7 cargo run --example sleep
//! ```

use std::ffi::OsStr;
use std::sync::LazyLock;

use crate::trace::environment::variable;

/// Returns the seed that the environment asks for. It is read once in a process.
pub(crate) fn shuffle() -> Option<u64> {
    static SEED: LazyLock<Option<u64>> = LazyLock::new(|| variable::read("BOUCLE_SHUFFLE", parse));
    *SEED
}

fn parse(value: &OsStr) -> Result<u64, &'static str> {
    let seed = value.to_str().and_then(|value| value.parse().ok());
    seed.ok_or("expected a number, the seed of the order")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value is a number, and nothing else.
    #[test]
    fn what_a_value_asks_for() {
        assert_eq!(parse("0".as_ref()), Ok(0));
        assert_eq!(parse("18446744073709551615".as_ref()), Ok(u64::MAX));
        for wrong in ["seed", "-1", "1.5", "18446744073709551616"] {
            assert_eq!(parse(wrong.as_ref()), Err("expected a number, the seed of the order"));
        }
    }
}
