//! A schedule: nodes, a database, clients and everything on its way between them, in an order that a seed decides.

use crate::checker::Checker;
use crate::database::{Answer, Database, Image, Outcome, Request, Session};
use crate::node::{Batch, Process, Queue, Taking, Told};
use crate::protocol::DEAD_LETTERS;
use crate::rows::{Id, Node, NodeRow, QueueRow, Row, State, Uid};
use crate::rules::Rules;
use kew::internals::cluster::{NodeId, NodeState, ROUND_MS, Roll};

/// Two FIFO queues, their dead-letter queue, and a standard queue.
const QUEUES: [Uid; 4] = [0, 1, 2, 3];
/// Messages and lives of nodes in one schedule, at most.
const MESSAGES_MAX: usize = 40;
const LIVES_MAX: u8 = 40;

/// What a client wants, on its way to a node or between two.
#[derive(Clone, Debug)]
pub enum Wish {
    Send {
        uid: Uid,
        id: Id,
        group: u8,
    },
    Receive {
        uid: Uid,
    },
    Delete(Row),
    DeleteQueue {
        uid: Uid,
    },
    /// A node tells another that there is something new.
    Look,
}

/// What is on its way.
#[derive(Clone, Debug)]
pub enum Envelope {
    ToDatabase(Session, Request),
    FromDatabase(Session, Answer),
    ToNode { to: Node, wish: Wish, forwarded: bool },
}

/// A schedule.
pub struct World {
    pub rules: Rules,
    pub random: fastrand::Rng,
    /// Nodes suspect each other by their rounds, and not at random.
    pub timed: bool,
    /// How often the standby gets something when it could, in percent.
    pub standby: u32,
    pub now: u64,
    pub step: u32,
    pub database: Database,
    /// The primary of before, which lives.
    pub old_primary: Option<Database>,
    pub net: Vec<Envelope>,
    pub nodes: Vec<Process>,
    pub lives: u8,
    pub checker: Checker,
    /// What clients were shown.
    pub handles: Vec<Row>,
    pub trace: bool,
}

impl World {
    /// Three nodes that have shared the queues between them.
    pub fn new(seed: u64, rules: Rules, trace: bool) -> World {
        let mut world = World {
            rules,
            random: fastrand::Rng::with_seed(seed),
            timed: seed.is_multiple_of(4),
            standby: if seed.is_multiple_of(3) { 10 } else { 100 },
            now: 0,
            step: 0,
            database: Database::default(),
            old_primary: None,
            net: Vec::with_capacity(32),
            nodes: Vec::new(),
            lives: 0,
            checker: Checker::default(),
            handles: Vec::new(),
            trace,
        };
        let mut state = State::default();
        for id in 0..3 {
            state.nodes.push(NodeRow { id, state: NodeState::Serving, beat: 0 });
        }
        for uid in QUEUES {
            state.queues.push(QueueRow { uid, owner: uid % 3, reserved: 0 });
        }
        for id in 0..3 {
            let mut process = world.process();
            process.joined = true;
            process.directory = state.queues.iter().map(|row| (row.uid, row.owner)).collect();
            for uid in QUEUES.into_iter().filter(|uid| uid % 3 == id) {
                let image = Image { uid, reserved: 0, rows: vec![], remembered: vec![], sent: vec![] };
                process.queues.push(Queue::of(image, true));
            }
            world.nodes.push(process);
        }
        world.database.standby = state.clone();
        world.database.state = state;
        world
    }

    pub fn process(&mut self) -> Process {
        let id = self.lives;
        self.lives = self.lives.saturating_add(1);
        Process {
            id,
            joined: false,
            at_old_primary: false,
            up: true,
            paused: false,
            queues: Vec::new(),
            loading: Vec::new(),
            open: Batch::default(),
            under_way: None,
            seq: 0,
            settled_seq: 0,
            batches: 0,
            sessions: [0, 0],
            directory: Vec::new(),
            reading_directory: None,
            roll: Roll::new(NodeId(id.into())),
            round_began: None,
            next_round: 0,
            rate: self.random.u64(90..111),
        }
    }

