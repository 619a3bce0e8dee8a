//! The summary of a batch becomes the statements of a transaction.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::columns::{ExtraText, RecordText, cause_letter, letter, ms, whole};
use super::commit::{Call, Param};
use super::statements::Which;
use crate::engine::{Message, MessageStatus, StoredMessage, Time};
use crate::store::compact::{Attempted, BatchSummary, MessageSummary, Remembered};
use crate::store::expiry::{ExpiryMark, ExpiryMarks};
use crate::store::{AdoptedQueue, Change, MoveTaskRecord, TransferRecord};

/// Message numbers are reserved in blocks of so many. The row of a busy queue is written once for each; a restart goes
/// on behind the block.
const RESERVED: u64 = 1 << 16;

/// What is known of each queue between commits.
#[derive(Debug, Default)]
pub(super) struct Queues {
    known: HashMap<u64, Known>,
    marks: ExpiryMarks,
    /// Rows are to be cleared away.
    pub discarded: bool,
}

#[derive(Debug, Default)]
struct Known {
    /// `queue.reserved`.
    reserved: u64,
    /// When the newest mark was made.
    marked: Option<Time>,
}

impl Queues {
    /// A queue that is in the database.
    pub(super) fn add(&mut self, uid: u64, reserved: u64) {
        self.known.insert(uid, Known { reserved, marked: None });
    }

    /// Notes an accepted deduplication id, so that it can be deleted when it has expired; `last` says that no other of
    /// this queue is to follow.
    pub(super) fn note(&mut self, mark: ExpiryMark, last: bool) {
        if let Some(known) = self.known.get_mut(&mark.queue) {
            self.marks.note(&mut known.marked, mark, last);
        }
    }

    /// A queue that was loaded by itself.
    fn adopt(&mut self, queue: &AdoptedQueue) {
        let uid = queue.uid;
        self.add(uid, queue.reserved);
        for &(at, number) in &queue.expiring {
            self.note(ExpiryMark { at, queue: uid, number }, true);
        }
        // Its last owner may have left something.
        self.discarded = true;
    }

    /// Takes the next mark that has expired. Those of a queue that is not known any more are another's.
    pub(super) fn expired(&mut self, now: Time) -> Option<ExpiryMark> {
        std::iter::from_fn(|| self.marks.expired(now)).find(|mark| self.known.contains_key(&mark.queue))
    }

    /// Puts marks back whose rows could not be deleted.
    pub(super) fn give_back(&mut self, marks: Vec<ExpiryMark>) {
        self.marks.give_back(marks);
    }

    /// The statements that write a batch, and what is known after it.
    pub(super) fn write<'a>(&mut self, summary: &'a BatchSummary) -> Vec<Call<'a>> {
        let mut rows = Rows::default();
        summary.adopted.iter().for_each(|queue| self.adopt(queue));
        for (&uid, queue) in &summary.queues {
            if let Some(at) = queue.deleted {
                match (self.known.remove(&uid), &queue.record) {
                    (known, Some(record)) => {
                        rows.new_names.insert([&record.account, &record.region, &record.name], at);
                        if known.is_some() {
                            rows.delete_queue(uid);
                        }
                    }
                    (Some(_), None) => {
                        rows.names.push(uid, ms(at));
                        rows.delete_queue(uid);
                    }
                    (None, None) => {}
                }
                self.discarded = true;
                continue;
            }
            if let Some(record) = &queue.record {
                self.known.entry(uid).or_default();
                rows.records.push(record);
            }
            let Some(known) = self.known.get_mut(&uid) else {
                tracing::debug!(uid, "changes of a queue that is not there were passed over");
                continue;
            };
            if let Some(below) = queue.purged_below.filter(|&below| below > 0) {
                rows.purged.push(uid, whole(below));
                rows.discarded.push(uid, whole(below));
                self.discarded = true;
            }
            if queue.next_number > known.reserved {
                known.reserved = queue.next_number.saturating_add(RESERVED);
                rows.reserved.push(uid, whole(known.reserved));
            }
            for (&number, message) in &queue.messages {
                match message {
                    MessageSummary::Stored(stored) => rows.stored.push(uid, stored),
                    MessageSummary::Changed { slot, status } => rows.changed.push(uid, number, *slot, status),
                    MessageSummary::Removed => rows.removed.push(uid, whole(number)),
                }
            }
            for remembered in &queue.remembered {
                rows.remembered.push(uid, remembered);
                let mark = ExpiryMark { at: remembered.first_sent, queue: uid, number: remembered.number };
                self.marks.note(&mut known.marked, mark, false);
            }
            rows.attempts.extend(queue.attempts.iter().map(|(id, attempt)| (uid, id, attempt)));
        }
        for change in &summary.between_nodes {
            match change {
                Change::Sent(transfer) => rows.sent.push(transfer),
                &Change::Taken { target, source, number } => rows.taken.push(target, source, number),
                &Change::Handed { uid, to } => {
                    self.known.remove(&uid);
                    rows.handed.push(uid, to);
                }
                _ => {}
            }
        }
        let handed = std::mem::take(&mut rows.handed);
        let mut calls = rows.calls(!handed.queues.is_empty());
        calls.extend(tasks(&summary.tasks));
        calls.extend(handed.call(Which::Hand));
        calls
    }
}

