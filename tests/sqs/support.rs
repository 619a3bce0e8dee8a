//! A server with a clock that stands, an SDK client for it, and requests by hand in both protocols.

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
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The account of callers with an ordinary access key.
pub const ACCOUNT: &str = "000000000000";
/// The text of the JSON protocol for a missing queue.
pub const NO_QUEUE: &str = "The specified queue does not exist.";
/// The code for it.
pub const NO_QUEUE_CODE: &str = "AWS.SimpleQueueService.NonExistentQueue";

/// Runs all of these tests against a data directory when set: `process` or `full`.
const DURABILITY: &str = "KEW_TEST_DURABILITY";

/// A server under test and its client.
pub struct Kew {
    pub server: kew::Server,
    pub client: Client,
    /// Kept for as long as the server, if it has one.
    _data: Option<tempfile::TempDir>,
}

/// An answer to a request made by hand.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// What an SDK user sees of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub status: u16,
    pub code: String,
    pub message: String,
}

pub fn failure(status: u16, code: &str, message: &str) -> Failure {
    Failure { status, code: code.to_owned(), message: message.to_owned() }
}

pub fn client_as(server: &kew::Server, access_key: &str, region: &str) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version_latest()
        .endpoint_url(server.endpoint_url())
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
        let client = client_as(&server, "test", "us-east-1");
        Kew { server, client, _data: None }
    }

    /// Stops the server and waits until it has let go of its data.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
    }

    /// A server with these queues, each with its attributes.
    /// On a data directory, with a clock that begins so long after a manual clock's beginning.
    #[cfg(feature = "store")]
    pub fn on(dir: &std::path::Path, builder: kew::ServerBuilder, days_on: u64) -> Kew {
        let clock = kew::Clock::manual();
        clock.advance(Duration::from_secs(days_on * 86_400));
        let builder = builder.data(dir, kew::internals::config::Durability::Process).clock(clock);
        let server = builder.start().expect("a free port and a store");
        let client = client_as(&server, "test", "us-east-1");
        Kew { server, client, _data: None }
    }

    /// Lets go of the data directory.
    pub async fn stop(self) {
        self.server.shutdown().await;
    }

    pub async fn holding(queues: &[(&str, &[(&str, &str)])]) -> Kew {
        let kew = Kew::start();
        for (name, attributes) in queues {
            kew.create(name, attributes).await;
        }
        kew
    }

    pub fn url(&self, queue: &str) -> String {
        self.server.queue_url(queue)
    }

    pub fn arn(&self, queue: &str) -> String {
        format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}")
    }

    pub fn redrive(&self, target: &str, count: u32) -> String {
        format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{count}}}"#, self.arn(target))
    }

    /// Turns the clock.
    pub fn turn(&self, seconds: u64) {
        self.server.advance(Duration::from_secs(seconds));
    }

    pub fn turn_ms(&self, ms: u64) {
        self.server.advance(Duration::from_millis(ms));
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

    /// Returns once so many long polls wait at a queue.
    pub async fn waiting(&self, queue: &str, receivers: usize) {
        let give_up = Instant::now() + Duration::from_secs(20);
        while self.server.waiting_receivers(queue) != receivers {
            assert!(Instant::now() < give_up, "{receivers} receivers never waited at {queue}");
            tokio::task::yield_now().await;
        }
    }

    /// A long poll that waits by now.
    pub async fn parked(&self, queue: &str, seconds: i32) -> tokio::task::JoinHandle<Vec<Message>> {
        let before = self.server.waiting_receivers(queue);
        let poll = self.poll(queue, seconds);
        self.waiting(queue, before + 1).await;
        poll
    }

    /// A request of any bytes, and its answer.
    pub fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        raw(&self.server, method, path, headers, body)
    }

    /// Has several connections make the same request again and again, until what it gives back is dropped.
    pub fn repeatedly(&self, connections: usize, action: &str, members: &Value) -> Repetition {
        let body = members.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonSQS.{action}\r\n\
             Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let stop = Arc::new(AtomicBool::new(false));
        let connection = |_| {
            let stream = TcpStream::connect(self.server.addresses()[0]).expect("connects");
            let (stop, request) = (stop.clone(), request.clone());
            std::thread::spawn(move || repeat(stream, request.as_bytes(), &stop))
        };
        Repetition { threads: (0..connections).map(connection).collect(), stop }
    }

    /// An action over the JSON protocol.
    pub fn json(&self, action: &str, members: &Value) -> Answer {
        let target = format!("AmazonSQS.{action}");
        let headers = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", target.as_str())];
        self.raw("POST", "/", &headers, &members.to_string())
    }

    /// The same action over the Query protocol, its members flattened.
    pub fn query(&self, action: &str, members: &Value) -> Answer {
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        self.raw("POST", "/", &headers, &form(action, members))
    }

    /// Both protocols refuse a request with the same status, code and text.
    #[track_caller]
    pub fn refuses(&self, action: &str, members: &Value, status: u16, code: &str, message: &str) {
        self.refuses_in_json(action, members, status, code, message);
        assert_eq!(self.query(action, members).xml_failure(), failure(status, code, message), "Query {members}");
    }

    /// For what a form cannot say, such as an empty list.
    #[track_caller]
    pub fn refuses_in_json(&self, action: &str, members: &Value, status: u16, code: &str, message: &str) {
        assert_eq!(self.json(action, members).json_failure(), failure(status, code, message), "JSON {members}");
    }

    /// Both protocols refuse the value of a parameter.
    #[track_caller]
    pub fn invalid(&self, action: &str, members: &Value, message: &str) {
        self.refuses(action, members, 400, "InvalidParameterValue", message);
    }

    /// Both protocols miss a parameter.
    #[track_caller]
    pub fn missing(&self, action: &str, members: &Value, name: &str) {
        let text = format!("The request must contain the parameter {name}.");
        self.refuses(action, members, 400, "MissingParameter", &text);
    }
}

