//! The subcommands that ask a running kew: what they send, what they show, and how they end.

use crate::http::json;
use crate::kew::*;
use std::io::{BufRead, BufReader};
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
fn a_kew_that_is_not_one_of_several_nodes_has_none_to_show_or_move() {
    let kew = orders();
    let expected = "kew: this kew is not one of several nodes\n  start it with --data postgres://..., --peer and \
        --cluster-secret\n";
    for args in [&["cluster", "status"][..], &["cluster", "move", "orders", "7"], &["cluster", "drain"]] {
        let ended = ask(&kew, args);
        assert_eq!((ended.code, ended.out.as_str(), ended.errors.as_str()), (Some(1), "", expected), "{args:?}");
    }
    let ended = ask(&kew, &["cluster", "status", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((ended.code, &answer["error"]), (Some(1), &"this kew is not one of several nodes".into()));
    for args in [&["cluster"][..], &["cluster", "move", "orders"], &["cluster", "stat"]] {
        assert_eq!(ask(&kew, args).code, Some(2), "{args:?}");
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
    let wrong = finish(&mut command(&["queues", "--url", "ftp://example.com"]));
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.errors.starts_with("kew: --url ftp://example.com: "), "{wrong:?}");
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
fn the_variables_of_a_kew_and_of_a_namespace_are_printed() {
    let kew = Kew::start(&["--region", "eu-west-1"]);
    let url = format!("http://{}", kew.addresses()[0]);
    let exports = |key: &str| {
        format!(
            "export AWS_ENDPOINT_URL={url}\nexport AWS_ACCESS_KEY_ID={key}\nexport AWS_SECRET_ACCESS_KEY=test\n\
             export AWS_REGION=eu-west-1\nexport AWS_DEFAULT_REGION=eu-west-1\n"
        )
    };
    assert_eq!(shown(&kew, &["env"]), exports("test"));
    let dotenv = exports("test").replace("export ", "");
    assert_eq!(shown(&kew, &["env", "--format", "dotenv"]), dotenv);
    let json: serde_json::Value = serde_json::from_str(&shown(&kew, &["env", "--json"])).unwrap();
    assert_eq!((json["AWS_ENDPOINT_URL"].as_str(), json["AWS_REGION"].as_str()), (Some(&*url), Some("eu-west-1")));

    let made = shown(&kew, &["ns", "create", "t1", "--queue", "jobs"]);
    assert_eq!(made, shown(&kew, &["env", "--ns", "t1"]));
    let key = made.lines().find_map(|line| line.strip_prefix("export AWS_ACCESS_KEY_ID=")).unwrap();
    assert_eq!(made, exports(key));
    assert_eq!(shown(&kew, &["queues"]), "no queues\n");
    assert!(shown(&kew, &["queues", "--ns", "t1"]).contains("\njobs "));
    shown(&kew, &["ns", "rm", "t1"]);
    let gone = ask(&kew, &["env", "--ns", "t1"]);
    assert_eq!(gone.code, Some(1));
    assert!(gone.errors.starts_with("kew: there is no namespace `t1`\n"), "{gone:?}");
}

/// The messages of a queue.
fn peeked(kew: &Kew, queue: &str, flags: &[&str]) -> Vec<serde_json::Value> {
    let answer = shown(kew, &[&["peek", queue, "--json"], flags].concat());
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    answer["messages"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

#[test]
fn messages_are_looked_at_moved_released_and_deleted() {
    let kew = orders();
    for body in [r#"{"id": 1001, "paid": false}"#, r#"{"id": 1002, "paid": true}"#] {
        send(&kew, body);
    }
    let found = peeked(&kew, "orders", &["--where", "id=1002", "--where", "paid=true"]);
    assert_eq!(found.len(), 1, "{found:?}");
    let id = found[0]["id"].as_str().unwrap();
    assert!(shown(&kew, &["peek", "orders", "--contains", "1002"]).contains(id));
    assert_eq!(peeked(&kew, "orders", &["--state", "inFlight,delayed"]).len(), 0);

    shown(&kew, &["message", "mv", "orders", id, "--to", "orders-dead"]);
    assert_eq!((peeked(&kew, "orders", &[]).len(), peeked(&kew, "orders-dead", &[]).len()), (1, 1));
    let received = serde_json::json!({"QueueUrl": "orders"});
    kew.ask(json("ReceiveMessage", received.to_string())).ok();
    let in_flight = peeked(&kew, "orders", &["--state", "inFlight"]);
    let id = in_flight[0]["id"].as_str().unwrap();
    shown(&kew, &["message", "release", "orders", id]);
    assert_eq!(peeked(&kew, "orders", &["--state", "visible"]).len(), 1);
    shown(&kew, &["message", "rm", "orders", id]);
    assert_eq!(peeked(&kew, "orders", &[]).len(), 0);
    let gone = ask(&kew, &["message", "rm", "orders", id]);
    assert_eq!(gone.code, Some(1), "{gone:?}");
}

#[test]
fn history_is_shown_of_a_message_and_of_queues() {
    let kew = orders();
    send(&kew, "1001");
    send(&kew, "1002");
    let id = peeked(&kew, "orders", &["--contains", "1001"])[0]["id"].as_str().unwrap().to_owned();
    assert!(shown(&kew, &["history", &id]).contains("sent"));
    let lines = shown(&kew, &["history", "--queue", "orders", "--type", "sent", "--jsonl"]);
    let events: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.iter().filter(|event| event["type"] == "sent").count(), 2, "{lines}");
    let since = events[0]["position"].to_string();
    let later = shown(&kew, &["history", "--type", "sent", "--since", &since, "--jsonl"]);
    assert_eq!(later.lines().collect::<Vec<_>>(), lines.lines().skip(1).collect::<Vec<_>>());
    assert_eq!(ask(&kew, &["history", "00000000-0000-0000-0000-000000000000"]).code, Some(1));
    assert_eq!(ask(&kew, &["history", "--type", "snt"]).code, Some(2));
}

#[test]
fn events_are_followed_line_by_line() {
    let kew = orders();
    send(&kew, "1001");
    for flags in [&["--json"][..], &[]] {
        let mut events = command(&[&["events", "--since", "0", "--type", "sent"], flags].concat());
        let mut child = events.env("KEW_URL", format!("http://{}", kew.addresses()[0])).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        // It goes on: what happens later comes too.
        send(&kew, "1002");
        let mut later = String::new();
        while !later.contains("sent") {
            later.clear();
            assert_ne!(out.read_line(&mut later).unwrap(), 0, "the stream ended");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if flags.is_empty() {
            assert!(line.contains("sent") && line.contains("orders"), "{line}");
        } else {
            let event: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!((&event["type"], &event["queue"]), (&"sent".into(), &"orders".into()));
        }
    }
}

#[test]
fn what_is_awaited_is_there_or_it_is_told_what_was_nearest() {
    let kew = Kew::start(&["--queue", "orders", "--queue", "later,DelaySeconds=900", "--log", "warn"]);
    shown(&kew, &["await", "orders", "--empty"]);
    // Whether it comes before or after the await has begun.
    let url = format!("http://{}", kew.addresses()[0]);
    let mut awaiting = command(&["await", "orders", "--visible", "1..", "--sent", "1", "--timeout", "60s"]);
    let mut child = awaiting.env("KEW_URL", &url).spawn().unwrap();
    send(&kew, "1001");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let ended = ask(&kew, &["await", "orders", "--empty", "--timeout", "0"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.errors.starts_with("kew: ") && ended.errors.contains("orders"), "{ended:?}");
    let ended = ask(&kew, &["await", "--contains", "1001", "--state", "deleted", "--timeout", "0", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&ended.out).unwrap_or_else(|e| panic!("{e}: {ended:?}"));
    assert_eq!((ended.code, &answer["met"]), (Some(1), &false.into()), "{answer}");
    assert_eq!(ask(&kew, &["await", "orders"]).code, Some(2));
    // A delay of a quarter of an hour is jumped over.
    let members = serde_json::json!({"QueueUrl": "later", "MessageBody": "x"});
    kew.ask(json("SendMessage", members.to_string())).ok();
    shown(&kew, &["await", "later", "--visible", "1", "--auto", "--timeout", "60s"]);
    let either = r#"{"any": [{"queue": "later", "visible": 5}, {"queue": "later", "visible": 1}]}"#;
    shown(&kew, &["await", "--request", either]);
}

#[test]
fn a_reset_empties_what_is_said() {
    let kew = orders();
    send(&kew, "1");
    let visible = || {
        let queue: serde_json::Value = serde_json::from_str(&shown(&kew, &["queues", "orders", "--json"])).unwrap();
        queue["visible"].as_u64()
    };
    shown(&kew, &["reset", "--what", "faults,clock"]);
    assert_eq!(visible(), Some(1));
    shown(&kew, &["reset"]);
    assert_eq!(visible(), Some(0));
    assert_eq!(ask(&kew, &["reset", "--what", "mesages"]).code, Some(2));
}

#[test]
fn a_report_that_is_bad_enough_fails() {
    let kew = orders();
    assert_eq!(ask(&kew, &["report", "--fail-on", "warning"]).code, Some(0));
    // The same body twice: K11, a warning.
    send(&kew, "1001");
    send(&kew, "1001");
    assert_eq!(ask(&kew, &["report", "--fail-on", "error"]).code, Some(0));
    let ended = ask(&kew, &["report", "--fail-on", "warning"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("\nwarning K11 orders: "), "{ended:?}");
    assert_eq!(ask(&kew, &["report", "--fail-on", "warning", "--ignore", "K11"]).code, Some(0));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kew.xml");
    assert_eq!(shown(&kew, &["report", "--output", file.to_str().unwrap()]), "");
    assert!(std::fs::read_to_string(file).unwrap().contains("<failure "));
    let wrong = ask(&kew, &["report", "--output", "/no/such/directory/kew.xml"]);
    assert_eq!(wrong.code, Some(2));
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
