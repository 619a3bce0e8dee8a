//! What a server is told: one definition for the configuration file, environment variables, flags and Rust code.

mod checks;
#[cfg(feature = "bin")]
mod file;
mod queue;

pub use crate::store::Durability;
pub use checks::*;
#[cfg(feature = "bin")]
pub use file::{FileError, read_file};
pub use queue::{QueueConfig, check_attribute, parse_queues};

use crate::api::attributes::name;
use crate::broker::NamespaceMode;
use crate::http::{BODY_BYTES_MAX_DEFAULT, CONNECTIONS_MAX_DEFAULT, Hosts, Origins};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a server listens when nothing else is said.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:9324";
/// Receives before a message goes to the dead-letter queue when nothing else is said.
pub const MAX_RECEIVE_COUNT_DEFAULT: u32 = 10;
/// Worker threads at most.
pub const THREADS_MAX: usize = 1024;
/// The account of callers whose access key does not name one.
pub const ACCOUNT_DEFAULT: &str = "000000000000";
/// The region of callers that do not sign for one.
pub const REGION_DEFAULT: &str = "us-east-1";

/// How closely the server keeps to AWS where AWS is in a developer's way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// One namespace for all regions, and no 60-second rules.
    #[default]
    Dev,
    /// Accounts and regions separate queues, and the 60-second rules hold, as on AWS.
    Aws,
}

/// Everything a server is told. [`Config::default`] is what `kew` without arguments does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 picks a free one.
    pub listen: Vec<SocketAddr>,
    /// Queues that are there from the start.
    pub queues: Vec<QueueConfig>,
    /// Whether a queue that is asked for and not there is created.
    pub auto_create: bool,
    /// How closely to keep to AWS; the next two settings refine it.
    pub mode: Mode,
    /// Whether accounts and regions separate queues; from the mode if absent.
    pub namespace: Option<NamespaceMode>,
    /// Whether the 60-second rules of PurgeQueue and of DeleteQueue then CreateQueue hold; from the mode if absent.
    pub cooldowns: Option<bool>,
    /// 12 digits; the account of callers whose access key is not 12 digits itself.
    pub account: String,
    /// The region of callers that do not sign for one.
    pub region: String,
    /// What queue URLs begin with, if not with the `Host` of the request; `{region}` and `{account}` in it stand for those of the
    /// queue.
    pub external_url: Option<String>,
    /// Web pages that may use the server.
    pub cors: Origins,
    /// Names by which browsers may reach the server, beside those that no page of the Internet can have.
    pub allow_host: Hosts,
    /// Bytes of a request body; at least 8 MiB, which a batch of 1 MiB may need in JSON.
    pub body_bytes_max: usize,
    /// Connections at one time.
    pub connections_max: usize,
    /// Worker threads; one for each core if absent.
    pub threads: Option<usize>,
    /// The directory to keep everything in; in memory only if absent.
    pub data: Option<PathBuf>,
    /// When a change counts as done, with a data directory.
    pub durability: Durability,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: Vec::new(),
            queues: Vec::new(),
            auto_create: false,
            mode: Mode::Dev,
            namespace: None,
            cooldowns: None,
            account: ACCOUNT_DEFAULT.to_owned(),
            region: REGION_DEFAULT.to_owned(),
            external_url: None,
            cors: Origins::none(),
            allow_host: Hosts::none(),
            body_bytes_max: BODY_BYTES_MAX_DEFAULT,
            connections_max: CONNECTIONS_MAX_DEFAULT,
            threads: None,
            data: None,
            durability: Durability::Full,
        }
    }
}

impl Config {
    /// Whether accounts and regions separate queues.
    pub fn namespace(&self) -> NamespaceMode {
        self.namespace.unwrap_or(match self.mode {
            Mode::Dev => NamespaceMode::Merged,
            Mode::Aws => NamespaceMode::Aws,
        })
    }

    /// Whether the 60-second rules hold.
    pub fn cooldowns(&self) -> bool {
        self.cooldowns.unwrap_or(self.mode == Mode::Aws)
    }

    /// Checks what the type of a setting does not say, for code that did not go through the command line. Gives the settings as they
    /// are used: an external URL without a slash at its end.
    ///
    /// # Errors
    /// The name of the setting, and what would be right.
    pub(crate) fn checked(&self) -> Result<Config, (&'static str, String)> {
        let named = |name| move |reason| (name, reason);
        let mut config = self.clone();
        check_account(&self.account).map_err(named("account"))?;
        check_region(&self.region).map_err(named("region"))?;
        if let Some(url) = &self.external_url {
            config.external_url = Some(check_external_url(url).map_err(named("external_url"))?);
        }
        check_limit(self.body_bytes_max).map_err(named("body_bytes_max"))?;
        check_limit(self.connections_max).map_err(named("connections_max"))?;
        self.threads.map_or(Ok(1), check_threads).map_err(named("threads"))?;
        match &self.data {
            Some(dir) if dir.as_os_str().is_empty() => Err(("data", DATA_WANTED.to_owned())),
            Some(_) if !cfg!(feature = "store") => {
                Err(("data", "the crate was built without its feature `store`".to_owned()))
            }
            _ => Ok(config),
        }
    }

    /// Adds queues; one that is there already by name is replaced.
    pub fn add_queues(&mut self, queues: impl IntoIterator<Item = QueueConfig>) {
        for queue in queues {
            self.queues.retain(|other| other.name != queue.name);
            self.queues.push(queue);
        }
    }

    /// The configured queues and, before them, the dead-letter queues that are named but not listed.
    pub(crate) fn all_queues(&self) -> Vec<QueueConfig> {
        let mut all: Vec<QueueConfig> = Vec::new();
        for target in self.queues.iter().filter_map(|queue| queue.dead_letter_queue.as_deref()) {
            let listed = |queues: &[QueueConfig]| queues.iter().any(|queue| queue.name == target);
            if !listed(&self.queues) && !listed(&all) {
                all.push(QueueConfig::new(target));
            }
        }
        all.extend(self.queues.iter().cloned());
        all
    }
}

/// The canonical text of a redrive policy to a queue of the same account and region.
pub(crate) fn redrive_policy(arn: &str, max_receive_count: u32) -> (String, String) {
    let policy = format!("{{\"deadLetterTargetArn\":\"{arn}\",\"maxReceiveCount\":{max_receive_count}}}");
    (name::REDRIVE_POLICY.to_owned(), policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_queue_that_is_not_listed_is_added() {
        let mut config = Config::default();
        config.add_queues([QueueConfig::new("a").dead_letter("dead", 3), QueueConfig::new("b").dead_letter("a", 3)]);
        let names: Vec<String> = config.all_queues().into_iter().map(|queue| queue.name).collect();
        assert_eq!(names, ["dead", "a", "b"]);
    }
}
