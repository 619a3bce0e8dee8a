//! `kew policy`, as its page shows it.

use crate::kew::*;
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
