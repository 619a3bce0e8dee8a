//! Messages that pass from one queue to another, while several worker threads serve requests: the order of a group holds, and
//! none is lost or comes twice.

use crate::fixture::*;
use std::time::{Duration, Instant};

/// Worker threads of the servers here.
const THREADS: [usize; 3] = [2, 4, 8];
/// Messages of the one group.
const MESSAGES: usize = 800;
/// A test that waits longer for a move task has failed.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// `source.fifo` with its dead-letter queue `dead.fifo`, and `other.fifo`.
async fn chain(threads: usize) -> Kew {
    chain_of(Kew::with(kew::Server::builder().threads(threads))).await
}

async fn chain_of(kew: Kew) -> Kew {
    kew.create("dead.fifo", &[]).await;
    kew.create("source.fifo", &[("RedrivePolicy", &kew.redrive("dead.fifo", 1))]).await;
    kew.create("other.fifo", &[]).await;
    kew
}

/// The bodies of so many messages: `0`, `1` and so on.
fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// What came is what was sent: in order, all of it, and each once.
#[track_caller]
fn same(found: &[Message], sent: &[String], context: &str) {
    let found = bodies(found);
    let number = |body: &str| body.parse::<usize>().expect("a number");
    let late: Vec<_> = found.windows(2).filter(|two| number(two[0]) > number(two[1])).collect();
    assert!(late.is_empty(), "{context}: {} inversions: {late:?}", late.len());
    assert_eq!(found, sent, "{context}: lost, or twice");
}

/// Returns the newest move task of a source once it has ended.
fn ended_task(kew: &Kew, source: &str) -> Value {
    let give_up = Instant::now() + TIME_LIMIT;
    let list = json!({"SourceArn": kew.arn(source)});
    loop {
        let answer = kew.json("ListMessageMoveTasks", &list).ok().json();
        let task = &answer["Results"][0];
        if task["Status"] != "RUNNING" && task["Status"] != "CANCELLING" {
            return task.clone();
        }
        assert!(Instant::now() < give_up, "the task does not end: {task}");
    }
}

/// How many messages of a queue are visible.
fn visible(kew: &Kew, queue: &str) -> usize {
    let request = json!({"QueueUrl": queue, "AttributeNames": ["ApproximateNumberOfMessages"]});
    let answer = kew.json("GetQueueAttributes", &request).ok().json();
    answer["Attributes"]["ApproximateNumberOfMessages"].as_str().and_then(|n| n.parse().ok()).expect("a number")
}

#[tokio::test]
async fn a_move_task_keeps_the_order_of_a_group_while_other_requests_come_in() {
    for threads in THREADS {
        let kew = chain(threads).await;
        let sent = numbered(MESSAGES);
        kew.fill("dead.fifo", "g", &sent).await;
        let task = {
            let _others = kew.repeatedly(8, "ListQueues", &json!({}));
            let move_to_other = json!({"SourceArn": kew.arn("dead.fifo"), "DestinationArn": kew.arn("other.fifo")});
            kew.json("StartMessageMoveTask", &move_to_other).ok();
            ended_task(&kew, "dead.fifo")
        };
        assert_eq!(
            (&task["Status"], &task["ApproximateNumberOfMessagesMoved"]),
            (&json!("COMPLETED"), &json!(MESSAGES))
        );
        same(&kew.drain("other.fifo").await, &sent, &format!("{threads} threads"));
        assert_eq!(kew.counts("dead.fifo").await, [0, 0, 0]);
    }
}

#[tokio::test]
async fn dead_letters_keep_the_order_of_a_group_when_several_connections_receive() {
    for threads in THREADS {
        let kew = chain(threads).await;
        let sent = numbered(MESSAGES);
        kew.fill("source.fifo", "g", &sent).await;
        {
            let in_vain = json!({"QueueUrl": "source.fifo", "VisibilityTimeout": 0});
            let _receivers = kew.repeatedly(8, "ReceiveMessage", &in_vain);
            let give_up = Instant::now() + TIME_LIMIT;
            while visible(&kew, "dead.fifo") < sent.len() {
                assert!(Instant::now() < give_up, "{} of {} are dead", visible(&kew, "dead.fifo"), sent.len());
            }
        }
        same(&kew.drain("dead.fifo").await, &sent, &format!("{threads} threads"));
        assert_eq!(kew.counts("source.fifo").await, [0, 0, 0]);
    }
}

