//! `kew policy`, as its page shows it.

use crate::kew::*;
use aws_sdk_sqs::config::{Credentials, Region};
use std::path::Path;

const PAGE: &str = include_str!("../../docs/policies.md");

/// The blocks of the page in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    PAGE.split(begin.as_str()).skip(1).map(|rest| rest.split("```\n").next().unwrap()).collect()
}

/// A directory with the page's credentials.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "keys.toml", blocks("toml")[0]);
    directory
}

fn write(directory: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn run(directory: &Path, line: &str) -> Ended {
    let words: Vec<&str> = line.trim().trim_start_matches("$ ").strip_prefix("kew ").unwrap().split(' ').collect();
    finish(command(&words).current_dir(directory))
}

#[test]
fn the_explanations_of_the_page_are_those_of_kew() {
    let directory = directory();
    let explained = blocks("console").into_iter().filter(|line| line.contains("explain"));
    let mut count = 0;
    for (line, expected) in explained.zip(blocks("text")) {
        count += 1;
        let ended = run(directory.path(), line);
        let code = if expected.starts_with("allowed") { 0 } else { 1 };
        assert_eq!((ended.out.as_str(), ended.code, ended.errors.as_str()), (expected, Some(code), ""), "{line}");
    }
    assert_eq!(count, 2);
}

#[test]
fn a_policy_of_a_queue_is_read_from_a_file() {
    let directory = directory();
    let open = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"arn:aws:sqs:*:*:open"}}"#;
    write(directory.path(), "queue.json", open);
    let line = "kew policy explain --policy queue.json --as anonymous --action SendMessageBatch --queue open --json";
    let ended = run(directory.path(), line);
    let decided: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(
        (ended.code, &decided["allowed"], &decided["action"]),
        (Some(0), &true.into(), &"sqs:SendMessage".into())
    );
    assert_eq!(decided["statement"], serde_json::json!({"policy": "queue", "place": "", "number": 1, "sid": null}));
    let other = line.replace("--queue open", "--queue other");
    assert_eq!(run(directory.path(), &other).code, Some(1));
    write(directory.path(), "queue.json", r#"{"Statement":{"Effect":"Maybe"}}"#);
    let ended = run(directory.path(), line);
    assert_eq!(ended.errors, "kew: queue.json: Statement 1, Effect: it is Allow or Deny\n");
}

#[test]
fn a_bad_policy_is_told_with_file_and_line_and_nothing_starts() {
    let directory = directory();
    let bad = blocks("toml")[0].replace("\"Allow\"", "\"allow\"");
    write(directory.path(), "keys.toml", &bad);
    let ended = run(directory.path(), "kew --listen 127.0.0.1:0 --credentials keys.toml");
    assert!(ended.errors.contains("keys.toml:6: Statement 1, Effect: it is Allow or Deny"), "{ended:?}");
    assert_eq!(ended.code, Some(1));
}

/// Sends a message with the key of the page, and then does what its policy does not allow.
fn send_and_purge(kew: &Kew) {
    let url = format!("http://{}", kew.addresses()[0]);
    let queue = format!("{url}/111111111111/orders");
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version_latest()
        .endpoint_url(url)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("AKIAORDERS", "one-word", None, None, "page"));
    let client = aws_sdk_sqs::Client::from_conf(config.build());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        client.send_message().queue_url(&queue).message_body("b").send().await.unwrap();
        client.purge_queue().queue_url(&queue).send().await.unwrap();
    });
}

#[test]
fn the_log_says_which_statement_decided_and_what_would_be_denied_and_suggest_prints_what_was_used() {
    let directory = directory();
    let args = ["--listen", "127.0.0.1:0", "--account", "111111111111", "--queue", "orders", "--policies", "warn"];
    let args = [&args[..], &["--credentials", "keys.toml", "--log", "debug"]].concat();
    let kew = Kew::run(command(&args).current_dir(directory.path()));
    send_and_purge(&kew);
    let line = format!("kew policy suggest --as AKIAORDERS --url http://{}", kew.addresses()[0]);
    let suggested = run(directory.path(), &line);
    let policy: serde_json::Value = serde_json::from_str(&suggested.out).unwrap();
    let resource = "arn:aws:sqs:us-east-1:111111111111:orders";
    let statement =
        serde_json::json!({"Effect": "Allow", "Action": ["sqs:PurgeQueue", "sqs:SendMessage"], "Resource": [resource]});
    assert_eq!((suggested.code, &policy["Statement"]), (Some(0), &serde_json::json!([statement])));

    let log = kew.stop().join("\n");
    for said in [
        "decision=\"allowed by the policy at keys.toml:6, statement 1 (Sid Send)\"",
        "decision=\"denied: no policy of the principal allows it\"",
        "WARN would be denied: User: arn:aws:iam::111111111111:user/orders is not authorized to perform: sqs:purgequeue on \
         resource: arn:aws:sqs:us-east-1:111111111111:orders because no identity-based policy allows the sqs:purgequeue action",
    ] {
        assert!(log.contains(said), "{said} is not in {log}");
    }
}
