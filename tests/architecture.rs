//! The rules for the files of `src`: imports have no cycle, one file of the core imports `trace`, one reads
//! the clock, one sleeps, one polls tasks, and two have an unsafe block. No file of tests is long. And the tables
//! and links of the documentation are complete.

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

/// Returns what is compiled into the library: no comments, and no unit tests or imports for links, which are
/// at the end of a file.
fn code(text: &str) -> String {
    let ends = ["\n#[cfg(test)]\nmod tests {", "\n#[cfg(doc)]\nuse "];
    let text = ends.iter().fold(text, |text, end| text.split(end).next().unwrap());
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the imports of each file. A name that a module file passes on (`pub use`) counts for the file of
/// its definition.
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

/// Returns the paths in a file, counted from the root of the crate and with groups expanded: those that begin
/// with `crate::` or `super::`, and the modules that the file has in a folder of its own.
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

/// Reads a path or a group of paths, and returns the text behind it.
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

/// Returns the file that defines what a path leads to; `None` for what is defined nowhere in `src` (a macro).
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

/// Returns the file that defines an item which the code of a module passes on.
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

/// Returns a cycle of imports, if there is one.
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

/// Of the core, the file that builds a loop imports `trace`, and no other does. None imports `explore`.
#[test]
fn one_file_of_the_core_imports_trace() {
    let mut core = imports(&read());
    core.retain(|file, _| !file.starts_with("trace/") && !file.starts_with("explore"));
    let importers = |of: &str| -> Vec<_> {
        let imports_it = |file: &&String| core[*file].iter().any(|imported| imported.starts_with(of));
        core.keys().filter(imports_it).map(String::as_str).collect()
    };
    assert_eq!((importers("trace/"), importers("explore")), (vec!["event_loop.rs"], vec![]));
}

/// What has to be read to know the loop: the table of the reading order has it all.
#[test]
fn the_story_is_short() {
    let map = fs::read_to_string(source().join("lib.rs")).unwrap();
    let (_, table) = map.split_once("//! | file | what to look for |").unwrap();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with("//! |"));
    let story: Vec<_> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert!(story.len() >= 8 && story[0] == "turn.rs", "{story:?}");
    let lines = |file| fs::read_to_string(source().join(file)).unwrap().lines().count();
    let all: usize = story.into_iter().map(lines).sum();
    assert!(
        all <= 1_500,
        "the eight files of the reading order in src/lib.rs have {all} lines, and may have 1,500: move what a \
         first reading can do without to another file"
    );
}

/// A file of tests that would be longer is two.
#[test]
fn no_file_of_tests_is_long() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let lines = fs::read_to_string(&path).unwrap().lines().count();
                assert!(lines <= 600, "{} has {lines} lines, and may have 600", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

/// Returns the files whose code has one of these texts.
fn files_with(texts: &[&str]) -> Vec<String> {
    let mut files = read();
    files.retain(|_, code| texts.iter().any(|text| code.contains(text)));
    files.into_keys().collect()
}

/// The clock is read in one file.
#[test]
fn the_clock_is_read_in_one_file() {
    assert_eq!(files_with(&["Instant::now", "SystemTime", "clock_gettime"]), ["time/clock.rs"]);
}

/// The loop sleeps in one file. (The other one is the pool: its threads sleep, and a loop at its end.)
#[test]
fn the_loop_sleeps_in_one_file() {
    let sleeps = ["thread::sleep", "thread::park", "poll.poll(", "event::poll("];
    let of_another_thread = "trace/environment/on_interrupt.rs"; // that of the signals
    assert_eq!(files_with(&sleeps), ["net/poller.rs", of_another_thread]);
    assert_eq!(files_with(&["Condvar"]), ["executor/pool.rs"]);
}

/// Tasks are polled in one file, which alone makes a context. The files that pass one on hold a future.
#[test]
fn tasks_are_polled_in_one_file() {
    assert_eq!(files_with(&["Context::from_waker(", "Context::from("]), ["turn.rs"]);
    let hold_a_future = ["explore.rs", "net/connect.rs", "net/serve.rs", "task/cell.rs", "time/timeout.rs"];
    assert_eq!(files_with(&[".poll(cx)"]), hold_a_future);
}

/// The loop has one unsafe block, and what it has for hyper another. No other file may have any unsafe code.
#[test]
fn unsafe_code_is_two_blocks() {
    let mut uses = Vec::new();
    for (file, code) in read() {
        let lifted = code.matches("unsafe_code").count();
        // (A message may begin with the word.)
        let used = code.matches("unsafe").count() - lifted - code.matches("\"unsafe ").count();
        if lifted + used > 0 {
            uses.push((file, lifted, used));
        }
    }
    assert_eq!(uses, [("hyper.rs".into(), 1, 1), ("wake/waker.rs".into(), 1, 1)]);
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

/// Each test of another crate is named by a row of the table.
#[test]
fn the_table_of_crates_names_each_test_of_another_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("src/ecosystem.rs")).unwrap();
    for test in fs::read_dir(root.join("tests/ecosystem/tests")).unwrap() {
        let name = test.unwrap().file_name().into_string().unwrap();
        // `fetch.rs` and `https.rs` run programs, which have rows of their own.
        let is_named = table.contains(&format!("`ecosystem/tests/{name}`"));
        assert!(is_named || ["fetch.rs", "https.rs"].contains(&&*name), "{name}");
    }
}

