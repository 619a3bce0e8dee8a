//! The auditor: knows what was acknowledged and what is in doubt, and says what kew must not have done.
//!
//! It sees requests begin and answers arrive, with the moments of both, and never looks at a clock or a socket itself. What
//! it holds kew to:
//!
//! - What was acknowledged is so, and stays so over a crash. What got no answer before the crash may have happened or not;
//!   once it has shown itself it counts as acknowledged.
//! - A receive from a FIFO queue is as durable as a write. A receive from a standard queue may be forgotten by a crash, unless
//!   something was acknowledged on the same queue, before the crash, by a request that began after the receive was answered;
//!   then receive count, first receive and visibility timeout stay, too. No message comes back below such a receive count.
//! - While a message is certainly in flight nobody else gets it, and in a FIFO queue nothing of its group behind it.
//!
//! "Certainly" leaves a margin for the clock, and counts a timeout from the moment before the request was written.
//!
//! A life is that of a server, or, where several nodes serve, a time in which all is well with them or not. What began in a
//! troubled one and got no answer may yet happen, until it ends; and who receives from a standard queue in it may have been
//! answered by a node that did not know yet that it was replaced.

mod count;
mod delivery;
mod fifo;
mod receive;
#[cfg(test)]
mod tests;

use crate::client::Span;
use crate::content::{SOURCE, family, is_fifo};
pub use count::{Counts, REPEATABLE_MS};
pub use delivery::Delivery;
use fifo::Group;
use std::collections::HashMap;

/// Milliseconds by which the server's view of time may differ from ours, unless said otherwise.
const MARGIN_MS: u64 = 20;

/// A time between two changes, such as a crash.
#[derive(Debug)]
struct Life {
    /// Requests that began from here on belong to it.
    began_ms: u64,
    /// What standard queues showed in it may be forgotten.
    troubled: bool,
}

/// Where a message stands with those who delete it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Removal {
    No,
    /// Asked for in this life, not answered yet.
    Begun,
    /// May have happened, not after this moment.
    Doubt {
        until_ms: u64,
    },
    Done {
        acknowledged_ms: u64,
    },
}

/// The newest receive of a message that was answered.
#[derive(Clone, Debug)]
struct Hold {
    queue: &'static str,
    handle: String,
    /// Until then it is certainly hidden, if the receive is not forgotten.
    hidden_until_ms: u64,
    /// Not to be forgotten, whatever comes: a FIFO queue's receive, or followed by an acknowledged change of visibility.
    solid: bool,
    life: usize,
    answered_ms: u64,
}

/// One receive of a message.
#[derive(Clone, Copy, Debug)]
struct Receive {
    queue: &'static str,
    count: u32,
    first_ms: u64,
    life: usize,
    answered_ms: u64,
}

/// What is known of a message.
#[derive(Debug)]
struct Message {
    /// Where it was sent to.
    queue: &'static str,
    /// Its message group, and its place in it.
    group: Option<(String, u64)>,
    delay_ms: u64,
    /// Acknowledged, or seen.
    known: bool,
    sending: Span,
    /// Numbers acknowledged before its sending began are lower than its own.
    sequence_floor: u128,
    sequence: Option<u128>,
    /// Its MessageId and, after moves, the later ones.
    ids: Vec<String>,
    /// When the newest of them was first seen.
    renewed_ms: u64,
    /// `SentTimestamp` of the newest of them, once seen.
    sent_ms: Option<u64>,
    removal: Removal,
    /// Deletes on their way.
    deletes_open: u32,
    /// Deletes acknowledged for an id in a queue: whatever became of the message, not there under that id.
    left: Vec<(&'static str, String, u64)>,
    hold: Option<Hold>,
    /// Changes of visibility on their way, whether two of them met, and when the last one was answered.
    changes_open: u32,
    changes_met: bool,
    changed_ms: u64,
    receives: Vec<Receive>,
    receives_answered: u32,
    /// For the reader of a complaint.
    history: Vec<String>,
}

impl Message {
    fn surely_there(&self) -> bool {
        self.known && self.removal == Removal::No
    }

    /// A change of visibility was answered. Whether it was the only one.
    fn change_ends(&mut self, span: Span) -> bool {
        self.changes_open = self.changes_open.saturating_sub(1);
        self.changed_ms = self.changed_ms.max(span.ended_ms);
        let clear = !self.changes_met;
        self.changes_met &= self.changes_open > 0;
        clear
    }

