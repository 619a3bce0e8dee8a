//! The few SQS actions that load is made of, in both protocols.

use crate::Protocol;
use crate::client::Connection;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::{Display, Write};
use std::io;

/// How to speak to the server.
pub struct Api {
    /// The protocol.
    pub protocol: Protocol,
    /// Whether queues are FIFO queues.
    pub fifo: bool,
    /// Message groups, used in turn.
    pub groups: u64,
}

/// A message to be sent: its body and a number that no other message has.
pub struct Message<'a> {
    /// The body; letters and digits only.
    pub body: &'a str,
    /// Who sends it.
    pub sender: usize,
    /// How many it has sent before.
    pub number: u64,
}

/// The members of a request, as they are written.
struct Members {
    protocol: Protocol,
    text: String,
    /// What the names of members begin with, in the Query protocol.
    prefix: String,
}

impl Members {
    fn of(protocol: Protocol, action: &str) -> Members {
        let text = match protocol {
            Protocol::Json => "{".to_owned(),
            Protocol::Query => format!("Action={action}&Version=2012-11-05"),
        };
        Members { protocol, text, prefix: String::new() }
    }

    /// A text that needs no escapes in JSON.
    fn text(&mut self, name: &str, value: impl Display) {
        // Writing into a string cannot fail.
        let _ = match self.protocol {
            Protocol::Json => write!(self.name(name), "\"{value}\""),
            Protocol::Query => {
                let value = value.to_string();
                write!(self.text, "&{}{name}={}", self.prefix, utf8_percent_encode(&value, NON_ALPHANUMERIC))
            }
        };
    }

    fn number(&mut self, name: &str, value: impl Display) {
        let _ = match self.protocol {
            Protocol::Json => write!(self.name(name), "{value}"),
            Protocol::Query => write!(self.text, "&{}{name}={value}", self.prefix),
        };
    }

    fn name(&mut self, name: &str) -> &mut String {
        let comma = if self.text.ends_with(['{', '[']) { "" } else { "," };
        let _ = write!(self.text, "{comma}\"{name}\":");
        &mut self.text
    }

    /// The entries of a batch; `query` is what the Query protocol calls one.
    fn entries(&mut self, query: &str, count: usize, write: impl Fn(&mut Members, usize)) {
        if self.protocol == Protocol::Json {
            self.name("Entries").push('[');
        }
        for index in 0..count {
            match self.protocol {
                Protocol::Json => self.text.push_str(if index == 0 { "{" } else { ",{" }),
                Protocol::Query => self.prefix = format!("{query}.{}.", index + 1),
            }
            self.text("Id", index);
            write(self, index);
            if self.protocol == Protocol::Json {
                self.text.push('}');
            }
        }
        self.prefix.clear();
        if self.protocol == Protocol::Json {
            self.text.push(']');
        }
    }
}

/// What stands between `before` and `after`.
fn between<'a>(text: &'a str, before: &str, after: char) -> Option<&'a str> {
    let rest = &text[text.find(before)? + before.len()..];
    // Some servers write a space after a JSON colon.
    let rest = rest.trim_start_matches([' ', ':', '"']);
    Some(&rest[..rest.find(after)?])
}

impl Api {
    /// Starts a request that is about a queue.
    fn about(&self, action: &str, queue_url: &str) -> Members {
        let mut members = Members::of(self.protocol, action);
        members.text("QueueUrl", queue_url);
        members
    }

