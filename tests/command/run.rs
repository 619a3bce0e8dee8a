//! `kew run`: a kew for as long as another command runs.

use crate::http::{Peer, json};
use crate::kew::*;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Runs a shell beside a kew.
fn sh(flags: &[&str], script: &str) -> Command {
    command(&[&["run"], flags, &["--", "sh", "-c", script]].concat())
}

#[test]
fn the_command_is_pointed_at_a_kew_of_its_own() {
    let script = "echo $AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_REGION $AWS_DEFAULT_REGION; \
        echo $KEW_URL; echo ${AWS_ENDPOINT_URL_SQS-unset} ${AWS_PROFILE-unset}; \"$KEW\" queues --json";
    let mut command = sh(&["--queue", "orders", "--region", "eu-west-1"], script);
    command.env("AWS_ENDPOINT_URL_SQS", "https://sqs.example").env("AWS_PROFILE", "prod");
    let ended = finish(command.env("AWS_REGION", "us-west-2").env("KEW", env!("CARGO_BIN_EXE_kew")));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<&str> = ended.out.lines().collect();
    let url = lines[1];
    assert!(url.starts_with("http://127.0.0.1:") && !url.ends_with(":9324"), "{url}");
    assert_eq!(lines[0], format!("{url} test test eu-west-1 eu-west-1"));
    assert_eq!(lines[2], "unset unset");
    let queues: serde_json::Value = serde_json::from_str(lines[3]).unwrap();
    assert_eq!(queues["queues"][0]["name"], "orders");
    assert_eq!(lines.len(), 4, "nothing of kew is on standard output: {lines:?}");
}

#[test]
fn the_exit_code_is_that_of_the_command() {
    for (script, code) in [("true", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
        assert_eq!(finish(&mut sh(&[], script)).code, Some(code), "{script}");
    }
}

#[test]
fn a_command_that_cannot_be_run_is_named() {
    let ended = finish(&mut command(&["run", "--", "no-such-command", "-x"]));
    assert_eq!((ended.code, ended.errors.as_str()), (Some(127), "kew: no-such-command: command not found\n"));
    let ended = finish(&mut command(&["run", "--", "/"]));
    assert_eq!(ended.code, Some(126));
    assert!(ended.errors.starts_with("kew: /: cannot be executed: "), "{ended:?}");
    let ended = finish(&mut command(&["run", "pytest"]));
    assert_eq!(ended.code, Some(2));
    assert!(ended.errors.contains("the command stands behind `--`"), "{ended:?}");
}

#[test]
fn a_kew_that_cannot_start_runs_nothing() {
    let kew = Kew::start(&[]);
    let taken = kew.addresses()[0].to_string();
    let ended = finish(&mut sh(&["--listen", &taken], "echo ran"));
    assert_eq!((ended.code, ended.out.as_str()), (Some(125), ""));
    assert!(ended.errors.starts_with(&format!("kew: cannot listen on {taken}: ")), "{ended:?}");
}

#[test]
fn signals_are_passed_on() {
    for (signal, code) in [("TERM", 41), ("INT", 42), ("HUP", 43), ("USR1", 44)] {
        let script = "trap 'exit 41' TERM; trap 'exit 42' INT; trap 'exit 43' HUP; trap 'exit 44' USR1; \
            echo ready; while read -r line; do :; done";
        let mut command = sh(&[], script);
        // Not in the foreground of the terminal that the tests may run in.
        command.process_group(0);
        let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        // The shell sits in `read`, and standard input stays open until it has ended.
        let input = child.stdin.take();
        assert_eq!(child.wait().unwrap().code(), Some(code), "SIG{signal}");
        drop(input);
    }
}

/// Runs a command that sends the same message twice, by a client that is not in the shell; gives the exit code and what was said.
fn with_a_warning(flags: &[&str]) -> (Option<i32>, String) {
    let mut command =
        sh(&[&["--queue", "orders"], flags].concat(), "echo ${KEW_URL#http://}; read -r line; exit ${line:-0}");
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let mut peer = Peer::at(address.trim().parse().unwrap());
    for _ in 0..2 {
        peer.ask(json("SendMessage", r#"{"QueueUrl":"orders","MessageBody":"1001"}"#)).ok();
    }
    let code = if flags.contains(&"--ignore") { "3\n" } else { "0\n" };
    child.stdin.take().unwrap().write_all(code.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}

#[test]
fn the_report_is_printed_at_the_end_and_may_fail() {
    let (code, said) = with_a_warning(&[]);
    assert_eq!(code, Some(0));
    assert!(said.starts_with("kew: 1 warning") && said.contains("\nwarning K11 orders: "), "{said}");
    assert_eq!(with_a_warning(&["--fail-on", "error"]).0, Some(0));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("report.json");
    assert_eq!(with_a_warning(&["--fail-on", "warning", "--report", file.to_str().unwrap()]).0, Some(1));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(report["worst"], "warning");
    // The exit code of a command that failed stays as it is.
    let (code, said) = with_a_warning(&["--fail-on", "warning", "--ignore", "K11"]);
    assert_eq!(code, Some(3));
    assert!(said.starts_with("kew: clean"), "{said}");
}
