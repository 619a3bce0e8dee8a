//! What the redrive policies of a queue say about other queues: whether that may be, and whether two of them say the same.

use crate::api::attributes::name;
use crate::api::{Arn, RedriveAllowPolicy, RedrivePolicy};
use crate::broker::Broker;
use crate::config::NamespaceMode;
use crate::error::Error;

/// Checks what a redrive policy says about another queue, when it is set; moves do not ask again.
///
/// # Errors
/// `InvalidParameterValue` with the text for what is wrong.
pub(super) fn check_redrive_target(
    broker: &Broker,
    policy: &RedrivePolicy,
    (account, region, name): (&str, &str, &str),
    fifo: bool,
) -> Result<(), Error> {
    let refuse = |reason: &str| Err(Error::invalid_value(policy, "RedrivePolicy", reason));
    let missing = "Dead letter target does not exist.";
    let Ok(arn) = Arn::parse(&policy.target_arn) else { return refuse(missing) };
    // Same account and region; a queue may be its own target (recorded), also before it exists.
    let same = arn.name == name && broker.namespace().meant_account(&arn, account) == account;
    let Some(target) = broker.namespace().resolve_arn(&arn, account) else {
        return if same { Ok(()) } else { refuse(missing) };
    };
    let elsewhere =
        *target.account != *account || broker.namespace().mode() == NamespaceMode::Aws && *target.region != *region;
    if elsewhere {
        return refuse(missing);
    }
    let settings = target.settings();
    if settings.fifo != fifo {
        return refuse("Dead-letter queue must be same type of queue as the source..");
    }
    match &settings.redrive_allow {
        // Uncertain: the code is recorded, the text is not.
        Some(allow) if !admits(broker, allow, account, name) => {
            refuse("Redrive permission to the dead-letter queue denied.")
        }
        _ => Ok(()),
    }
}

/// Whether the queue with this account and name may use a dead-letter queue of the same account and region.
fn admits(broker: &Broker, policy: &RedriveAllowPolicy, account: &str, name: &str) -> bool {
    match policy {
        RedriveAllowPolicy::AllowAll => true,
        RedriveAllowPolicy::DenyAll => false,
        RedriveAllowPolicy::ByQueue(arns) => arns
            .iter()
            .filter_map(|text| Arn::parse(text).ok())
            .any(|arn| arn.name == name && broker.namespace().meant_account(&arn, account) == account),
    }
}

/// Whether two values of one of the two policies mean the same for the owner of the queue; `None` for other attributes.
pub(super) fn same_policy(broker: &Broker, account: &str, attribute: &str, a: &str, b: &str) -> Option<bool> {
    let same_arn = |a: &str, b: &str| same_arn(broker, account, a, b);
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

fn same_arn(broker: &Broker, account: &str, a: &str, b: &str) -> bool {
    match (broker.namespace().mode(), Arn::parse(a), Arn::parse(b)) {
        (NamespaceMode::Merged, Ok(a), Ok(b)) => {
            let account_of = |arn| broker.namespace().meant_account(arn, account);
            a.name == b.name && account_of(&a) == account_of(&b)
        }
        _ => a == b,
    }
}
