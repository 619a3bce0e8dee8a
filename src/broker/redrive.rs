//! Redrive policies, redrive allow policies, and the move of dead letters to their queue.

use super::namespace::{Arn, ArnError};
use super::queue::{Queue, State};
use super::settings::QueueSettings;
use super::{Broker, Caller, NamespaceMode};
use crate::api::attributes::name;
use crate::api::limits;
use crate::engine::{Message, Time};
use crate::error::Error;
use serde_json::{Map, Value};
use std::fmt;
use std::sync::{Arc, Weak};

/// The `RedrivePolicy` of a source queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedrivePolicy {
    /// The dead-letter queue, as it was given.
    pub target_arn: String,
    /// 1 to 1000 receives.
    pub max_receive_count: u32,
}

const COUNT: &str = "maxReceiveCount";
const TARGET: &str = "deadLetterTargetArn";

/// A policy that is not longer than an access policy may be: nested lists take many times the memory of their text.
fn parse_map(text: &str) -> Option<Map<String, Value>> {
    if text.len() > limits::POLICY_BYTES_MAX { None } else { serde_json::from_str(text).ok() }
}

impl RedrivePolicy {
    /// Reads and checks the JSON text of the attribute.
    ///
    /// # Errors
    /// `InvalidParameterValue` with the text for what is wrong.
    pub fn parse(text: &str) -> Result<RedrivePolicy, Error> {
        let refuse = |reason: &str| Err(Error::invalid_value(text, "RedrivePolicy", reason));
        let Some(policy) = parse_map(text) else {
            return Err(Error::invalid(
                "Invalid value for the parameter RedrivePolicy. Reason: Redrive policy is not a valid JSON map.",
            ));
        };
        if policy.keys().any(|key| key != COUNT && key != TARGET) {
            return refuse("Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn].");
        }
        let Some(count) = policy.get(COUNT) else {
            return refuse("Redrive policy does not contain mandatory attribute: maxReceiveCount.");
        };
        let Some(target) = policy.get(TARGET).and_then(Value::as_str) else {
            return refuse("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
        };
        // A number or a numeric text (recorded).
        let shown = count.as_str().map_or_else(|| count.to_string(), str::to_owned);
        let number = shown.parse::<i64>().ok().filter(|n| limits::MAX_RECEIVE_COUNT.contains(n));
        let Some(max_receive_count) = number.and_then(|n| u32::try_from(n).ok()) else {
            return refuse(&format!(
                "Invalid value for maxReceiveCount: {shown}, valid values are from 1 to 1000 both inclusive."
            ));
        };
        match Arn::parse(target) {
            Err(ArnError::Malformed) => refuse("Dead-letter target ARN should be fully qualified ARN."),
            Err(ArnError::NotSqs) => refuse("Only SQS queues are valid resources for deadLetterTargetArn."),
            Ok(_) => Ok(RedrivePolicy { target_arn: target.to_owned(), max_receive_count }),
        }
    }

    /// The queue it points at, if that is there.
    pub(super) fn target(&self, broker: &Broker, source: &Queue) -> Option<Arc<Queue>> {
        let arn = Arn::parse(&self.target_arn).ok()?;
        // Target and source live in one region.
        let arn = Arn { region: &source.region, ..arn };
        broker.namespace.resolve_arn(&arn, &source.account)
    }
}

/// The dead-letter queue of a source as it was looked up last. Every receive asks for it, so it is looked up again only
/// after queues have come or gone.
#[derive(Default)]
pub(super) struct TargetCache {
    /// [`Namespace::generation`](super::namespace::Namespace::generation) before the look-up; 0 before the first one.
    generation: u64,
    target: Option<Weak<Queue>>,
}

/// The canonical form, in which AWS gives the attribute back (recorded): this order, no spaces, the count as a number.
impl fmt::Display for RedrivePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{\"deadLetterTargetArn\":{},\"maxReceiveCount\":{}}}",
            Value::from(self.target_arn.as_str()),
            self.max_receive_count
        )
    }
}

/// The `RedriveAllowPolicy` of a dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedriveAllowPolicy {
    /// Every queue may use it; so may it be without a policy.
    AllowAll,
    /// None may.
    DenyAll,
    /// These may.
    ByQueue(Vec<String>),
}

