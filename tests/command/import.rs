//! `kew import` and `--import`: other people's configuration, from the file to what SQS answers.

use crate::http::{get, json};
use crate::kew::*;
use serde_json::{Value, json as value};
use std::io::Write;
use std::process::Stdio;

/// A directory in which files of these names and texts stand.
fn files(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// What `kew import` says of files in a directory.
fn imported(dir: &tempfile::TempDir, args: &[&str]) -> Ended {
    finish(command(&[&["import"], args].concat()).current_dir(dir.path()))
}

const ELASTICMQ: &str = r#"
include classpath("application.conf")
queues {
  orders {
    defaultVisibilityTimeout = 45 seconds
    delay = ${?ORDERS_DELAY}
    deadLettersQueue { name = "orders-dead", maxReceiveCount = 3 }
    copyTo = audit
    tags { team = shop }
  }
  orders-dead { }
  jobs { fifo = true, contentBasedDeduplication = true }
}
aws { region = eu-west-1, accountId = 123456789012 }
"#;

/// What a kew with the queues of that file answers.
fn has_the_queues(kew: &Kew) {
    let listed = kew.ask(json("ListQueues", "{}")).ok().json();
    let names = ["jobs.fifo", "orders", "orders-dead"];
    let urls: Vec<String> = names.iter().map(|n| format!("http://door.internal:1234/123456789012/{n}")).collect();
    assert_eq!(listed["QueueUrls"], value!(urls));
    let attributes = |queue: &str| {
        let members = value!({"QueueUrl": queue, "AttributeNames": ["All"]}).to_string();
        kew.ask(json("GetQueueAttributes", members)).ok().json()["Attributes"].clone()
    };
    let orders = attributes("orders");
    assert_eq!((&orders["VisibilityTimeout"], &orders["DelaySeconds"]), (&value!("45"), &value!("7")));
    assert_eq!(orders["QueueArn"], "arn:aws:sqs:eu-west-1:123456789012:orders");
    let policy: Value = serde_json::from_str(orders["RedrivePolicy"].as_str().unwrap()).unwrap();
    let dead = "arn:aws:sqs:eu-west-1:123456789012:orders-dead";
    assert_eq!(policy, value!({"deadLetterTargetArn": dead, "maxReceiveCount": 3}));
    assert_eq!(attributes("jobs.fifo")["ContentBasedDeduplication"], "true");
    let tags = kew.ask(json("ListQueueTags", r#"{"QueueUrl": "orders"}"#)).ok().json();
    assert_eq!(tags["Tags"], value!({"team": "shop"}));
}

#[test]
fn what_is_printed_is_a_file_that_config_reads() {
    let dir = files(&[("elasticmq.conf", ELASTICMQ)]);
    let delay = [("ORDERS_DELAY", "7 seconds")];
    let printed = finish(command(&["import", "elasticmq.conf"]).envs(delay).current_dir(dir.path()));
    let remark = "kew: elasticmq.conf:8: copyTo: kew copies no messages; `kew history` and `kew events` show what was sent, \
                  without a second queue\n";
    assert_eq!((printed.code, printed.errors.as_str()), (Some(0), remark));
    let written = File::new("imported", &printed.out);
    has_the_queues(&Kew::start(&["--config", written.path()]));

    let path = dir.path().join("elasticmq.conf");
    let kew = Kew::start_with(&["--import", path.to_str().unwrap()], &delay);
    has_the_queues(&kew);
    assert!(kew.stop().iter().any(|line| line.contains("WARN") && line.contains("elasticmq.conf:8: copyTo: ")));
}

#[test]
fn an_imported_file_is_below_all_others() {
    let dir = files(&[
        (
            "elasticmq.conf",
            "aws { region = eu-west-1, accountId = 111111111111 }\nqueues { a.delay = 1 s\n b { } \
             }\nrest-sqs.bind-port = 1",
        ),
        ("kew.toml", "account = \"222222222222\"\n[[queue]]\nname = \"a\"\nDelaySeconds = 2\n"),
    ]);
    let (import, config) = (dir.path().join("elasticmq.conf"), dir.path().join("kew.toml"));
    let variables = [("KEW_IMPORT", import.to_str().unwrap()), ("KEW_CONFIG", config.to_str().unwrap())];
    // A flag for the port goes before the port of the file.
    let kew = Kew::run(command(&["--port", "0"]).envs(variables));
    let asked =
        kew.ask(json("GetQueueAttributes", r#"{"QueueUrl": "a", "AttributeNames": ["QueueArn", "DelaySeconds"]}"#));
    let expected = value!({"QueueArn": "arn:aws:sqs:eu-west-1:222222222222:a", "DelaySeconds": "2"});
    assert_eq!(asked.ok().json()["Attributes"], expected);
    kew.ask(json("GetQueueUrl", r#"{"QueueName": "b"}"#)).ok();
}

#[test]
fn what_cannot_be_read_or_taken_over_is_refused() {
    let dir = files(&[
        ("wrong.conf", "queues {\n  a { delay = soon }\n}\n"),
        ("long.conf", "queues {\n  a {\n    delay = 16 minutes\n} }\n"),
        ("open.conf", "queues {\n  a { delay = 1 s }\n"),
        ("name.yaml", "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties: {QueueName: a b}\n"),
        ("what.json", "{\"a\": 1}"),
        ("e.conf", "queues { a { } }"),
    ]);
    std::fs::write(dir.path().join("bytes.conf"), b"\xff\xfe").unwrap();
    for (args, expected) in [
        (&["wrong.conf"][..], "wrong.conf:2: delay must be a duration, as in 10 seconds, 10s or 500 ms, not `soon`"),
        (&["long.conf"], "long.conf:3: queue a: DelaySeconds must be a whole number from 0 to 900, not `960`"),
        (&["open.conf"], "open.conf:1: the bracket that is opened here is not closed by `}`"),
        (
            &["name.yaml"],
            "name.yaml:2: queue a b: a queue's name is 1 to 80 letters, digits, hyphens and underscores, with .fifo at the \
             end for a FIFO queue; `a b` is not",
        ),
        (
            &["what.json"],
            "what.json:1: which format this is cannot be told; say it with --format: elasticmq, aws, cloudformation, \
             terraform",
        ),
        (&["bytes.conf"], "bytes.conf: is no text in UTF-8"),
        (&["nowhere.conf"], "nowhere.conf: cannot be read: No such file or directory (os error 2)"),
        (&["--from-aws", "e.conf"], "e.conf: this is of ElasticMQ, not of AWS: kew import e.conf"),
        (&["what.json", "--format", "terraform"], ""),
    ] {
        let ended = imported(&dir, args);
        match expected {
            "" => assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{args:?}"),
            _ => assert_eq!((ended.code, ended.errors), (Some(1), format!("kew: {expected}\n")), "{args:?}"),
        }
    }
    let path = dir.path().join("wrong.conf");
    let ended = refused(&["--import", path.to_str().unwrap()]);
    assert!(ended.errors.contains("wrong.conf:2: delay must be a duration"), "{ended:?}");
    let nothing = imported(&dir, &[]);
    assert!(nothing.code == Some(2) && nothing.errors.contains("<FILE>"), "{nothing:?}");
    let format = imported(&dir, &["e.conf", "--format", "yaml"]);
    assert!(format.errors.contains("`yaml` is none of elasticmq, aws, cloudformation, terraform"), "{format:?}");
}

#[test]
fn a_file_may_come_by_standard_input() {
    let mut child = command(&["import", "--from-aws", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"{\"QueueUrls\": [\"http://localhost:4566/000000000000/q\"]}").unwrap();
    let ended = child.wait_with_output().unwrap();
    let expected = "# From - (aws), by kew import.\naccount = \"000000000000\"\n\n[[queue]]\nname = \"q\"\n";
    assert_eq!(String::from_utf8(ended.stdout).unwrap(), expected);
}

/// The blocks of a document: language and text.
fn blocks(document: &str) -> Vec<(&str, &str)> {
    let blocks = document.split("\n```").skip(1).step_by(2);
    blocks.map(|block| block.split_once('\n').unwrap()).collect()
}

#[test]
fn the_examples_of_the_document_come_out_as_it_shows() {
    let blocks = blocks(include_str!("../../docs/import.md"));
    let mut seen = 0;
    for (at, (language, text)) in blocks.iter().enumerate() {
        let Some(text) = text.strip_prefix("cat > ").filter(|_| *language == "sh") else { continue };
        let (name, text) = text.split_once(" <<'END'\n").unwrap();
        let (text, command) = text.split_once("END\n").unwrap();
        let dir = files(&[(name, text)]);
        let args: Vec<&str> = command.trim().strip_prefix("kew import ").unwrap().split(' ').collect();
        let ended = imported(&dir, &args);
        let shown = |language: &str| {
            let next = blocks[at + 1..].iter().take_while(|(other, _)| *other != "sh");
            next.clone().find(|(other, _)| *other == language).map_or(String::new(), |(_, text)| format!("{text}\n"))
        };
        assert_eq!((ended.code, ended.out, ended.errors), (Some(0), shown("toml"), shown("text")), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn the_example_of_the_repository_is_what_the_document_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/import/elasticmq.conf");
    let kew = Kew::start(&["--import", path]);
    let asked = kew.ask(json("GetQueueAttributes", r#"{"QueueUrl": "orders", "AttributeNames": ["All"]}"#)).ok().json();
    assert_eq!(asked["Attributes"]["VisibilityTimeout"], "120");
    assert_eq!(asked["Attributes"]["QueueArn"], "arn:aws:sqs:eu-west-1:123456789012:orders");
    kew.ask(get("/_localstack/health")).ok();
}
