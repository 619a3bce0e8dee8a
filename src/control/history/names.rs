//! Who and what events are about: queues with their totals, and clients, by small numbers.

use super::kind::{Kind, Totals};
use crate::broker::QueueNames;
use crate::engine::Time;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

/// Clients that are known at a time. Of an older one only the request ids are told.
pub const CLIENTS_MAX: usize = 10_000;
/// Deleted queues whose names and totals are known at a time.
pub const DELETED_QUEUES_MAX: usize = 10_000;
/// Characters of a `User-Agent` that are kept.
pub const USER_AGENT_CHARACTERS_MAX: usize = 256;

/// What is known of a queue.
#[derive(Debug, Default)]
pub(super) struct QueueEntry {
    pub(super) uid: u64,
    pub(super) names: Option<Arc<QueueNames>>,
    totals: Totals,
    pub(super) short_polls: ShortPolls,
    /// The position of the event that last took all messages out.
    pub(super) emptied: u64,
    /// The event that did: a purge, or the end of the queue.
    pub(super) emptied_by: Option<Kind>,
}

/// Receives of a queue that did not wait and found nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShortPolls {
    /// How many there were.
    pub count: u64,
    /// When the first was, by the machine's clock.
    pub first: Time,
    /// When the last was.
    pub last: Time,
}

impl ShortPolls {
    pub(super) fn count(&mut self, real: Time) {
        if self.count == 0 {
            self.first = real;
        }
        self.count += 1;
        self.last = real;
    }
}

/// The queue that was asked for last: most events are of the same queue as the one before.
#[derive(Debug)]
struct Last {
    uid: u64,
    /// [`u32::MAX`] for none.
    number: u32,
    /// What is not in its totals yet.
    more: Totals,
}

impl Default for Last {
    fn default() -> Last {
        Last { uid: 0, number: u32::MAX, more: Totals::default() }
    }
}

/// Queues by number and by uid. Numbers are never given twice.
#[derive(Debug, Default)]
pub(super) struct Queues {
    numbers: BTreeMap<u64, u32>,
    entries: BTreeMap<u32, QueueEntry>,
    next: u32,
    last: Last,
    /// Deleted queues, the oldest first.
    deleted: VecDeque<u64>,
}

impl Queues {
    /// The number of the queue with this uid.
    #[inline]
    pub(super) fn number(&mut self, uid: u64) -> u32 {
        if self.last.uid == uid && self.last.number != u32::MAX {
            return self.last.number;
        }
        self.settle();
        let number = match self.numbers.get(&uid) {
            Some(number) => *number,
            None => {
                let number = self.next;
                self.next += 1;
                self.numbers.insert(uid, number);
                self.entries.insert(number, QueueEntry { uid, ..QueueEntry::default() });
                number
            }
        };
        self.last = Last { uid, number, more: Totals::default() };
        number
    }

    /// Counts an event of a queue.
    #[inline]
    pub(super) fn count(&mut self, number: u32, kind: Kind) {
        if number == self.last.number {
            self.last.more.count(kind);
        } else if let Some(entry) = self.entries.get_mut(&number) {
            entry.totals.count(kind);
        }
    }

    /// Adds to the totals of the last queue what is not in them yet.
    fn settle(&mut self) {
        let Last { number, more, .. } = std::mem::take(&mut self.last);
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.totals.add(&more);
        }
    }

    /// How often each thing took place in a queue.
    pub(super) fn totals(&self, uid: u64) -> Totals {
        let Some((number, entry)) = self.find(uid) else { return Totals::default() };
        let mut totals = entry.totals;
        if number == self.last.number {
            totals.add(&self.last.more);
        }
        totals
    }

    pub(super) fn find(&self, uid: u64) -> Option<(u32, &QueueEntry)> {
        let number = *self.numbers.get(&uid)?;
        Some((number, self.entries.get(&number)?))
    }

    pub(super) fn get(&self, number: u32) -> Option<&QueueEntry> {
        self.entries.get(&number)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut QueueEntry> {
        self.entries.get_mut(&number)
    }

    /// A queue is gone: it is known for a while.
    pub(super) fn delete(&mut self, uid: u64) {
        self.settle();
        self.deleted.push_back(uid);
        if self.deleted.len() > DELETED_QUEUES_MAX
            && let Some(number) = self.deleted.pop_front().and_then(|oldest| self.numbers.remove(&oldest))
        {
            self.entries.remove(&number);
        }
    }

    /// The uids of the queues of a name, deleted ones too.
    pub(super) fn named(&self, is: impl Fn(&QueueNames) -> bool) -> Vec<u64> {
        let entries = self.entries.values().filter(|entry| entry.names.as_deref().is_some_and(&is));
        entries.map(|entry| entry.uid).collect()
    }

    /// All totals begin anew.
    pub(super) fn forget_totals(&mut self) {
        self.last = Last::default();
        for entry in self.entries.values_mut() {
            (entry.totals, entry.short_polls) = Default::default();
        }
    }
}

