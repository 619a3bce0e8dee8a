//! The tables and how they came to be: making a new store, and bringing an older one to the newest schema.

use rusqlite::types::{ToSql, Value};
use rusqlite::{Connection, TransactionBehavior};

use super::manifest::Manifest;
use super::rows::{MESSAGES, TABLES, Table};

/// `PRAGMA application_id`: tells a store of kew from any other SQLite file ("kewq").
pub(super) const APPLICATION_ID: i64 = 0x6b65_7771;

/// The version this kew writes: `PRAGMA user_version`.
pub(super) const VERSION: i64 = 2;

/// The first version whose rows have checksums.
pub(super) const CHECKSUMS_FROM: i64 = 2;

/// The newest schema.
pub(super) const SCHEMA: &str = include_str!("schema.sql");

/// Brings a store of an older version, 0 being an empty file, to the newest, in one transaction.
pub(super) fn migrate(connection: &mut Connection, from: i64) -> rusqlite::Result<()> {
    if from == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut manifest = Manifest::default();
    if from == 0 {
        transaction.execute_batch(SCHEMA)?;
    } else {
        add_checksums(&transaction, &mut manifest)?;
    }
    manifest.write_new(&transaction)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()?;
    tracing::info!(version = VERSION, "the store has a new schema");
    Ok(())
}

/// From version 1 to 2: the tables are made anew, and the rows written into them with their checksums.
fn add_checksums(connection: &Connection, manifest: &mut Manifest) -> rusqlite::Result<()> {
    connection.execute_batch("DROP VIEW message; DROP VIEW queue; DROP INDEX attempts_by_time")?;
    let names = || TABLES.iter().map(|table| table.name).chain(["long_bodies"]);
    for name in names() {
        connection.execute_batch(&format!("ALTER TABLE {name} RENAME TO old_{name}"))?;
    }
    connection.execute_batch(SCHEMA)?;
    connection.execute_batch("INSERT INTO long_bodies SELECT id, body FROM old_long_bodies")?;
    for table in TABLES {
        copy(connection, manifest, table)?;
    }
    for name in names() {
        connection.execute_batch(&format!("DROP TABLE old_{name}"))?;
    }
    Ok(())
}

fn copy(connection: &Connection, manifest: &mut Manifest, table: &Table) -> rusqlite::Result<()> {
    let is_messages = table.name == MESSAGES.name;
    let body = ", body, coalesce(body, (SELECT l.body FROM old_long_bodies l WHERE l.id = t.id))";
    let body = if is_messages { body } else { "" };
    let (columns, count) = (table.columns.join(", "), table.columns.len());
    let mut old = connection.prepare(&format!("SELECT {columns}{body} FROM old_{} t", table.name))?;
    let mut insert = connection.prepare(table.insert())?;
    let mut rows = old.query([])?;
    while let Some(row) = rows.next()? {
        let values = (0..count).map(|index| row.get(index)).collect::<rusqlite::Result<Vec<Value>>>()?;
        let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
        let body: Option<(Option<String>, String)> =
            if is_messages { Some((row.get(count)?, row.get(count + 1)?)) } else { None };
        let body = body.as_ref().map(|(stored, text)| (stored as &dyn ToSql, text.as_str()));
        manifest.put_by(&mut insert, connection, table, &values, body)?;
    }
    Ok(())
}
