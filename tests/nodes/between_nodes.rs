//! The port for the other nodes: what is said there without the right token is not heard, and what nodes say to each other means
//! nothing at the port for clients.

use crate::fixture::{Nodes, SECRET, runtime};
use crate::server::sql;
use crate::support::{AMZ_JSON, Peer as Socket, get, json, json_with, request};
use bytes::Bytes;
use hyper::{Request, Response};
use kew::internals::clock::NetworkTime;
use kew::internals::cluster::{Forwarded, Link, LinkError, NodeId, Peer};
use serde_json::json as value;
use std::sync::atomic::AtomicBool;

/// A node that has not joined, and knows the secret.
const STRANGER: NodeId = NodeId(5);

/// A node as the others know it.
fn known(nodes: &Nodes, node: usize) -> Peer {
    let url = format!("http://{}", nodes.peers[node]);
    let id = sql(&nodes.database, &format!("SELECT id FROM kew.node WHERE peer_url = '{url}'")).pop().unwrap();
    Peer { id: NodeId(id.parse().unwrap()), url: url.into() }
}

fn count(nodes: &Nodes) -> String {
    let members = value!({"QueueUrl": "q", "AttributeNames": ["ApproximateNumberOfMessages"]});
    let told = nodes.call(0, "GetQueueAttributes", &members);
    told["Attributes"]["ApproximateNumberOfMessages"].as_str().unwrap().to_owned()
}

const SEND: &str = r#"{"QueueUrl": "q", "MessageBody": "m"}"#;

/// Has a node carry out a request, as another node would.
fn forward(link: &Link, to: &Peer, action: &str, body: &str) -> Result<Response<Bytes>, LinkError> {
    let request = Request::post("/")
        .header("host", "door.internal")
        .header("content-type", AMZ_JSON)
        .header("x-amz-target", format!("AmazonSQS.{action}"))
        .body(());
    let (parts, body) = (request.unwrap().into_parts().0, Bytes::copy_from_slice(body.as_bytes()));
    let client = Some("192.0.2.1:4000".parse().unwrap());
    let leaves = AtomicBool::new(false);
    let request =
        Forwarded { parts: &parts, body: &body, client, port: 4566, secure: true, waited_ms: 0, leaves: &leaves };
    runtime().block_on(link.forward(to, request))
}

#[test]
fn nothing_is_carried_out_without_the_right_token() {
    let Some(nodes) = Nodes::start(2) else { return };
    nodes.call(0, "CreateQueue", &value!({"QueueName": "q"}));
    let owner = nodes.owner("q");
    let peer = known(&nodes, owner);
    let wrong = Link::new(STRANGER, "0123456789abcdeg", NetworkTime::real());
    let token = "0".repeat(64);
    for headers in [
        vec![],
        vec![("kew-from", "5")],
        vec![("kew-token", &*token)],
        vec![("kew-from", "5"), ("kew-token", &*token)],
        vec![("kew-from", "five"), ("kew-token", &*token)],
    ] {
        for request in [
            json_with("SendMessage", &headers, SEND),
            request("POST", "/_kew/peer/look", &headers, ""),
            request("GET", "/health", &headers, ""),
            request("GET", "/_kew", &headers, ""),
        ] {
            let mut socket = Socket::at(nodes.peers[owner]);
            let answer = socket.ask(&request);
            assert_eq!((answer.status, answer.body.len()), (403, 0), "{answer:?}");
        }
    }
    // Another life of the node would have another token.
    assert_eq!(forward(&wrong, &peer, "SendMessage", SEND).unwrap_err(), LinkError::Refused);
    let other_life = Peer { id: NodeId(peer.id.0 ^ 1), ..peer.clone() };
    let link = Link::new(STRANGER, SECRET, NetworkTime::real());
    assert_eq!(forward(&link, &other_life, "SendMessage", SEND).unwrap_err(), LinkError::Refused);
    assert_eq!(runtime().block_on(link.look(&other_life)).unwrap_err(), LinkError::Refused);
    assert_eq!(count(&nodes), "0");
    let answer = forward(&link, &peer, "SendMessage", SEND).unwrap();
    assert_eq!((answer.status().as_u16(), count(&nodes).as_str()), (200, "1"));
    runtime().block_on(link.look(&peer)).unwrap();
}

#[test]
fn a_node_that_has_not_got_the_queue_says_so_and_does_not_ask_on() {
    let Some(nodes) = Nodes::start(2) else { return };
    nodes.call(0, "CreateQueue", &value!({"QueueName": "q"}));
    let other = known(&nodes, 1 - nodes.owner("q"));
    let link = Link::new(STRANGER, SECRET, NetworkTime::real());
    for (action, body) in [("SendMessage", SEND), ("DeleteQueue", r#"{"QueueUrl": "q"}"#)] {
        assert_eq!(forward(&link, &other, action, body).unwrap_err(), LinkError::NotThere);
    }
    assert_eq!(count(&nodes), "0");
    // That there is no such queue is for anybody to say.
    let answer = forward(&link, &other, "SendMessage", r#"{"QueueUrl": "missing", "MessageBody": "m"}"#).unwrap();
    assert_eq!(answer.status().as_u16(), 400);
    assert_eq!(answer.headers()["kew-outcome"], "QueueDoesNotExist");
}

#[test]
fn a_request_that_was_sent_on_is_that_of_its_client() {
    let Some(nodes) = Nodes::start(2) else { return };
    nodes.call(0, "CreateQueue", &value!({"QueueName": "q"}));
    let peer = known(&nodes, nodes.owner("q"));
    let link = Link::new(STRANGER, SECRET, NetworkTime::real());
    let answer = forward(&link, &peer, "GetQueueUrl", r#"{"QueueName": "q"}"#).unwrap();
    let told: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(told["QueueUrl"], "https://door.internal:4566/000000000000/q");
}

#[test]
fn clients_cannot_say_what_nodes_say() {
    let Some(nodes) = Nodes::start(1) else { return };
    let said = [("kew-from", "5"), ("kew-port", "1"), ("kew-secure", "1"), ("kew-waited-ms", "20000")];
    let answer = nodes.ask(0, json_with("CreateQueue", &said, r#"{"QueueName": "q"}"#)).ok();
    assert_eq!(answer.json()["QueueUrl"], "http://door.internal:1234/000000000000/q");
    assert_eq!(answer.header("kew-outcome"), None);
    let missing = nodes.ask(0, json_with("SendMessage", &said, r#"{"QueueUrl": "missing", "MessageBody": "m"}"#));
    assert_eq!((missing.status, missing.header("kew-outcome")), (400, None));
    // It waits as long as it says.
    let mut waiting = nodes.peer(0);
    waiting.send(json_with("ReceiveMessage", &said, r#"{"QueueUrl": "q", "WaitTimeSeconds": 20}"#));
    nodes.wait_for_parked("q", 1);
    nodes.ask(0, json("SendMessage", SEND)).ok();
    assert_eq!(waiting.answer().ok().json()["Messages"][0]["Body"], "m");
    let look = nodes.ask(0, request("POST", "/_kew/peer/look", &[], ""));
    assert_eq!(look.status, 404, "{look:?}");
    assert_eq!(nodes.ask(0, get("/health")).status, 200);
}
