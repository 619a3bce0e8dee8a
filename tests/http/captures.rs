//! The requests that 28 real clients wrote, replayed to a server as it runs, as they are and said again in CBOR: each is answered as
//! its scenario expects.

use crate::answers::answer;

use crate::support::*;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use kew::Server;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

/// The account in the captures; their access keys name none.
const ACCOUNT: &str = "123456789012";
/// Receipt handles of the server that the captures were made with are long runs of lower-case letters.
const CAPTURED_HANDLE_LENGTH_MIN: usize = 100;

const NO_QUEUE: (u16, &str) = (400, "AWS.SimpleQueueService.NonExistentQueue");
const BAD_HANDLE: (u16, &str) = (404, "ReceiptHandleIsInvalid");
/// A second task for a queue that has one; the first was answered, and its retries come to a server that has it.
const BUSY: (u16, &str) = (400, "InvalidParameterValue");
/// The clients cancel a task with the handle `abc`.
const NO_TASK: (u16, &str) = (400, "InvalidParameterValue");
/// This client gives the queue's name among its attributes, which SQS does not allow; its users create the queue beforehand.
const UNKNOWN_ATTRIBUTE: (u16, &str) = (400, "InvalidAttributeName");
const GIVES_NAME_AS_ATTRIBUTE: &str = "js-serverless-offline-sqs-8.0.0";

/// Requests that fail, and how: client, number and operation, status and code. All others succeed.
const FAILING: &[(&str, &[&str], (u16, &str))] = &[
    ("aiobotocore-3.10.0", &["14-GetQueueUrl"], NO_QUEUE),
    ("awscli-v1-1.46.2", &["10-DeleteMessage"], BAD_HANDLE),
    ("awscli-v1-1.46.2", &["11-SendMessage"], NO_QUEUE),
    ("awscli-v2-2.9.19-query", &["10-DeleteMessage"], BAD_HANDLE),
    ("awscli-v2-2.9.19-query", &["11-SendMessage"], NO_QUEUE),
    ("boto2-2.49.0-query", &["12-GetQueueUrl"], NO_QUEUE),
    ("boto3-1.24.96-query", &["25-SendMessage", "27-GetQueueUrl"], NO_QUEUE),
    ("boto3-1.24.96-query", &["26-DeleteMessage"], BAD_HANDLE),
    (
        "boto3-1.35.0",
        &["26-StartMessageMoveTask", "27-StartMessageMoveTask", "28-StartMessageMoveTask", "29-StartMessageMoveTask"],
        BUSY,
    ),
    (
        "boto3-1.35.0",
        &[
            "35-CancelMessageMoveTask",
            "36-CancelMessageMoveTask",
            "37-CancelMessageMoveTask",
            "38-CancelMessageMoveTask",
            "39-CancelMessageMoveTask",
        ],
        NO_TASK,
    ),
    ("boto3-1.35.0", &["40-SendMessage", "42-GetQueueUrl"], NO_QUEUE),
    ("boto3-1.35.0", &["41-DeleteMessage"], BAD_HANDLE),
    ("boto3-1.44.5", &["26-StartMessageMoveTask", "27-StartMessageMoveTask"], BUSY),
    ("boto3-1.44.5", &["31-CancelMessageMoveTask", "32-CancelMessageMoveTask", "33-CancelMessageMoveTask"], NO_TASK),
    ("boto3-1.44.5", &["34-SendMessage", "36-GetQueueUrl"], NO_QUEUE),
    ("boto3-1.44.5", &["35-DeleteMessage"], BAD_HANDLE),
    // Looks first whether the queue is there.
    ("dramatiq-sqs-0.4.4", &["01-GetQueueUrl", "03-GetQueueUrl"], NO_QUEUE),
    ("go-v1-1.44.133-query", &["11-SendMessage"], NO_QUEUE),
    ("go-v1-1.55.6", &["11-SendMessage"], NO_QUEUE),
    ("go-v2-1.17.1-query", &["11-SendMessage"], NO_QUEUE),
    (GIVES_NAME_AS_ATTRIBUTE, &["01-CreateQueue"], UNKNOWN_ATTRIBUTE),
    ("js-v2-2.1300.0-query", &["11-SendMessage"], NO_QUEUE),
    ("js-v2-2.1693.0", &["11-SendMessage"], NO_QUEUE),
    ("js-v3-3.1169.0", &["14-SendMessage"], NO_QUEUE),
    ("js-v3-3.1169.0", &["15-DeleteMessage"], BAD_HANDLE),
    ("js-v3-3.300.0-query", &["14-SendMessage"], NO_QUEUE),
    ("js-v3-3.300.0-query", &["15-DeleteMessage"], BAD_HANDLE),
    ("php-async-aws-sqs-1.7.0-query", &["11-SendMessage"], NO_QUEUE),
    ("php-symfony-messenger-sqs-5.4-asyncaws-1.7", &["01-GetQueueUrl"], NO_QUEUE),
    ("ruby-aws-sdk-1.67.0-query", &["10-SendMessage"], NO_QUEUE),
    ("ruby-aws-sdk-sqs-v3", &["12-SendMessage", "13-GetQueueUrl"], NO_QUEUE),
    ("rust-aws-sdk-sqs-1.119.0", &["14-SendMessage"], NO_QUEUE),
    ("rust-aws-sdk-sqs-1.119.0", &["15-DeleteMessage"], BAD_HANDLE),
];

