//! Smithy RPC v2 CBOR byte by byte: what Smithy's protocol tests ask of a server, said of members of SQS, and what the
//! specification says of paths, headers and answers.

use crate::support::cbor;
use kew::internals::api::{
    Empty, ListMessageMoveTasksResult, ListMessageMoveTasksResultEntry, Map, MessageAttributeValue, MessageAttributes,
    Operation, QueueUrlResult, Request, Response,
};
use kew::internals::error::{Error, ErrorKind};
use kew::internals::wire::{
    CBOR_DEPTH_MAX, Call, Head, Method, Protocol, Rejection, decode, encode, encode_error, protocol_of,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const POST: Head<'_> = Head {
    method: Method::Post,
    path: "/service/AmazonSQS/operation/SendMessage",
    query: None,
    content_type: Some("application/cbor"),
    target: None,
    smithy_protocol: Some("rpc-v2-cbor"),
    accept: Some("application/cbor"),
    authorization: None,
};

fn call<'a>(head: Head<'a>, body: &[u8]) -> Result<Call<'a>, Error> {
    decode(&head, body).map_err(|rejection| match rejection {
        Rejection::Error { protocol: Protocol::Cbor, error } => error,
        other => panic!("{other:?}"),
    })
}

fn read(operation: Operation, hexadecimal: &str) -> Result<Request, Error> {
    let body = hex::decode(hexadecimal.replace(' ', "")).unwrap();
    let path = format!("/service/AmazonSQS/operation/{}", operation.name());
    call(Head { path: &path, ..POST }, &body).map(|call| call.request)
}

/// What a SendMessage with one member has: its delay, its body, and its attributes.
fn sent(hexadecimal: &str) -> (Option<i64>, Option<String>, Option<MessageAttributes>) {
    match read(Operation::SendMessage, hexadecimal).unwrap() {
        Request::SendMessage(r) => (r.delay_seconds, r.message_body, r.message_attributes),
        other => panic!("{other:?}"),
    }
}

fn message_body(hexadecimal: &str) -> Option<String> {
    sent(hexadecimal).1
}

/// A map with nothing but a message body.
fn only_body(hexadecimal: &str) -> String {
    format!("a1 {} {hexadecimal}", text("MessageBody"))
}

fn delay(hexadecimal: &str) -> Option<i64> {
    sent(&format!("bf {} {hexadecimal} ff", text("DelaySeconds"))).0
}

fn with_binary(hexadecimal: &str) -> String {
    format!("a1 {} a1 6161 a1 {} {hexadecimal}", text("MessageAttributes"), text("BinaryValue"))
}

fn binary(hexadecimal: &str) -> Option<Vec<u8>> {
    sent(&with_binary(hexadecimal)).2.unwrap()["a"].binary_value.clone()
}

fn refusal(operation: Operation, hexadecimal: &str) -> String {
    let error = read(operation, hexadecimal).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Serialization, "{hexadecimal}");
    error.message.into_owned()
}

/// A short text in hexadecimal, as a key mostly.
fn text(text: &str) -> String {
    assert!(text.len() < 24);
    format!("{:02x}{} ", 0x60 + text.len(), hex::encode(text))
}

#[test]
fn no_body_and_an_empty_map_are_no_members() {
    let empty = Request::ListQueues(Default::default());
    for body in ["", "a0", "bfff", "d9d9f7a0"] {
        assert_eq!(read(Operation::ListQueues, body).unwrap(), empty, "{body}");
    }
    let head = Head { content_type: None, path: "/service/AmazonSQS/operation/ListQueues", ..POST };
    assert_eq!(call(head, b"").unwrap().request, empty);
}

#[test]
fn maps_come_with_a_length_or_with_a_break() {
    for body in [only_body("6568656c6c6f"), format!("bf {} 6568656c6c6f ff", text("MessageBody"))] {
        assert_eq!(message_body(&body).as_deref(), Some("hello"), "{body}");
    }
    let nested = format!("bf {} bf 616b 6176 ff {} 6171 ff", text("tags"), text("QueueName"));
    let Request::CreateQueue(r) = read(Operation::CreateQueue, &nested).unwrap() else { panic!() };
    assert_eq!((r.queue_name.as_deref(), r.tags.unwrap()["k"].0.as_deref()), (Some("q"), Some("v")));
}

