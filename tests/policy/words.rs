//! What random policies and requests are made of, and the evaluator asked as the naive one is. The fuzz target uses it too.

use crate::naive::{Ask, Verdict};
use kew::internals::auth::policy::{
    Context, Decision, IDENTITY_POLICY_BYTES_MAX, Kind, Policies, Policy, Question, QueuePolicy, Reason, Requester,
    evaluate, explanation,
};
use serde_json::Value;

/// Who asks; nobody known at first.
pub const WHO: &[&str] = &[
    "",
    "arn:aws:iam::111111111111:root",
    "arn:aws:iam::222222222222:root",
    "arn:aws:iam::111111111111:user/ann",
    "arn:aws:iam::111111111111:user/div/bob",
    "arn:aws:iam::222222222222:user/ann",
    "arn:aws:iam::111111111111:role/worker",
    "arn:aws:sts::111111111111:assumed-role/worker/i-1",
    "arn:aws:sts::222222222222:assumed-role/worker/i-1",
];

/// What policies are about.
pub const ACTIONS: &[&str] = &[
    "*",
    "sqs:*",
    "SQS:SendMessage",
    "sqs:send*",
    "sqs:ReceiveMessage",
    "sqs:?eceiveMessage",
    "sqs:DeleteQueue",
    "sqs:*e",
    "sns:*",
    "sqs:ListQueues",
];

pub const RESOURCES: &[&str] = &[
    "*",
    "arn:aws:sqs",
    "arn:aws:sqs:*",
    "arn:aws:sqs:us-east-1:111111111111:orders",
    "arn:aws:sqs:us-east-1:111111111111:*",
    "arn:aws:sqs:*:*:o?ders",
    "arn:aws:sqs:*:orders",
    "arn:aws:sqs:us-*-1:222222222222:${aws:username}",
    "arn:aws:sqs:us-east-1:111111111111:${aws:PrincipalTag/team, 'orders'}",
    "arn:aws:sqs:us-east-1:111111111111:${aws:PrincipalTag/team}",
];

/// What is asked for.
pub const ASKED: &[&str] = &["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteQueue", "sqs:PurgeQueue"];

/// Who owns the queue, and its name.
pub const OWNERS: &[&str] = &["111111111111", "111111111111", "222222222222"];
pub const NAMES: &[&str] = &["orders", "ann", "other"];

/// Keys with what requests and policies have under them.
pub const KEYS: &[(&str, &[&str], &[&str])] = &[
    (
        "aws:SourceIp",
        &["10.1.2.3", "192.168.0.1", "2001:db8::1"],
        &["10.0.0.0/8", "192.168.0.1", "0.0.0.0/0", "2001:db8::/32"],
    ),
    ("aws:CurrentTime", &["2026-01-01T00:00:00Z", "1767225601"], &["2026-01-01T00:00:00Z", "1767225600", "0"]),
    ("aws:SecureTransport", &["true", "false"], &["true", "false"]),
    (
        "aws:SourceArn",
        &["arn:aws:sns:us-east-1:1:t", "t"],
        &["arn:aws:sns:*:1:*", "arn:aws:sns:*", "*", "arn:aws:sns:us-east-1:1:t"],
    ),
    (
        "aws:UserAgent",
        &["Boto3", "boto*", "a", "ann"],
        &["boto*", "Boto3", "b?to3", "BOTO3", "${aws:username}", "${aws:UserAgent}", "${*}"],
    ),
    ("aws:TagKeys", &["a", "b", "ann", "orders"], &["a", "b*", "?", "${aws:username, 'b'}", "${aws:TagKeys}"]),
    ("aws:Depth", &["1", "2.0", "-3", "x"], &["1", "2", "-2.5"]),
];

const TEXT: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
];

/// The operators that take the values of a key.
pub fn operators(key: &str) -> Vec<&'static str> {
    let of_type: &[&str] = match key {
        "aws:SourceIp" => &["IpAddress", "NotIpAddress"],
        "aws:CurrentTime" => &[
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ],
        "aws:SecureTransport" => &["Bool"],
        "aws:SourceArn" => &["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"],
        "aws:Depth" => &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ],
        _ => &[],
    };
    // Every value is a text too.
    of_type.iter().chain(TEXT).copied().collect()
}

/// The evaluator's decision about policies that are right.
pub fn decide(identity: &[Value], queue: Option<&Value>, ask: &Ask) -> Verdict {
    let identity: Vec<Policy> = identity.iter().map(|policy| parse(policy, Kind::Identity)).collect();
    let queue = queue.map(|policy| parse(policy, Kind::Resource));
    let requester = match &*ask.who {
        "" => Requester::Anonymous,
        who => Requester::of(who).unwrap(),
    };
    let question = Question {
        action: &ask.action,
        resource: &ask.resource,
        owner: &ask.owner,
        context: Context { requester, more: ask.keys.clone(), ..Context::default() },
    };
    let queue = queue.as_ref().map_or(QueuePolicy::Absent, QueuePolicy::Is);
    let decision = asked(&question, &Policies { identity: &identity, queue });
    (name_of(decision.reason), decision.statement.map(|found| (found.policy, found.index)))
}

fn parse(policy: &Value, kind: Kind) -> Policy {
    Policy::parse(&policy.to_string(), kind).unwrap_or_else(|error| panic!("{error}: {policy}"))
}

fn name_of(reason: Reason) -> &'static str {
    match reason {
        Reason::Root => "Root",
        Reason::IdentityAllows => "IdentityAllows",
        Reason::QueueAllows => "QueueAllows",
        Reason::IdentityDenies => "IdentityDenies",
        Reason::QueueDenies => "QueueDenies",
        Reason::NoIdentityAllows => "NoIdentityAllows",
        Reason::NoQueueAllows => "NoQueueAllows",
    }
}

/// Reads a text as either kind of policy, and asks what was read.
pub fn read_and_ask(text: &str) {
    let question =
        Question { action: "sqs:SendMessage", resource: "arn:aws:sqs:r:1:q", owner: "1", context: Context::default() };
    if let Ok(policy) = Policy::parse(text, Kind::Resource) {
        asked(&question, &Policies { identity: &[], queue: QueuePolicy::Is(&policy) });
        assert!(text.len() <= 8192);
    }
    match Policy::parse(text, Kind::Identity) {
        Ok(policy) => {
            asked(&question, &Policies { identity: &[policy], queue: QueuePolicy::Absent });
            assert!(text.len() <= IDENTITY_POLICY_BYTES_MAX);
        }
        Err(error) => assert!(!error.what.is_empty()),
    }
}

/// A decision that can be put into words.
fn asked<'a>(question: &Question<'_>, policies: &Policies<'a>) -> Decision<'a> {
    let decision = evaluate(question, policies);
    assert!(explanation(question, policies, &decision).starts_with(&decision.line()));
    decision
}