    fn note(&mut self, what: String) {
        const NOTES_MAX: usize = 40;
        if self.history.len() == NOTES_MAX {
            self.history.remove(NOTES_MAX / 2);
        }
        self.history.push(what);
    }
}

/// What is known of a queue.
#[derive(Debug, Default)]
struct Book {
    /// By life: receives answered in it before this moment are not forgotten: a request that began then was acknowledged
    /// before the crash.
    durable_ms: HashMap<usize, u64>,
    /// Receives on their way, and those without an answer.
    receives_open: u32,
    receives_in_doubt: u32,
    /// The highest sequence number that was acknowledged.
    sequence_max: u128,
    /// How many messages a purge without an answer would have removed.
    purge_in_doubt: Option<usize>,
}

/// See the module.
#[derive(Debug)]
pub struct Audit {
    lives: Vec<Life>,
    margin_ms: u64,
    messages: HashMap<String, Message>,
    books: HashMap<&'static str, Book>,
    groups: HashMap<(&'static str, String), Group>,
    /// Whether messages may have been moved back from the dead-letter queue.
    moves: bool,
    /// What kew did and must not have done.
    pub violations: Vec<String>,
    /// How many requests were acknowledged, by action.
    pub acknowledged: HashMap<&'static str, u64>,
    /// How many got no answer.
    pub unanswered: u64,
}

impl Default for Audit {
    fn default() -> Audit {
        Audit {
            lives: vec![Life { began_ms: 0, troubled: false }],
            margin_ms: MARGIN_MS,
            messages: HashMap::default(),
            books: HashMap::default(),
            groups: HashMap::default(),
            moves: false,
            violations: Vec::default(),
            acknowledged: HashMap::default(),
            unanswered: 0,
        }
    }
}

impl Audit {
    /// For servers whose view of time may differ so much from ours.
    pub fn with_margin(margin_ms: u64) -> Audit {
        Audit { margin_ms, ..Audit::default() }
    }

    fn life(&self) -> usize {
        self.lives.len() - 1
    }

    /// The life in which a request began.
    fn life_at(&self, began_ms: u64) -> usize {
        self.lives.iter().rposition(|life| life.began_ms <= began_ms).unwrap_or_default()
    }

    pub fn complain(&mut self, what: String) {
        self.violations.push(format!("life {}: {what}", self.life()));
    }

    fn complain_of(&mut self, key: &str, what: &str) {
        let history = self.messages.get(key).map(|message| message.history.join("; ")).unwrap_or_default();
        self.complain(format!("{key}: {what} [{history}]"));
    }

    /// Counts a request that was acknowledged. If it changed a queue, everything answered before it there is durable.
    pub fn acknowledge(&mut self, action: &'static str, queue: &'static str, span: Span) {
        *self.acknowledged.entry(action).or_default() += 1;
        let life = self.life();
        if self.life_at(span.began_ms) < life {
            // Whoever had it first may be gone, and have forgotten what it had shown.
            return;
        }
        let book = self.books.entry(queue).or_default();
        let durable_ms = book.durable_ms.entry(life).or_default();
        *durable_ms = span.began_ms.max(*durable_ms);
    }

    /// Something happens to nodes from now on; requests are on their way.
    pub fn trouble_begins(&mut self, now_ms: u64) {
        self.lives.push(Life { began_ms: now_ms, troubled: true });
    }

    /// The server was killed, or all is well again; nothing is on its way any more.
    pub fn life_ends(&mut self, now_ms: u64) {
        self.lives.push(Life { began_ms: now_ms + 1, troubled: false });
        for message in self.messages.values_mut() {
            (message.deletes_open, message.changes_open, message.changes_met) = (0, 0, false);
            if message.removal == Removal::Begun {
                message.removal = Removal::Doubt { until_ms: now_ms };
            }
        }
    }

    /// A move task may have begun.
    pub fn moving(&mut self) {
        self.moves = true;
    }

    /// A send begins; on a FIFO queue it may be a repetition.
    pub fn sending(
        &mut self,
        queue: &'static str,
        key: &str,
        group: Option<(String, u64)>,
        delay_ms: u64,
        began_ms: u64,
    ) {
        let sequence_floor = self.books.entry(queue).or_default().sequence_max;
        let life = self.life();
        let message = self.messages.entry(key.to_owned()).or_insert_with(|| Message {
            queue,
            group,
            delay_ms,
            known: false,
            sending: Span { began_ms, ended_ms: u64::MAX },
            sequence_floor,
            sequence: None,
            ids: Vec::new(),
            renewed_ms: 0,
            sent_ms: None,
            removal: Removal::No,
            deletes_open: 0,
            left: Vec::new(),
            hold: None,
            changes_open: 0,
            changes_met: false,
            changed_ms: 0,
            receives: Vec::new(),
            receives_answered: 0,
            history: Vec::new(),
        });
        message.note(format!("{began_ms} life {life} sending to {queue}"));
    }

