//! An AWS SDK for Rust that speaks with this server: the feature `aws-sdk`.

use super::in_process::Connector;
use super::{Namespace, Server};
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::HttpClient;
use aws_types::SdkConfig;

/// Credentials of an account, an endpoint and a region for the SDK.
fn config(access_key: &str, endpoint_url: &str, region: &str, http: impl HttpClient + 'static) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint_url)
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(access_key, "test", None, None, "kew")))
        .http_client(http)
        .build()
}

/// Plain HTTP, without TLS.
fn plain_http() -> impl HttpClient + 'static {
    aws_smithy_http_client::Builder::new().build_http()
}

impl Namespace {
    /// As [`Server::sdk_config`], with the access key of the namespace.
    pub fn sdk_config(&self) -> SdkConfig {
        config(self.access_key(), self.endpoint_url(), self.region(), plain_http())
    }

    /// As [`Server::in_process_config`], with the access key of the namespace.
    pub fn in_process_config(&self) -> SdkConfig {
        config(self.access_key(), self.endpoint_url(), self.region(), self.in_process.clone())
    }

    /// A client of the AWS SDK for Rust, with [`Namespace::in_process_config`].
    pub fn in_process_client(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.in_process_config())
    }

    /// A client of the AWS SDK for Rust, with [`Namespace::sdk_config`].
    pub fn client(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.sdk_config())
    }
}

impl Server {
    /// What the AWS SDK for Rust has to know to speak with this server: its endpoint, its region, and credentials of the server's own
    /// account. The HTTP client in it speaks plain HTTP and knows no TLS.
    ///
    /// The SDK needs a tokio runtime, as it does with AWS.
    pub fn sdk_config(&self) -> SdkConfig {
        // Any credentials do; callers whose access key is not an account's number belong to the server's own.
        config("test", self.endpoint_url(), &self.region, plain_http())
    }

    /// The same without a connection: requests are handed to the server in this process, and answered on the task that sends them.
    /// All else is as over HTTP. A receive that is dropped while it waits leaves the queue, and what it was handed goes back. Of the
    /// faults, an answer that is cut off and a connection that is closed are a connection that is reset.
    pub fn in_process_config(&self) -> SdkConfig {
        config("test", self.endpoint_url(), &self.region, Connector::new(self.running.in_process()))
    }

    /// A client of the AWS SDK for Rust, with [`Server::in_process_config`].
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let server = kew::Server::builder().queue("orders").start()?;
    /// let (sqs, url) = (server.in_process_client(), server.queue_url("orders"));
    /// sqs.send_message().queue_url(&url).message_body("one coffee").delay_seconds(900).send().await?;
    /// server.advance(std::time::Duration::from_secs(900));
    /// assert_eq!(sqs.receive_message().queue_url(&url).send().await?.messages().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn in_process_client(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.in_process_config())
    }

    /// A client of the AWS SDK for Rust, with [`Server::sdk_config`]. One client with its clones shares connections.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let server = kew::Server::builder().queue("orders").start()?;
    /// let sqs = server.client();
    /// sqs.send_message().queue_url(server.queue_url("orders")).message_body("one coffee").send().await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn client(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.sdk_config())
    }
}

/// The README's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