/// A client's session with its own server.
struct Session {
    server: Server,
    client: Peer,
    /// Handles that the server gave out and no request has named yet, by queue.
    fresh: HashMap<String, VecDeque<String>>,
    /// Our handle for each captured one.
    known: HashMap<String, String>,
    in_cbor: bool,
}

impl Session {
    fn new(client: &str, in_cbor: bool) -> Session {
        let mut builder = Server::builder().manual_clock().account(ACCOUNT);
        if client == GIVES_NAME_AS_ATTRIBUTE {
            builder = builder.queue("slsq");
        }
        let server = builder.start().unwrap();
        let client = Peer::of(&server);
        Session { server, client, fresh: HashMap::new(), known: HashMap::new(), in_cbor }
    }

    /// Sends one captured request, with our handles in it, and gives its answer.
    fn replay(&mut self, raw: &Raw) -> Answer {
        let queue = queue_of(raw);
        let (mut target, mut body) = (target_of(raw), raw.body.clone());
        for captured in captured_handles(raw) {
            let ours = self.handle_for(&captured, &queue);
            let ours = if raw.is_json() { ours } else { encoded(&ours) };
            target = target.replace(&captured, &ours);
            body = String::from_utf8(body).unwrap().replace(&captured, &ours).into_bytes();
        }
        let bytes = if self.in_cbor { in_cbor(raw, &target, body) } else { as_it_is(raw, &target, &body) };
        let answer = self.ask(raw, bytes, &queue);
        if raw.operation() == "ReceiveMessage" {
            self.fresh.entry(queue).or_default().extend(handles_in(&answer));
        }
        answer
    }

    fn ask(&mut self, raw: &Raw, bytes: Vec<u8>, queue: &str) -> Answer {
        self.client.send(bytes);
        if raw.operation() == "ReceiveMessage" {
            let_it_work(&self.server);
            if self.server.waiting_receivers(queue) > 0 {
                // The longest wait in the captures.
                self.server.advance(Duration::from_secs(5));
            }
        }
        let answer = self.client.answer();
        if answer.header("connection") == Some("close") {
            self.client.assert_closed();
            self.client = Peer::of(&self.server);
        }
        answer
    }

    /// Our handle in place of a captured one: the next that no request has named. The captures were made by clients that
    /// received and sent at the same time; where the message had come by then, and has not come here, it is received now.
    fn handle_for(&mut self, captured: &str, queue: &str) -> String {
        if let Some(ours) = self.known.get(captured) {
            return ours.clone();
        }
        let fresh = self.fresh.entry(queue.to_owned()).or_default();
        if fresh.is_empty() {
            let members = serde_json::json!({"QueueUrl": queue, "MaxNumberOfMessages": 1}).to_string();
            fresh.extend(handles_in(&Peer::of(&self.server).ask(json("ReceiveMessage", members))));
        }
        let ours = fresh.pop_front().unwrap_or_else(|| panic!("no message of {queue} is left to name"));
        self.known.insert(captured.to_owned(), ours.clone());
        ours
    }
}

