//! Damaged data directories: what kew says of them at the start, `kew check` and `kew salvage`.

use crate::data::{messages, send, text};
use crate::kew::*;
use std::fs;
use std::path::Path;

const DATABASE: &str = "kew.sqlite3";
const LOG: &str = "kew.sqlite3-wal";

/// A data directory with messages, as `kill -9` leaves it: all of them are in the log.
fn killed(data: &Path, count: usize) {
    let kew = Kew::start(&["--data", text(data), "--durability", "process", "--queue", "q"]);
    for number in 0..count {
        assert_eq!(send(&kew, &format!("message {number}")), 200);
    }
    kew.signal("KILL");
    kew.end();
}

/// Damages a data directory.
type Damage = Box<dyn Fn(&Path)>;

/// The files whose contents count.
fn contents(data: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |name: &str| Some((name.to_owned(), fs::read(data.join(name)).ok()?));
    [DATABASE, LOG, "kew.last-commit"].into_iter().filter_map(read).collect()
}

fn run(args: &[&str]) -> Ended {
    finish(&mut command(args))
}

/// Copies a data directory.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for (name, bytes) in contents(from) {
        fs::write(to.join(name), bytes).unwrap();
    }
}

#[test]
fn with_a_damaged_log_or_database_kew_does_not_start_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    killed(&data, 60);
    let length = fs::metadata(data.join(LOG)).unwrap().len() as usize;
    let cut = |name: &'static str, kept: usize| {
        move |data: &Path| {
            let file = fs::OpenOptions::new().write(true).open(data.join(name)).unwrap();
            file.set_len(kept as u64).unwrap();
        }
    };
    let flip = move |data: &Path| {
        let mut bytes = fs::read(data.join(LOG)).unwrap();
        bytes[length / 2] ^= 1;
        fs::write(data.join(LOG), bytes).unwrap();
    };
    let remove = |name: &'static str| move |data: &Path| fs::remove_file(data.join(name)).unwrap();
    let damages: [(&str, Damage); 8] = [
        ("the database is empty", Box::new(cut(DATABASE, 0))),
        ("the database is missing", Box::new(remove(DATABASE))),
        ("the log is missing", Box::new(remove(LOG))),
        ("the log is empty", Box::new(cut(LOG, 0))),
        ("the log has 100 bytes", Box::new(cut(LOG, 100))),
        ("the log is cut in half", Box::new(cut(LOG, length / 2))),
        ("the log ends after 20 frames", Box::new(cut(LOG, 32 + 20 * 4120))),
        ("a bit of the log is flipped", Box::new(flip)),
    ];
    for (number, (what, damage)) in damages.iter().enumerate() {
        let damaged = dir.path().join(number.to_string());
        copy(&data, &damaged);
        damage(&damaged);
        let before = contents(&damaged);
        let ended = refused(&["--data", text(&damaged)]);
        assert_eq!(ended.code, Some(1), "{what}: {ended:?}");
        for command in ["kew check --data", "kew salvage --data"] {
            assert!(ended.errors.contains(command), "{what}: {ended:?}");
        }
        assert_eq!(contents(&damaged), before, "{what}: a file was changed");
        let checked = run(&["check", "--data", text(&damaged)]);
        assert_eq!(checked.code, Some(65), "{what}: {checked:?}");
        assert!(checked.out.contains("damaged: "), "{what}: {checked:?}");
        assert_eq!(contents(&damaged), before, "{what}: the check changed a file");
    }
    let kew = Kew::start(&["--data", text(&data)]);
    assert_eq!(messages(&kew), "60");
}

#[test]
fn a_sound_directory_is_found_sound_unless_it_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    killed(dir.path(), 3);
    let checked = run(&["check", "--data", text(dir.path())]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.out.contains("1 queues with 3 messages can be read"), "{checked:?}");
    assert!(checked.out.contains("sound"), "{checked:?}");
    let kew = Kew::start(&["--data", text(dir.path())]);
    for args in [&["check", "--data", text(dir.path())][..], &["salvage", "--data", text(dir.path()), "--to", "none"]] {
        let ended = run(args);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.errors.contains("in use") && ended.errors.contains(&kew.pid().to_string()), "{ended:?}");
    }
    kew.stop();
    let checked = run(&["check", "--data", text(dir.path())]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let ended = run(&["check", "--data", text(&dir.path().join("nowhere"))]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

#[test]
fn what_can_be_read_is_salvaged_into_a_new_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (data, new) = (dir.path().join("data"), dir.path().join("new"));
    killed(&data, 40);
    // A page of an early commit, that later ones have written again.
    let mut log = fs::read(data.join(LOG)).unwrap();
    log[32 + 5 * 4120 + 24 + 4000] ^= 1;
    fs::write(data.join(LOG), &log).unwrap();
    refused(&["--data", text(&data)]);
    let before = contents(&data);
    let salvaged = run(&["salvage", "--data", text(&data), "--to", text(&new)]);
    assert_eq!(salvaged.code, Some(65), "{salvaged:?}");
    assert!(salvaged.out.contains("was left out") && salvaged.out.contains("40 messages"), "{salvaged:?}");
    assert_eq!(contents(&data), before);
    let again = run(&["salvage", "--data", text(&data), "--to", text(&new)]);
    assert_eq!(again.code, Some(1), "it overwrites nothing: {again:?}");
    assert!(again.errors.contains("exists already"), "{again:?}");
    let kew = Kew::start(&["--data", text(&new)]);
    assert_eq!(messages(&kew), "40");
}
