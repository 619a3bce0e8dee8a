//! Loading: rows become effects, one after the other.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use md5::{Digest as _, Md5};
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Row, RowStream, Statement};
use uuid::Uuid;

use super::columns::{ExtraText, RecordText, state};
use super::connect::Connector;
use super::errors;
use super::write::Queues;
use crate::engine::{
    ATTEMPT_WINDOW_MS, Arrival, Attributes, Body, DEDUPLICATION_WINDOW_MS, Effect, Extra, Message, MessageId,
    MessageStatus, Receipt, StoredMessage, Time,
};
use crate::store::expiry::ExpiryMark;
use crate::store::{DELETED_NAME_MS, MoveTaskRecord, StoreError, StoredItem};

/// So many items are handed on at a time.
const ITEMS: usize = 256;

/// The columns of a queue that is read.
macro_rules! queue_columns {
    () => {
        "SELECT q.uid, q.account, q.region, q.name, q.record::text, q.reserved, q.purged_below, \
        EXISTS (SELECT FROM kew.message m WHERE m.queue = q.uid AND m.number >= q.purged_below), \
        EXISTS (SELECT FROM kew.dedup d WHERE d.queue = q.uid AND d.number >= q.purged_below), \
        EXISTS (SELECT FROM kew.attempt a WHERE a.queue = q.uid) FROM kew.queue q"
    };
}

const QUEUES: &str = concat!(queue_columns!(), " ORDER BY q.uid");

/// One that is a node's stays so until the end of the transaction.
/// Its earlier owners may have gone, but not without its being seen here that they have.
const HOLD_QUEUE: &str = "SELECT EXISTS (SELECT FROM kew.node n WHERE n.state = 'gone' AND NOT n.settled) \
    FROM kew.queue WHERE uid = $1 AND owner = $2 FOR SHARE OF queue";

/// A statement of its own, which sees all that was committed before it was held.
const QUEUE: &str = concat!(queue_columns!(), " WHERE q.uid = $1");

const MESSAGES: &str = "SELECT number, slot, place, state, deadline_ms, receive_count, first_received_ms, \
    received_ms, sent_ms, retained_ms, message_id, body_md5, grp, extra::text, attributes, attributes_md5, body \
    FROM kew.message WHERE queue = $1 AND number >= $2 ORDER BY number";

const IDS: &str = "SELECT number, grp, dedup_id, first_sent_ms, message_id FROM kew.dedup \
    WHERE queue = $1 AND number >= $2 ORDER BY number";

/// Attempts whose messages are all in flight as the attempt left them. The engine tells that by a mark on the wait,
/// which is not stored; its end does as well.
const ATTEMPTS: &str = "SELECT a.attempt_id, a.at_ms, a.slots, a.numbers, a.receives FROM kew.attempt a \
    WHERE a.queue = $1 AND NOT EXISTS (SELECT FROM unnest(a.numbers, a.receives, a.deadlines) r (number, receive, \
    deadline) WHERE NOT EXISTS (SELECT FROM kew.message m WHERE m.queue = a.queue AND m.number = r.number \
    AND m.number >= $2 AND m.state = 'f' AND m.receive_count = r.receive \
    AND (r.deadline IS NULL OR m.deadline_ms = r.deadline))) ORDER BY a.at_ms";

const TASKS: &str = "SELECT id, queue, source_arn, destination_arn, rate, started_ms, to_move, moved, status, failure \
    FROM kew.move_task ORDER BY started_ms, serial";

const TASKS_OF: &str = "SELECT id, queue, source_arn, destination_arn, rate, started_ms, to_move, moved, status, \
    failure FROM kew.move_task WHERE queue = $1 ORDER BY started_ms, serial";

const NAMES: &str = "SELECT account, region, name, at_ms FROM kew.deleted_queue ORDER BY at_ms";

/// Who takes what is read.
pub(super) trait Sink {
    /// A queue, and the numbers that it may have given out.
    fn queue(&mut self, uid: u64, reserved: u64);

    /// See [`Queues::note`].
    fn note(&mut self, mark: ExpiryMark, last: bool);

    /// The next item.
    fn item(&mut self, item: StoredItem) -> Result<(), StoreError>;
}

