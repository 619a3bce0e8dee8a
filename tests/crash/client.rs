//! A tiny blocking SQS client: one connection, JSON bodies, and the exact moments between which an answer was given.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longer than any long poll of this test; whoever hits it has found a server that hangs.
const READ_TIME_LIMIT: Duration = Duration::from_secs(60);

/// Wall time in milliseconds, which is what the server goes by, too.
pub fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// From just before a request was written until just after its answer was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub began_ms: u64,
    pub ended_ms: u64,
}

/// What came of a request.
#[derive(Debug)]
pub enum Answer {
    /// Acknowledged.
    Done(Value),
    /// An error in SQS's shape.
    Refused(String),
    /// No answer: either outcome is fine.
    Lost,
}

/// One connection. Once it is lost every further request is, too.
pub struct Client {
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).and_then(|stream| {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(READ_TIME_LIMIT))?;
            Ok(BufReader::new(stream))
        });
        Client { stream: stream.ok() }
    }

    /// Whether the server is known to be gone.
    pub fn is_lost(&self) -> bool {
        self.stream.is_none()
    }

    /// Carries out one action.
    pub fn call(&mut self, action: &str, request: &Value) -> (Answer, Span) {
        let began_ms = now_ms();
        let answer = match self.exchange(action, &request.to_string()) {
            Some((200, text)) if text.is_empty() => Answer::Done(Value::Null),
            Some((200, text)) => serde_json::from_str(&text).map_or_else(|_| Answer::Refused(text), Answer::Done),
            Some((status, text)) => Answer::Refused(format!("{status} {text}")),
            None => {
                self.stream = None;
                Answer::Lost
            }
        };
        (answer, Span { began_ms, ended_ms: now_ms() })
    }

    fn exchange(&mut self, action: &str, body: &str) -> Option<(u16, String)> {
        let stream = self.stream.as_mut()?;
        let request = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: AmazonSQS.{action}\r\n\
             content-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.get_mut().write_all(request.as_bytes()).ok()?;
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut length = 0;
        loop {
            line.clear();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let header = line.trim_end();
            if header.is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
        }
        let mut text = vec![0; length];
        stream.read_exact(&mut text).ok()?;
        Some((status, String::from_utf8(text).ok()?))
    }
}
