//! The tables and how they came to be: a migration for each schema version, from the first one on.

use rusqlite::{Connection, TransactionBehavior};

/// `PRAGMA application_id`: tells a store of kew from any other SQLite file ("kewq").
pub(super) const APPLICATION_ID: i64 = 0x6b65_7771;

/// Message numbers take the lower 44 bits of a row id. At 100 000 messages a second they last more than five years
/// in one queue.
pub(super) const NUMBER_BITS: u32 = 44;

/// The largest number that has a row id.
pub(super) const NUMBER_MAX: u64 = (1 << NUMBER_BITS) - 1;

/// What is left of a positive 64-bit row id for the queues: half a million of them at the same time.
pub(super) const SHELF_MAX: i64 = (1 << (63 - NUMBER_BITS)) - 1;

/// What brings a store from each version to the next; the first makes a new one.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql")];

/// The version this kew writes: `PRAGMA user_version`.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings a store of an older version, 0 being an empty file, to the newest, one version in one transaction.
pub(super) fn migrate(connection: &mut Connection, from: i64) -> rusqlite::Result<()> {
    let done = usize::try_from(from).unwrap_or(0);
    for (steps, migration) in (from + 1..).zip(&MIGRATIONS[done.min(MIGRATIONS.len())..]) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", steps)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.commit()?;
        tracing::info!(version = steps, "the store has a new schema");
    }
    Ok(())
}
