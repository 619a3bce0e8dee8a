//! All that a history keeps, as it is behind its lock: how what is told of becomes records, and how readers get at them.

use super::event::{Detail, Event};
use super::gone::{Gone, GoneMessage};
use super::kind::{Kind, Totals};
use super::lives::{Life, Lives, NONE};
use super::log::Log;
use super::names::{Clients, QueueEntry, Queues, ShortPolls};
use super::reading::{EventFilter, Events, Timeline, Whereabouts};
use super::record::Record;
use crate::broker::{By, FailedEntry, QueueNames};
use crate::engine::{Fact, MessageFacts, MessageId, MessageState, Receipt, Time};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

/// Receives that ended with nothing whose positions are known; of older ones only the total.
const EMPTY_RECEIVES_MAX: usize = 10_000;
/// Messages of a kind among which the one of a missed deletion is looked for.
const MISSED_AMONG: usize = 256;

/// Events behind a position were dropped, so that what took place since then is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// From this position on everything is known.
    pub before: u64,
}

/// A moment: by the clock of the space, and by that of the machine.
pub(super) type Moments = (Time, Time);

/// What a history keeps.
pub(super) struct Book {
    events_max: usize,
    /// The number of the last event.
    position: u64,
    /// An event before this position was dropped.
    dropped_before: u64,
    /// Everything before this position was forgotten because that was asked for.
    forgotten_before: u64,
    log: Log,
    lives: Lives,
    queues: Queues,
    clients: Clients,
    gone: Gone,
    /// What only some events have, by position.
    details: BTreeMap<u64, Arc<Detail>>,
    /// Positions and queues of receives that ended with nothing.
    empty_receives: VecDeque<(u64, u32)>,
    empty_dropped_before: u64,
}

