//! Lists queues with the AWS SDK for Rust; prints `ok`, or code, status and text of the error that it gave.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;

#[tokio::main]
async fn main() {
    let client = Client::new(&aws_config::load_from_env().await);
    match client.list_queues().send().await {
        Ok(_) => println!("ok"),
        Err(error) => {
            let status = error.raw_response().map_or(0, |response| response.status().as_u16());
            let (code, text) = (error.code().unwrap_or("none"), error.message().unwrap_or_default());
            println!("{code} {status} {text}");
        }
    }
}
