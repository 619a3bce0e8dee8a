//! `/_kew/cluster`: the nodes of which this server is one, queues that are given from one to another by hand, and a node that gives all
//! of its own away.

use super::{Answering, Endpoint};
use crate::broker::Queue;
use crate::cluster::{Cluster, NodeId, NodeLook, Peer};
use crate::control::call::{Call, Method, Refusal, Reply, nearest, shortened};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint { method: Method::Get, path: "/cluster", summary: "The nodes, of which this is one", handler: status },
    Endpoint {
        method: Method::Post,
        path: "/cluster/move",
        summary: "Gives a queue to a node: ?queue=orders&node=10.0.0.12",
        handler: move_queue,
    },
    Endpoint {
        method: Method::Post,
        path: "/cluster/drain",
        summary: "This node gives all its queues to the others, and takes no new ones",
        handler: drain,
    },
];

/// An endpoint without members takes none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    queue: String,
    node: Named,
}

/// An id is a number in a query string.
#[derive(Deserialize)]
#[serde(untagged, expecting = "`node` is an id, a URL or a host")]
enum Named {
    Id(u64),
    Text(String),
}

/// The node that is asked.
///
/// # Errors
/// 409 if it is none.
fn cluster<'a>(call: &Call<'a>) -> Result<&'a Arc<Cluster>, Refusal> {
    let found = call.control.cluster().filter(|_| call.space.name.is_empty());
    found.ok_or_else(|| match call.space.name.is_empty() {
        true => Refusal::new(
            409,
            "this kew is not one of several nodes",
            "start it with --data postgres://..., --peer and --cluster-secret",
        ),
        false => Refusal::new(409, "a namespace is of this kew alone", "leave out /ns/NAME"),
    })
}

fn status(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let cluster = cluster(&call)?;
        let nodes = cluster.nodes();
        let queues: u64 = nodes.iter().map(|node| node.queues).sum();
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counts = &cluster.counts;
        let (fences, loads) = (of(&counts.fences), of(&counts.loads));
        let (handovers, taken) = (of(&counts.handovers), of(&counts.taken));
        let (me, waiting) = (cluster.id().0, cluster.waiting());
        let mut text = table(&nodes);
        let lease = if cluster.has_lease() { "may answer" } else { "may NOT answer: it does not reach the database" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "\n{} with {}; asked {me}, which {lease}; {} for queues",
            counted(nodes.len() as u64, "node"),
            counted(queues, "queue"),
            if waiting == 1 { "1 request waits".to_owned() } else { format!("{waiting} requests wait") },
        );
        let _ = writeln!(
            text,
            "since its start: {} declared gone, {} loaded, {handovers} given away, {} taken from other nodes",
            counted(fences, "node"),
            counted(loads, "queue"),
            counted(taken, "message"),
        );
        // Ids as texts: many readers of JSON round numbers of 63 bits.
        let status = json!({
            "node": me.to_string(),
            "lease": cluster.has_lease(),
            "draining": cluster.is_draining(),
            "waiting": waiting,
            "queues": queues,
            "nodes": nodes.iter().map(|node| described(node, me)).collect::<Vec<_>>(),
            "counts": {"fences": fences, "loads": loads, "handovers": handovers, "taken": taken},
        });
        Ok(Reply::json(status).with_text(text))
    })
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn described(node: &NodeLook, me: i64) -> Value {
    json!({
        "id": node.id.0.to_string(),
        "name": node.name,
        "url": node.url,
        "state": node.state,
        "version": node.version,
        "queues": node.queues,
        "answers": node.id.0 == me,
    })
}

/// The nodes for people.
fn table(nodes: &[NodeLook]) -> String {
    let width = nodes.iter().map(|node| node.url.len()).max().unwrap_or(0).max(3);
    let mut text =
        format!("{:<19}  {:<width$}  {:<8}  {:>6}  {:<7}  name\n", "node", "url", "state", "queues", "version");
    for NodeLook { id, name, url, state, version, queues } in nodes {
        let _ = writeln!(text, "{:<19}  {url:<width$}  {state:<8}  {queues:>6}  {version:<7}  {name}", id.0);
    }
    text
}

fn move_queue(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Move { queue, node } = call.input()?;
        let cluster = cluster(&call)?;
        let queue = call.space.queue_of_any_node(&queue).ok_or_else(|| no_queue(&call, &queue))?;
        let nodes = cluster.nodes();
        let to = match node {
            Named::Id(id) => node_named(&nodes, &id.to_string())?,
            Named::Text(name) => node_named(&nodes, &name)?,
        };
        let from = queue.elsewhere().unwrap_or(cluster.id().0);
        if from != to.id.0 {
            if to.state != "serving" {
                let error = format!("node {} gives all its queues away, and takes none", to.id.0);
                return Err(Refusal::new(409, error, "name one that serves: GET /_kew/cluster tells of all"));
            }
            give(cluster, &nodes, &queue, to.id).await?;
        }
        let text = format!("{} is at node {} now, was at {from}\n", queue.name, to.id.0);
        let moved = json!({"queue": &*queue.name, "from": from.to_string(), "to": to.id.0.to_string()});
        Ok(Reply::json(moved).with_text(text))
    })
}