#[test]
fn strings_come_in_pieces_as_keys_as_values_and_in_lists() {
    let key_in_pieces = "bf 7f 674d657373616765 64426f6479 ff 7f 78026865 60 636c6c6f ff ff";
    assert_eq!(message_body(key_in_pieces).as_deref(), Some("hello"));
    let names = |list: &str| {
        let body = format!("a1 {} {list}", text("AttributeNames"));
        let Request::GetQueueAttributes(r) = read(Operation::GetQueueAttributes, &body).unwrap() else { panic!() };
        r.attribute_names.unwrap().all().unwrap()
    };
    let expected = ["ab", "c"];
    for list in ["82 626162 6163", "9f 626162 6163 ff", "9f 7f 6161 6162 ff 7f 6163 ff ff", "82 7f 6161 6162 ff 6163"] {
        assert_eq!(names(list), expected, "{list}");
    }
    assert!(names("80").is_empty() && names("9fff").is_empty());
    assert_eq!(message_body(&only_body("7fff")).as_deref(), Some(""));
}

#[test]
fn a_blob_is_bytes_and_not_base64() {
    assert_eq!(binary("43 666f6f").unwrap(), b"foo");
    assert_eq!(binary("40").unwrap(), b"");
    assert_eq!(binary("5f 42 00ff 40 41 80 ff").unwrap(), [0, 255, 128]);
    assert_eq!(binary("f6"), None);
    assert_eq!(binary("f7"), None);
    for wrong in ["63 666f6f", "01", "f5", "f93c00"] {
        refusal(Operation::SendMessage, &with_binary(wrong));
    }
}

#[test]
fn a_byte_string_is_no_text_and_no_number() {
    let member = "The request has a member of the wrong type, or one member twice.";
    for (operation, name, wrong) in [
        (Operation::SendMessage, "MessageBody", "4161"),
        (Operation::SendMessage, "QueueUrl", "4161"),
        (Operation::SendMessage, "DelaySeconds", "4131"),
        (Operation::GetQueueAttributes, "AttributeNames", "81 4161"),
        (Operation::CreateQueue, "tags", "a1 4161 6161"),
        (Operation::CreateQueue, "tags", "a1 6161 4161"),
    ] {
        assert_eq!(refusal(operation, &format!("a1 {} {wrong}", text(name))), member, "{name} {wrong}");
    }
}

#[test]
fn an_integer_has_any_width() {
    for (item, expected) in [
        ("00", 0),
        ("17", 23),
        ("1818", 24),
        ("1817", 23),
        ("190100", 256),
        ("1a00010000", 65_536),
        ("1b0000000100000000", 1 << 32),
        ("1b7fffffffffffffff", i64::MAX),
        ("1bffffffffffffffff", i64::MAX),
        ("20", -1),
        ("3863", -100),
        ("3b7fffffffffffffff", i64::MIN),
        ("3bffffffffffffffff", i64::MIN),
    ] {
        assert_eq!(delay(item), Some(expected), "{item}");
    }
}

#[test]
fn floats_of_every_width_are_cut_to_integers() {
    for (item, expected) in [
        ("f94700", 7),
        ("f97bff", 65_504),
        ("f90001", 0),
        ("f9c400", -4),
        ("fa40f40000", 7),
        ("fb401e800000000000", 7),
        ("f97c00", i64::MAX),
        ("f9fc00", i64::MIN),
        ("f97e00", 0),
        ("fa7f800000", i64::MAX),
        ("fbfff0000000000000", i64::MIN),
    ] {
        assert_eq!(delay(item), Some(expected), "{item}");
    }
}

#[test]
fn null_and_undefined_are_absent() {
    assert_eq!(message_body(&only_body("f6")), None);
    assert_eq!(message_body(&only_body("f7")), None);
    assert_eq!((delay("f6"), delay("f7")), (None, None));
    assert_eq!(sent(&format!("a1 {} f6", text("MessageAttributes"))).2, None);
    let Request::TagQueue(r) = read(Operation::TagQueue, &format!("a1 {} a1 616b f6", text("Tags"))).unwrap() else {
        panic!()
    };
    assert_eq!(r.tags.unwrap()["k"].0, None);
}

#[test]
fn tags_are_passed_over() {
    assert_eq!(message_body(&only_body("c0 6161")).as_deref(), Some("a"));
    assert_eq!(delay("c1 1a00000005"), Some(5));
    assert_eq!(delay("c1 c1 d81e da00000001 05"), Some(5));
    assert_eq!(delay("c1 f6"), None);
    // A large number is a tagged byte string, and SQS has no member that is one.
    refusal(Operation::SendMessage, &format!("a1 {} c2 4105", text("DelaySeconds")));
}

