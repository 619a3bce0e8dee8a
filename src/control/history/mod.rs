//! What happened in a space, as events with a position, a time and a reason.
//!
//! | file | what it holds, from the bottom up |
//! | --- | --- |
//! | `kind.rs` | the types of events, and totals by type |
//! | `names.rs` | queues and clients by number |
//! | `record.rs` `lives.rs` `log.rs` | one event in 64 bytes; which events are of one message; the events in order |
//! | `gone.rs` | messages that have left their queues |
//! | `event.rs` `reading.rs` | an event as readers see it; what they ask for and get |
//! | `book.rs` | all of it together, behind one lock |
//!
//! It is told of everything under the lock of a queue, so its own lock is held for a few hundred instructions at a time, and
//! nothing is allocated for an event but a chunk for many. Whoever reads gets copies, in pages.

mod book;
mod event;
mod gone;
mod kind;
mod lives;
mod log;
mod names;
mod reading;
mod record;

pub use book::Dropped;
pub use event::{Detail, Event, listing};
pub use gone::{GONE_BODY_BYTES_MAX, GoneMessage};
pub use kind::{Kind, Kinds, Totals};
pub use names::{Client, ShortPolls};
pub use reading::{EventFilter, Events, Timeline, Whereabouts};

use crate::broker::{By, FailedEntry, Observer, QueueEvent, QueueNames};
use crate::clock::Clock;
use crate::engine::{Cause, Fact, MessageId, Time};
use crate::error::Error;
use book::Book;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Events that are looked at under the lock in one go.
const LOOKED_AT_PER_TURN: usize = 4096;
/// Characters of an error's text that are kept.
const ERROR_CHARACTERS_MAX: usize = 200;
/// Who may follow the events of a space at one time.
pub const FOLLOWERS_MAX: usize = 64;
/// Messages that have left their queues, looked at in one go.
const GONE_PER_TURN: usize = 256;

/// The history of a space.
pub struct History {
    clock: Clock,
    /// The number of the last event, for those who do not want the lock.
    position: AtomicU64,
    book: Mutex<Book>,
    /// The number of the last event, for those who wait for more.
    newest: watch::Sender<u64>,
    /// Room for those who follow it.
    followers: Arc<Semaphore>,
}

