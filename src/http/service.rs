//! What answers requests, and how it is set. How it answers is in `pipeline.rs`.

use super::identity::Identity;
use super::init_scripts::InitScripts;
use crate::actions::Actions;
use crate::auth::Credentials;
use crate::broker::Broker;
use crate::clock::NetworkTime;
use crate::cluster::Cluster;
use crate::config::{Config, Hosts, Origins};
use crate::control::Control;
use crate::metrics::{Metrics, MetricsOptions};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// How the HTTP server is set.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// The account of callers whose access key does not name one: 12 digits.
    pub account: String,
    /// The region of callers that do not sign for one.
    pub region: String,
    /// What queue URLs begin with; from the request's `Host` if absent.
    pub external_url: Option<String>,
    /// Web pages that may use the server.
    pub origins: Origins,
    /// Web pages that may use the control API.
    pub control_origins: Origins,
    /// Names by which browsers may reach the server, beside those that are safe anyway and that of the external URL.
    pub hosts: Hosts,
    /// Bytes of a request body.
    pub body_bytes_max: usize,
    /// Connections at one time; more are turned away with 503.
    pub connections_max: usize,
    /// Worker threads.
    pub threads: usize,
    /// Whether there are metrics to be read.
    pub metrics: bool,
    /// The directory of the store, if there is one.
    pub data: Option<PathBuf>,
}

impl Default for HttpOptions {
    fn default() -> HttpOptions {
        HttpOptions::of(&Config::default())
    }
}

impl HttpOptions {
    /// What a configuration says about the HTTP server.
    pub fn of(config: &Config) -> HttpOptions {
        HttpOptions {
            account: config.account.clone(),
            region: config.region.clone(),
            external_url: config.external_url.clone(),
            origins: config.cors.clone(),
            control_origins: config.cors_control.clone(),
            hosts: config.allow_host.clone(),
            body_bytes_max: config.body_bytes_max,
            connections_max: config.connections_max,
            threads: config.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get)),
            metrics: config.metrics,
            data: config.data.clone(),
        }
    }
}

/// Answers requests.
pub struct Service {
    control: Arc<Control>,
    metrics: Metrics,
    options: HttpOptions,
    hosts: Hosts,
    network_time: NetworkTime,
    in_process: Identity,
    init_scripts: InitScripts,
    /// The keys that requests are signed with; without them signatures are not looked at.
    credentials: Option<RwLock<Arc<Credentials>>>,
    /// This node, if it is one of several.
    cluster: Option<Arc<Cluster>>,
}

impl Service {
    /// Has requests to SQS carried out in these spaces.
    pub fn new(control: Control, options: HttpOptions) -> Service {
        let mut hosts = options.hosts.clone();
        if let Some(url) = &options.external_url {
            hosts = hosts.with_url(url);
        }
        let (control, in_process) = (Arc::new(control), Identity::default());
        let metrics = Metrics::new(MetricsOptions { data: options.data.clone() });
        Service {
            control,
            metrics,
            options,
            hosts,
            network_time: NetworkTime::real(),
            in_process,
            init_scripts: InitScripts::default(),
            credentials: None,
            cluster: None,
        }
    }

    /// Goes by another time than the real one in what it grants clients on the network.
    #[must_use]
    pub fn network_time(mut self, time: NetworkTime) -> Service {
        self.network_time = time;
        self
    }

    /// Has requests signed with these keys.
    #[must_use]
    pub fn credentials(mut self, credentials: Option<Credentials>) -> Service {
        self.credentials = credentials.map(|credentials| RwLock::new(Arc::new(credentials)));
        self
    }

    /// Serves as one of several nodes.
    #[must_use]
    pub fn cluster(mut self, cluster: Option<Arc<Cluster>>) -> Service {
        if let Some(cluster) = &cluster {
            self.control.join(cluster.clone());
        }
        self.cluster = cluster;
        self
    }

    /// This node, if it is one of several.
    pub(super) fn node(&self) -> Option<&Arc<Cluster>> {
        self.cluster.as_ref()
    }

    /// Has requests from now on signed with other keys, if they are signed at all.
    pub fn replace_credentials(&self, credentials: Credentials) {
        if let Some(current) = &self.credentials {
            *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(credentials);
        }
    }

    /// The keys that requests are signed with.
    pub(super) fn known_credentials(&self) -> Option<Arc<Credentials>> {
        let current = self.credentials.as_ref()?;
        Some(current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// The spaces, and what tests control of them.
    pub fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// What is counted beside the queues.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What carries out requests to SQS in the default space.
    pub fn actions(&self) -> &Actions {
        self.control.home().actions()
    }

    /// The queues of the default space.
    pub fn broker(&self) -> &Arc<Broker> {
        self.control.home().broker()
    }

    /// How it was set.
    pub fn options(&self) -> &HttpOptions {
        &self.options
    }

    /// Names by which browsers may reach the server, that of the external URL among them.
    pub(super) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// The scripts that run at the start.
    pub fn init_scripts(&self) -> &InitScripts {
        &self.init_scripts
    }

    /// Who sends requests that come by no socket.
    pub(super) fn in_process(&self) -> &Identity {
        &self.in_process
    }

    /// The time that clients on the network are granted.
    pub(super) fn time(&self) -> &NetworkTime {
        &self.network_time
    }
}
