//! LocalStack's `/_aws/sqs/messages`: the messages of a queue without side effects, for curl and for any SDK that has it as its endpoint.

use super::answer::{self, AfterAnswer, Answer, Answering};
use super::context::{RequestContext, RequestId};
use super::control::check_access;
use super::service::Service;
use crate::api::{Operation, QueueAddress, Response, region_of_host};
use crate::broker::Queue;
use crate::control::{Show, Space, messages_without_side_effects};
use crate::error::{Error, ErrorKind};
use crate::wire::{self, Head, Protocol, Rejection};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The path, behind which there may be `/<region>/<account>/<queue>`.
pub(super) const PATH: &str = "/_aws/sqs/messages";

/// Which queue is meant.
enum Meant {
    ByUrl(String),
    ByPath { region: String, account: String, name: String },
}

/// Answers what is under the path.
pub(super) fn answer<'a>(service: &'a Service, context: &'a RequestContext<'a>, body: Bytes) -> Answering<'a> {
    Box::pin(std::future::ready(answer_now(service, context, &body)))
}

fn answer_now(service: &Service, context: &RequestContext<'_>, body: &[u8]) -> Answer {
    let head = context.head();
    // JSON that is asked for by `Accept` is the XML's content, element by element.
    let (protocol, as_json) = match protocol(&head) {
        Protocol::QueryAsJson => (Protocol::Query, true),
        protocol => (protocol, false),
    };
    let mut room = RequestId::ROOM;
    let request_id = context.request_id.text(&mut room);
    let outcome = admit(service, context).and_then(|()| messages(service, context, &head, body));
    let mut reply = match outcome {
        Ok(response) => wire::encode(protocol, &response, request_id),
        Err(error) => wire::encode_error(protocol, &error, request_id),
    };
    if as_json {
        reply.body = xml_as_json(&String::from_utf8_lossy(&reply.body)).to_string().into_bytes();
        reply.content_type = "application/json";
    }
    answer::of_reply(reply, request_id, AfterAnswer::KeepAlive)
}

/// JSON for what is sent as an SDK's JSON; else XML, or its content as JSON by `Accept`.
fn protocol(head: &Head<'_>) -> Protocol {
    let accepts_json = head.accept.is_some_and(|accept| {
        accept.split(',').filter_map(|range| range.split(';').next()).any(|kind| kind.trim() == "application/json")
    });
    match head.content_type {
        Some("application/x-amz-json-1.0") => Protocol::Json,
        _ if accepts_json => Protocol::QueryAsJson,
        _ => Protocol::Query,
    }
}

/// It shows what the control API shows, so it is for those who may use that.
fn admit(service: &Service, context: &RequestContext<'_>) -> Result<(), Error> {
    check_access(service, context)
        .map_err(|(error, hint)| Error::new(ErrorKind::AccessDenied, format!("{error}: {hint}")))
}

