//! Which actions each principal has used on which queues, and the smallest policy that allows just that.

use std::collections::{BTreeMap, BTreeSet};

/// Principals that are remembered.
pub const PRINCIPALS_MAX: usize = 1000;
/// Queues that are remembered of one principal.
pub const QUEUES_MAX: usize = 1000;

/// Which actions each principal has used on which queues.
#[derive(Debug, Default)]
pub struct Usage {
    principals: BTreeMap<String, Used>,
    /// Uses that found no room.
    left_out: u64,
}

/// Actions by the ARN of their queue.
type Used = BTreeMap<String, BTreeSet<&'static str>>;

impl Usage {
    /// Remembers a use. Nothing is allocated for one that is known.
    pub fn note(&mut self, principal: &str, action: &'static str, resource: &str) {
        if !self.principals.contains_key(principal) {
            if self.principals.len() >= PRINCIPALS_MAX {
                self.left_out += 1;
                return;
            }
            self.principals.insert(principal.to_owned(), Used::new());
        }
        let Some(used) = self.principals.get_mut(principal) else { return };
        if let Some(actions) = used.get_mut(resource) {
            actions.insert(action);
        } else if used.len() < QUEUES_MAX {
            used.insert(resource.to_owned(), BTreeSet::from([action]));
        } else {
            self.left_out += 1;
        }
    }

    /// The principals that have used anything, in the order of their ARNs.
    pub fn principals(&self) -> impl Iterator<Item = &str> {
        self.principals.keys().map(String::as_str)
    }

    /// Uses that found no room.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The smallest identity policy that allows what a principal has used: one statement for each set of actions, with
    /// the queues that they were used on. None if it has used nothing.
    pub fn suggestion(&self, principal: &str) -> Option<String> {
        let mut queues_of: BTreeMap<&BTreeSet<&str>, Vec<String>> = BTreeMap::new();
        for (resource, actions) in self.principals.get(principal)? {
            // ListQueues is about no queue; the resource that its documentation wants is the one wildcard here.
            let resource = if resource.ends_with(':') { format!("{resource}*") } else { resource.clone() };
            queues_of.entry(actions).or_default().push(resource);
        }
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let list = |texts: &mut dyn Iterator<Item = &str>| texts.map(quoted).collect::<Vec<_>>().join(",\n        ");
        let statements = queues_of.iter().map(|(actions, queues)| {
            format!(
                "    {{\n      \"Effect\": \"Allow\",\n      \"Action\": [\n        {}\n      ],\n      \"Resource\": [\n        {}\n      ]\n    }}",
                list(&mut actions.iter().copied()),
                list(&mut queues.iter().map(String::as_str)),
            )
        });
        let statements = statements.collect::<Vec<_>>().join(",\n");
        Some(format!("{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{statements}\n  ]\n}}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Policy};
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn queues_with_the_same_actions_share_a_statement() {
        let mut usage = Usage::default();
        let arn = |name: &str| format!("arn:aws:sqs:us-east-1:111111111111:{name}");
        for name in ["b", "a"] {
            usage.note("ann", "sqs:SendMessage", &arn(name));
            usage.note("ann", "sqs:ReceiveMessage", &arn(name));
            usage.note("ann", "sqs:SendMessage", &arn(name));
        }
        usage.note("ann", "sqs:SendMessage", &arn("c"));
        usage.note("ann", "sqs:ListQueues", &arn(""));
        usage.note("bob", "sqs:PurgeQueue", &arn("a"));
        let text = usage.suggestion("ann").unwrap();
        let expected = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["sqs:ListQueues"], "Resource": [arn("*")]},
            {"Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:SendMessage"], "Resource": [arn("a"), arn("b")]},
            {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [arn("c")]},
        ]});
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected, "{text}");
        assert!(Policy::parse(&text, Kind::Identity).is_ok() && text.starts_with("{\n  \"Version\""), "{text}");
        assert_eq!(usage.principals().collect::<Vec<_>>(), ["ann", "bob"]);
        assert_eq!(usage.suggestion("cid"), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut usage = Usage::default();
        for n in 0..PRINCIPALS_MAX + 2 {
            usage.note(&format!("p{n}"), "sqs:SendMessage", "q");
        }
        for n in 0..QUEUES_MAX + 3 {
            usage.note("p0", "sqs:SendMessage", &format!("q{n}"));
        }
        assert_eq!((usage.principals().count(), usage.principals["p0"].len()), (PRINCIPALS_MAX, QUEUES_MAX));
        assert_eq!(usage.left_out(), 2 + 4);
    }
}
