//! The queues of a condition: watched for changes, and looked at.

use super::condition::{Clause, Condition, Counter, Gauge, MessageClause, State};
use crate::broker::{Queue, QueueLook};
use crate::control::history::{GoneMessage, History, Kind, Totals};
use crate::control::matcher::MatchedContent;
use crate::control::refusal::Refusal;
use crate::control::space::Space;
use crate::engine::{MessageId, MessagePage, NextChange, StoredMessage};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::watch;

/// Queues that one await watches.
pub const WATCHED_QUEUES_MAX: usize = 100;
/// Messages that are looked at under the lock of a queue in one go.
const PAGE_MESSAGES: usize = 256;
/// Bytes of a body that an answer repeats.
const SHOWN_BODY_BYTES_MAX: usize = 1024;

/// A queue that is watched.
pub struct WatchedQueue {
    /// As the condition names it.
    pub name: String,
    /// The queue.
    pub queue: Arc<Queue>,
    changes: watch::Receiver<u64>,
    /// What its counters were at the positions from which the condition counts.
    bases: BTreeMap<u64, Totals>,
}

/// A queue as it was at one moment.
#[derive(Clone, Debug)]
pub struct Seen {
    gauges: [u64; Gauge::ALL.len()],
    totals: Option<Totals>,
    bases: BTreeMap<u64, Totals>,
    /// When a message next becomes available by itself.
    pub next: Option<NextChange>,
    /// How often it changed since it is watched.
    pub changes: u64,
}

impl Seen {
    /// How many there were.
    pub fn gauge(&self, gauge: Gauge) -> u64 {
        self.gauges[gauge as usize]
    }

    /// How often something had happened behind a position from which the condition counts.
    pub fn count(&self, counter: Counter, since: u64) -> u64 {
        let Some(totals) = &self.totals else { return 0 };
        let totals = self.bases.get(&since).map_or(*totals, |base| totals.since(base));
        match counter {
            Counter::Sent => totals.of(Kind::Sent),
            Counter::Received => totals.received(),
            Counter::Deleted => totals.of(Kind::Deleted),
            Counter::DeadLettered => totals.of(Kind::DeadLettered),
            Counter::Expired => totals.of(Kind::Expired),
            Counter::EmptyReceives => totals.of(Kind::EmptyReceive),
            Counter::Deduplicated => totals.of(Kind::Deduplicated),
        }
    }

    /// How often messages were received or not found; none without a history.
    pub fn polls(&self) -> Option<u64> {
        self.totals.map(|totals| totals.of(Kind::Received) + totals.of(Kind::EmptyReceive))
    }

    /// How many messages ever came in; none without a history.
    pub fn ever_held(&self) -> Option<u64> {
        self.totals.map(|totals| totals.of(Kind::Sent) + totals.of(Kind::Arrived))
    }

    /// Grows with everything that happens but polls that find nothing; without a history also with those.
    pub fn activity(&self) -> u64 {
        let Some(totals) = &self.totals else { return self.changes };
        Kind::ALL.iter().filter(|kind| **kind != Kind::EmptyReceive).map(|kind| totals.of(*kind)).sum()
    }
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSeen {
    /// Its id.
    pub id: MessageId,
    /// The queue that it is in, or left.
    pub queue: String,
    /// The beginning of its body.
    pub body: String,
    /// Its state; `Any` if it was moved or taken out by hand.
    pub state: State,
    /// How often it was received.
    pub receives: u64,
}

impl MessageSeen {
    pub(super) fn present(queue: &str, stored: &StoredMessage) -> MessageSeen {
        MessageSeen {
            id: stored.message.id,
            queue: queue.to_owned(),
            body: beginning(stored.message.body.as_str()),
            state: State::of(stored.status.state),
            receives: stored.status.receive_count.into(),
        }
    }

    pub(super) fn gone(queue: &str, gone: &GoneMessage) -> MessageSeen {
        MessageSeen {
            id: gone.id,
            queue: queue.to_owned(),
            body: beginning(&gone.body),
            state: state_of_gone(gone),
            receives: gone.receive_count.into(),
        }
    }
}

fn beginning(body: &str) -> String {
    body[..body.floor_char_boundary(SHOWN_BODY_BYTES_MAX)].to_owned()
}

fn state_of_gone(gone: &GoneMessage) -> State {
    match gone.how {
        Kind::Deleted => State::Deleted,
        Kind::Expired => State::Expired,
        Kind::DeadLettered => State::Dead,
        _ => State::Any,
    }
}

/// What a matcher looks at of a message that is gone.
pub(super) fn content_of_gone(gone: &GoneMessage) -> MatchedContent<'_> {
    MatchedContent {
        id: gone.id,
        body: &gone.body,
        body_is_cut: gone.body_bytes > gone.body.len(),
        attributes: &gone.attributes,
        group: gone.group.as_deref(),
        dedup_id: gone.deduplication_id.as_deref(),
    }
}

