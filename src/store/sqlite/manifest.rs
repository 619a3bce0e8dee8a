//! What the file must hold: the number of the last commit, the totals of each table, the texts of the schema.
//!
//! The one row of `manifest` is a part of every commit. It tells a row that is missing from one that was deleted, and,
//! by its number, a state that is older than one that was acknowledged.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rusqlite::{Connection, params};

use super::columns::{damaged, json, whole};
use super::rows::{TABLES, Totals};

/// The row, as the next commit will write it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Goes up by one with each commit.
    pub last_commit: u64,
    pub totals: Totals,
    /// Of the texts of the schema.
    schema_checksum: u32,
}

/// All that the schema is made of, by name. Other tables and views in the file are not kew's.
const SCHEMA: &str = "SELECT name, sql FROM sqlite_schema WHERE name IN \
    ('queues', 'counters', 'messages', 'long_bodies', 'deduplication', 'attempts', 'attempts_by_time', 'discarded', \
    'move_tasks', 'deleted_queues', 'manifest', 'message', 'queue') ORDER BY name";

impl Manifest {
    /// Reads the row, and checks that the schema is the one it was written for.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Manifest> {
        let sql = "SELECT last_commit, totals, schema_checksum, checksum FROM manifest WHERE id = 1";
        connection.query_row(sql, [], |row| {
            let (last_commit, schema): (u64, u32) = (whole(row, 0)?, row.get(2)?);
            let text: String = row.get(1)?;
            if row.get::<_, u32>(3)? != checksum(last_commit, &text, schema) {
                return Err(damaged(3, "the manifest is not what was written: its checksum differs"));
            }
            if schema != schema_checksum(connection)? {
                return Err(damaged(2, "the schema is not what was written: its checksum differs"));
            }
            let read: BTreeMap<String, (i64, i64)> = json(row, 1)?;
            let mut manifest = Manifest { last_commit, totals: Totals::default(), schema_checksum: schema };
            for table in TABLES {
                let &(rows, sum) = read.get(table.name).ok_or_else(|| damaged(1, "the manifest lacks a table"))?;
                manifest.totals.of(table).add(rows, sum);
            }
            Ok(manifest)
        })
    }

    /// Writes the row with the next number, as the last step of a transaction.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.last_commit += 1;
        let totals = self.text();
        connection
            .prepare_cached("UPDATE manifest SET last_commit = ?1, totals = ?2, checksum = ?3 WHERE id = 1")?
            .execute(params![
                self.last_commit.cast_signed(),
                totals,
                checksum(self.last_commit, &totals, self.schema_checksum)
            ])?;
        Ok(())
    }

    /// Writes the row of a store that has none yet.
    pub(super) fn write_new(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.schema_checksum = schema_checksum(connection)?;
        connection.execute(
            "INSERT INTO manifest (id, last_commit, totals, schema_checksum, checksum) VALUES (1, 0, '', ?, 0)",
            [self.schema_checksum],
        )?;
        self.write(connection)
    }

    fn text(&self) -> String {
        let mut totals = self.totals;
        let mut text = String::with_capacity(256);
        for table in TABLES {
            let total = totals.of(table);
            text.push_str(if text.is_empty() { "{" } else { "," });
            let _ = write!(text, "\"{}\":[{},{}]", table.name, total.rows, total.sum);
        }
        text.push('}');
        text
    }
}

fn checksum(last_commit: u64, totals: &str, schema: u32) -> u32 {
    crc32fast::hash(format!("manifest {last_commit} {totals} {schema}").as_bytes())
}

/// The checksum of the texts of the schema. Where the tables begin does not count: VACUUM moves them.
fn schema_checksum(connection: &Connection) -> rusqlite::Result<u32> {
    let mut statement = connection.prepare(SCHEMA)?;
    let mut rows = statement.query([])?;
    let mut text = String::new();
    while let Some(row) = rows.next()? {
        let _ = write!(text, "{}\0{}\0", row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
    }
    Ok(crc32fast::hash(text.as_bytes()))
}
