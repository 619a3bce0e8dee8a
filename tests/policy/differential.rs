//! Random policies and requests: the evaluator and the naive one come to the same decision, for the same reason and by
//! the same statement.

use crate::naive::{self, Ask};
use kew::internals::auth::policy::{Context, Kind, Policies, Policy, Question, QueuePolicy, Requester, evaluate};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

const WHO: &[&str] = &[
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

const ACTIONS: &[&str] = &[
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

const RESOURCES: &[&str] = &[
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

/// Keys with what requests and policies have under them.
const KEYS: &[(&str, &[&str], &[&str])] = &[
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
fn operators(key: &str) -> Vec<&'static str> {
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

fn element(name: &'static str, pool: &'static [&'static str]) -> impl Strategy<Value = (String, Value)> {
    (prop::bool::weighted(0.2), subsequence(pool, 1..=2)).prop_map(move |(negated, chosen)| {
        let name = format!("{}{name}", if negated { "Not" } else { "" });
        let value = if chosen.len() == 1 { json!(chosen[0]) } else { json!(chosen) };
        (name, value)
    })
}

fn condition() -> impl Strategy<Value = (String, Value)> {
    let prefix = select(vec!["", "", "", "ForAllValues:", "ForAnyValue:"]);
    (
        select(KEYS),
        any::<prop::sample::Index>(),
        prefix,
        prop::bool::weighted(0.2),
        any::<[prop::sample::Index; 2]>(),
        0..10,
    )
        .prop_map(|((key, _, wanted), operator, prefix, if_exists, values, null)| {
            if null == 0 {
                return ("Null".to_owned(), json!({key: (values[0].index(2) == 0).to_string()}));
            }
            let operator = *operator.get(&operators(key));
            let operator = format!("{prefix}{operator}{}", if if_exists { "IfExists" } else { "" });
            let values: Vec<&str> = values.iter().map(|index| *index.get(wanted)).collect();
            (operator, json!({key: values}))
        })
}

fn statement(with_principal: bool) -> impl Strategy<Value = Value> {
    let effect = select(vec!["Allow", "Allow", "Deny"]);
    let principal = (prop::bool::weighted(0.15), option::weighted(0.7, subsequence(&WHO[1..], 1..=3)));
    let listing = (element("Action", ACTIONS), element("Resource", RESOURCES));
    (effect, principal, listing, vec(condition(), 0..3)).prop_map(
        move |(effect, (negated, principals), ((action, actions), (resource, resources)), conditions)| {
            let mut statement =
                Map::from_iter([("Effect".to_owned(), json!(effect)), (action, actions), (resource, resources)]);
            if with_principal {
                let name = if negated { "NotPrincipal" } else { "Principal" };
                let whom = principals.map_or(json!("*"), |principals| json!({ "AWS": principals }));
                statement.insert(name.to_owned(), whom);
            }
            if !conditions.is_empty() {
                // A repeated operator replaces the one before.
                statement.insert("Condition".to_owned(), Map::from_iter(conditions).into());
            }
            statement.into()
        },
    )
}

fn policy(with_principal: bool) -> impl Strategy<Value = Value> {
    let version = select(vec!["2012-10-17", "2012-10-17", "2008-10-17"]);
    (version, vec(statement(with_principal), 1..4))
        .prop_map(|(version, statements)| json!({"Version": version, "Statement": statements}))
}

fn ask() -> impl Strategy<Value = Ask> {
    let actions = select(vec!["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteQueue", "sqs:PurgeQueue"]);
    let queue = (select(vec!["111111111111", "111111111111", "222222222222"]), select(vec!["orders", "ann", "other"]));
    let keys = KEYS.iter().map(|(key, values, _)| {
        let most = if *key == "aws:TagKeys" { 3 } else { 1 };
        let key = key.to_lowercase();
        subsequence(*values, 0..=most).prop_map(move |values| (key.clone(), values))
    });
    (select(WHO), actions, queue, keys.collect::<Vec<_>>()).prop_map(|(who, action, (owner, name), keys)| {
        let texts = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let keys = keys.into_iter().map(|(key, values)| (key, texts(values)));
        Ask {
            who: who.to_owned(),
            action: action.to_owned(),
            resource: format!("arn:aws:sqs:us-east-1:{owner}:{name}"),
            owner: owner.to_owned(),
            keys: keys.filter(|(_, values)| !values.is_empty()).collect(),
        }
    })
}

fn parse(policy: &Value, kind: Kind) -> Policy {
    Policy::parse(&policy.to_string(), kind).unwrap_or_else(|error| panic!("{error}: {policy}"))
}

fn requester(ask: &Ask) -> Requester<'_> {
    if ask.who.is_empty() { Requester::Anonymous } else { Requester::of(&ask.who).unwrap() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn both_evaluators_agree(ask in ask(), identity in vec(policy(false), 0..3), queue in option::of(policy(true))) {
        let identity = if ask.who.is_empty() { Vec::new() } else { identity };
        let expected = naive::decide(&identity, queue.as_ref(), &ask);
        let parsed: Vec<Policy> = identity.iter().map(|policy| parse(policy, Kind::Identity)).collect();
        let parsed_queue = queue.as_ref().map(|policy| parse(policy, Kind::Resource));
        let question = Question {
            action: &ask.action,
            resource: &ask.resource,
            owner: &ask.owner,
            context: Context { requester: requester(&ask), more: ask.keys.clone(), ..Context::default() },
        };
        let queue_policy = parsed_queue.as_ref().map_or(QueuePolicy::Absent, QueuePolicy::Is);
        let decision = evaluate(&question, &Policies { identity: &parsed, queue: queue_policy });
        let found = (format!("{:?}", decision.reason), decision.statement.map(|found| (found.policy, found.index)));
        prop_assert_eq!(found, (expected.0.to_owned(), expected.1));
    }
}

#[test]
fn the_random_requests_meet_every_reason() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::<&str, u32>::new();
    for _ in 0..4000 {
        let mut draw = |with_principal| policy(with_principal).new_tree(&mut runner).unwrap().current();
        let (own, queue) = (draw(false), draw(true));
        let ask = ask().new_tree(&mut runner).unwrap().current();
        let identity = if ask.who.is_empty() { Vec::new() } else { vec![own] };
        *seen.entry(naive::decide(&identity, Some(&queue), &ask).0).or_default() += 1;
    }
    let reasons =
        ["IdentityAllows", "IdentityDenies", "NoIdentityAllows", "NoQueueAllows", "QueueAllows", "QueueDenies", "Root"];
    for reason in reasons {
        assert!(seen.get(reason).is_some_and(|count| *count > 20), "{reason} in {seen:?}");
    }
}