/// What one pass over all queues found.
pub struct Pass<'a> {
    /// The queues by the names that the condition gives them.
    pub queues: BTreeMap<String, Seen>,
    /// The messages of the clauses that want one; clauses are told apart by where they are.
    found: Vec<(&'a MessageClause, Option<MessageSeen>)>,
    /// Whether all of it was so at one moment.
    pub at_one_moment: bool,
}

impl Pass<'_> {
    /// The message of a clause, if there was one.
    pub fn message(&self, clause: &MessageClause) -> Option<&MessageSeen> {
        self.found.iter().find(|(wanted, _)| std::ptr::eq(*wanted, clause)).and_then(|(_, found)| found.as_ref())
    }

    /// The first message that was found.
    pub fn first_message(&self) -> Option<&MessageSeen> {
        self.found.iter().find_map(|(_, found)| found.as_ref())
    }

    /// Grows with everything that happens.
    pub fn activity(&self) -> u64 {
        self.queues.values().map(Seen::activity).sum()
    }

    /// How often the queues changed.
    pub fn changes(&self) -> u64 {
        self.queues.values().map(|seen| seen.changes).fold(0, u64::wrapping_add)
    }

    /// Whether a message will become available by itself.
    pub fn has_deadline(&self) -> bool {
        self.queues.values().any(|seen| seen.next.is_some())
    }
}

/// The queues of a condition.
pub struct Watched<'s> {
    space: &'s Space,
    /// Each queue once.
    pub queues: Vec<WatchedQueue>,
}

impl<'s> Watched<'s> {
    /// Has the queues of a condition watched from now on.
    ///
    /// # Errors
    /// 404 for a queue that is not there, 409 for what wants a history where there is none.
    pub fn new(space: &'s Space, condition: &Condition) -> Result<Watched<'s>, Refusal> {
        let mut watched = Watched { space, queues: Vec::new() };
        let mut refusal = None;
        for clause in std::iter::once(&condition.clause).chain(&condition.never) {
            clause.each(&mut |clause| {
                if refusal.is_none() {
                    refusal = watched.add(clause).err();
                }
            });
        }
        match refusal {
            Some(refusal) => Err(refusal),
            None => Ok(watched),
        }
    }

    fn add(&mut self, clause: &Clause) -> Result<(), Refusal> {
        if let Some(name) = &clause.queue {
            let queue = self.space.queue(name).ok_or_else(|| Refusal::no_queue(name, self.space))?;
            self.watch(name, queue)?;
        } else if clause.message.is_some() {
            for queue in self.space.broker().namespace().all() {
                let name = queue.name.clone();
                let is_taken = self.queues.iter().any(|other| other.name == *name && other.queue.uid != queue.uid);
                let full = format!("{}/{}/{name}", queue.account, queue.region);
                self.watch(if is_taken { &full } else { &name }, queue)?;
            }
        }
        let wants_gone = clause.message.as_ref().is_some_and(|message| !message.state.may_be_present());
        if (!clause.counters.is_empty() || wants_gone) && self.space.history().is_none() {
            let what = clause
                .counters
                .first()
                .map(|counter| counter.0.name())
                .or(clause.message.as_ref().map(|m| m.state.name()));
            let error = format!("`{}` is known from the history, and none is kept", what.unwrap_or_default());
            return Err(Refusal::new(409, error, "start kew with --history 100000"));
        }
        if let (Some(name), Some(history)) = (&clause.queue, self.space.history()) {
            let queue = self.queues.iter_mut().find(|queue| queue.name == *name);
            let since = clause.counters.iter().map(|counter| counter.2).filter(|since| *since > 0);
            if let Some(queue) = queue {
                since.into_iter().try_for_each(|since| queue.count_from(history, since))?;
            }
        }
        Ok(())
    }

    fn watch(&mut self, name: &str, queue: Arc<Queue>) -> Result<(), Refusal> {
        if self.queues.iter().any(|other| other.name == name) {
            return Ok(());
        }
        if self.queues.len() == WATCHED_QUEUES_MAX {
            let error = format!("one await watches {WATCHED_QUEUES_MAX} queues at most");
            return Err(Refusal::new(409, error, "say queue=NAME"));
        }
        let changes = self.space.broker().watch(&queue);
        self.queues.push(WatchedQueue { name: name.to_owned(), queue, changes, bases: BTreeMap::new() });
        Ok(())
    }

    /// The space.
    pub fn space(&self) -> &'s Space {
        self.space
    }

