//! Whatever a policy looks like: it is read or refused, and what is read can be evaluated.

use crate::words::read_and_ask;
use kew::internals::auth::policy::{Context, Kind, Policies, Policy, Question, QueuePolicy, evaluate};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Pieces that policies are made of, and others.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\u0000",
    "null",
    "true",
    "1e999",
    "-0",
    "\"Version\":\"2012-10-17\",",
    "\"Statement\":",
    "\"Effect\":\"Allow\",",
    "\"Principal\":\"*\",",
    "\"Principal\":{\"AWS\":",
    "\"Action\":\"sqs:*\",",
    "\"NotAction\":",
    "\"Resource\":\"*\"",
    "\"Resource\":\"arn:${aws:username}:*\"",
    "\"Condition\":{\"StringLike\":{\"aws:UserAgent\":",
    "\"${\"",
    "\"${aws:x, 'y'}\"",
    "\"ForAnyValue:NumericLessThanIfExists\":{\"a:b\":[1]}",
    "é",
    " ",
];

const WHOLE: &str = r#"{"Version":"2012-10-17","Id":"i","Statement":[{"Sid":"s","Effect":"Deny","NotPrincipal":{"AWS":
    ["111111111111","arn:aws:iam::111111111111:user/u"],"Service":"s"},"NotAction":["sqs:Send*"],
    "NotResource":"arn:aws:sqs:*",
    "Condition":{"StringNotLikeIfExists":{"aws:UserAgent":["${aws:username, 'x'}*"]},"DateLessThan":{"aws:CurrentTime":
    "2026-01-31T12:00:00.5+01:00"},"NotIpAddress":{"aws:SourceIp":"2001:db8::/32"},
    "ForAllValues:NumericEquals":{"a:b":[1,"-2.5"]},
    "BinaryEquals":{"a:c":"QUI="},"Null":{"a:d":true}}}]}"#;

proptest! {
    #[test]
    fn any_characters_are_read_or_refused(text in any::<String>()) {
        read_and_ask(&text);
    }

    #[test]
    fn any_pieces_of_policies_are_read_or_refused(pieces in vec(select(PIECES), 0..60)) {
        read_and_ask(&pieces.concat());
    }

    #[test]
    fn a_policy_with_one_byte_turned_is_read_or_refused(at in any::<prop::sample::Index>(), byte in 0_u8..128) {
        let mut bytes = WHOLE.as_bytes().to_vec();
        bytes[at.index(WHOLE.len())] = byte;
        read_and_ask(&String::from_utf8(bytes).unwrap());
    }
}

#[test]
fn the_whole_policy_is_one() {
    Policy::parse(WHOLE, Kind::Resource).unwrap();
}

#[test]
fn the_worst_pattern_of_the_longest_policy_takes_bounded_steps() {
    let long = "*a".repeat(3900);
    let condition = format!(r#"{{"StringLike":{{"aws:UserAgent":"{long}b"}}}}"#);
    let text = format!(
        r#"{{"Statement":{{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{condition}}}}}"#
    );
    let policy = Policy::parse(&text, Kind::Resource).unwrap();
    let agent = "a".repeat(1 << 20);
    let context = Context { user_agent: Some(&agent), ..Context::default() };
    let question = Question { action: "sqs:SendMessage", resource: "arn:aws:sqs:r:1:q", owner: "1", context };
    let decision = evaluate(&question, &Policies { identity: &[], queue: QueuePolicy::Is(&policy) });
    assert!(!decision.reason.allows());
}