/// Of everything there is: the items go in portions to another thread.
pub(super) struct Portions<'a> {
    pub queues: &'a mut Queues,
    pub to: SyncSender<Vec<StoredItem>>,
    pub items: Vec<StoredItem>,
}

impl Portions<'_> {
    fn flush(&mut self) -> Result<(), StoreError> {
        let items = std::mem::replace(&mut self.items, Vec::with_capacity(ITEMS));
        // It is only gone if its thread panicked.
        self.to.send(items).map_err(|_| StoreError::Internal { detail: "nobody takes what is loaded".into() })
    }
}

impl Sink for Portions<'_> {
    fn queue(&mut self, uid: u64, reserved: u64) {
        self.queues.add(uid, reserved);
    }

    fn note(&mut self, mark: ExpiryMark, last: bool) {
        self.queues.note(mark, last);
    }

    fn item(&mut self, item: StoredItem) -> Result<(), StoreError> {
        self.items.push(item);
        if self.items.len() >= ITEMS { self.flush() } else { Ok(()) }
    }
}

/// Where it is read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub client: &'a Client,
    pub connector: &'a Connector,
    /// Who waits for a row for longer gives up.
    pub patience: Option<Duration>,
}

/// Reads once.
pub(super) struct Loading<'a, S> {
    pub source: Source<'a>,
    pub now: Time,
    pub sink: S,
}

impl Source<'_> {
    fn error(&self, error: &tokio_postgres::Error) -> StoreError {
        errors::at_start(self.connector.place(), error)
    }

    fn damaged(&self, detail: String) -> StoreError {
        StoreError::Damaged { place: self.connector.place().into(), detail }
    }

    async fn in_time<T>(&self, asked: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, StoreError> {
        let answer = match self.patience {
            Some(limit) => self.connector.in_time(limit, asked).await?,
            None => asked.await,
        };
        answer.map_err(|error| self.error(&error))
    }

    async fn rows(&self, statement: &Statement, queue: &QueueRow) -> Result<RowStream, StoreError> {
        let params: [&(dyn ToSql + Sync); 2] = [&queue.uid, &queue.purged_below];
        self.in_time(self.client.query_raw(statement, params)).await
    }

    async fn prepare(&self) -> Result<Contents, StoreError> {
        let prepare = |text| self.client.prepare(text);
        let prepared = (prepare(MESSAGES).await, prepare(IDS).await, prepare(ATTEMPTS).await);
        let (Ok(messages), Ok(ids), Ok(attempts)) = prepared else {
            let detail = format!("{}: the tables cannot be read", self.connector.place());
            return Err(StoreError::Unreachable { detail });
        };
        Ok(Contents { messages, ids, attempts })
    }
}

/// A row of `queue`, and what there is of it in other tables.
struct QueueRow {
    uid: i64,
    name: String,
    reserved: u64,
    purged_below: i64,
    has_messages: bool,
    has_ids: bool,
    has_attempts: bool,
}

impl Loading<'_, Portions<'_>> {
    /// Everything there is.
    pub(super) async fn everything(mut self) -> Result<(), StoreError> {
        // One state of the database, even if somebody changes it by hand.
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.source.client.batch_execute(begin).await.map_err(|error| self.source.error(&error))?;
        let rows = self.source.client.query(QUEUES, &[]).await.map_err(|error| self.source.error(&error))?;
        let statements = self.source.prepare().await?;
        for row in rows {
            self.contents(&statements, &row).await?;
        }
        let tasks = self.source.client.query(TASKS, &[]).await.map_err(|error| self.source.error(&error))?;
        self.tasks(tasks)?;
        self.names().await?;
        self.sink.flush()?;
        self.source.client.batch_execute("COMMIT").await.map_err(|error| self.source.error(&error))
    }

    async fn names(&mut self) -> Result<(), StoreError> {
        for row in self.source.client.query(NAMES, &[]).await.map_err(|error| self.source.error(&error))? {
            let read =
                || -> Result<_, String> { Ok((get(&row, 0)?, get(&row, 1)?, get(&row, 2)?, unsigned(&row, 3)?)) };
            let read = read().map_err(|error| self.source.damaged(format!("in kew.deleted_queue: {error}")))?;
            let (account, region, name, at) = read;
            let at = Time(at);
            if self.now.ms_since(at) < DELETED_NAME_MS {
                self.sink.item(StoredItem::DeletedName { account, region, name, at })?;
            }
        }
        Ok(())
    }
}

