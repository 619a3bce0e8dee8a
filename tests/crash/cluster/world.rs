//! The nodes and the database together, and what is done to more than one of them.

use super::database::Database;
use super::net::Net;
use super::nodes::Node;
use crate::content::QUEUES;
use crate::support::http::{Peer, request};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// A node that is well answers sooner.
const QUESTION: Duration = Duration::from_secs(2);
/// Bytes that are left on a disk that is full.
const ROOM_LEFT: u64 = 64 << 10;

/// See the module.
pub struct World {
    pub nodes: Vec<Node>,
    pub database: Database,
    pub net: Option<Net>,
    pub rng: Rng,
    /// What went wrong here.
    pub complaints: Vec<String>,
    /// Queues that were moved by request.
    pub moves: u64,
    /// The node that is restarted next, and whether it is just now.
    next_restart: usize,
    restarting: bool,
}

impl World {
    /// Nodes that do not run yet; they are peers if there is more than one.
    pub fn new(count: usize, database: Database, directory: &Path, rng: Rng, net: Option<Net>) -> World {
        let node = |number| Node::new(number, count > 1, &database, directory, net.as_ref());
        World {
            nodes: (0..count).map(node).collect(),
            database,
            net,
            rng,
            complaints: Vec::new(),
            moves: 0,
            next_restart: 0,
            restarting: false,
        }
    }

    /// The networks, for faults that need them.
    pub fn net(&self) -> &Net {
        self.net.as_ref().expect("there are networks")
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.address).collect()
    }

    /// Whose each queue is: the number of the node, by name.
    pub fn owners(&self) -> BTreeMap<String, usize> {
        let number = |peer: String| self.nodes.iter().position(|node| node.peer.as_ref() == Some(&peer));
        self.database.owners().into_iter().filter_map(|(name, peer)| Some((name, number(peer)?))).collect()
    }

    fn complain_if(&mut self, done: Result<(), String>) {
        self.complaints.extend(done.err());
    }

    /// Everything runs, nothing is in the way, and all say that they are well.
    pub fn make_well(&mut self) {
        self.complain_if(self.database.wait_until_well());
        self.restarting = false;
        for node in &mut self.nodes {
            self.complaints.extend(node.wait_for_end().err());
            node.start();
        }
        for node in &mut self.nodes {
            self.complaints.extend(node.wait_until_well().err());
        }
    }

    /// The stand-by takes the place of a primary that has ended, or is believed to have.
    pub fn fail_over(&mut self) {
        self.database.fail_over();
        self.lead_all();
    }

    /// New connections of all nodes lead to the primary.
    pub fn lead_all(&self) {
        for node in &self.nodes {
            node.proxy.lead_to(self.database.primary.port());
        }
    }

    /// The stand-by takes the place of a primary that lives, but is cut off from it. Connections stand, and new ones of some
    /// nodes lead to the old one still. Returns whether none do.
    pub fn split(&mut self) -> bool {
        self.database.replication.stall();
        self.database.fail_over();
        let late: Vec<bool> = self.nodes.iter().map(|_| self.rng.u32(0..3) == 0).collect();
        for (node, _) in self.nodes.iter().zip(&late).filter(|(_, late)| !**late) {
            node.proxy.lead_to(self.database.primary.port());
        }
        !late.contains(&true)
    }

    /// A node that was told to end has, and starts again.
    pub fn restart(&mut self, number: usize) {
        if !self.nodes[number].runs() {
            self.nodes[number].start();
        }
    }

    /// Restarts one node after the other.
    pub fn restart_next(&mut self) {
        let number = self.next_restart;
        if !self.restarting {
            self.nodes[number].end();
            self.restarting = true;
        } else if !self.nodes[number].runs() {
            self.nodes[number].start();
        } else if self.nodes[number].was_restarted() && self.nodes[number].is_well() {
            self.restarting = false;
            self.next_restart = (number + 1) % self.nodes.len();
        }
    }

    /// Asks a node to give a queue to a node.
    pub fn move_a_queue(&mut self) {
        let known = self.database.nodes();
        let Some(heir) = self.rng.choice(&known) else { return };
        let Some(queue) = self.rng.choice(QUEUES) else { return };
        let Some(asked) = self.rng.choice(&self.nodes).map(|node| node.address) else { return };
        let body = serde_json::json!({"queue": queue, "node": heir}).to_string();
        let headers = [("Content-Type", "application/json")];
        let request = request("POST", "/_kew/cluster/move", &headers, body);
        let Ok(answer) = Peer::connect_within(asked, QUESTION).and_then(|mut peer| peer.try_ask(request)) else {
            return;
        };
        let said = String::from_utf8_lossy(&answer.body);
        match answer.status {
            200 => self.moves += 1,
            // It cannot be given away now.
            409 => {}
            // One that has only just joined is not known to a node that was frozen or cut off until now.
            404 if said.contains("there is no node") => {}
            status => self.complaints.push(format!("a queue was to be moved, and the answer was {status} {said}")),
        }
    }

    /// Now and then ends a session of kew, or cancels what it does.
    pub fn end_sessions(&mut self) {
        if let Some(sql) = self.end_of_a_session() {
            let _ = self.database.ask(&sql);
        }
    }

    /// The same on what was the primary: a commit that waits for a stand-by which is none any more takes place there.
    pub fn end_sessions_of_old_primary(&mut self) {
        if let Some(sql) = self.end_of_a_session() {
            let _ = self.database.ask_old_primary(&sql);
        }
    }

    fn end_of_a_session(&mut self) -> Option<String> {
        if self.rng.u32(0..5) > 0 {
            return None;
        }
        let function = if self.rng.bool() { "pg_terminate_backend" } else { "pg_cancel_backend" };
        Some(format!(
            "SELECT {function}(pid) FROM pg_stat_activity WHERE application_name LIKE 'kew/%' ORDER BY random() LIMIT 1"
        ))
    }

    /// Nothing more can be written by the database.
    pub fn fill_disk(&mut self) {
        self.database.primary.fill_disk(ROOM_LEFT);
    }

    /// The last of what each node had to say.
    pub fn logs(&self) -> String {
        self.nodes.iter().map(|node| format!("--- node {}:\n{}\n", node.number, node.log_tail())).collect()
    }
}
