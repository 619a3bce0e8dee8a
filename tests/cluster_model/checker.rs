//! What the clients know, and what must therefore be so.

use crate::database::Database;
use crate::rows::{Id, Row, State, Uid};

/// A message, as its sender knows it.
#[derive(Clone, Debug)]
pub struct Message {
    pub queue: Uid,
    pub group: u8,
    /// The step in which it was sent first.
    pub sent: u32,
    /// The step in which its sender was told that it is there.
    pub acknowledged: Option<u32>,
    /// A node took it out for another queue, though that may not have come to be.
    pub moved: bool,
    /// A node took it out for a client that deletes it, though that may not have come to be.
    pub deleting: bool,
    /// A client was told that it is deleted.
    pub deleted: bool,
    /// It was in a queue that was deleted, though that may not have come to be.
    pub with_its_queue: bool,
    /// Until when the client that received it last is alone with it.
    pub hidden_until: u64,
}

/// What the clients know.
#[derive(Debug, Default)]
pub struct Checker {
    pub messages: Vec<Message>,
    pub violation: Option<String>,
}

impl Checker {
    pub fn send(&mut self, queue: Uid, group: u8, step: u32) -> Id {
        let id = self.messages.len() as Id;
        self.messages.push(Message {
            queue,
            group,
            sent: step,
            acknowledged: None,
            moved: false,
            deleting: false,
            deleted: false,
            with_its_queue: false,
            hidden_until: 0,
        });
        id
    }

    pub fn message(&mut self, id: Id) -> &mut Message {
        &mut self.messages[usize::from(id)]
    }

    fn must(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.violation.get_or_insert_with(otherwise);
        }
    }

    /// A client is told that its message is there.
    pub fn acknowledged(&mut self, id: Id, step: u32, standby: &State) {
        let message = self.message(id);
        message.acknowledged.get_or_insert(step);
        let durable = message.deleting || message.with_its_queue || standby.dropped.contains(&id);
        self.must(durable || standby.copies(id) == 1, || format!("message {id} is acknowledged and not durable"));
    }

    /// A client is told that its message is deleted, or, if the node did not find it, that it has been.
    pub fn deleted(&mut self, id: Id, found: bool, standby: &State) {
        let message = self.message(id);
        if message.moved && !found {
            return;
        }
        message.deleted = true;
        self.must(standby.copies(id) == 0, || format!("message {id} is deleted and that is not durable"));
    }

    /// A client of a FIFO queue is shown a message now that was received for it at some time.
    pub fn shown(&mut self, row: &Row, (at, now): (u64, u64), state: &State) {
        // The answer was late: others may have had the message since then, and its receipt handle is of no use.
        if row.deadline.is_none_or(|deadline| deadline <= now) {
            return;
        }
        let (id, uid) = (row.id, row.queue);
        let message = self.messages[usize::from(id)].clone();
        self.must(!message.deleted, || format!("message {id} is shown after it was deleted"));
        let hidden_until = message.hidden_until;
        self.must(at >= hidden_until, || {
            format!("message {id}, received at {at}, is another client's until {hidden_until}")
        });
        self.message(id).hidden_until = row.deadline.unwrap_or_default();
        if message.queue == uid {
            let earlier = |m: &Message| {
                let live = !m.moved && !m.deleting && !m.with_its_queue;
                (m.queue, m.group) == (uid, message.group)
                    && live
                    && m.acknowledged.is_some_and(|step| step < message.sent)
            };
            let first = self.messages.iter().position(earlier).filter(|_| !message.moved);
            self.must(first.is_none(), || format!("message {id} is shown before {first:?}, which was sent before it"));
            return;
        }
        let Some(at) = state.left.iter().position(|(left, ..)| *left == id) else { return };
        let (_, source, group) = state.left[at];
        let earlier = state.left[..at].iter().find(|(other, from, of)| {
            let m = &self.messages[usize::from(*other)];
            (*from, *of) == (source, group) && *other != id && !m.deleting && !m.with_its_queue
        });
        let earlier = earlier.copied();
        self.must(earlier.is_none(), || {
            format!("message {id} is shown before {earlier:?}, which left its queue before it")
        });
    }

    /// What must be so after each step.
    pub fn check(&mut self, database: &Database) {
        let state = &database.state;
        let mut copies = [0_u8; 256];
        state.rows.iter().for_each(|row| copies[usize::from(row.id)] += 1);
        state.transfers.iter().for_each(|transfer| copies[usize::from(transfer.id)] += 1);
        let wrong = self.messages.iter().zip(copies).enumerate().find_map(|(id, (m, found))| {
            let safe = m.deleting || m.with_its_queue || state.dropped.contains(&(id as Id));
            match found {
                0 if m.acknowledged.is_some() && !safe => Some(format!("message {id} was acknowledged and is lost")),
                1.. if m.deleted => Some(format!("message {id} is back after it was deleted")),
                2.. => Some(format!("message {id} is there {found} times")),
                _ => None,
            }
        });
        self.must(wrong.is_none(), || wrong.unwrap_or_default());
        if let Some(violation) = &database.violation {
            self.violation.get_or_insert_with(|| violation.clone());
        }
    }
}
