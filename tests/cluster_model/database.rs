//! A toy of the database: rows, transactions that wait for a standby, sessions that are cut, failovers.
//!
//! A transaction that was committed waits in the log until the standby has it. Until then it holds its row locks and nobody sees it;
//! then it is visible and its session is told. If the wait is cancelled, or the primary crashes and comes back, it is visible
//! without being replicated. A failover goes on with what the standby has; the old primary may live, and then nothing is replicated
//! there any more.

use crate::rows::{Change, Id, Node, NodeRow, Row, State, Transfer, Txn, Uid};
use crate::rules::Rules;
use kew::internals::cluster::NodeState;
use std::collections::VecDeque;

/// Who asks: each connection of a node is another session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    pub node: Node,
    /// That of the committer, or the one for everything else.
    pub commits: bool,
    pub number: u32,
}

/// What a node asks for.
#[derive(Clone, Debug)]
pub enum Request {
    Join,
    Commit {
        seq: u32,
        settled: u32,
        changes: Vec<Change>,
    },
    Fence {
        dead: Node,
        beat: Option<i64>,
        to: Vec<(Uid, Node)>,
    },
    /// Takes queues whose owner is gone.
    Claim {
        uid: Uid,
    },
    Load {
        uid: Uid,
    },
    Directory,
    Transfers {
        uid: Uid,
    },
    Beat,
}

/// A queue as it was loaded.
#[derive(Clone, Debug)]
pub struct Image {
    pub uid: Uid,
    pub reserved: u32,
    pub rows: Vec<Row>,
    pub remembered: Vec<Id>,
    /// What it sent and is not taken yet.
    pub sent: Vec<Id>,
}

/// What the database answers.
#[derive(Clone, Debug)]
pub enum Answer {
    Joined,
    Committed,
    /// The number is there already.
    Duplicate,
    /// The node is gone.
    Fenced,
    /// Something that the batch takes is not there.
    Broken,
    /// The queue, if the node is its owner.
    Loaded(Uid, Option<Image>),
    Directory {
        queues: Vec<(Uid, Node)>,
        gone: Vec<Node>,
        on_their_way: Vec<(Uid, Id)>,
    },
    Transfers {
        uid: Uid,
        found: Vec<Transfer>,
    },
    Beats(Vec<NodeRow>),
    Done,
}

#[derive(Debug)]
struct Entry {
    txn: Txn,
    visible: bool,
    session: Session,
    answer: Answer,
}

/// How a transaction holds the row of a queue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hold {
    /// So that it stays.
    Keeps,
    /// So that it has one owner.
    Changes,
    Deletes,
}

/// What became of a request for now.
pub enum Outcome {
    /// It waits for a lock.
    Blocked,
    Answered(Answer),
    /// It is committed, and waits for the standby.
    Waits,
}

/// The database.
#[derive(Debug, Default)]
pub struct Database {
    /// What everybody sees.
    pub state: State,
    /// What the standby has.
    pub standby: State,
    /// Committed, and not yet with the standby.
    log: VecDeque<Entry>,
    /// What was found to be against the invariants.
    pub violation: Option<String>,
}

impl Database {
    fn locked(&self) -> impl Iterator<Item = &Txn> {
        self.log.iter().filter(|entry| !entry.visible).map(|entry| &entry.txn)
    }

    /// Whether the row of a node is held so that nobody else may hold it, or, for `alone`, so that it may not be changed.
    fn node_is_held(&self, node: Node, alone: bool) -> bool {
        self.locked().any(|txn| match txn {
            Txn::Fence { dead, .. } => *dead == node,
            Txn::Commit { node: by, .. } | Txn::Load { node: by, .. } | Txn::Claim { node: by, .. } => {
                alone && *by == node
            }
            Txn::Join(by) => *by == node,
            Txn::Beat(_) => false,
        })
    }

    fn beat_is_held(&self, node: Node) -> bool {
        self.locked().any(|txn| matches!(txn, Txn::Beat(by) if *by == node))
    }

    /// Whether a transaction holds a queue's row as strongly as this.
    fn queue_is_held(&self, uid: Uid, hold: Hold) -> bool {
        let held = |txn: &Txn| match txn {
            Txn::Commit { changes, .. } => changes
                .iter()
                .filter_map(|change| match change {
                    Change::QueueDeleted { uid: deleted } => (*deleted == uid).then_some(Hold::Deletes),
                    Change::Handed { uid: handed, .. } => (*handed == uid).then_some(Hold::Changes),
                    Change::Sent(transfer) => (transfer.target == uid || transfer.source == uid).then_some(Hold::Keeps),
                    _ => None,
                })
                .max(),
            Txn::Fence { to, .. } => to.iter().any(|(queue, _)| *queue == uid).then_some(Hold::Changes),
            Txn::Claim { uid: claimed, .. } => (*claimed == uid).then_some(Hold::Changes),
            Txn::Load { uid: loaded, .. } => (*loaded == uid).then_some(Hold::Keeps),
            Txn::Join(_) | Txn::Beat(_) => None,
        };
        self.locked().filter_map(held).any(|found| found >= hold)
    }

