//! A client that is nothing but a socket: it writes what it is told, byte for byte, and reads answers strictly.
//!
//! What a living server must not do ends the test. Where a server may be killed, [`Peer::connect`] and [`Peer::try_ask`]
//! give errors of the connection back.

use kew::Server;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// After this a test fails: something hangs. Longer than any long poll, and no test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

pub const AMZ_JSON: &str = "application/x-amz-json-1.0";
pub const FORM: &str = "application/x-www-form-urlencoded";

/// A server with the queue `q`, one thread and a manual clock.
pub fn server() -> Server {
    Server::builder().queue("q").manual_clock().start().unwrap()
}

/// One end of a connection.
pub struct Peer {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Peer {
    pub fn of(server: &Server) -> Peer {
        Peer::at(server.addresses()[0])
    }

    pub fn at(address: SocketAddr) -> Peer {
        Peer::connect(address).unwrap()
    }

    pub fn connect(address: SocketAddr) -> io::Result<Peer> {
        Peer::connect_within(address, PATIENCE)
    }

    /// One that waits no longer than this for anything.
    pub fn connect_within(address: SocketAddr, patience: Duration) -> io::Result<Peer> {
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Peer { stream, read: Vec::new() })
    }

    pub fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Peer {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Sends as much as the server takes; it may close meanwhile.
    pub fn send_what_goes(&mut self, bytes: impl AsRef<[u8]>) -> &mut Peer {
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// Sends these bytes, unless the server has closed the connection: then this is `false`.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        match self.stream.write_all(bytes.as_ref()) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the server neither reads nor closes")
            }
            sent => sent.is_ok(),
        }
    }

    /// Says that nothing more will come.
    pub fn end(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Reads some bytes; 0 is the end of the connection, however it ended.
    fn more(&mut self) -> io::Result<usize> {
        let mut piece = [0; 64 * 1024];
        match self.stream.read(&mut piece) {
            Ok(count) => {
                self.read.extend_from_slice(&piece[..count]);
                Ok(count)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(self.broken("the server neither answers nor closes"))
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => self.more(),
            Err(_) => Ok(0),
        }
    }

    fn broken(&self, what: &str) -> io::Error {
        io::Error::other(format!("{what}; so far: {:?}", String::from_utf8_lossy(&self.read)))
    }

    fn head_end(&mut self) -> io::Result<Option<usize>> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.read, b"\r\n\r\n") {
                return Ok(Some(at + 4));
            }
            if self.more()? == 0 {
                return if self.read.is_empty() {
                    Ok(None)
                } else {
                    Err(self.broken("the connection ended inside a head"))
                };
            }
        }
    }

    /// The next answer, or `None` at the end of the connection.
    fn try_answer(&mut self, with_body: bool) -> io::Result<Option<Answer>> {
        let Some(end) = self.head_end()? else { return Ok(None) };
        let mut answer = Answer::head(&self.read[..end]);
        self.read.drain(..end);
        let length = answer.header("content-length").map(|length| length.parse::<usize>().unwrap());
        if answer.status == 100 || answer.status == 204 {
            assert_eq!(length.unwrap_or(0), 0, "{answer:?}");
            return Ok(Some(answer));
        }
        // Answers are never chunked and never end with the connection.
        let length = length.unwrap_or_else(|| panic!("no content-length: {answer:?}"));
        if with_body {
            while self.read.len() < length {
                if self.more()? == 0 {
                    return Err(
                        self.broken(&format!("the connection ended inside a body of {length} bytes: {answer:?}"))
                    );
                }
            }
            let rest = self.read.split_off(length);
            answer.body = std::mem::replace(&mut self.read, rest);
        }
        Ok(Some(answer))
    }

    /// Sends a request and reads its answer; an error if the connection ends before that is whole.
    pub fn try_ask(&mut self, request: impl AsRef<[u8]>) -> io::Result<Answer> {
        self.stream.write_all(request.as_ref())?;
        self.try_answer(true)?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    fn read_answer(&mut self, with_body: bool) -> Option<Answer> {
        self.try_answer(with_body).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The next answer.
    pub fn answer(&mut self) -> Answer {
        self.read_answer(true).expect("an answer, not the end of the connection")
    }

    /// The next answer, if the connection does not end without one.
    pub fn answer_or_end(&mut self) -> Option<Answer> {
        self.read_answer(true)
    }

    /// The next answer, which has no body whatever its `Content-Length` says: the answer to HEAD.
    pub fn answer_without_body(&mut self) -> Answer {
        self.read_answer(false).expect("an answer, not the end of the connection")
    }

    /// Sends a request and reads its answer.
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request).answer()
    }

    /// Reads until the server closes; how many bytes came.
    pub fn read_to_the_end(&mut self) -> usize {
        let mut count = self.read.len();
        loop {
            self.read.clear();
            match self.more().unwrap() {
                0 => return count,
                more => count += more,
            }
        }
    }

    /// Asserts that the server has closed the connection without another byte.
    pub fn assert_closed(&mut self) {
        while self.read.is_empty() && self.more().unwrap() != 0 {}
        assert!(self.read.is_empty(), "more than the last answer: {:?}", String::from_utf8_lossy(&self.read));
    }

    /// Asserts the same, and that the server still takes what comes: a connection that is reset loses, on some systems, the answers
    /// that were not read before.
    pub fn assert_closed_and_listened_to(&mut self) {
        self.assert_closed();
        for _ in 0..10 {
            assert!(self.try_send("more"), "the connection was reset");
        }
    }

    /// Asserts that the connection serves another request.
    pub fn assert_open(&mut self) {
        assert_eq!(self.ask(get("/health")).status, 200);
    }
}

