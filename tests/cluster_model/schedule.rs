//! What happens next, by chance; and how a schedule comes to rest.

use crate::node::{Process, Queue, Told};
use crate::rows::{Change, Node};
use crate::rules::Rules;
use crate::world::{Envelope, World};
use kew::internals::cluster::{Load, NodeId, NodeState};

const STEPS: u32 = 160;
/// With time, rounds take steps too.
const STEPS_TIMED: u32 = 500;
/// How many turns a schedule has to come to rest.
const TURNS_MAX: u32 = 200;

/// Plays the schedule of a seed; what was found to be wrong.
pub fn play(seed: u64, rules: Rules, trace: bool) -> Result<(), String> {
    let mut world = World::new(seed, rules, trace);
    let steps = if world.timed { STEPS_TIMED } else { STEPS };
    for step in 0..steps {
        world.step = step;
        world.now += if world.timed { world.random.u64(0..200) } else { world.random.u64(0..3) };
        world.happen();
        world.check()?;
    }
    world.come_to_rest()
}

impl World {
    fn happen(&mut self) {
        if self.timed {
            for node in 0..self.nodes.len() {
                if self.nodes[node].up && !self.nodes[node].paused {
                    self.round(node);
                }
            }
        }
        // Rounds are not to take longer than they do.
        for _ in 0..if self.timed { 3 } else { 0 } {
            self.deliver_any();
        }
        match self.random.u32(0..1_000) {
            0 => self.split_or_unite(),
            1..350 if !self.net.is_empty() => self.deliver_any(),
            1..500 => self.client(),
            500..700 if !self.chance(self.standby) => {}
            500..700 => {
                if let Some((session, answer)) = self.database.replicate(&self.rules) {
                    self.net.push(Envelope::FromDatabase(session, answer));
                }
            }
            700..850 => self.on_a_node(World::flush),
            850..900 => self.on_a_node(World::look),
            900..930 => self.on_a_node(World::hand_over),
            930..945 => self.lose_or_repeat(),
            945..960 => {
                let (commits, done) = (self.random.bool(), self.random.bool());
                self.on_a_node(|world, node| world.cut(node, commits, done));
            }
            960..972 => {
                let node = self.random.usize(0..self.nodes.len());
                self.nodes[node].paused ^= true;
                self.note(|| format!("node {} paused: {}", self.nodes[node].id, self.nodes[node].paused));
            }
            972..978 => self.kill_or_begin(),
            978..986 => self.on_a_node(World::take_over),
            986..990 => {
                // The wait for the standby is cancelled; the node takes the warning for an unknown outcome.
                let (node, commits) = (self.random.usize(0..self.nodes.len()), self.random.bool());
                let (session, rules) = (self.nodes[node].session(commits), self.rules);
                self.database_of(session.node).end_sessions(|other| other == session, &rules);
                self.cut(node, commits, false);
            }
            990..995 => {
                self.note(|| "the database crashes".to_owned());
                self.unite();
                self.database.end_sessions(|_| true, &self.rules);
                self.cut_all();
            }
            _ => {
                self.note(|| "the database fails over".to_owned());
                self.unite();
                self.database.fail_over();
                self.cut_all();
            }
        }
    }

    fn split_or_unite(&mut self) {
        if self.old_primary.is_some() {
            self.note(|| "the old primary is gone".to_owned());
            self.unite();
        } else {
            self.note(|| "the database fails over, and the old primary lives".to_owned());
            self.split();
        }
    }

    fn deliver_any(&mut self) {
        if !self.net.is_empty() {
            let at = self.random.usize(0..self.net.len());
            self.deliver(at);
        }
    }

    fn on_a_node(&mut self, act: impl FnOnce(&mut World, usize)) {
        let node = self.random.usize(0..self.nodes.len());
        if self.nodes[node].up && !self.nodes[node].paused {
            act(self, node);
        }
    }

    /// Something between two nodes, or from a client, is lost or comes twice.
    fn lose_or_repeat(&mut self) {
        if self.net.is_empty() {
            return;
        }
        let at = self.random.usize(0..self.net.len());
        if let Envelope::ToNode { .. } = &self.net[at] {
            match self.random.bool() {
                true => self.net.push(self.net[at].clone()),
                false => drop(self.net.swap_remove(at)),
            }
        }
    }

    fn kill_or_begin(&mut self) {
        let node = self.random.usize(0..self.nodes.len());
        if self.nodes[node].up {
            self.note(|| format!("node {} is killed", self.nodes[node].id));
            self.nodes[node].up = false;
        } else if self.may_begin() {
            self.begin_anew(node);
        }
    }

