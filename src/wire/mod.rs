//! How SQS speaks: requests out of bytes, answers into bytes, in AWS JSON 1.0, in the older Query protocol, and in Smithy RPC v2
//! CBOR.
//!
//! Invariant: nothing here knows a queue or a socket. [`decode`] finds the protocol, reads the members with one `serde`
//! derive for all, and checks nothing but types; [`encode`] and [`encode_error`] write the whole answer into one
//! buffer.

mod cbor;
mod cbor_reader;
mod cbor_writer;
mod credential;
mod json;
mod query;
mod query_json;
mod reply;
mod strict;
mod verbatim;
mod xml;

pub use cbor::path_parts as rpc_path_parts;
pub use cbor_reader::CBOR_DEPTH_MAX;
pub use credential::Credential;
pub use json::JSON_DEPTH_MAX;
pub use query::{FORM_NAME_BYTES_MAX, FORM_PAIRS_MAX};
pub use reply::{Reply, encode, encode_error, not_found};

use crate::api::{Operation, Request};
use crate::error::{Error, ErrorKind};
use percent_encoding::percent_decode_str;
use query::Form;

/// What comes before an action's name in `X-Amz-Target`.
const TARGET_PREFIX: &str = "AmazonSQS.";
/// Bytes of an unknown action's name that an error repeats.
const ACTION_SHOWN_BYTES_MAX: usize = 128;

/// The protocol of a request, and therefore of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// AWS JSON 1.0: `POST` with `X-Amz-Target`.
    Json,
    /// Form parameters, in the body or the URL; the answer is XML.
    Query,
    /// A Query request that asks for `application/json`; the answer is the XML's content as JSON.
    QueryAsJson,
    /// Smithy RPC v2 CBOR: `POST` to a path that names the operation, with `smithy-protocol`.
    Cbor,
}

/// The HTTP method, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A Query request with its parameters in the URL.
    Get,
    /// Any protocol.
    Post,
    /// Any other, such as HEAD, which must change nothing: answered with [`not_found`].
    Other,
}

/// The parts of a request's head that matter to the protocols.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method.
    pub method: Method,
    /// The path as it was sent, percent-encoded, without the query string.
    pub path: &'a str,
    /// What follows the `?`.
    pub query: Option<&'a str>,
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `X-Amz-Target`.
    pub target: Option<&'a str>,
    /// `smithy-protocol`; looked up only where [`rpc_path_parts`] finds an operation in the path.
    pub smithy_protocol: Option<&'a str>,
    /// `Accept`.
    pub accept: Option<&'a str>,
    /// `Authorization`.
    pub authorization: Option<&'a str>,
}

/// A decoded request.
#[derive(Clone, Debug, PartialEq)]
pub struct Call<'a> {
    /// How to answer.
    pub protocol: Protocol,
    /// Which action.
    pub operation: Operation,
    /// Its members; `QueueUrl` is filled in from the path where the request leaves it out.
    pub request: Request,
    /// The credential of its signature, if it has one.
    pub credential: Credential<'a>,
}

/// Why there is no [`Call`].
#[derive(Clone, Debug, PartialEq)]
pub enum Rejection {
    /// An error in the client's own protocol.
    Error {
        /// How to answer.
        protocol: Protocol,
        /// What to answer.
        error: Error,
    },
    /// Not a request of any protocol: [`not_found`].
    NotFound,
}

/// The protocol of a request, by its head and, if it has no content type, by the first bytes of its body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    Json,
    Query,
    Cbor,
    Nowhere,
}

/// Reads a request. Nothing of the body is borrowed: it can go as soon as it has been read.
///
/// # Errors
/// [`Rejection::Error`] for an unknown action, broken syntax or a member of the wrong type; [`Rejection::NotFound`] for
/// what is not an SQS request at all.
pub fn decode<'a>(head: &Head<'a>, body: &[u8]) -> Result<Call<'a>, Rejection> {
    match route(head, Some(body)) {
        Route::Json => decode_json(head, body),
        Route::Query => decode_query(head, body),
        Route::Cbor => decode_cbor(head, body),
        Route::Nowhere => Err(Rejection::NotFound),
    }
}

