//! AWS JSON 1.0: a request out of an object, an answer into one, straight between bytes and structs.

use super::strict::Strict;
use crate::api::{Operation, Request, Response};
use crate::error::Error;
use serde_json::error::Category;

/// Objects and lists inside each other before a body is refused; the JSON reader's own limit. A request of SQS has five.
pub const JSON_DEPTH_MAX: usize = 127;

/// The text for a body that is not JSON. AWS's is not recorded.
const SYNTAX: &str = "The request body is not well-formed JSON.";
/// The text for a body that is JSON but not an object. AWS's is not recorded.
const NOT_AN_OBJECT: &str = "The request body is not a JSON object.";
/// The text for wrong members that AWS's reader has no recorded text for.
const MEMBER: &str = "The request has a member of the wrong type, or one member twice.";

/// Reads the members of `operation`; an empty body is an empty object.
pub(super) fn decode(operation: Operation, body: &[u8]) -> Result<Request, Error> {
    match body.trim_ascii_start().first() {
        None => return read(operation, b"{}").map_err(malformed),
        Some(b'{') => {}
        // A list would do for the struct reader of serde, by position.
        Some(_) => return Err(Error::malformed(NOT_AN_OBJECT)),
    }
    read(operation, body).or_else(|error| match replace_lone_surrogates(body) {
        Some(mended) if is_surrogate(&error) => read(operation, &mended).map_err(malformed),
        _ => Err(malformed(error)),
    })
}

fn read(operation: Operation, body: &[u8]) -> Result<Request, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let request = Request::deserialize(operation, Strict(&mut reader))?;
    reader.end()?;
    Ok(request)
}

/// Writes an answer at the end of `out`.
pub(super) fn encode(response: &Response, out: &mut Vec<u8>) {
    // Strings, numbers and maps with string keys into memory: nothing that could fail.
    let written = response.serialize(&mut serde_json::Serializer::new(out));
    debug_assert!(written.is_ok());
}

/// Writes a text with its quotes at the end of `out`.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    let written = serde_json::to_writer(out, text);
    debug_assert!(written.is_ok());
}

fn malformed(error: serde_json::Error) -> Error {
    let full = error.to_string();
    let text = match error.classify() {
        Category::Data => {
            let position = format!(" at line {} column {}", error.line(), error.column());
            member_text(full.strip_suffix(&position).unwrap_or(&full)).into_owned()
        }
        Category::Io | Category::Syntax | Category::Eof => SYNTAX.to_owned(),
    };
    Error::malformed(text).with_detail(full)
}

/// What a client reads about a wrong member: AWS's own words where they are known, and none of serde's.
pub(super) fn member_text(serde: &str) -> std::borrow::Cow<'_, str> {
    let Some(found) = serde.strip_prefix("invalid type: ") else {
        let of_serde = ["invalid ", "missing field", "duplicate field", "unknown "];
        return if of_serde.iter().any(|start| serde.starts_with(start)) { MEMBER.into() } else { serde.into() };
    };
    let text = found.ends_with("expected a string");
    match found.split([' ', ',']).next() {
        Some("map") => "Start of structure or map found where not expected.",
        Some("sequence") => "Start of list found where not expected",
        Some("integer" | "floating") if text => "NUMBER_VALUE can not be converted to a String",
        Some("boolean") if text && found.contains("`true`") => "TRUE_VALUE can not be converted to a String",
        Some("boolean") if text => "FALSE_VALUE can not be converted to a String",
        _ => MEMBER,
    }
    .into()
}

fn is_surrogate(error: &serde_json::Error) -> bool {
    let text = error.to_string();
    text.starts_with("lone leading surrogate") || text.starts_with("unexpected end of hex escape")
}

