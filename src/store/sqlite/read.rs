//! Loading: rows become effects, one after the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use md5::{Digest as _, Md5};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::columns::{
    boxed, damaged, json, message_id, optional_text, optional_time, optional_whole, shared, text, time, whole,
};
use super::schema::NUMBER_MAX;
use super::shelves::{Shelves, discarded_up_to, ids_of, number_of};
use super::write::STATES;
use super::{PROGRESS_STEP, Progress, attributes, open};
use crate::engine::{
    ATTEMPT_WINDOW_MS, Attributes, Body, DEDUPLICATION_WINDOW_MS, DeduplicationScope, Effect, Extra, Message, Receipt,
    Status, Stored, Time,
};
use crate::store::{DELETED_NAME_MS, Loaded, MoveTaskRecord, QueueRecord, StoreError};

/// Reads everything once.
pub(super) struct Loading<'a> {
    pub connection: &'a Connection,
    pub path: &'a Path,
    pub shelves: &'a mut Shelves,
    pub progress: Option<&'a mut Progress>,
    pub now: Time,
    pub visit: &'a mut dyn FnMut(Loaded),
    pub messages: u64,
}

impl Loading<'_> {
    pub(super) fn run(&mut self) -> Result<(), StoreError> {
        // One state of the file, whatever else goes on.
        let transaction = self.connection.unchecked_transaction().map_err(|error| self.told("the file", &error))?;
        self.check()?;
        for (record, shelf) in self.records().map_err(|error| self.told("a queue", &error))? {
            let uid = record.uid;
            let name = record.name.clone();
            (self.visit)(Loaded::Queue(record));
            self.contents(uid, shelf, &name)?;
        }
        self.tasks().map_err(|error| self.told("a move task", &error))?;
        self.deleted_names().map_err(|error| self.told("the name of a deleted queue", &error))?;
        transaction.commit().map_err(|error| self.told("the file", &error))
    }

    /// Checks the trees as a whole. Reading the rows would pass over a damaged pointer to one of them. It costs about a
    /// tenth of what loading costs.
    fn check(&self) -> Result<(), StoreError> {
        let found: String = self
            .connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|error| self.told("the file", &error))?;
        if found == "ok" {
            return Ok(());
        }
        Err(StoreError::Corrupt { path: self.path.into(), detail: found.replace('\n', " ") })
    }

    fn told(&self, what: &str, error: &rusqlite::Error) -> StoreError {
        match open::sql_error(self.path, error) {
            StoreError::Corrupt { path, detail } => StoreError::Corrupt { path, detail: format!("{what}: {detail}") },
            other => other,
        }
    }

    fn records(&self) -> rusqlite::Result<Vec<(QueueRecord, i64)>> {
        let mut statement = self.connection.prepare(
            "SELECT uid, shelf, account, region, name, kind, deduplication_scope, created_ms, modified_ms, purged_ms, \
             attributes, tags FROM queues ORDER BY shelf",
        )?;
        let rows = statement.query_map([], |row| Ok((record(row)?, row.get(1)?)))?;
        rows.collect()
    }

    fn contents(&mut self, uid: u64, shelf: i64, name: &str) -> Result<(), StoreError> {
        let discarded = discarded_up_to(self.connection, shelf).map_err(|error| self.told(name, &error))?;
        let first = discarded.map_or(*ids_of(shelf).start(), |last| last.saturating_add(1));
        let mut next_number = self.stored(uid, first, shelf, name)?;
        self.remembered(uid, first, shelf).map_err(|error| self.told("a deduplication id", &error))?;
        self.attempted(uid, first).map_err(|error| self.told("a receive attempt", &error))?;
        if let Some(shelf) = self.shelves.of(uid) {
            next_number = next_number.max(shelf.counter);
            shelf.next_number = next_number;
        }
        if next_number > NUMBER_MAX {
            // No queue counts this far, and the next message could not be written.
            let detail = format!("queue {name}: its next message would have the number {next_number}");
            return Err(StoreError::Corrupt { path: self.path.into(), detail });
        }
        (self.visit)(Loaded::Effect { queue: uid, effect: Effect::Counter { next_number } });
        Ok(())
    }

    /// The messages; returns the next number as they tell it.
    fn stored(&mut self, uid: u64, first: i64, shelf: i64, name: &str) -> Result<u64, StoreError> {
        let connection = self.connection;
        let mut next_number = 0;
        let mut reader = MessageReader::default();
        let mut statement = connection
            .prepare_cached(
                "SELECT id, slot, place, state, deadline_ms, receive_count, first_received_ms, received_ms, sent_ms, \
                 retained_ms, message_id, body_md5, message_group, deduplication_id, sender, trace_header, \
                 dead_letter_source, received_elsewhere, attributes, attributes_md5, \
                 coalesce(body, (SELECT l.body FROM long_bodies l WHERE l.id = m.id)) \
                 FROM messages m WHERE id BETWEEN ? AND ? ORDER BY id",
            )
            .map_err(|error| self.told(name, &error))?;
        let mut rows = statement.query([first, *ids_of(shelf).end()]).map_err(|error| self.told(name, &error))?;
        let mut last = 0;
        loop {
            let row = rows.next().map_err(|error| self.told(&format!("queue {name}, after message {last}"), &error))?;
            let Some(row) = row else { break };
            last = row.get(0).map_err(|error| self.told(name, &error))?;
            let stored = reader
                .read(row, number_of(last))
                .map_err(|error| self.told(&format!("queue {name}, messages.id = {last}"), &error))?;
            let effect = Effect::Stored(Box::new(stored));
            next_number = next_number.max(effect.next_number());
            (self.visit)(Loaded::Effect { queue: uid, effect });
            self.messages += 1;
            if self.messages.is_multiple_of(PROGRESS_STEP)
                && let Some(progress) = &mut self.progress
            {
                progress(self.messages);
            }
        }
        Ok(next_number)
    }

    fn remembered(&mut self, uid: u64, first: i64, shelf: i64) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, message_group, deduplication_id, first_sent_ms, message_id FROM deduplication \
             WHERE id BETWEEN ? AND ? ORDER BY id",
        )?;
        let mut rows = statement.query([first, *ids_of(shelf).end()])?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            let number = number_of(row.get(0)?);
            let first_sent = time(row, 3)?;
            // A mark of a clock that was ahead would keep its id, and all behind it, for as long.
            let first_sent = first_sent.min(self.now);
            self.shelves.remember(uid, first_sent, number, false);
            last = Some((first_sent, number));
            if self.now.ms_since(first_sent) >= DEDUPLICATION_WINDOW_MS {
                continue;
            }
            let effect = Effect::Remembered {
                group: row.get(1)?,
                deduplication_id: row.get(2)?,
                first_sent,
                id: message_id(row, 4)?,
                number,
            };
            (self.visit)(Loaded::Effect { queue: uid, effect });
        }
        if let Some((first_sent, number)) = last {
            self.shelves.remember(uid, first_sent, number, true);
        }
        Ok(())
    }

    fn attempted(&mut self, uid: u64, first: i64) -> rusqlite::Result<()> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT attempt_id, at_ms, receipts FROM attempts WHERE queue = ? ORDER BY at_ms")?;
        let mut rows = statement.query([uid.cast_signed()])?;
        while let Some(row) = rows.next()? {
            let at = time(row, 1)?;
            if self.now.ms_since(at) >= ATTEMPT_WINDOW_MS {
                continue;
            }
            let receipts: Vec<(u32, u64, u32, Option<u64>)> = json(row, 2)?;
            let mut untouched = true;
            for &(_, number, receive, deadline) in &receipts {
                untouched &= self.is_untouched(uid, first, number, receive, deadline)?;
            }
            if untouched {
                let receipt = |(slot, number, receive, _)| Receipt { queue: uid, slot, number, receive };
                let receipts = receipts.into_iter().map(receipt).collect();
                let effect = Effect::Attempted { attempt_id: row.get(0)?, at, receipts };
                (self.visit)(Loaded::Effect { queue: uid, effect });
            }
        }
        Ok(())
    }

    /// Whether a message is still in flight as the attempt left it. The engine tells that by a mark on the wait, which
    /// is not stored; its end does as well.
    fn is_untouched(
        &mut self,
        uid: u64,
        first: i64,
        number: u64,
        receive: u32,
        deadline: Option<u64>,
    ) -> rusqlite::Result<bool> {
        let id = self.shelves.of(uid).and_then(|shelf| shelf.id(number)).filter(|&id| id >= first);
        let found: Option<Option<u64>> = self
            .connection
            .prepare_cached(
                "SELECT deadline_ms FROM messages WHERE id = ? AND receive_count = ? AND state = 'in flight'",
            )?
            .query_row(params![id, receive], |row| optional_whole(row, 0))
            .optional()?;
        Ok(found.is_some_and(|found| deadline.is_none() || found == deadline))
    }

    fn tasks(&mut self) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare(
            "SELECT id, queue, source_arn, destination_arn, rate, started_ms, to_move, moved, status, failure \
             FROM move_tasks ORDER BY started_ms, rowid",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            (self.visit)(Loaded::MoveTask(MoveTaskRecord {
                id: row.get(0)?,
                queue: row.get::<_, i64>(1)?.cast_unsigned(),
                source_arn: row.get(2)?,
                destination_arn: row.get(3)?,
                rate: row.get(4)?,
                started: time(row, 5)?,
                to_move: whole(row, 6)?,
                moved: whole(row, 7)?,
                status: row.get(8)?,
                failure: row.get(9)?,
            }));
        }
        Ok(())
    }

    fn deleted_names(&mut self) -> rusqlite::Result<()> {
        let mut statement =
            self.connection.prepare("SELECT account, region, name, at_ms FROM deleted_queues ORDER BY at_ms")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let at = time(row, 3)?;
            if self.now.ms_since(at) < DELETED_NAME_MS {
                let (account, region, name) = (row.get(0)?, row.get(1)?, row.get(2)?);
                (self.visit)(Loaded::DeletedName { account, region, name, at });
            }
        }
        Ok(())
    }
}