/// The protocol to answer in when the body is not at hand: it was too large, or did not come in time.
pub fn protocol_of(head: &Head) -> Protocol {
    match route(head, None) {
        Route::Query => query_protocol(head),
        Route::Cbor => Protocol::Cbor,
        Route::Json | Route::Nowhere => Protocol::Json,
    }
}

/// Smithy's header says what it is. Else the content type decides first: a Perl client sends `X-Amz-Target` with a form body.
fn route(head: &Head, body: Option<&[u8]>) -> Route {
    if head.smithy_protocol == Some(cbor::SMITHY_PROTOCOL) && head.method == Method::Post {
        return Route::Cbor;
    }
    let content_type = media_type(head);
    let form = content_type.is_some_and(|t| t.eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    let action_in_url = head.query.is_some_and(|q| has_action(q.as_bytes()));
    match head.method {
        Method::Other => Route::Nowhere,
        Method::Get if form || action_in_url => Route::Query,
        Method::Get => Route::Nowhere,
        Method::Post if form => Route::Query,
        Method::Post if content_type.is_some_and(is_amz_json) || names_sqs(head) => Route::Json,
        Method::Post if content_type.is_none() && (action_in_url || body.is_some_and(has_action)) => Route::Query,
        Method::Post => Route::Nowhere,
    }
}

/// `Content-Type` without its parameters.
fn media_type<'a>(head: &Head<'a>) -> Option<&'a str> {
    head.content_type.map(|t| t.split(';').next().unwrap_or(t).trim()).filter(|t| !t.is_empty())
}

fn is_amz_json(content_type: &str) -> bool {
    const PREFIX: &str = "application/x-amz-json-";
    content_type.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

fn names_sqs(head: &Head) -> bool {
    head.target.is_some_and(|t| t.starts_with(TARGET_PREFIX))
}

/// Whether form data names an action.
fn has_action(form: &[u8]) -> bool {
    form.split(|&b| b == b'&').any(|pair| pair.starts_with(b"Action="))
}

/// Query requests may ask for JSON.
fn query_protocol(head: &Head) -> Protocol {
    let wants_json = |list: &str| {
        list.split(',').any(|range| {
            range.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
        })
    };
    if head.accept.is_some_and(wants_json) { Protocol::QueryAsJson } else { Protocol::Query }
}

fn decode_json<'a>(head: &Head<'a>, body: &[u8]) -> Result<Call<'a>, Rejection> {
    let protocol = Protocol::Json;
    let fail = |error| Rejection::Error { protocol, error };
    let operation = action_of_target(head.target).map_err(fail)?;
    let mut request = json::decode(operation, body).map_err(fail)?;
    address_by_path(&mut request, head.path);
    Ok(Call { protocol, operation, request, credential: credential_of_head(head) })
}

/// The credential where the body has none: in the header, or in the URL.
fn credential_of_head<'a>(head: &Head<'a>) -> Credential<'a> {
    Credential::from_header(head.authorization)
        .or_else(|| head.query.and_then(|q| Form::parse(Some(q), b"").ok()?.take_credential()))
        .unwrap_or_default()
}

fn decode_cbor<'a>(head: &Head<'a>, body: &[u8]) -> Result<Call<'a>, Rejection> {
    let protocol = Protocol::Cbor;
    let fail = |error| Rejection::Error { protocol, error };
    let parts = rpc_path_parts(head.path).ok_or(Rejection::NotFound)?;
    let operation = cbor::operation(parts).ok_or_else(|| fail(Error::unknown_action(shown(parts.1))))?;
    cbor::check_head(media_type(head), head.target, !body.is_empty()).map_err(fail)?;
    let request = cbor::decode(operation, body).map_err(fail)?;
    Ok(Call { protocol, operation, request, credential: credential_of_head(head) })
}

