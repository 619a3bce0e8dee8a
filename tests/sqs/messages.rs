//! What of a message comes back: digests, identifiers, system attributes, trace headers.

use crate::fixture::*;
use aws_sdk_sqs::types::{
    MessageSystemAttributeName, MessageSystemAttributeNameForSends, MessageSystemAttributeValue, QueueAttributeName,
};
use std::collections::BTreeSet;

const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

fn trace_value(text: &str) -> MessageSystemAttributeValue {
    MessageSystemAttributeValue::builder().data_type("String").string_value(text).build().unwrap()
}

#[tokio::test]
async fn bodies_have_their_md5_on_the_way_in_and_out() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for (body, md5) in [("message", "78e731027d8fd50ed642340b7c9a63b3"), ("hello", "5d41402abc4b2a76b9719d911017c592")]
    {
        let sent = kew.send("q", body).await;
        assert_eq!(sent.md5_of_message_body(), Some(md5));
        assert_eq!(sent.md5_of_message_attributes(), None);
        assert_eq!(sent.md5_of_message_system_attributes(), None);
        let message = kew.receive_one("q").await;
        assert_eq!(message.md5_of_body(), Some(md5));
        assert_eq!(message.md5_of_message_attributes(), None);
    }
}

#[tokio::test]
async fn attribute_digests_are_those_that_aws_was_seen_to_give() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let span = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
    let table = [
        (vec![("k", string_value("x"))], "a45daa70926828a2f0a1db3418e6feb4"),
        (vec![("Foo", string_value("Bar"))], "ae7155c6026991b6d54b11589678bf9c"),
        (vec![("MyAttribute", string_value("foobar"))], "adb59cd4678ea5a855436b949cd07ab6"),
        (vec![("timestamp", typed("Number", "1493147359900"))], "235c5c510d26fb653d073faed50ae77c"),
        (vec![("timestamp", typed("Number.java.lang.Long", "1493147359900"))], "2e2e4876d8e0bd6b8c2c8f556831c349"),
        (
            vec![
                ("color", string_value("blue")),
                ("count", typed("Number", "3")),
                ("blob", binary("Binary", &[1, 2, 3])),
            ],
            "d838729972a4b70e2d2acd9d59ac847c",
        ),
        (vec![("color", string_value("blue"))], "da1b33cc3cbfe8b1630921e78e6b9880"),
        (vec![("attr1", binary("Binary", span))], "8cbe4db156db8a94db8b801b7addb984"),
    ];
    for (attributes, md5) in table {
        let mut call = kew.client.send_message().queue_url(kew.url("q")).message_body("x");
        for (name, value) in &attributes {
            call = call.message_attributes(*name, value.clone());
        }
        assert_eq!(call.send().await.unwrap().md5_of_message_attributes(), Some(md5), "{attributes:?}");
        let message = kew.receive_one("q").await;
        assert_eq!(message.md5_of_message_attributes(), Some(md5));
        let returned = message.message_attributes().unwrap();
        assert_eq!(returned.len(), attributes.len());
        for (name, value) in &attributes {
            assert_eq!(&returned[*name], value);
        }
    }
}

#[tokio::test]
async fn all_kinds_of_attributes_come_back_as_they_were_sent_in_both_protocols() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "0")])]).await;
    let members = json!({"QueueUrl": kew.url("q"), "MessageBody": "x", "MessageAttributes": {
        "text": {"DataType": "String", "StringValue": "a & <b> \"c\" 雪 😀\r\n\t"},
        "labelled": {"DataType": "String.json", "StringValue": "{}"},
        "count": {"DataType": "Number", "StringValue": "003.50"},
        "big": {"DataType": "Number.bigint", "StringValue": "12345678901234567890123456789012345678"},
        "bytes": {"DataType": "Binary", "BinaryValue": base64_of(&[0, 255, 10])},
        "image": {"DataType": "Binary.png", "BinaryValue": base64_of(b"PNG")},
    }});
    let in_json = kew.json("SendMessage", &members).ok().json();
    let in_query = kew.query("SendMessage", &members).ok();
    assert_eq!(in_json["MD5OfMessageAttributes"].as_str(), in_query.xml("MD5OfMessageAttributes").as_deref());
    for answer in [kew.receive_one("q").await, kew.receive_one("q").await] {
        let attributes = answer.message_attributes().unwrap();
        assert_eq!(attributes["text"], string_value("a & <b> \"c\" 雪 😀\r\n\t"));
        assert_eq!(attributes["labelled"], typed("String.json", "{}"));
        assert_eq!(attributes["count"], typed("Number", "003.50"));
        assert_eq!(attributes["big"], typed("Number.bigint", "12345678901234567890123456789012345678"));
        assert_eq!(attributes["bytes"], binary("Binary", &[0, 255, 10]));
        assert_eq!(attributes["image"], binary("Binary.png", b"PNG"));
    }
    let receive = json!({"QueueUrl": kew.url("q"), "MessageAttributeNames": ["All"]});
    let xml = kew.query("ReceiveMessage", &receive).ok();
    assert!(xml.xml_all("StringValue").contains(&"a & <b> \"c\" 雪 😀\r\n\t".to_owned()), "{xml:?}");
    assert!(xml.xml_all("BinaryValue").contains(&base64_of(&[0, 255, 10])));
    assert!(xml.xml_all("DataType").contains(&"Binary.png".to_owned()));
}

