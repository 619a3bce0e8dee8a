//! What is measured: one list of operations, for the micro-benchmarks and for the instruction counts.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use kew::Server;
use kew::internals::api::{Body, ReceiveMessageResult, ReceivedMessage, Response, SystemAttributes};
use kew::internals::auth::{self, CredentialsFile, HttpRequest, Identity, Scope};
use kew::internals::engine::{
    DeduplicationScope, MessageId, NewMessage, Queue, QueueType, ReceiveOptions, Settings, Time,
};
use kew::internals::wire::{self, Head, Method, Protocol};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Does it once.
pub type Operation = Box<dyn FnMut()>;

/// Bytes of a message body.
const SIZE: usize = 256;
const JSON: &str = "application/x-amz-json-1.0";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=test/20261120/us-east-1/sqs/aws4_request, \
     SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=0123456789abcdef0123456789abcdef";
const REQUEST_ID: &str = "7a62c49f-347e-4fc4-9331-6e8e7a96aa73";

/// A name, and how to make what is measured under it.
pub type Named = (&'static str, fn() -> Operation);

/// All operations by name. What is to be set up for one is set up when its function is called.
pub const OPERATIONS: &[Named] = &[
    ("codec/json/decode-send", || decode(Protocol::Json, SEND_JSON)),
    ("codec/query/decode-send", || decode(Protocol::Query, SEND_QUERY)),
    ("codec/json/encode-receive-10", || encode(Protocol::Json)),
    ("codec/query/encode-receive-10", || encode(Protocol::Query)),
    ("auth/identify", identify),
    ("engine/standard/10k", || engine(QueueType::Standard, 10_000, 0)),
    ("engine/fifo/10k", || engine(QueueType::Fifo, 10_000, 100)),
    ("service/json/cycle", || service(Protocol::Json, 0)),
    ("service/json/cycle-history", || service(Protocol::Json, 100_000)),
    ("service/json/cycle-history-full", || service(Protocol::Json, 300)),
    ("service/query/cycle", || service(Protocol::Query, 0)),
];

/// The same with more in the queue: too slow to set up for counting instructions.
pub const DEEP: &[Named] = &[
    ("engine/standard/1m", || engine(QueueType::Standard, 1_000_000, 0)),
    ("engine/fifo/1m", || engine(QueueType::Fifo, 1_000_000, 100)),
    ("engine/fifo/1m-100k-groups", || engine(QueueType::Fifo, 1_000_000, 100_000)),
];

fn text() -> String {
    "x".repeat(SIZE)
}

const URL: &str = "http://127.0.0.1:9324/000000000000/bench";
const SEND_JSON: &str = "{\"QueueUrl\":\"URL\",\"MessageBody\":\"TEXT\"}";
const SEND_QUERY: &str = "Action=SendMessage&Version=2012-11-05&QueueUrl=URL&MessageBody=TEXT";

fn filled(pattern: &str) -> String {
    pattern.replace("URL", URL).replace("TEXT", &text())
}

fn decode(protocol: Protocol, pattern: &str) -> Operation {
    let body = filled(pattern);
    let json = protocol == Protocol::Json;
    Box::new(move || {
        let head = Head {
            method: Method::Post,
            path: "/",
            query: None,
            content_type: Some(if json { JSON } else { FORM }),
            target: json.then_some("AmazonSQS.SendMessage"),
            smithy_protocol: None,
            accept: None,
            authorization: Some(SIGNATURE),
        };
        let call = wire::decode(black_box(&head), black_box(body.as_bytes()));
        assert!(black_box(call).is_ok());
    })
}

fn encode(protocol: Protocol) -> Operation {
    let message = ReceivedMessage {
        attributes: SystemAttributes(vec![("SentTimestamp", "1767225600000".to_owned())]),
        body: Body::Owned(text().into()),
        md5_of_body: "fafb00f5732ab283681e124bf8747ed1".to_owned(),
        md5_of_message_attributes: None,
        message_attributes: Default::default(),
        message_id: REQUEST_ID.to_owned(),
        receipt_handle: "AQEB".repeat(12),
    };
    let response = Response::ReceiveMessage(ReceiveMessageResult { messages: vec![message; 10] });
    Box::new(move || {
        black_box(wire::encode(protocol, black_box(&response), REQUEST_ID));
    })
}

/// Finds out who signed a SendMessage, with a signing key that is kept from the first time.
fn identify() -> Operation {
    // Signed with Python's `hmac`, for a body of this size.
    const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
         Signature=e1e1539308c25be8ae7c790e44c20f5b27dfd86d59997152d40f479bd284307a";
    const SIGNED_S: u64 = 1_767_225_600;
    let text = "[a]\naws_access_key_id = test\naws_secret_access_key = test\n";
    let no_files = |_: &str| Err("there are none".to_owned());
    let file = CredentialsFile { name: "keys", text, account: "000000000000", read_file: &no_files };
    let credentials = file.read().expect("keys");
    let body = filled(SEND_JSON);
    Box::new(move || {
        let headers: [(&str, &[u8]); 6] = [
            ("host", b"127.0.0.1:9324"),
            ("content-type", JSON.as_bytes()),
            ("x-amz-date", b"20260101T000000Z"),
            ("x-amz-target", b"AmazonSQS.SendMessage"),
            ("user-agent", b"Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.1.0 md/arch#x86_64 lang/python#3.11.7"),
            ("authorization", AUTHORIZATION.as_bytes()),
        ];
        let body = body.as_bytes();
        let request = HttpRequest { method: "POST", path: "/", query: None, headers: &headers, body };
        let scope = Scope { region: None, service: "sqs" };
        let identity = auth::identify(&credentials, black_box(&request), scope, SIGNED_S);
        assert!(matches!(black_box(identity), Ok(Identity::Signed(_))));
    })
}

/// Send, receive and delete of one message, straight at the engine, with `depth` others in the queue. A new message is
/// received last, so what is deleted is what has been there longest.
fn engine(queue_type: QueueType, depth: u64, groups: u64) -> Operation {
    let settings = Settings {
        deduplication_scope: DeduplicationScope::Queue,
        visibility_timeout_seconds: 30,
        retention_seconds: 345_600,
        fifo_delay_seconds: 0,
        in_flight_max: 120_000,
        redrive_max_receive_count: None,
    };
    let mut queue = Queue::new(1, queue_type, settings);
    let fifo = queue_type == QueueType::Fifo;
    let new = move |number: u64| NewMessage {
        id: MessageId(u128::from(number).to_be_bytes()),
        body: "x".repeat(SIZE).into(),
        body_md5: [0; 16],
        attributes: None,
        trace_header: None,
        sender: None,
        group: fifo.then(|| format!("g{}", number % groups).into()),
        deduplication_id: fifo.then(|| number.to_string().into()),
        delay_seconds: 0,
    };
    // One message a millisecond, so that deduplication ids are forgotten after 300,000 of them.
    for number in 0..depth {
        queue.send(Time(number), new(number), &mut ());
    }
    let mut number = depth;
    Box::new(move || {
        let now = Time(number);
        queue.tick(now, &mut ());
        queue.send(now, new(number), &mut ());
        number += 1;
        let options = ReceiveOptions { max: 1, visibility_timeout_seconds: Some(30), attempt_id: None };
        for delivery in queue.receive(now, &options, None, &mut ()).deliveries {
            black_box(queue.delete(now, delivery.receipt, &mut ()));
        }
    })
}

/// SendMessage, ReceiveMessage and DeleteMessage through the HTTP service, but for sockets and HTTP itself, with a history of so
/// many events: one that is small is full soon, and drops a message for each that comes.
fn service(protocol: Protocol, history_events: usize) -> Operation {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = Server::builder().queue("bench").history(history_events).start().expect("a server");
    let service = server.service().clone();
    let send = filled(if protocol == Protocol::Json { SEND_JSON } else { SEND_QUERY });
    let json = protocol == Protocol::Json;
    let answer = move |action: &str, body: String| -> String {
        let request = Request::post("/").header(HOST, "127.0.0.1:9324").header(AUTHORIZATION, SIGNATURE);
        let request = match json {
            true => request.header(CONTENT_TYPE, JSON).header("x-amz-target", format!("AmazonSQS.{action}")),
            false => request.header(CONTENT_TYPE, FORM),
        };
        let request = request.body(Full::new(Bytes::from(body))).expect("a request");
        let answer = async { service.answer(request, 9324).await.into_body().collect().await };
        // Nothing in a cycle waits, so one poll is enough.
        match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(body)) => String::from_utf8(body.to_bytes().into()).expect("text"),
            _ => panic!("{action} did not answer at once"),
        }
    };
    let receive = match json {
        true => format!("{{\"QueueUrl\":\"{URL}\",\"MaxNumberOfMessages\":1}}"),
        false => format!("Action=ReceiveMessage&QueueUrl={URL}&MaxNumberOfMessages=1"),
    };
    Box::new(move || {
        let _time = runtime.enter();
        let _keep = &server;
        answer("SendMessage", send.clone());
        let received = answer("ReceiveMessage", receive.clone());
        let (before, end) = if json { ("\"ReceiptHandle\":\"", '"') } else { ("<ReceiptHandle>", '<') };
        let handle = received.split_once(before).and_then(|(_, rest)| rest.split_once(end));
        let (handle, _) = handle.expect("a message");
        let delete = match json {
            true => format!("{{\"QueueUrl\":\"{URL}\",\"ReceiptHandle\":\"{handle}\"}}"),
            false => format!(
                "Action=DeleteMessage&QueueUrl={URL}&ReceiptHandle={}",
                handle.replace('+', "%2B").replace('=', "%3D")
            ),
        };
        black_box(answer("DeleteMessage", delete));
    })
}
