//! Loading: rows become effects, one after the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use md5::{Digest as _, Md5};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::columns::{
    STATES, boxed, damaged, json, message_id, optional_text, optional_time, optional_whole, range, shared, text, time,
    whole,
};
use super::layout::NUMBER_MAX;
use super::manifest::Manifest;
use super::row_ids::{RowRanges, ids_in_range, number_of, range_of};
use super::rows::{
    ATTEMPTS, COUNTERS, DEDUPLICATION, DELETED_QUEUES, DISCARDED, MESSAGES, MOVE_TASKS, QUEUES, TABLES, Table, Totals,
};
use super::{PROGRESS_STEP, Progress, attributes, errors};
use crate::engine::{
    ATTEMPT_WINDOW_MS, Arrival, Attributes, Body, DEDUPLICATION_WINDOW_MS, DeduplicationScope, Effect, Extra, Message,
    MessageStatus, Receipt, StoredMessage, Time,
};
use crate::store::{DELETED_NAME_MS, MoveTaskRecord, QueueRecord, StoreError, StoredItem};

/// Reads everything once.
pub(super) struct Loading<'a> {
    pub connection: &'a Connection,
    pub path: &'a Path,
    pub ranges: &'a mut RowRanges,
    /// Whether the rows have checksums; those of an older kew have none.
    pub has_checksums: bool,
    /// What must be found, if that is known.
    pub manifest: Option<Manifest>,
    pub progress: Option<&'a mut Progress>,
    pub now: Time,
    pub visit: &'a mut dyn FnMut(StoredItem),
    /// Told of damage. With an error, reading ends; without, it goes on with the next thing that can be read.
    pub damage: &'a mut dyn FnMut(StoreError) -> Result<(), StoreError>,
    /// Damage does not end reading, and nothing is too old to be told.
    pub is_lenient: bool,
    pub messages: u64,
    /// What has been found.
    pub found: Totals,
    /// For checksums.
    pub bytes: Vec<u8>,
}

/// A row of `queues`.
struct QueueRow {
    record: QueueRecord,
    range: i64,
}

/// What is done with a row.
type Each<'e, 'a> = &'e mut dyn FnMut(&mut Loading<'a>, &Row<'_>) -> Result<(), StoreError>;

impl<'a> Loading<'a> {
    pub(super) fn run(&mut self) -> Result<(), StoreError> {
        // One state of the file, even if another program writes to it.
        let connection = self.connection;
        let transaction = match connection.unchecked_transaction() {
            Ok(transaction) => transaction,
            Err(error) => return self.report_error("the file", &error),
        };
        self.check()?;
        let discarded = self.discarded()?;
        let counters = self.counters()?;
        let queues = self.queues(&discarded)?;
        let counter = |range: i64| counters.get(&range).copied().unwrap_or(0);
        let ranges = queues.iter().map(|queue| (queue.record.uid, queue.range, counter(queue.range)));
        self.ranges.set(ranges, discarded.keys().copied().collect());
        for QueueRow { record, range } in queues {
            let uid = record.uid;
            let name = record.name.clone();
            (self.visit)(StoredItem::Queue(record));
            let first = discarded
                .get(ids_in_range(range).start())
                .map_or(*ids_in_range(range).start(), |last| last.saturating_add(1));
            self.contents(uid, first, range, &name)?;
        }
        if let Err(error) = self.tasks() {
            self.report_error("a move task", &error)?;
        }
        if let Err(error) = self.deleted_names() {
            self.report_error("the name of a deleted queue", &error)?;
        }
        self.compare(&discarded)?;
        match transaction.commit() {
            Ok(()) => Ok(()),
            Err(error) => self.report_error("the file", &error),
        }
    }

    /// Checks the trees as a whole, with their indices. Reading the rows would pass over a damaged pointer to one of
    /// them. It costs about a tenth of what loading costs.
    fn check(&mut self) -> Result<(), StoreError> {
        let connection = self.connection;
        let found = connection.prepare("PRAGMA integrity_check(20)").and_then(|mut statement| {
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            rows.collect::<rusqlite::Result<Vec<String>>>()
        });
        match found {
            Ok(found) => found
                .iter()
                .filter(|line| *line != "ok")
                .try_for_each(|line| self.report_damage("the file", line.replace('\n', " "))),
            Err(error) => self.report_error("the file", &error),
        }
    }

