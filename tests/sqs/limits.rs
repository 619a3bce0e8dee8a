//! Sizes, characters, and the rules of message attributes.

use crate::fixture::*;

const MEBIBYTE: usize = 1_048_576;

fn too_large(limit: usize) -> String {
    format!("One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.")
}

/// Sends with one or more attributes and gives what the two protocols answer.
fn attributes(kew: &Kew, attributes: &Value) -> [Result<(), Failure>; 2] {
    let members = json!({"QueueUrl": kew.url("q"), "MessageBody": "x", "MessageAttributes": attributes});
    let (json, query) = (kew.json("SendMessage", &members), kew.query("SendMessage", &members));
    [
        if json.status == 200 { Ok(()) } else { Err(json.json_failure()) },
        if query.status == 200 { Ok(()) } else { Err(query.xml_failure()) },
    ]
}

#[track_caller]
fn refused(kew: &Kew, given: &Value, text: &str) {
    let expected = Err(failure(400, "InvalidParameterValue", text));
    assert_eq!(attributes(kew, given), [expected.clone(), expected], "{given}");
}

fn text_attribute(name: &str, value: &str) -> Value {
    json!({name: {"DataType": "String", "StringValue": value}})
}

#[tokio::test]
async fn a_message_may_have_one_mebibyte_and_no_byte_more() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let sent = kew.send("q", &"x".repeat(MEBIBYTE)).await;
    let message = kew.receive_one("q").await;
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    let over = json!({"QueueUrl": kew.url("q"), "MessageBody": "x".repeat(MEBIBYTE + 1)});
    kew.invalid("SendMessage", &over, &too_large(MEBIBYTE));
}

#[tokio::test]
async fn size_counts_utf8_bytes_and_not_characters() {
    let kew = Kew::holding(&[("q", &[("MaximumMessageSize", "1024")])]).await;
    kew.send("q", &"é".repeat(512)).await;
    let over = json!({"QueueUrl": kew.url("q"), "MessageBody": format!("{}x", "é".repeat(512))});
    kew.invalid("SendMessage", &over, &too_large(1024));
    kew.send("q", &"😀".repeat(256)).await;
    let over = json!({"QueueUrl": kew.url("q"), "MessageBody": "😀".repeat(257)});
    kew.invalid("SendMessage", &over, &too_large(1024));
}

#[tokio::test]
async fn size_counts_attribute_names_types_and_values() {
    let kew = Kew::holding(&[("q", &[("MaximumMessageSize", "1024")])]).await;
    // `k`, `String`, `x`: 8 bytes.
    let send = |body: usize| {
        json!({"QueueUrl": kew.url("q"), "MessageBody": "x".repeat(body),
            "MessageAttributes": {"k": {"DataType": "String", "StringValue": "x"}}})
    };
    kew.json("SendMessage", &send(1016)).ok();
    kew.query("SendMessage", &send(1016)).ok();
    kew.invalid("SendMessage", &send(1017), &too_large(1024));
    // A binary value counts decoded: `k`, `Binary`, 3 bytes.
    let send = |body: usize| {
        json!({"QueueUrl": kew.url("q"), "MessageBody": "x".repeat(body),
            "MessageAttributes": {"k": {"DataType": "Binary", "BinaryValue": base64_of(&[1, 2, 3])}}})
    };
    kew.json("SendMessage", &send(1014)).ok();
    kew.invalid("SendMessage", &send(1015), &too_large(1024));
    // System attributes are free.
    let trace = json!({"QueueUrl": kew.url("q"), "MessageBody": "x".repeat(1024),
        "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}}});
    kew.json("SendMessage", &trace).ok();
}

#[tokio::test]
async fn the_batch_limit_counts_attributes_too() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let batch = |body: usize| {
        json!({"QueueUrl": kew.url("q"), "Entries": [
            {"Id": "a", "MessageBody": "é".repeat(262_144)},
            {"Id": "b", "MessageBody": "x".repeat(body),
                "MessageAttributes": {"k": {"DataType": "String", "StringValue": "x"}}},
        ]})
    };
    kew.json("SendMessageBatch", &batch(524_288 - 8)).ok();
    let text = "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.";
    let code = "AWS.SimpleQueueService.BatchRequestTooLong";
    kew.refuses("SendMessageBatch", &batch(524_288 - 7), 400, code, text);
}

#[tokio::test]
async fn a_body_must_be_there() {
    let kew = Kew::holding(&[("q", &[]), ("q.fifo", &[])]).await;
    for queue in ["q", "q.fifo"] {
        kew.missing("SendMessage", &json!({"QueueUrl": kew.url(queue)}), "MessageBody");
        kew.missing("SendMessage", &json!({"QueueUrl": kew.url(queue), "MessageBody": ""}), "MessageBody");
    }
}

#[tokio::test]
async fn characters_outside_the_set_are_refused() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for (bad, code) in [
        ('\0', "0"),
        ('\u{7}', "7"),
        ('\u{8}', "8"),
        ('\u{b}', "B"),
        ('\u{c}', "C"),
        ('\u{1f}', "1F"),
        ('\u{fffe}', "FFFE"),
        ('\u{ffff}', "FFFF"),
    ] {
        let text = format!(
            "Invalid binary character '#x{code}' was found in the message body, the set of allowed characters is \
             #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]."
        );
        let send = json!({"QueueUrl": kew.url("q"), "MessageBody": format!("ok {bad}")});
        if bad == '\u{7}' {
            kew.refuses("SendMessage", &send, 400, "InvalidMessageContents", &text);
        }
        for answer in [kew.json("SendMessage", &send).json_failure(), kew.query("SendMessage", &send).xml_failure()] {
            assert_eq!((answer.status, answer.code.as_str()), (400, "InvalidMessageContents"), "{bad:?}");
        }
        let given = text_attribute("k", &format!("ok {bad}"));
        for answer in attributes(&kew, &given) {
            assert_eq!(answer.unwrap_err().code, "InvalidParameterValue", "{bad:?}");
        }
    }
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
}

