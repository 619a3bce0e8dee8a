//! Committing: the summary of a batch becomes one transaction.

use std::path::Path;

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};
use serde_json::json;

use super::columns::STATES;
use super::manifest::Manifest;
use super::row_ids::{RowRanges, ids_in_range};
use super::rows::{ATTEMPTS, COUNTERS, DEDUPLICATION, DELETED_QUEUES, DISCARDED, MESSAGES, MOVE_TASKS, QUEUES};
use super::upkeep::{self, Upkeep};
use super::{attributes, errors};
use crate::engine::{DeduplicationScope, MessageState, MessageStatus, StoredMessage, Time};
use crate::store::compact::{Attempted, BatchSummary, MessageSummary, QueueSummary, Remembered};
use crate::store::{MoveTaskRecord, QueueRecord, StoreError};

/// Bodies longer than this many bytes stand in a table of their own. A receive changes a message's row, and SQLite
/// writes a changed row whole; with this bound a row fits into one page of 4096 bytes.
const BODY_APART_FROM: usize = 2048;

/// What goes wrong while a batch is written.
enum WriteError {
    Sql(rusqlite::Error),
    /// Something does not fit.
    Limit(String),
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> WriteError {
        WriteError::Sql(error)
    }
}

/// Begins the transaction of the next batch.
///
/// Exclusive: with a write-ahead log, other programs can read but not write. Where the file system carries no log, it
/// keeps readers out as well, because a commit could not wait for them any more.
pub(super) fn begin(connection: &Connection) -> rusqlite::Result<()> {
    if connection.is_autocommit() { connection.execute_batch("BEGIN EXCLUSIVE") } else { Ok(()) }
}

/// Writes a batch, all of it or nothing.
pub(super) fn commit(
    connection: &Connection,
    path: &Path,
    ranges: &mut RowRanges,
    manifest: &mut Manifest,
    upkeep: &mut Upkeep,
    now: Time,
    summary: BatchSummary,
) -> Result<(), StoreError> {
    let written = (|| -> Result<(), WriteError> {
        begin(connection)?;
        let (insert, delete, remember) = (None, None, None);
        let mut writer = Writer { connection, ranges, manifest, upkeep, insert, delete, remember };
        let mut queues = summary.queues;
        // Deleted ones first: a new one may need the place.
        for (uid, queue) in queues.extract_if(.., |_, queue| queue.deleted.is_some()) {
            writer.queue(uid, queue)?;
        }
        for (uid, queue) in queues {
            writer.queue(uid, queue)?;
        }
        for (id, task) in summary.tasks {
            match task {
                Some(task) => writer.task(&task)?,
                None => {
                    let sql = "DELETE FROM move_tasks WHERE id = ? RETURNING checksum";
                    writer.manifest.delete(connection, &MOVE_TASKS, sql, [id])?;
                }
            }
        }
        drop(writer);
        // Forgotten here and not in a transaction of its own, which would cost a sync of its own.
        upkeep.forget(connection, ranges, manifest, now)?;
        manifest.write(connection)?;
        connection.execute_batch("COMMIT")?;
        Ok(())
    })();
    written.map_err(|error| {
        // What was not committed is gone in any case; an error means that SQLite has rolled it back already.
        let _ = connection.execute_batch("ROLLBACK");
        match error {
            WriteError::Sql(error) => errors::sql_error(path, &error),
            WriteError::Limit(detail) => StoreError::Limit { detail },
        }
    })
}

/// A commit under way.
struct Writer<'a> {
    connection: &'a Connection,
    ranges: &'a mut RowRanges,
    manifest: &'a mut Manifest,
    upkeep: &'a mut Upkeep,
    /// Statements that a batch may need often.
    insert: Option<CachedStatement<'a>>,
    delete: Option<CachedStatement<'a>>,
    remember: Option<CachedStatement<'a>>,
}

/// A statement that is looked up once.
fn kept<'s, 'c>(
    statement: &'s mut Option<CachedStatement<'c>>,
    connection: &'c Connection,
    sql: &str,
) -> rusqlite::Result<&'s mut CachedStatement<'c>> {
    match statement {
        Some(statement) => Ok(statement),
        none => Ok(none.insert(connection.prepare_cached(sql)?)),
    }
}

