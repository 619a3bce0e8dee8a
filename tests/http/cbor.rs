//! Smithy RPC v2 CBOR over HTTP: headers of requests and answers, limits, and what is not taken for it.

use crate::support::*;
use kew::Server;
use serde_json::json;

fn server() -> Server {
    Server::builder().queue("q").manual_clock().body_bytes_max(1000).start().unwrap()
}

/// Asserts that it is an error in CBOR.
#[track_caller]
fn cbor_error(answer: &Answer, status: u16, shape: &str, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("smithy-protocol"), Some("rpc-v2-cbor"));
    assert_eq!(answer.header("content-type"), Some("application/cbor"));
    assert_eq!(answer.header("x-amzn-query-error"), Some(&*format!("{code};Sender")));
    let error = answer.json();
    assert_eq!(error["__type"].as_str().unwrap().split('#').nth(1), Some(shape), "{error}");
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
}

#[test]
fn a_message_comes_and_goes() {
    let server = server();
    let mut peer = Peer::of(&server);
    let attributes = json!({"a": {"DataType": "Binary", "BinaryValue": "AP+A"}});
    let sent =
        peer.ask(cbor("SendMessage", &json!({"QueueUrl": "q", "MessageBody": "é", "MessageAttributes": attributes})));
    assert_eq!((sent.status, sent.header("smithy-protocol")), (200, Some("rpc-v2-cbor")));
    assert_eq!(sent.header("x-amzn-requestid").map(str::len), Some(36));
    assert_eq!(sent.header("content-length"), Some(&*sent.body.len().to_string()));
    // As any other client gets it, and back.
    let asked = json!({"QueueUrl": "q", "MessageAttributeNames": ["All"], "VisibilityTimeout": 0});
    let by_json = peer.ask(super::support::http::json("ReceiveMessage", asked.to_string()));
    assert_eq!(by_json.json()["Messages"][0]["MessageAttributes"], attributes);
    let by_cbor = peer.ask(cbor("ReceiveMessage", &json!({"QueueUrl": "q", "MessageAttributeNames": ["All"]})));
    // The bytes themselves are in the answer.
    assert!(by_cbor.body.windows(4).any(|window| window == [0x43, 0, 0xFF, 0x80]), "{by_cbor:?}");
    let message = &by_cbor.json()["Messages"][0];
    assert_eq!((&message["Body"], &message["MessageAttributes"]), (&json!("é"), &attributes));
    let deleted = peer.ask(cbor("DeleteMessage", &json!({"QueueUrl": "q", "ReceiptHandle": message["ReceiptHandle"]})));
    assert_eq!((deleted.status, deleted.body.len(), deleted.header("content-type")), (200, 0, None));
    assert_eq!(deleted.header("smithy-protocol"), Some("rpc-v2-cbor"));
    assert_eq!(peer.ask(cbor("ReceiveMessage", &json!({"QueueUrl": "q"}))).json(), json!({}));
}

#[test]
fn no_body_is_no_members() {
    let server = server();
    let answer = Peer::of(&server).ask(cbor_with("ListQueues", &[], ""));
    assert_eq!(answer.ok().json()["QueueUrls"].as_array().map(Vec::len), Some(1));
}

#[test]
fn errors_are_in_cbor_too() {
    let server = server();
    let mut peer = Peer::of(&server);
    let missing = peer.ask(cbor("PurgeQueue", &json!({"QueueUrl": "nope"})));
    cbor_error(&missing, 400, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue");
    cbor_error(&peer.ask(cbor("Bogus", &json!({}))), 400, "UnknownOperationException", "InvalidAction");
    cbor_error(&peer.ask(cbor("ListQueues", &json!([]))), 400, "SerializationException", "MalformedInput");
    for target in ["X-Amz-Target", "X-Amzn-Target"] {
        let headers = [("Content-Type", "application/cbor"), (target, "AmazonSQS.DeleteQueue")];
        let answer = peer.ask(cbor_with("ListQueues", &headers, [0xA0]));
        cbor_error(&answer, 400, "SerializationException", "MalformedInput");
    }
    for headers in [&[("Content-Type", "application/json")][..], &[]] {
        let answer = peer.ask(cbor_with("ListQueues", headers, [0xA0]));
        cbor_error(&answer, 415, "UnsupportedMediaTypeException", "UnsupportedMediaType");
    }
    peer.assert_open();
    let large = json!({"QueueUrl": "q", "MessageBody": "x".repeat(1000)});
    cbor_error(&peer.ask(cbor("SendMessage", &large)), 413, "RequestEntityTooLargeException", "RequestEntityTooLarge");
    peer.assert_closed();
}

#[test]
fn without_its_header_it_is_no_request() {
    let server = server();
    let path = "/service/AmazonSQS/operation/ListQueues";
    for headers in [&[][..], &[("smithy-protocol", "rpc-v2-json")], &[("smithy-protocol", "rpc-v2-cbor, rpc-v2-cbor")]]
    {
        let headers = [headers, &[("Content-Type", "application/cbor")]].concat();
        let answer = Peer::of(&server).ask(request("POST", path, &headers, [0xA0]));
        assert_eq!((answer.status, answer.header("smithy-protocol")), (404, None));
    }
    // The header means nothing where the path names no operation.
    let headers =
        [("smithy-protocol", "rpc-v2-cbor"), ("Content-Type", AMZ_JSON), ("X-Amz-Target", "AmazonSQS.ListQueues")];
    let answer = Peer::of(&server).ask(request("POST", "/", &headers, "{}"));
    assert_eq!(answer.ok().header("content-type"), Some(AMZ_JSON));
}