impl History {
    /// A history that keeps so many events at most.
    pub fn new(events_max: usize, clock: Clock) -> History {
        let book = Mutex::new(Book::new(events_max));
        History {
            clock,
            position: AtomicU64::new(0),
            book,
            newest: watch::Sender::new(0),
            followers: Arc::new(Semaphore::new(FOLLOWERS_MAX)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the book, and makes known what was added to it.
    fn write<T>(&self, write: impl FnOnce(&mut Book) -> T) -> T {
        let mut book = self.lock();
        let result = write(&mut book);
        self.position.store(book.position(), Ordering::Release);
        if self.newest.receiver_count() > 0 {
            self.newest.send_replace(book.position());
        }
        result
    }

    /// The time of the space and that of the machine.
    fn now(&self) -> (Time, Time) {
        let now = self.clock.now();
        (now, self.real(now))
    }

    /// The machine's time when the clock shows this.
    #[inline]
    fn real(&self, at: Time) -> Time {
        if self.clock.is_turned() { self.clock.real_now() } else { at }
    }

    /// The number of the last event. Positions go on when the history is forgotten.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    /// Sees the position change with each event from now on.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        let receiver = self.newest.subscribe();
        // What was added before anybody listened.
        self.newest.send_replace(self.position());
        receiver
    }

    /// Room for somebody who follows the events, if there is any; there is `FOLLOWERS_MAX`.
    pub fn follow(&self) -> Option<OwnedSemaphorePermit> {
        self.followers.clone().try_acquire_owned().ok()
    }

    /// How often each thing took place in a queue; exact also when events were dropped.
    pub fn totals(&self, queue: u64) -> Totals {
        self.lock().totals(queue)
    }

    /// The receives of a queue that did not wait and found nothing.
    pub fn short_polls(&self, queue: u64) -> ShortPolls {
        self.lock().short_polls(queue)
    }

    /// The position from which on everything is known, if events were dropped because there were too many.
    pub fn cut_before(&self) -> Option<u64> {
        self.lock().cut_before()
    }

    /// What the totals of a queue were at a position. To be asked for once: what is counted since then is the difference.
    ///
    /// # Errors
    /// Events behind the position were dropped.
    pub fn totals_at(&self, queue: u64, position: u64) -> Result<Totals, Dropped> {
        let book = self.lock();
        let (totals, until) = (book.totals(queue), book.position());
        drop(book);
        let mut counted = Totals::default();
        let mut after = Some(position);
        while let Some(from) = after {
            after = self.lock().count_page(&mut counted, queue, (from, until), LOOKED_AT_PER_TURN);
        }
        let book = self.lock();
        book.count_empty(&mut counted, queue, (position, until));
        book.knows_since(position)?;
        Ok(totals.since(&counted))
    }

    /// How often something took place in a queue since a position.
    ///
    /// # Errors
    /// Events behind the position were dropped.
    pub fn count_since(&self, queue: u64, kind: Kind, position: u64) -> Result<u64, Dropped> {
        let earlier = self.totals_at(queue, position)?;
        Ok(self.totals(queue).since(&earlier).of(kind))
    }

    /// The position before which events were dropped, if any were.
    pub fn dropped_before(&self) -> Option<u64> {
        Some(self.lock().dropped_before()).filter(|before| *before > 0)
    }

    /// Up to `limit` events behind a position.
    pub fn events(&self, since: u64, filter: &EventFilter, limit: usize) -> Events {
        let dropped_before = Some(self.lock().dropped_before()).filter(|dropped| *dropped > since.saturating_add(1));
        let mut found = Events { events: Vec::new(), until: since, dropped_before };
        loop {
            let left = limit - found.events.len();
            let more = self.lock().page(&mut found, filter, left, LOOKED_AT_PER_TURN);
            if !more || found.events.len() >= limit {
                return found;
            }
        }
    }

    /// The last events, up to `limit`, in their order.
    pub fn last_events(&self, filter: &EventFilter, limit: usize) -> Vec<Event> {
        let mut found = Vec::new();
        let mut before = u64::MAX;
        while found.len() < limit {
            let left = limit - found.len();
            match self.lock().page_back(&mut found, before, filter, left, LOOKED_AT_PER_TURN) {
                Some(position) => before = position,
                None => break,
            }
        }
        found.reverse();
        found
    }

    /// The last events behind a position, up to `limit`, in their order; and the position up to which was looked.
    pub fn newest_events(&self, since: u64, filter: &EventFilter, limit: usize) -> (Vec<Event>, u64) {
        let until = self.position();
        let (mut found, mut before) = (Vec::new(), until + 1);
        while found.len() < limit && before > since + 1 {
            let left = limit - found.len();
            match self.lock().page_back(&mut found, before, filter, left, LOOKED_AT_PER_TURN) {
                Some(position) => before = position,
                None => break,
            }
        }
        found.retain(|event| event.position > since);
        found.reverse();
        (found, until)
    }

    /// The life of a message that has, or had, this id.
    pub fn timeline(&self, id: MessageId) -> Option<Timeline> {
        let (life, mut timeline, mut after) = self.lock().begin_timeline(id)?;
        while let Some(position) = self.lock().add_to_timeline(life, &mut timeline, after, LOOKED_AT_PER_TURN) {
            after = position;
        }
        Some(timeline)
    }

    /// Where a message is, or how it left, as far as the history knows.
    pub fn whereabouts(&self, id: MessageId) -> Option<Whereabouts> {
        self.lock().whereabouts(id)
    }

    /// The messages that left a queue behind a position, in the order in which they left: those that are remembered.
    pub fn gone_messages(&self, queue: u64, since: u64) -> impl Iterator<Item = GoneMessage> + '_ {
        let mut next = Some(since);
        std::iter::from_fn(move || {
            let (page, last) = self.lock().gone(queue, next?, GONE_PER_TURN);
            next = last;
            Some(page)
        })
        .flatten()
    }

    /// All messages that left any queue, in the order in which they left: those that are remembered.
    pub fn all_gone_messages(&self) -> impl Iterator<Item = GoneMessage> + '_ {
        let mut next = 0;
        std::iter::from_fn(move || {
            let page = self.lock().gone_of_all(next, GONE_PER_TURN);
            next = page.last()?.position;
            Some(page)
        })
        .flatten()
    }