/// What became of reading a queue of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It was read.
    All,
    /// It is not the node's; nothing was read.
    Nothing,
    /// Nothing was read: what a node that has gone left in the journal has to be in rows first.
    Unsettled,
}

/// The statements that read what is in a queue.
struct Contents {
    messages: Statement,
    ids: Statement,
    attempts: Statement,
}

impl<S: Sink> Loading<'_, S> {
    /// A queue that is the node's, inside a transaction that has begun.
    pub(super) async fn queue_of(&mut self, node: i64, uid: i64) -> Result<Found, StoreError> {
        let source = self.source;
        match source.in_time(source.client.query_opt(HOLD_QUEUE, &[&uid, &node])).await? {
            None => return Ok(Found::Nothing),
            Some(row) if row.get(0) => return Ok(Found::Unsettled),
            Some(_) => {}
        }
        let row = source.in_time(source.client.query_one(QUEUE, &[&uid])).await?;
        let statements = self.source.in_time(async { Ok(self.source.prepare().await) }).await??;
        self.contents(&statements, &row).await?;
        let tasks = self.source.in_time(self.source.client.query(TASKS_OF, &[&uid])).await?;
        self.tasks(tasks)?;
        Ok(Found::All)
    }

    /// A queue with what is in it.
    async fn contents(&mut self, statements: &Contents, row: &Row) -> Result<(), StoreError> {
        let queue = self.queue(row)?;
        let mut next_number = queue.reserved;
        if queue.has_messages {
            next_number = next_number.max(self.messages(&statements.messages, &queue).await?);
        }
        if queue.has_ids {
            self.ids(&statements.ids, &queue).await?;
        }
        if queue.has_attempts {
            self.attempts(&statements.attempts, &queue).await?;
        }
        self.effect(queue.uid, Effect::Counter { next_number })
    }

    fn effect(&mut self, uid: i64, effect: Effect) -> Result<(), StoreError> {
        self.sink.item(StoredItem::Effect { queue: uid.cast_unsigned(), effect })
    }

    fn queue(&mut self, row: &Row) -> Result<QueueRow, StoreError> {
        let read = || -> Result<_, String> {
            let queue = QueueRow {
                uid: get(row, 0)?,
                name: get(row, 3)?,
                reserved: unsigned(row, 5)?,
                purged_below: get(row, 6)?,
                has_messages: get(row, 7)?,
                has_ids: get(row, 8)?,
                has_attempts: get(row, 9)?,
            };
            let names = (get(row, 1)?, get(row, 2)?, get(row, 3)?);
            let record = RecordText::read(get(row, 4)?, queue.uid.cast_unsigned(), names)?;
            Ok((queue, record))
        };
        let (queue, record) = read().map_err(|error| {
            let name = row.try_get::<_, String>(3).unwrap_or_default();
            self.source.damaged(format!("the row of queue {name} in kew.queue: {error}"))
        })?;
        self.sink.queue(record.uid, queue.reserved);
        self.sink.item(StoredItem::Queue(record))?;
        Ok(queue)
    }

    /// The messages; returns the next number as they tell it.
    async fn messages(&mut self, statement: &Statement, queue: &QueueRow) -> Result<u64, StoreError> {
        let mut rows = pin!(self.source.rows(statement, queue).await?);
        let mut reader = MessageReader::default();
        let mut next_number = 0;
        while let Some(row) = self.source.in_time(next(&mut rows)).await? {
            let stored = reader.read(&row).map_err(|error| {
                let number = row.try_get::<_, i64>(0).unwrap_or_default();
                self.source.damaged(format!("queue {}, number {number} in kew.message: {error}", queue.name))
            })?;
            let effect = Effect::Stored(Box::new(stored));
            next_number = next_number.max(effect.next_number());
            self.effect(queue.uid, effect)?;
        }
        Ok(next_number)
    }

    async fn ids(&mut self, statement: &Statement, queue: &QueueRow) -> Result<(), StoreError> {
        let mut rows = pin!(self.source.rows(statement, queue).await?);
        let mut last = None;
        while let Some(row) = self.source.in_time(next(&mut rows)).await? {
            let read = || -> Result<_, String> {
                // One of a clock that was ahead would keep its id, and all behind it, for as long.
                let first_sent = Time(unsigned(&row, 3)?).min(self.now);
                let number = unsigned(&row, 0)?;
                let group = get::<Option<&str>>(&row, 1)?.map(Arc::from);
                let (deduplication_id, id) = (Arc::from(get::<&str>(&row, 2)?), message_id(&row, 4)?);
                let effect = Effect::Remembered { group, deduplication_id, first_sent, id, number };
                Ok((ExpiryMark { at: first_sent, queue: queue.uid.cast_unsigned(), number }, effect))
            };
            let (mark, effect) =
                read().map_err(|error| self.source.damaged(format!("queue {}, in kew.dedup: {error}", queue.name)))?;
            self.sink.note(mark.clone(), false);
            if self.now.ms_since(mark.at) < DEDUPLICATION_WINDOW_MS {
                self.effect(queue.uid, effect)?;
            }
            last = Some(mark);
        }
        if let Some(mark) = last {
            self.sink.note(mark, true);
        }
        Ok(())
    }

    async fn attempts(&mut self, statement: &Statement, queue: &QueueRow) -> Result<(), StoreError> {
        let mut rows = pin!(self.source.rows(statement, queue).await?);
        while let Some(row) = self.source.in_time(next(&mut rows)).await? {
            let read = || -> Result<_, String> {
                let (slots, numbers): (Vec<i32>, Vec<i64>) = (get(&row, 2)?, get(&row, 3)?);
                let receives: Vec<i32> = get(&row, 4)?;
                if slots.len() != numbers.len() || slots.len() != receives.len() {
                    return Err("its arrays are not of one length".into());
                }
                let receipts = slots.into_iter().zip(numbers).zip(receives).map(|((slot, number), receive)| Receipt {
                    queue: queue.uid.cast_unsigned(),
                    slot: slot.cast_unsigned(),
                    number: number.cast_unsigned(),
                    receive: receive.cast_unsigned(),
                });
                let (attempt_id, at) = (Arc::from(get::<&str>(&row, 0)?), Time(unsigned(&row, 1)?));
                Ok((at, Effect::Attempted { attempt_id, at, receipts: receipts.collect() }))
            };
            let (at, effect) = read()
                .map_err(|error| self.source.damaged(format!("queue {}, in kew.attempt: {error}", queue.name)))?;
            if self.now.ms_since(at) < ATTEMPT_WINDOW_MS {
                self.effect(queue.uid, effect)?;
            }
        }
        Ok(())
    }

    fn tasks(&mut self, rows: Vec<Row>) -> Result<(), StoreError> {
        for row in rows {
            let read = || -> Result<_, String> {
                let rate = get::<Option<i64>>(&row, 4)?.map(u32::try_from).transpose();
                Ok(MoveTaskRecord {
                    id: get(&row, 0)?,
                    queue: get::<i64>(&row, 1)?.cast_unsigned(),
                    source_arn: get(&row, 2)?,
                    destination_arn: get(&row, 3)?,
                    rate: rate.map_err(|error| error.to_string())?,
                    started: Time(unsigned(&row, 5)?),
                    to_move: unsigned(&row, 6)?,
                    moved: unsigned(&row, 7)?,
                    status: get(&row, 8)?,
                    failure: get(&row, 9)?,
                })
            };
            let task = read().map_err(|error| self.source.damaged(format!("in kew.move_task: {error}")))?;
            self.sink.item(StoredItem::MoveTask(task))?;
        }
        Ok(())
    }
}

