//! `kew alerts`: rules of alerts for Prometheus, for a kew and, in terms of the exporters of CloudWatch's metrics, for queues of
//! AWS; and `kew dashboard`, which goes with either.

use super::output;
use clap::{Args, ValueEnum};
use std::fmt::Write as _;
use std::process::ExitCode;

/// The dashboard for Grafana.
const DASHBOARD: &str = include_str!("../../dashboards/sqs.json");

/// Where the metrics come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Flavor {
    /// kew's GET /metrics
    #[default]
    Kew,
    /// Queues of AWS, by prometheus/cloudwatch_exporter
    CloudwatchExporter,
    /// Queues of AWS, by yet-another-cloudwatch-exporter
    Yace,
}

/// Flags of `kew alerts`.
#[derive(Args, Debug)]
pub struct AlertsArgs {
    /// Where the metrics come from
    #[arg(long, default_value = "kew")]
    flavor: Flavor,
    /// Seconds that the oldest message may be old before there is a warning
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    age_warning: u64,
    /// Seconds that it may be old before it is critical
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    age_critical: u64,
    /// The part of its retention period after which a message is about to be lost, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 80, value_parser = clap::value_parser!(u64).range(1..=100))]
    retention_percent: u64,
    /// The retention period of the queues in seconds, which the exporters do not tell
    #[arg(long, value_name = "SECONDS", default_value_t = 345_600)]
    retention: u64,
    /// Messages that a growing queue may hold
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    backlog: u64,
    /// Messages that may be in flight: nine tenths of what SQS allows
    #[arg(long, value_name = "COUNT", default_value_t = 108_000)]
    in_flight: u64,
    /// Receives of messages that were received before, in percent of all
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=100))]
    redeliveries_percent: u64,
    /// Empty receives for each message received
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    empty_receives: u64,
    /// Names of dead-letter queues, as a regular expression, which the exporters do not tell
    #[arg(long, value_name = "REGEX", default_value = ".*([Dd][Ll][Qq]|[Dd]ead).*")]
    dead_letter_queues: String,
    /// How far CloudWatch's metrics lag behind, as in 10m
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    offset: String,
    /// The job of Prometheus that reads the metrics of kew
    #[arg(long, value_name = "NAME", default_value = "kew")]
    job: String,
}

/// A rule of an alert.
struct Rule {
    name: &'static str,
    expression: String,
    lasts: &'static str,
    severity: &'static str,
    /// What is wrong, about a queue if it is about one.
    summary: &'static str,
    /// What to look at.
    description: &'static str,
}

/// Prints the rules.
pub fn alerts(args: &AlertsArgs) -> Result<ExitCode, String> {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"'\"\\".contains(&byte));
    for (flag, value) in [("--offset", &args.offset), ("--job", &args.job)] {
        if value.is_empty() || !plain(value) {
            return Err(format!("{flag}: `{value}` is not a word of letters, digits and signs without quotes"));
        }
    }
    let rules = match args.flavor {
        Flavor::Kew => of_kew(args),
        Flavor::CloudwatchExporter | Flavor::Yace => of_exporters(args),
    };
    output::print(&written(args.flavor, &rules));
    Ok(ExitCode::SUCCESS)
}

/// Prints the dashboard.
pub fn dashboard() -> ExitCode {
    output::print(DASHBOARD);
    ExitCode::SUCCESS
}

fn of_kew(args: &AlertsArgs) -> Vec<Rule> {
    let age = "aws_sqs_approximate_age_of_oldest_message_maximum";
    let visible = "aws_sqs_approximate_number_of_messages_visible_average";
    let AlertsArgs { age_warning, age_critical, backlog, in_flight, empty_receives, job, .. } = args;
    let (retention, redeliveries) = (percent(args.retention_percent), percent(args.redeliveries_percent));
    let mut rules = vec![
        oldest(format!("{age} > {age_warning}"), "warning"),
        oldest(format!("{age} > {age_critical}"), "critical"),
        Rule {
            name: "SqsMessageNearRetention",
            expression: format!("kew_oldest_message_age_seconds > {retention} * kew_retention_seconds"),
            lasts: "0m",
            severity: "critical",
            summary: "has a message that is about to be lost",
            description: "Its retention period ends soon: {{ $value }} seconds old.",
        },
        dead_letters("increase(kew_messages_dead_lettered_total[5m]) > 0".to_owned()),
        backlog_grows(format!("deriv({visible}[15m]) > 0 and {visible} > {backlog}")),
        no_consumer(
            "kew_messages{state=\"visible\"} > 0 and ignoring(state) rate(kew_messages_received_total[5m]) == 0"
                .to_owned(),
        ),
        near_limit(format!("kew_messages{{state=\"in_flight\"}} > {in_flight}")),
        Rule {
            name: "SqsVisibilityTooShort",
            expression:
                "histogram_quantile(0.99, rate(kew_processing_seconds_bucket[15m])) > kew_visibility_timeout_seconds"
                    .to_owned(),
            lasts: "10m",
            severity: "warning",
            summary: "has a visibility timeout that is shorter than the work",
            description: "One message of a hundred takes {{ $value }} seconds, and is received again before it is deleted.",
        },
        Rule {
            name: "SqsRedeliveries",
            expression: format!(
                "rate(kew_messages_redelivered_total[5m]) / rate(kew_messages_received_total[5m]) > {redeliveries}"
            ),
            lasts: "10m",
            severity: "warning",
            summary: "delivers many messages more than once",
            description: "The part of receives that were of messages received before is {{ $value }}.",
        },
        empty(format!(
            "rate(kew_empty_receives_total[15m]) > {empty_receives} * rate(kew_messages_received_total[15m]) + 1"
        )),
        Rule {
            name: "KewStoreFailing",
            expression: "kew_store_poisoned == 1".to_owned(),
            lasts: "0m",
            severity: "critical",
            summary: "The store of kew has failed",
            description: "Nothing more is acknowledged; the log says why.",
        },
        Rule {
            name: "KewDown",
            expression: format!("up{{job=\"{job}\"}} == 0"),
            lasts: "1m",
            severity: "critical",
            summary: "kew does not answer",
            description: "Prometheus cannot read its metrics.",
        },
        Rule {
            name: "KewStoreSlow",
            expression: "kew_store_pending_seconds > 10".to_owned(),
            lasts: "0m",
            severity: "critical",
            summary: "The store of kew does not answer",
            description: "Commits have waited for {{ $value }} seconds, and with them all requests that change something.",
        },
    ];
    rules.extend(of_nodes());
    rules
}