    /// Reports an error, if it comes from damage.
    fn report_error(&mut self, place: &str, error: &rusqlite::Error) -> Result<(), StoreError> {
        match errors::sql_error(self.path, error) {
            StoreError::Corrupt { detail, .. }
            | StoreError::Foreign { detail, .. }
            | StoreError::Internal { detail } => self.report_damage(place, detail),
            error @ StoreError::Io { .. } => (self.damage)(error),
            error => Err(error),
        }
    }

    fn report_damage(&mut self, place: &str, detail: String) -> Result<(), StoreError> {
        (self.damage)(StoreError::Corrupt { path: self.path.into(), detail: format!("{place}: {detail}") })
    }

    /// A list of columns for a table, with its checksum.
    fn select(&self, table: &Table) -> String {
        table.select(self.has_checksums)
    }

    /// Counts a row that is as it was written.
    fn count(&mut self, table: &Table, row: &Row<'_>) -> rusqlite::Result<()> {
        let checksum = table.verified(row, &mut self.bytes)?;
        self.found.of(table).add(1, checksum);
        Ok(())
    }

    /// Reads the rows of a table in the order of their ids, which are in the first column. `more` are further columns.
    /// What cannot be read is reported and passed over.
    fn scan(
        &mut self,
        place: &str,
        table: &Table,
        more: &str,
        (first, last): (i64, i64),
        each: Each<'_, 'a>,
    ) -> Result<(), StoreError> {
        let (select, name, id) = (self.select(table), table.name, table.columns[0]);
        let sql = format!("SELECT {select}{more} FROM {name} t NOT INDEXED WHERE {id} BETWEEN ? AND ? ORDER BY {id}");
        let mut from = Some(first);
        while let Some(first) = from {
            let mut id = None;
            let Err(error) = self.scan_from(&sql, first, last, &mut id, each)? else { break };
            let after = id.map_or_else(String::new, |id| format!(", after {name}.{} = {id}", table.columns[0]));
            self.report_error(&format!("{place}{after}"), &error)?;
            let unreadable = id.map_or(Some(first), |id| id.checked_add(1));
            from = unreadable.and_then(|from| self.next_readable(&sql, from, last));
        }
        Ok(())
    }

