//! Damaged requests: any bytes get an answer, and it can be written.

use crate::support::{captures, cbor, flatten};
use kew::internals::wire::{Head, Method, Protocol, Rejection, decode, encode_error};

/// A small generator of the same numbers on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

fn answer(head: &Head, body: &[u8]) {
    if let Err(Rejection::Error { protocol, error }) = decode(head, body) {
        let reply = encode_error(protocol, &error, "r");
        if protocol == Protocol::Cbor {
            assert!(cbor::json(&reply.body)["__type"].is_string());
        } else {
            assert!(std::str::from_utf8(&reply.body).is_ok());
        }
        assert!(reply.status >= 400 && reply.status < 500, "{error}");
    }
}

fn cbor_head(path: &str) -> Head<'_> {
    Head {
        method: Method::Post,
        path,
        query: None,
        content_type: Some("application/cbor"),
        target: None,
        smithy_protocol: Some("rpc-v2-cbor"),
        accept: None,
        authorization: None,
    }
}

#[test]
fn damaged_captures_are_answered() {
    let mut numbers = Numbers(1);
    let spice = b"\"{}[]:,\\u%&=.+-0123456789eE\0\xff\xc3\xed\xa0 \r\nntf<>/;";
    for raw in captures() {
        let rpc_path = format!("/service/AmazonSQS/operation/{}", raw.operation());
        let in_cbor = cbor::body(&flatten::members(&flatten::of_request(&raw.decode().request)));
        for round in 0..30 {
            let mut body = if round < 20 { raw.body.clone() } else { in_cbor.clone() };
            for _ in 0..=numbers.below(3) {
                if body.is_empty() {
                    break;
                }
                let at = numbers.below(body.len());
                match numbers.below(4) {
                    0 => body.truncate(at),
                    1 => body[at] = spice[numbers.below(spice.len())],
                    2 => body.insert(at, spice[numbers.below(spice.len())]),
                    _ => body.drain(..at).for_each(drop),
                }
            }
            if round >= 20 {
                answer(&cbor_head(&rpc_path), &body);
                continue;
            }
            answer(&raw.head(), &body);
            // The same bytes where the other protocol expects its own.
            answer(&Head { content_type: None, ..raw.head() }, &body);
            answer(
                &Head { content_type: Some("application/x-www-form-urlencoded"), target: None, ..raw.head() },
                &body,
            );
        }
    }
}

#[test]
fn odd_heads_are_answered() {
    let texts =
        ["", " ", "/", "%", "%ff", "Action=", "Action=ListQueues", "a=%zz", "AmazonSQS.", "é", ";", ",", "=/&.?"];
    for text in texts {
        for other in texts {
            for method in [Method::Get, Method::Post, Method::Other] {
                let some = Some(other);
                let head = Head {
                    method,
                    path: text,
                    query: some,
                    content_type: some,
                    target: some,
                    smithy_protocol: None,
                    accept: some,
                    authorization: some,
                };
                answer(&head, text.as_bytes());
                answer(&Head { smithy_protocol: Some("rpc-v2-cbor"), ..head }, text.as_bytes());
                answer(&Head { content_type: None, ..head }, text.as_bytes());
                answer(&Head { content_type: Some("application/x-amz-json-1.0"), ..head }, text.as_bytes());
            }
        }
    }
}