/// Returns what a program can name: types, traits, functions, constants and macros, and methods as
/// "Type::method". It leaves out modules, fields, variants, and the methods of traits.
fn public_items(files: &Files) -> BTreeSet<String> {
    let exported = exported(files);
    let mut items = BTreeSet::new();
    for code in files.values() {
        let mut owners = Vec::new();
        let mut in_macro = "";
        let mut attributes = String::new();
        for line in code.lines() {
            if line.trim_start().starts_with("#[") {
                attributes += line;
                continue;
            }
            let is_hidden = attributes.contains("doc(hidden)");
            let is_exported_macro = attributes.contains("macro_export");
            attributes.clear();
            if let Some(header) = line.strip_prefix("macro_rules! ") {
                in_macro = words(header).next().unwrap();
            }
            if let Some(header) = line.trim_start().strip_prefix("impl") {
                owners = owners_of(files, in_macro, header);
            }
            match declared(line) {
                Some(_) if is_hidden => {}
                Some(("macro_rules!", name)) if is_exported_macro => _ = items.insert(format!("{name}!")),
                Some(("fn", name)) if line.starts_with(' ') => {
                    let owners = owners.iter().filter(|owner| exported.contains(*owner));
                    items.extend(owners.map(|owner| format!("{owner}::{name}")));
                }
                Some((_, name)) if exported.contains(name) => {
                    let is_new = items.insert(name.to_owned());
                    let is_one = is_new || line.starts_with(' ');
                    assert!(
                        is_one,
                        "two public items are called {name}: src/coming_from.rs cannot tell which"
                    );
                }
                _ => {}
            }
        }
    }
    items
}

/// Returns the names that modules pass on, and those that the public modules define themselves.
fn exported(files: &Files) -> BTreeSet<String> {
    let mut paths = Vec::new();
    for code in files.values() {
        for (at, found) in code.match_indices("pub use ") {
            expand(&code[at + found.len()..], &mut Vec::new(), &mut paths);
        }
    }
    let passed_on = paths.into_iter().filter_map(|mut path| path.pop());
    let modules = files["lib.rs"].lines().filter_map(|line| line.strip_prefix("pub mod ")?.split(';').next());
    let code = modules.filter_map(|module| {
        files.get(&format!("{module}.rs")).or_else(|| files.get(&format!("{module}/mod.rs")))
    });
    let defined = code.flat_map(|code| code.lines()).filter(|line| line.starts_with("pub "));
    passed_on.chain(defined.filter_map(declared).map(|(_, name)| name.to_owned())).collect()
}

/// Returns the kind and the name of the public item that a line declares, "fn" and "spawn", say.
fn declared(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let unqualified = line.trim_start_matches("pub ").trim_start_matches("async ");
    let function = unqualified.strip_prefix("const ").filter(|rest| rest.starts_with("fn "));
    let (kind, rest) = function.unwrap_or(unqualified).split_once(' ')?;
    let is_public = line.starts_with("pub ") || kind == "macro_rules!";
    let is_known = ["fn", "struct", "enum", "trait", "type", "const", "macro_rules!"].contains(&kind);
    (is_public && is_known).then(|| (kind, words(rest).next().unwrap_or_default()))
}

