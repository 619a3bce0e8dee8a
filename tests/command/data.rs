//! A data directory on the command line: what comes back, copies, and the faults a person meets.

use crate::http::{Peer, get, json};
use crate::kew::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub fn send(kew: &Kew, body: &str) -> u16 {
    kew.ask(json("SendMessage", format!(r#"{{"QueueUrl":"q","MessageBody":"{body}"}}"#))).status
}

pub fn messages(kew: &Kew) -> String {
    let ask = r#"{"QueueUrl":"q","AttributeNames":["ApproximateNumberOfMessages"]}"#;
    let answer = kew.ask(json("GetQueueAttributes", ask)).ok().json();
    answer["Attributes"]["ApproximateNumberOfMessages"].as_str().unwrap().to_owned()
}

#[test]
fn what_was_there_is_there_again_and_what_is_declared_holds() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("made/with/parents");
    for (start, level) in ["full", "process"].into_iter().enumerate() {
        let kew = Kew::start(&["--data", text(&data), "--durability", level, "--queue", "q,VisibilityTimeout=45"]);
        assert_eq!(messages(&kew), start.to_string());
        assert_eq!(send(&kew, "x"), 200);
        let changed = r#"{"QueueUrl":"q","Attributes":{"VisibilityTimeout":"50","DelaySeconds":"0"}}"#;
        kew.ask(json("SetQueueAttributes", changed)).ok();
        kew.stop();
    }
    let kew = Kew::start_with(&["--queue", "q,VisibilityTimeout=60"], &[("KEW_DATA", text(&data))]);
    assert_eq!(messages(&kew), "2");
    let ask = r#"{"QueueUrl":"q","AttributeNames":["VisibilityTimeout"]}"#;
    assert_eq!(kew.ask(json("GetQueueAttributes", ask)).ok().json()["Attributes"]["VisibilityTimeout"], "60");
}

#[test]
fn a_directory_in_use_is_refused_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let kew = Kew::start(&["--data", text(dir.path())]);
    let ended = refused(&["--listen", "127.0.0.1:0", "--data", text(dir.path())]);
    assert_eq!((ended.code, ended.errors.lines().count()), (Some(1), 1), "{ended:?}");
    assert!(ended.errors.contains("in use") && ended.errors.contains(&kew.pid().to_string()), "{ended:?}");
}

#[test]
fn a_damaged_file_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    Kew::start(&["--data", text(dir.path()), "--queue", "q"]).stop();
    let file = dir.path().join("kew.sqlite3");
    let length = std::fs::metadata(&file).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(length / 2).unwrap();
    let ended = refused(&["--listen", "127.0.0.1:0", "--data", text(dir.path())]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.errors.contains("kew.sqlite3"), "{ended:?}");
    assert_eq!(std::fs::metadata(&file).unwrap().len(), length / 2, "nothing is mended behind the user's back");
}

#[test]
fn a_copy_is_made_of_what_the_file_names() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    Kew::start(&["--data", text(&data), "--queue", "q"]).stop();
    let file = File::new("backup", &format!("data = \"{}\"\n", data.display()));
    let wrong = File::new("backup-wrong", "data = \"/nowhere\"\n");
    let copy = |name: &str, command: &mut Command| {
        let to = dir.path().join(name);
        let ended = finish(command.args(["--to", text(&to)]));
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{name}");
        assert_eq!(ended.out, format!("copied {} to {}\n", data.display(), to.display()));
        assert!(to.join("kew.sqlite3").exists());
    };
    copy("flag", &mut command(&["backup", "--config", file.path()]));
    copy("variable", command(&["backup"]).env("KEW_CONFIG", file.path()));
    copy("over", command(&["backup", "--config", wrong.path()]).env("KEW_DATA", &data));
    let none = finish(&mut command(&["backup", "--to", text(&dir.path().join("none"))]));
    let expected = "kew: which data directory? Name it with --data DIR, with KEW_DATA, or in the configuration file\n";
    assert_eq!((none.code, none.errors.as_str()), (Some(1), expected));
}

