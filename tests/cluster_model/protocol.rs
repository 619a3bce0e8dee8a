//! What a node does: for clients, and when the database answers.

use crate::database::{Answer, Image, Request};
use crate::node::{Batch, Process, Queue, Taking, Told, UnderWay};
use crate::rows::{Change, Id, Node, NodeRow, Row, Transfer, Uid};
use crate::world::{Envelope, Wish, World};
use kew::internals::cluster::{Load, Member, NodeId, ROUND_MS, shares};

pub const DEAD_LETTERS: Uid = 2;
const STANDARD: Uid = 3;
/// Received so often, a message of the first two queues goes to the third.
const RECEIVES_MAX: u8 = 2;

fn wanted(wish: &Wish) -> Option<Uid> {
    match wish {
        Wish::Send { uid, .. } | Wish::Receive { uid } | Wish::DeleteQueue { uid } => Some(*uid),
        Wish::Delete(row) => Some(row.queue),
        Wish::Look => None,
    }
}

impl World {
    /// Carries out what a client wants, or sends it on.
    pub fn serve(&mut self, node: usize, wish: Wish, forwarded: bool) {
        let Some(uid) = wanted(&wish) else { return self.look(node) };
        let process = &mut self.nodes[node];
        let moving = self.rules.moving_takes_nothing;
        let Some(at) = process.position(uid).filter(|at| !(process.queues[*at].moving && moving)) else {
            let owner = process.owner(uid).filter(|owner| *owner != process.id && !forwarded);
            if let Some(to) = owner {
                self.net.push(Envelope::ToNode { to, wish, forwarded: true });
            }
            return;
        };
        let id = process.id;
        self.note(|| format!("node {id} serves {wish:?}"));
        let process = &mut self.nodes[node];
        process.queues[at].tick(self.now, &mut process.open.changes);
        match wish {
            Wish::Send { id, group, .. } => {
                process.queues[at].send(id, group, &mut process.open.changes);
                self.tell(node, Told::Sent(id));
            }
            Wish::Receive { .. } => self.receive(node, at),
            Wish::Delete(handle) => self.delete(node, at, &handle),
            Wish::DeleteQueue { .. } => {
                let queue = &mut process.queues[at];
                queue.moving = true;
                let rows = std::mem::take(&mut queue.rows);
                process.open.changes.push(Change::QueueDeleted { uid });
                process.open.told.push(Told::QueueDeleted(uid));
                rows.iter().for_each(|row| self.checker.message(row.id).with_its_queue = true);
            }
            Wish::Look => {}
        }
    }

    fn receive(&mut self, node: usize, at: usize) {
        let deadline = self.now + self.visibility();
        let process = &mut self.nodes[node];
        let uid = process.queues[at].uid;
        let fifo = uid != STANDARD;
        let has_target = uid < DEAD_LETTERS && process.owner(DEAD_LETTERS).is_some();
        loop {
            let process = &mut self.nodes[node];
            let Some(head) = process.queues[at].head(fifo) else { return };
            if has_target && process.queues[at].rows[head].receives >= RECEIVES_MAX {
                self.bury(node, at, head);
                continue;
            }
            if !fifo && self.timed {
                let lease = process.roll.has_lease(process.now(self.now));
                if self.rules.lease && !lease {
                    return;
                }
                let id = process.id;
                if self.database.state.is_gone(id) {
                    self.checker.violation.get_or_insert(format!("node {id} answers from memory although it is gone"));
                }
            }
            let row = process.queues[at].receive(head, deadline, &mut process.open.changes);
            let stored = |batch: &Batch| {
                let is_it = |change: &Change| matches!(change, Change::Stored { row: stored, .. } if stored.number == row.number && stored.queue == row.queue);
                batch.changes.iter().any(is_it)
            };
            let waits = self.rules.shown_when_stored;
            let received = Told::Received { row: row.clone(), at: self.now };
            return match &mut process.under_way {
                _ if fifo && self.rules.fifo_waits_for_commit => process.open.told.push(received),
                _ if !fifo && waits && stored(&process.open) => process.open.told.push(received),
                Some(under_way) if !fifo && waits && stored(&under_way.batch) => under_way.batch.told.push(received),
                _ => self.show(row, self.now),
            };
        }
    }

    /// A message goes to the dead-letter queue.
    fn bury(&mut self, node: usize, at: usize, head: usize) {
        let process = &mut self.nodes[node];
        let changes = &mut process.open.changes;
        let row = process.queues[at].remove(head, changes);
        self.checker.message(row.id).moved = true;
        let source = row.queue;
        let is_first = process.queues[at].sent.is_empty() || !self.rules.direct_after_sent;
        match process.queues.iter_mut().find(|queue| queue.uid == DEAD_LETTERS && !queue.moving && is_first) {
            Some(target) => target.insert(row.id, row.group, Some(source), changes),
            None => {
                changes.push(Change::Sent(Transfer { target: DEAD_LETTERS, source, id: row.id, group: row.group }));
                let batch = process.batches + 1;
                process.queues[at].sent.push((row.id, batch));
                let to = process.owner(DEAD_LETTERS).unwrap_or_default();
                self.net.push(Envelope::ToNode { to, wish: Wish::Look, forwarded: true });
            }
        }
    }