impl Book {
    pub(super) fn new(events_max: usize) -> Book {
        Book {
            events_max: events_max.max(1),
            position: 0,
            dropped_before: 0,
            forgotten_before: 0,
            log: Log::default(),
            lives: Lives::new(),
            queues: Queues::default(),
            clients: Clients::default(),
            gone: Gone::default(),
            details: BTreeMap::new(),
            empty_receives: VecDeque::new(),
            empty_dropped_before: 0,
        }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn dropped_before(&self) -> u64 {
        self.dropped_before
    }

    /// The same, unless it was forgotten on purpose.
    pub(super) fn cut_before(&self) -> Option<u64> {
        Some(self.dropped_before).filter(|dropped| *dropped > self.forgotten_before)
    }

    /// Takes down what happened in a queue.
    pub(super) fn happened(&mut self, uid: u64, moments: Moments, kind: Kind, fact: &Fact<'_>, by: By) {
        let queue = self.queues.number(uid);
        match fact {
            Fact::Message(facts) => self.message(queue, moments, kind, facts, by),
            Fact::Duplicate { of, .. } => {
                let life = self.lives.find(*of);
                self.about(life, Record { queue, ..record(kind, moments, by) });
            }
            Fact::Receipt(receipt) => self.delete_missed(*receipt, Record { queue, ..record(kind, moments, by) }),
            Fact::NoMessage { waited } => self.empty_receive(queue, *waited, moments.1),
            Fact::Queue => {
                self.about(None, Record { queue, ..record(kind, moments, by) });
                self.emptied(queue, kind);
            }
        }
    }

    fn message(&mut self, queue: u32, moments: Moments, kind: Kind, facts: &MessageFacts<'_>, by: By) {
        self.make_room();
        let position = self.position + 1;
        let life = match kind {
            Kind::Sent => self.lives.begin(facts.id, position, queue),
            _ => self.life_of(facts, position, queue),
        };
        let mut record = Record::new(kind, moments.0);
        record.position = position;
        record.real = moments.1;
        (record.life, record.queue, record.client) = (life, queue, by.client);
        record.set_request(by.request);
        record.receive_count = facts.receive_count;
        record.receive = u16::try_from(facts.receive).unwrap_or(u16::MAX);
        record.state = facts.state;
        record.set_deadline(facts.deadline);
        self.position = position;
        self.queues.count(queue, kind);
        let known = self.lives.count(life, position);
        known.queue = queue;
        (known.slot, known.number) = (facts.slot, facts.number);
        known.receive_count = facts.receive_count;
        let before = known.left;
        known.left = None;
        if kind.leaves_queue() {
            known.left = Some(kind);
            self.gone.add(queue, position, moments.0, kind, facts);
            if kind.ends_life() {
                self.lives.finish(life);
            }
        } else if before.is_some_and(Kind::ends_life) {
            self.lives.reopen(life);
        }
        self.push(&record);
        if kind == Kind::Sent && facts.state == Some(MessageState::Delayed) {
            self.append(Record { kind: Kind::Delayed, ..record });
        }
    }

    /// The life that goes on with a message. If it is not known, its beginning was dropped, or took place before the history.
    fn life_of(&mut self, facts: &MessageFacts<'_>, position: u64, queue: u32) -> u32 {
        let before = facts.renewed_from.unwrap_or(facts.id);
        let life = match self.lives.find(before) {
            Some(life) => life,
            None => {
                let life = self.lives.begin(before, position, queue);
                self.lives.get_mut(life).is_cut = true;
                life
            }
        };
        if let Some(from) = facts.renewed_from {
            self.lives.rename(life, facts.id, position);
            self.details.insert(position, Arc::new(Detail::Renewed { from }));
        }
        life
    }

    /// The message of a missed deletion is looked for among those that left last and those that came last.
    fn delete_missed(&mut self, receipt: Receipt, record: Record) {
        let life = self.of_receipt(record.queue, receipt);
        let receive = u16::try_from(receipt.receive).unwrap_or(u16::MAX);
        self.about(life, Record { receive, ..record });
    }

    fn of_receipt(&self, queue: u32, receipt: Receipt) -> Option<u32> {
        let is = |life: &Life| life.queue == queue && life.number == receipt.number;
        self.lives.newest(MISSED_AMONG).find(|(_, life)| is(life)).map(|(life, _)| life)
    }

    /// Takes down that an entry of a batch failed.
    pub(super) fn entry_failed(&mut self, uid: u64, moments: Moments, entry: &FailedEntry<'_>, by: By) {
        let queue = self.queues.number(uid);
        let life = entry.receipt.and_then(|receipt| self.of_receipt(queue, receipt));
        let receive = entry.receipt.map_or(0, |receipt| u16::try_from(receipt.receive).unwrap_or(u16::MAX));
        self.about(life, Record { queue, receive, ..record(Kind::EntryFailed, moments, by) });
        let (action, code) = (entry.operation.name(), entry.code.to_owned());
        self.details.insert(self.position, Arc::new(Detail::Entry { action, code, body_md5: entry.body_md5 }));
    }

    fn empty_receive(&mut self, queue: u32, waited: bool, real: Time) {
        self.position += 1;
        self.queues.count(queue, Kind::EmptyReceive);
        if !waited && let Some(entry) = self.queues.get_mut(queue) {
            entry.short_polls.count(real);
        }
        if self.empty_receives.len() >= EMPTY_RECEIVES_MAX
            && let Some((position, _)) = self.empty_receives.pop_front()
        {
            self.empty_dropped_before = position + 1;
        }
        self.empty_receives.push_back((self.position, queue));
    }

    /// Everything in a queue is gone with the last event.
    fn emptied(&mut self, queue: u32, by: Kind) {
        if let Some(entry) = self.queues.get_mut(queue) {
            (entry.emptied, entry.emptied_by) = (self.position, Some(by));
        }
        self.lives.many_ended();
    }

    /// Takes down what happened to a queue as such.
    pub(super) fn queue_event(&mut self, names: &QueueNames, moments: Moments, kind: Kind, by: By) {
        self.know_queue(names);
        let queue = self.queues.number(names.uid);
        self.about(None, Record { queue, ..record(kind, moments, by) });
        if kind == Kind::QueueDeleted {
            self.emptied(queue, kind);
            self.queues.delete(names.uid);
        }
    }

    /// Takes down what is none of the queues' doing.
    pub(super) fn note(
        &mut self,
        kind: Kind,
        moments: Moments,
        (queue, message): (Option<u64>, Option<MessageId>),
        by: By,
        detail: Detail,
    ) -> u64 {
        let queue = queue.map_or(NONE, |uid| self.queues.number(uid));
        let life = message.and_then(|id| self.lives.find(id));
        self.about(life, Record { queue, ..record(kind, moments, by) });
        self.details.insert(self.position, Arc::new(detail));
        self.position
    }

    /// Adds a record to a life, or to one of its own.
    fn about(&mut self, life: Option<u32>, record: Record) {
        // Before room is made, which may end the life.
        let first = life.map(|life| self.lives.get(life).first);
        self.make_room();
        let still = life.filter(|life| Some(self.lives.get(*life).first) == first);
        let life = still.unwrap_or_else(|| self.lives.begin_single(self.position + 1, record.queue));
        let receive_count = self.lives.get(life).receive_count;
        self.append(Record { life, receive_count, ..record });
    }

    fn append(&mut self, record: Record) {
        self.position += 1;
        self.queues.count(record.queue, record.kind);
        self.lives.count(record.life, self.position);
        self.push(&Record { position: self.position, ..record });
    }

    #[inline]
    fn push(&mut self, record: &Record) {
        let Book { log, lives, details, .. } = self;
        log.push(record, lives.events(), lives, |dropped| {
            details.remove(&dropped.position);
        });
    }

    /// Drops whole lives until there is room for another event or two.
    #[inline]
    fn make_room(&mut self) {
        if self.lives.events() >= self.events_max {
            self.drop_lives();
        }
    }

    fn drop_lives(&mut self) {
        while self.lives.events() >= self.events_max {
            let queues = &self.queues;
            let Some(last) = self.lives.drop_one(|life| emptied_by(queues, life).is_some()) else { return };
            self.dropped_before = self.dropped_before.max(last + 1);
        }
    }

    pub(super) fn forget(&mut self) {
        self.log = Log::default();
        self.lives = Lives::new();
        self.gone = Gone::default();
        self.details.clear();
        self.empty_receives.clear();
        self.queues.forget_totals();
        self.dropped_before = self.position + 1;
        self.forgotten_before = self.position + 1;
        self.empty_dropped_before = self.position + 1;
    }

    pub(super) fn know_queue(&mut self, names: &QueueNames) {
        let number = self.queues.number(names.uid);
        if let Some(entry) = self.queues.get_mut(number) {
            entry.names.get_or_insert_with(|| Arc::new(names.clone()));
        }
    }

    pub(super) fn queues_named(&self, is: impl Fn(&QueueNames) -> bool) -> Vec<u64> {
        self.queues.named(is)
    }

    pub(super) fn client(
        &mut self,
        user_agent: Option<&str>,
        peer: Option<SocketAddr>,
        account: &str,
        control: bool,
    ) -> u32 {
        self.clients.number(user_agent, peer, account, control)
    }

    pub(super) fn short_polls(&self, uid: u64) -> ShortPolls {
        self.queues.find(uid).map(|(_, entry)| entry.short_polls).unwrap_or_default()
    }

    pub(super) fn totals(&self, uid: u64) -> Totals {
        self.queues.totals(uid)
    }

    /// Whether everything behind a position is known.
    pub(super) fn knows_since(&self, position: u64) -> Result<(), Dropped> {
        let before = self.dropped_before.max(self.empty_dropped_before);
        if before > position.saturating_add(1) { Err(Dropped { before }) } else { Ok(()) }
    }

    /// Counts the events of a queue between two positions; answers where to go on, if there are more.
    pub(super) fn count_page(
        &self,
        counted: &mut Totals,
        uid: u64,
        (after, until): (u64, u64),
        look: usize,
    ) -> Option<u64> {
        let (queue, _) = self.queues.find(uid)?;
        let mut seen = 0;
        let mut last = None;
        for record in self.log.after(after).take_while(|record| record.position <= until).take(look) {
            seen += 1;
            last = Some(record.position);
            if record.queue == queue && self.lives.has(record) {
                counted.count(record.kind);
            }
        }
        last.filter(|_| seen == look)
    }

    /// Counts the empty receives of a queue between two positions.
    pub(super) fn count_empty(&self, counted: &mut Totals, uid: u64, (after, until): (u64, u64)) {
        let Some((queue, _)) = self.queues.find(uid) else { return };
        let first = self.empty_receives.partition_point(|(position, _)| *position <= after);
        let wanted = self.empty_receives.range(first..).take_while(|(position, _)| *position <= until);
        wanted.filter(|(_, of)| *of == queue).for_each(|_| counted.count(Kind::EmptyReceive));
    }

    /// A record with names in place of numbers.
    fn event(&self, record: &Record) -> Event {
        Event {
            position: record.position,
            at: record.at,
            real: record.real,
            kind: record.kind,
            queue: self.queues.get(record.queue).and_then(|entry| entry.names.clone()),
            message: self.lives.get(record.life).id_at(record.position),
            receive_count: record.receive_count,
            receive: record.receive,
            deadline: record.deadline(),
            state: record.state,
            request: record.request(),
            client: self.clients.get(record.client).cloned(),
            detail: self.details.get(&record.position).cloned(),
        }
    }

    /// What of the records a reader wants.
    fn wanted<'a>(&'a self, filter: &'a EventFilter) -> impl Fn(&Record) -> bool + 'a {
        let numbers = |uids: &Vec<u64>| uids.iter().filter_map(|uid| Some(self.queues.find(*uid)?.0)).collect();
        let queues: Option<Vec<u32>> = filter.queues.as_ref().map(numbers);
        move |record| {
            filter.kinds.has(record.kind)
                && queues.as_ref().is_none_or(|queues| queues.contains(&record.queue))
                && self.lives.has(record)
        }
    }

    /// Adds events to a page, looking at so many at most; whether there are more behind those.
    pub(super) fn page(&self, found: &mut Events, filter: &EventFilter, limit: usize, look: usize) -> bool {
        let wanted = self.wanted(filter);
        let mut left = limit;
        for (seen, record) in self.log.after(found.until).enumerate() {
            if seen == look || left == 0 {
                return true;
            }
            found.until = record.position;
            if wanted(record) {
                found.events.push(self.event(record));
                left -= 1;
            }
        }
        found.until = self.position;
        false
    }

    /// The same from the end on; answers where to go on, if there are more.
    pub(super) fn page_back(
        &self,
        found: &mut Vec<Event>,
        before: u64,
        filter: &EventFilter,
        limit: usize,
        look: usize,
    ) -> Option<u64> {
        let wanted = self.wanted(filter);
        let mut left = limit;
        let mut last = before;
        for (seen, record) in self.log.before(before).enumerate() {
            if seen == look || left == 0 {
                return Some(last);
            }
            last = record.position;
            if wanted(record) {
                found.push(self.event(record));
                left -= 1;
            }
        }
        None
    }

    /// A life with the position at which it began, and its timeline without events; and where to begin with those.
    pub(super) fn begin_timeline(&self, id: MessageId) -> Option<((u32, u64), Timeline, u64)> {
        let number = self.lives.find(id)?;
        let life = self.lives.get(number);
        let earlier = life.earlier_ids.iter().flat_map(|ids| ids.iter()).map(|(_, id)| *id);
        let ids = earlier.chain([life.id]).collect();
        let ended = life.left.filter(|left| left.ends_life()).or_else(|| emptied_by(&self.queues, life));
        let timeline = Timeline { ids, events: Vec::new(), complete: !life.is_cut, gone: None, ended };
        Some(((number, life.first), timeline, life.first - 1))
    }

    /// Adds events to a timeline; answers where to go on, if there may be more.
    pub(super) fn add_to_timeline(
        &self,
        (number, first): (u32, u64),
        timeline: &mut Timeline,
        after: u64,
        look: usize,
    ) -> Option<u64> {
        let life = self.lives.get(number);
        if life.first != first {
            timeline.complete = false;
            return None;
        }
        let end = life.last.max(self.queues.get(life.queue).map_or(0, |entry| entry.emptied));
        let mut queue = timeline.events.last().map_or(NONE, |event| self.number_of(event));
        for (seen, record) in self.log.after(after).take_while(|record| record.position <= end).enumerate() {
            let is_there = timeline.events.last().is_some_and(|event| !event.kind.leaves_queue());
            let empties = matches!(record.kind, Kind::Purged | Kind::QueueDeleted) && is_there && record.queue == queue;
            if record.life == number || empties {
                queue = record.queue;
                timeline.events.push(self.event(record));
                if record.kind.leaves_queue() || record.kind == Kind::Arrived {
                    timeline.gone = self.gone.at(record.position);
                }
            }
            if seen + 1 == look {
                return Some(record.position);
            }
        }
        None
    }

    fn number_of(&self, event: &Event) -> u32 {
        let names = event.queue.as_ref();
        names.and_then(|names| self.queues.find(names.uid)).map_or(NONE, |(number, _)| number)
    }

    pub(super) fn gone_of_all(&self, since: u64, limit: usize) -> Vec<GoneMessage> {
        self.gone.all(since, limit)
    }

    pub(super) fn whereabouts(&self, id: MessageId) -> Option<Whereabouts> {
        let life = self.lives.get(self.lives.find(id)?);
        let queue = self.queues.get(life.queue);
        Some(Whereabouts {
            id: life.id,
            queue: queue.map(|entry| entry.uid),
            left: life.left.or_else(|| emptied_by(&self.queues, life)),
            message: (life.slot, life.number),
            receive_count: life.receive_count,
            position: life.last,
        })
    }

    pub(super) fn gone(&self, uid: u64, since: u64, limit: usize) -> (Vec<GoneMessage>, Option<u64>) {
        match self.queues.find(uid) {
            Some((queue, _)) => self.gone.page(queue, since, limit),
            None => (Vec::new(), None),
        }
    }

    /// Bytes of records, and how many there are of lives that were not dropped.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.log.bytes(), self.lives.events())
    }
}

fn record(kind: Kind, (at, real): Moments, by: By) -> Record {
    let mut record = Record { real, client: by.client, ..Record::new(kind, at) };
    record.set_request(by.request);
    record
}

/// What took a message out of its queue with all others, after its last event.
fn emptied_by(queues: &Queues, life: &Life) -> Option<Kind> {
    if life.left.is_some() {
        return None;
    }
    match queues.get(life.queue) {
        Some(QueueEntry { emptied, emptied_by, .. }) => emptied_by.filter(|_| *emptied > life.last),
        // Forgotten, so it was deleted.
        None => Some(Kind::QueueDeleted),
    }
}