#[tokio::test]
async fn an_empty_member_beside_the_value_of_an_attribute_is_no_value() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let table = [
        (json!({"DataType": "String", "StringValue": "hello", "BinaryValue": ""}), string_value("hello")),
        (json!({"DataType": "String.x", "StringValue": "hello", "BinaryValue": ""}), typed("String.x", "hello")),
        (json!({"DataType": "Number", "StringValue": "12", "BinaryValue": ""}), typed("Number", "12")),
        (json!({"DataType": "Binary", "StringValue": "", "BinaryValue": "AQID"}), binary("Binary", &[1, 2, 3])),
        (json!({"DataType": "Binary.x", "StringValue": "", "BinaryValue": "AQID"}), binary("Binary.x", &[1, 2, 3])),
    ];
    for (given, expected) in table {
        let mut plain = given.clone();
        plain.as_object_mut().unwrap().retain(|_, value| value != "");
        let send = |value: &Value| json!({"QueueUrl": "q", "MessageBody": "x", "MessageAttributes": {"a": value}});
        let md5 = kew.json("SendMessage", &send(&plain)).ok().json()["MD5OfMessageAttributes"].clone();
        kew.receive_one("q").await;
        let batch =
            json!({"QueueUrl": "q", "Entries": [{"Id": "1", "MessageBody": "x", "MessageAttributes": {"a": given}}]});
        let digests = [
            kew.json("SendMessage", &send(&given)).ok().json()["MD5OfMessageAttributes"].clone(),
            kew.query("SendMessage", &send(&given)).ok().xml("MD5OfMessageAttributes").into(),
            kew.json("SendMessageBatch", &batch).ok().json()["Successful"][0]["MD5OfMessageAttributes"].clone(),
            kew.query("SendMessageBatch", &batch).ok().xml("MD5OfMessageAttributes").into(),
        ];
        assert_eq!(digests, [(); 4].map(|()| md5.clone()), "{given}");
        for selector in ["All", "a", "a.*", "*"] {
            let call = kew.client.receive_message().queue_url(kew.url("q")).message_attribute_names(selector);
            let message = call.send().await.unwrap().messages.unwrap().remove(0);
            assert_eq!(message.message_attributes().unwrap()["a"], expected, "{given} {selector}");
            assert_eq!(message.md5_of_message_attributes(), md5.as_str());
        }
    }
}

#[tokio::test]
async fn a_body_comes_back_byte_for_byte_in_both_protocols() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "0")])]).await;
    let body = "\r\n \t<a href=\"x\">&amp; 'q' \u{7f}\u{85}\u{e000}\u{fffd} 雪 😀\u{10ffff}\r";
    kew.send("q", body).await;
    assert_eq!(kew.receive_bodies("q", 1).await, [body]);
    let xml = kew.query("ReceiveMessage", &json!({"QueueUrl": kew.url("q")})).ok();
    assert_eq!(xml.xml("Body").as_deref(), Some(body));
    assert!(!xml.text().split("<Body>").nth(1).unwrap().split("</Body>").next().unwrap().contains('\r'), "{xml:?}");
}

