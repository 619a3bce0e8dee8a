//! A decision in words: the text of an AccessDenied as AWS has it, a line for the log, and the whole of it for people.

use super::document::{Kind, Policy};
use super::evaluate::{Deciding, Decision, Miss, Policies, Question, QueuePolicy, Reason};
use super::principal::Requester;
use crate::api::Operation;
use serde_json::{Value, json};
use std::fmt::Write;

/// The text of an AccessDenied: who, what, which queue, and why. SQS writes the action in small letters (recorded).
pub fn refusal(question: &Question<'_>, reason: Reason) -> String {
    let Question { action, resource, context, .. } = question;
    let action = action.to_ascii_lowercase();
    let why = match reason {
        Reason::IdentityDenies => "with an explicit deny in an identity-based policy".to_owned(),
        Reason::QueueDenies => "with an explicit deny in a resource-based policy".to_owned(),
        Reason::NoQueueAllows => format!("because no resource-based policy allows the {action} action"),
        _ => format!("because no identity-based policy allows the {action} action"),
    };
    let who = &context.requester;
    format!("User: {who} is not authorized to perform: {action} on resource: {resource} {why}")
}

impl Decision<'_> {
    /// The decision in a line: `allowed by the policy of the queue, statement 2 (Sid readers)`.
    pub fn line(&self) -> String {
        let by = self.statement.map(|found| format!(" by {found}")).unwrap_or_default();
        match self.reason {
            Reason::Root => "allowed: it is the root of the account that owns the queue".to_owned(),
            Reason::IdentityAllows | Reason::QueueAllows => format!("allowed{by}"),
            Reason::QueueDenies if self.statement.is_none() => {
                "denied: the policy of the queue cannot be read".to_owned()
            }
            Reason::IdentityDenies | Reason::QueueDenies => format!("denied{by}"),
            Reason::NoIdentityAllows => "denied: no policy of the principal allows it".to_owned(),
            Reason::NoQueueAllows => "denied: the policy of the queue does not allow it".to_owned(),
        }
    }
}

impl std::fmt::Display for Deciding<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Kind::Resource => f.write_str("the policy of the queue")?,
            Kind::Identity if self.place.is_empty() => write!(f, "policy {} of the principal", self.policy + 1)?,
            Kind::Identity => write!(f, "the policy at {}", self.place)?,
        }
        write!(f, ", statement {}", self.index + 1)?;
        match self.statement.sid.as_deref() {
            Some(sid) if !sid.is_empty() => write!(f, " (Sid {sid})"),
            _ => Ok(()),
        }
    }
}

/// The action that a person names: `sqs:SendMessage`, or without `sqs:`, in any case; of a batch the single action, for batches
/// have no permissions of their own.
pub fn action_of(name: &str) -> Option<Operation> {
    let plain = match name.split_once(':') {
        Some((service, plain)) if service.eq_ignore_ascii_case("sqs") => plain,
        Some(_) => return None,
        None => name,
    };
    let found = *Operation::ALL.iter().find(|action| action.name().eq_ignore_ascii_case(plain))?;
    Some(found.name().strip_suffix("Batch").and_then(Operation::from_name).unwrap_or(found))
}

/// The decision for programs.
pub fn as_json(question: &Question<'_>, decision: &Decision<'_>) -> Value {
    let allowed = decision.reason.allows();
    json!({
        "allowed": allowed,
        "decision": decision.line(),
        "principal": question.context.requester.to_string(),
        "action": question.action,
        "resource": question.resource,
        "answer": (!allowed && question.context.requester != Requester::Anonymous).then(|| refusal(question, decision.reason)),
        "statement": decision.statement.map(|found| json!({
            "policy": if found.kind == Kind::Resource { "queue" } else { "principal" },
            "place": found.place,
            "number": found.index + 1,
            "sid": found.statement.sid,
        })),
    })
}

/// The decision for people, with what each statement has to say to it.
pub fn explanation(question: &Question<'_>, policies: &Policies<'_>, decision: &Decision<'_>) -> String {
    let mut text = format!("{}\n", decision.line());
    let Question { action, resource, context, .. } = question;
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n  who       {}\n  action    {action}\n  resource  {resource}", context.requester);
    if !decision.reason.allows() && context.requester != Requester::Anonymous {
        let _ = writeln!(text, "  answer    {}", refusal(question, decision.reason));
    }
    let named = |policy: &Policy, at: usize| match &*policy.place {
        "" => format!("policy {} of the principal", at + 1),
        place => format!("the policy at {place}"),
    };
    for (at, policy) in policies.identity.iter().enumerate() {
        statements(&mut text, &named(policy, at), policy, question);
    }
    if policies.identity.is_empty() && context.requester.principal().is_some() && !context.requester.is_root() {
        text += "\nthe principal has no policies\n";
    }
    match policies.queue {
        QueuePolicy::Absent => text += "\nthe queue has no policy\n",
        QueuePolicy::Unreadable => text += "\nthe policy of the queue cannot be read, and so denies\n",
        QueuePolicy::Is(policy) => statements(&mut text, "the policy of the queue", policy, question),
    }
    text
}