/// Requests that are made again and again; see [`Kew::repeatedly`].
pub struct Repetition {
    threads: Vec<std::thread::JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Drop for Repetition {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let ended: Vec<_> = self.threads.drain(..).map(std::thread::JoinHandle::join).collect();
        assert!(std::thread::panicking() || ended.iter().all(Result::is_ok), "a connection was not served");
    }
}

/// Writes the same request again and again on one connection, and reads the answers.
fn repeat(mut stream: TcpStream, request: &[u8], stop: &AtomicBool) {
    let mut answers = BufReader::new(stream.try_clone().expect("a second handle"));
    while !stop.load(Ordering::SeqCst) {
        stream.write_all(request).expect("writes");
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            assert!(answers.read_line(&mut line).expect("reads") > 0, "the server ended the connection");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().expect("a number");
            }
        }
        std::io::copy(&mut (&mut answers).take(length), &mut std::io::sink()).expect("reads");
    }
}

/// One request on a connection of its own.
pub fn raw(server: &kew::Server, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut stream = TcpStream::connect(server.addresses()[0]).expect("connects");
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "Host") {
        head.push_str(&format!("Host: {}\r\n", server.addresses()[0]));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).expect("writes");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("answers in UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    Answer { status, headers: lines.filter_map(header).collect(), body: body.to_owned() }
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The text of the first element of this name.
    pub fn xml(&self, element: &str) -> Option<String> {
        self.xml_all(element).into_iter().next()
    }

    /// The texts of all elements of this name.
    pub fn xml_all(&self, element: &str) -> Vec<String> {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let pieces = self.body.split(&open).skip(1).filter_map(|rest| rest.split_once(&close));
        pieces.map(|(text, _)| unescape(text)).collect()
    }

    /// What an error of the JSON protocol says, after a look at its form.
    #[track_caller]
    pub fn json_failure(&self) -> Failure {
        let body = self.json();
        let (code, fault) = self.header("x-amzn-query-error").split_once(';').unwrap_or_default();
        assert_eq!(fault, "Sender", "{self:?}");
        assert_eq!(self.header("content-type"), "application/x-amz-json-1.0", "{self:?}");
        assert_eq!(body["__type"], json_type(code), "{self:?}");
        failure(self.status, code, body["message"].as_str().unwrap_or_default())
    }

    /// What an error of the Query protocol says, after a look at its form.
    #[track_caller]
    pub fn xml_failure(&self) -> Failure {
        let begin =
            "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error>";
        assert!(self.body.starts_with(begin), "{self:?}");
        assert!(self.body.contains("<Detail/></Error><RequestId>"), "{self:?}");
        assert_eq!(self.xml("Type").as_deref(), Some("Sender"), "{self:?}");
        assert_eq!(self.header("content-type"), "text/xml", "{self:?}");
        let message = self.xml("Message").unwrap_or_default();
        let message =
            message.strip_suffix(" for this wsdl version.").map_or(message.clone(), |text| format!("{text}."));
        failure(self.status, &self.xml("Code").unwrap_or_default(), &message)
    }

    #[track_caller]
    pub fn ok(self) -> Answer {
        assert_eq!(self.status, 200, "{self:?}");
        self
    }
}