#[tokio::test]
async fn message_ids_are_uuids_and_handles_are_new_on_every_receive() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "0")])]).await;
    let id = kew.send("q", "x").await.message_id.unwrap();
    assert_eq!(id.len(), 36);
    assert!(id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-'), "{id}");
    let mut handles = BTreeSet::new();
    for _ in 0..3 {
        let message = kew.receive_one("q").await;
        assert_eq!(message.message_id(), Some(id.as_str()));
        assert!(handle_of(&message).len() <= 1024 && handle_of(&message) != id);
        handles.insert(handle_of(&message).to_owned());
    }
    assert_eq!(handles.len(), 3);
}

#[tokio::test]
async fn the_system_attributes_of_a_plain_message_are_four() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let sent_at = kew.now_ms();
    kew.send("q", "x").await;
    kew.turn_ms(1234);
    let message = kew.receive_one("q").await;
    assert_eq!(message.attributes().unwrap().len(), 4);
    assert_eq!(system(&message, "SenderId").as_deref(), Some(ACCOUNT));
    assert_eq!(system(&message, "SentTimestamp"), Some(sent_at.to_string()));
    assert_eq!(system(&message, "ApproximateFirstReceiveTimestamp"), Some((sent_at + 1234).to_string()));
    assert_eq!(system(&message, "ApproximateReceiveCount").as_deref(), Some("1"));
    kew.turn(31);
    let again = kew.receive_one("q").await;
    assert_eq!(system(&again, "ApproximateReceiveCount").as_deref(), Some("2"));
    assert_eq!(system(&again, "ApproximateFirstReceiveTimestamp"), Some((sent_at + 1234).to_string()));
}

#[tokio::test]
async fn the_system_attributes_of_a_fifo_message() {
    let kew = Kew::holding(&[("q.fifo", &[("ContentBasedDeduplication", "true")])]).await;
    let call = kew.client.send_message().queue_url(kew.url("q.fifo")).message_body("same").message_group_id("g");
    let sent = call.send().await.unwrap();
    let message = kew.receive_one("q.fifo").await;
    assert_eq!(message.attributes().unwrap().len(), 7);
    assert_eq!(system(&message, "SequenceNumber"), sent.sequence_number);
    assert_eq!(system(&message, "MessageGroupId").as_deref(), Some("g"));
    let sha256 = "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5";
    assert_eq!(system(&message, "MessageDeduplicationId").as_deref(), Some(sha256));
}

#[tokio::test]
async fn system_attributes_are_selected_by_either_list_or_by_both() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "0")])]).await;
    kew.send("q", "x").await;
    let names = |members: Value| {
        let message = kew.json("ReceiveMessage", &members).ok().json()["Messages"][0].clone();
        let found = message["Attributes"].as_object().cloned().unwrap_or_default();
        found.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let url = kew.url("q");
    let none: Vec<String> = Vec::new();
    assert_eq!(names(json!({"QueueUrl": url})), none);
    assert_eq!(names(json!({"QueueUrl": url, "AttributeNames": ["SenderId"]})), ["SenderId"]);
    assert_eq!(names(json!({"QueueUrl": url, "MessageSystemAttributeNames": ["SentTimestamp"]})), ["SentTimestamp"]);
    assert_eq!(names(json!({"QueueUrl": url, "AttributeNames": ["All"]})).len(), 4);
    let both = json!({"QueueUrl": url, "AttributeNames": ["SenderId"], "MessageSystemAttributeNames": ["All"]});
    assert_eq!(names(both).len(), 4);
    let both =
        json!({"QueueUrl": url, "AttributeNames": ["SenderId"], "MessageSystemAttributeNames": ["SentTimestamp"]});
    assert_eq!(names(both), ["SenderId", "SentTimestamp"]);
    // Known, but not there.
    assert_eq!(names(json!({"QueueUrl": url, "AttributeNames": ["SequenceNumber", "AWSTraceHeader"]})), none);
    let by_form = kew.query("ReceiveMessage", &json!({"QueueUrl": url, "MessageSystemAttributeNames": ["All"]})).ok();
    assert_eq!(by_form.xml_all("Name").len(), 4);
    let unindexed = format!("Action=ReceiveMessage&QueueUrl={url}&AttributeName=All");
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(kew.raw("POST", "/", &headers, &unindexed).ok().xml_all("Name").len(), 4);
}