/// Everything that a later model may put into a request.
#[test]
fn unknown_members_of_every_kind_are_ignored() {
    let (unknown, body) = (text("extraObject"), text("MessageBody"));
    for item in [
        "bf 61 61 bf 61 62 9f 01 02 03 ff ff 61 63 a1 61 64 83 01 02 03 ff",
        "5f 41 00 40 ff",
        "44 00010203",
        "7f 61 61 60 ff",
        "f97e00",
        "fa7fc00000",
        "fb7ff8000000000000",
        "3bffffffffffffffff",
        "c2 49 010000000000000000",
        "f6",
        "f7",
        "f820",
        "a2 01 02 80 03",
    ] {
        let body = format!("bf {unknown} {item} {body} 6161 ff");
        assert_eq!(message_body(&body).as_deref(), Some("a"), "{item}");
    }
}

#[test]
fn wrong_types_have_the_texts_of_the_json_protocol() {
    use Operation::{CreateQueue, ReceiveMessage, SendMessage, SendMessageBatch};
    const STRUCTURE: &str = "Start of structure or map found where not expected.";
    const LIST: &str = "Start of list found where not expected";
    const MEMBER: &str = "The request has a member of the wrong type, or one member twice.";
    const NUMBER: &str = "NUMBER_VALUE can not be converted to a String";
    for (operation, name, item, expected) in [
        (SendMessage, "QueueUrl", "a0", STRUCTURE),
        (SendMessage, "QueueUrl", "80", LIST),
        (SendMessage, "QueueUrl", "01", NUMBER),
        (SendMessage, "QueueUrl", "f93c00", NUMBER),
        (SendMessage, "MessageBody", "f93e00", NUMBER),
        (SendMessage, "QueueUrl", "f5", "TRUE_VALUE can not be converted to a String"),
        (SendMessage, "DelaySeconds", "6178", "STRING_VALUE can not be converted to an Integer"),
        (SendMessage, "DelaySeconds", "f4", "FALSE_VALUE can not be converted to an Integer"),
        (SendMessage, "MessageAttributes", "80", LIST),
        (SendMessage, "MessageAttributes", "6161", MEMBER),
        (SendMessage, "MessageAttributes", "a1 6161 80", LIST),
        (SendMessageBatch, "Entries", "a0", STRUCTURE),
        (SendMessageBatch, "Entries", "81 81 626964", LIST),
        (ReceiveMessage, "AttributeNames", "81 01", NUMBER),
        (ReceiveMessage, "AttributeNames", "81 f5", "TRUE_VALUE can not be converted to a String"),
        (ReceiveMessage, "AttributeNames", "63416c6c", MEMBER),
        (CreateQueue, "Attributes", "a1 6161 80", "Unrecognized collection type class java.lang.String"),
    ] {
        assert_eq!(refusal(operation, &format!("bf {} {item} ff", text(name))), expected, "{name} {item}");
    }
    // A member twice, and one by its place instead of its name.
    assert_eq!(refusal(SendMessage, &format!("a2 {0} 6161 {0} 6162", text("MessageBody"))), MEMBER);
    assert_eq!(refusal(SendMessage, "a1 00 6161"), MEMBER);
    // What JSON takes as a text is taken here.
    for (item, taken) in [("05", "5"), ("20", "-1"), ("f5", "true"), ("f4", "false")] {
        assert_eq!(message_body(&only_body(item)).as_deref(), Some(taken), "{item}");
    }
    assert_eq!(delay("623132"), Some(12));
}

#[test]
fn what_is_no_map_is_refused() {
    for body in ["80", "00", "6161", "4161", "f6", "f5", "c1 00", "83 01 02 03"] {
        assert_eq!(refusal(Operation::ListQueues, body), "The request body is not a CBOR map.", "{body}");
    }
}

