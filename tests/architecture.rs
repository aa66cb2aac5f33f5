//! How the files of `src` depend on each other: imports have no cycle, `trace` is known to one file of the
//! core, and `unsafe` stands where it is said to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a crate by their paths below `src`, with the code of each: no tests, no comments.
type Files = BTreeMap<String, String>;

/// The imports of each file.
type Imports = BTreeMap<String, BTreeSet<String>>;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn read() -> Files {
    let mut files = Files::new();
    let mut folders = vec![source()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(source()).unwrap().to_str().unwrap().replace('\\', "/");
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") && !name.contains("/tests/") {
                files.insert(name, code(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

/// What is compiled into the library: no unit tests, which are at the end of a file, and no comments.
fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The imports of each file. A name that a module file only passes on (`pub use`) counts for the file that
/// defines it.
fn imports(files: &Files) -> Imports {
    let mut imports = Imports::new();
    for (file, code) in files {
        let own = imports.entry(file.clone()).or_default();
        for path in paths(file, code) {
            let defined = resolve(files, &path);
            own.extend(defined.filter(|defined| defined != file));
        }
    }
    imports
}

/// The paths that begin with `crate::`, with groups expanded; those that begin with `super::`, from `crate`;
/// and the modules that a file has in a folder of its own.
fn paths(file: &str, code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let own: Vec<String> = file.trim_end_matches(".rs").split('/').map(Into::into).collect();
    let is_folder = own.last().unwrap() == "mod";
    let above = own.len() - 1 - usize::from(is_folder);
    for (start, before) in [("crate::", &[][..]), ("super::", &own[..above])] {
        for (at, _) in code.match_indices(start) {
            let previous = code[..at].chars().next_back();
            if previous.is_some_and(|c| c.is_alphanumeric() || "_$:(".contains(c)) {
                continue; // `$crate::`, in a macro for users; `pub(super)`; `super::super`
            }
            expand(&code[at + start.len()..], &mut before.to_vec(), &mut found);
        }
    }
    if !is_folder && file != "lib.rs" {
        let declared = code.lines().filter_map(|line| line.split("mod ").nth(1)?.split(';').next());
        found.extend(declared.map(|child| [&own[..], &[child.to_owned()]].concat()));
    }
    found
}

/// Reads a path or a group of paths, and returns what stands behind it.
fn expand<'a>(text: &'a str, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        while !rest.trim_start().starts_with('}') {
            rest = expand(rest, before, found).trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        return &rest.trim_start()[1..];
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    before.push(text[..end].to_owned());
    let rest = match text[end..].strip_prefix("::") {
        Some(rest) => expand(rest, before, found),
        None => {
            found.push(before.clone());
            &text[end..]
        }
    };
    before.pop();
    rest
}

/// The file that defines what a path leads to; `None` for what is defined nowhere in `src` (a macro).
fn resolve(files: &Files, path: &[String]) -> Option<String> {
    // The longest part of the path that is a module with a file of its own.
    for len in (1..=path.len()).rev() {
        let module = path[..len].join("/");
        if files.contains_key(&format!("{module}.rs")) {
            return Some(format!("{module}.rs"));
        }
        let folder = format!("{module}/mod.rs");
        if let Some(code) = files.get(&folder) {
            let item = path.get(len)?;
            return Some(passed_on(files, code, &path[..len], item).unwrap_or(folder));
        }
    }
    // A name of `lib.rs`, or of a module that is declared there.
    let (item, module) = path.split_last()?;
    passed_on(files, &files["lib.rs"], module, item).or_else(|| Some("lib.rs".into()))
}

/// The file that defines an item which the code of a module passes on.
fn passed_on(files: &Files, code: &str, module: &[String], item: &str) -> Option<String> {
    let mut names = Vec::new();
    for (at, found) in code.match_indices("pub use ") {
        expand(&code[at + found.len()..], &mut Vec::new(), &mut names);
    }
    let name = names.iter().find(|name| name.last().is_some_and(|last| last == item))?;
    if name[0] == "crate" {
        return resolve(files, &name[1..]);
    }
    let is_known = |path: &Vec<String>| {
        (1..path.len()).any(|len| files.contains_key(&format!("{}.rs", path[..len].join("/"))))
    };
    let candidates = [[module, &name[..]].concat(), name.clone()];
    resolve(files, candidates.iter().find(|path| is_known(path))?)
}

/// A cycle of imports, if there is one.
fn cycle(imports: &Imports) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    imports.keys().find_map(|file| visit(imports, file, &mut Vec::new(), &mut done))
}

fn visit(
    imports: &Imports,
    file: &str,
    path: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(begin) = path.iter().position(|before| before == file) {
        return Some(path[begin..].to_vec());
    }
    if done.contains(file) {
        return None;
    }
    path.push(file.to_owned());
    let next = imports.get(file).into_iter().flatten();
    let found = next.into_iter().find_map(|next| visit(imports, next, path, done));
    path.pop();
    done.insert(file.to_owned());
    found
}

/// A file imports no file that imports it, directly or not.
#[test]
fn imports_have_no_cycle() {
    let mut imports = imports(&read());
    assert!(imports["turn.rs"].contains("current.rs"), "{:?}", imports["turn.rs"]);
    assert!(imports["current.rs"].contains("wake/inbox.rs"));
    let mut cycles = Vec::new();
    while let Some(found) = cycle(&imports) {
        imports.get_mut(found.last().unwrap()).unwrap().remove(&found[0]);
        cycles.push(found.join(" → "));
    }
    assert!(cycles.is_empty(), "these files import each other:\n{}", cycles.join("\n"));
}

/// A cycle is found, whichever way its imports are written.
#[test]
fn a_cycle_is_found() {
    let mut files = Files::new();
    let mut add = |name: &str, text: &str| files.insert(name.into(), code(text));
    add("lib.rs", "mod a;\nmod b { pub mod c; }\nmod d;\npub use b::c::C;");
    add("a.rs", "use crate::{\n    d::D,\n    b::c::{self, C},\n};");
    add("b/c.rs", "// use crate::a::A;\nfn c() { crate::d::D; }");
    add("d/mod.rs", "mod e;\npub use e::E;\npub struct D;");
    add("d/e.rs", "use crate::C;\n#[cfg(test)]\nmod tests { use crate::a::A; }");
    let found = imports(&files);
    assert_eq!(found["a.rs"], BTreeSet::from(["b/c.rs".into(), "d/mod.rs".into()]));
    assert_eq!(found["d/e.rs"], BTreeSet::from(["b/c.rs".into()]));
    assert_eq!(cycle(&found), None);
    files.insert("b/c.rs".into(), "use crate::d::E;".into());
    assert_eq!(cycle(&imports(&files)), Some(vec!["b/c.rs".into(), "d/e.rs".into()]));
}

/// The loop does not know what draws it, but where it is built.
#[test]
fn trace_is_known_to_one_file_of_the_core() {
    let imports = imports(&read());
    let knows = |imported: &BTreeSet<String>| imported.iter().any(|file| file.starts_with("trace/"));
    let known = imports.iter().filter(|(file, imported)| !file.starts_with("trace/") && knows(imported));
    let known: Vec<_> = known.map(|(file, _)| file.as_str()).collect();
    assert_eq!(known, ["event_loop.rs"]);
}

/// The clock is read in one file.
#[test]
fn the_clock_is_read_in_one_file() {
    let reads = |code: &String| code.contains("Instant::now()") || code.contains("SystemTime");
    let files = read();
    let reading = files.iter().filter(|(_, code)| reads(code));
    assert!(reading.map(|(file, _)| file.as_str()).eq(["time/clock.rs"]));
}

/// `unsafe` stands in one block, in one file.
#[test]
fn unsafe_code_is_one_block() {
    let files = read();
    let blocks = files.iter().map(|(file, code)| (file.as_str(), code.matches("unsafe {").count()));
    let blocks: Vec<_> = blocks.filter(|(_, count)| *count > 0).collect();
    assert_eq!(blocks, [("wake/waker.rs", 1)]);
    let lifted = files.iter().filter(|(_, code)| code.contains("allow(unsafe_code)"));
    assert!(lifted.map(|(file, _)| file.as_str()).eq(["wake/waker.rs"]));
}

/// The table of other crates names tests that exist.
#[test]
fn the_table_of_crates_names_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("src/ecosystem.rs")).unwrap();
    let rows: Vec<_> =
        table.lines().filter(|line| line.starts_with("//! | ") && line.contains(".rs`")).collect();
    assert!(rows.len() > 15, "{}", rows.len());
    for row in rows {
        let tests = row.split('|').rev().nth(1).unwrap();
        for test in tests.split(',').map(|test| test.trim().trim_matches('`')) {
            assert!(root.join("tests").join(test).is_file(), "there is no {test}: {row}");
        }
    }
}