/// On several nodes over one database. Of a kew that is not one of several there are no such metrics, and no alert fires.
fn of_nodes() -> Vec<Rule> {
    let forwarded = "kew_cluster_forwarded_total";
    vec![
        Rule {
            name: "KewNodeGone",
            expression: "increase(kew_cluster_fences_total[10m]) > 0".to_owned(),
            lasts: "0m",
            severity: "warning",
            summary: "A node of kew was declared gone",
            description: "It was killed, hung, or did not reach the database. The others have its queues.",
        },
        Rule {
            name: "KewNodeWithoutLease",
            expression: "kew_cluster_lease == 0".to_owned(),
            lasts: "30s",
            severity: "critical",
            summary: "A node of kew does not reach the database",
            description: "It answers nothing until it does, or until the others have its queues and it joins anew.",
        },
        Rule {
            name: "KewPeersUnreachable",
            expression: format!("rate({forwarded}{{outcome=\"unreachable\"}}[1m]) > 0"),
            lasts: "2m",
            severity: "critical",
            summary: "A node of kew does not reach another",
            description: "Both are there for the database. Requests that come to the one for queues of the other fail.",
        },
        Rule {
            name: "KewForwardsFail",
            expression: format!(
                "sum without (outcome) (rate({forwarded}{{outcome!=\"answered\"}}[5m])) / \
                 sum without (outcome) (rate({forwarded}[5m])) > 0.05"
            ),
            lasts: "5m",
            severity: "warning",
            summary: "Requests from one node of kew to others fail",
            description: "The part that was not answered is {{ $value }}.",
        },
        Rule {
            name: "KewQueuesUneven",
            expression: "kew_cluster_queues > on (job) group_left () 1.5 * avg by (job) (kew_cluster_queues) + 10"
                .to_owned(),
            lasts: "15m",
            severity: "warning",
            summary: "A node of kew has far more than its share of the queues",
            description: "It has {{ $value }}. Do the others serve? `kew cluster status` tells.",
        },
        Rule {
            name: "KewCommitsSlow",
            expression:
                "histogram_quantile(0.99, rate(kew_store_commit_seconds_bucket[5m])) > 0.5 and kew_cluster_lease"
                    .to_owned(),
            lasts: "10m",
            severity: "warning",
            summary: "The database of kew is slow",
            description: "One commit of a hundred takes {{ $value }} seconds.",
        },
    ]
}

/// What the exporters do not tell is not here: redeliveries, and how long work takes.
fn of_exporters(args: &AlertsArgs) -> Vec<Rule> {
    let AlertsArgs { age_warning, age_critical, backlog, in_flight, empty_receives, offset, .. } = args;
    let AlertsArgs { retention, retention_percent, dead_letter_queues, .. } = args;
    let label = queue_label(args.flavor);
    let age = format!("aws_sqs_approximate_age_of_oldest_message_maximum offset {offset}");
    let visible = "aws_sqs_approximate_number_of_messages_visible_average";
    let received = format!("aws_sqs_number_of_messages_received_sum offset {offset}");
    let dead = dead_letter_queues.replace('\\', "\\\\").replace('"', "\\\"");
    vec![
        oldest(format!("{age} > {age_warning}"), "warning"),
        oldest(format!("{age} > {age_critical}"), "critical"),
        Rule {
            name: "SqsMessageNearRetention",
            expression: format!("{age} > {} * {retention}", percent(*retention_percent)),
            lasts: "0m",
            severity: "critical",
            summary: "has a message that is about to be lost",
            description: "Its retention period ends soon: {{ $value }} seconds old.",
        },
        dead_letters(format!("{visible}{{{label}=~\"{dead}\"}} offset {offset} > 0")),
        backlog_grows(format!("deriv({visible}[15m] offset {offset}) > 0 and {visible} offset {offset} > {backlog}")),
        no_consumer(format!("{visible} offset {offset} > 0 unless {received} > 0")),
        near_limit(format!("aws_sqs_approximate_number_of_messages_not_visible_average offset {offset} > {in_flight}")),
        // The sums are of a minute, and one receive a second is none too many.
        empty(format!("aws_sqs_number_of_empty_receives_sum offset {offset} > {empty_receives} * {received} + 60")),
    ]
}

