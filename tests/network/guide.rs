//! docs/network.md: each line of its tables names a test that is there, and each test of this program has a line.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const GUIDE: &str = "docs/network.md";

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The tests of a file.
fn tests_of(path: &str) -> BTreeSet<String> {
    let text = text(path);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_attribute = |line: &str| line.starts_with("#[") || line.starts_with("//");
    let is_test = |at: usize| {
        let attributes = lines[..at].iter().rev().take_while(|line| is_attribute(line));
        attributes.into_iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    };
    let name = |line: &str| {
        Some(line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?.split('(').next()?.to_owned())
    };
    lines.iter().enumerate().filter(|(at, _)| is_test(*at)).filter_map(|(_, line)| name(line)).collect()
}

/// The cells of each line of the guide's tables, but for their heads.
fn lines() -> Vec<Vec<String>> {
    let guide = text(GUIDE);
    let rows = guide.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    rows.map(cells).filter(|cells| cells[0] != "what can happen").collect()
}

/// What stands in marks.
fn marked(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn each_line_of_the_guide_names_a_test_that_is_there() {
    let lines = lines();
    assert!(lines.len() > 30, "only {} lines", lines.len());
    for cells in &lines {
        assert_eq!(cells.len(), 4, "{cells:?}");
        let [path, names @ ..] = &marked(&cells[3])[..] else { panic!("no file: {cells:?}") };
        let there = tests_of(path);
        assert!(!names.is_empty(), "no test: {cells:?}");
        for name in names {
            assert!(there.contains(*name), "{path} has no test {name}: {cells:?}");
        }
    }
}

#[test]
fn each_test_of_this_program_has_its_line() {
    let named: BTreeSet<String> = lines().iter().flat_map(|cells| marked(&cells[3])).map(str::to_owned).collect();
    for file in ["who", "wire", "pages", "routes", "stored"] {
        for test in tests_of(&format!("tests/network/{file}.rs")) {
            assert!(named.contains(&test), "{GUIDE} does not name {test}");
        }
    }
}
