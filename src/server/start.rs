//! What a server does before it serves: decides who may control it, and what its spaces are made of.

use super::StartError;
use crate::auth::policy::{Enforcement, Mode};
use crate::broker::BrokerOptions;
use crate::clock::NetworkTime;
use crate::config::{Config, ControlMode, PeerUrl, PolicyMode};
use crate::control::{Access, Fault, Shared, Space, SpaceOptions, Token, awaits};
use crate::http::{Bound, Listening, Tls};
use std::net::SocketAddr;
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
        region: config.region.clone(),
        metrics_period: config.metrics_period,
        queues: config.all_queues(),
    }
}

/// What all spaces share. `KEW_TIMEOUT_FACTOR` multiplies the time limits of awaits, for debuggers and slow machines.
pub(super) fn shared(time: NetworkTime, config: &Config) -> Arc<Shared> {
    let factor = awaits::timeout_factor(std::env::var("KEW_TIMEOUT_FACTOR").ok().as_deref());
    let factor = factor.unwrap_or_else(|error| {
        tracing::warn!("{error}");
        1.0
    });
    Shared::with(time, factor, enforcement(config))
}

/// Policies are asked where it is known who sends a request.
fn enforcement(config: &Config) -> Option<Enforcement> {
    let mode = match config.policies {
        PolicyMode::Enforce => Mode::Enforce,
        PolicyMode::Warn => Mode::Warn,
        PolicyMode::Off => return None,
    };
    config.credentials.is_some().then(|| Enforcement::new(mode))
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

/// Listens on ports that are taken; the first `plain` of them speak plain HTTP, the others TLS.
pub(super) fn listen(bound: Vec<Bound>, plain: usize, tls: Option<&Arc<Tls>>) -> Result<Vec<Listening>, StartError> {
    let listen = |(index, bound): (usize, Bound)| {
        let socket = bound.listen().map_err(StartError::of_http)?;
        Ok(Listening::new(socket, tls.filter(|_| index >= plain).cloned()))
    };
    bound.into_iter().enumerate().map(listen).collect()
}

/// Takes the port at which other nodes reach this one, if there is one.
pub(super) fn bind_for_peers(config: &Config) -> Result<Option<Bound>, StartError> {
    let Some(url) = &config.peer else { return Ok(None) };
    let address = url.parse::<PeerUrl>().and_then(|url| url.address());
    let address = address.map_err(|source| StartError::Setting { name: "peer", source })?;
    Bound::new(address).map(Some).map_err(StartError::of_http)
}

/// Adds the configured rules about faults.
pub(super) fn add_faults(space: &Space, config: &Config) -> Result<(), StartError> {
    for fault in &config.faults {
        let added = Fault::read(&fault.rule).and_then(|rule| space.faults().add(rule));
        added.map_err(|refusal| {
            let parts = [&fault.place, &refusal.error, &refusal.hint].into_iter().filter(|part| !part.is_empty());
            StartError::Fault(parts.cloned().collect::<Vec<_>>().join(": "))
        })?;
    }
    Ok(())
}