/// Somebody who sends requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its `User-Agent`.
    pub user_agent: Option<Arc<str>>,
    /// Its address.
    pub peer: Option<SocketAddr>,
    /// Its account.
    pub account: Arc<str>,
    /// Whether it used test control rather than SQS.
    pub control: bool,
}

impl Client {
    /// What a person calls it: the first word of its `User-Agent`, and its address.
    pub fn shown(&self) -> String {
        let program = self.user_agent.as_deref().and_then(|name| name.split_whitespace().next());
        let control = if self.control { "control" } else { "" };
        let peer = self.peer.map(|peer| format!("at {peer}"));
        let parts = [control, program.unwrap_or_default(), peer.as_deref().unwrap_or_default()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// Clients by number, from 1 on.
#[derive(Debug, Default)]
pub(super) struct Clients {
    known: VecDeque<Arc<Client>>,
    /// Clients that were forgotten.
    forgotten: u32,
}

impl Clients {
    /// The number of a client. The one who was added last is known again; of others a caller remembers the number.
    pub(super) fn number(
        &mut self,
        user_agent: Option<&str>,
        peer: Option<SocketAddr>,
        account: &str,
        control: bool,
    ) -> u32 {
        let short = user_agent.map(|name| match name.char_indices().nth(USER_AGENT_CHARACTERS_MAX) {
            Some((end, _)) => &name[..end],
            None => name,
        });
        let last = self.known.back();
        if let Some(last) = last
            && last.user_agent.as_deref() == short
            && (last.peer, &*last.account, last.control) == (peer, account, control)
        {
            return self.newest();
        }
        // Many connections are of one program and one account.
        let shared = last.and_then(|last| last.user_agent.clone()).filter(|name| Some(&**name) == short);
        let same_account = last.map(|last| last.account.clone()).filter(|known| **known == *account);
        let client = Client {
            user_agent: shared.or_else(|| short.map(Arc::from)),
            peer,
            account: same_account.unwrap_or_else(|| account.into()),
            control,
        };
        if self.known.len() == CLIENTS_MAX {
            self.known.pop_front();
            self.forgotten = self.forgotten.wrapping_add(1);
        }
        self.known.push_back(Arc::new(client));
        self.newest()
    }

    fn newest(&self) -> u32 {
        self.forgotten.wrapping_add(self.known.len() as u32)
    }

    pub(super) fn get(&self, number: u32) -> Option<&Arc<Client>> {
        let index = number.wrapping_sub(self.forgotten).checked_sub(1)?;
        self.known.get(index as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_known_by_number_and_the_oldest_are_forgotten() {
        let mut clients = Clients::default();
        let peer = |port: u16| Some(SocketAddr::from(([127, 0, 0, 1], port)));
        let first = clients.number(Some("Boto3/1.44 md/Botocore"), peer(1), "000000000000", false);
        assert_eq!(clients.number(Some("Boto3/1.44 md/Botocore"), peer(1), "000000000000", false), first);
        assert_eq!(clients.get(first).unwrap().shown(), "Boto3/1.44 at 127.0.0.1:1");
        assert!(clients.get(0).is_none(), "nobody");
        let second = clients.number(None, None, "000000000000", true);
        assert_eq!(clients.get(second).unwrap().shown(), "control");
        for port in 0..CLIENTS_MAX as u16 {
            clients.number(Some("x"), peer(port), "000000000000", false);
        }
        assert!(clients.get(first).is_none() && clients.get(second).is_none());
        assert!(clients.get(second + 1).is_some());
        let long = clients.number(Some(&"é".repeat(1000)), None, "1", false);
        assert_eq!(clients.get(long).unwrap().user_agent.as_deref().map(|name| name.chars().count()), Some(256));
    }

    #[test]
    fn deleted_queues_are_known_for_a_while() {
        let mut queues = Queues::default();
        for uid in 1..=DELETED_QUEUES_MAX as u64 + 1 {
            queues.number(uid);
            queues.delete(uid);
        }
        assert!(queues.find(1).is_none() && queues.find(2).is_some());
        assert_ne!(queues.number(1), 0, "numbers are not given twice");
    }
}