/// Returns the type that an `impl` is for, from the text behind that word. In a macro the type is a
/// parameter: then every word of that macro's calls, up to the first `;`: types among them.
fn owners_of(files: &Files, in_macro: &str, header: &str) -> Vec<String> {
    let owner =
        if header.starts_with('<') { header.split_once("> ").map_or("", |(_, owner)| owner) } else { header };
    if !owner.trim_start().starts_with('$') {
        return words(owner).take(1).map(Into::into).collect();
    }
    let call = format!("\n{in_macro}!(");
    let calls = files.values().flat_map(|code| code.split(&call).skip(1));
    let calls = calls.map(|call| call.split(';').next().unwrap());
    calls.flat_map(words).map(Into::into).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The tables for readers who know asyncio or tokio have every public item, and no other.
#[test]
fn the_tables_of_names_have_every_public_item() {
    let items = public_items(&read());
    assert!(items.len() > 200, "{}: {items:#?}", items.len());
    let tables = fs::read_to_string(source().join("coming_from.rs")).unwrap();
    let cells = tables.lines().filter_map(|line| line.strip_prefix("//! | ")?.split(" | ").next());
    let named = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    // "hyper::Timer" is `Timer`, and "dump()" is `dump`.
    let without_module = |name: &str| {
        let modules = ["hyper::", "signal::", "explore::"];
        modules.iter().fold(name.replace("()", ""), |name, module| name.replace(module, ""))
    };
    let named: BTreeSet<String> = named.map(without_module).collect();
    let missing: Vec<_> = items.difference(&named).collect();
    assert!(
        missing.is_empty(),
        "src/coming_from.rs does not name {missing:?} (of a new public module, add the prefix to `modules` above)"
    );
    let unknown: Vec<_> = named.difference(&items).collect();
    assert!(unknown.is_empty(), "src/coming_from.rs names what is no public item: {unknown:?}");
}

/// A public item is found, however it is written. What no program can name is left out.
#[test]
fn a_public_item_is_found() {
    let mut files = Files::new();
    let mut add = |name: &str, text: &str| files.insert(name.into(), code(text));
    add("lib.rs", "mod a;\npub mod b;\npub use a::{A, B, f};\n");
    add(
        "a.rs",
        "pub struct A<T>(T);\npub struct Private;\npub enum B {}\npub fn f() {}\npub(crate) fn g() {}\n\
         impl<T: Into<u8>> A<T> {\n    pub async fn m() {}\n    pub const fn k() {}\n    fn n() {}\n}\n\
         impl Private {\n    pub fn m() {}\n}\n\
         #[doc(hidden)]\n#[inline]\npub fn h() {}\nmethods!(A, B);\n",
    );
    add(
        "b.rs",
        "pub const C: u8 = 0;\npub type T = u8;\n#[macro_export]\nmacro_rules! d {}\nmacro_rules! e {}\n",
    );
    add("c.rs", "macro_rules! methods {\n    ($a:ty) => {\n        impl $a {\n            pub fn o() {}\n");
    let found = ["A", "A::k", "A::m", "A::o", "B", "B::o", "C", "T", "d!", "f"].map(String::from);
    assert_eq!(public_items(&files), BTreeSet::from(found));
}

/// Every public item has an example.
#[test]
fn every_public_item_has_an_example() {
    let items = public_items(&read());
    let named: BTreeSet<_> = items.iter().map(|item| item.rsplit("::").next().unwrap()).collect();
    let mut without = Vec::new();
    for file in read().into_keys() {
        let text = fs::read_to_string(source().join(&file)).unwrap();
        let (mut has_example, mut is_open) = (false, false);
        for line in text.lines().map(str::trim) {
            if let Some(language) = line.strip_prefix("/// ```") {
                has_example |= !is_open && !["text", "sh", "toml", "ignore", "no_run"].contains(&language);
                is_open = !is_open;
            }
            has_example |= line == "#[doc(hidden)]";
            if let Some((_, name)) = declared(line)
                && named.contains(name)
                && !has_example
            {
                without.push(format!("{name} in {file}"));
            }
            has_example &= line.starts_with("///") || !line.is_empty() && !line.ends_with('{');
        }
    }
    assert!(without.is_empty(), "these have no example: {without:#?}");
}

/// The links of the README lead to files, or to its own headings.
#[test]
fn the_links_of_the_readme_lead_to_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let targets: Vec<_> = readme.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(targets.len() > 3, "{targets:?}");
    let headings = readme.lines().filter_map(|line| line.strip_prefix("## "));
    let headings: Vec<_> =
        headings.map(|title| title.to_lowercase().replace(' ', "-").replace(['`', '/'], "")).collect();
    for target in targets.into_iter().filter(|target| !target.starts_with("https://")) {
        let leads_somewhere = match target.strip_prefix('#') {
            Some(heading) => headings.iter().any(|there| there == heading),
            None => root.join(target).is_file(),
        };
        assert!(leads_somewhere, "README.md links to {target}, which is no file and no heading");
    }
}