#[test]
fn what_is_no_cbor_is_refused() {
    let broken = [
        "ff",
        "c1",
        "a1",
        "bf",
        "bf 6161",
        "a0 00",
        "a0 a0",
        "a1 6161",
        "1c",
        "a1 6161 1c",
        "a1 6161 fc",
        // Lengths that nothing stands behind.
        "a1 6161 7b7fffffffffffffff",
        "a1 6161 7bffffffffffffffff 61",
        "a1 6161 5b7fffffffffffffff",
        "a1 6161 9b7fffffffffffffff",
        "a1 6161 bb7fffffffffffffff 00",
        "bb7fffffffffffffff",
        "a1 6161 9affffffff 00 00",
        // Pieces of another kind, in pieces themselves, without their break; a break where a value should be.
        "a1 6161 7f 4161 ff",
        "a1 6161 7f 7f 6161 ff ff",
        "a1 6161 7f 6161",
        "a1 6161 ff",
        "a1 6161 5f 6161 ff",
        "bf 6161 ff",
        // Not UTF-8, in one and split over pieces.
        "a1 6161 62c328",
        "a1 62c328 00",
        "a1 6161 7f 61c3 61a9 ff",
        // Numbers and tags have no pieces.
        "a1 6161 1f",
        "a1 6161 3f",
        "a1 6161 df 00",
        "a1 6161 c1",
    ];
    let syntax = "The request body is not well-formed CBOR.";
    for body in broken {
        assert!(
            ["The request body is not a CBOR map.", syntax].contains(&&*refusal(Operation::SendMessage, body)),
            "{body}"
        );
    }
    // The same behind a member that is read instead of passed over; a byte string is the wrong type there, and so is a list.
    for body in broken.iter().filter(|body| body.contains(" 6161 ") && !body.contains(" 5") && !body.contains(" 9")) {
        let body = body.replacen("6161 ", &text("MessageBody"), 1);
        let refused = refusal(Operation::SendMessage, &body);
        assert!(refused == syntax || refused.starts_with("Start of structure"), "{body}: {refused}");
    }
}

#[test]
fn deep_nesting_is_refused_everywhere() {
    for key in [text("a"), text("MessageBody"), text("Entries")] {
        for open in ["81", "9f", "a1 6161", "bf 6161", "a1 00"] {
            let deep = format!("a1 {key} {}", format!("{open} ").repeat(100_000));
            refusal(Operation::SendMessageBatch, &deep);
        }
    }
    let nest = |depth: usize| format!("a1 6161 {} 00", "81".repeat(depth));
    assert!(read(Operation::SendMessage, &nest(CBOR_DEPTH_MAX - 1)).is_ok());
    assert!(read(Operation::SendMessage, &nest(CBOR_DEPTH_MAX)).is_err());
    // Tags stand beside each other, however many.
    assert_eq!(message_body(&only_body(&format!("{} 6161", "c1".repeat(100_000)))).as_deref(), Some("a"));
}

#[test]
fn the_last_four_segments_of_the_path_name_the_operation() {
    let outcome = |path: &str| match decode(&Head { path, ..POST }, &[0xA0]) {
        Ok(call) => (call.protocol, call.operation.name().to_owned()),
        Err(Rejection::Error { protocol, error }) => (protocol, error.message.into_owned()),
        Err(Rejection::NotFound) => (Protocol::Json, "nothing".to_owned()),
    };
    let of = |text: &str| (Protocol::Cbor, text.to_owned());
    for path in [
        "/service/AmazonSQS/operation/ListQueues",
        "/service/com.amazonaws.sqs.AmazonSQS/operation/ListQueues",
        "/v1/service/AmazonSQS/operation/ListQueues",
        "/a/b/c/service/AmazonSQS/operation/ListQueues",
        "/service/X/operation/Y/service/AmazonSQS/operation/ListQueues",
    ] {
        assert_eq!(outcome(path), of("ListQueues"), "{path}");
    }
    let unknown = |name: &str| of(&format!("The action {name} is not valid for this endpoint."));
    assert_eq!(outcome("/service/AmazonSQS/operation/Bogus"), unknown("Bogus"));
    assert_eq!(outcome("/service/DynamoDB/operation/ListQueues"), unknown("ListQueues"));
    assert_eq!(
        outcome("/service/AmazonSQS/operation/com.amazonaws.sqs.ListQueues"),
        unknown("com.amazonaws.sqs.ListQueues")
    );
    assert_eq!(outcome("/service//operation/"), unknown(""));
    for path in [
        "/",
        "",
        "/operation/ListQueues",
        "/AmazonSQS/operation/ListQueues",
        "/service/AmazonSQS/ListQueues",
        "/xservice/AmazonSQS/operation/ListQueues/",
        "/xservice/AmazonSQS/operation/ListQueues",
        "/service/AmazonSQS/operation/ListQueues/",
    ] {
        assert_eq!(outcome(path).1, "nothing", "{path}");
    }
}