    /// A node declares another one gone, whether it is or not. (With time it waits until it suspects it.)
    fn take_over(&mut self, node: usize) {
        let me = self.nodes[node].id;
        let rows = &self.database.state.nodes;
        let others: Vec<Node> =
            rows.iter().filter(|row| row.id != me && row.state != NodeState::Gone).map(|row| row.id).collect();
        if self.timed || others.is_empty() {
            return;
        }
        let dead = others[self.random.usize(0..others.len())];
        let heir = |id: &Node| Load { id: NodeId((*id).into()), queues: 0 };
        let heirs: Vec<Load> = others.iter().filter(|id| **id != dead).chain([&me]).map(heir).collect();
        self.note(|| format!("node {me} takes node {dead} for dead"));
        self.fence(node, dead, None, &heirs);
    }

    /// A node gives one of its queues to another.
    fn hand_over(&mut self, node: usize) {
        let to = self.nodes[self.random.usize(0..self.nodes.len())].id;
        let process = &mut self.nodes[node];
        let idle = |queue: &&mut Queue| !queue.moving;
        if let Some(queue) = process.queues.iter_mut().find(idle).filter(|_| to != process.id) {
            queue.moving = true;
            let uid = queue.uid;
            process.open.changes.push(Change::Handed { uid, to });
            process.open.told.push(Told::Handed(uid, to));
            self.note(|| format!("node {} gives queue {uid} to node {to}", self.nodes[node].id));
        }
    }

    fn check(&mut self) -> Result<(), String> {
        self.checker.check(&self.database);
        let state = &self.database.state;
        for row in &state.queues {
            let owns = |node: &&Process| {
                node.up
                    && !state.is_gone(node.id)
                    && node.queues.iter().any(|queue| queue.uid == row.uid && !queue.moving)
            };
            let mut owners = self.nodes.iter().filter(owns).map(|node| node.id);
            if let Some(owner) = owners.next() {
                let other = owners.next().or(Some(row.owner).filter(|other| *other != owner));
                if let Some(other) = other {
                    return Err(format!("queue {} is node {owner}'s and node {other}'s", row.uid));
                }
            }
        }
        self.checker.violation.take().map_or(Ok(()), Err)
    }

    /// Everything that was stopped goes on, and nothing fails any more.
    fn come_to_rest(&mut self) -> Result<(), String> {
        self.unite();
        for node in 0..self.nodes.len() {
            self.nodes[node].paused = false;
            if !self.nodes[node].up {
                self.begin_anew(node);
            }
        }
        for _ in 0..TURNS_MAX {
            self.step += 1;
            while let Some((session, answer)) = self.database.replicate(&self.rules) {
                self.net.push(Envelope::FromDatabase(session, answer));
            }
            for _ in 0..2 * self.net.len() {
                self.deliver_any();
            }
            for node in 0..self.nodes.len() {
                // Its next round would tell it.
                if self.nodes[node].joined && self.database.state.is_gone(self.nodes[node].id) {
                    self.begin_anew(node);
                }
                self.flush(node);
                self.look(node);
            }
            let alive: Vec<Node> = self.nodes.iter().map(|node| node.id).collect();
            let heirs: Vec<Load> = alive.iter().map(|id| Load { id: NodeId((*id).into()), queues: 0 }).collect();
            let rows = &self.database.state.nodes;
            let dead =
                rows.iter().find(|row| row.state != NodeState::Gone && !alive.contains(&row.id)).map(|row| row.id);
            if let Some(dead) = dead.filter(|_| self.nodes[0].joined) {
                self.fence(0, dead, None, &heirs);
            }
            self.check()?;
            if self.rests() {
                return self.check_rest();
            }
        }
        Err("it does not come to rest".to_owned())
    }

    fn rests(&self) -> bool {
        let idle = |node: &Process| {
            node.joined && node.under_way.is_none() && node.open.changes.is_empty() && node.open.told.is_empty()
        };
        let served = |uid, owner| {
            self.nodes.iter().any(|node| node.id == owner && node.queues.iter().any(|queue| queue.uid == uid))
        };
        let state = &self.database.state;
        !self.database.waits()
            && self.nodes.iter().all(idle)
            && state.transfers.is_empty()
            && state.queues.iter().all(|row| served(row.uid, row.owner))
    }

    /// What owners have in memory is what is in the database.
    fn check_rest(&self) -> Result<(), String> {
        let state = &self.database.state;
        // Who does not know that it is gone learns it when it commits something.
        for node in self.nodes.iter().filter(|node| !state.is_gone(node.id)) {
            for queue in &node.queues {
                let mut stored: Vec<_> = state.rows.iter().filter(|row| row.queue == queue.uid).cloned().collect();
                stored.sort_unstable_by_key(|row| row.number);
                if stored != queue.rows {
                    let (uid, id) = (queue.uid, node.id);
                    return Err(format!("queue {uid} of node {id} is {:?} and stored as {stored:?}", queue.rows));
                }
            }
        }
        Ok(())
    }
}
