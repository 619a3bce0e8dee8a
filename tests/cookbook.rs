//! The Rust tests of `docs/testing.md`, as they stand there.
#![cfg(feature = "aws-sdk")]

use kew::aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use kew::{Action, Auto, Fault, QueueConfig, Server, ServerBuilder};
use std::error::Error;
use std::time::Duration;

const SECONDS_5: Duration = Duration::from_secs(5);

fn orders() -> ServerBuilder {
    let orders = QueueConfig::new("orders").visibility_timeout(Duration::from_secs(30)).dead_letter("orders-dead", 3);
    Server::builder().queue(orders)
}

#[tokio::test]
async fn a_consumer_fails_and_the_message_comes_back() -> Result<(), Box<dyn Error>> {
    let server = orders().start()?;
    let (sqs, url) = (server.client(), server.queue_url("orders"));
    sqs.send_message().queue_url(&url).message_body("1001").send().await?;
    sqs.receive_message().queue_url(&url).send().await?; // and the consumer fails

    server.advance(Duration::from_secs(30));
    server.expect("orders").visible(1).now()?;
    Ok(())
}

#[tokio::test]
async fn three_failures_and_the_message_is_put_aside() -> Result<(), Box<dyn Error>> {
    let server = orders().start()?;
    let (sqs, url) = (server.client(), server.queue_url("orders"));
    sqs.send_message().queue_url(&url).message_body("1001").send().await?;
    let consumer = tokio::spawn(async move {
        for _ in 0..4 {
            let _ = sqs.receive_message().queue_url(&url).wait_time_seconds(5).send().await; // and fails each time
        }
    });
    server.expect("orders-dead").visible(1).auto(Auto::new().consumers("orders", 1)).within(SECONDS_5).await?;
    consumer.await?;
    Ok(())
}

#[tokio::test]
async fn fifteen_minutes_in_no_time() -> Result<(), Box<dyn Error>> {
    let server = orders().start()?;
    let (sqs, url) = (server.client(), server.queue_url("orders"));
    sqs.send_message().queue_url(&url).message_body("later").delay_seconds(900).send().await?;
    let consumer =
        tokio::spawn(async move { sqs.receive_message().queue_url(&url).wait_time_seconds(20).send().await });
    server.expect("orders").parked(1).within(SECONDS_5).await?;
    server.advance(Duration::from_secs(900));
    assert_eq!(consumer.await??.messages()[0].body(), Some("later"));
    Ok(())
}

#[tokio::test]
async fn the_same_message_twice() -> Result<(), Box<dyn Error>> {
    let server = orders().start()?;
    let (sqs, url) = (server.client(), server.queue_url("orders"));
    let _fault = server.fault(Fault::duplicate().first(1)); // until it is dropped
    sqs.send_message().queue_url(&url).message_body("1001").send().await?;
    for _ in 0..2 {
        let received = sqs.receive_message().queue_url(&url).send().await?;
        let message = &received.messages()[0];
        let handle = message.receipt_handle().unwrap_or_default();
        sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await?;
    }
    server.expect("orders").empty().now()?;
    Ok(())
}

#[tokio::test]
async fn sent_and_nobody_knows() -> Result<(), Box<dyn Error>> {
    let server = orders().start()?;
    let (sqs, url) = (server.client(), server.queue_url("orders"));
    let _fault = server.fault(Fault::lost_answer().on(Action::SendMessage).nth([1]));
    sqs.send_message().queue_url(&url).message_body("1001").send().await?; // the SDK tries again by itself
    server.expect("orders").visible(2).now()?;
    Ok(())
}

#[tokio::test]
async fn some_entries_of_a_batch_fail() -> Result<(), Box<dyn Error>> {
    let server = orders().start()?;
    let (sqs, url) = (server.client(), server.queue_url("orders"));
    let _fault = server.fault(Fault::partial_batch().entries(1).first(1));
    let entry = |id: &str| SendMessageBatchRequestEntry::builder().id(id).message_body(id).build();
    let answer = sqs.send_message_batch().queue_url(&url).entries(entry("a")?).entries(entry("b")?).send().await?;
    assert_eq!((answer.successful().len(), answer.failed().len()), (1, 1));
    server.expect("orders").visible(1).now()?;
    Ok(())
}

#[tokio::test]
async fn too_many_requests() -> Result<(), Box<dyn Error>> {
    let server = orders().start()?;
    let (sqs, url) = (server.client(), server.queue_url("orders"));
    let _fault = server.fault(Fault::throttle().on(Action::SendMessage).first(2));
    sqs.send_message().queue_url(&url).message_body("1001").send().await?; // the SDK tries again by itself
    server.expect("orders").visible(1).sent(1).now()?;
    Ok(())
}

#[tokio::test]
async fn no_order_in_a_standard_queue() -> Result<(), Box<dyn Error>> {
    let server = orders().seed(7).start()?; // the same disorder each time
    let (sqs, url) = (server.client(), server.queue_url("orders"));
    let _fault = server.fault(Fault::reorder(10));
    for n in 0..10 {
        sqs.send_message().queue_url(&url).message_body(n.to_string()).send().await?;
    }
    let received = sqs.receive_message().queue_url(&url).max_number_of_messages(10).send().await?;
    let bodies: Vec<_> = received.messages().iter().filter_map(|message| message.body()).collect();
    assert!(!bodies.is_sorted(), "{bodies:?}");
    Ok(())
}

#[tokio::test]
async fn a_namespace_for_each_test() -> Result<(), Box<dyn Error>> {
    let server = orders().start()?;
    let (one, other) = (server.namespace("one", ["orders"])?, server.namespace("other", ["orders"])?);
    one.client().send_message().queue_url(one.queue_url("orders")).message_body("1001").send().await?;
    one.expect("orders").visible(1).now()?;
    other.expect("orders").empty().now()?;
    Ok(())
}

#[tokio::test]
async fn who_works_longer_than_the_visibility_timeout() -> Result<(), Box<dyn Error>> {
    let server = orders().start()?;
    let (sqs, url) = (server.client(), server.queue_url("orders"));
    sqs.send_message().queue_url(&url).message_body("1001").send().await?;
    let slow = sqs.receive_message().queue_url(&url).send().await?;
    server.advance(Duration::from_secs(31));
    sqs.receive_message().queue_url(&url).send().await?;
    let handle = slow.messages()[0].receipt_handle().unwrap_or_default();
    sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await?;
    let report = server.report();
    assert!(!report.is_clean(), "{report}");
    println!("{report}");
    Ok(())
}

/// What is taught is what is run.
#[test]
fn every_rust_snippet_of_the_page_is_a_test_here() {
    let (page, tests) = (include_str!("../docs/testing.md"), include_str!("cookbook.rs"));
    let snippets: Vec<&str> = page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(snippets.len() > 10, "{}", snippets.len());
    for snippet in snippets {
        assert!(tests.contains(snippet), "{snippet}");
    }
}