    pub fn note(&self, what: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{:4} {:6} {}", self.step, self.now, what());
        }
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.random.u32(0..100) < percent
    }

    /// How long a message is hidden from others.
    pub fn visibility(&self) -> u64 {
        if self.timed { 3_000 } else { 40 }
    }

    /// Asks the database for something.
    pub fn ask(&mut self, node: usize, commits: bool, request: Request) {
        let session = self.nodes[node].session(commits);
        self.net.push(Envelope::ToDatabase(session, request));
    }

    /// Something arrives, or has to wait.
    pub fn deliver(&mut self, at: usize) {
        let envelope = self.net.swap_remove(at);
        match envelope {
            Envelope::ToDatabase(session, request) => self.at_database(session, request),
            Envelope::FromDatabase(session, answer) => {
                let node = self.nodes.iter().position(|node| node.up && node.id == session.node);
                match node {
                    Some(node) if self.nodes[node].paused => self.net.push(Envelope::FromDatabase(session, answer)),
                    Some(node) if self.nodes[node].session(session.commits) == session => {
                        self.note(|| format!("{session:?} is told {answer:?}"));
                        self.told_by_database(node, answer);
                    }
                    _ => {}
                }
            }
            Envelope::ToNode { to, wish, forwarded } => {
                let Some(node) = self.nodes.iter().position(|node| node.up && node.id == to) else { return };
                if self.nodes[node].paused {
                    self.net.push(Envelope::ToNode { to, wish, forwarded });
                } else {
                    self.serve(node, wish, forwarded);
                }
            }
        }
    }

    /// Where a node's connections lead.
    pub fn database_of(&mut self, node: Node) -> &mut Database {
        let at_old = self.nodes.iter().any(|process| process.id == node && process.at_old_primary);
        self.old_primary.as_mut().filter(|_| at_old).unwrap_or(&mut self.database)
    }

    /// The standby takes the place of a primary that lives, and with which some nodes go on.
    pub fn split(&mut self) {
        self.old_primary = Some(self.database.fail_over());
        for node in 0..self.nodes.len() {
            self.nodes[node].at_old_primary = self.random.bool();
            if !self.nodes[node].at_old_primary {
                self.cut(node, true, false);
                self.cut(node, false, false);
            }
        }
    }

    /// The old primary is gone.
    pub fn unite(&mut self) {
        self.old_primary = None;
        for node in 0..self.nodes.len() {
            if std::mem::take(&mut self.nodes[node].at_old_primary) {
                self.cut(node, true, false);
                self.cut(node, false, false);
            }
        }
    }

    fn at_database(&mut self, session: Session, request: Request) {
        let rules = self.rules;
        if session.commits && self.rules.old_sessions_ended {
            let older = |s: Session| s.commits && s.node == session.node && s.number < session.number;
            self.net.retain(|envelope| !matches!(envelope, Envelope::ToDatabase(s, _) if older(*s)));
            self.database_of(session.node).end_sessions(older, &rules);
        }
        match self.database_of(session.node).execute(session, &request, &rules) {
            Outcome::Blocked => self.net.push(Envelope::ToDatabase(session, request)),
            Outcome::Answered(answer) => {
                self.note(|| format!("{session:?} asked {request:?}: {answer:?}"));
                self.net.push(Envelope::FromDatabase(session, answer));
            }
            Outcome::Waits => self.note(|| format!("{session:?} asked {request:?}: committed")),
        }
    }

    /// A session of a node is cut: what it was asked for may still be done.
    pub fn cut(&mut self, node: usize, commits: bool, done_all_the_same: bool) {
        let process = &mut self.nodes[node];
        let session = process.session(commits);
        process.sessions[usize::from(commits)] += 1;
        if commits {
            process.under_way.iter_mut().for_each(|under_way| under_way.unknown = true);
        } else {
            process.reading_directory = None;
            let told = &process.open.told;
            let waits = |uid: Uid| move |told: &Told| matches!(told, Told::Loaded(image) if image.uid == uid);
            let under_way = process.under_way.as_ref().map_or(&[][..], |under_way| &under_way.batch.told[..]);
            process.loading.retain(|uid| told.iter().any(waits(*uid)) || under_way.iter().any(waits(*uid)));
            let reading = process.queues.iter_mut().filter(|queue| queue.taking == Taking::Reading);
            reading.for_each(|queue| queue.taking = Taking::Nothing);
            if process.round_began.take().is_some() {
                process.next_round = process.now(self.now) + ROUND_MS;
            }
            process.roll.round_failed();
        }
        self.net.retain(|envelope| match envelope {
            Envelope::FromDatabase(to, _) => *to != session,
            Envelope::ToDatabase(from, _) => *from != session || done_all_the_same,
            Envelope::ToNode { .. } => true,
        });
    }

    /// Everything that the database was asked for is cut off.
    pub fn cut_all(&mut self) {
        self.net.retain(|envelope| matches!(envelope, Envelope::ToNode { .. }));
        for node in 0..self.nodes.len() {
            self.cut(node, true, false);
            self.cut(node, false, false);
        }
    }

    /// A client wants something of a node.
    pub fn client(&mut self) {
        let uid = QUEUES[self.random.usize(0..QUEUES.len())];
        let wish = match self.random.u32(0..100) {
            0..40 if self.checker.messages.len() < MESSAGES_MAX => {
                let group = self.random.u8(0..2);
                let uid = if uid == DEAD_LETTERS { 0 } else { uid };
                Wish::Send { uid, id: self.checker.send(uid, group, self.step), group }
            }
            // Its sender was not told, and sends it again.
            0..50 if !self.checker.messages.is_empty() => {
                let id = self.random.usize(0..self.checker.messages.len());
                let message = &self.checker.messages[id];
                Wish::Send { uid: message.queue, id: id as Id, group: message.group }
            }
            50..80 => Wish::Receive { uid },
            80..99 if !self.handles.is_empty() => {
                Wish::Delete(self.handles[self.random.usize(0..self.handles.len())].clone())
            }
            99 if self.chance(50) => Wish::DeleteQueue { uid: self.random.u8(1..3) },
            _ => return,
        };
        let to = self.nodes[self.random.usize(0..self.nodes.len())].id;
        self.net.push(Envelope::ToNode { to, wish, forwarded: false });
    }

    /// Whether another life may begin.
    pub fn may_begin(&self) -> bool {
        self.lives < LIVES_MAX
    }
}