/// What a batch writes, by table.
#[derive(Default)]
struct Rows<'a> {
    names: Pairs,
    /// Of queues whose record is in the batch; the same name may have been used more than once.
    new_names: BTreeMap<[&'a str; 3], Time>,
    deleted: Vec<i64>,
    discarded: Pairs,
    records: Records<'a>,
    purged: Pairs,
    reserved: Pairs,
    stored: Stored<'a>,
    changed: Changed,
    removed: Pairs,
    remembered: Ids<'a>,
    attempts: Vec<(u64, &'a Arc<str>, &'a Attempted)>,
    taken: Taken,
    sent: Sent<'a>,
    handed: Pairs,
}

impl<'a> Rows<'a> {
    fn delete_queue(&mut self, uid: u64) {
        self.deleted.push(uid.cast_signed());
        self.discarded.push(uid, i64::MAX);
    }

    /// The statements. What is taken comes before the queue that took it may be deleted, deleted queues before new ones
    /// that may need their names, and what is sent behind the queues to which it is. Attempts come after the messages,
    /// from which they take what the batch does not tell.
    fn calls(self, hands_over: bool) -> Vec<Call<'a>> {
        let changes_directory = hands_over || !(self.deleted.is_empty() && self.records.uid.is_empty());
        let deleted = self.deleted.clone();
        let mut calls = vec![
            call(Which::RaiseRev, !changes_directory, Vec::new),
            self.taken.call(),
            self.names.call(Which::KeepNames),
            keep_names(self.new_names),
            call(Which::DeleteQueues, self.deleted.is_empty(), || vec![Box::new(self.deleted)]),
            call(Which::TurnBack, deleted.is_empty(), || vec![Box::new(deleted)]),
            self.discarded.call(Which::Discard),
            self.records.call(),
            self.purged.call(Which::Purge),
            self.reserved.call(Which::Reserve),
            self.removed.call(Which::Delete),
            self.changed.call(),
            self.stored.call(),
            self.remembered.call(),
        ];
        calls.extend(self.attempts.into_iter().map(|(uid, id, attempt)| Some(attempted(uid, id, attempt))));
        calls.push(self.sent.call());
        calls.into_iter().flatten().collect()
    }
}

fn call<'a>(which: Which, is_empty: bool, params: impl FnOnce() -> Vec<Param<'a>>) -> Option<Call<'a>> {
    (!is_empty).then(|| Call { which, params: params() })
}

/// Queues, each with a number.
#[derive(Default)]
struct Pairs {
    queues: Vec<i64>,
    numbers: Vec<i64>,
}

impl Pairs {
    fn push(&mut self, queue: u64, number: i64) {
        self.queues.push(queue.cast_signed());
        self.numbers.push(number);
    }

    fn call<'a>(self, which: Which) -> Option<Call<'a>> {
        call(which, self.queues.is_empty(), || vec![Box::new(self.queues), Box::new(self.numbers)])
    }
}

fn keep_names<'a>(names: BTreeMap<[&'a str; 3], Time>) -> Option<Call<'a>> {
    call(Which::KeepNewNames, names.is_empty(), || {
        let part = |index: usize| -> Param<'a> { Box::new(names.keys().map(|name| name[index]).collect::<Vec<_>>()) };
        let at: Vec<i64> = names.values().copied().map(ms).collect();
        vec![part(0), part(1), part(2), Box::new(at)]
    })
}

/// Rows of `queue`.
#[derive(Default)]
struct Records<'a> {
    uid: Vec<i64>,
    account: Vec<&'a str>,
    region: Vec<&'a str>,
    name: Vec<&'a str>,
    record: Vec<String>,
}

impl<'a> Records<'a> {
    fn push(&mut self, queue: &'a crate::store::QueueRecord) {
        self.uid.push(queue.uid.cast_signed());
        self.account.push(&queue.account);
        self.region.push(&queue.region);
        self.name.push(&queue.name);
        self.record.push(RecordText::of(queue));
    }

    fn call(self) -> Option<Call<'a>> {
        call(Which::PutQueues, self.uid.is_empty(), || {
            let texts: [Param<'a>; 3] = [Box::new(self.account), Box::new(self.region), Box::new(self.name)];
            let uid: Param<'a> = Box::new(self.uid);
            let record: Param<'a> = Box::new(self.record);
            [uid].into_iter().chain(texts).chain([record]).collect()
        })
    }
}

