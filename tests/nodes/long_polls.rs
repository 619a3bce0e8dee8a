//! A ReceiveMessage that waits at another node than the one that its client talks to.

use crate::fixture::{Nodes, runtime};
use crate::support::{receive, received, send};
use serde_json::json as value;

fn nodes_with_queue(count: usize) -> Option<(Nodes, usize)> {
    let nodes = Nodes::start(count)?;
    nodes.call(0, "CreateQueue", &value!({"QueueName": "q"}));
    let owner = nodes.owner("q");
    Some((nodes, owner))
}

#[test]
fn it_is_answered_by_what_is_sent_at_any_node() {
    let Some((nodes, _)) = nodes_with_queue(3) else { return };
    for waits in 0..3 {
        for sends in 0..3 {
            let mut waiting = nodes.peer(waits);
            waiting.send(receive(20));
            nodes.wait_for_parked("q", 1);
            let body = format!("to {waits} by {sends}");
            nodes.ask(sends, send(&body)).ok();
            assert_eq!(received(&waiting.answer()), [(body, "1".to_owned())]);
        }
    }
}

#[test]
fn it_leaves_the_line_with_its_client() {
    let Some((nodes, owner)) = nodes_with_queue(2) else { return };
    for node in [1 - owner, owner] {
        let mut waiting = nodes.peer(node);
        waiting.send(receive(20));
        nodes.wait_for_parked("q", 1);
        drop(waiting);
        nodes.wait_for_parked("q", 0);
        nodes.ask(node, send("m")).ok();
        assert_eq!(received(&nodes.ask(node, receive(0))), [("m".to_owned(), "1".to_owned())]);
    }
}

#[test]
fn what_was_handed_to_a_client_that_has_gone_goes_to_the_next_as_if_never_received() {
    let Some((nodes, owner)) = nodes_with_queue(2) else { return };
    // No message of an earlier round comes again.
    let timeout = value!({"QueueUrl": "q", "Attributes": {"VisibilityTimeout": "43200"}});
    nodes.call(0, "SetQueueAttributes", &timeout);
    for round in 0..50 {
        let mut waiting = nodes.peer(1 - owner);
        waiting.send(receive(20));
        nodes.wait_for_parked("q", 1);
        // The message overtakes the news, which has one node more to go to, or meets it somewhere on its way.
        drop(waiting);
        let body = round.to_string();
        nodes.ask(owner, send(&body)).ok();
        assert_eq!(received(&nodes.ask(round % 2, receive(20))), [(body, "1".to_owned())]);
    }
}

#[test]
fn it_is_answered_with_nothing_when_the_node_stops_that_its_client_talks_to() {
    let Some((mut nodes, owner)) = nodes_with_queue(2) else { return };
    let mut waiting = nodes.peer(1 - owner);
    waiting.send(receive(20));
    nodes.wait_for_parked("q", 1);
    nodes.servers[1 - owner].take().unwrap().shutdown_blocking();
    assert_eq!(received(&waiting.answer()), []);
    nodes.wait_for_parked("q", 0);
}

#[test]
fn it_waits_no_longer_than_it_said() {
    let Some((nodes, owner)) = nodes_with_queue(2) else { return };
    assert_eq!(received(&nodes.ask(1 - owner, receive(1))), []);
    nodes.wait_for_parked("q", 0);
}

#[test]
fn it_goes_on_where_the_queue_goes() {
    let Some((mut nodes, owner)) = nodes_with_queue(3) else { return };
    let [front, heir] = if owner == 0 { [1, 2] } else { [0, 3 - owner] };
    let mut waiting = nodes.peer(front);
    waiting.send(receive(20));
    nodes.wait_for_parked("q", 1);
    // In order, as a process ends that is told to: it gives its queues away.
    let stops = nodes.servers[owner].take().unwrap();
    runtime().block_on(stops.drain());
    nodes.wait_for_parked("q", 1);
    stops.shutdown_blocking();
    nodes.ask(heir, send("m")).ok();
    assert_eq!(received(&waiting.answer()), [("m".to_owned(), "1".to_owned())]);
}

#[test]
fn it_goes_on_when_the_node_of_the_queue_is_lost() {
    let Some((mut nodes, owner)) = nodes_with_queue(3) else { return };
    let [front, heir] = if owner == 0 { [1, 2] } else { [0, 3 - owner] };
    nodes.ask(front, send("before")).ok();
    assert_eq!(received(&nodes.ask(front, receive(0))), [("before".to_owned(), "1".to_owned())]);
    let mut waiting = nodes.peer(front);
    waiting.send(receive(20));
    nodes.wait_for_parked("q", 1);
    // At once, and without a word to anybody.
    drop(nodes.servers[owner].take());
    nodes.wait_for_parked("q", 1);
    nodes.ask(heir, send("after")).ok();
    assert_eq!(received(&waiting.answer()), [("after".to_owned(), "1".to_owned())]);
}
