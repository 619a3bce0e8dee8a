//! Redrive policies and redrive allow policies: the JSON texts of two queue attributes, read, checked and written.

use super::arn::{Arn, ArnError};
use super::limits;
use crate::error::Error;
use serde_json::{Map, Value};
use std::fmt;

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