    fn delete(&mut self, node: usize, at: usize, handle: &Row) {
        let process = &mut self.nodes[node];
        let queue = &mut process.queues[at];
        let found = queue.rows.iter().position(|row| row.number == handle.number);
        if let Some(found) = found {
            let row = &queue.rows[found];
            if row.receives != handle.receives || row.deadline.is_none() {
                return;
            }
            queue.remove(found, &mut process.open.changes);
            self.checker.message(handle.id).deleting = true;
        }
        self.tell(node, Told::Deleted(handle.id, found.is_some()));
    }

    /// Has something told when everything that the node has done so far is durable.
    fn tell(&mut self, node: usize, told: Told) {
        let process = &mut self.nodes[node];
        let open = !process.open.changes.is_empty() || !process.open.told.is_empty();
        if open || self.rules.later_commit {
            process.open.told.push(told);
        } else if let Some(under_way) = &mut process.under_way {
            under_way.batch.told.push(told);
        } else {
            self.settle(node, vec![told]);
        }
    }

    fn show(&mut self, row: Row, at: u64) {
        self.note(|| format!("shown {row:?}, received at {at}"));
        if row.queue != STANDARD {
            self.checker.shown(&row, (at, self.now), &self.database.state);
        }
        self.handles.push(row);
    }

    /// Tells what was waited for.
    fn settle(&mut self, node: usize, told: Vec<Told>) {
        for told in told {
            self.note(|| format!("settled: {told:?}"));
            match told {
                Told::Sent(id) => self.checker.acknowledged(id, self.step, &self.database.standby),
                Told::Deleted(id, found) => self.checker.deleted(id, found, &self.database.standby),
                Told::Received { row, at } => self.show(row, at),
                Told::Handed(uid, to) => {
                    self.nodes[node].queues.retain(|queue| queue.uid != uid);
                    self.net.push(Envelope::ToNode { to, wish: Wish::Look, forwarded: true });
                }
                Told::QueueDeleted(uid) => self.nodes[node].queues.retain(|queue| queue.uid != uid),
                Told::Taken(uid) => {
                    if let Some(queue) = self.nodes[node].queue(uid) {
                        queue.taking = Taking::Nothing;
                    }
                }
                Told::Loaded(image) => {
                    let process = &mut self.nodes[node];
                    process.loading.retain(|uid| *uid != image.uid);
                    process.queues.push(Queue::of(*image, self.rules.numbers_reserved));
                }
            }
        }
    }

    pub fn told_by_database(&mut self, node: usize, answer: Answer) {
        match answer {
            Answer::Joined => {
                self.nodes[node].joined = true;
                self.look(node);
            }
            Answer::Committed => self.committed(node),
            Answer::Duplicate if self.rules.barrier_after_unknown => {
                let process = &mut self.nodes[node];
                process.seq += 1;
                let seq = process.seq;
                if let Some(under_way) = &mut process.under_way {
                    under_way.barrier = Some(seq);
                }
                self.commit(node, seq, Vec::new());
            }
            Answer::Duplicate => self.committed(node),
            Answer::Fenced | Answer::Broken => self.begin_anew(node),
            Answer::Loaded(uid, image) => self.loaded(node, uid, image),
            Answer::Directory { queues, gone, on_their_way } => self.directory(node, queues, &gone, &on_their_way),
            Answer::Transfers { uid, found } => self.take(node, uid, found),
            Answer::Beats(rows) => self.beats(node, &rows),
            Answer::Done => self.look(node),
        }
    }

    fn commit(&mut self, node: usize, seq: u32, changes: Vec<Change>) {
        let settled = if self.rules.marks_kept { self.nodes[node].settled_seq } else { seq };
        self.ask(node, true, Request::Commit { seq, settled, changes });
    }

    fn committed(&mut self, node: usize) {
        let process = &mut self.nodes[node];
        process.settled_seq = process.seq;
        if let Some(under_way) = process.under_way.take() {
            self.settle(node, under_way.batch.told);
        }
    }

    fn loaded(&mut self, node: usize, uid: Uid, image: Option<Image>) {
        let process = &mut self.nodes[node];
        let Some(image) = image else { return process.loading.retain(|loading| *loading != uid) };
        let told = Told::Loaded(Box::new(image));
        match self.rules.barrier_after_load && !self.rules.load_is_one_transaction {
            // A commit of its own after loading, on whatever connection.
            true => process.open.told.push(told),
            false => self.settle(node, vec![told]),
        }
    }

