//! A server with a clock that stands, on a data directory if the environment says so, and an SDK client for it.

pub use crate::by_hand::*;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{Credentials, Region};
use aws_sdk_sqs::operation::send_message::SendMessageOutput;
pub use aws_sdk_sqs::types::Message;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use base64::Engine;
pub use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The account of callers with an ordinary access key.
pub const ACCOUNT: &str = "000000000000";
/// Runs all of these tests against a data directory when set: `process` or `full`.
const DURABILITY: &str = "KEW_TEST_DURABILITY";

/// In the place of each server there are so many nodes behind a balancer when set; but for [`Kew::alone`], and servers that a test
/// starts by itself.
#[cfg(feature = "postgres")]
const NODES: &str = "KEW_TEST_NODES";

/// A server under test and its client.
pub struct Kew {
    /// The first of the nodes, if there are several.
    pub server: kew::Server,
    pub client: Client,
    #[cfg(feature = "postgres")]
    others: Option<crate::nodes::Others>,
    /// Kept for as long as the server, if it has one.
    _data: Option<tempfile::TempDir>,
}

pub fn client_as(kew: &Kew, access_key: &str, region: &str) -> Client {
    client_of(&kew.endpoint_url(), access_key, region)
}

fn client_of(endpoint_url: &str, access_key: &str, region: &str) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version_latest()
        .endpoint_url(endpoint_url)
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new(access_key, "test", None, None, "test"))
        .retry_config(aws_sdk_sqs::config::retry::RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

pub fn string_value(text: &str) -> MessageAttributeValue {
    typed("String", text)
}

pub fn typed(data_type: &str, text: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type(data_type).string_value(text).build().expect("complete")
}

pub fn binary(data_type: &str, bytes: &[u8]) -> MessageAttributeValue {
    let blob = aws_sdk_sqs::primitives::Blob::new(bytes);
    MessageAttributeValue::builder().data_type(data_type).binary_value(blob).build().expect("complete")
}

pub fn body_of(message: &Message) -> &str {
    message.body().unwrap_or_default()
}

pub fn handle_of(message: &Message) -> &str {
    message.receipt_handle().unwrap_or_default()
}

/// A system attribute of a received message.
pub fn system(message: &Message, name: &str) -> Option<String> {
    message.attributes()?.get(&MessageSystemAttributeName::from(name)).cloned()
}

pub fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(body_of).collect()
}

impl Kew {
    pub fn start() -> Kew {
        Kew::with(kew::Server::builder())
    }

    pub fn with(builder: kew::ServerBuilder) -> Kew {
        #[cfg(feature = "postgres")]
        if let Some(count) = crate::support::number(NODES) {
            let (first, others) = crate::nodes::start(count, &builder);
            let client = client_of(&format!("http://{}", others.address()), "test", "us-east-1");
            return Kew { client, others: Some(others), ..Kew::of(first) };
        }
        Kew::alone(builder)
    }

    /// One server whatever the environment says: for what is otherwise with several nodes, which the test tells of.
    pub fn alone(builder: kew::ServerBuilder) -> Kew {
        let durability = std::env::var(DURABILITY).ok().map(|level| match level.as_str() {
            "process" => kew::internals::config::Durability::Process,
            "full" => kew::internals::config::Durability::Full,
            other => panic!("{DURABILITY} is neither process nor full: {other}"),
        });
        let data = durability.map(|level| (tempfile::tempdir().expect("a directory"), level));
        let builder = match &data {
            Some((dir, level)) => builder.data(dir.path(), *level),
            None => builder,
        };
        let server = builder.manual_clock().start().expect("a free port");
        Kew { _data: data.map(|(dir, _)| dir), ..Kew::of(server) }
    }

    /// A server that runs already, for tests that keep its clock and data themselves.
    pub fn of(server: kew::Server) -> Kew {
        let client = client_of(server.endpoint_url(), "test", "us-east-1");
        Kew {
            server,
            client,
            #[cfg(feature = "postgres")]
            others: None,
            _data: None,
        }
    }

