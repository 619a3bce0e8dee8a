//! The AWS SDK for Rust against kew. Nothing in here knows kew: the endpoint, the region and the credentials come from
//! the environment (`AWS_ENDPOINT_URL` and its friends).

mod check;
mod core;
mod errors;

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use check::{Failure, Outcome, Report, equal, that, took};

#[tokio::main]
async fn main() {
    let client = Client::new(&aws_config::load_from_env().await);
    let mut report = Report::default();
    core::run(&mut report, &client).await;
    errors::run(&mut report, &client).await;
    long_polls(&mut report, &client).await;
    report.finish()
}

/// The SDK gives up on an answer whose bytes come too slowly ("stalled-stream protection"), so a server must not send
/// its head before it knows the answer.
async fn long_polls(report: &mut Report, client: &Client) {
    report
        .step("a 20 s long poll under stalled-stream protection", async {
            let queue = queue(client, "patient").await?;
            let start = Instant::now();
            let empty = client.receive_message().queue_url(&queue).wait_time_seconds(20).send().await?;
            equal("messages", empty.messages().len(), 0)?;
            took(start, Duration::from_millis(19_900), Duration::from_secs(22))
        })
        .await;
    report
        .step(
            "a future dropped in a long poll frees the waiter: the next message goes to another receiver, uncounted",
            async {
                let queue = queue(client, "dropped").await?;
                for round in 0..10 {
                    let poll = client.receive_message().queue_url(&queue).wait_time_seconds(20).send();
                    let dropped = tokio::time::timeout(Duration::from_millis(100), poll).await;
                    that(dropped.is_err(), "the poll of an empty queue ended early")?;
                    client.send_message().queue_url(&queue).message_body(format!("round {round}")).send().await?;
                    let start = Instant::now();
                    let message = receive(client, &queue, 1).await?.remove(0);
                    took(start, Duration::ZERO, Duration::from_millis(500))?;
                    let attributes = message.attributes.as_ref().ok_or("no attributes")?;
                    equal(
                        "receive count",
                        value(attributes, &MessageSystemAttributeName::ApproximateReceiveCount)?,
                        "1",
                    )?;
                    let handle = message.receipt_handle().ok_or("no receipt handle")?;
                    client.delete_message().queue_url(&queue).receipt_handle(handle).send().await?;
                }
                Ok(())
            },
        )
        .await;
}

/// What an answer holds under a name.
fn value<'a, K: Eq + Hash + Debug>(map: &'a HashMap<K, String>, name: &K) -> Outcome<&'a str> {
    map.get(name).map(String::as_str).ok_or_else(|| Failure(format!("no {name:?} in {map:?}")))
}

/// Creates a queue and returns its URL.
async fn queue(client: &Client, name: &str) -> Outcome<String> {
    Ok(client.create_queue().queue_name(name).send().await?.queue_url.ok_or("no queue URL")?)
}

/// Receives exactly this many messages with long polls.
async fn receive(client: &Client, queue: &str, want: usize) -> Outcome<Vec<Message>> {
    let mut messages = Vec::new();
    let start = Instant::now();
    while messages.len() < want && start.elapsed() < Duration::from_secs(5) {
        let output = client
            .receive_message()
            .queue_url(queue)
            .max_number_of_messages(10)
            .wait_time_seconds(1)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await?;
        messages.extend(output.messages.unwrap_or_default());
    }
    equal("messages received", messages.len(), want)?;
    Ok(messages)
}