/// The `__type` that goes with a code.
fn json_type(code: &str) -> String {
    let generic = |name: &str| format!("com.amazon.coral.service#{name}");
    match code {
        "InvalidParameterValue" => generic("InvalidParameterValueException"),
        "MissingParameter" => generic("MissingRequiredParameterException"),
        "InvalidAction" => generic("UnknownOperationException"),
        "MalformedInput" => generic("SerializationException"),
        NO_QUEUE_CODE => "com.amazonaws.sqs#QueueDoesNotExist".to_owned(),
        "QueueAlreadyExists" => "com.amazonaws.sqs#QueueNameExists".to_owned(),
        _ => format!("com.amazonaws.sqs#{}", code.trim_start_matches("AWS.SimpleQueueService.")),
    }
}

fn unescape(text: &str) -> String {
    let replaced = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    replaced.replace("&#13;", "\r").replace("&#xD;", "\r").replace("&amp;", "&")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The members of a request as the form of the Query protocol.
pub fn form(action: &str, members: &Value) -> String {
    let mut pairs = vec![("Action".to_owned(), action.to_owned()), ("Version".to_owned(), "2012-11-05".to_owned())];
    for (name, value) in members.as_object().expect("a JSON object") {
        flatten(action, name, value, "", &mut pairs);
    }
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn flatten(action: &str, name: &str, value: &Value, prefix: &str, pairs: &mut Vec<(String, String)>) {
    let singular = match name {
        "Attributes" => "Attribute",
        "tags" | "Tags" => "Tag",
        "Entries" => &format!("{action}RequestEntry"),
        "AWSAccountIds" => "AWSAccountId",
        "Actions" => "ActionName",
        other => other.strip_suffix('s').filter(|_| value.is_array() || value.is_object()).unwrap_or(other),
    };
    let key = if singular == "Tag" { "Key" } else { "Name" };
    match value {
        Value::Object(map) => {
            for (index, (name, value)) in map.iter().enumerate() {
                let item = format!("{prefix}{singular}.{}", index + 1);
                pairs.push((format!("{item}.{key}"), name.clone()));
                match value {
                    Value::Object(fields) => pairs
                        .extend(fields.iter().map(|(field, value)| (format!("{item}.Value.{field}"), plain(value)))),
                    other => pairs.push((format!("{item}.Value"), plain(other))),
                }
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                let item = format!("{prefix}{singular}.{}", index + 1);
                match value {
                    Value::Object(fields) => {
                        for (field, value) in fields {
                            flatten(action, field, value, &format!("{item}."), pairs);
                        }
                    }
                    other => pairs.push((item, plain(other))),
                }
            }
        }
        other => pairs.push((format!("{prefix}{name}"), plain(other))),
    }
}

pub fn base64_of(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub fn base64_text(text: &str) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
    String::from_utf8(bytes).expect("UTF-8")
}
