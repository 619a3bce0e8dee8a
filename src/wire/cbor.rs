//! Smithy RPC v2 CBOR: whether a request is in it, a request out of its map, answers and errors into one.
//!
//! No exchange of AWS itself is recorded, so all of this follows Smithy's specification. Uncertain, and as in the JSON
//! protocol: the texts about wrong members, which numbers and booleans do for texts, and the namespaces and statuses of errors
//! that the service model does not name.

use super::cbor_reader::{MAP, Reader};
use super::cbor_writer::Writer;
use super::json::member_text;
use crate::api::fields::NUMBER_AS_WRITTEN;
use crate::api::{Operation, Request, Response};
use crate::error::{Error, ErrorKind};
use serde::Serializer;
use serde::ser::SerializeMap;

/// `smithy-protocol` of requests and answers.
pub(super) const SMITHY_PROTOCOL: &str = "rpc-v2-cbor";
/// `Content-Type` of requests and answers.
pub(super) const MEDIA_TYPE: &str = "application/cbor";

/// The service's name as requests have it, and as its shape id has it, which Smithy asks servers to take too.
const SERVICE_NAMES: [&str; 2] = ["AmazonSQS", "com.amazonaws.sqs.AmazonSQS"];

const EMPTY_MAP: &[u8] = &[MAP << 5];
/// The text for a body that is CBOR but not a map. AWS's is not recorded.
const NOT_A_MAP: &str = "The request body is not a CBOR map.";

/// The service and the operation that a path names: its last four segments are `service/SERVICE/operation/OPERATION`. On the path
/// of a queue it ends at the second last segment.
pub fn path_parts(path: &str) -> Option<(&str, &str)> {
    // Nearly all requests.
    if path == "/" {
        return None;
    }
    let (rest, operation) = path.rsplit_once('/')?;
    let (rest, service) = rest.strip_suffix("/operation")?.rsplit_once('/')?;
    rest.ends_with("/service").then_some((service, operation))
}

/// Which operation of SQS the parts of a path name.
pub(super) fn operation((service, operation): (&str, &str)) -> Option<Operation> {
    if SERVICE_NAMES.contains(&service) { Operation::from_name(operation) } else { None }
}

/// Refuses what RPC v2 does not allow in a head. Servers have to refuse a target, which could name another operation than the
/// path.
pub(super) fn check_head(content_type: Option<&str>, target: Option<&str>, has_body: bool) -> Result<(), Error> {
    if target.is_some() {
        return Err(Error::malformed(
            "A request whose path names its operation must not have the header X-Amz-Target.",
        ));
    }
    if has_body && !content_type.is_some_and(|found| found.eq_ignore_ascii_case(MEDIA_TYPE)) {
        let text = format!("The request body must have the content type {MEDIA_TYPE}.");
        return Err(Error::new(ErrorKind::UnsupportedMediaType, text));
    }
    Ok(())
}

/// Reads the members of `operation`; no body is an empty map.
pub(super) fn decode(operation: Operation, body: &[u8]) -> Result<Request, Error> {
    let mut reader = Reader::new(if body.is_empty() { EMPTY_MAP } else { body });
    let mut read = || {
        if reader.next_major()? != MAP {
            return Err(serde::de::Error::custom(NOT_A_MAP));
        }
        let request = Request::deserialize(operation, &mut reader)?;
        reader.end()?;
        Ok(request)
    };
    read().map_err(|error: serde::de::value::Error| {
        let full = error.to_string();
        // A float does not tell what its digits were.
        let text = if full == NUMBER_AS_WRITTEN { "NUMBER_VALUE can not be converted to a String" } else { &full };
        Error::malformed(member_text(text).into_owned()).with_detail(full)
    })
}

/// Writes an answer at the end of `out`.
pub(super) fn encode(response: &Response, out: &mut Vec<u8>) {
    let written = response.serialize(Writer(out));
    debug_assert!(written.is_ok());
}

/// Writes an error at the end of `out`.
pub(super) fn encode_error(error: &Error, out: &mut Vec<u8>) {
    let (namespace, shape) = error.kind.json_type();
    let written = Writer(out).serialize_map(Some(2)).and_then(|mut members| {
        members.serialize_entry("__type", &[namespace, shape].concat())?;
        members.serialize_entry("message", &*error.message)?;
        members.end()
    });
    debug_assert!(written.is_ok());
}