impl Writer<'_> {
    fn queue(&mut self, uid: u64, queue: QueueSummary) -> Result<(), WriteError> {
        if let Some(at) = queue.deleted {
            return self.delete_queue(uid, queue.record.as_deref(), at);
        }
        if let Some(record) = &queue.record {
            self.put_queue(record)?;
        }
        let Some(range) = self.ranges.of(uid).map(|range| range.number) else {
            tracing::debug!(uid, "changes of a queue that is not there were passed over");
            return Ok(());
        };
        if let Some(below) = queue.purged_below
            && below > 0
        {
            self.discard(
                range,
                ids_in_range(range).start() | (below - 1).min(super::layout::NUMBER_MAX).cast_signed(),
            )?;
        }
        for (number, message) in queue.messages {
            self.message(uid, number, message)?;
        }
        for remembered in queue.remembered {
            self.remembered(uid, &remembered)?;
        }
        for (id, attempt) in queue.attempts {
            self.attempted(uid, &id, &attempt)?;
        }
        let Some(range) = self.ranges.of(uid) else { return Ok(()) };
        range.next_number = range.next_number.max(queue.next_number);
        if queue.removed_any && range.next_number != range.counter {
            range.counter = range.next_number;
            self.manifest.put(self.connection, &COUNTERS, &[&range.number, &whole(range.counter)])?;
        }
        Ok(())
    }

    fn put_queue(&mut self, queue: &QueueRecord) -> Result<(), WriteError> {
        let range = match self.ranges.of(queue.uid) {
            Some(range) => range.number,
            None => self.new_range(queue.uid)?,
        };
        self.manifest.put(
            self.connection,
            &QUEUES,
            params![
                queue.uid.cast_signed(),
                range,
                queue.account,
                queue.region,
                queue.name,
                if queue.fifo { "fifo" } else { "standard" },
                match queue.deduplication_scope {
                    DeduplicationScope::Queue => "queue",
                    DeduplicationScope::MessageGroup => "messageGroup",
                },
                ms(queue.created),
                ms(queue.modified),
                queue.purged.map(ms),
                json!(queue.attributes).to_string(),
                json!(queue.tags).to_string(),
            ],
        )?;
        Ok(())
    }

    fn new_range(&mut self, uid: u64) -> Result<i64, WriteError> {
        loop {
            if let Some(range) = self.ranges.add(uid) {
                return Ok(range);
            }
            // The broker has no more queues than there are ranges, but those of deleted queues may not be cleared yet.
            // Now that cannot wait.
            let (more, _) = upkeep::clear_first(self.connection, self.ranges, self.manifest, i64::MAX)?;
            if !more {
                return Err(WriteError::Limit(format!("a store holds at most {} queues", super::layout::RANGES_MAX)));
            }
        }
    }

    fn delete_queue(&mut self, uid: u64, record: Option<&QueueRecord>, at: Time) -> Result<(), WriteError> {
        let name = match record {
            Some(record) => Some((record.account.clone(), record.region.clone(), record.name.clone())),
            None => self
                .connection
                .prepare_cached("SELECT account, region, name FROM queues WHERE uid = ?")?
                .query_row([uid.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?,
        };
        if let Some((account, region, name)) = name {
            self.upkeep.names = true;
            self.manifest.put(self.connection, &DELETED_QUEUES, params![account, region, name, ms(at)])?;
        }
        let Some(range) = self.ranges.remove(uid) else { return Ok(()) };
        let sql = "DELETE FROM queues WHERE uid = ? RETURNING checksum";
        self.manifest.delete(self.connection, &QUEUES, sql, [uid.cast_signed()])?;
        let sql = "DELETE FROM counters WHERE shelf = ? RETURNING checksum";
        self.manifest.delete(self.connection, &COUNTERS, sql, [range.number])?;
        self.discard(range.number, *range.ids().end())?;
        Ok(())
    }

    /// Everything in a range up to this row is gone.
    fn discard(&mut self, range: i64, last_id: i64) -> rusqlite::Result<()> {
        self.upkeep.discarded = true;
        self.manifest.put(self.connection, &DISCARDED, params![ids_in_range(range).start(), last_id])
    }

    fn message(&mut self, uid: u64, number: u64, message: MessageSummary) -> Result<(), WriteError> {
        let id = self.ranges.of(uid).and_then(|range| range.id(number));
        match (message, id) {
            (MessageSummary::Stored(stored), Some(id)) => self.insert(id, &stored)?,
            (MessageSummary::Stored(_), None) => {
                let detail = format!("a store holds no message numbers above {}", super::layout::NUMBER_MAX);
                return Err(WriteError::Limit(detail));
            }
            (MessageSummary::Changed { slot, status }, Some(id)) => {
                let status = params![
                    id,
                    slot,
                    place(&status, number),
                    word(status.state),
                    status.deadline.map(ms),
                    status.receive_count,
                    status.first_received.map(ms),
                    status.received_at.map(ms),
                ];
                self.manifest.change_message(self.connection, status)?;
            }
            (MessageSummary::Removed, Some(id)) => {
                let sql = "DELETE FROM messages WHERE id = ? RETURNING checksum";
                self.manifest.delete_by(kept(&mut self.delete, self.connection, sql)?, &MESSAGES, [id])?;
                if self.upkeep.long_bodies {
                    self.connection.prepare_cached("DELETE FROM long_bodies WHERE id = ?")?.execute([id])?;
                }
            }
            (_, None) => {}
        }
        Ok(())
    }

    fn insert(&mut self, id: i64, stored: &StoredMessage) -> rusqlite::Result<()> {
        let StoredMessage { slot, number, status, message } = stored;
        let extra = message.extra.as_deref();
        let attributes = extra.and_then(|extra| extra.attributes.as_ref());
        let text = message.body.as_str();
        let apart = text.len() > BODY_APART_FROM;
        let values = params![
            id,
            slot,
            place(status, *number),
            word(status.state),
            status.deadline.map(ms),
            status.receive_count,
            status.first_received.map(ms),
            status.received_at.map(ms),
            ms(message.sent),
            (message.retained_from != message.sent).then_some(ms(message.retained_from)),
            message.id.to_string(),
            message.body_md5,
            message.group.as_deref(),
            extra.and_then(|extra| extra.deduplication_id.as_deref()),
            extra.and_then(|extra| extra.sender.as_deref()),
            extra.and_then(|extra| extra.trace_header.as_deref()),
            extra.and_then(|extra| extra.dead_letter_source.as_deref()),
            extra.map(|extra| extra.receive_count_on_arrival).filter(|&count| count > 0),
            attributes.map(|attributes| attributes::to_json(&attributes.encoded)),
            attributes.map(|attributes| attributes.md5),
        ];
        let stored = (!apart).then_some(text);
        let insert = kept(&mut self.insert, self.connection, MESSAGES.insert())?;
        self.manifest.put_by(insert, self.connection, &MESSAGES, values, Some((&stored, text)))?;
        if apart {
            self.upkeep.long_bodies = true;
            self.connection
                .prepare_cached("INSERT OR REPLACE INTO long_bodies (id, body) VALUES (?,?)")?
                .execute(params![id, text])?;
        }
        Ok(())
    }

    fn remembered(&mut self, uid: u64, remembered: &Remembered) -> rusqlite::Result<()> {
        let id = self.ranges.of(uid).and_then(|range| range.id(remembered.number));
        let Some(id) = id else { return Ok(()) };
        let values = params![
            id,
            remembered.group.as_deref(),
            &*remembered.deduplication_id,
            ms(remembered.first_sent),
            remembered.id.to_string(),
        ];
        let remember = kept(&mut self.remember, self.connection, DEDUPLICATION.insert())?;
        self.manifest.put_by(remember, self.connection, &DEDUPLICATION, values, None)?;
        self.ranges.note(uid, remembered.first_sent, remembered.number, false);
        Ok(())
    }

    fn attempted(&mut self, uid: u64, attempt_id: &str, attempt: &Attempted) -> rusqlite::Result<()> {
        let mut receipts = Vec::with_capacity(attempt.receipts.len());
        for (receipt, deadline) in &attempt.receipts {
            let deadline = match (deadline, self.ranges.of(uid).and_then(|range| range.id(receipt.number))) {
                (Some(deadline), _) => Some(ms(*deadline)),
                (None, Some(id)) => self
                    .connection
                    .prepare_cached("SELECT deadline_ms FROM messages WHERE id = ?")?
                    .query_row([id], |row| row.get::<_, Option<i64>>(0))
                    .optional()?
                    .flatten(),
                (None, None) => None,
            };
            receipts.push(json!([receipt.slot, receipt.number, receipt.receive, deadline]));
        }
        self.upkeep.attempts = true;
        let values = params![uid.cast_signed(), attempt_id, ms(attempt.at), json!(receipts).to_string()];
        self.manifest.put(self.connection, &ATTEMPTS, values)
    }

    fn task(&mut self, task: &MoveTaskRecord) -> rusqlite::Result<()> {
        let values = params![
            task.id,
            task.queue.cast_signed(),
            task.source_arn,
            task.destination_arn,
            task.rate,
            ms(task.started),
            whole(task.to_move),
            whole(task.moved),
            task.status,
            task.failure,
        ];
        self.manifest.put(self.connection, &MOVE_TASKS, values)
    }
}

/// SQLite's whole numbers have a sign; nothing counts so far.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn ms(time: Time) -> i64 {
    whole(time.as_ms())
}

fn word(state: MessageState) -> &'static str {
    STATES.iter().find(|(known, _)| *known == state).map_or("visible", |(_, word)| word)
}

/// The place of most messages is their number, and then not worth a column's bytes.
fn place(status: &MessageStatus, number: u64) -> Option<i64> {
    (status.order != number).then(|| whole(status.order))
}
