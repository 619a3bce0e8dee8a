//! Random policies and requests: the evaluator and the naive one come to the same decision, for the same reason and by
//! the same statement.

use crate::naive::{self, Ask};
use crate::words::{ACTIONS, ASKED, KEYS, NAMES, OWNERS, RESOURCES, WHO, decide, operators};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

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
    let queue = (select(OWNERS), select(NAMES));
    let keys = KEYS.iter().map(|(key, values, _)| {
        let most = if *key == "aws:TagKeys" { 3 } else { 1 };
        let key = key.to_lowercase();
        subsequence(*values, 0..=most).prop_map(move |values| (key.clone(), values))
    });
    (select(WHO), select(ASKED), queue, keys.collect::<Vec<_>>()).prop_map(|(who, action, (owner, name), keys)| {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn both_evaluators_agree(ask in ask(), identity in vec(policy(false), 0..3), queue in option::of(policy(true))) {
        let identity = if ask.who.is_empty() { Vec::new() } else { identity };
        let expected = naive::decide(&identity, queue.as_ref(), &ask);
        prop_assert_eq!(decide(&identity, queue.as_ref(), &ask), expected);
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