fn action_of_target(target: Option<&str>) -> Result<Operation, Error> {
    let target = target.unwrap_or_default();
    let name = target.strip_prefix(TARGET_PREFIX);
    match name.and_then(Operation::from_name) {
        Some(operation) => Ok(operation),
        None if target.is_empty() => {
            Err(Error::new(ErrorKind::UnknownOperation, "The request must name its action in the header X-Amz-Target."))
        }
        None => Err(Error::unknown_action(shown(name.unwrap_or(target)))),
    }
}

fn decode_query<'a>(head: &Head<'a>, body: &[u8]) -> Result<Call<'a>, Rejection> {
    let protocol = query_protocol(head);
    let fail = |error| Rejection::Error { protocol, error };
    let mut form = Form::parse(head.query, body).map_err(fail)?;
    let action = form.take("Action").unwrap_or_default();
    if action.is_empty() {
        // `curl -d '{}'` with an X-Amz-Target declares a form without meaning one.
        let json = head.method == Method::Post && names_sqs(head);
        return if json { decode_json(head, body) } else { Err(Rejection::NotFound) };
    }
    let operation = match Operation::from_name(&action) {
        // These two are not addressed to a queue; recorded from AWS for the Query protocol.
        Some(Operation::CreateQueue | Operation::ListQueues) if is_queue_path(head.path) => None,
        known => known,
    };
    let operation = operation.ok_or_else(|| fail(Error::unknown_action(shown(&action))))?;
    let credential = Credential::from_header(head.authorization)
        .or_else(|| form.take_credential().map(Credential::into_owned))
        .unwrap_or_default();
    let mut request = form.read(operation).map_err(fail)?;
    address_by_path(&mut request, head.path);
    Ok(Call { protocol, operation, request, credential })
}

fn shown(action: &str) -> &str {
    &action[..action.floor_char_boundary(ACTION_SHOWN_BYTES_MAX)]
}

/// Whether the path ends in an account number and a name.
fn is_queue_path(path: &str) -> bool {
    let mut from_end = path.split('/').filter(|s| !s.is_empty()).rev();
    from_end.next().is_some() && from_end.next().is_some_and(|s| s.bytes().all(|b| b.is_ascii_digit()))
}

