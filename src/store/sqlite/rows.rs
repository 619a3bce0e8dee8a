//! The tables and their rows: what a row is made of, its checksum, and how rows are written and taken away.
//!
//! SQLite has no checksums, so kew keeps its own. Each row has one over all its columns; and `manifest` has, for each
//! table, how many rows there are and the sum of their checksums. So a value that is not what was written is noticed,
//! and a row that is missing, that is there twice, or that had been deleted.

use std::fmt::Write as _;
use std::sync::LazyLock;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, Statement, params_from_iter};

use super::columns::damaged;
use super::manifest::Manifest;

/// A table whose rows have a checksum.
#[derive(Debug)]
pub(super) struct Table {
    pub name: &'static str,
    /// The columns that the checksum is over, the primary key first.
    pub columns: &'static [&'static str],
    /// How many columns are the primary key.
    key: usize,
    /// How many of the first columns change together, without the others being read. The checksum is the sum of one
    /// over these and one over the rest.
    changing: usize,
    /// A column behind the checksum. The checksum is over its text too, which may stand in another table.
    text: Option<&'static str>,
    /// Its place in [`TABLES`].
    index: usize,
    sql: LazyLock<Sql, fn() -> Sql>,
}

/// The texts of a table's statements.
#[derive(Debug)]
struct Sql {
    insert: String,
    find: String,
    replace: String,
}

macro_rules! tables {
    (@) => { None };
    (@ $text:literal) => { Some($text) };
    ($(
        $index:literal $table:ident $name:literal key $key:literal changing $changing:expr,
        [$($column:literal)*] $(+ $text:literal)?;
    )*) => {
        $(
            pub(super) static $table: Table = Table {
                name: $name,
                columns: &[$($column),*],
                key: $key,
                changing: $changing,
                text: tables!(@ $($text)?),
                index: $index,
                sql: LazyLock::new(|| Sql::new(&$table)),
            };
        )*
        /// All of them.
        pub(super) static TABLES: &[&Table] = &[$(&$table),*];
    };
}

const ALL: usize = usize::MAX;

tables! {
    0 QUEUES "queues" key 1 changing ALL, ["uid" "shelf" "account" "region" "name" "kind" "deduplication_scope"
        "created_ms" "modified_ms" "purged_ms" "attributes" "tags"];
    1 COUNTERS "counters" key 1 changing ALL, ["shelf" "next_number"];
    2 MESSAGES "messages" key 1 changing 8, ["id" "slot" "place" "state" "deadline_ms" "receive_count"
        "first_received_ms" "received_ms" "sent_ms" "retained_ms" "message_id" "body_md5" "message_group"
        "deduplication_id" "sender" "trace_header" "dead_letter_source" "received_elsewhere" "attributes"
        "attributes_md5"] + "body";
    3 DEDUPLICATION "deduplication" key 1 changing ALL, ["id" "message_group" "deduplication_id" "first_sent_ms"
        "message_id"];
    4 ATTEMPTS "attempts" key 2 changing ALL, ["queue" "attempt_id" "at_ms" "receipts"];
    5 DISCARDED "discarded" key 1 changing ALL, ["first_id" "last_id"];
    6 MOVE_TASKS "move_tasks" key 1 changing ALL, ["id" "queue" "source_arn" "destination_arn" "rate" "started_ms"
        "to_move" "moved" "status" "failure"];
    7 DELETED_QUEUES "deleted_queues" key 3 changing ALL, ["account" "region" "name" "at_ms"];
}

/// How many tables there are.
pub(super) const TABLES_COUNT: usize = 8;

/// How many rows there are, and the sum of their checksums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub rows: i64,
    pub sum: i64,
}

impl Total {
    pub(super) fn add(&mut self, rows: i64, sum: i64) {
        self.rows += rows;
        self.sum = self.sum.wrapping_add(sum);
    }
}

/// The totals of all tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals([Total; TABLES_COUNT]);

impl Totals {
    pub(super) fn of(&mut self, table: &Table) -> &mut Total {
        &mut self.0[table.index]
    }
}

