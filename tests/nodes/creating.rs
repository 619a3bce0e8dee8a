//! Queues come and go at any node, and all others know it at once.

use crate::fixture::Nodes;
use crate::server::sql;
use crate::support::json;
use serde_json::json as value;
use std::sync::Barrier;

#[test]
fn one_name_at_two_nodes_at_once_is_one_queue() {
    let Some(nodes) = Nodes::start(3) else { return };
    for round in 0..20 {
        let name = format!("q{round}");
        let request = json("CreateQueue", value!({"QueueName": name}).to_string());
        let together = Barrier::new(3);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let create = |node| {
                let (mut peer, request, together) = (nodes.peer(node), &request, &together);
                scope.spawn(move || {
                    together.wait();
                    peer.ask(request)
                })
            };
            let threads: Vec<_> = (0..3).map(create).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for answer in answers {
            assert_eq!(answer.ok().json()["QueueUrl"], format!("http://door.internal:1234/000000000000/{name}"));
        }
        let rows = sql(&nodes.database, &format!("SELECT count(*) FROM kew.queue WHERE name = '{name}'"));
        assert_eq!(rows, ["1"]);
        // And it is the same one for all.
        nodes.call(0, "SendMessage", &value!({"QueueUrl": name, "MessageBody": "m"}));
        nodes.call(1, "SendMessage", &value!({"QueueUrl": name, "MessageBody": "m"}));
        let members = value!({"QueueUrl": name, "AttributeNames": ["ApproximateNumberOfMessages"]});
        assert_eq!(nodes.call(2, "GetQueueAttributes", &members)["Attributes"]["ApproximateNumberOfMessages"], "2");
    }
}

#[test]
fn what_was_created_elsewhere_is_listed_and_found_right_after() {
    let Some(nodes) = Nodes::start(3) else { return };
    let mut names = Vec::new();
    for index in 0..12 {
        let name = format!("q{index:02}");
        nodes.call(index % 3, "CreateQueue", &value!({"QueueName": name}));
        names.push(format!("http://door.internal:1234/000000000000/{name}"));
        for node in 0..3 {
            assert_eq!(nodes.call(node, "ListQueues", &value!({}))["QueueUrls"], value!(names), "at {node}");
            nodes.call(node, "GetQueueUrl", &value!({"QueueName": name}));
        }
    }
}

#[test]
fn what_was_deleted_elsewhere_is_gone_right_after_and_can_be_created_again() {
    let Some(nodes) = Nodes::start(3) else { return };
    for round in 0..6 {
        let [creates, deletes, looks] = [round % 3, (round + 1) % 3, (round + 2) % 3];
        nodes.call(creates, "CreateQueue", &value!({"QueueName": "q"}));
        nodes.call(looks, "SendMessage", &value!({"QueueUrl": "q", "MessageBody": "m"}));
        nodes.call(deletes, "DeleteQueue", &value!({"QueueUrl": "q"}));
        assert_eq!(nodes.call(looks, "ListQueues", &value!({})), value!({}), "{round}");
        let answer = nodes.ask(looks, json("SendMessage", value!({"QueueUrl": "q", "MessageBody": "m"}).to_string()));
        answer.json_error(400, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue");
    }
}

#[test]
fn what_was_given_away_and_deleted_there_is_gone_where_it_was() {
    let Some(nodes) = Nodes::start(2) else { return };
    // Each time in the moment before a look that is due makes no difference.
    for round in 0..4 {
        nodes.call(0, "CreateQueue", &value!({"QueueName": "q"}));
        let (from, to) = (nodes.owner("q"), 1 - nodes.owner("q"));
        nodes.give("q", to);
        nodes.call(to, "DeleteQueue", &value!({"QueueUrl": "q"}));
        assert_eq!(nodes.call(from, "ListQueues", &value!({})), value!({}), "{round}");
    }
}

#[test]
fn a_dead_letter_queue_may_be_at_another_node() {
    let Some(nodes) = Nodes::start(2) else { return };
    nodes.call(0, "CreateQueue", &value!({"QueueName": "dead"}));
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}"#;
    let attributes = value!({"RedrivePolicy": policy, "VisibilityTimeout": "0"});
    nodes.call(1, "CreateQueue", &value!({"QueueName": "q", "Attributes": attributes}));
    assert_ne!(nodes.owner("q"), nodes.owner("dead"));
    for node in 0..2 {
        let sources = nodes.call(node, "ListDeadLetterSourceQueues", &value!({"QueueUrl": "dead"}));
        assert_eq!(sources["queueUrls"], value!(["http://door.internal:1234/000000000000/q"]), "at {node}");
        nodes.call(node, "SendMessage", &value!({"QueueUrl": "q", "MessageBody": format!("by {node}")}));
        nodes.call(node, "ReceiveMessage", &value!({"QueueUrl": "q"}));
        // The next one finds that it was received once, and it goes to the other queue.
        assert_eq!(nodes.call(1 - node, "ReceiveMessage", &value!({"QueueUrl": "q"})), value!({}));
        let dead = value!({"QueueUrl": "dead", "WaitTimeSeconds": 20, "VisibilityTimeout": 100});
        let received = nodes.call(node, "ReceiveMessage", &dead);
        assert_eq!(received["Messages"][0]["Body"], format!("by {node}"));
    }
}