    /// A send was acknowledged.
    pub fn sent(&mut self, key: &str, id: &str, sequence: Option<u128>, span: Span) {
        let Some(message) = self.messages.get_mut(key) else { return };
        message.note(format!("{} sent as {id}, number {sequence:?}", span.ended_ms));
        let queue = message.queue;
        if is_fifo(queue) != sequence.is_some() {
            return self.complain_of(key, "a SequenceNumber where none belongs, or none");
        }
        if message.known {
            // A standard message may have been seen, and moved, before its sender knew.
            message.sending.ended_ms = message.sending.ended_ms.min(span.ended_ms);
            let same = message.ids.first().is_some_and(|first| first == id) && message.sequence == sequence;
            let renewed = self.moves && queue == SOURCE;
            if !(same || renewed) {
                self.complain_of(key, "a repetition within five minutes was not answered with the original message");
            }
            return;
        }
        message.known = true;
        message.sending.ended_ms = span.ended_ms;
        message.ids.push(id.to_owned());
        self.learn(key, sequence);
    }

    /// Takes down the sequence number of a message.
    fn learn(&mut self, key: &str, sequence: Option<u128>) {
        let Some(message) = self.messages.get_mut(key) else { return };
        let (Some(sequence), Some((group, place))) = (sequence, message.group.clone()) else { return };
        message.sequence = Some(sequence);
        let (queue, floor) = (message.queue, message.sequence_floor);
        let book = self.books.entry(queue).or_default();
        book.sequence_max = book.sequence_max.max(sequence);
        let in_order = self.groups.entry((queue, group)).or_default().learn(key, place, sequence);
        if sequence <= floor {
            self.complain_of(key, &format!("number {sequence} is not above {floor}, which was given out before"));
        } else if !in_order {
            self.complain_of(key, &format!("number {sequence} is not in the order of sending"));
        }
    }

    /// A delete begins.
    pub fn deleting(&mut self, key: &str, now_ms: u64) {
        let life = self.life();
        let Some(message) = self.messages.get_mut(key) else { return };
        message.note(format!("{now_ms} life {life} deleting"));
        message.deletes_open += 1;
        if !matches!(message.removal, Removal::Done { .. }) {
            message.removal = Removal::Begun;
        }
        self.group_alive(key, false);
    }

    /// A delete was acknowledged.
    pub fn deleted(&mut self, queue: &'static str, key: &str, id: &str, span: Span) {
        // What may have moved meanwhile lives on there.
        let newest = self.messages.get(key).is_some_and(|message| message.ids.last().is_some_and(|last| last == id));
        let sure = family(queue) != SOURCE || newest && self.surely_hidden(key, queue, span.ended_ms);
        let Some(message) = self.messages.get_mut(key) else { return };
        message.note(format!("{} deleted{}", span.ended_ms, if sure { "" } else { ", unless it moved" }));
        message.deletes_open = message.deletes_open.saturating_sub(1);
        message.left.push((queue, id.to_owned(), span.ended_ms));
        match message.removal {
            Removal::Done { .. } => {}
            _ if sure => message.removal = Removal::Done { acknowledged_ms: span.ended_ms },
            _ => message.removal = Removal::Doubt { until_ms: span.ended_ms },
        }
    }

    /// A delete was refused.
    pub fn delete_refused(&mut self, queue: &'static str, key: &str, handle: &str, span: Span, error: &str) {
        let current = self.holds(key, handle) && self.surely_hidden(key, queue, span.ended_ms);
        let Some(message) = self.messages.get_mut(key) else { return };
        message.note(format!("{} delete refused", span.ended_ms));
        message.deletes_open = message.deletes_open.saturating_sub(1);
        let gone = message.deletes_open > 0 || matches!(message.removal, Removal::Done { .. } | Removal::Doubt { .. });
        // Another one may be on its way still.
        if message.removal == Removal::Begun && message.deletes_open == 0 {
            message.removal = Removal::No;
            self.group_alive(key, true);
        }
        if !is_fifo(queue) || current && !gone {
            self.complain_of(key, &format!("delete from {queue} was refused: {error}"));
        }
    }

