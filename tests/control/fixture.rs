//! A server under test control, and a client for it that is nothing but a socket.
#![allow(dead_code, reason = "each area uses a part")]

use kew::internals::clock::NetworkTime;
use kew::{Server, ServerBuilder};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// After this a test fails: something hangs. No test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, and the real time of its control, which only the test turns.
pub struct Kew {
    pub server: Server,
    pub time: NetworkTime,
}

impl Kew {
    /// A server with one queue, `orders`.
    pub fn start() -> Kew {
        Kew::with(Server::builder().queue("orders"))
    }

    pub fn with(builder: ServerBuilder) -> Kew {
        let time = NetworkTime::manual();
        Kew { server: builder.network_time(time.clone()).start().unwrap(), time }
    }

    /// Turns real time.
    pub fn pass(&self, time: Duration) {
        assert!(self.time.advance(time));
    }

    pub fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    /// A request to the control API, by its path behind `/_kew`.
    pub fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, None).json()
    }

    pub fn delete(&self, path: &str) -> (u16, Value) {
        self.ask("DELETE", path, None).json()
    }

    pub fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.ask("POST", path, Some(body)).json()
    }

    pub fn put(&self, path: &str, body: Value) -> (u16, Value) {
        self.ask("PUT", path, Some(body)).json()
    }

    /// The answer for people.
    pub fn text(&self, method: &str, path: &str) -> (u16, String) {
        let answer = self.request(method, &format!("/_kew{path}"), &[("Accept", "text/plain")], "");
        (answer.status, answer.body)
    }

    fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.filter(|body| !body.is_null()).map(|body| body.to_string()).unwrap_or_default();
        self.request(method, &format!("/_kew{path}"), &[("Content-Type", "application/json")], &body)
    }

    /// Any request.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.begin(method, path, headers, body).answer()
    }

    /// A request whose answer is read later, or piece by piece.
    pub fn begin(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Pending {
        Pending::begin(self.address(), method, path, headers, body)
    }

    /// An action of SQS, in the server's own account.
    pub fn sqs(&self, action: &str, body: Value) -> (u16, Value) {
        self.begin_sqs("test", action, body).answer().json()
    }

    /// An action of SQS, signed with an access key, whose answer is read later.
    pub fn begin_sqs(&self, access_key: &str, action: &str, body: Value) -> Pending {
        begin_sqs(self.address(), access_key, action, body)
    }

    /// Sends a message; its id.
    pub fn send(&self, queue: &str, body: &str) -> String {
        let (status, sent) = self.sqs("SendMessage", json!({"QueueUrl": queue, "MessageBody": body}));
        assert_eq!(status, 200, "{sent}");
        sent["MessageId"].as_str().unwrap().to_owned()
    }

    /// Receives up to ten messages without waiting.
    pub fn receive(&self, queue: &str) -> Vec<Value> {
        let (status, got) = self.sqs("ReceiveMessage", json!({"QueueUrl": queue, "MaxNumberOfMessages": 10}));
        assert_eq!(status, 200, "{got}");
        got["Messages"].as_array().cloned().unwrap_or_default()
    }

    /// Begins a long poll, and returns once it is parked.
    pub fn park(&self, queue: &str) -> Pending {
        let before = self.parked(queue);
        let body = json!({"QueueUrl": queue, "WaitTimeSeconds": 20});
        let pending = self.begin_sqs("test", "ReceiveMessage", body);
        while self.parked(queue) == before {
            std::thread::yield_now();
        }
        pending
    }

    /// A long poll for up to ten messages with their attributes, whether there is something at once or not.
    pub fn park_or_take(&self, queue: &str) -> Pending {
        let all = json!(["All"]);
        let body = json!({"QueueUrl": queue, "WaitTimeSeconds": 20, "MessageSystemAttributeNames": all});
        self.begin_sqs("test", "ReceiveMessage", body)
    }

    /// Waits until something is so.
    #[track_caller]
    pub fn until(&self, is_so: impl Fn() -> bool) {
        let give_up = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < give_up, "it never came to be");
            std::thread::yield_now();
        }
    }

    /// Lets real time pass, little by little, while something is waited for.
    pub fn passing<R: Send>(&self, wait: impl FnOnce() -> R + Send) -> R {
        std::thread::scope(|scope| {
            let waiting = scope.spawn(wait);
            while !waiting.is_finished() {
                self.pass(Duration::from_millis(1));
                std::thread::yield_now();
            }
            waiting.join().unwrap()
        })
    }

    fn parked(&self, queue: &str) -> u64 {
        self.get(&format!("/queues/{queue}")).1["parked"].as_u64().unwrap()
    }
}

/// An action of SQS at some address, signed with an access key.
pub fn begin_sqs(address: SocketAddr, access_key: &str, action: &str, body: Value) -> Pending {
    let (target, signed) = (format!("AmazonSQS.{action}"), signed_with(access_key));
    let json = "application/x-amz-json-1.0";
    let headers = [("Content-Type", json), ("X-Amz-Target", target.as_str()), ("Authorization", signed.as_str())];
    Pending::begin(address, "POST", "/", &headers, &body.to_string())
}

fn signed_with(access_key: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={access_key}/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
    )
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> (u16, Value) {
        // What has nothing to tell answers nothing.
        let text = if self.body.is_empty() { "{}" } else { &self.body };
        let json = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        (self.status, json)
    }
}

/// A request that was sent, on a connection of its own.
pub struct Pending {
    reader: BufReader<TcpStream>,
}

impl Pending {
    pub fn begin(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Pending {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request += &format!("Host: {address}\r\n");
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).unwrap();
        Pending { reader: BufReader::new(stream) }
    }

    /// The head of the answer.
    pub fn head(&mut self) -> Answer {
        let status_line = self.line();
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status: {status_line:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        Answer { status, headers, body: String::new() }
    }

    /// The whole answer.
    pub fn answer(mut self) -> Answer {
        let mut answer = self.head();
        if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk() {
                answer.body += &chunk;
            }
        } else {
            self.reader.read_to_string(&mut answer.body).unwrap();
        }
        answer
    }

    /// The next piece of a body that comes in pieces, after the head; none at its end.
    pub fn chunk(&mut self) -> Option<String> {
        let length = usize::from_str_radix(&self.line(), 16).unwrap();
        let mut chunk = vec![0; length + 2];
        self.reader.read_exact(&mut chunk).unwrap();
        chunk.truncate(length);
        (length > 0).then(|| String::from_utf8(chunk).unwrap())
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}