/// The next of some rows.
pub(super) async fn next(rows: &mut std::pin::Pin<&mut RowStream>) -> Result<Option<Row>, tokio_postgres::Error> {
    use futures_core::Stream as _;
    std::future::poll_fn(|context| rows.as_mut().poll_next(context)).await.transpose()
}

pub(super) fn get<'r, T: FromSql<'r>>(row: &'r Row, column: usize) -> Result<T, String> {
    row.try_get(column).map_err(|error| errors::chain(&error))
}

/// A number without a sign.
pub(super) fn unsigned(row: &Row, column: usize) -> Result<u64, String> {
    let value: i64 = get(row, column)?;
    u64::try_from(value).map_err(|_| format!("{value} is below 0"))
}

pub(super) fn optional_time(row: &Row, column: usize) -> Result<Option<Time>, String> {
    let value: Option<i64> = get(row, column)?;
    value.map(|value| u64::try_from(value).map(Time).map_err(|_| format!("{value} is below 0"))).transpose()
}

fn message_id(row: &Row, column: usize) -> Result<MessageId, String> {
    get::<Uuid>(row, column).map(|id| MessageId(id.into_bytes()))
}

fn digest(bytes: &[u8]) -> Result<[u8; 16], String> {
    bytes.try_into().map_err(|_| "an MD5 has 16 bytes".to_owned())
}

