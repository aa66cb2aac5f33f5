//! What becomes of long names.

use super::*;

/// Modules go, and the closure that an `async fn` is; what tells a type from others stays.
#[test]
fn a_type_is_shortened_to_its_names() {
    let names = [
        ("say::say_after::{{closure}}", "say_after"),
        ("say::main::{{closure}}::{{closure}}", "main::{closure}"),
        ("boucle::time::sleep::Sleep", "Sleep"),
        ("core::future::pending::Pending<()>", "Pending<()>"),
        (
            "<a::Server as b::Handler>::handle::{{closure}}",
            "<Server as Handler>::handle",
        ),
        (
            "core::pin::Pin<alloc::boxed::Box<dyn core::future::future::Future<Output = ()>>>",
            "Pin<Box<dyn Future<Output = ()>>>",
        ),
        ("fn(a::B) -> c::D", "fn(B) -> D"),
        ("?", "?"),
        ("", ""),
    ];
    for (name, short) in names {
        assert_eq!(shorten(name), short, "{name}");
    }
}

/// What is too long loses what is innermost, and keeps its outline.
#[test]
fn a_long_type_keeps_its_outline() {
    let map = "a::Map<a::Then<a::b::Sleeping, a::Continuation>, fn(a::String) -> b::Counted<u64>>";
    assert_eq!(shorten(map), "Map<Then<…>, fn(String) -> Counted<u64>>");
    let deep = format!("{}x{}", "a::Wrapper<".repeat(20), ">".repeat(20));
    let outline = format!("{}…{}", "Wrapper<".repeat(5), ">".repeat(5));
    assert_eq!(shorten(&deep), outline);
    let long = format!("b::{}", "long".repeat(20));
    assert_eq!(shorten(&long), "long".repeat(12)[..47].to_owned() + "…");
    assert_eq!(cut_front("/a/path/to/main.rs:3:1", 12), "…main.rs:3:1");
}

/// A deep tree stays narrow.
#[test]
fn only_the_deepest_levels_are_drawn() {
    assert_eq!(branch(&[]), "");
    assert_eq!(branch(&[true]), "└─ ");
    assert_eq!(branch(&[false, true, false]), "│     ├─ ");
    let deep = branch(&[true; 100]);
    assert_eq!(deep, format!("(83 levels) {}└─ ", "   ".repeat(16)));
}