    /// Looks at all queues, and for the messages of all clauses.
    ///
    /// # Errors
    /// The name of a queue that was deleted.
    pub async fn look<'a>(&mut self, condition: &'a Condition) -> Result<Pass<'a>, String> {
        self.space.awaits().count_evaluation();
        let mut search = Search::new(condition);
        let mut queues = BTreeMap::new();
        for watched in &mut self.queues {
            let changes = *watched.changes.borrow_and_update();
            let mut next = Some(0);
            while let Some(from) = next {
                if from > 0 {
                    if !search.wants_present(&watched.name) {
                        break;
                    }
                    // Others come to their turn.
                    tokio::task::yield_now().await;
                }
                let wants = search.wants_present(&watched.name);
                let (seen, page) =
                    watched.page(self.space, changes, from, wants).ok_or_else(|| watched.name.clone())?;
                search.looks += 1;
                queues.entry(watched.name.clone()).or_insert(seen);
                next = page.as_ref().and_then(|page| page.next);
                page.iter().flat_map(|page| &page.messages).for_each(|stored| search.see(&watched.name, stored));
            }
            if let Some(history) = self.space.history() {
                search.look_for_gone(history, watched);
            }
        }
        let changed = self.queues.iter().any(|queue| queue.changes.has_changed().unwrap_or(true));
        Ok(Pass { queues, at_one_moment: search.looks <= 1 || !changed, found: search.found })
    }

    /// Ends when one of the queues has changed since the last look at it.
    pub async fn changed(&mut self) {
        let mut changes: Vec<_> = self.queues.iter_mut().map(|queue| Box::pin(queue.changes.changed())).collect();
        poll_fn(|context| match changes.iter_mut().any(|change| change.as_mut().poll(context).is_ready()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}

/// The messages that the clauses of a condition want.
struct Search<'a> {
    found: Vec<(&'a MessageClause, Option<MessageSeen>)>,
    /// The queue in which each of them is wanted; none for all.
    queues: Vec<Option<&'a str>>,
    /// How often something was looked at.
    looks: usize,
}

impl<'a> Search<'a> {
    fn new(condition: &'a Condition) -> Search<'a> {
        let mut search = Search { found: Vec::new(), queues: Vec::new(), looks: 0 };
        for clause in std::iter::once(&condition.clause).chain(&condition.never) {
            clause.each(&mut |clause| {
                if let Some(message) = &clause.message {
                    search.found.push((message, None));
                    search.queues.push(clause.queue.as_deref());
                }
            });
        }
        search
    }

    /// The clauses that still want a message of a queue.
    fn open<'s>(
        &'s mut self,
        name: &'s str,
    ) -> impl Iterator<Item = &'s mut (&'a MessageClause, Option<MessageSeen>)> + use<'s, 'a> {
        let here =
            self.found.iter_mut().zip(&self.queues).filter(move |(_, queue)| queue.is_none_or(|queue| queue == name));
        here.map(|(clause, _)| clause).filter(|(_, found)| found.is_none())
    }

    fn wants_present(&mut self, name: &str) -> bool {
        self.open(name).any(|(wanted, _)| wanted.state.may_be_present())
    }

    fn see(&mut self, name: &str, stored: &StoredMessage) {
        for (wanted, found) in self.open(name) {
            let is_so = wanted.is_so(State::of(stored.status.state), stored.status.receive_count.into());
            if is_so && wanted.matcher.matches(&MatchedContent::from(stored)) {
                *found = Some(MessageSeen::present(name, stored));
            }
        }
    }

    fn look_for_gone(&mut self, history: &History, watched: &WatchedQueue) {
        let mut looks = 0;
        for (wanted, found) in self.open(&watched.name).filter(|(wanted, _)| wanted.state.may_be_gone()) {
            looks += 1;
            let is = |gone: &GoneMessage| {
                wanted.is_so(state_of_gone(gone), gone.receive_count.into())
                    && wanted.matcher.matches(&content_of_gone(gone))
            };
            let mut gone = history.gone_messages(watched.queue.uid, wanted.since);
            *found = gone.find(is).map(|gone| MessageSeen::gone(&watched.name, &gone));
        }
        self.looks += looks;
    }
}

impl WatchedQueue {
    /// Notes what the counters were at a position.
    fn count_from(&mut self, history: &History, since: u64) -> Result<(), Refusal> {
        if !self.bases.contains_key(&since) {
            let position = history.position();
            if since > position {
                let hint = format!("the last event is {position}");
                return Err(Refusal::new(409, format!("position {since} has not been reached"), hint));
            }
            let totals = history.totals_at(self.queue.uid, since).map_err(|dropped| {
                let hint = format!("count from {} on, or start kew with a longer --history", dropped.before);
                Refusal::new(409, format!("events behind position {since} are not kept any more"), hint)
            })?;
            self.bases.insert(since, totals);
        }
        Ok(())
    }

    /// The queue as it is, and some of its messages if they are wanted; none if it was deleted.
    fn page(&self, space: &Space, changes: u64, from: u32, messages: bool) -> Option<(Seen, Option<MessagePage>)> {
        let look = space.broker().look(&self.queue).ok()?;
        let page = messages.then(|| look.messages(from, PAGE_MESSAGES));
        Some((self.seen(&look, changes, space.history()), page))
    }

    fn seen(&self, look: &QueueLook<'_>, changes: u64, history: Option<&Arc<History>>) -> Seen {
        let counts = look.counts();
        let count = |number: usize| number as u64;
        let (visible, in_flight, delayed) = (counts.visible, counts.in_flight, counts.delayed);
        let gauges = [visible, in_flight, delayed, visible + in_flight + delayed, look.parked_receives()].map(count);
        // Under the lock of the queue, so that gauges and counters are of one moment.
        let totals = history.map(|history| history.totals(self.queue.uid));
        Seen { gauges, totals, bases: self.bases.clone(), next: look.next_change(), changes }
    }
}