    /// A change of visibility begins. Returns until when the message is certainly hidden, for what follows; `None` if the
    /// receipt is not the newest, so that nobody could tell what it would lead to.
    pub fn changing(&mut self, queue: &'static str, key: &str, handle: &str, now_ms: u64) -> Option<u64> {
        let hidden = self.surely_hidden(key, queue, now_ms);
        let message = self.messages.get_mut(key)?;
        let hold = message.hold.as_mut().filter(|hold| hold.handle == handle)?;
        let until_ms = std::mem::take(&mut hold.hidden_until_ms);
        message.changes_open += 1;
        message.changes_met |= message.changes_open > 1;
        message.note(format!("{now_ms} changing visibility"));
        Some(if hidden { until_ms } else { 0 })
    }

    /// A change of visibility was acknowledged.
    pub fn changed(&mut self, key: &str, handle: &str, seconds: u64, span: Span) {
        let (life, margin_ms) = (self.life(), self.margin_ms);
        let Some(message) = self.messages.get_mut(key) else { return };
        message.note(format!("{} hidden for {seconds} s", span.ended_ms));
        let clear = message.change_ends(span);
        let Some(hold) = &mut message.hold else { return };
        if clear && hold.handle == handle && hold.answered_ms <= span.began_ms {
            hold.hidden_until_ms = (span.began_ms + seconds * 1000).saturating_sub(margin_ms);
            hold.solid = true;
            hold.life = life;
        } else {
            // Received again meanwhile, and nobody knows what came first.
            hold.hidden_until_ms = 0;
        }
    }

    /// A change of visibility was refused. `hidden_until_ms` is what [`Audit::changing`] returned.
    pub fn change_refused(&mut self, queue: &'static str, key: &str, hidden_until_ms: u64, span: Span, error: &str) {
        let Some(message) = self.messages.get_mut(key) else { return };
        message.note(format!("{} change of visibility refused", span.ended_ms));
        message.change_ends(span);
        // Any handle of a message of a standard queue works as long as it is there; of a FIFO queue only a running one.
        let in_time = hidden_until_ms > span.ended_ms;
        let any_works = !is_fifo(queue) && family(queue) != SOURCE;
        if message.surely_there() && (in_time || any_works) {
            self.complain_of(key, &format!("change of visibility in {queue} was refused: {error}"));
        }
    }

    /// A purge begins: everything that is in the queue.
    pub fn purging(&mut self, queue: &'static str) {
        let mut count = 0;
        for message in self.messages.values_mut().filter(|message| message.queue == queue) {
            count += usize::from(message.surely_there());
            if !matches!(message.removal, Removal::Done { .. }) {
                message.removal = Removal::Begun;
            }
        }
        self.books.entry(queue).or_default().purge_in_doubt = Some(count);
    }

    /// A purge was acknowledged.
    pub fn purged(&mut self, queue: &'static str, span: Span) {
        for message in self.messages.values_mut().filter(|message| message.queue == queue) {
            if message.removal == Removal::Begun {
                message.removal = Removal::Done { acknowledged_ms: span.ended_ms };
                message.note(format!("{} purged", span.ended_ms));
            }
        }
        self.books.entry(queue).or_default().purge_in_doubt = None;
    }

    fn holds(&self, key: &str, handle: &str) -> bool {
        let hold = self.messages.get(key).and_then(|message| message.hold.as_ref());
        hold.is_some_and(|hold| hold.handle == handle)
    }

    /// Whether a receive cannot be forgotten, seen from this life.
    fn stays(&self, queue: &'static str, life: usize, answered_ms: u64) -> bool {
        let durable_ms = self.books.get(queue).and_then(|book| book.durable_ms.get(&life));
        let remembered = life == self.life() || durable_ms.is_some_and(|durable_ms| answered_ms < *durable_ms);
        is_fifo(queue) || remembered && !self.lives[life].troubled
    }

    /// Whether a message is certainly in flight at a moment.
    fn surely_hidden(&self, key: &str, queue: &'static str, at_ms: u64) -> bool {
        let hold = self.messages.get(key).and_then(|message| message.hold.as_ref());
        hold.is_some_and(|hold| {
            let stays = hold.solid || self.stays(hold.queue, hold.life, hold.answered_ms);
            hold.queue == queue && hold.hidden_until_ms > at_ms && stays
        })
    }

    fn group_alive(&mut self, key: &str, alive: bool) {
        let Some(message) = self.messages.get(key) else { return };
        let (Some((group, _)), Some(sequence)) = (&message.group, message.sequence) else { return };
        self.groups.entry((message.queue, group.clone())).or_default().alive(key, sequence, alive);
    }
}
