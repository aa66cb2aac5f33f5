//! Names that are short enough for a table.

/// The most characters of a future's type.
const FUTURE: usize = 48;

/// Shortens a future's type: leaves out the modules, and then the content of the innermost brackets, until it
/// fits. `crate::say_after::{{closure}}`, the compiler's name for the future of an `async fn`, becomes
/// `say_after`.
pub(crate) fn shorten(name: &str) -> String {
    let mut short = String::new();
    let is_path = |c: char| c.is_alphanumeric() || "_:{}#".contains(c);
    let mut rest = name;
    while !rest.is_empty() {
        let (path, after) = rest.split_at(rest.find(|c| !is_path(c)).unwrap_or(rest.len()));
        let (between, others) = after.split_at(after.find(is_path).unwrap_or(after.len()));
        short += &last_names(path);
        short += between;
        rest = others;
    }
    while short.chars().count() > FUTURE
        && let Some((open, close)) = innermost(&short)
    {
        short.replace_range(open + 1..close, "…");
    }
    cut(&short, FUTURE)
}

/// Returns the last name of a path and the closures after it, but for the last closure: that is the body of an
/// `async fn`. A path after a `>` begins with "::", and may be closures alone.
fn last_names(path: &str) -> String {
    const CLOSURE: &str = "{{closure}}";
    let path = path.strip_suffix("::{{closure}}").unwrap_or(path);
    let names: Vec<&str> = path.split("::").collect();
    let named = names.iter().rposition(|name| *name != CLOSURE).unwrap_or(0);
    let last = names[named..].join("::");
    let separator = if named > 0 && path.starts_with("::") { "::" } else { "" };
    format!("{separator}{}", last.replace(CLOSURE, "{closure}"))
}

/// Returns the most deeply nested brackets whose content is not left out yet.
fn innermost(name: &str) -> Option<(usize, usize)> {
    let mut open = Vec::new();
    let mut deepest: Option<(usize, usize, usize)> = None;
    for (at, c) in name.char_indices() {
        match c {
            '<' => open.push(at),
            '>' if !name[..at].ends_with('-') => {
                let depth = open.len();
                if let Some(from) = open.pop()
                    && &name[from + 1..at] != "…"
                    && deepest.is_none_or(|(deepest, ..)| depth > deepest)
                {
                    deepest = Some((depth, from, at));
                }
            }
            _ => {}
        }
    }
    deepest.map(|(_, from, to)| (from, to))
}

/// Cuts a text to `room` characters, the last of which is "…" if it was longer.
pub(crate) fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room - 1).collect();
    format!("{kept}…")
}

/// Cuts a text from the front: its end is kept.
pub(crate) fn cut_front(text: &str, room: usize) -> String {
    let length = text.chars().count();
    if length <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().skip(length - room + 1).collect();
    format!("…{kept}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Modules are left out, and so is the closure that an `async fn` is.
    #[test]
    fn a_type_is_shortened_to_its_names() {
        let names = [
            ("say::say_after::{{closure}}", "say_after"),
            ("say::main::{{closure}}::{{closure}}", "main::{closure}"),
            ("boucle::time::sleep::Sleep", "Sleep"),
            ("core::future::pending::Pending<()>", "Pending<()>"),
            ("<a::Server as b::Handler>::handle::{{closure}}", "<Server as Handler>::handle"),
            ("net::serve<a::Listener>::{{closure}}", "serve<Listener>"),
            ("net::serve<a::Listener>::{{closure}}::{{closure}}", "serve<Listener>::{closure}"),
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

    /// A type that is too long loses its innermost parts first.
    #[test]
    fn a_long_type_keeps_its_outermost_names() {
        let map = "a::Map<a::Then<a::b::Sleeping, a::Continuation>, fn(a::String) -> b::Counted<u64>>";
        assert_eq!(shorten(map), "Map<Then<…>, fn(String) -> Counted<u64>>");
        let deep = format!("{}x{}", "a::Wrapper<".repeat(20), ">".repeat(20));
        let outline = format!("{}…{}", "Wrapper<".repeat(5), ">".repeat(5));
        assert_eq!(shorten(&deep), outline);
        let long = format!("b::{}", "long".repeat(20));
        assert_eq!(shorten(&long), "long".repeat(12)[..47].to_owned() + "…");
        assert_eq!(cut_front("/a/path/to/main.rs:3:1", 12), "…main.rs:3:1");
    }
}
