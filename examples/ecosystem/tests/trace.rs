//! `BOUCLE_TRACE`: as `examples/tests/trace.rs`, for the examples that need crates of their own.

use std::thread;

use stage::testing::expect_page;

/// Every example leaves its page, with its tasks.
#[test]
fn every_example_has_its_page() {
    const EXAMPLES: &[(&str, &[&str], &str)] = &[
        ("calcul", &["--sleep", "0.1"], "4 calcul 5"),
        ("chat", &[], "3 gestion_envoi_message"),
        ("download", &["--scale", "0.1"], "2 download"),
        ("dwarfs", &["--scale", "0.1"], "2 block in beside_another_task"),
        ("wiki", &["--scale", "0.01"], "3 wiki_async"),
    ];
    for line in include_str!("../Cargo.toml").split("[[example]]").skip(1) {
        assert!(EXAMPLES.iter().any(|(name, ..)| line.contains(&format!("\"{name}\""))), "{line}");
    }
    thread::scope(|scope| {
        for (example, arguments, task) in EXAMPLES {
            scope.spawn(|| expect_page(example, arguments, None, task));
        }
    });
}
