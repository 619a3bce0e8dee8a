//! Checks the house itself: who may know whom, where time is read, what prints, and that every file says what it is for.

use std::fs;
use std::path::{Path, PathBuf};

/// What the files of a room may name of the crate. A room may always name itself.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("error", &[]),
    ("api", &["error"]),
    ("wire", &["api", "error"]),
    ("clock", &["engine"]),
    ("config", &["api", "error"]),
    ("store", &["config", "engine"]),
    ("broker", &["api", "config", "engine", "store", "clock", "error"]),
    ("actions", &["api", "broker", "config", "engine", "error"]),
    ("http", &["config", "wire", "actions", "api", "broker", "clock", "engine", "error"]),
    ("server", &["actions", "api", "broker", "clock", "config", "error", "http", "store"]),
];

/// The files of the command, a crate of its own above this one.
const COMMAND: &[&str] = &["main", "cli", "logging"];

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
        if COMMAND.contains(&room.as_str()) || room == "lib" {
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
fn only_main_prints() {
    for (path, text) in source().into_iter().filter(|(path, _)| room(path) != "main") {
        let code = code(&text);
        for word in ["println!", "eprintln!", "print!(", "dbg!"] {
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