#[test]
fn a_directory_that_is_a_file_or_not_there_is_called_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let (inside, missing, empty) = (file.join("data"), dir.path().join("missing"), dir.path().join("empty"));
    std::fs::create_dir(&empty).unwrap();
    let serve = |data: &Path| refused(&["--data", text(data)]).errors;
    let backup = |data: &Path, to: &Path| {
        let ended = finish(&mut command(&["backup", "--data", text(data), "--to", text(to)]));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        ended.errors
    };
    let no_directory = |path: &Path| format!("kew: {} is not a directory; name another\n", path.display());
    assert_eq!(serve(&file), no_directory(&file));
    assert_eq!(serve(&inside), no_directory(&file));
    assert_eq!(backup(&file, &empty), no_directory(&file));
    assert_eq!(backup(&missing, &empty), format!("kew: there is no directory {}\n", missing.display()));
    let nothing = format!("kew: there is no store of kew in {}: it has no file kew.sqlite3\n", empty.display());
    assert_eq!(backup(&empty, &missing), nothing);
    assert!(!missing.exists(), "nothing is made for a copy that fails");
    Kew::start(&["--data", text(&missing)]).stop();
    assert_eq!(backup(&missing, &file), no_directory(&file));
}

#[test]
fn a_running_kew_can_be_copied_and_the_copy_started() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy) = (dir.path().join("data"), dir.path().join("copy"));
    let kew = Kew::start(&["--data", text(&data), "--queue", "q"]);
    assert_eq!(send(&kew, "x"), 200);
    let made = command(&["backup", "--data", text(&data), "--to", text(&copy)]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    assert_eq!(send(&kew, "y"), 200);
    let second = Kew::start(&["--data", text(&copy)]);
    assert_eq!((messages(&kew), messages(&second)), ("2".to_owned(), "1".to_owned()));
    let again = command(&["backup", "--data", text(&data), "--to", text(&copy)]).output().unwrap();
    assert_eq!(again.status.code(), Some(1), "a copy overwrites nothing: {again:?}");
}

#[test]
fn when_the_disk_is_full_nothing_more_is_acknowledged_and_kew_ends() {
    let dir = tempfile::tempdir().unwrap();
    let kew = shell(SMALL_DISK, dir.path(), Stdio::piped());
    let body = "x".repeat(10_000);
    let acknowledged = (0..1000).map(|_| send(&kew, &body)).take_while(|status| match status {
        200 => true,
        // The one that failed is told so.
        status => {
            assert_eq!(*status, 500);
            false
        }
    });
    let acknowledged = acknowledged.count();
    assert!((10..1000).contains(&acknowledged), "{acknowledged} were acknowledged");
    let (status, log) = kew.end();
    assert_eq!(status.code(), Some(74), "{log:?}");
    assert!(log.iter().any(|line| line.contains("nothing more is acknowledged")), "{log:?}");
    let kew = Kew::start(&["--data", text(dir.path())]);
    let there: usize = messages(&kew).parse().unwrap();
    // The one that was refused may have been written all the same.
    assert!(there == acknowledged || there == acknowledged + 1, "{there} of {acknowledged}");
}

/// Starts kew with the queue `q` in a directory, after other commands of the shell, with its log going there.
fn shell(prelude: &str, dir: &Path, log: impl Into<Stdio>) -> Kew {
    let kew = format!(
        "{prelude} exec '{}' --listen 127.0.0.1:0 --queue q --log debug --data '{}'",
        env!("CARGO_BIN_EXE_kew"),
        text(dir)
    );
    Kew::run(Command::new("sh").args(["-c", &kew]).stdout(Stdio::piped()).stderr(log))
}

/// No file may grow beyond about a megabyte, as on a full disk.
const SMALL_DISK: &str = "trap '' XFSZ; ulimit -f 2000;";

#[test]
fn without_a_reader_of_its_log_kew_starts_answers_and_stops_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, log) = std::io::pipe().unwrap();
    drop(reader);
    let kew = shell("", dir.path(), log);
    for body in ["a", "b", "c"] {
        assert_eq!(send(&kew, body), 200);
    }
    assert_eq!(messages(&kew), "3");
    kew.stop();
}

#[test]
fn when_the_disk_is_full_and_nobody_reads_the_log_kew_ends_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, log) = std::io::pipe().unwrap();
    let kew = shell(SMALL_DISK, dir.path(), log);
    drop(reader);
    let body = "x".repeat(10_000);
    let refusal = (0..1000).map(|_| send(&kew, &body)).find(|status| *status != 200);
    assert_eq!(refusal, Some(500));
    assert_eq!(kew.end().0.code(), Some(74));
}

#[test]
fn commands_that_fail_or_end_without_a_reader_keep_their_exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    Kew::start(&["--data", text(&data), "--queue", "q"]).stop();
    let copy = dir.path().join("copy");
    let code = |args: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let errors = writer.try_clone().unwrap();
        finish(command(args).stdout(writer).stderr(errors)).code
    };
    assert_eq!(code(&["backup", "--data", text(&data), "--to", text(&copy)]), Some(0));
    assert_eq!(code(&["backup", "--data", text(&data), "--to", text(&copy)]), Some(1), "it is there already");
    assert_eq!(code(&["--listen", "127.0.0.1:0", "--data", text(&data.join("kew.lock"))]), Some(1), "it is a file");
    assert_eq!(code(&["--version"]), Some(0));
}