/// Recorded for a name that does not exist, alone and beside others.
#[tokio::test]
async fn unknown_system_attribute_names_are_passed_over() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "0")])]).await;
    kew.send("q", "x").await;
    for member in ["AttributeNames", "MessageSystemAttributeNames"] {
        for (names, shown) in [
            (json!(["not-a-real-name"]), json!(null)),
            (json!([""]), json!(null)),
            (json!(["not-a-real-name", "SenderId", "sentTimestamp"]), json!({"SenderId": ACCOUNT})),
        ] {
            let receive = json!({"QueueUrl": kew.url("q"), member: names});
            let answer = kew.json("ReceiveMessage", &receive).ok().json();
            assert_eq!(answer["Messages"][0]["Body"], "x");
            assert_eq!(answer["Messages"][0]["Attributes"], shown, "{receive}");
            let names = kew.query("ReceiveMessage", &receive).ok().xml_all("Name");
            assert_eq!(names.len(), shown.as_object().map_or(0, |map| map.len()), "{receive}");
        }
    }
    let both = json!({"QueueUrl": kew.url("q"), "AttributeNames": ["no", "SenderId"], "MessageSystemAttributeNames": ["such", "All"]});
    assert_eq!(
        kew.json("ReceiveMessage", &both).ok().json()["Messages"][0]["Attributes"].as_object().unwrap().len(),
        4
    );
}

#[tokio::test]
async fn a_trace_header_sent_as_system_attribute_comes_back_with_its_own_digest() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let call = kew.client.send_message().queue_url(kew.url("q")).message_body("x");
    let call = call.message_attributes("k", string_value("x"));
    let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
    let sent = call.message_system_attributes(name, trace_value(TRACE)).send().await.unwrap();
    assert_eq!(sent.md5_of_message_system_attributes(), Some("5ae4d5d7636402d80f4eb6d213245a88"));
    assert_eq!(sent.md5_of_message_attributes(), Some("a45daa70926828a2f0a1db3418e6feb4"));
    let message = kew.receive_one("q").await;
    assert_eq!(system(&message, "AWSTraceHeader").as_deref(), Some(TRACE));
    let batch = json!({"QueueUrl": kew.url("q"), "Entries": [{"Id": "a", "MessageBody": "x", "MessageSystemAttributes":
        {"AWSTraceHeader": {"DataType": "String", "StringValue": TRACE}}}]});
    let xml = kew.query("SendMessageBatch", &batch).ok();
    assert_eq!(xml.xml("MD5OfMessageSystemAttributes").as_deref(), Some("5ae4d5d7636402d80f4eb6d213245a88"));
    assert_eq!(system(&kew.receive_one("q").await, "AWSTraceHeader").as_deref(), Some(TRACE));
}

#[tokio::test]
async fn a_trace_header_of_the_http_request_becomes_the_system_attribute() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let headers = [
        ("Content-Type", "application/x-amz-json-1.0"),
        ("X-Amz-Target", "AmazonSQS.SendMessage"),
        ("X-Amzn-Trace-Id", TRACE),
    ];
    let members = json!({"QueueUrl": kew.url("q"), "MessageBody": "x",
        "MessageAttributes": {"k": {"DataType": "String", "StringValue": "x"}}});
    let sent = kew.raw("POST", "/", &headers, &members.to_string()).ok().json();
    assert_eq!(sent["MD5OfMessageAttributes"], "a45daa70926828a2f0a1db3418e6feb4");
    assert_eq!(system(&kew.receive_one("q").await, "AWSTraceHeader").as_deref(), Some(TRACE));
}

#[tokio::test]
async fn only_the_trace_header_can_be_sent_as_system_attribute() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let send = json!({"QueueUrl": kew.url("q"), "MessageBody": "x",
        "MessageSystemAttributes": {"Hello": {"DataType": "String", "StringValue": "x"}}});
    kew.invalid("SendMessage", &send, "Message system attribute name 'Hello' is invalid.");
}