/// What is not dead when the dead-letter queue is deleted under its hands stays in the source, in order.
/// From a dead-letter queue of another node they come back to the end of the source.
#[tokio::test]
async fn order_holds_in_the_source_when_the_dead_letter_queue_goes_away() {
    for threads in THREADS {
        // Nothing is left where all die before the queue is deleted, which is up to the system's scheduler.
        let something_was_left = async || {
            let kew = chain_of(Kew::alone(kew::Server::builder().threads(threads))).await;
            let sent = numbered(800);
            kew.fill("source.fifo", "g", &sent).await;
            {
                let in_vain = json!({"QueueUrl": "source.fifo", "VisibilityTimeout": 0});
                let _receivers = kew.repeatedly(8, "ReceiveMessage", &in_vain);
                let give_up = Instant::now() + TIME_LIMIT;
                while visible(&kew, "dead.fifo") < 10 {
                    assert!(Instant::now() < give_up, "no dead letters");
                }
                kew.json("DeleteQueue", &json!({"QueueUrl": "dead.fifo"})).ok();
            }
            let left = kew.drain("source.fifo").await;
            same(&left, &sent[sent.len() - left.len()..], &format!("{threads} threads"));
            !left.is_empty()
        };
        let mut tries = 0;
        while !something_was_left().await {
            tries += 1;
            assert!(tries < 20, "all were dead before the queue was deleted, {tries} times");
        }
    }
}

/// Four dead-letter queues, each with one task after the other. As soon as a task is listed as ended the next messages come
/// into its source, and stay there until the next task.
#[tokio::test]
async fn a_task_that_has_ended_moves_nothing_more() {
    const TASKS: u64 = 60;
    let kew = Kew::with(kew::Server::builder().threads(8));
    let lanes: Vec<[String; 3]> =
        (0..4).map(|n| ["source", "dead", "other"].map(|name| format!("{name}-{n}"))).collect();
    for [source, dead, other] in &lanes {
        kew.create(dead, &[]).await;
        kew.create(source, &[("RedrivePolicy", &kew.redrive(dead, 1))]).await;
        kew.create(other, &[]).await;
    }
    let entries: Vec<Value> = (0..10).map(|n| json!({"Id": n.to_string(), "MessageBody": "x"})).collect();
    let lane = |[_, dead, other]: &[String; 3]| {
        let ten = json!({"QueueUrl": dead, "Entries": entries});
        kew.json("SendMessageBatch", &ten).ok();
        for number in 0..TASKS {
            let members = json!({"SourceArn": kew.arn(dead), "DestinationArn": kew.arn(other)});
            kew.json("StartMessageMoveTask", &members).ok();
            let task = ended_task(&kew, dead);
            assert_eq!(task["ApproximateNumberOfMessagesMoved"], 10, "task {number} of {dead}");
            kew.json("SendMessageBatch", &ten).ok();
            assert_eq!(visible(&kew, dead), 10, "{dead} after task {number}, which has ended");
        }
    };
    {
        let _others = kew.repeatedly(4, "ListQueues", &json!({}));
        std::thread::scope(|scope| lanes.iter().for_each(|queues| drop(scope.spawn(|| lane(queues)))));
    }
    for [_, dead, other] in &lanes {
        assert_eq!((visible(&kew, dead), visible(&kew, other)), (10, 10 * TASKS as usize));
    }
}

#[tokio::test]
async fn a_cancelled_task_moves_nothing_more_however_many_threads_serve() {
    for threads in THREADS {
        let kew = chain(threads).await;
        let sent = numbered(MESSAGES);
        kew.fill("dead.fifo", "g", &sent).await;
        let _others = kew.repeatedly(8, "ListQueues", &json!({}));
        let members = json!({"SourceArn": kew.arn("dead.fifo"), "DestinationArn": kew.arn("other.fifo")});
        loop {
            let started = kew.json("StartMessageMoveTask", &members).ok().json();
            let cancelled = kew.json("CancelMessageMoveTask", &json!({"TaskHandle": started["TaskHandle"]}));
            let task = ended_task(&kew, "dead.fifo");
            let before = (visible(&kew, "dead.fifo"), visible(&kew, "other.fifo"));
            assert_eq!(before.0 + before.1, sent.len(), "between the queues after the end of {task}");
            (0..20).for_each(|_| assert_eq!((visible(&kew, "dead.fifo"), visible(&kew, "other.fifo")), before));
            if cancelled.status != 200 {
                let failure = cancelled.json_failure();
                assert_eq!(failure.message, "Only active tasks can be cancelled.");
            }
            if before.0 == 0 {
                break;
            }
        }
        same(&kew.drain("other.fifo").await, &sent, &format!("{threads} threads"));
    }
}