/// Takes the write lock of a store as somebody's `sqlite3` does.
fn locked(dir: &Path) -> rusqlite::Connection {
    let file = rusqlite::Connection::open(dir.join("kew.sqlite3")).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    file
}

/// Asks for a message to be stored, without waiting for the answer.
fn ask_to_send(kew: &Kew, body: &str) -> Peer {
    let mut peer = kew.peer();
    peer.send(json("SendMessage", format!(r#"{{"QueueUrl":"q","MessageBody":"{body}"}}"#)));
    peer
}

#[test]
fn another_programs_write_lock_is_waited_for_and_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let kew = Kew::start(&["--data", text(dir.path()), "--queue", "q"]);
    assert_eq!(send(&kew, "before"), 200);
    let lock = locked(dir.path());
    let mut waiting = ask_to_send(&kew, "meanwhile");
    let line = kew.line_with("write lock");
    assert!(line.contains("WARN") && line.contains("kew.sqlite3") && line.contains("close the program"), "{line}");
    assert_eq!(kew.ask(get("/health")).status, 200);
    lock.execute_batch("COMMIT").unwrap();
    assert_eq!(waiting.answer().status, 200);
    assert_eq!(messages(&kew), "2");
    kew.stop();
}

#[test]
fn kew_starts_and_stops_while_another_program_holds_the_write_lock() {
    let dir = tempfile::tempdir().unwrap();
    Kew::start(&["--data", text(dir.path()), "--queue", "q"]).stop();
    let lock = locked(dir.path());
    let kew = Kew::start(&["--data", text(dir.path())]);
    let mut waiting = ask_to_send(&kew, "never acknowledged");
    kew.line_with("write lock");
    kew.signal("TERM");
    assert_eq!(waiting.answer().status, 500, "it is told that its message may not be there");
    let (status, log) = kew.end();
    assert_eq!(status.code(), Some(0), "{log:?}");
    lock.execute_batch("COMMIT").unwrap();
    let kew = Kew::start(&["--data", text(dir.path())]);
    assert_eq!(messages(&kew), "0");
}

/// The modes of a directory and of all that is in it, by name.
fn modes(dir: &Path) -> BTreeMap<String, u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files = files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), mode(&path)));
    files.chain([(".".to_owned(), mode(dir))]).collect()
}

#[test]
fn nobody_else_may_read_what_kew_keeps() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy) = (dir.path().join("data"), dir.path().join("copy"));
    // Whatever the user's files are like otherwise.
    let kew = shell("umask 0;", &data, Stdio::piped());
    assert_eq!(send(&kew, "x"), 200);
    let found = modes(&data);
    assert!(
        ["kew.sqlite3", "kew.sqlite3-wal", "kew.sqlite3-shm", "kew.lock"].iter().all(|name| found.contains_key(*name))
    );
    let made = finish(&mut command(&["backup", "--data", text(&data), "--to", text(&copy)]));
    assert_eq!(made.code, Some(0), "{made:?}");
    for (name, mode) in found.into_iter().chain(modes(&copy)) {
        assert_eq!(mode, if name == "." { 0o700 } else { 0o600 }, "{name}: {mode:o}");
    }
    assert!(!kew.stop().join("\n").contains("chmod"));
}

#[test]
fn a_directory_that_others_may_read_is_told_of_and_its_files_are_closed() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let open = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    open(dir.path(), 0o755);
    let kew = shell("umask 0;", dir.path(), Stdio::piped());
    let line = kew.line_with("chmod");
    assert!(line.contains("INFO") && line.contains(text(dir.path())), "{line}");
    for (name, mode) in modes(dir.path()) {
        assert_eq!(mode, if name == "." { 0o755 } else { 0o600 }, "{name}: {mode:o}");
    }
    kew.stop();
    for (path, mode) in [(dir.path().join("kew.sqlite3"), 0o644), (dir.path().to_owned(), 0o777)] {
        open(&path, mode);
        let line = Kew::start(&["--data", text(dir.path())]).line_with("chmod");
        assert!(line.contains("WARN") && line.contains("read or replace"), "{line}");
        open(&dir.path().join("kew.sqlite3"), 0o600);
    }
}