    fn directory(&mut self, node: usize, queues: Vec<(Uid, Node)>, gone: &[Node], on_their_way: &[(Uid, Id)]) {
        let unsettled = !self.rules.taken_is_settled_before_reading;
        let process = &mut self.nodes[node];
        let (me, settled) = (process.id, process.reading_directory.take().unwrap_or_default());
        process.directory = queues;
        let mut requests = Vec::new();
        for &(uid, owner) in &process.directory {
            if gone.contains(&owner) && owner != me {
                requests.push(Request::Claim { uid });
            } else if owner == me
                && process.queues.iter().all(|queue| queue.uid != uid)
                && !process.loading.contains(&uid)
            {
                process.loading.push(uid);
                requests.push(Request::Load { uid });
            }
        }
        for queue in &mut process.queues {
            queue.sent.retain(|(id, batch)| *batch > settled || on_their_way.iter().any(|(_, other)| other == id));
            let something = on_their_way.iter().any(|(target, _)| *target == queue.uid);
            if something && !queue.moving && (queue.taking == Taking::Nothing || unsettled) {
                queue.taking = Taking::Reading;
                requests.push(Request::Transfers { uid: queue.uid });
            }
        }
        requests.into_iter().for_each(|request| self.ask(node, false, request));
    }

    fn take(&mut self, node: usize, uid: Uid, found: Vec<Transfer>) {
        let process = &mut self.nodes[node];
        let Process { queues, open, .. } = process;
        let Some(queue) = queues.iter_mut().find(|queue| queue.uid == uid) else { return };
        queue.taking = Taking::Nothing;
        if found.is_empty() || queue.moving {
            return;
        }
        queue.taking = Taking::Unsettled;
        for Transfer { id, group, .. } in found {
            open.changes.push(Change::Taken { target: uid, id });
            queue.insert(id, group, None, &mut open.changes);
        }
        open.told.push(Told::Taken(uid));
    }

    fn beats(&mut self, node: usize, rows: &[NodeRow]) {
        let process = &mut self.nodes[node];
        let now = process.now(self.now);
        let Some(began) = process.round_began.take() else { return };
        let member = |row: &NodeRow| Member { id: NodeId(row.id.into()), state: row.state, beat: row.beat, queues: 0 };
        let members: Vec<Member> = rows.iter().map(member).collect();
        let round = process.roll.round(began, now, &members);
        process.next_round = now + ROUND_MS + self.random.u64(0..200);
        if round.gone {
            return self.begin_anew(node);
        }
        let heirs = process.roll.heirs();
        for suspect in round.suspects {
            self.fence(node, suspect.id.0 as Node, Some(suspect.beat), &heirs);
        }
    }

    /// Declares a node gone, and gives its queues to others.
    pub fn fence(&mut self, node: usize, dead: Node, beat: Option<i64>, heirs: &[Load]) {
        let process = &self.nodes[node];
        let its = process.directory.iter().filter(|(_, owner)| *owner == dead).map(|(uid, _)| u64::from(*uid));
        let to = shares(its.collect(), heirs).into_iter().map(|(uid, id)| (uid as Uid, id.0 as Node)).collect();
        self.ask(node, false, Request::Fence { dead, beat, to });
    }

    /// The life of a node is over: its process begins another one.
    pub fn begin_anew(&mut self, node: usize) {
        let process = self.process();
        let old = std::mem::replace(&mut self.nodes[node], process);
        self.note(|| format!("node {} begins anew as {}", old.id, self.nodes[node].id));
        self.ask(node, false, Request::Join);
    }

    /// Reads the directory, unless it does so already.
    pub fn look(&mut self, node: usize) {
        let process = &mut self.nodes[node];
        if !process.joined {
            self.ask(node, false, Request::Join);
        } else if process.reading_directory.is_none() {
            process.reading_directory = Some(process.settled());
            self.ask(node, false, Request::Directory);
        }
    }

    /// Sends the open batch, or once more the one of which nobody knows what became of it.
    pub fn flush(&mut self, node: usize) {
        let process = &mut self.nodes[node];
        if let Some(under_way) = &mut process.under_way {
            if !under_way.unknown {
                return;
            }
            under_way.unknown = false;
            if self.rules.batch_again {
                under_way.barrier = None;
            }
            if !self.rules.same_number_again {
                process.seq += 1;
                under_way.seq = process.seq;
            }
            let (seq, changes) = match under_way.barrier {
                Some(barrier) => (barrier, Vec::new()),
                None => (under_way.seq, under_way.batch.changes.clone()),
            };
            self.commit(node, seq, changes);
        } else if process.joined && !(process.open.changes.is_empty() && process.open.told.is_empty()) {
            process.seq += 1;
            process.batches += 1;
            let (seq, batch) = (process.seq, std::mem::take(&mut process.open));
            let changes = batch.changes.clone();
            process.under_way = Some(UnderWay { batch, seq, barrier: None, unknown: false });
            self.commit(node, seq, changes);
        }
    }

    /// Begins a round, if it is time.
    pub fn round(&mut self, node: usize) {
        let process = &mut self.nodes[node];
        let now = process.now(self.now);
        if process.joined && process.round_began.is_none() && process.next_round <= now {
            process.round_began = Some(now);
            self.ask(node, false, Request::Beat);
        }
    }
}