fn statements(text: &mut String, name: &str, policy: &Policy, question: &Question<'_>) {
    let _ = writeln!(text, "\n{name}");
    for (index, statement) in policy.statements.iter().enumerate() {
        let sid = statement.sid.as_deref().filter(|sid| !sid.is_empty());
        let sid = sid.map(|sid| format!(" {sid}")).unwrap_or_default();
        let verdict = match statement.applies(question) {
            Ok(_) => "applies".to_owned(),
            Err(Miss::Principal) => "is for others".to_owned(),
            Err(Miss::Action) => "is about other actions".to_owned(),
            Err(Miss::Resource) => "is about other queues".to_owned(),
            Err(Miss::Condition(at)) => match statement.conditions.get(at) {
                Some(condition) => {
                    let values = question.context.values(&condition.key.to_ascii_lowercase());
                    let has =
                        if values.is_empty() { "is absent".to_owned() } else { format!("is {}", values.join(", ")) };
                    format!("its condition {} is not met: {} {has}", condition.operator_name, condition.key)
                }
                None => String::new(),
            },
        };
        let _ = writeln!(text, "  {}{sid} {:?}: {verdict}", index + 1, statement.effect);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Context, evaluate};
    use super::*;

    fn question(who: &'static str) -> Question<'static> {
        let requester = Requester::of(who).unwrap_or_default();
        let context = Context { requester, user_agent: Some("curl"), ..Context::default() };
        let resource = "arn:aws:sqs:us-east-1:222222222222:orders";
        Question { action: "sqs:SendMessage", resource, owner: "222222222222", context }
    }

    const ANN: &str = "arn:aws:iam::111111111111:user/ann";

    #[test]
    fn a_refusal_is_worded_as_sqs_words_it() {
        let begin = "User: arn:aws:iam::111111111111:user/ann is not authorized to perform: sqs:sendmessage on resource: \
                     arn:aws:sqs:us-east-1:222222222222:orders";
        for (reason, end) in [
            (Reason::NoIdentityAllows, "because no identity-based policy allows the sqs:sendmessage action"),
            (Reason::NoQueueAllows, "because no resource-based policy allows the sqs:sendmessage action"),
            (Reason::IdentityDenies, "with an explicit deny in an identity-based policy"),
            (Reason::QueueDenies, "with an explicit deny in a resource-based policy"),
        ] {
            assert_eq!(refusal(&question(ANN), reason), format!("{begin} {end}"));
        }
        assert!(refusal(&question(""), Reason::NoQueueAllows).starts_with("User: anonymous is not authorized"));
    }

    #[test]
    fn an_explanation_says_what_each_statement_has_to_say() {
        let own = r#"{"Version":"2012-10-17","Statement":[
            {"Sid":"Receive","Effect":"Allow","Action":"sqs:ReceiveMessage","Resource":"*"},
            {"Sid":"Send","Effect":"Allow","Action":"sqs:Send*","Resource":"*"}]}"#;
        let queue = r#"{"Statement":[
            {"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:UserAgent":"b*"}}},
            {"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true}}},
            {"Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"*","Resource":"*"},
            {"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"arn:aws:sqs:*:*:other"}]}"#;
        let own = [Policy::parse(own, Kind::Identity).unwrap().at("keys.toml:7")];
        let queue = Policy::parse(queue, Kind::Resource).unwrap();
        let policies = Policies { identity: &own, queue: QueuePolicy::Is(&queue) };
        let question = question(ANN);
        let decision = evaluate(&question, &policies);
        let expected = "denied: the policy of the queue does not allow it\n\n  \
            who       arn:aws:iam::111111111111:user/ann\n  \
            action    sqs:SendMessage\n  \
            resource  arn:aws:sqs:us-east-1:222222222222:orders\n  \
            answer    User: arn:aws:iam::111111111111:user/ann is not authorized to perform: sqs:sendmessage on resource: \
            arn:aws:sqs:us-east-1:222222222222:orders because no resource-based policy allows the sqs:sendmessage action\n\n\
            the policy at keys.toml:7\n  \
            1 Receive Allow: is about other actions\n  \
            2 Send Allow: applies\n\n\
            the policy of the queue\n  \
            1 Deny: its condition StringLike is not met: aws:UserAgent is curl\n  \
            2 Deny: its condition Bool is not met: aws:SecureTransport is absent\n  \
            3 Allow: is for others\n  \
            4 Allow: is about other queues\n";
        assert_eq!(explanation(&question, &policies, &decision), expected);
        let alone = Policies { identity: &own, queue: QueuePolicy::Absent };
        let question = Question { owner: "111111111111", ..question };
        assert_eq!(evaluate(&question, &alone).line(), "allowed by the policy at keys.toml:7, statement 2 (Sid Send)");
    }
}
