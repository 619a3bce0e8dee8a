//! Checks the house itself: who may know whom, where time is read, what prints, and that every file says what it is for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What the files of a room may name of the crate. A room may always name itself.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("error", &[]),
    ("histogram", &[]),
    ("api", &["error"]),
    ("auth", &["api", "error"]),
    ("wire", &["api", "error"]),
    ("clock", &["engine"]),
    ("config", &["api", "error"]),
    ("import", &["api", "config"]),
    ("store", &["clock", "config", "engine", "histogram"]),
    ("broker", &["api", "auth", "config", "engine", "store", "clock", "error", "histogram"]),
    ("cluster", &["actions", "api", "broker", "clock", "config", "engine", "error", "store"]),
    ("actions", &["api", "auth", "broker", "config", "engine", "error"]),
    ("control", &["actions", "api", "auth", "broker", "clock", "cluster", "config", "engine", "error"]),
    ("metrics", &["api", "broker", "clock", "cluster", "control", "engine", "error", "histogram", "store"]),
    ("ui", &[]),
    (
        "http",
        &[
            "auth", "cluster", "config", "control", "metrics", "ui", "wire", "actions", "api", "broker", "clock",
            "engine", "error",
        ],
    ),
    (
        "server",
        &["actions", "api", "auth", "broker", "clock", "cluster", "config", "control", "error", "http", "store"],
    ),
];

/// The files of the command, a crate of its own above this one.
const COMMAND: &[&str] = &["main", "cli", "command", "logging"];

/// The files that print: the log, what the subcommands show, and what is said of a server and of a store.
const PRINTING: &[&str] = &["main.rs", "logging.rs", "command/output.rs"];

/// Words that the engine must not contain outside its tests, because it is pure.
const NOT_IN_ENGINE: &[&str] =
    &["tokio", "hyper", "std::fs", "std::net", "std::time", "SystemTime", "Instant", "fastrand", "println"];

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn source() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    assert!(files.len() > 30, "only {} files found", files.len());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(&root).unwrap().to_owned(), text)
    };
    files.into_iter().map(read).collect()
}

fn room(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The code without comments, and without what follows `#[cfg(test)]`, which in this code base ends a file.
fn code(text: &str) -> String {
    let before_tests = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
    before_tests.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The rooms that code names after `crate::`, also inside braces.
fn named_rooms(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let list = match rest.strip_prefix('{') {
            Some(braced) => braced.split('}').next().unwrap(),
            None => rest,
        };
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        if rest.starts_with('{') {
            rooms.extend(list.split(',').map(|item| word(item.trim())).filter(|item| !item.is_empty()));
        } else {
            rooms.push(word(list));
        }
    }
    rooms
}

#[test]
fn each_room_knows_only_what_it_may() {
    let mut seen = 0;
    for (path, text) in source() {
        let room = room(&path);
        if COMMAND.contains(&room.as_str()) || room == "lib" || path.to_str().unwrap().contains("tests") {
            continue;
        }
        let (_, allowed) = MAY_KNOW.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("new room {room}"));
        for named in named_rooms(&code(&text)) {
            seen += 1;
            assert!(named == room || allowed.contains(&named.as_str()), "{} names crate::{named}", path.display());
        }
    }
    assert!(seen > 50, "the check saw only {seen} names");
}

#[test]
fn the_engine_is_pure() {
    for (path, text) in source().into_iter().filter(|(path, _)| room(path) == "engine") {
        if path.to_str().unwrap().contains("test") {
            continue;
        }
        let code = code(&text);
        for word in NOT_IN_ENGINE {
            assert!(!code.contains(word), "{} contains {word}", path.display());
        }
    }
}

#[test]
fn only_the_clock_reads_or_waits_for_time() {
    for (path, text) in source().into_iter().filter(|(path, _)| room(path) != "clock") {
        let code = code(&text);
        for word in
            ["SystemTime::now", "Instant::now", "time::sleep", "thread::sleep", "time::timeout", "time::interval"]
        {
            assert!(!code.contains(word), "{} contains {word}", path.display());
        }
    }
}

