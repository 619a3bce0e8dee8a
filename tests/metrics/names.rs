//! The names, types and help texts of all metrics, against a file; and the labels.

use crate::fixture::Kew;
use crate::reading::Metrics;
use kew::internals::metrics::{Family, Kind, family};
use std::collections::BTreeSet;

/// All metrics.
fn families() -> impl Iterator<Item = &'static Family> {
    (0..).map_while(family)
}

#[test]
fn names_types_and_help_are_those_of_the_file() {
    let row = |family: &Family| format!("{} {} {}\n", family.name, family.kind.name(), family.help);
    let rows: String = families().map(row).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/metrics/families.txt");
    if std::env::var_os("ACCEPT").is_some() {
        std::fs::write(path, &rows).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), rows, "if it is meant so: ACCEPT=1 cargo test --test metrics");
}

#[test]
fn the_page_about_metrics_names_every_one() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap();
    for family in families() {
        let statistics = ["_average", "_maximum", "_sum", "_sample_count"];
        let base = statistics.iter().find_map(|statistic| family.name.strip_suffix(statistic)).unwrap_or(family.name);
        assert!(page.contains(&format!("`{base}")), "{}", family.name);
    }
}

#[test]
fn every_name_is_there_once_and_follows_the_rules() {
    let names: BTreeSet<&str> = families().map(|family| family.name).collect();
    assert_eq!(names.len(), families().count());
    for family in families() {
        assert_eq!(family.kind == Kind::Counter, family.name.ends_with("_total"), "{}", family.name);
        assert!(family.help.ends_with('.') && !family.help.contains(['\n', '\\']), "{}", family.name);
        assert!(!family.is_aws() || family.kind == Kind::Gauge, "{}: the exporters' are gauges", family.name);
    }
}

#[test]
fn a_queue_has_the_labels_of_both_exporters() {
    let kew = Kew::start();
    let metrics = Metrics::of(&kew);
    let labels = [
        ("queue_name", "orders"),
        ("dimension_QueueName", "orders"),
        ("name", "arn:aws:sqs:us-east-1:000000000000:orders"),
        ("account_id", "000000000000"),
        ("region", "us-east-1"),
    ];
    for family in families().filter(|family| family.is_aws()) {
        assert!(metrics.all(family.name, &labels).len() == metrics.all(family.name, &[]).len(), "{}", family.name);
        assert!(metrics.all(family.name, &[("namespace", "")]).is_empty());
    }
    assert_eq!(metrics.one("aws_sqs_approximate_number_of_messages_visible_average", &labels), 0.0);
    assert!(!metrics.0.contains("namespace="), "{}", metrics.0);
}
