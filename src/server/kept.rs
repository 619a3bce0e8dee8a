//! Where everything is kept: the store of a data directory or of a database is opened, and what is in it loaded.

use super::StartError;
use crate::broker::Broker;
use crate::clock::NetworkTime;
use crate::config::{Config, DataPlace, DatabaseUrl, Durability, NamespaceMode};
#[cfg(feature = "postgres")]
use crate::store::PostgresStore;
#[cfg(feature = "postgres")]
use crate::store::postgres::{self, ClusterOptions};
use crate::store::{Committer, SqliteStore, Store, StoreError};

/// For how long a database may not answer until requests are refused, in milliseconds: as long as clients are patient. A disk is
/// granted more.
const DATABASE_PATIENCE_MS: u64 = 3_000;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// When a change counts as done, in a directory.
    pub durability: Durability,
    /// Whether accounts and regions separate queues, for a database: all that use it have to agree.
    pub namespace: NamespaceMode,
    /// Whether a database is refused whose commits wait for no stand-by.
    pub require_replica: bool,
    /// Whether the storage below the database is replicated.
    pub database_is_replicated: bool,
    /// The time for time limits.
    pub time: NetworkTime,
}

impl StoreOptions {
    pub(super) fn of(config: &Config, time: &NetworkTime) -> StoreOptions {
        StoreOptions {
            durability: config.durability,
            namespace: config.namespace(),
            require_replica: config.require_replica,
            database_is_replicated: config.database_is_replicated,
            time: time.clone(),
        }
    }
}

/// Opens the store of a place, or makes a new one there. A database that another kew serves from is waited for.
///
/// # Errors
/// When the place cannot be used.
pub fn open_store(place: &DataPlace, options: &StoreOptions) -> Result<Box<dyn Store>, StoreError> {
    match place {
        DataPlace::Directory(dir) => Ok(Box::new(SqliteStore::open(dir, options.durability)?)),
        DataPlace::Database(url) => open_database(url, options),
    }
}

#[cfg(feature = "postgres")]
fn open_database(url: &DatabaseUrl, options: &StoreOptions) -> Result<Box<dyn Store>, StoreError> {
    Ok(Box::new(open_postgres(url, options, None)?))
}

/// Opens the store of a database, as that of one node among several if it is one.
#[cfg(feature = "postgres")]
pub(super) fn open_postgres(
    url: &DatabaseUrl,
    options: &StoreOptions,
    cluster: Option<ClusterOptions>,
) -> Result<PostgresStore, StoreError> {
    let known = url.clone().with_known_password(|name| std::env::var(name).ok());
    let known = known.map_err(|error| StoreError::Unusable {
        place: url.to_string(),
        detail: error.to_string(),
        cure: "then start kew again".to_owned(),
    })?;
    let options = postgres::Options {
        require_replica: options.require_replica,
        replicated_by_storage: options.database_is_replicated,
        namespace: options.namespace.to_string(),
        time: options.time.clone(),
        cluster,
        ..postgres::Options::default()
    };
    let store = PostgresStore::open(known.with_its_password(), &options)?;
    tracing::info!("{}", store.promise());
    Ok(store)
}

#[cfg(not(feature = "postgres"))]
fn open_database(url: &DatabaseUrl, _: &StoreOptions) -> Result<Box<dyn Store>, StoreError> {
    // A configuration with one is refused before.
    Err(StoreError::Internal { detail: format!("{url}: the feature `postgres` is not there") })
}

/// Loads what is there, and has everything from now on written there.
pub(super) fn with_store(
    mut broker: Broker,
    place: &DataPlace,
    config: &Config,
    time: &NetworkTime,
) -> Result<Broker, StartError> {
    const MESSAGES_PER_REPORT: u64 = 100_000;
    tracing::debug!("loading what is in {place}");
    let clock = broker.clock().clone();
    let mut store = open_store(place, &StoreOptions::of(config, time))?;
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
    tracing::info!("{queues} queues with {messages} messages are back from {place}");
    attach(&mut broker, store, matches!(place, DataPlace::Database(_)))?;
    Ok(broker)
}

/// Has everything from now on written to a store.
pub(super) fn attach(broker: &mut Broker, store: Box<dyn Store>, is_database: bool) -> Result<(), StoreError> {
    let clock = broker.clock().clone();
    let mut committer = Committer::start(store, Box::new(move || clock.now()))?;
    if is_database {
        committer = committer.with_patience(DATABASE_PATIENCE_MS);
    }
    committer.time_commits(|| NetworkTime::real().now_us());
    broker.attach(committer);
    Ok(())
}