#[test]
fn method_and_header_say_whether_it_is_this_protocol() {
    let nothing = |head: Head| assert_eq!(decode(&head, &[0xA0]), Err(Rejection::NotFound), "{head:?}");
    nothing(Head { smithy_protocol: None, ..POST });
    nothing(Head { smithy_protocol: Some("rpc-v2-json"), ..POST });
    nothing(Head { method: Method::Get, ..POST });
    nothing(Head { method: Method::Other, ..POST });
    assert_eq!(protocol_of(&POST), Protocol::Cbor);
    assert_eq!(protocol_of(&Head { smithy_protocol: None, ..POST }), Protocol::Json);
    // The path names no queue.
    let request = call(POST, &[0xA0]).unwrap().request;
    assert_eq!(request, Request::SendMessage(Default::default()));
}

#[test]
fn another_content_type_and_a_second_name_of_the_operation_are_refused() {
    let body = cbor::body(&json!({"MessageBody": "a"}));
    for content_type in
        [None, Some(""), Some("application/json"), Some("application/x-amz-json-1.0"), Some("application/cbor-seq")]
    {
        let error = call(Head { content_type, ..POST }, &body).unwrap_err();
        assert_eq!((error.kind, error.status()), (ErrorKind::UnsupportedMediaType, 415), "{content_type:?}");
    }
    for content_type in [Some("application/cbor"), Some("Application/CBOR; charset=binary")] {
        assert!(call(Head { content_type, ..POST }, &body).is_ok(), "{content_type:?}");
    }
    for accept in [None, Some("*/*"), Some("application/json")] {
        assert!(call(Head { accept, ..POST }, &body).is_ok(), "{accept:?}");
    }
    let error = call(Head { target: Some("AmazonSQS.SendMessage"), ..POST }, &body).unwrap_err();
    assert_eq!((error.kind, error.status()), (ErrorKind::Serialization, 400));
}

#[test]
fn who_signed_is_found_in_header_and_url() {
    let key = |head: Head| {
        let call = call(head, b"").unwrap();
        (call.credential.access_key.map(|k| k.into_owned()), call.credential.region.map(|r| r.into_owned()))
    };
    let both = |k: &str, r: &str| (Some(k.to_owned()), Some(r.to_owned()));
    let authorization = Some("AWS4-HMAC-SHA256 Credential=HK/20261120/us-east-1/sqs/aws4_request");
    assert_eq!(key(Head { authorization, ..POST }), both("HK", "us-east-1"));
    let query = Some("X-Amz-Credential=AK%2F20261120%2Feu-west-1%2Fsqs%2Faws4_request");
    assert_eq!(key(Head { query, ..POST }), both("AK", "eu-west-1"));
    assert_eq!(key(POST), (None, None));
}

#[test]
fn an_answer_byte_by_byte() {
    let reply = encode(Protocol::Cbor, &Response::GetQueueUrl(QueueUrlResult { queue_url: "u".into() }), "r");
    assert_eq!(hex::encode(&reply.body), "a168517565756555726c6175");
    assert_eq!((reply.status, reply.content_type, reply.query_error), (200, "application/cbor", None));
    assert_eq!(reply.smithy_protocol, Some("rpc-v2-cbor"));
    // No output is no body and no content type; an empty output is an empty map.
    let reply = encode(Protocol::Cbor, &Response::DeleteMessage(Empty {}), "r");
    assert_eq!((reply.status, reply.content_type, reply.body.len()), (200, "", 0));
    assert_eq!(reply.smithy_protocol, Some("rpc-v2-cbor"));
    let reply = encode(Protocol::Cbor, &Response::ReceiveMessage(Default::default()), "r");
    assert_eq!((reply.content_type, &*reply.body), ("application/cbor", &[0xA0][..]));
}