impl RedriveAllowPolicy {
    /// Reads and checks the JSON text of the attribute.
    ///
    /// # Errors
    /// `InvalidParameterValue` with the text for what is wrong.
    pub fn parse(text: &str) -> Result<RedriveAllowPolicy, Error> {
        let refuse = |reason: &str| {
            let reason = format!("Amazon SQS can't create the redrive allow policy. {reason}");
            Err(Error::invalid_value(text, "RedriveAllowPolicy", reason))
        };
        let unsupported = || {
            Error::invalid(
                "Invalid value for the parameter RedriveAllowPolicy. Reason: Amazon SQS can't create the redrive allow \
                 policy, as it\u{2019}s in an unsupported format.",
            )
        };
        let policy = parse_map(text).ok_or_else(unsupported)?;
        if policy.keys().any(|key| key != "redrivePermission" && key != "sourceQueueArns") {
            return Err(unsupported());
        }
        let arns = match policy.get("sourceQueueArns") {
            None | Some(Value::Null) => None,
            Some(Value::Array(list)) => {
                let arns: Option<Vec<String>> = list.iter().map(|v| v.as_str().map(str::to_owned)).collect();
                Some(arns.ok_or_else(unsupported)?)
            }
            Some(_) => return Err(unsupported()),
        };
        match (policy.get("redrivePermission").and_then(Value::as_str), arns) {
            (Some("allowAll" | "denyAll"), Some(_)) => {
                refuse("To specify one or more source queue ARNs, you must set redrivePermission to byQueue.")
            }
            (Some("allowAll"), None) => Ok(RedriveAllowPolicy::AllowAll),
            (Some("denyAll"), None) => Ok(RedriveAllowPolicy::DenyAll),
            (Some("byQueue"), Some(arns)) if arns.len() > limits::REDRIVE_SOURCE_ARNS_MAX => {
                refuse("The maximum number of source queue ARNs you can specify is 10.")
            }
            (Some("byQueue"), Some(arns)) if !arns.is_empty() => Ok(RedriveAllowPolicy::ByQueue(arns)),
            (Some("byQueue"), _) => refuse(
                "When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values.",
            ),
            _ => Err(unsupported()),
        }
    }
}

impl fmt::Display for RedriveAllowPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RedriveAllowPolicy::AllowAll => f.write_str("{\"redrivePermission\":\"allowAll\"}"),
            RedriveAllowPolicy::DenyAll => f.write_str("{\"redrivePermission\":\"denyAll\"}"),
            RedriveAllowPolicy::ByQueue(arns) => {
                write!(f, "{{\"redrivePermission\":\"byQueue\",\"sourceQueueArns\":{}}}", Value::from(arns.as_slice()))
            }
        }
    }
}

impl Broker {
    /// The maximum receive count of a queue that the caller holds, and its dead-letter queue, if both are there.
    pub(super) fn dead_letter_target(
        &self,
        source: &Queue,
        state: &mut State,
        settings: &QueueSettings,
    ) -> Option<(u32, Arc<Queue>)> {
        let policy = settings.redrive.as_ref()?;
        let cache = &mut state.dead_letter_target;
        let generation = self.namespace.generation();
        if cache.generation != generation {
            let target = policy.target(self, source).as_ref().map(Arc::downgrade);
            *cache = TargetCache { generation, target };
        }
        Some((policy.max_receive_count, cache.target.as_ref()?.upgrade()?))
    }