/// Reads messages, and shares what consecutive ones have in common.
#[derive(Default)]
struct MessageReader {
    group: Option<Arc<str>>,
    source: Option<Arc<str>>,
}

impl MessageReader {
    /// One row of `messages`, in the order of columns of `Loading::stored`.
    fn read(&mut self, row: &Row<'_>, number: u64) -> rusqlite::Result<Stored> {
        let state = text(row, 3)?;
        let state = STATES.iter().find(|(_, word)| *word == state);
        let state = state.map(|(state, _)| *state).ok_or_else(|| damaged(3, "this is no state"))?;
        let status = Status {
            order: optional_whole(row, 2)?.unwrap_or(number),
            state,
            deadline: optional_time(row, 4)?,
            receive_count: row.get(5)?,
            first_received: optional_time(row, 6)?,
            received_at: optional_time(row, 7)?,
        };
        let sent = time(row, 8)?;
        let body = text(row, 20)?;
        let body_md5: [u8; 16] = row.get(11)?;
        if <[u8; 16]>::from(Md5::digest(body)) != body_md5 {
            return Err(damaged(20, "the body is not what was sent: its MD5 differs"));
        }
        let message = Message {
            id: message_id(row, 10)?,
            body: Body::from(body),
            body_md5,
            extra: self.extra(row)?,
            group: shared(&mut self.group, row, 12)?,
            sent,
            retained_from: optional_time(row, 9)?.unwrap_or(sent),
            first_received: status.first_received,
            receive_count: status.receive_count,
        };
        Ok(Stored { slot: row.get(1)?, number, status, message })
    }