#[tokio::test]
async fn a_trace_header_is_a_text_of_bounded_length() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let send = |value: Value| json!({"QueueUrl": "q", "MessageBody": "x", "MessageSystemAttributes": {"AWSTraceHeader": value}});
    let of_length = |bytes: usize| send(json!({"DataType": "String", "StringValue": "é".repeat(bytes / 2)}));
    kew.json("SendMessage", &of_length(8192)).ok();
    assert_eq!(system(&kew.receive_one("q").await, "AWSTraceHeader").unwrap().len(), 8192);
    let text = "Message (system) attribute 'AWSTraceHeader' must be shorter than 8192 bytes.";
    kew.invalid("SendMessage", &of_length(8194), text);
    let twice = send(json!({"DataType": "String", "StringValue": "a", "BinaryValue": "AQID"}));
    kew.invalid("SendMessage", &twice, "Message (system) attribute 'AWSTraceHeader' must have a single value.");
    // An empty member beside the value does not change the digest.
    let padded = send(json!({"DataType": "String", "StringValue": TRACE, "BinaryValue": ""}));
    for md5 in [
        kew.json("SendMessage", &padded).ok().json()["MD5OfMessageSystemAttributes"].as_str().map(str::to_owned),
        kew.query("SendMessage", &padded).ok().xml("MD5OfMessageSystemAttributes"),
    ] {
        assert_eq!(md5.as_deref(), Some("5ae4d5d7636402d80f4eb6d213245a88"));
        assert_eq!(system(&kew.receive_one("q").await, "AWSTraceHeader").as_deref(), Some(TRACE));
    }
    // The header of the HTTP request is passed over when it is longer.
    let long = "a".repeat(8193);
    let headers = [
        ("Content-Type", "application/x-amz-json-1.0"),
        ("X-Amz-Target", "AmazonSQS.SendMessage"),
        ("X-Amzn-Trace-Id", &long),
    ];
    kew.raw("POST", "/", &headers, r#"{"QueueUrl":"q","MessageBody":"x"}"#).ok();
    assert_eq!(system(&kew.receive_one("q").await, "AWSTraceHeader"), None);
}

#[tokio::test]
async fn a_receive_returns_only_what_was_asked_for() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "0")])]).await;
    let call = kew.client.send_message().queue_url(kew.url("q")).message_body("x");
    call.message_attributes("k", string_value("x")).send().await.unwrap();
    let message = kew.json("ReceiveMessage", &json!({"QueueUrl": kew.url("q")})).ok().json()["Messages"][0].clone();
    let names: Vec<&String> = message.as_object().unwrap().keys().collect();
    assert_eq!(names, ["Body", "MD5OfBody", "MessageId", "ReceiptHandle"]);
    let call = kew.client.receive_message().queue_url(kew.url("q"));
    let call = call.message_system_attribute_names(MessageSystemAttributeName::SenderId);
    let message = call.send().await.unwrap().messages.unwrap().remove(0);
    assert_eq!(message.attributes().unwrap().len(), 1);
}

#[tokio::test]
async fn standard_messages_come_in_the_order_of_sending() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "5")])]).await;
    for body in ["1", "2", "3", "4"] {
        kew.send("q", body).await;
    }
    assert_eq!(kew.receive_bodies("q", 2).await, ["1", "2"]);
    kew.send("q", "5").await;
    kew.turn(6);
    // Those that timed out keep their place.
    assert_eq!(kew.receive_bodies("q", 10).await, ["1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn with_a_redrive_policy_a_message_received_more_than_three_times_goes_to_the_end() {
    let kew = Kew::start();
    kew.create("dead", &[]).await;
    kew.create("q", &[("RedrivePolicy", &kew.redrive("dead", 10)), ("VisibilityTimeout", "5")]).await;
    kew.create("plain", &[("VisibilityTimeout", "5")]).await;
    for queue in ["q", "plain"] {
        kew.send(queue, "poison").await;
        kew.send(queue, "other").await;
        for _ in 0..4 {
            assert_eq!(kew.receive_bodies(queue, 1).await, ["poison"], "{queue}");
            kew.turn(6);
        }
    }
    assert_eq!(kew.receive_bodies("q", 10).await, ["other", "poison"]);
    assert_eq!(kew.receive_bodies("plain", 10).await, ["poison", "other"]);
}

#[tokio::test]
async fn content_is_kept_when_the_queue_changes() {
    let kew = Kew::holding(&[("q", &[])]).await;
    kew.send("q", &"x".repeat(5000)).await;
    kew.set("q", QueueAttributeName::MaximumMessageSize.as_str(), "1024").await;
    assert_eq!(kew.receive_bodies("q", 1).await[0].len(), 5000);
}
