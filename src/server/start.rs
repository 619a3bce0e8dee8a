//! What a server does before it serves: loads its data directory, and creates the configured queues.

use super::StartError;
use crate::actions::{self, Caller};
use crate::api::attributes::name;
use crate::broker::{Broker, BrokerOptions, By};
use crate::config::{Config, MAX_RECEIVE_COUNT_DEFAULT, Mode, QueueConfig, redrive_policy};
use crate::control::{Access, SpaceOptions};
use crate::error::Error;
#[cfg(feature = "store")]
use crate::store::{Committer, SqliteStore, Store};
use std::collections::BTreeMap;
use std::net::SocketAddr;
#[cfg(feature = "store")]
use std::path::Path;
use std::sync::Arc;

/// Events that a history keeps when nothing else is said.
const HISTORY_EVENTS_DEFAULT: usize = 100_000;

/// What the default space is made of.
pub(super) fn space_options(config: &Config) -> SpaceOptions {
    let history = config.mode == Mode::Dev && config.data.is_none();
    SpaceOptions {
        name: String::new(),
        account: config.account.clone(),
        seed: None,
        broker: BrokerOptions {
            namespace: config.namespace(),
            cooldowns: config.cooldowns(),
            auto_create: config.auto_create,
        },
        history_events: if history { HISTORY_EVENTS_DEFAULT } else { 0 },
    }
}

/// Who may use the control API of a server that listens at these addresses.
pub(super) fn control_access(config: &Config, addresses: &[SocketAddr]) -> Access {
    let local = addresses.iter().all(|address| address.ip().is_loopback());
    if local && config.mode == Mode::Dev { Access::On } else { Access::Off }
}

/// Loads what is in a data directory, and has everything from now on written there.
#[cfg(feature = "store")]
pub(super) fn with_store(mut broker: Broker, dir: &Path, config: &Config) -> Result<Broker, StartError> {
    const MESSAGES_PER_REPORT: u64 = 100_000;
    tracing::debug!("loading what is in {}", dir.display());
    let clock = broker.clock().clone();
    let mut store = SqliteStore::open(dir, config.durability)?;
    let mut restoring = broker.restore();
    let mut messages = 0_u64;
    let loaded = store.load(clock.now(), &mut |item| {
        if item.is_message() {
            messages += 1;
            if messages.is_multiple_of(MESSAGES_PER_REPORT) {
                tracing::info!("loading: {messages} messages so far");
            }
        }
        restoring.apply(item);
    });
    loaded?;
    let queues = restoring.finish(&config.region).map_err(StartError::Namespace)?;
    tracing::info!("{queues} queues with {messages} messages are back from {}", dir.display());
    let committer = Committer::start(Box::new(store), Box::new(move || clock.now()))?;
    broker.attach(committer);
    Ok(broker)
}

/// Creates the configured queues, then links those with dead-letter queues, in whatever order they are listed.
pub(super) fn declare(broker: &Arc<Broker>, config: &Config) -> Result<(), StartError> {
    let caller = Caller {
        account: &config.account,
        region: &config.region,
        base_url: "",
        trace_header: None,
        presence: None,
        fate: None,
        by: By::default(),
    };
    let queues = config.all_queues();
    let failed = |queue: &QueueConfig| {
        let name = queue.name.clone();
        move |error: Error| StartError::Queue { name, reason: error.message.into_owned() }
    };
    for queue in &queues {
        let first: BTreeMap<String, String> = queue
            .attributes
            .iter()
            .filter(|(key, _)| *key != name::REDRIVE_POLICY)
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        actions::declare(broker, &caller, &queue.name, &first, &queue.tags).map_err(failed(queue))?;
    }
    for queue in &queues {
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