#[test]
fn a_number_is_written_as_short_as_it_goes() {
    let written = |number: i64| {
        let entry = ListMessageMoveTasksResultEntry { started_timestamp: number, ..Default::default() };
        let response = Response::ListMessageMoveTasks(ListMessageMoveTasksResult { results: vec![entry] });
        let body = encode(Protocol::Cbor, &response, "r").body;
        let key = [&[0x70][..], b"StartedTimestamp"].concat();
        let at = body.windows(key.len()).position(|window| window == key).unwrap() + key.len();
        let status = body[at..].windows(7).position(|window| window == b"\x66Status").unwrap();
        hex::encode(&body[at..at + status])
    };
    for (number, expected) in [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (255, "18ff"),
        (256, "190100"),
        (65_535, "19ffff"),
        (65_536, "1a00010000"),
        (0xFFFF_FFFF, "1affffffff"),
        (0x1_0000_0000, "1b0000000100000000"),
        (i64::MAX, "1b7fffffffffffffff"),
        (-1, "20"),
        (-24, "37"),
        (-25, "3818"),
        (i64::MIN, "3b7fffffffffffffff"),
    ] {
        assert_eq!(written(number), expected, "{number}");
    }
}

#[test]
fn an_error_has_its_shape_id_and_its_old_code() {
    let reply = encode_error(Protocol::Cbor, &Error::no_queue(), "r");
    assert_eq!(reply.status, 400);
    let expected =
        json!({"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "The specified queue does not exist."});
    assert_eq!(cbor::json(&reply.body), expected);
    assert_eq!(reply.query_error.as_deref(), Some("AWS.SimpleQueueService.NonExistentQueue;Sender"));
    assert_eq!((reply.content_type, reply.smithy_protocol), ("application/cbor", Some("rpc-v2-cbor")));
}

/// A value for a member of any type, as JSON and CBOR say it alike: no fractions, which JSON keeps as they were written.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => any::<String>().prop_map(Value::from),
        2 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof![3 => crate::support::hostile::any_member(), 1 => any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..4).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

/// No blobs, which a text stands for in JSON only.
fn has_blob(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| name.starts_with("Binary") || has_blob(value)),
        Value::Array(list) => list.iter().any(has_blob),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_members_mean_or_are_refused_as_in_json(
        operation in prop::sample::select(Operation::ALL),
        members in prop::collection::vec((crate::support::hostile::any_member(), any_json()), 0..5),
    ) {
        let members: Value = members.into_iter().collect();
        prop_assume!(!has_blob(&members));
        let refused = |rejection: Rejection| match rejection {
            Rejection::Error { error, .. } => (error.kind, error.message),
            Rejection::NotFound => panic!("not found"),
        };
        let json = crate::support::json_request(operation, &members.to_string()).map_err(refused);
        let cbor = crate::support::cbor_request(operation, &cbor::body(&members)).map_err(refused);
        prop_assert_eq!(json, cbor);
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        operation in prop::sample::select(Operation::ALL),
        body in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let map = [&[0xBF][..], &body].concat();
        for body in [&body, &map] {
            if let Err(Rejection::Error { protocol, error }) = crate::support::cbor_request(operation, body) {
                prop_assert_eq!((protocol, error.kind), (Protocol::Cbor, ErrorKind::Serialization));
            }
        }
    }

    #[test]
    fn any_attributes_come_back_from_an_answer(
        attributes in prop::collection::btree_map(
            any::<String>(), (any::<Option<String>>(), prop::option::of(prop::collection::vec(any::<u8>(), 0..300))), 0..5),
    ) {
        let message_attributes: Map<MessageAttributeValue> = attributes
            .into_iter()
            .map(|(name, (string_value, binary_value))| {
                (name, MessageAttributeValue { string_value, binary_value, ..Default::default() })
            })
            .collect();
        let mut message = crate::answers::full_message();
        message.message_attributes = message_attributes.clone();
        let response = Response::ReceiveMessage(kew::internals::api::ReceiveMessageResult { messages: vec![message] });
        let answer = encode(Protocol::Cbor, &response, "r").body;
        // As a request: what an answer writes can be read again.
        let mut item: ciborium::Value = ciborium::from_reader(&*answer).unwrap();
        let members = item.as_map_mut().unwrap()[0].1.as_array_mut().unwrap()[0].as_map_mut().unwrap();
        members.retain(|(name, _)| name.as_text() == Some("MessageAttributes"));
        let body = cbor::written(&ciborium::Value::Map(members.clone()));
        let Request::SendMessage(read) = crate::support::cbor_request(Operation::SendMessage, &body).unwrap() else { panic!() };
        prop_assert_eq!(read.message_attributes.as_deref().cloned().unwrap_or_default(), message_attributes);
    }
}