#[tokio::test]
async fn a_lone_surrogate_in_json_is_not_taken_for_a_character() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let headers = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "AmazonSQS.SendMessage")];
    let body = |text: &str| format!(r#"{{"QueueUrl":"q","MessageBody":"{text}"}}"#);
    assert_eq!(kew.raw("POST", "/", &headers, &body(r"\ud83d")).status, 400);
    kew.raw("POST", "/", &headers, &body(r"\ud83d\ude00")).ok();
    assert_eq!(kew.receive_bodies("q", 10).await, ["😀"]);
}

#[tokio::test]
async fn a_lone_surrogate_is_refused_under_its_own_number() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let post = |action: &str, body: &str| {
        let target = format!("AmazonSQS.{action}");
        let headers = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", target.as_str())];
        kew.raw("POST", "/", &headers, body)
    };
    for (escaped, shown) in [
        (r"\ud800", "#xD800"),
        (r"a\uDBFF", "#xDBFF"),
        (r"\n\udc00b", "#xDC00"),
        (r"\ud83d\ude00\udfff", "#xDFFF"),
        (r"\ud800\ud83d\ude00", "#xD800"),
        (r"\uffff\ud800", "#xFFFF"),
        (r"\ufffe\ue000", "#xFFFE"),
    ] {
        let found = post("SendMessage", &format!(r#"{{"QueueUrl":"q","MessageBody":"{escaped}"}}"#)).json_failure();
        assert_eq!(found.code, "InvalidMessageContents");
        let start = format!("Invalid binary character '{shown}' was found in the message body");
        assert!(found.message.starts_with(&start), "{escaped}: {found:?}");
        let value = format!(r#"{{"a":{{"DataType":"String","StringValue":"{escaped}"}}}}"#);
        let found =
            post("SendMessage", &format!(r#"{{"QueueUrl":"q","MessageBody":"b","MessageAttributes":{value}}}"#));
        assert!(found.json_failure().message.contains(&format!("'{shown}'")), "{found:?}");
        let entries = format!(r#"[{{"Id":"1","MessageBody":"{escaped}"}},{{"Id":"2","MessageBody":"good"}}]"#);
        let found = post("SendMessageBatch", &format!(r#"{{"QueueUrl":"q","Entries":{entries}}}"#)).ok().json();
        assert!(found["Failed"][0]["Message"].as_str().unwrap().contains(&format!("'{shown}'")), "{found}");
        assert_eq!(found["Successful"][0]["Id"], "2");
    }
    // In a name too it is a character that is not allowed there, and not the end of the request.
    let named =
        r#"{"QueueUrl":"q","MessageBody":"b","MessageAttributes":{"\ud800":{"DataType":"String","StringValue":"x"}}}"#;
    assert_eq!(post("SendMessage", named).json_failure().code, "InvalidParameterValue");
}

#[tokio::test]
async fn a_number_as_body_is_kept_as_it_was_written() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let headers = |target| [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", target)];
    for number in
        ["1", "-0", "1.0", "1.50", "1e2", "1E+2", "12345678901234567890123", "-12345678901234567890123", "0.1e-7"]
    {
        let body = format!(r#"{{"QueueUrl":"q","MessageBody":{number},"DelaySeconds":0.0}}"#);
        kew.raw("POST", "/", &headers("AmazonSQS.SendMessage"), &body).ok();
        assert_eq!(kew.receive_bodies("q", 1).await, [number]);
        let body = format!(r#"{{"QueueUrl":"q","Entries":[{{"Id":"\u0061","MessageBody": {number} }}]}}"#);
        let answer = kew.raw("POST", "/", &headers("AmazonSQS.SendMessageBatch"), &body).ok().json();
        assert_eq!(answer["Successful"][0]["Id"], "a");
        assert_eq!(kew.receive_bodies("q", 1).await, [number]);
    }
    // Where no text is wanted nothing changes.
    let found = kew.raw("POST", "/", &headers("AmazonSQS.SendMessage"), r#"{"QueueUrl":1.5,"MessageBody":1.0}"#);
    assert_eq!(found.json_failure().message, "NUMBER_VALUE can not be converted to a String");
    let found = kew.raw(
        "POST",
        "/",
        &headers("AmazonSQS.CreateQueue"),
        r#"{"QueueName":"n","Attributes":{"DelaySeconds":1.0}}"#,
    );
    assert_eq!(found.json_failure().message, "Invalid value for the parameter DelaySeconds.");
}

#[tokio::test]
async fn null_in_the_place_of_an_attribute_is_no_value() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let text = "The message (user) attribute 'a' must contain a non-empty message attribute value.";
    let send = json!({"QueueUrl": "q", "MessageBody": "x", "MessageAttributes": {"a": null}});
    kew.refuses_in_json("SendMessage", &send, 400, "InvalidParameterValue", text);
    let batch =
        json!({"QueueUrl": "q", "Entries": [{"Id": "1", "MessageBody": "x", "MessageAttributes": {"a": null}}]});
    assert_eq!(kew.json("SendMessageBatch", &batch).ok().json()["Failed"][0]["Message"], text);
    let form = "Action=SendMessage&QueueUrl=q&MessageBody=x&MessageAttribute.1.Name=a";
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(kew.raw("POST", "/", &headers, form).xml_failure().message, text);
    let members =
        json!({"a": {"DataType": "String", "StringValue": "x", "BinaryValue": null, "StringListValues": null}});
    assert_eq!(attributes(&kew, &members)[0], Ok(()));
}

#[tokio::test]
async fn a_message_has_at_most_ten_attributes() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let many = |n: usize| {
        let one = |n: usize| (format!("a{n}"), json!({"DataType": "String", "StringValue": "x"}));
        Value::Object((0..n).map(one).collect())
    };
    assert_eq!(attributes(&kew, &many(10)), [Ok(()), Ok(())]);
    refused(&kew, &many(11), "Number of message attributes [11] exceeds the allowed maximum [10].");
}

#[tokio::test]
async fn attribute_names_have_rules() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let reserved = "You can't use message attribute names beginning with 'AWS.' or 'Amazon'. These strings are \
                    reserved for internal use.";
    let table = [
        ("aWs.x", reserved),
        ("AMAZON.x", reserved),
        (".x", "Message (user) attribute name must not begin with character '.'."),
        ("x.", "Message (user) attribute name must not end with character '.'."),
    ];
    for (name, text) in table {
        refused(&kew, &text_attribute(name, "x"), text);
    }
    let long = "n".repeat(257);
    let text = "Message (user) attribute name must be shorter than 256 bytes.";
    refused(&kew, &text_attribute(&long, "x"), text);
    refused(&kew, &text_attribute("", "x"), "The request must contain non-empty message (user) attribute names.");
    for name in ["a!", "a\"", "a§", "a(", "a?", "a b"] {
        for answer in attributes(&kew, &text_attribute(name, "x")) {
            assert_eq!(answer.unwrap_err().code, "InvalidParameterValue", "{name}");
        }
    }
    let long = "n".repeat(256);
    for name in ["attr.1øßä", "a..b", "A-Z_0.9", long.as_str()] {
        assert_eq!(attributes(&kew, &text_attribute(name, "x")), [Ok(()), Ok(())], "{name}");
    }
}

#[tokio::test]
async fn attribute_types_have_rules() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for data_type in ["Foo", "string", "Strings", "number"] {
        let given = json!({"X": {"DataType": data_type, "StringValue": "1"}});
        let text = "The type of message (user) attribute 'X' is invalid. You must use only the following supported \
                    type prefixes: Binary, Number, String.";
        refused(&kew, &given, text);
    }
    let given = json!({"X": {"StringValue": "1"}});
    refused(&kew, &given, "The message (user) attribute 'X' must contain a non-empty message attribute type.");
    let given = json!({"X": {"DataType": format!("String.{}", "t".repeat(250)), "StringValue": "1"}});
    refused(&kew, &given, "Message (user) attribute type must be shorter than 256 bytes.");
    let given = json!({"X": {"DataType": format!("String.{}", "t".repeat(249)), "StringValue": "1"}});
    assert_eq!(attributes(&kew, &given), [Ok(()), Ok(())]);
    let empty = json!({"QueueUrl": kew.url("q"), "MessageBody": "x", "MessageAttributes": {"X": {}}});
    let text = "The message (user) attribute 'X' must contain a non-empty message attribute value.";
    kew.refuses_in_json("SendMessage", &empty, 400, "InvalidParameterValue", text);
}

#[tokio::test]
async fn attribute_values_have_rules() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for kind in ["String", "Number"] {
        let text = format!("Message (user) attribute 'X' must contain a non-empty value of type '{kind}'.");
        refused(&kew, &json!({"X": {"DataType": kind, "StringValue": ""}}), &text);
    }
    let bytes = base64_of(b"x");
    let text = "Message (user) attribute 'X' must contain a non-empty value of type 'Binary'.";
    refused(&kew, &json!({"X": {"DataType": "Binary", "BinaryValue": ""}}), text);
    let text = "Message (user) attribute 'X' must have a single value.";
    refused(&kew, &json!({"X": {"DataType": "String", "StringValue": "x", "BinaryValue": bytes}}), text);
    let text = "Message (user) attribute 'X' with type 'String' must use field 'String'.";
    refused(&kew, &json!({"X": {"DataType": "String", "BinaryValue": bytes}}), text);
    let text = "Message (user) attribute 'X' with type 'Binary' must use field 'Binary'.";
    refused(&kew, &json!({"X": {"DataType": "Binary", "StringValue": "x"}}), text);
    for value in ["x", "1e", "1.2.3", "1e127", "123456789012345678901234567890123456789"] {
        let text = "Can't cast the value of message (user) attribute 'X' to a number.";
        refused(&kew, &json!({"X": {"DataType": "Number", "StringValue": value}}), text);
    }
    for value in ["0", "-1.5", "1e126", "12345678901234567890123456789012345678"] {
        let given = json!({"X": {"DataType": "Number", "StringValue": value}});
        assert_eq!(attributes(&kew, &given), [Ok(()), Ok(())], "{value}");
    }
}

#[tokio::test]
async fn list_values_are_not_supported() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let expected = failure(
        400,
        "AWS.SimpleQueueService.UnsupportedOperation",
        "Message attribute list values in SendMessage operation are not supported.",
    );
    for (member, value) in [("StringListValues", "x".to_owned()), ("BinaryListValues", base64_of(b"x"))] {
        let send = json!({"QueueUrl": kew.url("q"), "MessageBody": "x",
            "MessageAttributes": {"X": {"DataType": "String", member: [value]}}});
        assert_eq!(kew.json("SendMessage", &send).json_failure(), expected);
        let form = format!(
            "Action=SendMessage&QueueUrl=q&MessageBody=x&MessageAttribute.1.Name=X&MessageAttribute.1.Value.DataType=String\
             &MessageAttribute.1.Value.{}.1={value}",
            member.trim_end_matches('s')
        );
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        assert_eq!(kew.raw("POST", "/", &headers, &form).xml_failure(), expected);
    }
}

#[tokio::test]
async fn lists_and_maps_that_are_too_long_are_counted_and_refused() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let many = 20_001;
    let list = |element: &str| format!("[{}{element}]", format!("{element},").repeat(many - 1));
    let map = |value: &str| {
        let entries: Vec<String> = (0..many).map(|n| format!("\"k{n}\":{value}")).collect();
        format!("{{{}}}", entries.join(","))
    };
    let refused = |action: &str, members: &str| {
        let target = format!("AmazonSQS.{action}");
        let headers = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", target.as_str())];
        let found = kew.raw("POST", "/", &headers, &format!("{{\"QueueUrl\":\"q\",{members}}}")).json_failure();
        format!("{}: {}", found.code, found.message)
    };
    for action in ["SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"] {
        for entry in ["{}", "{\"Id\":\"a\",\"Unknown\":[[{}]]}"] {
            let text = "AWS.SimpleQueueService.TooManyEntriesInBatchRequest: Maximum number of entries per request are 10. \
                        You have sent 20001.";
            assert_eq!(refused(action, &format!("\"Entries\":{}", list(entry))), text);
        }
    }
    let too_many =
        |what: &str| format!("InvalidParameterValue: Number of {what} [20001] exceeds the allowed maximum [128].");
    for member in ["AttributeNames", "MessageAttributeNames", "MessageSystemAttributeNames"] {
        assert_eq!(refused("ReceiveMessage", &format!("\"{member}\":{}", list("\"All\""))), too_many(member));
    }
    assert_eq!(
        refused("GetQueueAttributes", &format!("\"AttributeNames\":{}", list("\"All\""))),
        too_many("AttributeNames")
    );
    assert_eq!(refused("UntagQueue", &format!("\"TagKeys\":{}", list("\"k\""))), too_many("TagKeys"));
    let tags = "InvalidParameterValue: Too many tags added for queue q.";
    assert_eq!(refused("TagQueue", &format!("\"Tags\":{}", map("\"v\""))), tags);
    assert_eq!(refused("CreateQueue", &format!("\"QueueName\":\"q\",\"tags\":{}", map("\"v\""))), tags);
    let unknown = "InvalidAttributeName: Unknown Attribute k0.";
    assert_eq!(refused("SetQueueAttributes", &format!("\"Attributes\":{}", map("\"1\""))), unknown);
    let attributes = "InvalidParameterValue: Number of message attributes [20001] exceeds the allowed maximum [10].";
    let given = format!("\"MessageBody\":\"b\",\"MessageAttributes\":{}", map("{}"));
    assert_eq!(refused("SendMessage", &given), attributes);
    let permission = |accounts: &str, actions: &str| {
        refused("AddPermission", &format!("\"Label\":\"l\",\"AWSAccountIds\":{accounts},\"Actions\":{actions}"))
    };
    let one = "[\"111122223333\"]";
    let over = |what: &str, most: usize| format!("OverLimit: 20001 {what} were found, maximum allowed is {most}.");
    assert_eq!(permission(one, &list("\"*\"")).as_str(), over("Actions", 7));
    assert_eq!(permission(&list("\"111122223333\""), "[\"*\"]").as_str(), over("AWSAccountIds", 50));
    // One name again and again is one name, and its last value holds.
    let again = format!("\"Tags\":{{{}\"k\":\"last\"}}", "\"k\":\"v\",".repeat(many));
    let headers = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "AmazonSQS.TagQueue")];
    kew.raw("POST", "/", &headers, &format!("{{\"QueueUrl\":\"q\",{again}}}")).ok();
    assert_eq!(kew.json("ListQueueTags", &json!({"QueueUrl": "q"})).ok().json()["Tags"], json!({"k": "last"}));
}

#[tokio::test]
async fn as_many_as_a_list_or_map_may_have_are_taken() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let names: Vec<String> = (0..127).map(|n| format!("n{n}")).chain(["a".to_owned()]).collect();
    let value = json!({"a": {"DataType": "String", "StringValue": "v"}});
    kew.json("SendMessage", &json!({"QueueUrl": "q", "MessageBody": "b", "MessageAttributes": value})).ok();
    let receive = json!({"QueueUrl": "q", "MessageAttributeNames": names, "AttributeNames": names});
    assert_eq!(kew.json("ReceiveMessage", &receive).ok().json()["Messages"][0]["MessageAttributes"], value);
    kew.json("UntagQueue", &json!({"QueueUrl": "q", "TagKeys": names})).ok();
}

#[tokio::test]
async fn the_text_of_an_error_does_not_repeat_a_whole_request() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let long = "\"".repeat(100_000);
    let found = kew.json("DeleteMessage", &json!({"QueueUrl": "q", "ReceiptHandle": long})).json_failure();
    assert!(
        found.message.starts_with("The input receipt handle \"\"\"\"") && found.message.len() < 5000,
        "{}",
        found.message.len()
    );
    let handle = "h".repeat(3000);
    let found = kew.json("DeleteMessage", &json!({"QueueUrl": "q", "ReceiptHandle": handle})).json_failure();
    assert_eq!(found.message, format!("The input receipt handle \"{handle}\" is not a valid receipt handle."));
}
