//! Requests by hand in both protocols, where the SDK cannot say a thing or the bytes matter, and what their answers say.

use crate::fixture::Kew;
pub use crate::support::http::Answer;
use crate::support::http::{self, AMZ_JSON, Peer};
pub use crate::support::query::form;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The text of the JSON protocol for a missing queue.
pub const NO_QUEUE: &str = "The specified queue does not exist.";
/// The code for it.
pub const NO_QUEUE_CODE: &str = "AWS.SimpleQueueService.NonExistentQueue";

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

impl Kew {
    /// A request of any bytes, and its answer.
    pub fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        raw(self.address(), method, path, headers, body)
    }

    /// Has several connections make the same request again and again, until what it gives back is dropped.
    pub fn repeatedly(&self, connections: usize, action: &str, members: &Value) -> Repetition {
        let request = http::json(action, members.to_string());
        let stop = Arc::new(AtomicBool::new(false));
        let connection = |_| {
            let mut peer = Peer::at(self.address());
            let (stop, request) = (stop.clone(), request.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    peer.ask(&request);
                }
            })
        };
        Repetition { threads: (0..connections).map(connection).collect(), stop }
    }

    /// An action over the JSON protocol.
    pub fn json(&self, action: &str, members: &Value) -> Answer {
        let target = format!("AmazonSQS.{action}");
        let headers = [("Content-Type", AMZ_JSON), ("X-Amz-Target", target.as_str())];
        self.raw("POST", "/", &headers, &members.to_string())
    }

    /// The same action over the Query protocol, its members flattened.
    pub fn query(&self, action: &str, members: &Value) -> Answer {
        let headers = [("Content-Type", http::FORM)];
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

/// One request on a connection of its own, with this address as its host unless a header names another.
pub fn raw(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let own = address.to_string();
    let (hosts, others): (Vec<_>, Vec<_>) = headers.iter().partition(|(name, _)| *name == "Host");
    let host = hosts.first().map_or(own.as_str(), |(_, host)| host);
    Peer::at(address).ask(http::request_to(host, method, path, &others, body))
}

/// What an answer says, beside [`Answer`]'s own methods.
impl Answer {
    pub fn header_or_empty(&self, name: &str) -> &str {
        self.header(name).unwrap_or_default()
    }

    /// The text of the first element of this name.
    pub fn xml(&self, element: &str) -> Option<String> {
        self.xml_all(element).into_iter().next()
    }

    /// The texts of all elements of this name.
    pub fn xml_all(&self, element: &str) -> Vec<String> {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let pieces = self.text().split(&open).skip(1).filter_map(|rest| rest.split_once(&close));
        pieces.map(|(text, _)| unescape(text)).collect()
    }

    /// What an error of the JSON protocol says, after a look at its form.
    #[track_caller]
    pub fn json_failure(&self) -> Failure {
        let body = self.json();
        let (code, fault) = self.header_or_empty("x-amzn-query-error").split_once(';').unwrap_or_default();
        assert_eq!(fault, "Sender", "{self:?}");
        assert_eq!(self.header("content-type"), Some(AMZ_JSON), "{self:?}");
        assert_eq!(body["__type"], json_type(code), "{self:?}");
        failure(self.status, code, body["message"].as_str().unwrap_or_default())
    }

    /// What an error of the Query protocol says, after a look at its form.
    #[track_caller]
    pub fn xml_failure(&self) -> Failure {
        let begin =
            "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error>";
        assert!(self.text().starts_with(begin), "{self:?}");
        assert!(self.text().contains("<Detail/></Error><RequestId>"), "{self:?}");
        assert_eq!(self.xml("Type").as_deref(), Some("Sender"), "{self:?}");
        assert_eq!(self.header("content-type"), Some("text/xml"), "{self:?}");
        let message = self.xml("Message").unwrap_or_default();
        let message =
            message.strip_suffix(" for this wsdl version.").map_or(message.clone(), |text| format!("{text}."));
        failure(self.status, &self.xml("Code").unwrap_or_default(), &message)
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