impl Sql {
    fn new(table: &Table) -> Sql {
        let columns = [table.columns, &["checksum"], table.text.as_slice()].concat();
        let key = table.columns[..table.key].iter().map(|column| format!("{column} = ?")).collect::<Vec<_>>();
        let marks = vec!["?"; columns.len()].join(",");
        let mut set = String::new();
        for column in &columns[table.key..] {
            let _ = write!(set, "{}{column} = excluded.{column}", if set.is_empty() { "" } else { ", " });
        }
        let insert = format!("INSERT INTO {} ({}) VALUES ({marks}) ON CONFLICT", table.name, columns.join(", "));
        Sql {
            replace: format!("{insert} ({}) DO UPDATE SET {set}", table.columns[..table.key].join(", ")),
            insert: format!("{insert} DO NOTHING"),
            find: format!("SELECT checksum FROM {} WHERE {}", table.name, key.join(" AND ")),
        }
    }
}

impl Table {
    /// The columns of [`Table::columns`] and the checksum, as a list for SELECT.
    pub(super) fn select(&self, has_checksums: bool) -> String {
        format!("{}, {}", self.columns.join(", "), if has_checksums { "checksum" } else { "NULL" })
    }

    /// The statement that inserts a row.
    pub(super) fn insert(&self) -> &str {
        &self.sql.insert
    }

    /// The checksum of the columns that change.
    fn checksum_of_changing(&self, values: &[&dyn ToSql]) -> rusqlite::Result<u32> {
        let mut bytes = self.begin();
        for value in values {
            put_value(&mut bytes, value_of(&value.to_sql()?)?);
        }
        Ok(crc32fast::hash(&bytes))
    }

    /// The checksum of a row that is to be written, with its text.
    fn checksum(&self, values: &[&dyn ToSql], text: Option<&str>) -> rusqlite::Result<u32> {
        let changing = self.changing.min(values.len());
        let checksum = self.checksum_of_changing(&values[..changing])?;
        if changing == values.len() {
            return Ok(checksum);
        }
        let mut bytes = self.begin();
        for value in [values[0]].iter().chain(&values[changing..]) {
            put_value(&mut bytes, value_of(&value.to_sql()?)?);
        }
        Ok(checksum.wrapping_add(with_text(&bytes, text.map(str::as_bytes))))
    }

    /// The checksum of a row that begins with [`Table::select`], and goes on with its text, found to be that of its
    /// columns. `bytes` are of no meaning before and after.
    ///
    /// # Errors
    ///
    /// If it is another one.
    pub(super) fn verified(&self, row: &Row<'_>, bytes: &mut Vec<u8>) -> rusqlite::Result<i64> {
        let column = self.columns.len();
        let stored = row.get_ref(column)?;
        if stored == ValueRef::Null {
            // A store of an older kew has none.
            return Ok(0);
        }
        bytes.clear();
        bytes.extend_from_slice(self.name.as_bytes());
        let changing = self.changing.min(column);
        for index in 0..changing {
            put_value(bytes, row.get_ref(index)?);
        }
        let mut checksum = crc32fast::hash(bytes);
        if changing < column {
            bytes.truncate(self.name.len());
            put_value(bytes, row.get_ref(0)?);
            for index in changing..column {
                put_value(bytes, row.get_ref(index)?);
            }
            let text = self.text.map(|_| row.get_ref(column + 1)).transpose()?;
            let text = text.and_then(|text| text.as_bytes_or_null().ok().flatten());
            checksum = checksum.wrapping_add(with_text(bytes, text));
        }
        if stored == ValueRef::Integer(checksum.into()) {
            return Ok(checksum.into());
        }
        Err(damaged(column, "the row is not what was written: its checksum differs"))
    }

    fn begin(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(self.name.as_bytes());
        bytes
    }
}

/// A checksum over the columns and a text, which is not copied.
fn with_text(bytes: &[u8], text: Option<&[u8]>) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(bytes);
    checksum.update(text.unwrap_or_default());
    checksum.finalize()
}

fn value_of<'a>(output: &'a ToSqlOutput<'_>) -> rusqlite::Result<ValueRef<'a>> {
    match output {
        ToSqlOutput::Borrowed(value) => Ok(*value),
        ToSqlOutput::Owned(value) => Ok(value.into()),
        _ => Err(damaged(0, "this is no value")),
    }
}

