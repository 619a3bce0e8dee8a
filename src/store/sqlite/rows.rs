//! The tables and their rows: what a row is made of, and its checksum.
//!
//! SQLite has no checksums, so kew keeps its own. Each row has one over all its columns; and `manifest` has, for each
//! table, how many rows there are and the sum of their checksums. So a value that is not what was written is noticed,
//! and a row that is missing, that is there twice, or that had been deleted.

use std::fmt::Write as _;
use std::sync::LazyLock;

use rusqlite::Row;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::columns::damaged;

/// A table whose rows have a checksum.
#[derive(Debug)]
pub(super) struct Table {
    pub name: &'static str,
    /// The columns that the checksum is over, the primary key first.
    pub columns: &'static [&'static str],
    /// How many columns are the primary key.
    pub key: usize,
    /// How many of the first columns change together, without the others being read. The checksum is the sum of one
    /// over these and one over the rest.
    pub changing: usize,
    /// A column behind the checksum. The checksum is over its text too, which may stand in another table.
    text: Option<&'static str>,
    /// Its place in [`TABLES`].
    index: usize,
    pub sql: LazyLock<Sql, fn() -> Sql>,
}

/// The texts of a table's statements.
#[derive(Debug)]
pub(super) struct Sql {
    insert: String,
    pub find: String,
    pub replace: String,
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
    pub(super) fn checksum_of_changing(&self, values: &[&dyn ToSql]) -> rusqlite::Result<u32> {
        let mut bytes = self.begin();
        for value in values {
            put_value(&mut bytes, value_of(&value.to_sql()?)?);
        }
        Ok(crc32fast::hash(&bytes))
    }

    /// The checksum of a row that is to be written, with its text.
    pub(super) fn checksum(&self, values: &[&dyn ToSql], text: Option<&str>) -> rusqlite::Result<u32> {
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

    pub(super) fn begin(&self) -> Vec<u8> {
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
pub(super) fn put_value(bytes: &mut Vec<u8>, value: ValueRef<'_>) {
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