    /// Checks what a redrive policy says about another queue, when it is set; moves do not ask again.
    ///
    /// # Errors
    /// `InvalidParameterValue` with the text for what is wrong.
    pub(super) fn check_redrive_target(
        &self,
        policy: &RedrivePolicy,
        (account, region, name): (&str, &str, &str),
        fifo: bool,
    ) -> Result<(), Error> {
        let refuse = |reason: &str| Err(Error::invalid_value(policy, "RedrivePolicy", reason));
        let missing = "Dead letter target does not exist.";
        let Ok(arn) = Arn::parse(&policy.target_arn) else { return refuse(missing) };
        // Same account and region; a queue may be its own target (recorded), also before it exists.
        let same = arn.name == name && self.namespace.meant_account(&arn, account) == account;
        let Some(target) = self.namespace.resolve_arn(&arn, account) else {
            return if same { Ok(()) } else { refuse(missing) };
        };
        let elsewhere =
            *target.account != *account || self.namespace.mode() == NamespaceMode::Aws && *target.region != *region;
        if elsewhere {
            return refuse(missing);
        }
        let settings = target.settings();
        if settings.fifo != fifo {
            return refuse("Dead-letter queue must be same type of queue as the source..");
        }
        match &settings.redrive_allow {
            // Uncertain: the code is recorded, the text is not.
            Some(allow) if !self.admits(allow, account, name) => {
                refuse("Redrive permission to the dead-letter queue denied.")
            }
            _ => Ok(()),
        }
    }

    /// Whether the queue with this account and name may use a dead-letter queue of the same account and region.
    fn admits(&self, policy: &RedriveAllowPolicy, account: &str, name: &str) -> bool {
        match policy {
            RedriveAllowPolicy::AllowAll => true,
            RedriveAllowPolicy::DenyAll => false,
            RedriveAllowPolicy::ByQueue(arns) => arns
                .iter()
                .filter_map(|text| Arn::parse(text).ok())
                .any(|arn| arn.name == name && self.namespace.meant_account(&arn, account) == account),
        }
    }

    /// An ARN of a queue as a caller sees it: when regions are merged each sees its own.
    pub(super) fn shown_arn(&self, caller: &Caller<'_>, text: &str) -> String {
        match (self.namespace.mode(), Arn::parse(text)) {
            (NamespaceMode::Merged, Ok(arn)) => Arn { region: caller.region, ..arn }.to_string(),
            _ => text.to_owned(),
        }
    }

    /// `RedrivePolicy` as a caller sees it.
    pub(super) fn shown_redrive(&self, caller: &Caller<'_>, policy: &RedrivePolicy) -> String {
        let target_arn = self.shown_arn(caller, &policy.target_arn);
        RedrivePolicy { target_arn, max_receive_count: policy.max_receive_count }.to_string()
    }

    /// `RedriveAllowPolicy` as a caller sees it.
    pub(super) fn shown_redrive_allow(&self, caller: &Caller<'_>, policy: &RedriveAllowPolicy) -> String {
        match policy {
            RedriveAllowPolicy::ByQueue(arns) => {
                RedriveAllowPolicy::ByQueue(arns.iter().map(|arn| self.shown_arn(caller, arn)).collect()).to_string()
            }
            other => other.to_string(),
        }
    }

    /// Whether two values of one of the two policies mean the same for the owner of the queue; `None` for other attributes.
    pub(super) fn same_policy(&self, account: &str, attribute: &str, a: &str, b: &str) -> Option<bool> {
        let same_arn = |a: &str, b: &str| self.same_arn(account, a, b);
        match attribute {
            name::REDRIVE_POLICY => {
                let (a, b) = (RedrivePolicy::parse(a).ok()?, RedrivePolicy::parse(b).ok()?);
                Some(a.max_receive_count == b.max_receive_count && same_arn(&a.target_arn, &b.target_arn))
            }
            name::REDRIVE_ALLOW_POLICY => {
                Some(match (RedriveAllowPolicy::parse(a).ok()?, RedriveAllowPolicy::parse(b).ok()?) {
                    (RedriveAllowPolicy::ByQueue(a), RedriveAllowPolicy::ByQueue(b)) => {
                        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| same_arn(a, b))
                    }
                    (a, b) => a == b,
                })
            }
            _ => None,
        }
    }

    fn same_arn(&self, account: &str, a: &str, b: &str) -> bool {
        match (self.namespace.mode(), Arn::parse(a), Arn::parse(b)) {
            (NamespaceMode::Merged, Ok(a), Ok(b)) => {
                let account_of = |arn| self.namespace.meant_account(arn, account);
                a.name == b.name && account_of(&a) == account_of(&b)
            }
            _ => a == b,
        }
    }
}