/// A value so that no two lists of values give the same bytes.
fn put_value(bytes: &mut Vec<u8>, value: ValueRef<'_>) {
    let (kind, contents) = match value {
        ValueRef::Null => return bytes.push(0),
        ValueRef::Integer(number) => {
            bytes.push(1);
            return bytes.extend_from_slice(&number.to_le_bytes());
        }
        ValueRef::Real(number) => {
            bytes.push(2);
            return bytes.extend_from_slice(&number.to_le_bytes());
        }
        ValueRef::Text(text) => (3, text),
        ValueRef::Blob(blob) => (4, blob),
    };
    bytes.push(kind);
    bytes.extend_from_slice(&(contents.len() as u64).to_le_bytes());
    bytes.extend_from_slice(contents);
}

impl Manifest {
    /// Writes a row, new or in place of the one with the same key.
    pub(super) fn put(
        &mut self,
        connection: &Connection,
        table: &Table,
        values: &[&dyn ToSql],
    ) -> rusqlite::Result<()> {
        self.put_by(&mut *connection.prepare_cached(table.insert())?, connection, table, values, None)
    }

    /// The same with a statement at hand; and with a text, of which the first is what stands in the row.
    pub(super) fn put_by(
        &mut self,
        insert: &mut Statement<'_>,
        connection: &Connection,
        table: &Table,
        values: &[&dyn ToSql],
        text: Option<(&dyn ToSql, &str)>,
    ) -> rusqlite::Result<()> {
        let checksum = table.checksum(values, text.map(|(_, text)| text))?;
        let (stored, text): (&dyn ToSql, _) = (&checksum, text.map(|(stored, _)| stored));
        let row = || params_from_iter(values.iter().chain([&stored]).chain(&text));
        let total = self.totals.of(table);
        if insert.execute(row())? == 1 {
            total.add(1, checksum.into());
            return Ok(());
        }
        let before: i64 = connection
            .prepare_cached(&table.sql.find)?
            .query_row(params_from_iter(&values[..table.key]), |row| row.get(0))?;
        // Not deleted and inserted: the row keeps its place, and move tasks their order.
        connection.prepare_cached(&table.sql.replace)?.execute(row())?;
        total.add(0, i64::from(checksum).wrapping_sub(before));
        Ok(())
    }

    /// Changes the first columns of a message's row. Returns whether there is such a row.
    pub(super) fn change_message(&mut self, connection: &Connection, status: &[&dyn ToSql]) -> rusqlite::Result<bool> {
        let found = connection
            .prepare_cached(
                "SELECT id, slot, place, state, deadline_ms, receive_count, first_received_ms, received_ms, checksum \
                 FROM messages WHERE id = ?",
            )?
            .query_row([status[0]], |row| {
                let mut bytes = MESSAGES.begin();
                for index in 0..MESSAGES.changing {
                    put_value(&mut bytes, row.get_ref(index)?);
                }
                Ok((crc32fast::hash(&bytes), row.get::<_, u32>(MESSAGES.changing)?))
            })
            .optional()?;
        let Some((status_before, before)) = found else { return Ok(false) };
        let after = before.wrapping_sub(status_before).wrapping_add(MESSAGES.checksum_of_changing(status)?);
        let mut update = connection.prepare_cached(
            "UPDATE messages SET slot = ?2, place = ?3, state = ?4, deadline_ms = ?5, receive_count = ?6, \
             first_received_ms = ?7, received_ms = ?8, checksum = ?9 WHERE id = ?1",
        )?;
        update.execute(params_from_iter(status.iter().chain([&(&after as &dyn ToSql)])))?;
        self.totals.of(&MESSAGES).add(0, i64::from(after) - i64::from(before));
        Ok(true)
    }

    /// Deletes rows of a table: `DELETE FROM` its name and this condition. Returns how many there were.
    pub(super) fn delete(
        &mut self,
        connection: &Connection,
        table: &Table,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> rusqlite::Result<i64> {
        self.delete_by(&mut *connection.prepare_cached(sql)?, table, params)
    }

    /// The same with a statement at hand.
    pub(super) fn delete_by(
        &mut self,
        statement: &mut Statement<'_>,
        table: &Table,
        params: impl rusqlite::Params,
    ) -> rusqlite::Result<i64> {
        let mut rows = statement.query(params)?;
        let mut gone = Total::default();
        while let Some(row) = rows.next()? {
            gone.add(1, row.get(0)?);
        }
        self.totals.of(table).add(-gone.rows, gone.sum.wrapping_neg());
        Ok(gone.rows)
    }
}
