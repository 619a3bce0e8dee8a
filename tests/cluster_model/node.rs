//! A toy node: the queues that it owns in memory, the batch that is open, the one that is under way, and what is told when.

use crate::database::{Image, Session};
use crate::rows::{Change, Id, Node, RESERVED, Row, Uid};
use kew::internals::cluster::Roll;

/// A queue in the memory of its owner.
#[derive(Debug)]
pub struct Queue {
    pub uid: Uid,
    next: u32,
    reserved: u32,
    pub rows: Vec<Row>,
    remembered: Vec<Id>,
    /// It is being given to another node or deleted, and takes nothing any more.
    pub moving: bool,
    /// What it sent to queues of other nodes and is not known to be taken; with the batch that it is in.
    pub sent: Vec<(Id, u32)>,
    pub taking: Taking,
}

/// How far a queue is with what comes from other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    Nothing,
    /// It is being read.
    Reading,
    /// What was read is not durably taken yet.
    Unsettled,
}

/// What is told when a batch is durable.
#[derive(Clone, Debug)]
pub enum Told {
    /// A client: its message is there.
    Sent(Id),
    /// A client: its message is deleted, and whether it was there.
    Deleted(Id, bool),
    /// A client: it is shown this message.
    Received { row: Row, at: u64 },
    /// The node itself: another node is the owner of this queue now.
    Handed(Uid, Node),
    /// The node itself: this queue is deleted. Until then it must not take it for one that it has not loaded yet.
    QueueDeleted(Uid),
    /// The node itself: what this queue has read is taken.
    Taken(Uid),
    /// The node itself: this queue may be served.
    Loaded(Box<Image>),
}

/// The changes that come together while others are under way.
#[derive(Debug, Default)]
pub struct Batch {
    pub changes: Vec<Change>,
    pub told: Vec<Told>,
}

/// A batch that the database was asked to commit.
#[derive(Debug)]
pub struct UnderWay {
    pub batch: Batch,
    /// Its number.
    pub seq: u32,
    /// The number of the barrier behind it, once it was found committed.
    pub barrier: Option<u32>,
    /// Nobody knows what became of it: the session was cut.
    pub unknown: bool,
}

/// A life of a process.
#[derive(Debug)]
pub struct Process {
    pub id: Node,
    pub joined: bool,
    /// Its connections lead to the primary of before.
    pub at_old_primary: bool,
    pub up: bool,
    /// Stopped, until it is continued.
    pub paused: bool,
    pub queues: Vec<Queue>,
    pub loading: Vec<Uid>,
    pub open: Batch,
    pub under_way: Option<UnderWay>,
    pub seq: u32,
    /// The newest number that is known to be durable.
    pub settled_seq: u32,
    /// How many batches it has sent, barriers and repetitions not counted.
    pub batches: u32,
    /// Numbers of the sessions that it has now: for commits, and for everything else.
    pub sessions: [u32; 2],
    /// Whose it thinks queues are.
    pub directory: Vec<(Uid, Node)>,
    /// A read of the directory is under way, which began when so many batches were settled.
    pub reading_directory: Option<u32>,
    pub roll: Roll,
    /// When the round that is under way began, by its own clock.
    pub round_began: Option<u64>,
    pub next_round: u64,
    /// How fast its clock goes, in percent.
    pub rate: u64,
}

impl Process {
    pub fn session(&self, commits: bool) -> Session {
        Session { node: self.id, commits, number: self.sessions[usize::from(commits)] }
    }

    pub fn queue(&mut self, uid: Uid) -> Option<&mut Queue> {
        self.queues.iter_mut().find(|queue| queue.uid == uid)
    }

    pub fn position(&self, uid: Uid) -> Option<usize> {
        self.queues.iter().position(|queue| queue.uid == uid)
    }

    pub fn owner(&self, uid: Uid) -> Option<Node> {
        self.directory.iter().find(|(queue, _)| *queue == uid).map(|(_, owner)| *owner)
    }

    pub fn now(&self, now: u64) -> u64 {
        now * self.rate / 100
    }

    /// How many of its batches are known to be durable.
    pub fn settled(&self) -> u32 {
        self.batches - u32::from(self.under_way.is_some())
    }
}

impl Queue {
    pub fn of(image: Image, numbers_reserved: bool) -> Queue {
        let Image { uid, reserved, mut rows, remembered, sent } = image;
        rows.sort_unstable_by_key(|row| row.number);
        let next = rows.last().map_or(0, |row| row.number + 1);
        let next = if numbers_reserved { reserved } else { next };
        let sent = sent.into_iter().map(|id| (id, 0)).collect();
        Queue { uid, next, reserved, rows, remembered, moving: false, sent, taking: Taking::Nothing }
    }

    fn number(&mut self, changes: &mut Vec<Change>) -> u32 {
        let number = self.next;
        self.next += 1;
        if number >= self.reserved {
            self.reserved = number + RESERVED;
            changes.push(Change::Reserved { queue: self.uid, to: self.reserved });
        }
        number
    }

    /// Ends visibility timeouts.
    pub fn tick(&mut self, now: u64, changes: &mut Vec<Change>) {
        for row in self.rows.iter_mut().filter(|row| row.deadline.is_some_and(|deadline| deadline <= now)) {
            row.deadline = None;
            changes.push(Change::Changed { row: row.clone() });
        }
    }

    /// Puts a message in, unless its deduplication id is known.
    pub fn send(&mut self, id: Id, group: u8, changes: &mut Vec<Change>) {
        if !self.remembered.contains(&id) {
            self.remembered.push(id);
            changes.push(Change::Remembered { queue: self.uid, id });
            self.insert(id, group, None, changes);
        }
    }

    /// Puts in a message that comes from another queue.
    pub fn insert(&mut self, id: Id, group: u8, from: Option<Uid>, changes: &mut Vec<Change>) {
        let number = self.number(changes);
        let row = Row { queue: self.uid, number, id, group, deadline: None, receives: 0 };
        self.rows.push(row.clone());
        changes.push(Change::Stored { row, from });
    }

    /// The first message that may be received.
    pub fn head(&self, fifo: bool) -> Option<usize> {
        let in_flight = |group| self.rows.iter().any(|row| row.group == group && row.deadline.is_some());
        self.rows.iter().position(|row| row.deadline.is_none() && !(fifo && in_flight(row.group)))
    }

    /// Takes a message out of sight.
    pub fn receive(&mut self, at: usize, deadline: u64, changes: &mut Vec<Change>) -> Row {
        let row = &mut self.rows[at];
        row.deadline = Some(deadline);
        row.receives += 1;
        changes.push(Change::Changed { row: row.clone() });
        row.clone()
    }

    pub fn remove(&mut self, at: usize, changes: &mut Vec<Change>) -> Row {
        let row = self.rows.remove(at);
        changes.push(Change::Removed { queue: self.uid, number: row.number });
        row
    }
}