/// Lets a server with one thread do everything that was sent to it before this call: requests are taken up in turn.
pub fn let_it_work(server: &Server) {
    let mut peer = Peer::of(server);
    for _ in 0..5 {
        peer.assert_open();
    }
}

/// An answer as it came.
#[derive(Clone)]
pub struct Answer {
    pub version: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Answer { version, status, headers, body } = self;
        write!(f, "{version} {status} {headers:?} {}", String::from_utf8_lossy(body))
    }
}

impl Answer {
    fn head(bytes: &[u8]) -> Answer {
        let text = std::str::from_utf8(bytes).expect("a head of text");
        let mut lines = text.trim_end().split("\r\n");
        let status_line = lines.next().unwrap();
        let (version, rest) = status_line.split_once(' ').unwrap_or_else(|| panic!("{status_line:?}"));
        assert!(matches!(version, "HTTP/1.1" | "HTTP/1.0"), "{status_line:?}");
        let status = rest.get(..3).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("{status_line:?}"));
        let pair = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line:?}"));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Answer { version: version.to_owned(), status, headers: lines.map(pair).collect(), body: Vec::new() }
    }

    /// The next answer of a connection that is no plain socket.
    pub fn read(from: &mut impl Read) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            from.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        let mut answer = Answer::head(&head);
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body = vec![0; length];
        from.read_exact(&mut answer.body).expect("a whole body");
        answer
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let first = values.next();
        assert_eq!(values.next(), None, "{name} twice");
        first
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body's content, which is JSON or CBOR.
    pub fn json(&self) -> serde_json::Value {
        if self.header("content-type") == Some("application/cbor") {
            return super::cbor::json(&self.body);
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// Asserts that it succeeded.
    #[track_caller]
    pub fn ok(self) -> Answer {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// Asserts that it is an error as AWS JSON 1.0 shapes it, and that both of its names and its headers are there.
    #[track_caller]
    pub fn json_error(&self, status: u16, shape: &str, code: &str) -> &Answer {
        assert_eq!(self.status, status, "{self:?} {}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some(AMZ_JSON));
        let fault = if status < 500 { "Sender" } else { "Receiver" };
        assert_eq!(self.header("x-amzn-query-error"), Some(&*format!("{code};{fault}")));
        let json = self.json();
        let (namespace, name) = json["__type"].as_str().unwrap().split_once('#').unwrap();
        assert!(matches!(namespace, "com.amazonaws.sqs" | "com.amazon.coral.service"), "{namespace}");
        assert_eq!(name, shape);
        assert!(json["message"].as_str().is_some_and(|text| !text.is_empty()), "{json}");
        assert_eq!(json.as_object().unwrap().len(), 2, "{json}");
        assert_eq!(self.header("x-amzn-requestid").expect("a request id").len(), 36);
        self
    }

    /// Asserts that it is the answer to what is no request: a status, and the end of the connection.
    #[track_caller]
    pub fn bare_error(&self, status: u16) -> &Answer {
        assert_eq!((self.status, self.body.len()), (status, 0), "{self:?}");
        assert_eq!(self.header("connection"), Some("close"), "{self:?}");
        self
    }

    /// Asserts that it is an error as the Query protocol shapes it.
    #[track_caller]
    pub fn xml_error(&self, status: u16, code: &str) -> &Answer {
        assert_eq!(self.status, status, "{self:?} {}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("text/xml"));
        assert_eq!(self.header("x-amzn-query-error"), None);
        let text = self.text();
        assert!(text.contains("<ErrorResponse"), "{text}");
        assert!(text.contains(&format!("<Code>{code}</Code>")), "{text}");
        let id = self.header("x-amzn-requestid").expect("a request id");
        assert!(text.contains(&format!("<RequestId>{id}</RequestId>")), "{text}");
        self
    }
}

/// A request with `Host: door.internal:1234`, these headers, and a `Content-Length` if it has a body.
pub fn request(method: &str, target: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    request_to("door.internal:1234", method, target, headers, body)
}

/// The same with another `Host`.
pub fn request_to(host: &str, method: &str, target: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() || method == "POST" {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    text += "\r\n";
    [text.as_bytes(), body].concat()
}

/// A GET without headers.
pub fn get(target: &str) -> Vec<u8> {
    request("GET", target, &[], "")
}

/// A request in AWS JSON 1.0.
pub fn json(action: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    json_with(action, &[], body)
}

/// The same with more headers.
pub fn json_with(action: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let target = format!("AmazonSQS.{action}");
    let all = [&[("Content-Type", AMZ_JSON), ("X-Amz-Target", target.as_str())], headers].concat();
    request("POST", "/", &all, body)
}

/// A request in Smithy RPC v2 CBOR.
pub fn cbor(action: &str, members: &serde_json::Value) -> Vec<u8> {
    cbor_with(action, &[("Content-Type", "application/cbor")], super::cbor::body(members))
}

/// The same with other headers and any body.
pub fn cbor_with(action: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let all = [&[("smithy-protocol", "rpc-v2-cbor"), ("Accept", "application/cbor")], headers].concat();
    request("POST", &format!("/service/AmazonSQS/operation/{action}"), &all, body)
}

/// A request in the Query protocol.
pub fn form(body: impl AsRef<[u8]>) -> Vec<u8> {
    request("POST", "/", &[("Content-Type", FORM)], body)
}

/// Sends a message to `q`.
pub fn send(text: &str) -> Vec<u8> {
    json("SendMessage", serde_json::json!({"QueueUrl": "q", "MessageBody": text}).to_string())
}

/// Receives from `q`, waiting up to so many seconds of the server's clock.
pub fn receive(wait_seconds: u32) -> Vec<u8> {
    let members = serde_json::json!({"QueueUrl": "q", "MaxNumberOfMessages": 10, "WaitTimeSeconds": wait_seconds,
        "MessageSystemAttributeNames": ["ApproximateReceiveCount"]});
    json("ReceiveMessage", members.to_string())
}

/// Bodies and receive counts of the messages in an answer.
pub fn received(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let json = answer.json();
    let messages = json["Messages"].as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    messages.iter().map(|m| (text(&m["Body"]), text(&m["Attributes"]["ApproximateReceiveCount"]))).collect()
}
