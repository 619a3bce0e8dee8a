//! Several nodes in this process, each with a port for clients and one for the others.

use crate::server::{free_port, new_url, sql};
use crate::support::{Answer, Peer, json, request};
use kew::{Server, ServerBuilder};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// After this a test fails: something hangs. No test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

pub const SECRET: &str = "0123456789abcdef";

/// What waits for one thing.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The servers of a database; a server that has been stopped is none any more.
pub struct Nodes {
    pub servers: Vec<Option<Server>>,
    pub peers: Vec<SocketAddr>,
    pub database: String,
}

impl Nodes {
    /// So many, if there is a PostgreSQL.
    pub fn start(count: usize) -> Option<Nodes> {
        Nodes::start_with(count, |builder| builder)
    }

    /// The same with more settings.
    pub fn start_with(count: usize, set: impl Fn(ServerBuilder) -> ServerBuilder) -> Option<Nodes> {
        let database = new_url()?;
        let mut nodes = Nodes { servers: Vec::new(), peers: Vec::new(), database };
        for _ in 0..count {
            let peer = SocketAddr::from(([127, 0, 0, 1], free_port()));
            let builder = Server::builder().database(nodes.database.parse().unwrap());
            let builder = builder.peer(format!("http://{peer}")).cluster_secret(SECRET);
            nodes.servers.push(Some(set(builder).start().unwrap()));
            nodes.peers.push(peer);
        }
        Some(nodes)
    }

    /// All that run.
    pub fn all(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().flatten()
    }

    pub fn at(&self, node: usize) -> &Server {
        self.servers[node].as_ref().expect("it runs")
    }

    /// A connection to a node.
    pub fn peer(&self, node: usize) -> Peer {
        Peer::of(self.at(node))
    }

    /// Asks a node, by a connection of its own.
    pub fn ask(&self, node: usize, request: impl AsRef<[u8]>) -> Answer {
        self.peer(node).ask(request)
    }

    /// Has a node carry out what has to succeed.
    #[track_caller]
    pub fn call(&self, node: usize, action: &str, members: &Value) -> Value {
        let answer = self.ask(node, json(action, members.to_string())).ok();
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// Which node has a queue.
    pub fn owner(&self, queue: &str) -> usize {
        let owner = format!("SELECT peer_url FROM kew.node JOIN kew.queue ON owner = id WHERE queue.name = '{queue}'");
        let url = sql(&self.database, &owner).pop().expect("a queue with an owner");
        self.peers.iter().position(|peer| url == format!("http://{peer}")).expect("one of these nodes")
    }

    /// Has a queue given to a node, once its owner knows of that node.
    pub fn give(&self, queue: &str, to: usize) {
        let members = serde_json::json!({"queue": queue, "node": self.peers[to].to_string()}).to_string();
        let headers = [("Content-Type", "application/json")];
        let (began, mut owner) = (Instant::now(), self.peer(self.owner(queue)));
        loop {
            let answer = owner.ask(request("POST", "/_kew/cluster/move", &headers, &members));
            match answer.status {
                200 => return,
                _ => assert!(began.elapsed() < PATIENCE, "{answer:?}"),
            }
            std::thread::yield_now();
        }
    }

    /// Returns when so many ReceiveMessages are parked at a queue, wherever that is.
    pub fn wait_for_parked(&self, queue: &str, count: usize) {
        let began = Instant::now();
        while self.all().map(|server| server.waiting_receivers(queue)).sum::<usize>() != count {
            assert!(began.elapsed() < PATIENCE, "there are never {count} receives parked at {queue}");
            std::thread::yield_now();
        }
    }
}