    /// Carries out what a node asks for, as far as that can be done now.
    pub fn execute(&mut self, session: Session, request: &Request, rules: &Rules) -> Outcome {
        let node = session.node;
        match request {
            Request::Join => self.log(session, Txn::Join(node), Answer::Joined),
            Request::Commit { seq, settled, changes } => self.commit(session, (*seq, *settled), changes, rules),
            Request::Fence { dead, beat, to } => self.fence(session, *dead, *beat, to, rules),
            Request::Claim { uid } => {
                if self.node_is_held(node, false) || self.queue_is_held(*uid, Hold::Keeps) {
                    return Outcome::Blocked;
                }
                let free = self.state.owner(*uid).is_some_and(|owner| self.state.is_gone(owner));
                if !free || self.state.is_gone(node) {
                    return Outcome::Answered(Answer::Done);
                }
                self.log(session, Txn::Claim { node, uid: *uid }, Answer::Done)
            }
            Request::Load { uid } => self.load(session, *uid, rules),
            Request::Directory => Outcome::Answered(Answer::Directory {
                queues: self.state.queues.iter().map(|row| (row.uid, row.owner)).collect(),
                gone: self.state.nodes.iter().map(|row| row.id).filter(|id| self.state.is_gone(*id)).collect(),
                on_their_way: self.state.transfers.iter().map(|transfer| (transfer.target, transfer.id)).collect(),
            }),
            Request::Transfers { uid } => {
                let found = self.state.transfers.iter().filter(|transfer| transfer.target == *uid).cloned().collect();
                Outcome::Answered(Answer::Transfers { uid: *uid, found })
            }
            Request::Beat if rules.fence_holds_beat && self.node_is_held(node, false) => Outcome::Blocked,
            Request::Beat if self.beat_is_held(node) => Outcome::Blocked,
            Request::Beat if rules.beat_waits => {
                // What it reads is of the moment at which it begins to wait.
                let mut seen = self.state.clone();
                seen.beat(node);
                self.log(session, Txn::Beat(node), Answer::Beats(seen.nodes))
            }
            Request::Beat => {
                self.state.beat(node);
                Outcome::Answered(Answer::Beats(self.state.nodes.clone()))
            }
        }
    }

    fn log(&mut self, session: Session, txn: Txn, answer: Answer) -> Outcome {
        self.log.push_back(Entry { txn, visible: false, session, answer });
        Outcome::Waits
    }

    fn commit(&mut self, session: Session, (seq, settled): (u32, u32), changes: &[Change], rules: &Rules) -> Outcome {
        let node = session.node;
        if rules.fence_in_commit {
            if self.node_is_held(node, false) {
                return Outcome::Blocked;
            }
            if self.state.is_gone(node) {
                return Outcome::Answered(Answer::Fenced);
            }
        }
        let same =
            |txn: &Txn| matches!(txn, Txn::Commit { node: by, seq: number, .. } if (*by, *number) == (node, seq));
        if self.locked().any(same) {
            return Outcome::Blocked;
        }
        if self.state.marks.contains(&(node, seq)) {
            return Outcome::Answered(Answer::Duplicate);
        }
        for change in changes {
            let blocked = match change {
                Change::Sent(transfer) => {
                    rules.sent_holds_target
                        && (self.queue_is_held(transfer.target, Hold::Deletes)
                            || self.queue_is_held(transfer.source, Hold::Deletes))
                }
                Change::QueueDeleted { uid } => rules.sent_holds_target && self.queue_is_held(*uid, Hold::Keeps),
                _ => false,
            };
            if blocked {
                return Outcome::Blocked;
            }
            if let Change::Taken { target, id } = change {
                let is_there = self.state.transfers.iter().any(|t| (t.target, t.id) == (*target, *id));
                if rules.taken_is_checked && !is_there {
                    return Outcome::Answered(Answer::Broken);
                }
            }
        }
        if self.state.is_gone(node) {
            self.violated(format!("node {node} commits a batch although it is gone"));
        }
        self.guard(node, changes);
        let given = |change: &Change| !matches!(change, Change::Handed { to, .. } if !self.state.is_there(*to));
        let changes = changes.iter().filter(|change| given(change)).cloned().collect();
        self.log(session, Txn::Commit { node, seq, settled, changes }, Answer::Committed)
    }

