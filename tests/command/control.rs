//! The subcommands that ask a running kew: what they send, what they show, and how they end.

use crate::http::json;
use crate::kew::*;
use std::net::TcpListener;

/// A kew with a queue and its dead-letter queue.
fn orders() -> Kew {
    Kew::start(&["--queue", "orders,DeadLetterQueue=orders-dead,MaxReceiveCount=3", "--log", "warn"])
}

/// Asks a kew by the command line.
fn ask(kew: &Kew, args: &[&str]) -> Ended {
    let url = format!("http://{}", kew.addresses()[0]);
    finish(command(args).env("KEW_URL", url))
}

/// Runs a subcommand that must succeed; what it shows.
#[track_caller]
fn shown(kew: &Kew, args: &[&str]) -> String {
    let ended = ask(kew, args);
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{args:?} {}", ended.out);
    ended.out
}

fn send(kew: &Kew, body: &str) {
    let members = serde_json::json!({"QueueUrl": "orders", "MessageBody": body});
    kew.ask(json("SendMessage", members.to_string())).ok();
}

#[test]
fn what_is_shown_is_text_for_people_and_json_for_programs() {
    let kew = orders();
    send(&kew, "1001");
    let text = shown(&kew, &["queues"]);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..3], ["queue", "visible", "in"]);
    assert_eq!(rows[1][..3], ["orders", "1", "0"]);
    assert_eq!(rows[2][..3], ["orders-dead", "0", "0"]);
    let one = shown(&kew, &["queues", "orders", "--json"]);
    let one: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!((&one["name"], &one["visible"]), (&"orders".into(), &1.into()));
}

#[test]
fn a_refusal_is_told_with_its_hint_and_an_exit_code() {
    let kew = orders();
    let ended = ask(&kew, &["queues", "ordrs"]);
    let expected = "kew: there is no queue `ordrs`\n  did you mean `orders`?\n";
    assert_eq!((ended.code, ended.out.as_str(), ended.errors.as_str()), (Some(1), "", expected));
    // With --json the answer is where programs read.
    let ended = ask(&kew, &["queues", "ordrs", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(1), ""));
    assert_eq!(answer["hint"], "did you mean `orders`?");
    for args in [&["qeues"][..], &["await", "--visible", "few"], &["clock", "--freeze", "--auto"], &["advance"]] {
        let ended = ask(&kew, args);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(ended.errors.starts_with("error: "), "{ended:?}");
    }
}

#[test]
fn the_kew_that_is_asked_is_named_by_a_flag_or_variables() {
    let kew = orders();
    let address = kew.addresses()[0].to_string();
    let well = |command: &mut std::process::Command| assert_eq!(finish(command).code, Some(0), "{command:?}");
    well(&mut command(&["queues", "--url", &address]));
    well(&mut command(&["queues", "--url", &format!("http://{address}/")]));
    well(command(&["queues", "--url", &address]).env("KEW_URL", "http://127.0.0.1:1"));
    well(command(&["queues"]).env("KEW_LISTEN", &address).env("KEW_URL", ""));
    well(command(&["queues"]).env("KEW_LISTEN", format!("0.0.0.0:{}", kew.addresses()[0].port())));
    let wrong = finish(&mut command(&["queues", "--url", "https://example.com"]));
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.errors.starts_with("kew: --url https://example.com: "), "{wrong:?}");
}

#[test]
fn where_no_kew_is_the_exit_code_is_another() {
    let ended = finish(command(&["queues"]).env("KEW_URL", "127.0.0.1:1"));
    assert_eq!((ended.code, ended.out.as_str()), (Some(3), ""));
    assert!(ended.errors.starts_with("kew: no kew at http://127.0.0.1:1: "), "{ended:?}");
    assert_eq!(ended.errors.lines().count(), 1);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    });
    let ended = finish(&mut command(&["queues", "--url", &address]));
    let expected = format!("kew: http://{address} is no kew with a control API: it answered 200 OK\n");
    assert_eq!((ended.code, ended.errors), (Some(3), expected));
}

#[test]
fn the_clock_is_stopped_and_turned() {
    let kew = orders();
    let clock = |args: &[&str]| -> serde_json::Value {
        serde_json::from_str(&shown(&kew, &[args, &["--json"]].concat())).unwrap()
    };
    assert_eq!(clock(&["clock"])["mode"], "real");
    let before = clock(&["clock", "--freeze"])["nowMs"].as_u64().unwrap();
    assert_eq!(clock(&["advance", "1h30m"])["nowMs"], before + 5_400_000);
    assert_eq!(clock(&["clock"])["nowMs"], before + 5_400_000);
    assert!(shown(&kew, &["advance", "15m"]).lines().next().unwrap().ends_with(", 15m later"));
    // Refused for now, and wrong.
    assert_eq!(ask(&kew, &["clock", "--real"]).code, Some(1));
    assert_eq!(ask(&kew, &["advance", "soon"]).code, Some(2));
}

#[test]
fn faults_are_added_listed_and_removed() {
    let kew = orders();
    let args =
        ["fault", "add", "error", "code=OverLimit", "--action", "SendMessage", "--queue", "orders", "--id", "full"];
    assert_eq!(shown(&kew, &args), "full\n");
    let members = serde_json::json!({"QueueUrl": "orders", "MessageBody": "x"});
    kew.ask(json("SendMessage", members.to_string())).json_error(403, "OverLimit", "OverLimit");
    let rules: serde_json::Value = serde_json::from_str(&shown(&kew, &["fault", "ls", "--json"])).unwrap();
    assert_eq!((&rules["faults"][0]["id"], &rules["faults"][0]["fired"]), (&"full".into(), &1.into()), "{rules}");
    shown(&kew, &["fault", "rm", "full"]);
    send(&kew, "x");
    // What the server does not know is a wrong argument too.
    let ended = ask(&kew, &["fault", "add", "lostAnswr"]);
    assert_eq!((ended.code, ended.errors.lines().nth(1)), (Some(2), Some("  did you mean `lostAnswer`?")), "{ended:?}");
}

#[test]
fn each_help_says_the_exit_codes() {
    for args in ["env", "queues", "peek", "await", "clock", "advance", "history", "events", "reset", "report"] {
        let help = finish(&mut command(&[args, "--help"])).out;
        assert!(help.contains("\nExit codes: 0 "), "{help}");
        assert!(help.contains("--json") && help.contains("[env: KEW_URL=]"), "{help}");
    }
    for args in [["fault", "add"], ["fault", "ls"], ["ns", "create"], ["message", "mv"]] {
        let help = finish(&mut command(&[args[0], args[1], "--help"])).out;
        assert!(help.contains("--json") && help.contains("[env: KEW_URL=]"), "{help}");
    }
}