/// The columns of `message` that change.
#[derive(Default)]
struct Changed {
    queue: Vec<i64>,
    number: Vec<i64>,
    slot: Vec<i32>,
    place: Vec<Option<i64>>,
    state: Vec<i8>,
    deadline_ms: Vec<Option<i64>>,
    receive_count: Vec<i32>,
    first_received_ms: Vec<Option<i64>>,
    received_ms: Vec<Option<i64>>,
}

impl Changed {
    fn push(&mut self, queue: u64, number: u64, slot: u32, status: &MessageStatus) {
        self.queue.push(queue.cast_signed());
        self.number.push(whole(number));
        self.slot.push(slot.cast_signed());
        // The place of most messages is their number, and then not worth a column's bytes.
        self.place.push((status.order != number).then(|| whole(status.order)));
        self.state.push(letter(status.state));
        self.deadline_ms.push(status.deadline.map(ms));
        self.receive_count.push(status.receive_count.cast_signed());
        self.first_received_ms.push(status.first_received.map(ms));
        self.received_ms.push(status.received_at.map(ms));
    }

    fn params<'a>(self) -> Vec<Param<'a>> {
        vec![
            Box::new(self.queue),
            Box::new(self.number),
            Box::new(self.slot),
            Box::new(self.place),
            Box::new(self.state),
            Box::new(self.deadline_ms),
            Box::new(self.receive_count),
            Box::new(self.first_received_ms),
            Box::new(self.received_ms),
        ]
    }

    fn call<'a>(self) -> Option<Call<'a>> {
        call(Which::Change, self.queue.is_empty(), || self.params())
    }
}

/// What `message` and `transfer` have of a message alike, but for its receives.
#[derive(Default)]
struct Messages<'a> {
    sent_ms: Vec<i64>,
    retained_ms: Vec<Option<i64>>,
    message_id: Vec<Uuid>,
    body_md5: Vec<&'a [u8]>,
    group: Vec<Option<&'a str>>,
    extra: Vec<Option<String>>,
    attributes: Vec<Option<&'a [u8]>>,
    attributes_md5: Vec<Option<&'a [u8]>>,
    body: Vec<&'a str>,
}

impl<'a> Messages<'a> {
    fn push(&mut self, message: &'a Message) {
        let extra = message.extra.as_deref();
        let attributes = extra.and_then(|extra| extra.attributes.as_ref());
        self.sent_ms.push(ms(message.sent));
        self.retained_ms.push((message.retained_from != message.sent).then_some(ms(message.retained_from)));
        self.message_id.push(Uuid::from_bytes(message.id.0));
        self.body_md5.push(&message.body_md5);
        self.group.push(message.group.as_deref());
        self.extra.push(extra.and_then(ExtraText::of));
        self.attributes.push(attributes.map(|attributes| &*attributes.encoded));
        self.attributes_md5.push(attributes.map(|attributes| &attributes.md5[..]));
        self.body.push(message.body.as_str());
    }

    fn params(self) -> [Param<'a>; 9] {
        [
            Box::new(self.sent_ms),
            Box::new(self.retained_ms),
            Box::new(self.message_id),
            Box::new(self.body_md5),
            Box::new(self.group),
            Box::new(self.extra),
            Box::new(self.attributes),
            Box::new(self.attributes_md5),
            Box::new(self.body),
        ]
    }
}

/// All columns of `message`.
#[derive(Default)]
struct Stored<'a> {
    status: Changed,
    messages: Messages<'a>,
}

impl<'a> Stored<'a> {
    fn push(&mut self, queue: u64, stored: &'a StoredMessage) {
        let StoredMessage { slot, number, status, message } = stored;
        self.status.push(queue, *number, *slot, status);
        self.messages.push(message);
    }

    fn call(self) -> Option<Call<'a>> {
        call(Which::Insert, self.status.queue.is_empty(), || {
            let mut params = self.status.params();
            params.extend(self.messages.params());
            params
        })
    }
}

/// Rows of `transfer`, in the order of their keys: two that lock the same queues do so in the same order.
#[derive(Default)]
struct Sent<'a>(Vec<&'a TransferRecord>);

impl<'a> Sent<'a> {
    fn push(&mut self, transfer: &'a TransferRecord) {
        self.0.push(transfer);
    }