#[test]
fn few_files_print() {
    for (path, text) in source().into_iter().filter(|(path, _)| !PRINTING.contains(&path.to_str().unwrap())) {
        let code = code(&text);
        for word in ["println!", "eprintln!", "print!(", "dbg!", "stdout", "stderr"] {
            assert!(!code.contains(word), "{} contains {word}", path.display());
        }
    }
}

#[test]
fn every_file_says_first_what_it_is_for() {
    for (path, text) in source() {
        assert!(text.starts_with("//! "), "{} does not begin with what it is for", path.display());
    }
}

#[test]
fn api_and_engine_know_no_bytes_of_a_protocol() {
    for (path, text) in source().into_iter().filter(|(path, _)| matches!(room(path).as_str(), "api" | "engine")) {
        // Redrive policies are JSON texts in every protocol.
        if path == Path::new("api/redrive.rs") {
            continue;
        }
        let code = code(&text);
        for word in ["serde_json", "quick_xml", "urlencoded", "hyper", "tokio"] {
            assert!(!code.contains(word), "{} contains {word}", path.display());
        }
    }
}

/// The names of a file's modules from the root of the crate: `broker/queue.rs` is `broker::queue`, `broker/mod.rs` is `broker`.
fn module(path: &Path) -> Vec<String> {
    let names = path.with_extension("");
    let names = names.iter().map(|name| name.to_str().unwrap().to_owned());
    names.filter(|name| name != "mod" && name != "lib").collect()
}

/// The paths that a tree of `use` names: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(tree: &str, before: &[String], paths: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    let Some((head, list)) = tree.split_once('{') else {
        let tree = tree.split(" as ").next().unwrap();
        let names = tree.split("::").map(|name| name.trim().to_owned());
        paths.push(before.iter().cloned().chain(names).collect());
        return;
    };
    let head = head.trim_end_matches(':').split("::").map(|name| name.trim().to_owned());
    let before: Vec<String> = before.iter().cloned().chain(head.filter(|name| !name.is_empty())).collect();
    let list = &list[..list.rfind('}').unwrap()];
    let (mut depth, mut begin) = (0, 0);
    for (at, c) in list.char_indices().chain([(list.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !list[begin..at].trim().is_empty() {
                    expand(&list[begin..at], &before, paths);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

/// The paths that a file names of the crate, and those that it only hands on by `pub use`.
fn uses(code: &str) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let (mut named, mut handed_on) = (Vec::new(), Vec::new());
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let (visibility, tree) = line.trim().split_once("use ").unwrap_or((line, ""));
        if tree.is_empty() || !["", "pub", "pub(crate)", "pub(super)"].contains(&visibility.trim()) {
            for (at, _) in line.match_indices("super::").chain(line.match_indices("crate::")) {
                let path = &line[at..];
                let end = path.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(path.len());
                named.push(path[..end].split("::").map(str::to_owned).collect());
            }
            continue;
        }
        let mut tree = tree.to_owned();
        while !tree.contains(';') {
            tree.push_str(lines.next().expect("the end of a use"));
        }
        let paths = if visibility.trim().is_empty() { &mut named } else { &mut handed_on };
        expand(tree.trim_end_matches(';'), &[], paths);
    }
    (named, handed_on)
}

/// The files of the crate, and which other files each names: by itself, or by a name that a `mod.rs` hands on.
struct Files {
    modules: BTreeMap<Vec<String>, String>,
    handed_on: BTreeMap<Vec<String>, Vec<String>>,
}

impl Files {
    fn read() -> Files {
        let sources = source()
            .into_iter()
            .filter(|(path, _)| !COMMAND.contains(&room(path).as_str()) && !path.to_str().unwrap().contains("tests"));
        let modules: BTreeMap<_, _> = sources.map(|(path, text)| (module(&path), code(&text))).collect();
        let mut files = Files { modules, handed_on: BTreeMap::new() };
        let mut handed_on = BTreeMap::new();
        for (module, code) in &files.modules {
            for path in uses(code).1 {
                if let (Some(name), Some(target)) = (path.last().cloned(), files.absolute(module, &path)) {
                    handed_on.insert(module.iter().cloned().chain([name]).collect(), target);
                }
            }
        }
        files.handed_on = handed_on;
        files
    }

    /// A path from the root of the crate, if it begins in the crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut base = module.to_vec();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => (base, rest) = (Vec::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {}
            child => {
                base.push(child.to_owned());
                self.modules.get(&base)?;
                rest = &rest[1..];
            }
        }
        while rest.first().is_some_and(|name| name == "super") {
            base.pop();
            rest = &rest[1..];
        }
        Some(base.into_iter().chain(rest.iter().cloned()).collect())
    }

    /// The file in which a name is at home.
    fn home(&self, path: &[String]) -> Option<Vec<String>> {
        let mut path = path.to_vec();
        for _ in 0..self.modules.len() {
            let end = (0..=path.len()).rev().find(|end| self.modules.contains_key(&path[..*end]))?;
            match (1..=path.len()).rev().find_map(|length| Some((length, self.handed_on.get(&path[..length])?))) {
                Some((length, target)) if length > end => path = [target, &path[length..]].concat(),
                _ => return Some(path[..end].to_vec()),
            }
        }
        None
    }

    fn named_by(&self, module: &[String]) -> BTreeSet<Vec<String>> {
        let (named, _) = uses(&self.modules[module]);
        let homes = named.iter().filter_map(|path| self.home(&self.absolute(module, path)?));
        homes.filter(|home| home != module && !home.is_empty()).collect()
    }
}

