//! Queues that a configuration or a test asks for are created, and linked with their dead-letter queues.

use crate::actions::{self, Caller};
use crate::api::attributes::name;
use crate::broker::{Broker, By};
use crate::config::{MAX_RECEIVE_COUNT_DEFAULT, QueueConfig, redrive_policy};
use crate::error::Error;
use std::collections::BTreeMap;

/// A queue that SQS would not create, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDeclared {
    /// Its name.
    pub queue: String,
    /// The text of SQS.
    pub reason: String,
}

/// Creates queues in an account and region, then links those with dead-letter queues, in whatever order they are listed.
///
/// # Errors
/// The first queue that could not be had as it is described.
pub fn declare(
    broker: &Broker,
    (account, region): (&str, &str),
    queues: &[QueueConfig],
    by: By,
) -> Result<(), NotDeclared> {
    let caller = Caller {
        account,
        identity: None,
        origin: None,
        region,
        base_url: "",
        trace_header: None,
        presence: None,
        fate: None,
        by,
        waited_ms: 0,
    };
    let failed = |queue: &QueueConfig| {
        let queue = queue.name.clone();
        move |error: Error| NotDeclared { queue, reason: error.message.into_owned() }
    };
    for queue in queues {
        let first: BTreeMap<String, String> = queue
            .attributes
            .iter()
            .filter(|(key, _)| *key != name::REDRIVE_POLICY)
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        actions::declare(broker, &caller, &queue.name, &first, &queue.tags).map_err(failed(queue))?;
    }
    for queue in queues {
        let policy = match &queue.dead_letter_queue {
            Some(target) => {
                let count = queue.max_receive_count.unwrap_or(MAX_RECEIVE_COUNT_DEFAULT);
                Some(redrive_policy(&actions::arn_of(&caller, target), count))
            }
            None => queue.attributes.get_key_value(name::REDRIVE_POLICY).map(|(k, v)| (k.clone(), v.clone())),
        };
        if let Some((key, value)) = policy {
            actions::set_attribute(broker, &caller, &queue.name, &key, &value).map_err(failed(queue))?;
        }
    }
    Ok(())
}
