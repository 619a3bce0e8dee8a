//! `kew copy`: everything of a data directory or a database, into another one that is empty.

use clap::Args;
use kew::internals::clock::NetworkTime;
use kew::internals::config::{DataPlace, Durability, NamespaceMode};
use kew::internals::server::{StoreOptions, open_store};
use kew::internals::store::{StoreError, copy};

/// The file without which a directory has nothing to copy.
const FILE: &str = "kew.sqlite3";

/// Flags of `kew copy`.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// The data directory or the database to copy; no kew may serve from it
    #[arg(long, value_name = "DIR|URL")]
    pub from: DataPlace,
    /// The data directory or the database to copy it to; there must not be any queue in it yet
    #[arg(long, value_name = "DIR|URL")]
    pub to: DataPlace,
    /// Whether accounts and regions separate queues (aws) or not (merged), as kew was started with [default: merged]
    #[arg(long, value_name = "merged|aws", env = "KEW_NAMESPACE")]
    pub namespace: Option<NamespaceMode>,
}

/// Copies; what was done.
///
/// # Errors
/// One line that says what is wrong, and what to do.
pub fn run(args: &CopyArgs) -> Result<String, String> {
    let CopyArgs { from, to, namespace } = args;
    if from == to {
        return Err(format!("{from} and {to} are the same; name another place with --to"));
    }
    if let DataPlace::Directory(dir) = from
        && !dir.join(FILE).exists()
    {
        return Err(StoreError::Missing { path: dir.join(FILE) }.to_string());
    }
    let options = StoreOptions {
        durability: Durability::Full,
        namespace: namespace.unwrap_or_default(),
        require_replica: false,
        database_is_replicated: false,
        time: NetworkTime::real(),
    };
    let mut source = open_store(from, &options).map_err(|error| error.to_string())?;
    let mut target = open_store(to, &options).map_err(|error| error.to_string())?;
    let now = kew::Clock::system().now();
    let mut tell = |copied: kew::internals::store::Copied| {
        tracing::info!("{} queues with {} messages so far", copied.queues, copied.messages);
    };
    match copy(&mut *source, &mut *target, now, &mut tell) {
        Ok(copied) => {
            Ok(format!("copied {} queues with {} messages from {from} to {to}", copied.queues, copied.messages))
        }
        Err(StoreError::Occupied { .. }) => Err(format!("{to} is not empty; nothing was copied")),
        Err(error) => Err(format!("{error}; what is in {to} is not whole: remove it, then copy again")),
    }
}
