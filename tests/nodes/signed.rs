//! Requests that are signed: checked by the node that they come to, and by the one that carries them out.

use crate::fixture::{Nodes, runtime};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{Credentials, Region};
use aws_sdk_sqs::error::ProvideErrorMetadata;

const KEYS: &str = r#"
[[key]]
access-key = "AKIDANNA"
secret = "annas-secret"
principal = "arn:aws:iam::123456789012:user/anna"
policy = { Statement = { Effect = "Allow", Action = "sqs:*", Resource = "*", Condition = { IpAddress = { "aws:SourceIp" = "127.0.0.1" } } } }
"#;

fn client(nodes: &Nodes, node: usize, secret: &str) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version_latest()
        .endpoint_url(nodes.at(node).endpoint_url())
        .region(Region::from_static("eu-west-1"))
        .credentials_provider(Credentials::new("AKIDANNA", secret, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

#[test]
fn a_signature_holds_at_whatever_node() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys.toml");
    crate::server::write_private(&keys, KEYS);
    let Some(nodes) = Nodes::start_with(3, |builder| builder.credentials(&keys)) else { return };
    runtime().block_on(assert_that_it_holds(&nodes));
}

async fn assert_that_it_holds(nodes: &Nodes) {
    let url = client(nodes, 0, "annas-secret").create_queue().queue_name("q").send().await.unwrap();
    let url = url.queue_url().unwrap().to_owned();
    for node in 0..3 {
        let client = client(nodes, node, "annas-secret");
        client.send_message().queue_url(&url).message_body(format!("by {node}")).send().await.unwrap();
        let received = client.receive_message().queue_url(&url).wait_time_seconds(20).send().await.unwrap();
        let message = &received.messages()[0];
        assert_eq!(message.body(), Some(&*format!("by {node}")));
        let handle = message.receipt_handle().unwrap();
        client.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
    }
    for node in 0..3 {
        let client = client(nodes, node, "not-annas-secret");
        let error = client.send_message().queue_url(&url).message_body("m").send().await.unwrap_err();
        assert_eq!(error.code(), Some("SignatureDoesNotMatch"), "{error:?}");
    }
}