    /// Stops the server and waits until it has let go of its data.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
        #[cfg(feature = "postgres")]
        for server in self.others.into_iter().flat_map(|others| others.servers) {
            server.shutdown().await;
        }
    }

    /// All servers there are.
    fn servers(&self) -> impl Iterator<Item = &kew::Server> {
        #[cfg(feature = "postgres")]
        let others = self.others.iter().flat_map(|others| &others.servers);
        #[cfg(not(feature = "postgres"))]
        let others = [].into_iter();
        others.chain([&self.server])
    }

    /// Where clients go to.
    pub fn address(&self) -> std::net::SocketAddr {
        #[cfg(feature = "postgres")]
        if let Some(others) = &self.others {
            return others.address();
        }
        self.server.addresses()[0]
    }

    fn endpoint_url(&self) -> String {
        #[cfg(feature = "postgres")]
        if let Some(others) = &self.others {
            return format!("http://{}", others.address());
        }
        self.server.endpoint_url().to_owned()
    }

    /// Deletes a queue, and returns when all servers know. Of several nodes those that only send something there learn it within a second.
    pub async fn delete_queue(&self, queue: &str) {
        self.client.delete_queue().queue_url(self.url(queue)).send().await.expect("deletes");
        let give_up = Instant::now() + Duration::from_secs(20);
        let knows =
            |server: &kew::Server| server.service().broker().namespace().get(ACCOUNT, "us-east-1", queue).is_some();
        while self.servers().any(knows) {
            assert!(Instant::now() < give_up, "the deletion of {queue} is never known everywhere");
            tokio::task::yield_now().await;
        }
    }

    /// The server that has a queue.
    pub fn owner(&self, queue: &str) -> &kew::Server {
        let has = |server: &&kew::Server| {
            let found = server.service().broker().namespace().get(ACCOUNT, "us-east-1", queue);
            found.is_some_and(|queue| queue.elsewhere().is_none())
        };
        self.servers().find(has).expect("a queue")
    }

    /// On a data directory, with a clock that begins so long after a manual clock's beginning.
    #[cfg(feature = "store")]
    pub fn on(dir: &std::path::Path, builder: kew::ServerBuilder, days_on: u64) -> Kew {
        let clock = kew::Clock::manual();
        clock.advance(Duration::from_secs(days_on * 86_400));
        let builder = builder.data(dir, kew::internals::config::Durability::Process).clock(clock);
        Kew::of(builder.start().expect("a free port and a store"))
    }

    /// Lets go of the data directory.
    pub async fn stop(self) {
        self.server.shutdown().await;
    }

    /// A server with these queues, each with its attributes.
    pub async fn holding(queues: &[(&str, &[(&str, &str)])]) -> Kew {
        let kew = Kew::start();
        for (name, attributes) in queues {
            kew.create(name, attributes).await;
        }
        kew
    }

    pub fn url(&self, queue: &str) -> String {
        format!("{}/{ACCOUNT}/{queue}", self.endpoint_url())
    }

    pub fn arn(&self, queue: &str) -> String {
        format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}")
    }

    pub fn redrive(&self, target: &str, count: u32) -> String {
        format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{count}}}"#, self.arn(target))
    }

    /// Turns the clock.
    pub fn turn(&self, seconds: u64) {
        self.turn_by(Duration::from_secs(seconds));
    }

    pub fn turn_ms(&self, ms: u64) {
        self.turn_by(Duration::from_millis(ms));
    }

    fn turn_by(&self, by: Duration) {
        #[cfg(feature = "postgres")]
        if let Some(others) = &self.others {
            return others.turn(&self.server, by);
        }
        self.server.advance(by);
    }

    /// Milliseconds since the epoch by the server's clock.
    pub fn now_ms(&self) -> i64 {
        i64::try_from(self.server.clock().now().as_ms()).expect("this side of the year 10000")
    }

    /// Creates a queue; one whose name says so is a FIFO queue.
    pub async fn create(&self, name: &str, attributes: &[(&str, &str)]) -> String {
        let mut call = self.client.create_queue().queue_name(name);
        if name.ends_with(".fifo") {
            call = call.attributes(QueueAttributeName::FifoQueue, "true");
        }
        for (key, value) in attributes {
            call = call.attributes(QueueAttributeName::from(*key), *value);
        }
        call.send().await.expect("creates").queue_url().unwrap_or_default().to_owned()
    }

    pub async fn set(&self, queue: &str, key: &str, value: &str) {
        let call = self.client.set_queue_attributes().queue_url(self.url(queue));
        call.attributes(QueueAttributeName::from(key), value).send().await.expect("sets");
    }

    pub async fn attributes(&self, queue: &str) -> BTreeMap<String, String> {
        let call = self.client.get_queue_attributes().queue_url(self.url(queue));
        let answer = call.attribute_names(QueueAttributeName::All).send().await.expect("gets");
        let attributes = answer.attributes.unwrap_or_default();
        attributes.into_iter().map(|(key, value)| (key.as_str().to_owned(), value)).collect()
    }

    pub async fn attribute(&self, queue: &str, name: &str) -> Option<String> {
        self.attributes(queue).await.remove(name)
    }

    /// Visible, in flight, delayed.
    pub async fn counts(&self, queue: &str) -> [u64; 3] {
        let attributes = self.attributes(queue).await;
        ["", "NotVisible", "Delayed"]
            .map(|which| attributes[&format!("ApproximateNumberOfMessages{which}")].parse().expect("a number"))
    }

    pub async fn send(&self, queue: &str, body: &str) -> SendMessageOutput {
        self.client.send_message().queue_url(self.url(queue)).message_body(body).send().await.expect("sends")
    }

    /// To a message group, with the body as deduplication id on a FIFO queue.
    pub async fn send_in(&self, queue: &str, group: &str, body: &str) -> SendMessageOutput {
        let call = self.client.send_message().queue_url(self.url(queue)).message_body(body).message_group_id(group);
        let call = if queue.ends_with(".fifo") { call.message_deduplication_id(body) } else { call };
        call.send().await.expect("sends")
    }

    /// Several, each in the group that its body begins with: `g1-m1` is in `g1`.
    pub async fn send_all(&self, queue: &str, bodies: &[&str]) {
        for body in bodies {
            self.send_in(queue, body.split('-').next().unwrap_or_default(), body).await;
        }
    }

    /// A short poll with all attributes.
    pub async fn receive(&self, queue: &str, max: i32) -> Vec<Message> {
        let call = self.client.receive_message().queue_url(self.url(queue)).max_number_of_messages(max);
        let call = call.message_system_attribute_names(MessageSystemAttributeName::All).message_attribute_names("All");
        call.send().await.expect("receives").messages.unwrap_or_default()
    }

    /// Sends all of them to one message group, in order, by tens.
    pub async fn fill(&self, queue: &str, group: &str, bodies: &[String]) {
        for ten in bodies.chunks(10) {
            let entry = |(id, body): (usize, &String)| {
                let entry = SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body(body);
                let entry = entry.message_group_id(group);
                let fifo = queue.ends_with(".fifo");
                let entry = if fifo { entry.message_deduplication_id(body) } else { entry };
                entry.build().expect("complete")
            };
            let entries: Vec<_> = ten.iter().enumerate().map(entry).collect();
            let call = self.client.send_message_batch().queue_url(self.url(queue)).set_entries(Some(entries));
            assert_eq!(call.send().await.expect("sends").successful().len(), ten.len());
        }
    }

    /// Receives and deletes until nothing more comes. The messages in the order in which they came.
    pub async fn drain(&self, queue: &str) -> Vec<Message> {
        let mut drained = Vec::new();
        loop {
            let messages = self.receive(queue, 10).await;
            if messages.is_empty() {
                return drained;
            }
            let entry = |(id, message): (usize, &Message)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(id.to_string());
                entry.receipt_handle(handle_of(message)).build().expect("complete")
            };
            let entries: Vec<_> = messages.iter().enumerate().map(entry).collect();
            let call = self.client.delete_message_batch().queue_url(self.url(queue)).set_entries(Some(entries));
            assert!(call.send().await.expect("deletes").failed().is_empty());
            drained.extend(messages);
        }
    }

    /// One message that must be there.
    pub async fn receive_one(&self, queue: &str) -> Message {
        self.receive(queue, 1).await.pop().expect("a message")
    }

    /// A short poll with a visibility timeout.
    pub async fn receive_for(&self, queue: &str, max: i32, seconds: i32) -> Vec<Message> {
        let call = self.client.receive_message().queue_url(self.url(queue)).max_number_of_messages(max);
        call.visibility_timeout(seconds).send().await.expect("receives").messages.unwrap_or_default()
    }

    pub async fn receive_bodies(&self, queue: &str, max: i32) -> Vec<String> {
        self.receive(queue, max).await.iter().map(|message| body_of(message).to_owned()).collect()
    }

    pub async fn delete(&self, queue: &str, message: &Message) {
        let call = self.client.delete_message().queue_url(self.url(queue));
        call.receipt_handle(handle_of(message)).send().await.expect("deletes");
    }

    pub async fn visibility(&self, queue: &str, message: &Message, seconds: i32) {
        let call = self.client.change_message_visibility().queue_url(self.url(queue));
        call.receipt_handle(handle_of(message)).visibility_timeout(seconds).send().await.expect("changes");
    }

    /// A long poll on its way, in a task of its own.
    pub fn poll(&self, queue: &str, seconds: i32) -> tokio::task::JoinHandle<Vec<Message>> {
        let call = self.client.receive_message().queue_url(self.url(queue)).max_number_of_messages(10);
        let call = call.message_system_attribute_names(MessageSystemAttributeName::All).wait_time_seconds(seconds);
        tokio::spawn(async move { call.send().await.expect("receives").messages.unwrap_or_default() })
    }

    /// How many long polls wait at a queue.
    pub fn waiting_receivers(&self, queue: &str) -> usize {
        self.servers().map(|server| server.waiting_receivers(queue)).sum()
    }

    /// Returns once so many long polls wait at a queue.
    pub async fn waiting(&self, queue: &str, receivers: usize) {
        let give_up = Instant::now() + Duration::from_secs(20);
        while self.waiting_receivers(queue) != receivers {
            assert!(Instant::now() < give_up, "{receivers} receivers never waited at {queue}");
            tokio::task::yield_now().await;
        }
    }

    /// A long poll that waits by now.
    pub async fn parked(&self, queue: &str, seconds: i32) -> tokio::task::JoinHandle<Vec<Message>> {
        let before = self.waiting_receivers(queue);
        let poll = self.poll(queue, seconds);
        self.waiting(queue, before + 1).await;
        poll
    }
}

pub fn base64_of(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub fn base64_text(text: &str) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
    String::from_utf8(bytes).expect("UTF-8")
}