fn oldest(expression: String, severity: &'static str) -> Rule {
    Rule {
        name: "SqsOldestMessageTooOld",
        expression,
        lasts: "5m",
        severity,
        summary: "is not worked off in time",
        description: "The oldest message is {{ $value }} seconds old.",
    }
}

fn dead_letters(expression: String) -> Rule {
    Rule {
        name: "SqsDeadLetters",
        expression,
        lasts: "0m",
        severity: "critical",
        summary: "has dead letters",
        description: "Messages were received as often as they may be and not deleted.",
    }
}

fn backlog_grows(expression: String) -> Rule {
    Rule {
        name: "SqsBacklogGrows",
        expression,
        lasts: "10m",
        severity: "warning",
        summary: "has a backlog that grows",
        description: "More messages come in than are worked off.",
    }
}

fn no_consumer(expression: String) -> Rule {
    Rule {
        name: "SqsNoConsumer",
        expression,
        lasts: "5m",
        severity: "critical",
        summary: "has messages that nobody receives",
        description: "{{ $value }} messages are visible, and none is received.",
    }
}

fn near_limit(expression: String) -> Rule {
    Rule {
        name: "SqsInFlightNearLimit",
        expression,
        lasts: "5m",
        severity: "critical",
        summary: "has nearly as many messages in flight as it may",
        description: "{{ $value }} messages are in flight; above 120000 nothing more can be received.",
    }
}

fn empty(expression: String) -> Rule {
    Rule {
        name: "SqsEmptyReceives",
        expression,
        lasts: "30m",
        severity: "info",
        summary: "is asked much more often than it has something to give",
        description: "Long polls (WaitTimeSeconds=20) cost less and answer sooner.",
    }
}

/// Hundredths as a number of PromQL.
fn percent(percent: u64) -> String {
    format!("{}.{:02}", percent / 100, percent % 100).trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The label that names the queue.
fn queue_label(flavor: Flavor) -> &'static str {
    match flavor {
        Flavor::Kew | Flavor::CloudwatchExporter => "queue_name",
        Flavor::Yace => "dimension_QueueName",
    }
}

/// What stands above the rules.
fn heading(flavor: Flavor) -> &'static str {
    match flavor {
        Flavor::Kew => {
            "# Alerts on the queues of a kew, by its GET /metrics. As `kew alerts` prints them; its flags set the thresholds.\n"
        }
        Flavor::CloudwatchExporter => {
            "# Alerts on queues of AWS, by prometheus/cloudwatch_exporter, from `kew alerts --flavor cloudwatch-exporter`.\n\
             # Its configuration has to ask for these metrics of AWS/SQS by the dimension QueueName:\n\
             # ApproximateAgeOfOldestMessage (Maximum), ApproximateNumberOfMessagesVisible and ...NotVisible (Average),\n\
             # NumberOfMessagesReceived and NumberOfEmptyReceives (Sum, over 60 seconds).\n"
        }
        Flavor::Yace => {
            "# Alerts on queues of AWS, by yet-another-cloudwatch-exporter, from `kew alerts --flavor yace`.\n\
             # Its configuration has to ask for these metrics of AWS/SQS:\n\
             # ApproximateAgeOfOldestMessage (Maximum), ApproximateNumberOfMessagesVisible and ...NotVisible (Average),\n\
             # NumberOfMessagesReceived and NumberOfEmptyReceives (Sum, over 60 seconds).\n"
        }
    }
}

/// The rules as Prometheus reads them.
fn written(flavor: Flavor, rules: &[Rule]) -> String {
    let mut text = format!("{}groups:\n  - name: sqs\n    rules:\n", heading(flavor));
    let label = queue_label(flavor);
    for Rule { name, expression, lasts, severity, summary, description } in rules {
        let expression = expression.replace('\'', "''");
        let summary = match name.starts_with("Sqs") {
            true => format!("The queue {{{{ $labels.{label} }}}} {summary}"),
            false => (*summary).to_owned(),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "      - alert: {name}\n        expr: '{expression}'\n        for: {lasts}\n        labels:\n          \
             severity: {severity}\n        annotations:\n          summary: '{summary}'\n          \
             description: '{description}'\n"
        );
    }
    text
}