    /// The uids of the queues of which this is true, deleted ones too.
    pub fn queues_named(&self, is: impl Fn(&QueueNames) -> bool) -> Vec<u64> {
        self.lock().queues_named(is)
    }

    /// Takes down the names of a queue that was there before the history.
    pub fn know_queue(&self, names: &QueueNames) {
        self.lock().know_queue(names);
    }

    /// The number by which events name a client. To be asked for once for a connection.
    pub fn client(&self, user_agent: Option<&str>, peer: Option<SocketAddr>, account: &str, control: bool) -> u32 {
        self.lock().client(user_agent, peer, account, control)
    }

    /// Takes down that test control did something. Answers the position.
    pub fn record_control(&self, what: &str, queue: Option<u64>, message: Option<MessageId>, by: By) -> u64 {
        self.record(Kind::Control, queue, message, by, Detail::Control { what: what.to_owned() })
    }

    /// Takes down that the clock was turned.
    pub fn record_clock(&self, from: Time, to: Time, why: &str, by: By) -> u64 {
        self.record(Kind::ClockAdvanced, None, None, by, Detail::Clock { from, to, why: why.to_owned() })
    }

    /// Takes down that a fault was injected.
    pub fn record_fault(&self, rule: &str, fault: &str, queue: Option<u64>, message: Option<MessageId>, by: By) -> u64 {
        let detail = Detail::Fault { rule: rule.to_owned(), fault: fault.to_owned() };
        self.record(Kind::FaultFired, queue, message, by, detail)
    }

    /// Takes down that a request was answered with an error.
    pub fn record_failure(&self, action: &'static str, error: &Error, by: By) -> u64 {
        let beginning = |text: &str| text.chars().take(ERROR_CHARACTERS_MAX).collect();
        let detail = Detail::Request {
            action,
            code: error.kind.json_type().1,
            text: beginning(&error.message),
            detail: error.detail.as_deref().map(beginning),
        };
        self.record(Kind::RequestFailed, error.queue(), None, by, detail)
    }

    fn record(&self, kind: Kind, queue: Option<u64>, message: Option<MessageId>, by: By, detail: Detail) -> u64 {
        let now = self.now();
        self.write(|book| book.note(kind, now, (queue, message), by, detail))
    }

    /// Forgets all events, all messages that are gone, and all totals. Positions go on.
    pub fn forget(&self) {
        self.write(Book::forget);
    }
}

impl Observer for History {
    fn happened(&self, queue: u64, at: Time, cause: Cause, fact: &Fact<'_>, by: By) {
        let Some(kind) = Kind::of_cause(cause) else { return };
        let real = self.real(at);
        self.write(|book| book.happened(queue, (at, real), kind, fact, by));
    }

    fn entry_failed(&self, queue: u64, at: Time, entry: &FailedEntry<'_>, by: By) {
        let real = self.real(at);
        self.write(|book| book.entry_failed(queue, (at, real), entry, by));
    }

    fn queue_event(&self, queue: &QueueNames, at: Time, event: QueueEvent, by: By) {
        let real = self.real(at);
        self.write(|book| book.queue_event(queue, (at, real), Kind::of_queue_event(event), by));
    }
}

#[cfg(test)]
mod tests;