/// All files that a file knows, also by way of others.
fn known(edges: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>, file: &[String]) -> BTreeSet<Vec<String>> {
    let mut known = BTreeSet::new();
    let mut left = vec![file.to_vec()];
    while let Some(file) = left.pop() {
        for next in edges.get(&file).into_iter().flatten() {
            if known.insert(next.clone()) {
                left.push(next.clone());
            }
        }
    }
    known
}

#[test]
fn no_files_know_each_other_in_a_circle() {
    let files = Files::read();
    let edges: BTreeMap<_, _> = files.modules.keys().map(|module| (module.clone(), files.named_by(module))).collect();
    let count: usize = edges.values().map(BTreeSet::len).sum();
    assert!(count > 200, "the check saw only {count} arrows");
    let in_circles = edges.iter().filter(|(file, _)| known(&edges, file).contains(*file));
    let shown = in_circles.map(|(file, named)| {
        let back = named.iter().filter(|other| known(&edges, other).contains(file)).map(|other| other.join("/"));
        format!("{} knows {}", file.join("/"), back.collect::<Vec<_>>().join(", "))
    });
    let shown: Vec<_> = shown.collect();
    assert!(shown.is_empty(), "circles:\n{}", shown.join("\n"));
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_walks_of_the_crate_docs_go_through_files_and_functions_that_are_there() {
    let sources: BTreeMap<_, _> = source().into_iter().collect();
    let docs = &sources[Path::new("lib.rs")];
    let walks = docs.split("# Four walks").nth(1).unwrap().split("# Invariants").next().unwrap();
    let rows = walks.lines().filter_map(|line| line.strip_prefix("//! | `")?.split_once(" | "));
    let mut functions = 0;
    for (files, text) in rows {
        let files: Vec<&str> =
            std::iter::once(files.split('`').next().unwrap()).chain(quoted(files.split_once('`').unwrap().1)).collect();
        let code: String = files
            .iter()
            .map(|file| sources.get(Path::new(file)).unwrap_or_else(|| panic!("{file} is not there")).as_str())
            .collect();
        for name in quoted(text).filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')) {
            functions += 1;
            let function = format!("fn {name}");
            let mut defined = code.match_indices(&*function).map(|(at, found)| &code[at + found.len()..]);
            let defined = defined.any(|rest| rest.starts_with(['(', '<']));
            assert!(defined, "no function {name} in {}", files.join(", "));
        }
    }
    assert!(functions > 40, "the check saw only {functions} functions");
}
