//! What a server does before it serves: loads its data directory, and creates the configured queues.

use super::StartError;
use crate::actions::{self, Caller};
use crate::api::attributes::name;
use crate::broker::{Broker, BrokerOptions, By};
use crate::config::{Config, ControlMode, MAX_RECEIVE_COUNT_DEFAULT, QueueConfig, redrive_policy};
use crate::control::{Access, SpaceOptions, Token};
use crate::error::Error;
#[cfg(feature = "store")]
use crate::store::{Committer, SqliteStore, Store};
use std::collections::BTreeMap;
use std::net::SocketAddr;
#[cfg(feature = "store")]
use std::path::Path;
use std::sync::Arc;

/// What the default space is made of.
pub(super) fn space_options(config: &Config) -> SpaceOptions {
    SpaceOptions {
        name: String::new(),
        account: config.account.clone(),
        seed: config.seed,
        broker: BrokerOptions {
            namespace: config.namespace(),
            cooldowns: config.cooldowns(),
            auto_create: config.auto_create,
        },
        history_events: config.history(),
    }
}

/// Who may use the control API of a server that listens at these addresses.
pub(super) fn control_access(config: &Config, addresses: &[SocketAddr]) -> Access {
    match config.control(addresses) {
        ControlMode::On => Access::On,
        ControlMode::Off => Access::Off,
        ControlMode::Token => {
            Access::Token(config.control_token.as_ref().map_or_else(Token::random, |token| Token::new(token.clone())))
        }
    }
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
