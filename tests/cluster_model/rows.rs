//! What the toy of the database holds: its rows, and what transactions do to them.

use crate::rules::Rules;
use kew::internals::cluster::NodeState;

/// A life of a node.
pub type Node = u8;
/// A queue.
pub type Uid = u8;
/// A message, wherever it is.
pub type Id = u8;

/// How many numbers of messages are reserved at a time.
pub const RESERVED: u32 = 4;

/// A row of the nodes.
#[derive(Clone, Debug)]
pub struct NodeRow {
    pub id: Node,
    pub state: NodeState,
    pub beat: i64,
}

/// A row of the queues.
#[derive(Clone, Debug)]
pub struct QueueRow {
    pub uid: Uid,
    pub owner: Node,
    pub reserved: u32,
}

/// A row of the messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub queue: Uid,
    pub number: u32,
    pub id: Id,
    pub group: u8,
    /// The end of its visibility timeout, if it is in flight.
    pub deadline: Option<u64>,
    pub receives: u8,
}

/// A message between two queues.
#[derive(Clone, Debug)]
pub struct Transfer {
    pub target: Uid,
    pub source: Uid,
    pub id: Id,
    pub group: u8,
}

/// One thing that a batch stores.
#[derive(Clone, Debug)]
pub enum Change {
    /// A message is there; it came from another queue of the same node if that is named.
    Stored {
        row: Row,
        from: Option<Uid>,
    },
    Changed {
        row: Row,
    },
    Removed {
        queue: Uid,
        number: u32,
    },
    Remembered {
        queue: Uid,
        id: Id,
    },
    Reserved {
        queue: Uid,
        to: u32,
    },
    Sent(Transfer),
    Taken {
        target: Uid,
        id: Id,
    },
    Handed {
        uid: Uid,
        to: Node,
    },
    QueueDeleted {
        uid: Uid,
    },
}

/// What the database holds.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub nodes: Vec<NodeRow>,
    pub marks: Vec<(Node, u32)>,
    pub queues: Vec<QueueRow>,
    pub rows: Vec<Row>,
    pub transfers: Vec<Transfer>,
    pub remembered: Vec<(Uid, Id)>,
    /// The messages that left their queue for another one, in that order, with the queue and the group.
    pub left: Vec<(Id, Uid, u8)>,
    /// Messages that went with both the queue that they came from and the one that they were on their way to.
    pub dropped: Vec<Id>,
}

/// What a transaction does.
#[derive(Debug)]
pub enum Txn {
    Join(Node),
    Commit {
        node: Node,
        seq: u32,
        /// Marks before this one are forgotten.
        settled: u32,
        changes: Vec<Change>,
    },
    /// A node loads a queue, and holds its row so that nobody changes its owner meanwhile.
    Load {
        node: Node,
        uid: Uid,
    },
    Fence {
        dead: Node,
        gone: bool,
        to: Vec<(Uid, Node)>,
    },
    Claim {
        node: Node,
        uid: Uid,
    },
    Beat(Node),
}

impl State {
    pub fn is_gone(&self, node: Node) -> bool {
        self.nodes.iter().find(|row| row.id == node).is_none_or(|row| row.state == NodeState::Gone)
    }

    pub fn owner(&self, uid: Uid) -> Option<Node> {
        self.queues.iter().find(|row| row.uid == uid).map(|row| row.owner)
    }

    /// How often a message is there, in a queue or on its way.
    pub fn copies(&self, id: Id) -> usize {
        let on_their_way = self.transfers.iter().filter(|transfer| transfer.id == id).count();
        self.rows.iter().filter(|row| row.id == id).count() + on_their_way
    }

    /// Queues are given only to nodes that are there, gone or not: one that comes to be later has not been given any.
    pub fn is_there(&self, node: Node) -> bool {
        self.nodes.iter().any(|row| row.id == node)
    }

    fn set_owner(&mut self, uid: Uid, from: Option<Node>, to: Node) {
        if let Some(row) =
            self.queues.iter_mut().find(|row| row.uid == uid && from.is_none_or(|from| row.owner == from))
        {
            row.owner = to;
        }
    }

    pub fn apply(&mut self, txn: &Txn, rules: &Rules) {
        match txn {
            Txn::Join(node) => {
                if self.nodes.iter().all(|row| row.id != *node) {
                    self.nodes.push(NodeRow { id: *node, state: NodeState::Serving, beat: 0 });
                }
            }
            Txn::Commit { node, seq, settled, changes } => {
                // What is settled is not asked for again.
                self.marks.retain(|(by, number)| by != node || number >= settled);
                self.marks.push((*node, *seq));
                changes.iter().for_each(|change| self.change(*node, change, rules));
            }
            Txn::Load { .. } => {}
            Txn::Fence { dead, gone, to } => {
                if let Some(row) = self.nodes.iter_mut().find(|row| row.id == *dead).filter(|_| *gone) {
                    row.state = NodeState::Gone;
                }
                to.iter().for_each(|(uid, to)| self.set_owner(*uid, Some(*dead), *to));
            }
            Txn::Claim { node, uid } => self.set_owner(*uid, None, *node),
            Txn::Beat(node) => self.beat(*node),
        }
    }

    pub fn beat(&mut self, node: Node) {
        if let Some(row) = self.nodes.iter_mut().find(|row| row.id == node) {
            row.beat += 1;
        }
    }

    fn change(&mut self, node: Node, change: &Change, rules: &Rules) {
        match change {
            Change::Stored { row, from } => {
                self.rows.retain(|old| (old.queue, old.number) != (row.queue, row.number));
                self.rows.push(row.clone());
                if let Some(source) = from {
                    self.left.push((row.id, *source, row.group));
                }
            }
            Change::Changed { row } => {
                if let Some(old) = self.rows.iter_mut().find(|old| (old.queue, old.number) == (row.queue, row.number)) {
                    *old = row.clone();
                }
            }
            Change::Removed { queue, number } => self.rows.retain(|row| (row.queue, row.number) != (*queue, *number)),
            Change::Remembered { queue, id } => self.remembered.push((*queue, *id)),
            Change::Reserved { queue, to } => {
                self.queues.iter_mut().filter(|row| row.uid == *queue).for_each(|row| row.reserved = *to);
            }
            Change::Sent(transfer) => {
                if self.owner(transfer.target).is_some() || !rules.sent_holds_target {
                    self.left.push((transfer.id, transfer.source, transfer.group));
                    self.transfers.push(transfer.clone());
                } else {
                    self.turn_back(transfer.clone());
                }
            }
            Change::Taken { target, id } => {
                self.transfers.retain(|transfer| (transfer.target, transfer.id) != (*target, *id))
            }
            Change::Handed { uid, to } => self.set_owner(*uid, Some(node), *to),
            Change::QueueDeleted { uid } => {
                self.queues.retain(|row| row.uid != *uid);
                self.rows.retain(|row| row.queue != *uid);
                if rules.delete_turns_back {
                    let (back, others) =
                        std::mem::take(&mut self.transfers).into_iter().partition(|t| t.target == *uid);
                    self.transfers = others;
                    let back: Vec<Transfer> = back;
                    back.into_iter().for_each(|transfer| self.turn_back(transfer));
                }
            }
        }
    }

    /// A message whose target is gone goes back to its source.
    fn turn_back(&mut self, transfer: Transfer) {
        self.left.retain(|(id, ..)| *id != transfer.id);
        if self.owner(transfer.source).is_some() {
            self.transfers.push(Transfer { target: transfer.source, ..transfer });
        } else {
            self.dropped.push(transfer.id);
        }
    }
}
