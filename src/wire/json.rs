//! AWS JSON 1.0: a request out of an object, an answer into one, straight between bytes and structs.

use super::strict::{MEMBER, Plain, Reading, Strict};
use super::verbatim::Verbatim;
use crate::api::fields::NUMBER_AS_WRITTEN;
use crate::api::{Operation, Request, Response};
use crate::error::Error;
use serde_json::error::Category;

/// Objects and lists inside each other before a body is refused; the JSON reader's own limit. A request of SQS has
/// five.
pub const JSON_DEPTH_MAX: usize = 127;

/// The text for a body that is not JSON. AWS's is not recorded.
const SYNTAX: &str = "The request body is not well-formed JSON.";
/// The text for a body that is JSON but not an object. AWS's is not recorded.
const NOT_AN_OBJECT: &str = "The request body is not a JSON object.";

/// Reads the members of `operation`; an empty body is an empty object.
pub(super) fn decode(operation: Operation, body: &[u8]) -> Result<Request, Error> {
    match body.trim_ascii_start().first() {
        None => return read::<Plain>(operation, b"{}").map_err(malformed),
        Some(b'{') => {}
        // A list would do for the struct reader of serde, by position.
        Some(_) => return Err(Error::malformed(NOT_AN_OBJECT)),
    }
    match read::<Plain>(operation, body) {
        Ok(request) => Ok(request),
        Err(error) if is_verbatim(&error) => read::<Verbatim>(operation, body).map_err(malformed),
        Err(error) => Err(malformed(error)),
    }
}

fn read<R: Reading>(operation: Operation, body: &[u8]) -> Result<Request, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let request = Request::deserialize(operation, Strict::<_, R>::new(&mut reader))?;
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

/// Whether the body holds what only the second reading can give.
fn is_verbatim(error: &serde_json::Error) -> bool {
    let text = error.to_string();
    ["lone leading surrogate", "unexpected end of hex escape", NUMBER_AS_WRITTEN]
        .iter()
        .any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::rules::lone_surrogate;
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
    fn a_lone_surrogate_becomes_characters_that_sqs_refuses() {
        let lone = |unit| lone_surrogate(unit).iter().collect::<String>();
        let [high, low] = [lone(0xd800), lone(0xdc00)];
        assert_eq!(body_of(br#"{"MessageBody":"a\ud800b"}"#), Some(format!("a{high}b")));
        assert_eq!(body_of(br#"{"MessageBody":"\uDC00\ud83d\ude00"}"#), Some(format!("{low}\u{1f600}")));
        assert_eq!(body_of(br#"{"MessageBody":"\ud800\ud800\udc00"}"#), Some(format!("{high}\u{10000}")));
        assert_eq!(body_of(br#"{"MessageBody":"\\ud800\ud800\n"}"#), Some(format!("\\ud800{high}\n")));
        assert_eq!(body_of(br#"{"MessageBody":"\ud83d\ude00\\ud800"}"#), Some("\u{1f600}\\ud800".into()));
        assert_eq!(body_of(br#"{"X":["\ud800",{"\udc00":1.5}],"\ud800":1,"MessageBody":"a"}"#), Some("a".into()));
    }

    #[test]
    fn the_second_reading_refuses_what_the_first_does() {
        for (body, text) in [
            (&b"{\"MessageBody\":\"\\ud800\xff\"}"[..], SYNTAX),
            (b"{\"MessageBody\":\"\\ud800\n\"}", SYNTAX),
            (b"{\"MessageBody\":1.0,\"QueueUrl\":[]}", "Start of list found where not expected"),
            (b"{\"MessageBody\":1.0,\"QueueUrl\":{}}", "Start of structure or map found where not expected."),
            (b"{\"MessageBody\":1.0,\"QueueUrl\":1.0}", "NUMBER_VALUE can not be converted to a String"),
            (b"{\"MessageBody\":1.0,\"QueueUrl\":true}", "TRUE_VALUE can not be converted to a String"),
            (b"{\"MessageBody\":1.0,\"MessageAttributes\":\"a\"}", MEMBER),
            (b"{\"MessageBody\":1.0,\"MessageBody\":1.0}", MEMBER),
            (b"{\"MessageBody\":1.0}}", SYNTAX),
        ] {
            let error = decode(Operation::SendMessage, body).unwrap_err();
            assert_eq!((error.kind, &*error.message), (ErrorKind::Serialization, text), "{}", body.escape_ascii());
        }
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