    /// Only its owner writes into a queue.
    fn guard(&mut self, node: Node, changes: &[Change]) {
        for change in changes {
            let queue = match change {
                Change::Stored { row, .. } | Change::Changed { row } => row.queue,
                Change::Removed { queue, .. } | Change::Remembered { queue, .. } | Change::Reserved { queue, .. } => {
                    *queue
                }
                Change::Handed { uid, .. } | Change::QueueDeleted { uid } => *uid,
                Change::Sent(_) | Change::Taken { .. } => continue,
            };
            if let Some(owner) = self.state.owner(queue).filter(|owner| *owner != node) {
                self.violated(format!("node {node} writes into queue {queue}, which is node {owner}'s"));
            }
        }
    }

    fn fence(&mut self, session: Session, dead: Node, beat: Option<i64>, to: &[(Uid, Node)], rules: &Rules) -> Outcome {
        if rules.gone_before_takeover && rules.fence_in_commit && self.node_is_held(dead, true) {
            return Outcome::Blocked;
        }
        if to.iter().any(|(uid, _)| self.queue_is_held(*uid, Hold::Keeps)) || self.beat_is_held(dead) {
            return Outcome::Blocked;
        }
        let Some(row) = self.state.nodes.iter().find(|row| row.id == dead) else {
            return Outcome::Answered(Answer::Done);
        };
        if row.state == NodeState::Gone || beat.is_some_and(|beat| row.beat != beat) {
            return Outcome::Answered(Answer::Done);
        }
        let to = to.iter().filter(|(_, to)| self.state.is_there(*to)).copied().collect();
        self.log(session, Txn::Fence { dead, gone: rules.gone_before_takeover, to }, Answer::Done)
    }

    fn load(&mut self, session: Session, uid: Uid, rules: &Rules) -> Outcome {
        let node = session.node;
        if self.node_is_held(node, false) || self.queue_is_held(uid, Hold::Changes) {
            return Outcome::Blocked;
        }
        if self.state.is_gone(node) {
            return Outcome::Answered(Answer::Fenced);
        }
        let row = self.state.queues.iter().find(|row| row.uid == uid);
        let image = row.filter(|row| row.owner == node || !rules.load_checks_owner).map(|row| Image {
            uid,
            reserved: row.reserved,
            rows: self.state.rows.iter().filter(|row| row.queue == uid).cloned().collect(),
            remembered: self.state.remembered.iter().filter(|(queue, _)| *queue == uid).map(|(_, id)| *id).collect(),
            sent: self.state.transfers.iter().filter(|t| t.source == uid && t.target != uid).map(|t| t.id).collect(),
        });
        match rules.barrier_after_load && rules.load_is_one_transaction {
            true => self.log(session, Txn::Load { node, uid }, Answer::Loaded(uid, image)),
            false => Outcome::Answered(Answer::Loaded(uid, image)),
        }
    }

    fn show(&mut self, txn: &Txn, rules: &Rules) {
        let before: Vec<(Uid, Node)> = self.state.queues.iter().map(|row| (row.uid, row.owner)).collect();
        self.state.apply(txn, rules);
        for (uid, owner) in before {
            let by_itself = matches!(txn, Txn::Commit { node, .. } if *node == owner);
            if self.state.owner(uid).is_some_and(|now| now != owner) && !by_itself && !self.state.is_gone(owner) {
                self.violated(format!("queue {uid} was taken from node {owner}, which is not gone"));
            }
        }
    }

    fn violated(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    /// Whether something waits for the standby.
    pub fn waits(&self) -> bool {
        !self.log.is_empty()
    }

    /// The standby gets the oldest transaction that it has not got yet; the answer, if its session still waits.
    pub fn replicate(&mut self, rules: &Rules) -> Option<(Session, Answer)> {
        let entry = self.log.pop_front()?;
        self.standby.apply(&entry.txn, rules);
        if entry.visible {
            return None;
        }
        self.show(&entry.txn, rules);
        Some((entry.session, entry.answer))
    }

    /// Ends sessions: what they have committed and not been told of is visible from now on.
    pub fn end_sessions(&mut self, which: impl Fn(Session) -> bool, rules: &Rules) {
        for at in 0..self.log.len() {
            if !self.log[at].visible && which(self.log[at].session) {
                self.log[at].visible = true;
                let txn = std::mem::replace(&mut self.log[at].txn, Txn::Load { node: 0, uid: 0 });
                self.show(&txn, rules);
                self.log[at].txn = txn;
            }
        }
    }

    /// The standby takes over: what it has not got has never been. Returns the old primary.
    pub fn fail_over(&mut self) -> Database {
        let standby = self.standby.clone();
        std::mem::replace(self, Database { state: standby.clone(), standby, ..Database::default() })
    }
}