/// Gives a queue to a node, by way of the node that has it.
///
/// # Errors
/// 409 if that cannot be now.
async fn give(cluster: &Cluster, nodes: &[NodeLook], queue: &Queue, to: NodeId) -> Result<(), Refusal> {
    let cannot = |why: &str| Refusal::new(409, format!("`{}` cannot be given away: {why}", queue.name), "");
    let Some(owner) = queue.elsewhere() else {
        return cluster.give(queue.uid, to).await.map_err(|why| cannot(&why));
    };
    if owner == cluster.id().0 {
        return Err(cannot("it is on its way here; try again"));
    }
    let owner = nodes.iter().find(|node| node.id.0 == owner);
    let owner = owner.ok_or_else(|| cannot("its node is gone, and others take it over; try again"))?;
    let owner = Peer { id: owner.id, url: owner.url.as_str().into() };
    cluster.link().give(&owner, queue.uid, to).await.map_err(|why| cannot(&why))
}

/// The node that is meant by an id, a URL, its host and port, or its host.
///
/// # Errors
/// 404, or 400 if it may be several.
fn node_named<'a>(nodes: &'a [NodeLook], named: &str) -> Result<&'a NodeLook, Refusal> {
    let wanted = named.trim_end_matches('/').trim_start_matches("http://");
    let is_meant = |node: &&NodeLook| {
        let place = node.url.trim_end_matches('/').trim_start_matches("http://");
        let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
        [node.id.0.to_string().as_str(), place, host, host.trim_matches(['[', ']'])].contains(&wanted)
    };
    let found: Vec<&NodeLook> = nodes.iter().filter(is_meant).collect();
    match *found {
        [node] => Ok(node),
        [] => {
            let known: Vec<&str> = nodes.iter().map(|node| node.url.as_str()).collect();
            let hint = match nearest(named, known.iter().copied()) {
                Some(url) => format!("did you mean {url}?"),
                None => format!("there are {}", known.join(", ")),
            };
            Err(Refusal::new(404, format!("there is no node `{}`", shortened(named)), hint))
        }
        _ => {
            let ids: Vec<String> = found.iter().map(|node| node.id.0.to_string()).collect();
            let error = format!("`{}` may be each of {} nodes", shortened(named), found.len());
            Err(Refusal::new(400, error, format!("name one by its id: {}", ids.join(", "))))
        }
    }
}

/// 404 for a queue that no node has.
fn no_queue(call: &Call<'_>, name: &str) -> Refusal {
    let queues = call.space.broker().namespace().everywhere();
    let hint = nearest(name, queues.iter().map(|queue| &*queue.name));
    let hint = hint.map(|other| format!("did you mean `{other}`?")).unwrap_or_default();
    Refusal::new(404, format!("there is no queue `{}`", shortened(name)), hint)
}

fn drain(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let cluster = cluster(&call)?;
        cluster.drain().await;
        let left = call.space.broker().namespace().all().len();
        let text = match left {
            0 => "this node has no queues any more; stop it, or start it anew to have it take some again\n".to_owned(),
            _ => format!("{} could not be given away\n", counted(left as u64, "queue")),
        };
        Ok(Reply::json(json!({"node": cluster.id().0.to_string(), "left": left})).with_text(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: i64, url: &str) -> NodeLook {
        let (name, version) = (format!("kew {id}"), "0.1.0".to_owned());
        NodeLook { id: NodeId(id), name, url: url.to_owned(), state: "serving", version, queues: id.cast_unsigned() }
    }

    #[test]
    fn a_node_is_named_by_its_id_its_url_or_its_host() {
        let nodes = [node(7, "http://10.0.0.1:9325"), node(8, "http://[::1]:9325"), node(9, "http://[::1]:9326")];
        for (named, id) in [
            ("7", 7),
            ("http://10.0.0.1:9325", 7),
            ("http://10.0.0.1:9325/", 7),
            ("10.0.0.1:9325", 7),
            ("10.0.0.1", 7),
            ("[::1]:9326", 9),
        ] {
            assert_eq!(node_named(&nodes, named).unwrap().id, NodeId(id), "{named}");
        }
        for (named, status, hint) in [
            ("::1", 400, "name one by its id: 8, 9"),
            ("http://10.0.0.2:9325", 404, "did you mean http://10.0.0.1:9325?"),
            ("6", 404, "there are http://10.0.0.1:9325, http://[::1]:9325, http://[::1]:9326"),
            ("", 404, "there are http://10.0.0.1:9325, http://[::1]:9325, http://[::1]:9326"),
        ] {
            let refusal = node_named(&nodes, named).unwrap_err();
            assert_eq!((refusal.status, refusal.hint.as_str()), (status, hint), "{named}");
        }
    }

    #[test]
    fn the_nodes_are_a_table() {
        let text = table(&[node(1, "http://kew1:9325"), node(i64::MAX, "http://10.0.0.1:9325")]);
        let expected = "\
node                 url                   state     queues  version  name
1                    http://kew1:9325      serving        1  0.1.0    kew 1
9223372036854775807  http://10.0.0.1:9325  serving   9223372036854775807  0.1.0    kew 9223372036854775807
";
        assert_eq!(text, expected);
    }
}