/// A message as it enters its dead-letter queue: the same, with where it came from. On a FIFO queue its id becomes its
/// deduplication id and its retention starts again (developer guide); on a standard queue retention goes on.
pub(super) fn as_dead_letter(mut message: Message, source_arn: &Arc<str>, fifo: bool, now: Time) -> Message {
    let id = message.id;
    let received = message.receive_count;
    let extra = message.extra_mut();
    extra.dead_letter_source = Some(source_arn.clone());
    extra.received_elsewhere = received;
    if fifo {
        extra.deduplication_id = Some(id.to_string().into());
        message.retained_from = now;
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(policy: &str) -> String {
        RedrivePolicy::parse(policy).unwrap_err().message.into_owned()
    }

    #[test]
    fn a_redrive_policy_is_given_back_in_canonical_form() {
        let policy = r#" { "maxReceiveCount" : "42", "deadLetterTargetArn" : "arn:aws:sqs:us-east-1:1:d" } "#;
        assert_eq!(
            RedrivePolicy::parse(policy).unwrap().to_string(),
            r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:1:d","maxReceiveCount":42}"#
        );
    }

    #[test]
    fn each_flaw_of_a_redrive_policy_has_its_text() {
        let reason = |policy: &str| {
            let text = text_of(policy);
            text.strip_prefix(&format!("Value {policy} for parameter RedrivePolicy is invalid. Reason: "))
                .map(str::to_owned)
                .unwrap_or(text)
        };
        let table = [
            ("x", "Invalid value for the parameter RedrivePolicy. Reason: Redrive policy is not a valid JSON map."),
            (
                r#"{"deadLetterTargetArn":"arn:aws:sqs:r:1:d"}"#,
                "Redrive policy does not contain mandatory attribute: maxReceiveCount.",
            ),
            (r#"{"maxReceiveCount":1}"#, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."),
            (
                r#"{"deadLetterTargetArn":"arn:aws:sqs:r:1:d","maxReceiveCount":1001}"#,
                "Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive.",
            ),
            (
                r#"{"deadLetterTargetArn":"arn:aws:sqs:r:1:d","maxReceiveCount":"many"}"#,
                "Invalid value for maxReceiveCount: many, valid values are from 1 to 1000 both inclusive.",
            ),
            (
                r#"{"deadLetterTargetArn":"d","maxReceiveCount":1}"#,
                "Dead-letter target ARN should be fully qualified ARN.",
            ),
            (
                r#"{"deadLetterTargetArn":"arn:aws:sns:r:1:d","maxReceiveCount":1}"#,
                "Only SQS queues are valid resources for deadLetterTargetArn.",
            ),
            (
                r#"{"deadLetterTargetArn":"arn:aws:sqs:r:1:d","maxReceiveCount":1,"x":1}"#,
                "Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn].",
            ),
        ];
        for (policy, expected) in table {
            assert_eq!(reason(policy), expected, "{policy}");
        }
    }

    #[test]
    fn redrive_allow_policies_are_checked_and_canonical() {
        let read =
            |text: &str| RedriveAllowPolicy::parse(text).map(|p| p.to_string()).map_err(|e| e.message.into_owned());
        assert_eq!(
            read(r#"{ "sourceQueueArns": ["arn:aws:sqs:r:1:s"], "redrivePermission": "byQueue" }"#).unwrap(),
            r#"{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:r:1:s"]}"#
        );
        assert_eq!(read(r#"{"redrivePermission":"denyAll"}"#).unwrap(), r#"{"redrivePermission":"denyAll"}"#);
        assert!(read(r#"{"redrivePermission":"maybe"}"#).unwrap_err().ends_with("as it’s in an unsupported format."));
        assert!(read(r#"{"redrivePermission":"byQueue"}"#).unwrap_err().ends_with("sourceQueueArns values."));
        assert!(
            read(r#"{"redrivePermission":"denyAll","sourceQueueArns":["a"]}"#)
                .unwrap_err()
                .ends_with("you must set redrivePermission to byQueue.")
        );
        let eleven = format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":[{}]}}"#, ["\"a\""; 11].join(","));
        assert!(read(&eleven).unwrap_err().ends_with("you can specify is 10."));
    }
}