/// SQS reads `\ud800` without its other half and then refuses it as a character of a message. Rust has no such text, so U+FFFF
/// stands for it: a character that SQS refuses in just the same way. `None` if there is nothing to replace.
fn replace_lone_surrogates(body: &[u8]) -> Option<Vec<u8>> {
    let unit = |at: usize| -> Option<u16> {
        let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < body.len() {
        if body[at] != b'\\' {
            at += 1;
            continue;
        }
        match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => at += 12,
            Some(0xD800..=0xDFFF) => {
                mended.get_or_insert_with(|| body.to_vec())[at + 2..at + 6].copy_from_slice(b"ffff");
                at += 6;
            }
            _ => at += 2,
        }
    }
    mended
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn text_of(operation: Operation, body: &str) -> String {
        let error = decode(operation, body.as_bytes()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Serialization);
        error.message.into_owned()
    }

    fn body_of(json: &[u8]) -> Option<String> {
        match decode(Operation::SendMessage, json).unwrap() {
            Request::SendMessage(r) => r.message_body,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_empty_body_is_an_empty_object() {
        for body in ["", " \r\n", "{}", " { } "] {
            assert_eq!(
                decode(Operation::ListQueues, body.as_bytes()).unwrap(),
                Request::ListQueues(Default::default())
            );
        }
    }

    #[test]
    fn unknown_members_are_ignored_and_null_is_absent() {
        let json = r#"{"X":{"a":[1,-2.5,true,null,"\u00e9"]},"MessageBody":"b","DelaySeconds":null,"#.to_owned()
            + r#""MessageAttributes":null,"Y":1}"#;
        assert_eq!(body_of(json.as_bytes()), Some("b".into()));
    }

    #[test]
    fn what_is_not_an_object_is_malformed() {
        for body in ["[]", "\"a\"", "1", "null", "nul", "[\"q\"]"] {
            assert_eq!(text_of(Operation::SendMessage, body), NOT_AN_OBJECT);
        }
        let broken: [&[u8]; 9] = [
            b"{",
            b"{\"a\"}",
            b"{\"MessageBody\":\"b}",
            b"{} {}",
            b"{},",
            b"{\"MessageBody\":\"\xff\"}",
            b"{\"MessageBody\":\"a\nb\"}",
            b"{\"MessageBody\":\"\\ud8",
            b"{\"MessageBody\":1e999}",
        ];
        for body in broken {
            let error = decode(Operation::SendMessage, body).unwrap_err();
            assert_eq!((error.kind, &*error.message), (ErrorKind::Serialization, SYNTAX), "{body:?}");
        }
    }

    #[test]
    fn wrong_types_are_told_in_the_words_of_aws() {
        use Operation::{CreateQueue, ReceiveMessage, SendMessage, SendMessageBatch};
        let structure = "Start of structure or map found where not expected.";
        let list = "Start of list found where not expected";
        for (operation, body, text) in [
            (SendMessage, r#"{"QueueUrl":{}}"#, structure),
            (SendMessage, r#"{"QueueUrl":[]}"#, list),
            (SendMessage, r#"{"QueueUrl":1}"#, "NUMBER_VALUE can not be converted to a String"),
            (SendMessage, r#"{"QueueUrl":true}"#, "TRUE_VALUE can not be converted to a String"),
            (SendMessage, r#"{"DelaySeconds":"x"}"#, "STRING_VALUE can not be converted to an Integer"),
            (SendMessage, r#"{"DelaySeconds":false}"#, "FALSE_VALUE can not be converted to an Integer"),
            (SendMessage, r#"{"MessageAttributes":[]}"#, list),
            (SendMessage, r#"{"MessageAttributes":{"a":[]}}"#, list),
            (SendMessageBatch, r#"{"Entries":{}}"#, structure),
            (SendMessageBatch, r#"{"Entries":[["id"]]}"#, list),
            (ReceiveMessage, r#"{"AttributeNames":[1]}"#, "NUMBER_VALUE can not be converted to a String"),
            (ReceiveMessage, r#"{"AttributeNames":[1.5]}"#, "NUMBER_VALUE can not be converted to a String"),
            (ReceiveMessage, r#"{"AttributeNames":[true]}"#, "TRUE_VALUE can not be converted to a String"),
            (ReceiveMessage, r#"{"AttributeNames":[false]}"#, "FALSE_VALUE can not be converted to a String"),
            (ReceiveMessage, r#"{"AttributeNames":"All"}"#, MEMBER),
            (ReceiveMessage, r#"{"QueueUrl":"a","QueueUrl":"b"}"#, MEMBER),
            (CreateQueue, r#"{"Attributes":{"a":[]}}"#, "Unrecognized collection type class java.lang.String"),
        ] {
            assert_eq!(text_of(operation, body), text, "{body}");
        }
    }

    #[test]
    fn the_log_is_told_where() {
        let error = decode(Operation::SendMessage, b"{\"QueueUrl\":1}").unwrap_err();
        assert!(error.detail.unwrap().ends_with(" at line 1 column 13"));
    }

    #[test]
    fn a_lone_surrogate_becomes_a_character_that_sqs_refuses() {
        assert_eq!(body_of(br#"{"MessageBody":"a\ud800b"}"#), Some("a\u{ffff}b".into()));
        assert_eq!(body_of(br#"{"MessageBody":"\uDC00\ud83d\ude00"}"#), Some("\u{ffff}\u{1f600}".into()));
        assert_eq!(body_of(br#"{"MessageBody":"\ud800\ud800\udc00"}"#), Some("\u{ffff}\u{10000}".into()));
        assert_eq!(body_of(br#"{"MessageBody":"\\ud800\ud800\n"}"#), Some("\\ud800\u{ffff}\n".into()));
        assert_eq!(body_of(br#"{"MessageBody":"\ud83d\ude00\\ud800"}"#), Some("\u{1f600}\\ud800".into()));
    }

    #[test]
    fn deep_nesting_is_refused_everywhere() {
        let nest = |depth: usize, prefix: &str| format!("{{\"{prefix}\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        for member in ["Unknown", "QueueUrl", "Entries", "é"] {
            for deep in [
                nest(100_000, member),
                format!("{{\"{member}\":{}", "[".repeat(100_000)),
                format!("{{\"{member}\":{}", "{\"a\":".repeat(100_000)),
            ] {
                let error = decode(Operation::SendMessageBatch, deep.as_bytes()).unwrap_err();
                assert_eq!(error.kind, ErrorKind::Serialization);
            }
        }
        let deepest = JSON_DEPTH_MAX - 1;
        assert!(decode(Operation::SendMessage, nest(deepest, "Unknown").as_bytes()).is_ok());
        assert!(decode(Operation::SendMessage, nest(deepest + 1, "Unknown").as_bytes()).is_err());
        let inside = format!(r#"{{"MessageAttributes":{{"a":{{"StringListValues":{}}}}}}}"#, "[".repeat(100_000));
        assert!(decode(Operation::SendMessage, inside.as_bytes()).is_err());
    }
}