/// Ruby, Java 1 and boto 2 name the queue by the request's path; a `QueueUrl` in the request wins.
fn address_by_path(request: &mut Request, path: &str) {
    if let Some(queue_url @ None) = request.queue_url_mut()
        && path.bytes().any(|b| b != b'/')
    {
        *queue_url = Some(percent_decode_str(path).decode_utf8_lossy().into_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POST: Head<'_> = Head {
        method: Method::Post,
        path: "/",
        query: None,
        content_type: None,
        target: None,
        smithy_protocol: None,
        accept: None,
        authorization: None,
    };
    const GET: Head<'_> = Head { method: Method::Get, ..POST };
    const FORM: Option<&str> = Some("application/x-www-form-urlencoded; charset=utf-8");
    const JSON: Option<&str> = Some("application/x-amz-json-1.0");

    fn outcome(head: Head, body: &str) -> String {
        match decode(&head, body.as_bytes()) {
            Ok(call) => format!("{:?} {}", call.protocol, call.operation.name()),
            Err(Rejection::Error { protocol, error }) => format!("{protocol:?} {}", error.kind.code()),
            Err(Rejection::NotFound) => "nothing".to_owned(),
        }
    }

    #[test]
    fn the_content_type_decides_first() {
        let list = Some("AmazonSQS.ListQueues");
        let form = "Action=ListQueues";
        for (head, body, expected) in [
            (Head { content_type: FORM, target: list, ..POST }, form, "Query ListQueues"),
            (Head { content_type: FORM, target: Some("AmazonSQSv20121105.X"), ..POST }, form, "Query ListQueues"),
            (Head { content_type: JSON, target: list, ..POST }, "", "Json ListQueues"),
            (Head { content_type: Some("Application/X-Amz-JSON-1.1;x"), target: list, ..POST }, "", "Json ListQueues"),
            (Head { content_type: Some("application/json"), target: list, ..POST }, "{}", "Json ListQueues"),
            (Head { content_type: Some(""), target: list, ..POST }, "{}", "Json ListQueues"),
            (Head { target: list, ..POST }, "{}", "Json ListQueues"),
            (Head { content_type: FORM, target: list, ..POST }, "{}", "Json ListQueues"),
            (Head { content_type: JSON, ..POST }, "{}", "Json InvalidAction"),
            (Head { content_type: JSON, target: Some("DynamoDB.ListQueues"), ..POST }, "{}", "Json InvalidAction"),
            (Head { content_type: JSON, target: Some("AmazonSQS.Bogus"), ..POST }, "{}", "Json InvalidAction"),
            (Head { content_type: JSON, query: Some("Action=ListQueues"), ..POST }, "", "Json InvalidAction"),
            (Head { content_type: FORM, ..POST }, "Action=Bogus", "Query InvalidAction"),
            (Head { content_type: FORM, query: Some("Action=ListQueues"), ..POST }, "", "Query ListQueues"),
            (Head { query: Some("Action=ListQueues"), ..GET }, "", "Query ListQueues"),
            (Head { query: Some("Action=ListQueues"), method: Method::Other, ..GET }, "", "nothing"),
            (Head { query: Some("Action=ListQueues"), content_type: JSON, ..GET }, "", "Query ListQueues"),
            (POST, "MaxResults=1&Action=ListQueues", "Query ListQueues"),
            (Head { query: Some("Action=ListQueues"), ..POST }, "", "Query ListQueues"),
        ] {
            assert_eq!(outcome(head, body), expected, "{head:?} {body}");
        }
    }

    #[test]
    fn what_is_no_request_of_ours_is_not_found() {
        for (head, body) in [
            (GET, ""),
            (Head { query: Some("action=ListQueues"), ..GET }, ""),
            (Head { accept: Some("application/json"), ..GET }, ""),
            (Head { content_type: JSON, target: Some("AmazonSQS.ListQueues"), ..GET }, "{}"),
            (Head { method: Method::Other, query: Some("Action=ListQueues"), ..GET }, ""),
            (POST, ""),
            (POST, "{\"Action=\":1}"),
            (Head { content_type: FORM, ..POST }, ""),
            (Head { content_type: FORM, ..POST }, "Action="),
            (Head { content_type: Some("text/plain"), ..POST }, "Action=ListQueues"),
        ] {
            assert_eq!(outcome(head, body), "nothing", "{head:?} {body}");
        }
    }

    #[test]
    fn a_query_request_may_ask_for_json() {
        let head = Head { query: Some("Action=ListQueues"), ..GET };
        for (accept, expected) in [
            ("application/json", "QueryAsJson ListQueues"),
            ("text/html, Application/JSON;q=0.5", "QueryAsJson ListQueues"),
            ("*/*", "Query ListQueues"),
            ("application/json-patch", "Query ListQueues"),
        ] {
            assert_eq!(outcome(Head { accept: Some(accept), ..head }, ""), expected);
        }
        let head = Head { content_type: JSON, target: Some("AmazonSQS.ListQueues"), ..POST };
        assert_eq!(outcome(Head { accept: Some("application/json"), ..head }, ""), "Json ListQueues");
    }

    #[test]
    fn the_protocol_is_guessed_without_the_body() {
        assert_eq!(protocol_of(&Head { content_type: FORM, ..POST }), Protocol::Query);
        assert_eq!(
            protocol_of(&Head { content_type: FORM, accept: Some("application/json"), ..POST }),
            Protocol::QueryAsJson
        );
        assert_eq!(protocol_of(&Head { query: Some("Action=X"), ..GET }), Protocol::Query);
        assert_eq!(protocol_of(&Head { content_type: JSON, ..POST }), Protocol::Json);
        assert_eq!(protocol_of(&POST), Protocol::Json);
    }

    fn error_of(head: Head, body: &str) -> Error {
        match decode(&head, body.as_bytes()) {
            Err(Rejection::Error { error, .. }) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_unknown_action_is_named() {
        let text = "The action FooBar is not valid for this endpoint.";
        assert_eq!(error_of(Head { content_type: FORM, ..POST }, "Action=FooBar").message, text);
        let json = Head { content_type: JSON, target: Some("AmazonSQS.FooBar"), ..POST };
        assert_eq!(error_of(json, "").message, text);
        let nameless = error_of(Head { target: None, ..json }, "");
        assert_eq!(nameless.kind, ErrorKind::UnknownOperation);
        let long = format!("Action={}", "é".repeat(1_000_000));
        assert!(error_of(Head { content_type: FORM, ..POST }, &long).message.len() < 200);
    }

    #[test]
    fn a_list_of_queues_is_not_at_a_queues_address() {
        let form = |path| Head { content_type: FORM, path, ..POST };
        for action in ["CreateQueue", "ListQueues"] {
            let body = format!("Action={action}&QueueName=q");
            for path in ["/1/q", "/x/123456789012/q", "/123456789012/q/"] {
                assert_eq!(
                    error_of(form(path), &body).message,
                    format!("The action {action} is not valid for this endpoint.")
                );
            }
            for path in ["/", "", "/queue", "/context/queue", "//"] {
                assert_eq!(outcome(form(path), &body), format!("Query {action}"));
            }
            let target = format!("AmazonSQS.{action}");
            let json = Head { content_type: JSON, target: Some(&target), path: "/1/q", ..POST };
            assert_eq!(outcome(json, "{}"), format!("Json {action}"));
        }
        assert_eq!(outcome(form("/1/q"), "Action=GetQueueUrl&QueueName=x"), "Query GetQueueUrl");
    }

    fn queue_url(head: Head, body: &str) -> Option<String> {
        decode(&head, body.as_bytes()).unwrap().request.queue_url_mut().unwrap().clone()
    }

    #[test]
    fn a_queue_is_named_by_the_path_unless_the_request_names_one() {
        let form = Head { content_type: FORM, path: "/123456789012/cap%2Dqueue", ..POST };
        let json = Head { content_type: JSON, target: Some("AmazonSQS.PurgeQueue"), ..form };
        let path = Some("/123456789012/cap-queue".to_owned());
        assert_eq!(queue_url(form, "Action=PurgeQueue"), path);
        assert_eq!(queue_url(json, "{}"), path);
        assert_eq!(queue_url(form, "Action=PurgeQueue&QueueUrl=q"), Some("q".into()));
        assert_eq!(queue_url(json, r#"{"QueueUrl":"q"}"#), Some("q".into()));
        assert_eq!(queue_url(Head { path: "/", ..form }, "Action=PurgeQueue"), None);
        assert_eq!(queue_url(Head { path: "//", ..json }, "{}"), None);
        assert_eq!(queue_url(Head { path: "/q%ff", ..json }, "{}"), Some("/q\u{fffd}".into()));
    }

    #[test]
    fn who_signed_is_found_in_header_url_and_form() {
        let get = |query| Head { query: Some(query), ..GET };
        let key = |head: Head, body: &str| {
            let call = decode(&head, body.as_bytes()).unwrap();
            (call.credential.access_key.map(|k| k.into_owned()), call.credential.region.map(|r| r.into_owned()))
        };
        let both = |k: &str, r: &str| (Some(k.to_owned()), Some(r.to_owned()));
        let scope = "X-Amz-Credential=AK%2F20261120%2Feu-west-1%2Fsqs%2Faws4_request";
        assert_eq!(key(get(&format!("Action=ListQueues&{scope}")), ""), both("AK", "eu-west-1"));
        let json = Head { content_type: JSON, target: Some("AmazonSQS.ListQueues"), query: Some(scope), ..POST };
        assert_eq!(key(json, ""), both("AK", "eu-west-1"));
        let authorization = Some("AWS4-HMAC-SHA256 Credential=HK/20261120/us-east-1/sqs/aws4_request");
        assert_eq!(key(Head { authorization, ..json }, ""), both("HK", "us-east-1"));
        let form = Head { content_type: FORM, ..POST };
        assert_eq!(key(form, "Action=ListQueues&AWSAccessKeyId=old"), (Some("old".into()), None));
        assert_eq!(key(form, "Action=ListQueues&X-Amz-Credential=garbage"), (None, None));
        assert_eq!(key(form, "Action=ListQueues"), (None, None));
    }
}