/// Reads messages, and shares what consecutive ones have in common.
#[derive(Default)]
pub(super) struct MessageReader {
    group: Option<Arc<str>>,
    source: Option<Arc<str>>,
}

impl MessageReader {
    fn read(&mut self, row: &Row) -> Result<StoredMessage, String> {
        let number = unsigned(row, 0)?;
        let letter: i8 = get(row, 3)?;
        let place: Option<i64> = get(row, 2)?;
        let status = MessageStatus {
            order: place.map_or(number, |place| u64::try_from(place).unwrap_or(number)),
            state: state(letter).ok_or_else(|| format!("{letter} is no state"))?,
            deadline: optional_time(row, 4)?,
            receive_count: get::<i32>(row, 5)?.cast_unsigned(),
            first_received: optional_time(row, 6)?,
            received_at: optional_time(row, 7)?,
        };
        let message = self.message(row, 8, status.first_received, status.receive_count)?;
        Ok(StoredMessage { slot: get::<i32>(row, 1)?.cast_unsigned(), number, status, message })
    }

    /// A message of which the columns from `sent_ms` to `body` begin there.
    pub(super) fn message(
        &mut self,
        row: &Row,
        column: usize,
        first_received: Option<Time>,
        receive_count: u32,
    ) -> Result<Message, String> {
        let sent = Time(unsigned(row, column)?);
        let body: &str = get(row, column + 8)?;
        let body_md5 = digest(get(row, column + 3)?)?;
        if <[u8; 16]>::from(Md5::digest(body)) != body_md5 {
            return Err("the body is not what was sent: its MD5 differs".into());
        }
        Ok(Message {
            id: message_id(row, column + 2)?,
            body: Body::from(body),
            body_md5,
            extra: self.extra(row, column + 5)?,
            group: shared(&mut self.group, get(row, column + 4)?),
            sent,
            retained_from: optional_time(row, column + 1)?.unwrap_or(sent),
            first_received,
            receive_count,
        })
    }

    fn extra(&mut self, row: &Row, column: usize) -> Result<Option<Arc<Extra>>, String> {
        let attributes = match get::<Option<&[u8]>>(row, column + 1)? {
            None => None,
            Some(encoded) => Some(Attributes { encoded: encoded.into(), md5: digest(get(row, column + 2)?)? }),
        };
        let text = match get::<Option<&str>>(row, column)? {
            None if attributes.is_none() => return Ok(None),
            None => ExtraText::default(),
            Some(text) => serde_json::from_str(text).map_err(|error| format!("extra: {error}"))?,
        };
        let extra = Extra {
            attributes,
            trace_header: text.trace_header.as_deref().map(Box::from),
            sender: text.sender.as_deref().map(Box::from),
            deduplication_id: text.deduplication_id.as_deref().map(Arc::from),
            dead_letter_source: shared(&mut self.source, text.dead_letter_source.as_deref()),
            retained_from: None,
            receive_count_on_arrival: text.received_elsewhere.unwrap_or(0),
            arrived: Arrival::default(),
        };
        Ok((extra != Extra::default()).then(|| Arc::new(extra)))
    }
}

/// A text that is often the same as that of the row before.
fn shared(last: &mut Option<Arc<str>>, text: Option<&str>) -> Option<Arc<str>> {
    let text = text?;
    if last.as_deref() != Some(text) {
        *last = Some(Arc::from(text));
    }
    last.clone()
}
