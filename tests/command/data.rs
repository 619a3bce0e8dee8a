//! A data directory on the command line: what comes back, copies, and the faults a person meets.

use crate::door::json;
use crate::kew::*;
use std::path::Path;
use std::process::{Command, Stdio};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn send(kew: &Kew, body: &str) -> u16 {
    kew.ask(json("SendMessage", format!(r#"{{"QueueUrl":"q","MessageBody":"{body}"}}"#))).status
}

fn messages(kew: &Kew) -> String {
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

/// The file may not grow beyond a limit of the system, as on a full disk.
#[test]
fn when_the_disk_is_full_nothing_more_is_acknowledged_and_kew_ends() {
    let dir = tempfile::tempdir().unwrap();
    let limited = format!(
        "trap '' XFSZ; ulimit -f 2000; exec '{}' --listen 127.0.0.1:0 --queue q --data '{}'",
        env!("CARGO_BIN_EXE_kew"),
        text(dir.path())
    );
    let mut shell = Command::new("sh");
    let kew = Kew::run(shell.args(["-c", &limited]).stdout(Stdio::piped()).stderr(Stdio::piped()));
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
