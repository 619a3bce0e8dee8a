//! The web console: the files that a browser loads, embedded as they are written. They talk to the control API and to SQS, and to
//! nothing else: whatever the console can do a script can do.

use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// A file of the console.
pub struct Asset {
    /// Its path behind `/_kew/ui/`; empty for the page itself.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// All of it.
    pub text: &'static str,
    /// What tells this version from another one: a quoted `ETag`.
    pub etag: String,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

#[rustfmt::skip]
const FILES: &[(&str, &str, &str)] = &[
    ("", HTML, include_str!("index.html")),
    ("app.css", CSS, include_str!("app.css")),
    ("activity.js", SCRIPT, include_str!("activity.js")),
    ("api.js", SCRIPT, include_str!("api.js")),
    ("app.js", SCRIPT, include_str!("app.js")),
    ("body.js", SCRIPT, include_str!("body.js")),
    ("clock.js", SCRIPT, include_str!("clock.js")),
    ("commands.js", SCRIPT, include_str!("commands.js")),
    ("compose.js", SCRIPT, include_str!("compose.js")),
    ("dom.js", SCRIPT, include_str!("dom.js")),
    ("fault.js", SCRIPT, include_str!("fault.js")),
    ("faults.js", SCRIPT, include_str!("faults.js")),
    ("format.js", SCRIPT, include_str!("format.js")),
    ("manage.js", SCRIPT, include_str!("manage.js")),
    ("message.js", SCRIPT, include_str!("message.js")),
    ("messages.js", SCRIPT, include_str!("messages.js")),
    ("metrics.js", SCRIPT, include_str!("metrics.js")),
    ("queue.js", SCRIPT, include_str!("queue.js")),
    ("queues.js", SCRIPT, include_str!("queues.js")),
    ("report.js", SCRIPT, include_str!("report.js")),
    ("settings.js", SCRIPT, include_str!("settings.js")),
    ("start.js", SCRIPT, include_str!("start.js")),
    ("system.js", SCRIPT, include_str!("system.js")),
    ("widgets.js", SCRIPT, include_str!("widgets.js")),
];

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let asset = |&(path, content_type, text): &(&'static str, &'static str, &'static str)| {
        let digest = Sha256::digest(text);
        Asset { path, content_type, text, etag: format!("\"{}\"", hex::encode(&digest[..8])) }
    };
    FILES.iter().map(asset).collect()
});

/// The file at a path behind `/_kew/ui/`.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the console may weigh, uncompressed.
    const BYTES_MAX: usize = 165 * 1024;
    /// Lines of a script.
    const LINES_MAX: usize = 300;

    #[test]
    fn every_file_is_there_once_and_in_the_table() {
        let on_disk = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/ui")).unwrap();
        let mut on_disk: Vec<String> = on_disk.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        on_disk.retain(|name| !name.ends_with(".rs"));
        on_disk.sort();
        let mut listed: Vec<_> =
            ASSETS.iter().map(|file| if file.path.is_empty() { "index.html" } else { file.path }).collect();
        listed.sort_unstable();
        assert_eq!(on_disk, listed);
        assert!(find("").is_some() && find("app.js").is_some() && find("../mod.rs").is_none());
    }

    #[test]
    fn what_is_loaded_first_is_there() {
        let start = find("start.js").unwrap().text;
        let first = start.lines().find_map(|line| line.strip_prefix("const FIRST = ")).unwrap();
        for name in first.split('"').skip(1).step_by(2) {
            assert!(find(&format!("{name}.js")).is_some(), "{name}");
        }
        assert!(first.contains("\"app\""));
    }

    #[test]
    fn the_console_stays_small() {
        let bytes: usize = ASSETS.iter().map(|asset| asset.text.len()).sum();
        assert!(bytes <= BYTES_MAX, "{bytes} bytes");
        for asset in ASSETS.iter().filter(|asset| asset.content_type == SCRIPT) {
            let lines = asset.text.lines().count();
            assert!(lines < LINES_MAX, "{}: {lines} lines", asset.path);
        }
    }

    #[test]
    fn scripts_make_no_markup_of_texts_and_load_nothing_from_elsewhere() {
        let never =
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "setHTML"];
        for asset in ASSETS.iter() {
            for word in never {
                assert!(!asset.text.contains(word), "{}: {word}", asset.path);
            }
            // Those that are made when they are wanted, and types.
            for file in asset.text.split("import(\"./").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(find(file).is_some(), "{}: {file}", asset.path);
            }
            let imports = asset.text.lines().filter(|line| line.starts_with("import "));
            for import in imports {
                let from = import.split('"').nth(1).unwrap_or_default();
                let file = from.strip_prefix("./").unwrap_or_else(|| panic!("{}: {import}", asset.path));
                assert!(find(file).is_some(), "{}: {import}", asset.path);
            }
        }
    }
}