fn messages(service: &Service, context: &RequestContext<'_>, head: &Head<'_>, body: &[u8]) -> Result<Response, Error> {
    let form = |text: &[u8]| form_urlencoded::parse(text).into_owned().collect::<Vec<(String, String)>>();
    let is_form = head.content_type.is_some_and(|kind| kind.contains("x-www-form-urlencoded"));
    let mut values = form(head.query.unwrap_or_default().as_bytes());
    if is_form {
        values.extend(form(body));
    }
    let value = |name: &str| values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let is_on = |name: &str| value(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
    let show = Show { invisible: is_on("ShowInvisible"), delayed: is_on("ShowDelayed") };
    let by_sdk = is_form || head.content_type.is_some_and(|kind| kind.contains("x-amz-"));
    let meant = match path_parts(head.path) {
        Some(meant) => meant,
        None if by_sdk => Meant::ByUrl(url_of_call(head, body)?),
        None => Meant::ByUrl(value("QueueUrl").unwrap_or_default().to_owned()),
    };
    let (space, queue) = find(service, context, &meant)?;
    let result = messages_without_side_effects(&space, &queue, show)?;
    Ok(Response::ReceiveMessage(result))
}

/// The queue that is named behind the path, if one is.
fn path_parts(path: &str) -> Option<Meant> {
    let rest = path.strip_prefix(PATH)?.trim_matches('/');
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    match *rest.split('/').collect::<Vec<_>>() {
        [region, account, name] => {
            Some(Meant::ByPath { region: decoded(region), account: decoded(account), name: decoded(name) })
        }
        _ => None,
    }
}

/// The queue URL in what an SDK sends.
fn url_of_call(head: &Head<'_>, body: &[u8]) -> Result<String, Error> {
    // The path is no queue's: it must not be taken for one that the request leaves out.
    let head = Head { path: "/", ..*head };
    let mut call = wire::decode(&head, body).map_err(|rejection| match rejection {
        Rejection::Error { error, .. } => error,
        Rejection::NotFound => only_receives(),
    })?;
    if call.operation != Operation::ReceiveMessage {
        return Err(only_receives());
    }
    Ok(call.request.queue_url_mut().and_then(|url| url.take()).unwrap_or_default())
}

fn only_receives() -> Error {
    Error::new(ErrorKind::InvalidRequest, "This endpoint only accepts ReceiveMessage calls")
}

fn find(service: &Service, context: &RequestContext<'_>, meant: &Meant) -> Result<(Arc<Space>, Arc<Queue>), Error> {
    let options = service.options();
    let (address, account, region) = match meant {
        Meant::ByPath { region, account, name } => {
            let address = QueueAddress { host: None, account: Some(account), region: Some(region), name };
            (address, account.as_str(), region.as_str())
        }
        Meant::ByUrl(url) if url.is_empty() => return Err(Error::no_queue()),
        Meant::ByUrl(url) => {
            let address = QueueAddress::parse(url).filter(|address| address.account.is_some());
            let address = address.ok_or_else(|| {
                let text = "The address https://queue.amazonaws.com/ is not valid for this endpoint.";
                Error::new(ErrorKind::InvalidAddress, text)
            })?;
            let region = context.headers.host().and_then(region_of_host).unwrap_or(&options.region);
            (address, options.account.as_str(), region)
        }
    };
    // The account names the space too, where each has its own.
    let space = service.control().namespaces().find(address.account, context.connection.port);
    let queue = space.broker().namespace().resolve(address, account, region);
    Ok((space, queue.ok_or_else(Error::no_queue)?))
}

/// The content of an XML document as JSON: an element is its text, or an object of the elements in it, those of one name as a list if
/// there are several; `null` if it is empty.
fn xml_as_json(xml: &str) -> Value {
    let mut reader = Reader::from_str(xml);
    // What each open element holds so far: elements and text. The first is the document itself.
    let mut open: Vec<(String, Map<String, Value>, String)> = vec![Default::default()];
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => open.push((name_of(&start), Map::new(), String::new())),
            Ok(Event::Empty(start)) => put(&mut open, name_of(&start), Value::Null),
            Ok(Event::End(_)) => {
                let Some((name, elements, text)) = open.pop() else { break };
                let value = match (elements.is_empty(), text.is_empty()) {
                    (false, _) => Value::Object(elements),
                    (true, false) => text.into(),
                    (true, true) => Value::Null,
                };
                put(&mut open, name, value);
            }
            Ok(Event::Text(text)) => add_text(&mut open, &text),
            Ok(Event::GeneralRef(reference)) => {
                let named = resolve_xml_entity(&reference).map(str::to_owned);
                let numbered = || reference.resolve_char_ref().ok().flatten().map(String::from);
                add_text(&mut open, &named.or_else(numbered).unwrap_or_default());
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    open.pop().map_or(Value::Null, |(_, document, _)| Value::Object(document))
}

fn name_of(start: &BytesStart<'_>) -> String {
    start.name().as_ref().to_owned()
}

fn add_text(open: &mut [(String, Map<String, Value>, String)], more: &str) {
    if let Some((_, _, text)) = open.last_mut() {
        text.push_str(more);
    }
}

/// Puts an element into the one around it.
fn put(open: &mut [(String, Map<String, Value>, String)], name: String, value: Value) {
    let Some((_, elements, _)) = open.last_mut() else { return };
    match elements.get_mut(&name) {
        None => {
            elements.insert(name, value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(one) => *one = Value::Array(vec![one.take(), value]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn xml_is_told_as_json_element_by_element() {
        let xml = r#"<?xml version="1.0"?><A xmlns="x"><B><C>1 &lt; 2 &#233;</C><C/><C>3</C></B><D>text</D><E></E><F><C>4</C></F></A>"#;
        let json = json!({"A": {"B": {"C": ["1 < 2 \u{e9}", null, "3"]}, "D": "text", "E": null, "F": {"C": "4"}}});
        assert_eq!(xml_as_json(xml), json);
        assert_eq!(xml_as_json("<A><B>"), json!({}));
    }
}