fn as_it_is(raw: &Raw, target: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{} {target} HTTP/1.1\r\n", raw.method).into_bytes();
    for (name, value) in &raw.headers {
        let value = if name == "content-length" { body.len().to_string() } else { value.clone() };
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// The same members to the same host.
fn in_cbor(raw: &Raw, target: &str, body: Vec<u8>) -> Vec<u8> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query.to_owned())));
    let (client, name) = (raw.client.clone(), raw.name.clone());
    let (method, path, headers) = (raw.method.clone(), path.to_owned(), raw.headers.clone());
    let replayed = Raw { client, name, method, path, query, headers, body };
    let request = replayed.decode().request;
    let body = cbor::body(&flatten::members(&flatten::of_request(&request)));
    let target = format!("/service/AmazonSQS/operation/{}", raw.operation());
    let mut headers = vec![("smithy-protocol", "rpc-v2-cbor"), ("Content-Type", "application/cbor")];
    if let Some(authorization) = raw.header("authorization") {
        headers.push(("authorization", authorization));
    }
    request_to(raw.header("host").unwrap_or_default(), "POST", &target, &headers, body)
}

fn queue_of(raw: &Raw) -> String {
    let mut request = raw.decode().request;
    let url = request.queue_url_mut().and_then(|url| url.clone()).unwrap_or_default();
    url.rsplit('/').next().unwrap_or_default().to_owned()
}

fn target_of(raw: &Raw) -> String {
    raw.query.as_ref().map_or_else(|| raw.path.clone(), |query| format!("{}?{query}", raw.path))
}

/// The receipt handles in a request, each once.
fn captured_handles(raw: &Raw) -> Vec<String> {
    if !matches!(raw.operation().get(..6), Some("Delete" | "Change")) {
        return Vec::new();
    }
    let text = format!("{} {}", target_of(raw), std::str::from_utf8(&raw.body).unwrap());
    let runs = text.split(|c: char| !c.is_ascii_lowercase()).filter(|run| run.len() >= CAPTURED_HANDLE_LENGTH_MIN);
    let mut handles: Vec<String> = Vec::new();
    for run in runs {
        if !handles.iter().any(|handle| handle == run) {
            handles.push(run.to_owned());
        }
    }
    handles
}

fn handles_in(answer: &Answer) -> Vec<String> {
    if answer.header("content-type") == Some("text/xml") {
        let parts = answer.text().split("<ReceiptHandle>").skip(1);
        return parts.map(|part| part.split('<').next().unwrap().to_owned()).collect();
    }
    let messages = answer.json()["Messages"].as_array().cloned().unwrap_or_default();
    messages.iter().map(|message| message["ReceiptHandle"].as_str().unwrap().to_owned()).collect()
}

fn encoded(text: &str) -> String {
    serde_urlencoded::to_string([("", text)]).unwrap()[1..].to_owned()
}

/// Status and code of an answer, after a look at its shape.
fn outcome(raw: &Raw, answer: &Answer) -> (u16, String) {
    let text = if answer.header("smithy-protocol").is_some() && !answer.body.is_empty() {
        &answer.json().to_string()
    } else {
        answer.text()
    };
    if answer.status == 200 {
        // A batch may fail in part behind a 200.
        assert!(!text.contains("BatchResultErrorEntry") && !text.contains("\"Failed\""), "{} {text}", raw.name);
        return (200, String::new());
    }
    let between = |from: &str, to: &str| Some(text.split_once(from)?.1.split_once(to)?.0.to_owned());
    let code = match answer.header("x-amzn-query-error") {
        Some(header) => header.split(';').next().unwrap().to_owned(),
        None => between("<Code>", "</Code>").unwrap_or_else(|| panic!("{} {text}", raw.name)),
    };
    (answer.status, code)
}

