//! Fair queues: message groups on standard queues keep a noisy tenant from delaying the others.

use crate::fixture::*;

/// Sends so many messages of a tenant, each with the tenant's name as its body.
fn send_many(kew: &Kew, tenant: &str, count: usize) {
    for start in (0..count).step_by(10) {
        let entry = |n: usize| json!({"Id": n.to_string(), "MessageBody": tenant, "MessageGroupId": tenant});
        let entries: Vec<Value> = (start..count.min(start + 10)).map(entry).collect();
        kew.json("SendMessageBatch", &json!({"QueueUrl": kew.url("q"), "Entries": entries})).ok();
    }
}

async fn receive_many(kew: &Kew, count: usize) {
    for _ in 0..count {
        assert_eq!(kew.receive("q", 1).await.len(), 1);
    }
}

/// `noisy` has 35 messages in flight and 15 waiting.
async fn noise() -> Kew {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "1000")])]).await;
    send_many(&kew, "noisy", 50);
    receive_many(&kew, 35).await;
    kew
}

#[tokio::test]
async fn quiet_tenants_go_before_a_noisy_one() {
    let kew = noise().await;
    send_many(&kew, "quiet", 2);
    kew.send("q", "no group").await;
    let order = ["quiet", "quiet", "no group", "noisy", "noisy"];
    assert_eq!(kew.receive_bodies("q", 5).await, order);
}

#[tokio::test]
async fn without_noise_order_is_that_of_sending() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for tenant in ["a", "b", "a", "c"] {
        send_many(&kew, tenant, 1);
    }
    assert_eq!(kew.receive_bodies("q", 10).await, ["a", "b", "a", "c"]);
}

#[tokio::test]
async fn twenty_nine_in_flight_are_not_noisy() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "1000")])]).await;
    send_many(&kew, "a", 50);
    receive_many(&kew, 29).await;
    send_many(&kew, "b", 1);
    assert_eq!(kew.receive_bodies("q", 1).await, ["a"]);
    // The thirtieth is in flight now.
    assert_eq!(kew.receive_bodies("q", 1).await, ["b"]);
}

#[tokio::test]
async fn ten_percent_of_all_in_flight_are_not_noisy() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "1000")])]).await;
    for _ in 0..27 {
        let entry = |n: usize| json!({"Id": n.to_string(), "MessageBody": "x"});
        let entries: Vec<Value> = (0..10).map(entry).collect();
        kew.json("SendMessageBatch", &json!({"QueueUrl": kew.url("q"), "Entries": entries})).ok();
        assert_eq!(kew.receive("q", 10).await.len(), 10);
    }
    send_many(&kew, "a", 50);
    receive_many(&kew, 30).await;
    send_many(&kew, "b", 1);
    assert_eq!(kew.receive_bodies("q", 1).await, ["a"], "30 of 300 in flight");
    assert_eq!(kew.receive_bodies("q", 1).await, ["b"], "31 of 301 in flight");
}

#[tokio::test]
async fn of_two_noisy_tenants_the_one_with_fewer_in_flight_goes_first() {
    let kew = noise().await;
    send_many(&kew, "other", 40);
    receive_many(&kew, 31).await;
    assert_eq!(kew.receive_bodies("q", 4).await, ["other"; 4]);
    send_many(&kew, "quiet", 1);
    assert_eq!(kew.receive_bodies("q", 1).await, ["quiet"]);
}

#[tokio::test]
async fn a_tenant_that_sent_nothing_for_five_minutes_is_quiet_again() {
    let kew = noise().await;
    kew.turn(299);
    send_many(&kew, "late", 1);
    assert_eq!(kew.receive_bodies("q", 1).await, ["late"]);
    kew.turn(1);
    send_many(&kew, "late", 1);
    assert_eq!(kew.receive_bodies("q", 1).await, ["noisy"]);
}

#[tokio::test]
async fn nothing_is_dropped_and_a_group_is_worked_on_in_parallel() {
    let kew = noise().await;
    send_many(&kew, "quiet", 10);
    let mut left = Vec::new();
    for _ in 0..3 {
        left.extend(kew.receive_bodies("q", 10).await);
    }
    assert_eq!(left.iter().filter(|body| *body == "quiet").count(), 10);
    assert_eq!(left.iter().filter(|body| *body == "noisy").count(), 15);
    assert_eq!(kew.counts("q").await, [0, 60, 0]);
}
