//! `kew alerts` and `kew dashboard`: what is in the repository is what they print, and flags set the thresholds.

use crate::kew::command;

fn printed(args: &[&str]) -> String {
    let output = command(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_files_of_the_repository_are_what_is_printed() {
    assert_eq!(printed(&["alerts"]), include_str!("../../alerts/kew.yml"), "kew alerts > alerts/kew.yml");
    assert_eq!(printed(&["alerts", "--flavor", "kew"]), include_str!("../../alerts/kew.yml"));
    assert_eq!(printed(&["dashboard"]), include_str!("../../dashboards/sqs.json"));
}

#[test]
fn flags_set_the_thresholds() {
    let rules = printed(&["alerts", "--age-warning", "7", "--backlog", "8", "--in-flight", "9", "--job", "queues"]);
    for expected in ["_maximum > 7'", "_average > 8'", "\"in_flight\"} > 9'", "up{job=\"queues\"} == 0"] {
        assert!(rules.contains(expected), "{expected} in {rules}");
    }
    let rules = printed(&["alerts", "--retention-percent", "5", "--redeliveries-percent", "100"]);
    assert!(rules.contains("> 0.05 * kew_retention_seconds") && rules.contains("[5m]) > 1'"), "{rules}");
}

#[test]
fn rules_for_aws_use_only_what_an_exporter_tells_and_look_back() {
    for (flavor, label) in [("cloudwatch-exporter", "queue_name"), ("yace", "dimension_QueueName")] {
        let rules =
            printed(&["alerts", "--flavor", flavor, "--offset", "7m", "--dead-letter-queues", "it's-\\d+\"dead"]);
        for expression in rules.lines().filter(|line| line.contains("expr:")) {
            assert!(!expression.contains("kew_") && expression.contains(" offset 7m"), "{expression}");
        }
        assert!(rules.contains(&format!("{{{label}=~\"it''s-\\\\d+\\\"dead\"}}")), "{rules}");
        assert!(rules.contains(&format!("{{{{ $labels.{label} }}}}")), "{rules}");
    }
}

#[test]
fn what_would_break_a_rule_is_refused() {
    for args in [["--offset", "1m'"], ["--job", "a b"], ["--job", ""]] {
        let output = command(&["alerts", args[0], args[1]]).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(args[0]) && output.stdout.is_empty(), "{errors}");
    }
}
