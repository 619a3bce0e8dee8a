//! Answers as bytes: status, content type and body, for results and for errors.

use super::{Protocol, cbor, json, query_json, xml};
use crate::api::Response;
use crate::error::Error;

/// `Content-Type` of JSON answers; strict SDKs accept no other.
const AMZ_JSON: &str = "application/x-amz-json-1.0";
const XML: &str = "text/xml";
const PLAIN_JSON: &str = "application/json";

/// Bytes an answer is expected to have beside message bodies: for a received message, and for all others together.
const MESSAGE_BYTES_TYPICAL: usize = 512;
const ANSWER_BYTES_TYPICAL: usize = 256;

/// An answer without the headers that all answers have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`, also when the body is empty; but empty itself then in CBOR, where no such header goes out.
    pub content_type: &'static str,
    /// `x-amzn-query-error`: the Query protocol's code and whose fault it is. Errors of the JSON and CBOR protocols only.
    pub query_error: Option<String>,
    /// `smithy-protocol`. Answers of the CBOR protocol only.
    pub smithy_protocol: Option<&'static str>,
    /// All of the body.
    pub body: Vec<u8>,
}

/// Writes the answer of an action that succeeded.
pub fn encode(protocol: Protocol, response: &Response, request_id: &str) -> Reply {
    let mut body = Vec::new();
    let content_type = match protocol {
        Protocol::Json => {
            if response.has_output() {
                body.reserve(expected_size(response));
                json::encode(response, &mut body);
            }
            AMZ_JSON
        }
        Protocol::Query => {
            body.reserve(expected_size(response));
            body = xml::result(body, response, request_id);
            XML
        }
        Protocol::QueryAsJson => {
            query_json::result(&mut body, response, request_id);
            PLAIN_JSON
        }
        Protocol::Cbor if !response.has_output() => "",
        Protocol::Cbor => {
            body.reserve(expected_size(response));
            cbor::encode(response, &mut body);
            cbor::MEDIA_TYPE
        }
    };
    Reply { status: 200, content_type, query_error: None, smithy_protocol: smithy_protocol(protocol), body }
}

/// Writes an error.
pub fn encode_error(protocol: Protocol, error: &Error, request_id: &str) -> Reply {
    let mut body = Vec::with_capacity(ANSWER_BYTES_TYPICAL);
    let (code, fault) = (error.kind.code(), error.fault().as_str());
    let mut query_error = None;
    let content_type = match protocol {
        Protocol::Json => {
            let (namespace, shape) = error.kind.json_type();
            for part in [r#"{"__type":""#, namespace, shape, r#"","message":"#] {
                body.extend_from_slice(part.as_bytes());
            }
            json::write_text(&error.message, &mut body);
            body.push(b'}');
            query_error = Some(format!("{code};{fault}"));
            AMZ_JSON
        }
        Protocol::Query => {
            body = xml::error(body, error, request_id);
            XML
        }
        Protocol::QueryAsJson => {
            query_json::error(&mut body, error, request_id);
            PLAIN_JSON
        }
        Protocol::Cbor => {
            cbor::encode_error(error, &mut body);
            query_error = Some(format!("{code};{fault}"));
            cbor::MEDIA_TYPE
        }
    };
    Reply { status: error.status(), content_type, query_error, smithy_protocol: smithy_protocol(protocol), body }
}

fn smithy_protocol(protocol: Protocol) -> Option<&'static str> {
    (protocol == Protocol::Cbor).then_some(cbor::SMITHY_PROTOCOL)
}

/// The answer to a request that is not SQS's at all, in one format for all clients.
pub fn not_found() -> Reply {
    let body = b"<UnknownOperationException/>".to_vec();
    Reply { status: 404, content_type: XML, query_error: None, smithy_protocol: None, body }
}

fn expected_size(response: &Response) -> usize {
    match response {
        Response::ReceiveMessage(result) => {
            ANSWER_BYTES_TYPICAL
                + result.messages.iter().map(|m| MESSAGE_BYTES_TYPICAL + m.body.as_str().len()).sum::<usize>()
        }
        Response::SendMessageBatch(result) => ANSWER_BYTES_TYPICAL * (1 + result.successful.len()),
        _ => ANSWER_BYTES_TYPICAL,
    }
}