    fn call(mut self) -> Option<Call<'a>> {
        self.0.sort_unstable_by_key(|sent| (sent.target.cast_signed(), sent.source.cast_signed(), sent.number));
        call(Which::Send, self.0.is_empty(), || {
            let of = |column: fn(&TransferRecord) -> i64| -> Param<'a> {
                Box::new(self.0.iter().map(|sent| column(sent)).collect::<Vec<_>>())
            };
            let (cause, task): (Vec<i8>, Vec<Option<&'a str>>) =
                self.0.iter().map(|sent| cause_letter(&sent.cause)).unzip();
            let receives: Vec<i32> = self.0.iter().map(|sent| sent.message.receive_count.cast_signed()).collect();
            let first_received: Vec<Option<i64>> =
                self.0.iter().map(|sent| sent.message.first_received.map(ms)).collect();
            let mut messages = Messages::default();
            self.0.iter().for_each(|sent| messages.push(&sent.message));
            let mut params: Vec<Param<'a>> = vec![
                of(|sent| sent.target.cast_signed()),
                of(|sent| sent.source.cast_signed()),
                of(|sent| whole(sent.number)),
                Box::new(self.0.iter().map(|sent| &*sent.source_arn).collect::<Vec<&'a str>>()),
                Box::new(cause),
                Box::new(task),
                Box::new(receives),
                Box::new(first_received),
            ];
            params.extend(messages.params());
            params
        })
    }
}

/// Keys of `transfer`.
#[derive(Default)]
struct Taken {
    target: Vec<i64>,
    source: Vec<i64>,
    number: Vec<i64>,
}

impl Taken {
    fn push(&mut self, target: u64, source: u64, number: u64) {
        self.target.push(target.cast_signed());
        self.source.push(source.cast_signed());
        self.number.push(whole(number));
    }

    fn call<'a>(self) -> Option<Call<'a>> {
        call(Which::Take, self.target.is_empty(), || {
            vec![Box::new(self.target), Box::new(self.source), Box::new(self.number)]
        })
    }
}

/// Rows of `dedup`.
#[derive(Default)]
struct Ids<'a> {
    queue: Vec<i64>,
    number: Vec<i64>,
    group: Vec<Option<&'a str>>,
    deduplication_id: Vec<&'a str>,
    first_sent_ms: Vec<i64>,
    message_id: Vec<Uuid>,
}

impl<'a> Ids<'a> {
    fn push(&mut self, queue: u64, remembered: &'a Remembered) {
        self.queue.push(queue.cast_signed());
        self.number.push(whole(remembered.number));
        self.group.push(remembered.group.as_deref());
        self.deduplication_id.push(&remembered.deduplication_id);
        self.first_sent_ms.push(ms(remembered.first_sent));
        self.message_id.push(Uuid::from_bytes(remembered.id.0));
    }

    fn call(self) -> Option<Call<'a>> {
        call(Which::Remember, self.queue.is_empty(), || {
            vec![
                Box::new(self.queue),
                Box::new(self.number),
                Box::new(self.group),
                Box::new(self.deduplication_id),
                Box::new(self.first_sent_ms),
                Box::new(self.message_id),
            ]
        })
    }
}

fn attempted<'a>(queue: u64, id: &'a Arc<str>, attempt: &Attempted) -> Call<'a> {
    let receipts = &attempt.receipts;
    let slots: Vec<i32> = receipts.iter().map(|(receipt, _)| receipt.slot.cast_signed()).collect();
    let numbers: Vec<i64> = receipts.iter().map(|(receipt, _)| whole(receipt.number)).collect();
    let receives: Vec<i32> = receipts.iter().map(|(receipt, _)| receipt.receive.cast_signed()).collect();
    let deadlines: Vec<Option<i64>> = receipts.iter().map(|(_, deadline)| deadline.map(ms)).collect();
    let params: Vec<Param<'a>> = vec![
        Box::new(queue.cast_signed()),
        Box::new(&**id),
        Box::new(ms(attempt.at)),
        Box::new(slots),
        Box::new(numbers),
        Box::new(receives),
        Box::new(deadlines),
    ];
    Call { which: Which::Attempt, params }
}

fn tasks(tasks: &[(String, Option<Box<MoveTaskRecord>>)]) -> impl Iterator<Item = Call<'_>> {
    let put = tasks.iter().filter_map(|(_, task)| task.as_deref()).map(|task| {
        let params: Vec<Param<'_>> = vec![
            Box::new(&*task.id),
            Box::new(task.queue.cast_signed()),
            Box::new(&*task.source_arn),
            Box::new(task.destination_arn.as_deref()),
            Box::new(task.rate.map(i64::from)),
            Box::new(ms(task.started)),
            Box::new(whole(task.to_move)),
            Box::new(whole(task.moved)),
            Box::new(&*task.status),
            Box::new(task.failure.as_deref()),
        ];
        Call { which: Which::PutTask, params }
    });
    let forgotten: Vec<&str> = tasks.iter().filter(|(_, task)| task.is_none()).map(|(id, _)| id.as_str()).collect();
    let forget = call(Which::ForgetTasks, forgotten.is_empty(), || vec![Box::new(forgotten)]);
    put.chain(forget)
}
