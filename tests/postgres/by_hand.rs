//! What an operator does with several nodes: looks at them, gives a queue to one of them, and has one give all of its own away. Each by
//! the command line, and at any node.

use crate::http::{get, json, receive};
use crate::kew::{Kew, command, finish};
use crate::server::{Postgres, free_port};
use serde_json::{Value, json as value};

/// What nodes know and nobody else.
const SECRET: &str = "0123456789abcdef";

/// A node that serves, and where the others reach it.
struct Node {
    kew: Kew,
    peer: String,
}

impl Node {
    fn start(data: &str, queues: &[&str]) -> Node {
        let peer = format!("http://127.0.0.1:{}", free_port());
        let mut args = vec!["--data", data, "--peer", &peer, "--cluster-secret", SECRET];
        queues.iter().for_each(|queue| args.extend(["--queue", queue]));
        Node { kew: Kew::start(&args), peer }
    }

    /// What a subcommand of `kew cluster` that succeeds tells programs, when it asks this node.
    #[track_caller]
    fn cluster(&self, args: &[&str]) -> Value {
        let (code, out) = self.cluster_or_not(args);
        assert_eq!(code, Some(0), "{args:?} {out}");
        out
    }

    fn cluster_or_not(&self, args: &[&str]) -> (Option<i32>, Value) {
        let args = [&["cluster"][..], args, &["--json"]].concat();
        let ended = finish(command(&args).env("KEW_URL", format!("http://{}", self.kew.addresses()[0])));
        (ended.code, serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}")))
    }

    fn id(&self) -> String {
        self.cluster(&["status"])["node"].as_str().unwrap().to_owned()
    }

    /// Asks until it is so: nodes look at each other once a second.
    fn await_status(&self, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let status = self.cluster(&["status"]);
            if is_so(&status) {
                return status;
            }
        }
    }

    fn send(&self, queue: &str, body: &str) {
        self.kew.ask(json("SendMessage", value!({"QueueUrl": queue, "MessageBody": body}).to_string())).ok();
    }

    /// A metric without labels, or with those that are in its name.
    fn metric(&self, name: &str) -> f64 {
        let text = self.kew.ask(get("/metrics?family=kew")).ok().text().to_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}: {text}")).parse().unwrap()
    }
}

/// How many queues each node has, by its id.
fn queues(status: &Value) -> Vec<(String, u64)> {
    let nodes = status["nodes"].as_array().unwrap().iter();
    nodes.map(|node| (node["id"].as_str().unwrap().to_owned(), node["queues"].as_u64().unwrap())).collect()
}

/// The node that has a queue, as the database has it.
fn owner(postgres: &Postgres, database: &str, queue: &str) -> String {
    postgres.sql(database, &format!("SELECT owner FROM kew.queue WHERE name = '{queue}'")).remove(0)
}

#[test]
fn a_queue_is_moved_at_either_node_and_all_queues_of_one_at_that_one() {
    let Some(postgres) = Postgres::start() else { return };
    let database = postgres.database();
    let url = postgres.url(&database);
    let first = Node::start(&url, &["q", "idle"]);
    first.send("q", "one");
    let second = Node::start(&url, &["q", "idle"]);
    let (a, b) = (first.id(), second.id());
    // Each gets its share, and everybody sees it.
    let even = |status: &Value| queues(status).len() == 2 && queues(status).iter().all(|(_, queues)| *queues == 1);
    let status = first.await_status(even);
    assert_eq!((&status["queues"], &status["lease"], &status["draining"]), (&2.into(), &true.into(), &false.into()));
    let mut urls: Vec<_> =
        status["nodes"].as_array().unwrap().iter().map(|node| node["url"].as_str().unwrap()).collect();
    urls.sort_unstable();
    let mut expected = [first.peer.as_str(), &second.peer];
    expected.sort_unstable();
    assert_eq!(urls, expected);
    // What is in use stays: the idle one went.
    assert_eq!((owner(&postgres, &database, "q"), owner(&postgres, &database, "idle")), (a.clone(), b.clone()));

    // Asked of the node that does not have it, and named by its URL.
    let moved = second.cluster(&["move", "q", &second.peer]);
    assert_eq!((&moved["from"], &moved["to"]), (&a.as_str().into(), &b.as_str().into()));
    assert_eq!(owner(&postgres, &database, "q"), b);
    // The other one goes back for it.
    while owner(&postgres, &database, "idle") != a {
        std::thread::yield_now();
    }
    assert_eq!(owner(&postgres, &database, "q"), b);
    first.send("q", "two");
    let received = first.kew.ask(receive(0)).ok().json();
    assert_eq!(received["Messages"].as_array().unwrap().len(), 2, "{received}");
    assert!(first.metric("kew_cluster_forwarded_total{outcome=\"answered\"}") >= 2.0);
    assert_eq!(first.metric("kew_cluster_nodes{state=\"serving\"}"), 2.0);
    assert_eq!(second.metric("kew_cluster_lease"), 1.0);
    assert!(second.metric("kew_cluster_loads_total") >= 2.0 && second.metric("kew_cluster_handovers_total") >= 1.0);

    // Where it is already, nothing is moved; and what is not there is not found.
    assert_eq!(first.cluster(&["move", "q", &b])["from"], b.as_str());
    for (args, error) in
        [(["move", "qq", b.as_str()], "there is no queue `qq`"), (["move", "q", "7"], "there is no node `7`")]
    {
        let (code, answer) = first.cluster_or_not(&args);
        assert_eq!((code, answer["error"].as_str()), (Some(1), Some(error)));
    }

    let drained = second.cluster(&["drain"]);
    assert_eq!((&drained["node"], &drained["left"]), (&b.as_str().into(), &0.into()));
    for queue in ["q", "idle"] {
        assert_eq!(owner(&postgres, &database, queue), a);
    }
    first.await_status(|status| queues(status).contains(&(b.clone(), 0)));
    let (code, answer) = first.cluster_or_not(&["move", "q", &b]);
    assert_eq!(
        (code, answer["error"].as_str()),
        (Some(1), Some(&*format!("node {b} gives all its queues away, and takes none")))
    );
    // It is no place for new clients, and serves those that it has.
    assert_eq!(second.kew.ask(get("/health")).status, 503);
    second.send("q", "three");
    second.kew.stop();
    first.kew.stop();
    assert_eq!(postgres.sql(&database, "SELECT count(*) FROM kew.messages"), ["3"]);
}
