//! What each metric is after something has happened, on a clock that the test turns.

use crate::fixture::Kew;
use crate::reading::Metrics;
use kew::{QueueConfig, Server, ServerBuilder};
use serde_json::{Value, json};
use std::time::Duration;

/// A server whose clock only the test turns; it begins a minute.
fn kew() -> Kew {
    with(Server::builder().queue(QueueConfig::new("orders").dead_letter("dead", 2)))
}

fn with(builder: ServerBuilder) -> Kew {
    Kew::with(builder.manual_clock())
}

fn advance(kew: &Kew, seconds: u64) {
    kew.server.advance(Duration::from_secs(seconds));
}

fn delete(kew: &Kew, queue: &str, message: &Value) {
    let handle = &message["ReceiptHandle"];
    let (status, answer) = kew.sqs("DeleteMessage", json!({"QueueUrl": queue, "ReceiptHandle": handle}));
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn messages_are_counted_by_state() {
    let kew = kew();
    for body in ["a", "b", "c"] {
        kew.send("orders", body);
    }
    kew.sqs("SendMessage", json!({"QueueUrl": "orders", "MessageBody": "d", "DelaySeconds": 60}));
    kew.sqs("ReceiveMessage", json!({"QueueUrl": "orders"}));
    let metrics = Metrics::of(&kew);
    for (state, name, count) in
        [("visible", "visible", 2.0), ("in_flight", "not_visible", 1.0), ("delayed", "delayed", 1.0)]
    {
        for statistic in ["average", "maximum", "sum"] {
            let name = format!("aws_sqs_approximate_number_of_messages_{name}_{statistic}");
            assert_eq!(metrics.orders(&name), count, "{name}");
            let quiet = name.replace(statistic, &format!("in_quiet_groups_{statistic}"));
            assert_eq!(metrics.orders(&quiet), count, "{quiet}");
        }
        let labels = [("queue_name", "orders"), ("state", state)];
        assert_eq!(metrics.one("kew_messages", &labels), count, "{state}");
        assert_eq!(metrics.one("kew_quiet_messages", &labels), count, "{state}");
    }
    // Time goes on without a request to the queue.
    advance(&kew, 60);
    assert_eq!(Metrics::of(&kew).orders("aws_sqs_approximate_number_of_messages_visible_average"), 4.0);
}

#[test]
fn flows_are_summed_up_over_the_last_complete_period() {
    let kew = kew();
    kew.send("orders", "four");
    let (status, _) = kew.sqs("SendMessage", json!({"QueueUrl": "orders", "MessageBody": "x".repeat(2000)}));
    assert_eq!(status, 200);
    let message = kew.receive("orders").remove(0);
    delete(&kew, "orders", &message);
    delete(&kew, "orders", &message);
    kew.receive("dead");
    let names = ["sent", "received", "deleted"].map(|name| format!("aws_sqs_number_of_messages_{name}_sum"));
    let sums = |metrics: &Metrics| names.clone().map(|name| metrics.orders(&name));
    assert_eq!(sums(&Metrics::of(&kew)), [0.0; 3], "the minute is not over");
    advance(&kew, 60);
    let metrics = Metrics::of(&kew);
    assert_eq!(sums(&metrics), [2.0, 2.0, 2.0], "a repeated deletion counts");
    assert_eq!(metrics.one("aws_sqs_number_of_empty_receives_sum", &[("queue_name", "dead")]), 1.0);
    let size = |statistic: &str| metrics.orders(&format!("aws_sqs_sent_message_size_{statistic}"));
    assert_eq!([size("sum"), size("sample_count"), size("average"), size("maximum")], [2004.0, 2.0, 1002.0, 2000.0]);
    advance(&kew, 60);
    let metrics = Metrics::of(&kew);
    assert_eq!(sums(&metrics), [0.0; 3], "the minute before was a quiet one");
    assert!(metrics.all("aws_sqs_sent_message_size_average", &[("queue_name", "orders")]).is_empty());
    assert_eq!(metrics.orders("kew_messages_sent_total"), 2.0);
    assert_eq!(metrics.orders("kew_messages_deleted_total"), 2.0);
    assert_eq!(metrics.one("kew_empty_receives_total", &[("queue_name", "dead")]), 1.0);
    let bucket = |le: &str| metrics.one("kew_sent_message_bytes_bucket", &[("queue_name", "orders"), ("le", le)]);
    assert_eq!([bucket("1024.0"), bucket("4096.0"), bucket("+Inf")], [1.0, 2.0, 2.0]);
}

#[test]
fn another_period_can_be_set() {
    let kew = with(Server::builder().queue("orders").metrics_period(Duration::from_secs(300)));
    kew.send("orders", "a");
    advance(&kew, 299);
    assert_eq!(Metrics::of(&kew).orders("aws_sqs_number_of_messages_sent_sum"), 0.0);
    advance(&kew, 1);
    assert_eq!(Metrics::of(&kew).orders("aws_sqs_number_of_messages_sent_sum"), 1.0);
}

#[test]
fn the_oldest_message_counts_from_its_sending_until_it_was_received_more_than_three_times() {
    let kew = with(Server::builder().queue(QueueConfig::new("orders").visibility_timeout(Duration::from_secs(10))));
    let age = |kew: &Kew| {
        let metrics = Metrics::of(kew);
        let native = metrics.orders("kew_oldest_message_age_seconds");
        for statistic in ["maximum", "average", "sum"] {
            let name = format!("aws_sqs_approximate_age_of_oldest_message_{statistic}");
            assert_eq!(metrics.orders(&name), native);
        }
        assert_eq!(metrics.orders("aws_sqs_approximate_age_of_oldest_message_in_quiet_groups_maximum"), native);
        native
    };
    assert_eq!(age(&kew), 0.0);
    kew.send("orders", "poison");
    advance(&kew, 5);
    kew.send("orders", "good");
    kew.sqs("ReceiveMessage", json!({"QueueUrl": "orders"}));
    assert_eq!(age(&kew), 5.0, "messages in flight count");
    for _ in 0..2 {
        advance(&kew, 10);
        kew.sqs("ReceiveMessage", json!({"QueueUrl": "orders"}));
    }
    assert_eq!(age(&kew), 25.0, "received three times");
    advance(&kew, 10);
    kew.sqs("ReceiveMessage", json!({"QueueUrl": "orders"}));
    assert_eq!(age(&kew), 30.0, "the one behind it");
}

#[test]
fn a_dead_letter_counts_from_its_arrival() {
    let kew = kew();
    kew.send("orders", "bad");
    for _ in 0..3 {
        kew.receive("orders");
        advance(&kew, 30);
    }
    let metrics = Metrics::of(&kew);
    let dead = |name: &str| metrics.one(name, &[("queue_name", "dead")]);
    assert_eq!(dead("aws_sqs_approximate_number_of_messages_visible_average"), 1.0);
    assert_eq!(dead("aws_sqs_approximate_age_of_oldest_message_maximum"), 30.0, "it was sent 90 seconds ago");
    assert_eq!(dead("kew_messages_sent_total"), 0.0, "nobody sent it there");
    assert_eq!(metrics.one("kew_messages_dead_lettered_total", &[("queue_name", "orders"), ("to", "dead")]), 1.0);
    assert_eq!(metrics.orders("kew_messages_redelivered_total"), 1.0);
    assert_eq!(metrics.orders("kew_messages_received_total"), 2.0);
    assert_eq!(metrics.one("kew_global_messages_dead_lettered_total", &[]), 1.0);
}

#[test]
fn a_dead_letter_begins_anew_where_it_arrives() {
    let kew = kew();
    kew.send("orders", "bad");
    for _ in 0..3 {
        kew.receive("orders");
        advance(&kew, 30);
    }
    // It has been there for 30 seconds, and nobody has received it there.
    kew.receive("dead");
    let metrics = Metrics::of(&kew);
    let dead = |name: &str| metrics.one(name, &[("queue_name", "dead")]);
    assert_eq!((dead("kew_wait_seconds_sum"), dead("kew_wait_seconds_count")), (30.0, 1.0));
    assert_eq!(dead("kew_messages_redelivered_total"), 0.0);
    advance(&kew, 30);
    kew.receive("dead");
    let metrics = Metrics::of(&kew);
    assert_eq!(metrics.one("kew_messages_redelivered_total", &[("queue_name", "dead")]), 1.0);
}

#[test]
fn work_that_takes_too_long_for_a_fifo_queue_is_measured_too() {
    let kew = with(Server::builder().queue("jobs.fifo"));
    let ids = json!({"MessageGroupId": "g", "MessageDeduplicationId": "d"});
    let mut body = json!({"QueueUrl": "jobs.fifo", "MessageBody": "a"});
    body.as_object_mut().unwrap().extend(ids.as_object().unwrap().clone());
    assert_eq!(kew.sqs("SendMessage", body).0, 200);
    let message = kew.receive("jobs.fifo").remove(0);
    advance(&kew, 40);
    let handle = &message["ReceiptHandle"];
    assert_eq!(kew.sqs("DeleteMessage", json!({"QueueUrl": "jobs.fifo", "ReceiptHandle": handle})).0, 400);
    let metrics = Metrics::of(&kew);
    let jobs = [("queue_name", "jobs.fifo")];
    assert_eq!(metrics.one("kew_processing_seconds_sum", &jobs), 40.0);
    assert_eq!(metrics.one("kew_messages_deleted_total", &jobs), 0.0);
}

#[test]
fn a_dead_letter_queue_is_there_before_its_first_message() {
    let metrics = Metrics::of(&kew());
    assert_eq!(metrics.one("kew_messages_dead_lettered_total", &[("to", "dead")]), 0.0);
}

#[test]
fn work_and_waiting_are_measured() {
    let kew = with(Server::builder().queue(QueueConfig::new("orders").delay(Duration::from_secs(5))));
    kew.send("orders", "a");
    advance(&kew, 25);
    let message = kew.receive("orders").remove(0);
    advance(&kew, 100);
    let again = kew.receive("orders").remove(0);
    // With the handle of the first receive: the work began then, however often the message was received since.
    delete(&kew, "orders", &message);
    delete(&kew, "orders", &again);
    let metrics = Metrics::of(&kew);
    assert_eq!(metrics.orders("kew_wait_seconds_sum"), 20.0);
    assert_eq!(metrics.orders("kew_wait_seconds_count"), 1.0, "the first receive alone");
    assert_eq!(metrics.orders("kew_processing_seconds_sum"), 100.0);
    let bucket = |le: &str| metrics.one("kew_processing_seconds_bucket", &[("queue_name", "orders"), ("le", le)]);
    assert_eq!([bucket("60.0"), bucket("120.0")], [0.0, 1.0]);
}

#[test]
fn fifo_queues_have_groups_and_duplicates_and_no_noisy_groups() {
    let fifo = QueueConfig::new("orders.fifo").content_based_deduplication(true);
    let kew = with(Server::builder().queue(fifo));
    let queue = [("queue_name", "orders.fifo")];
    for (body, group) in [("a", "g"), ("a", "g"), ("b", "h"), ("c", "i")] {
        let body = json!({"QueueUrl": "orders.fifo", "MessageBody": body, "MessageGroupId": group});
        assert_eq!(kew.sqs("SendMessage", body).0, 200);
    }
    kew.sqs("ReceiveMessage", json!({"QueueUrl": "orders.fifo", "MaxNumberOfMessages": 2}));
    advance(&kew, 1);
    let metrics = Metrics::of(&kew);
    assert_eq!(metrics.one("kew_groups_in_flight", &queue), 2.0);
    assert_eq!(metrics.one("aws_sqs_approximate_number_of_groups_with_inflight_messages_maximum", &queue), 2.0);
    assert_eq!(metrics.one("kew_messages_deduplicated_total", &queue), 1.0);
    assert_eq!(metrics.one("kew_messages_sent_total", &queue), 3.0);
    for name in ["kew_noisy_groups", "kew_quiet_messages", "aws_sqs_approximate_number_of_noisy_groups_average"] {
        assert!(metrics.all(name, &[]).is_empty(), "{name}");
    }
    advance(&kew, 59);
    let deduplicated = "aws_sqs_number_of_deduplicated_sent_messages_sum";
    assert_eq!(Metrics::of(&kew).one(deduplicated, &queue), 1.0);
}

#[test]
fn noisy_groups_are_told_apart() {
    let kew = with(Server::builder().queue("orders"));
    for number in 0..40 {
        let group = if number < 38 { "loud" } else { "quiet" };
        kew.sqs("SendMessage", json!({"QueueUrl": "orders", "MessageBody": "x", "MessageGroupId": group}));
    }
    for _ in 0..3 {
        assert_eq!(kew.receive("orders").len(), 10);
    }
    let metrics = Metrics::of(&kew);
    assert_eq!(metrics.orders("kew_noisy_groups"), 1.0);
    assert_eq!(metrics.orders("aws_sqs_approximate_number_of_noisy_groups_maximum"), 1.0);
    assert_eq!(metrics.orders("aws_sqs_approximate_number_of_messages_visible_in_quiet_groups_sum"), 2.0);
    assert_eq!(metrics.orders("aws_sqs_approximate_number_of_messages_not_visible_in_quiet_groups_sum"), 0.0);
}

#[test]
fn what_expires_or_is_moved_is_counted() {
    let kew = kew();
    kew.send("dead", "old");
    let arn = "arn:aws:sqs:us-east-1:000000000000:dead";
    let target = "arn:aws:sqs:us-east-1:000000000000:orders";
    let (status, answer) = kew.sqs("StartMessageMoveTask", json!({"SourceArn": arn, "DestinationArn": target}));
    assert_eq!(status, 200, "{answer}");
    advance(&kew, 1);
    let of = |name: &str, queue: &str| Metrics::of(&kew).one(name, &[("queue_name", queue)]);
    assert_eq!(of("kew_messages_moved_total", "dead"), 1.0);
    assert_eq!(of("kew_messages_sent_total", "orders"), 0.0);
    assert_eq!(of("kew_retention_seconds", "orders"), 345_600.0);
    assert_eq!(of("kew_visibility_timeout_seconds", "orders"), 30.0);
    advance(&kew, 345_600);
    assert_eq!(of("kew_messages_expired_total", "orders"), 1.0);
}

#[test]
fn reading_hands_nothing_out_and_counts_no_request() {
    let kew = kew();
    let parked = kew.park("orders");
    kew.send("dead", "a");
    let before = Metrics::of(&kew);
    assert_eq!(before.orders("kew_receivers_parked"), 1.0);
    let after = Metrics::of(&kew);
    let changing = ["process_", "kew_request_seconds"];
    let fixed = |metrics: &Metrics| -> Vec<String> {
        let lines = metrics.0.lines().filter(|line| changing.iter().all(|name| !line.contains(name)));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(fixed(&before), fixed(&after));
    assert_eq!(after.one("kew_messages", &[("queue_name", "dead"), ("state", "visible")]), 1.0);
    kew.send("orders", "b");
    assert_eq!(parked.answer().json().1["Messages"][0]["Body"], "b");
}

#[test]
fn requests_are_counted_by_action_and_code_and_measured_once_somebody_reads() {
    let kew = kew();
    kew.send("orders", "a");
    kew.sqs("SendMessage", json!({"QueueUrl": "nowhere", "MessageBody": "a"}));
    let metrics = Metrics::of(&kew);
    let requests = |action: &str, code: &str| metrics.one("kew_requests_total", &[("action", action), ("code", code)]);
    assert_eq!(requests("SendMessage", "OK"), 1.0);
    assert_eq!(requests("SendMessage", "QueueDoesNotExist"), 1.0);
    assert_eq!(requests("TagQueue", "OK"), 0.0);
    assert!(metrics.all("kew_request_seconds_count", &[]).is_empty(), "nobody had read them before");
    kew.send("orders", "b");
    kew.receive("orders");
    let parked = kew.park("dead");
    kew.send("dead", "c");
    assert_eq!(parked.answer().status, 200);
    let metrics = Metrics::of(&kew);
    let measured = |action: &str| metrics.one("kew_request_seconds_count", &[("action", action)]);
    assert_eq!((measured("SendMessage"), measured("ReceiveMessage")), (2.0, 1.0), "the long poll is left out");
    assert!(metrics.one("kew_connections", &[]) >= 1.0);
}

#[test]
fn the_server_tells_of_its_clock_its_faults_and_itself() {
    let kew = Kew::start();
    kew.post("/clock/advance", json!({"by": "1h"}));
    kew.post("/faults", json!({"fault": "throttle", "id": "busy", "on": {"action": "SendMessage"}}));
    kew.sqs("SendMessage", json!({"QueueUrl": "orders", "MessageBody": "a"}));
    let metrics = Metrics::of(&kew);
    let offset = metrics.one("kew_clock_offset_seconds", &[]);
    assert!((offset - 3600.0).abs() < 0.1, "{offset}");
    assert_eq!(metrics.one("kew_faults_fired_total", &[("rule", "busy")]), 1.0);
    assert_eq!(metrics.one("kew_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
    assert_eq!(metrics.one("kew_store_poisoned", &[]), 0.0);
    assert_eq!(metrics.one("kew_queues", &[]), 1.0);
    assert!(metrics.all("kew_store_bytes", &[]).is_empty(), "there is no store");
    #[cfg(target_os = "linux")]
    assert!(metrics.one("process_resident_memory_bytes", &[]) > 1e6);
}

#[cfg(feature = "store")]
#[test]
fn a_store_tells_of_its_commits_and_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let kew = with(Server::builder().queue("orders").data(dir.path(), kew::Durability::Process));
    kew.send("orders", "a");
    let metrics = Metrics::of(&kew);
    assert!(metrics.one("kew_store_commit_seconds_count", &[]) >= 1.0);
    assert!(metrics.one("kew_store_bytes", &[]) >= 4096.0);
    assert_eq!(metrics.orders("kew_messages_sent_total"), 1.0);
}