    /// Until something cannot be read, which is the inner error; `id` is that of the row before.
    fn scan_from(
        &mut self,
        sql: &str,
        first: i64,
        last: i64,
        id: &mut Option<i64>,
        each: Each<'_, 'a>,
    ) -> Result<rusqlite::Result<()>, StoreError> {
        let connection = self.connection;
        let mut statement = match connection.prepare_cached(sql) {
            Ok(statement) => statement,
            Err(error) => return Ok(Err(error)),
        };
        let mut rows = match statement.query([first, last]) {
            Ok(rows) => rows,
            Err(error) => return Ok(Err(error)),
        };
        loop {
            match rows.next() {
                Ok(Some(row)) => {
                    match row.get(0) {
                        Ok(found) => *id = Some(found),
                        Err(error) => return Ok(Err(error)),
                    }
                    each(self, row)?;
                }
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// The first id from which rows can be read again, by doubling steps and halving them.
    fn next_readable(&self, sql: &str, from: i64, last: i64) -> Option<i64> {
        let is_readable = |id: i64| {
            let first = |statement: &mut rusqlite::Statement<'_>| Ok(statement.query([id, last])?.next()?.is_some());
            self.connection.prepare_cached(sql).and_then(|mut statement| first(&mut statement)).is_ok()
        };
        let (mut bad, mut step) = (from, 1_i64);
        let mut good = loop {
            let next = bad.saturating_add(step).min(last);
            if next == bad {
                return None;
            }
            if is_readable(next) {
                break next;
            }
            (bad, step) = (next, step.saturating_mul(2));
        };
        while good.abs_diff(bad) > 1 {
            let middle = bad + (good.abs_diff(bad) / 2).cast_signed();
            if is_readable(middle) { good = middle } else { bad = middle }
        }
        Some(good)
    }

    fn discarded(&mut self) -> Result<BTreeMap<i64, i64>, StoreError> {
        const PLACE: &str = "discarded rows (purged messages may be back)";
        let mut found = BTreeMap::new();
        self.scan(PLACE, &DISCARDED, "", (i64::MIN, i64::MAX), &mut |loading, row| {
            let read = loading.count(&DISCARDED, row).and_then(|()| Ok((row.get(0)?, row.get(1)?)));
            match read {
                Ok((first, last)) => drop(found.insert(first, last)),
                Err(error) => loading.report_error(PLACE, &error)?,
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn counters(&mut self) -> Result<BTreeMap<i64, u64>, StoreError> {
        let mut found = BTreeMap::new();
        self.scan("a counter", &COUNTERS, "", (i64::MIN, i64::MAX), &mut |loading, row| {
            let read = loading.count(&COUNTERS, row).and_then(|()| Ok((row.get(0)?, whole(row, 1)?)));
            match read {
                Ok((range, next_number)) => drop(found.insert(range, next_number)),
                Err(error) => loading.report_error("a counter", &error)?,
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The queues by range. Queues whose row is lost have a new one if they have messages.
    fn queues(&mut self, discarded: &BTreeMap<i64, i64>) -> Result<Vec<QueueRow>, StoreError> {
        let mut queues: Vec<QueueRow> = Vec::new();
        self.scan("a queue", &QUEUES, "", (i64::MIN, i64::MAX), &mut |loading, row| {
            let read = record(row).and_then(|record| Ok(QueueRow { record, range: range(row, 1)? }));
            match (read, loading.count(&QUEUES, row)) {
                (Ok(queue), Ok(())) => queues.push(queue),
                // Better with what it is told to be than without its messages.
                (Ok(queue), Err(error)) => {
                    loading.report_error(&format!("queue {}", queue.record.name), &error)?;
                    queues.push(queue);
                }
                (Err(error), _) => loading.report_error("a queue", &error)?,
            }
            Ok(())
        })?;
        let mut range = 0;
        // In a sound store there are none; there, totals and indices tell as much.
        while self.is_lenient
            && let Some((next, has_deduplication_ids)) = self.next_range(range)
        {
            range = next;
            let is_gone =
                discarded.get(ids_in_range(range).start()).is_some_and(|last| last == ids_in_range(range).end());
            if is_gone || queues.iter().any(|queue| queue.range == range) {
                continue;
            }
            let like = queues.first().map(|queue| &queue.record);
            let record = lost_queue(range, has_deduplication_ids, like);
            self.report_damage(
                "a queue",
                format!("its row is lost; its messages are told as those of {}", record.name),
            )?;
            queues.push(QueueRow { record, range });
        }
        queues.sort_by_key(|queue| queue.range);
        Ok(queues)
    }

    /// The next range with messages, and whether the first of them has a deduplication id.
    fn next_range(&self, after: i64) -> Option<(i64, bool)> {
        let sql = "SELECT id, deduplication_id IS NOT NULL FROM messages WHERE id > ? ORDER BY id LIMIT 1";
        let last = *ids_in_range(after).end();
        let mut statement = self.connection.prepare_cached(sql).ok()?;
        statement.query_row([last], |row| Ok((range_of(row.get(0)?), row.get(1)?))).ok()
    }

    fn contents(&mut self, uid: u64, first: i64, range: i64, name: &str) -> Result<(), StoreError> {
        let mut next_number = self.stored(uid, first, range, name)?;
        self.remembered(uid, first, range, name)?;
        if let Err(error) = self.attempted(uid, first) {
            self.report_error(&format!("queue {name}, a receive attempt"), &error)?;
        }
        if let Some(range) = self.ranges.of(uid) {
            next_number = next_number.max(range.counter);
            range.next_number = next_number;
        }
        if next_number > NUMBER_MAX {
            // No queue counts this far, and the next message could not be written.
            self.report_damage(
                &format!("queue {name}"),
                format!("its next message would have the number {next_number}"),
            )?;
        }
        (self.visit)(StoredItem::Effect { queue: uid, effect: Effect::Counter { next_number } });
        Ok(())
    }

    /// The messages; returns the next number as they tell it.
    fn stored(&mut self, uid: u64, first: i64, range: i64, name: &str) -> Result<u64, StoreError> {
        let mut next_number = 0;
        let is_to_digest = self.is_lenient || !self.has_checksums;
        let mut reader = MessageReader { is_to_digest, ..MessageReader::default() };
        let body = ", coalesce(body, (SELECT l.body FROM long_bodies l WHERE l.id = t.id))";
        let ids = (first, *ids_in_range(range).end());
        self.scan(&format!("queue {name}"), &MESSAGES, body, ids, &mut |loading, row| {
            let id: i64 = row.get(0).unwrap_or_default();
            // The row first: what is wrong with it is then told with what it should be.
            let read =
                reader.read(row, number_of(id)).and_then(|stored| loading.count(&MESSAGES, row).map(|()| stored));
            let stored = match read {
                Ok(stored) => stored,
                Err(error) => {
                    let message_id = row.get::<_, String>(10).unwrap_or_default();
                    return loading
                        .report_error(&format!("queue {name}, messages.id = {id}, message {message_id}"), &error);
                }
            };
            let effect = Effect::Stored(Box::new(stored));
            next_number = next_number.max(effect.next_number());
            (loading.visit)(StoredItem::Effect { queue: uid, effect });
            loading.messages += 1;
            if loading.messages.is_multiple_of(PROGRESS_STEP)
                && let Some(progress) = &mut loading.progress
            {
                progress(loading.messages);
            }
            Ok(())
        })?;
        Ok(next_number)
    }

    fn remembered(&mut self, uid: u64, first: i64, range: i64, name: &str) -> Result<(), StoreError> {
        let mut last = None;
        let place = format!("queue {name}, a deduplication id");
        self.scan(&place, &DEDUPLICATION, "", (first, *ids_in_range(range).end()), &mut |loading, row| {
            let mut effect = match loading.count(&DEDUPLICATION, row).and_then(|()| remembered(row)) {
                Ok(effect) => effect,
                Err(error) => return loading.report_error(&place, &error),
            };
            if let Effect::Remembered { first_sent, number, .. } = &mut effect {
                // A mark of a clock that was ahead would keep its id, and all behind it, for as long.
                *first_sent = (*first_sent).min(loading.now);
                loading.ranges.note(uid, *first_sent, *number, false);
                last = Some((*first_sent, *number));
                if loading.is_lenient || loading.now.ms_since(*first_sent) < DEDUPLICATION_WINDOW_MS {
                    (loading.visit)(StoredItem::Effect { queue: uid, effect });
                }
            }
            Ok(())
        })?;
        if let Some((first_sent, number)) = last {
            self.ranges.note(uid, first_sent, number, true);
        }
        Ok(())
    }

    fn attempted(&mut self, uid: u64, first: i64) -> rusqlite::Result<()> {
        let connection = self.connection;
        let sql = format!("SELECT {} FROM attempts WHERE queue = ? ORDER BY at_ms", self.select(&ATTEMPTS));
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([uid.cast_signed()])?;
        while let Some(row) = rows.next()? {
            self.count(&ATTEMPTS, row)?;
            let at = time(row, 2)?;
            if !self.is_lenient && self.now.ms_since(at) >= ATTEMPT_WINDOW_MS {
                continue;
            }
            let receipts: Vec<(u32, u64, u32, Option<u64>)> = json(row, 3)?;
            let mut untouched = true;
            for &(_, number, receive, deadline) in &receipts {
                untouched &= self.is_untouched(uid, first, number, receive, deadline)?;
            }
            if untouched {
                let receipt = |(slot, number, receive, _)| Receipt { queue: uid, slot, number, receive };
                let receipts = receipts.into_iter().map(receipt).collect();
                let effect = Effect::Attempted { attempt_id: row.get(1)?, at, receipts };
                (self.visit)(StoredItem::Effect { queue: uid, effect });
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
        let id = self.ranges.of(uid).and_then(|range| range.id(number)).filter(|&id| id >= first);
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
        let connection = self.connection;
        let sql = format!("SELECT {} FROM move_tasks ORDER BY started_ms, rowid", self.select(&MOVE_TASKS));
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.count(&MOVE_TASKS, row)?;
            (self.visit)(StoredItem::MoveTask(MoveTaskRecord {
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
        let connection = self.connection;
        let sql = format!("SELECT {} FROM deleted_queues ORDER BY at_ms", self.select(&DELETED_QUEUES));
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.count(&DELETED_QUEUES, row)?;
            let at = time(row, 3)?;
            if self.is_lenient || self.now.ms_since(at) < DELETED_NAME_MS {
                let (account, region, name) = (row.get(0)?, row.get(1)?, row.get(2)?);
                (self.visit)(StoredItem::DeletedName { account, region, name, at });
            }
        }
        Ok(())
    }

    /// Compares what was found with what must be there.
    fn compare(&mut self, discarded: &BTreeMap<i64, i64>) -> Result<(), StoreError> {
        let Some(mut manifest) = self.manifest.take() else { return Ok(()) };
        if let Err(error) = self.count_gone(discarded) {
            self.report_error("discarded rows", &error)?;
        }
        for table in TABLES {
            let (found, written) = (*self.found.of(table), *manifest.totals.of(table));
            if found == written {
                continue;
            }
            let what = match found.rows - written.rows {
                0 => "rows are there that are not the newest".to_owned(),
                more if more > 0 => format!("{more} rows too many"),
                less => format!("{} rows are missing or damaged", -less),
            };
            self.report_damage(&format!("table {}", table.name), format!("{what}; {} were written", written.rows))?;
        }
        Ok(())
    }

    /// Counts the rows that are gone but not cleared away yet: of purged and deleted queues.
    fn count_gone(&mut self, discarded: &BTreeMap<i64, i64>) -> rusqlite::Result<()> {
        let connection = self.connection;
        for table in [&MESSAGES, &DEDUPLICATION] {
            let sql =
                format!("SELECT count(*), coalesce(sum(checksum), 0) FROM {} WHERE id BETWEEN ? AND ?", table.name);
            let mut statement = connection.prepare(&sql)?;
            for (first, last) in discarded {
                let (rows, sum) = statement.query_row([first, last], |row| Ok((row.get(0)?, row.get(1)?)))?;
                self.found.of(table).add(rows, sum);
            }
        }
        let sql =
            "SELECT count(*), coalesce(sum(checksum), 0) FROM attempts WHERE queue NOT IN (SELECT uid FROM queues)";
        let (rows, sum) = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.found.of(&ATTEMPTS).add(rows, sum);
        Ok(())
    }
}

/// A queue in place of one whose row is lost.
fn lost_queue(range: i64, fifo: bool, like: Option<&QueueRecord>) -> QueueRecord {
    let (account, region) = like.map_or(("000000000000", "us-east-1"), |like| (&like.account, &like.region));
    QueueRecord {
        uid: fastrand::u64(1..),
        account: account.into(),
        region: region.into(),
        name: format!("salvaged-{range}{}", if fifo { ".fifo" } else { "" }),
        created: Time(0),
        modified: Time(0),
        purged: None,
        fifo,
        deduplication_scope: DeduplicationScope::Queue,
        attributes: if fifo { BTreeMap::from([("FifoQueue".into(), "true".into())]) } else { BTreeMap::new() },
        tags: BTreeMap::new(),
    }
}

fn remembered(row: &Row<'_>) -> rusqlite::Result<Effect> {
    Ok(Effect::Remembered {
        number: number_of(row.get(0)?),
        group: row.get(1)?,
        deduplication_id: row.get(2)?,
        first_sent: time(row, 3)?,
        id: message_id(row, 4)?,
    })
}

/// Reads messages, and shares what consecutive ones have in common.
#[derive(Default)]
struct MessageReader {
    /// Whether the MD5 of the body is to be checked; the checksum of the row is over the body as well, and faster.
    is_to_digest: bool,
    group: Option<Arc<str>>,
    source: Option<Arc<str>>,
}

impl MessageReader {
    /// One row of `messages`: its columns as `MESSAGES` has them, the checksum, the body.
    fn read(&mut self, row: &Row<'_>, number: u64) -> rusqlite::Result<StoredMessage> {
        let state = text(row, 3)?;
        let state = STATES.iter().find(|(_, word)| *word == state);
        let state = state.map(|(state, _)| *state).ok_or_else(|| damaged(3, "this is no state"))?;
        let status = MessageStatus {
            order: optional_whole(row, 2)?.unwrap_or(number),
            state,
            deadline: optional_time(row, 4)?,
            receive_count: row.get(5)?,
            first_received: optional_time(row, 6)?,
            received_at: optional_time(row, 7)?,
        };
        let sent = time(row, 8)?;
        let body = text(row, 21)?;
        let body_md5: [u8; 16] = row.get(11)?;
        if self.is_to_digest && <[u8; 16]>::from(Md5::digest(body)) != body_md5 {
            return Err(damaged(21, "the body is not what was sent: its MD5 differs"));
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
        Ok(StoredMessage { slot: row.get(1)?, number, status, message })
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
            receive_count_on_arrival: row.get::<_, Option<u32>>(17)?.unwrap_or(0),
            arrived: Arrival::default(),
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