#[test]
fn every_captured_request_is_answered_as_its_scenario_expects() {
    let mut by_client = BTreeMap::<String, Vec<Raw>>::new();
    for raw in captures() {
        by_client.entry(raw.client.clone()).or_default().push(raw);
    }
    let mut replayed = 0;
    let mut wrong = Vec::new();
    for (client, requests) in &by_client {
        let mut session = Session::new(client, false);
        for raw in requests {
            let answer = session.replay(raw);
            let found = outcome(raw, &answer);
            let failing =
                FAILING.iter().find(|(of, names, _)| *of == client.as_str() && names.contains(&raw.name.as_str()));
            let expected = failing.map_or((200, String::new()), |(_, _, (status, code))| (*status, code.to_string()));
            if found != expected {
                wrong.push(format!("{client}/{}: {found:?}, not {expected:?}: {}", raw.name, answer.text()));
            }
            let json = if raw.is_json() { AMZ_JSON } else { "text/xml" };
            assert_eq!(answer.header("content-type"), Some(json), "{client}/{}", raw.name);
            replayed += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(replayed, 479);
}

/// An answer's content, without what no two answers have alike.
fn comparable(answer: &Answer) -> serde_json::Value {
    fn blank(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => {
                for (name, value) in members {
                    match name.as_str() {
                        "MessageId" | "ReceiptHandle" | "SequenceNumber" | "TaskHandle" => *value = "".into(),
                        _ => blank(value),
                    }
                }
            }
            serde_json::Value::Array(list) => list.iter_mut().for_each(blank),
            _ => {}
        }
    }
    if answer.body.is_empty() {
        return serde_json::Value::Null;
    }
    let mut content = answer.json();
    blank(&mut content);
    content
}

#[test]
fn every_captured_request_is_answered_alike_in_cbor() {
    let mut by_client = BTreeMap::<String, Vec<Raw>>::new();
    for raw in captures() {
        by_client.entry(raw.client.clone()).or_default().push(raw);
    }
    let (mut replayed, mut compared) = (0, 0);
    for (client, requests) in &by_client {
        let (mut plain, mut in_cbor) = (Session::new(client, false), Session::new(client, true));
        for raw in requests {
            let (expected, answer) = (plain.replay(raw), in_cbor.replay(raw));
            let name = format!("{client}/{}", raw.name);
            assert_eq!(outcome(raw, &answer), outcome(raw, &expected), "{name}");
            assert_eq!(answer.header("smithy-protocol"), Some("rpc-v2-cbor"), "{name}");
            let kind = if answer.body.is_empty() { None } else { Some("application/cbor") };
            assert_eq!(answer.header("content-type"), kind, "{name}");
            if raw.is_json() {
                assert_eq!(comparable(&answer), comparable(&expected), "{name}");
                compared += 1;
            }
            replayed += 1;
        }
    }
    assert_eq!(replayed, 479);
    assert!(compared > 200, "{compared}");
}

/// What containers, clusters, networks with a DNS of their own and people call a server.
const HOSTS: &[&str] = &[
    "localhost:9324",
    "127.0.0.1:9324",
    "kew:9324",
    "sqs.eu-west-1.amazonaws.com",
    "host.docker.internal",
    "192.0.2.7:9324",
    "[2001:db8::7]:9324",
    "sqs.svc.cluster.local",
];

#[test]
fn every_captured_client_is_let_in_by_each_name_of_a_container_network() {
    // For the limit on the time that a body may take, which needs a timer.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _inside = runtime.enter();
    let server = Server::builder().manual_clock().account(ACCOUNT).start().unwrap();
    let mut asked = 0;
    for raw in captures() {
        for host in HOSTS.iter().chain(&["kew.example.com"]) {
            let mut request = Request::builder().method(raw.method.as_str()).uri(target_of(&raw));
            for (name, value) in &raw.headers {
                request = request.header(name, if name == "host" { *host } else { value });
            }
            let request = request.body(Full::new(Bytes::from(raw.body.clone()))).unwrap();
            // A GET is taken only by a name that no page can have; boto 2 asks so.
            let refused = raw.method == "GET" && *host == "kew.example.com";
            let status = answer(server.service(), request).status().as_u16();
            assert_eq!(status == 403, refused, "{}/{} {host}: {status}", raw.client, raw.name);
            asked += 1;
        }
    }
    assert_eq!(asked, 479 * (HOSTS.len() + 1));
}