    fn extra(&mut self, row: &Row<'_>) -> rusqlite::Result<Option<Arc<Extra>>> {
        let attributes = match optional_text(row, 18)? {
            None => None,
            Some(json) => {
                let encoded = attributes::from_json(json).ok_or_else(|| damaged(18, "these are no attributes"))?;
                Some(Attributes { encoded: encoded.into(), md5: row.get(19)? })
            }
        };
        let extra = Extra {
            attributes,
            trace_header: boxed(row, 15)?,
            sender: boxed(row, 14)?,
            deduplication_id: row.get(13)?,
            dead_letter_source: shared(&mut self.source, row, 16)?,
            retained_from: None,
            received_elsewhere: row.get::<_, Option<u32>>(17)?.unwrap_or(0),
        };
        Ok((extra != Extra::default()).then(|| Arc::new(extra)))
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<QueueRecord> {
    Ok(QueueRecord {
        uid: row.get::<_, i64>(0)?.cast_unsigned(),
        account: row.get(2)?,
        region: row.get(3)?,
        name: row.get(4)?,
        fifo: match text(row, 5)? {
            "fifo" => true,
            "standard" => false,
            _ => return Err(damaged(5, "this is no kind of queue")),
        },
        deduplication_scope: match text(row, 6)? {
            "queue" => DeduplicationScope::Queue,
            "messageGroup" => DeduplicationScope::MessageGroup,
            _ => return Err(damaged(6, "this is no deduplication scope")),
        },
        created: time(row, 7)?,
        modified: time(row, 8)?,
        purged: optional_time(row, 9)?,
        attributes: json::<BTreeMap<String, String>>(row, 10)?,
        tags: json::<BTreeMap<String, String>>(row, 11)?,
    })
}
