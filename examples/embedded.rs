//! A server inside a program: a message that nobody handles in time goes to the dead-letter queue, and nobody had to wait.
//!
//! `cargo run --example embedded --features aws-sdk`

use kew::{QueueConfig, Server};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let orders = QueueConfig::new("orders").visibility_timeout(Duration::from_secs(30)).dead_letter("orders-dead", 2);
    let server = Server::builder().queue(orders).manual_clock().start()?;
    let sqs = server.client();
    let orders = server.queue_url("orders");

    sqs.send_message().queue_url(&orders).message_body("an order nobody can read").send().await?;
    for attempt in 1..=3 {
        let received = sqs.receive_message().queue_url(&orders).send().await?;
        println!("attempt {attempt}: {} message(s)", received.messages().len());
        // The consumer fails: 30 seconds later the message is back.
        server.advance(Duration::from_secs(30));
    }
    let dead = sqs.receive_message().queue_url(server.queue_url("orders-dead")).send().await?;
    println!("dead letter: {}", dead.messages()[0].body().unwrap_or_default());

    server.shutdown().await;
    Ok(())
}
