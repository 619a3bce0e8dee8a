//! Several nodes behind a balancer in the place of one server, if the environment says so.

use crate::balancer::Balancer;
use crate::server::{free_port, new_url};
use kew::{Clock, Server, ServerBuilder};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// After this a test fails: something hangs. No test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// All nodes but the first, and what is before them.
pub struct Others {
    pub servers: Vec<Server>,
    balancer: Balancer,
}

/// So many nodes over a database of their own, with one clock, which stands.
pub fn start(count: u64, builder: &ServerBuilder) -> (Server, Others) {
    // On a thread of its own: the caller's has a runtime already.
    let database = std::thread::spawn(new_url).join().expect("a database").expect("a PostgreSQL");
    let clock = Clock::manual();
    let node = |_| {
        let peer = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let builder = builder.clone().clock(clock.clone()).database(database.parse().expect("a URL"));
        builder.peer(format!("http://{peer}")).cluster_secret("0123456789abcdef").start().expect("a node")
    };
    let mut servers: Vec<Server> = (0..count).map(node).collect();
    let balancer = Balancer::start(servers.iter().map(|server| server.addresses()[0]).collect());
    let first = servers.remove(0);
    (first, Others { servers, balancer })
}

impl Others {
    /// Where clients go to.
    pub fn address(&self) -> SocketAddr {
        self.balancer.address
    }

    /// Turns the clock, from one moment at which something is due at a node to the next. When this returns, what was to be done by then
    /// has been done, and what went from one queue to another has arrived.
    pub fn turn(&self, first: &Server, by: Duration) {
        let all = || self.servers.iter().chain([first]);
        let mut left = by;
        loop {
            all().for_each(|server| server.advance(Duration::ZERO));
            let began = Instant::now();
            while all().any(Server::is_sending) {
                assert!(began.elapsed() < PATIENCE, "what is sent from one queue to another never arrives");
                std::thread::yield_now();
            }
            let due = all().filter_map(Server::due_in).min();
            let step = due.map_or(left, |due| due.min(left));
            if step.is_zero() && left.is_zero() {
                return;
            }
            first.clock().advance(step);
            left -= step;
        }
    }
}