    async fn call<'a>(&self, to: &'a mut Connection, action: &str, m: Members) -> io::Result<(u16, &'a str)> {
        match self.protocol {
            Protocol::Json => to.post("/", action, "application/x-amz-json-1.0", &(m.text + "}")).await,
            Protocol::Query => to.post("/", "", "application/x-www-form-urlencoded; charset=utf-8", &m.text).await,
        }
    }

    /// Creates a queue and returns its URL.
    pub async fn create(&self, to: &mut Connection, name: &str) -> io::Result<String> {
        let mut m = Members::of(self.protocol, "CreateQueue");
        m.text("QueueName", format_args!("{name}{}", if self.fifo { ".fifo" } else { "" }));
        if self.fifo {
            // High throughput, as far as the server has it.
            const SET: [(&str, &str); 3] = [
                ("FifoQueue", "true"),
                ("DeduplicationScope", "messageGroup"),
                ("FifoThroughputLimit", "perMessageGroupId"),
            ];
            match self.protocol {
                Protocol::Json => {
                    let pairs: Vec<String> = SET.iter().map(|(k, v)| format!("\"{k}\":\"{v}\"")).collect();
                    let _ = write!(m.name("Attributes"), "{{{}}}", pairs.join(","));
                }
                Protocol::Query => {
                    for (index, (name, value)) in SET.iter().enumerate() {
                        m.text(&format!("Attribute.{}.Name", index + 1), name);
                        m.text(&format!("Attribute.{}.Value", index + 1), value);
                    }
                }
            }
        }
        let (status, answer) = self.call(to, "CreateQueue", m).await?;
        let url = match self.protocol {
            Protocol::Json => between(answer, "\"QueueUrl\"", '"'),
            Protocol::Query => between(answer, "<QueueUrl>", '<'),
        };
        url.map(str::to_owned).ok_or_else(|| io::Error::other(format!("CreateQueue: {status} {answer}")))
    }

    fn message(&self, m: &mut Members, message: &Message<'_>) {
        m.text("MessageBody", message.body);
        if self.fifo {
            m.text("MessageGroupId", format_args!("g{}", message.number % self.groups));
            m.text("MessageDeduplicationId", format_args!("{}-{}", message.sender, message.number));
        }
    }

    /// SendMessage.
    pub async fn send(&self, to: &mut Connection, url: &str, message: &Message<'_>) -> io::Result<u16> {
        let mut m = self.about("SendMessage", url);
        self.message(&mut m, message);
        Ok(self.call(to, "SendMessage", m).await?.0)
    }

    /// SendMessageBatch of ten; the numbers run on from that of `first`.
    pub async fn send_batch(&self, to: &mut Connection, url: &str, first: &Message<'_>) -> io::Result<u16> {
        let mut m = self.about("SendMessageBatch", url);
        m.entries("SendMessageBatchRequestEntry", 10, |m, index| {
            self.message(m, &Message { number: first.number + index as u64, ..*first });
        });
        Ok(self.call(to, "SendMessageBatch", m).await?.0)
    }

    /// ReceiveMessage. Puts the receipt handles into `handles`, and the last body into `body`.
    pub async fn receive(
        &self,
        to: &mut Connection,
        url: &str,
        (max, wait_seconds, hidden_seconds): (usize, u32, u32),
        handles: &mut Vec<String>,
        body: Option<&mut String>,
    ) -> io::Result<u16> {
        let mut m = self.about("ReceiveMessage", url);
        m.number("MaxNumberOfMessages", max);
        m.number("WaitTimeSeconds", wait_seconds);
        m.number("VisibilityTimeout", hidden_seconds);
        let (status, answer) = self.call(to, "ReceiveMessage", m).await?;
        let (handle, text, end) = match self.protocol {
            Protocol::Json => ("\"ReceiptHandle\"", "\"Body\"", '"'),
            Protocol::Query => ("<ReceiptHandle>", "<Body>", '<'),
        };
        handles.clear();
        handles.extend(
            answer.match_indices(handle).filter_map(|(at, _)| between(&answer[at..], handle, end)).map(Into::into),
        );
        if let Some(body) = body {
            body.clear();
            body.push_str(between(answer, text, end).unwrap_or_default());
        }
        Ok(status)
    }

    /// DeleteMessage.
    pub async fn delete(&self, to: &mut Connection, url: &str, handle: &str) -> io::Result<u16> {
        let mut m = self.about("DeleteMessage", url);
        m.text("ReceiptHandle", handle);
        Ok(self.call(to, "DeleteMessage", m).await?.0)
    }

    /// DeleteMessageBatch.
    pub async fn delete_batch(&self, to: &mut Connection, url: &str, handles: &[String]) -> io::Result<u16> {
        let mut m = self.about("DeleteMessageBatch", url);
        m.entries("DeleteMessageBatchRequestEntry", handles.len(), |m, at| m.text("ReceiptHandle", &handles[at]));
        Ok(self.call(to, "DeleteMessageBatch", m).await?.0)
    }

    /// PurgeQueue.
    pub async fn purge(&self, to: &mut Connection, url: &str) -> io::Result<u16> {
        let m = self.about("PurgeQueue", url);
        Ok(self.call(to, "PurgeQueue", m).await?.0)
    }
}
