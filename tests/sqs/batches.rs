//! The three batch actions: errors of the whole batch, errors of an entry, and the answer.

use crate::fixture::*;

const ACTIONS: [&str; 3] = ["SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"];
const BAD_ID: &str = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at \
                      most 80 letters long.";

/// An entry that would do for any of the three.
fn entry(id: &str) -> Value {
    json!({"Id": id, "MessageBody": "x", "ReceiptHandle": "junk", "VisibilityTimeout": 1})
}

fn batch(kew: &Kew, queue: &str, entries: Vec<Value>) -> Value {
    json!({"QueueUrl": kew.url(queue), "Entries": entries})
}

fn code(name: &str) -> String {
    format!("AWS.SimpleQueueService.{name}")
}

/// The `Failed` list, equal in both protocols, of a batch that has no successes.
fn failed(kew: &Kew, action: &str, members: &Value) -> Vec<(String, String, String)> {
    let json = kew.json(action, members).ok().json();
    let xml = kew.query(action, members).ok();
    assert_eq!(json["Successful"], Value::Null);
    let entries = json["Failed"].as_array().expect("failures");
    let text = |entry: &Value, name: &str| entry[name].as_str().expect("a text").to_owned();
    let found: Vec<_> = entries.iter().map(|e| (text(e, "Id"), text(e, "Code"), text(e, "Message"))).collect();
    let by_form = xml.xml_all("Id").into_iter().zip(xml.xml_all("Code")).zip(xml.xml_all("Message"));
    assert_eq!(by_form.map(|((id, code), message)| (id, code, message)).collect::<Vec<_>>(), found);
    assert!(entries.iter().all(|entry| entry["SenderFault"] == true));
    found
}

fn one(id: &str, code: &str, message: &str) -> (String, String, String) {
    (id.to_owned(), code.to_owned(), message.to_owned())
}

#[tokio::test]
async fn an_empty_batch_is_refused() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for action in ACTIONS {
        let text = format!("There should be at least one {action}RequestEntry in the request.");
        kew.refuses_in_json(action, &batch(&kew, "q", vec![]), 400, &code("EmptyBatchRequest"), &text);
    }
}

#[tokio::test]
async fn an_absent_batch_is_refused() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for action in ACTIONS {
        for found in [
            kew.json(action, &json!({"QueueUrl": kew.url("q")})).json_failure(),
            kew.query(action, &json!({"QueueUrl": kew.url("q")})).xml_failure(),
        ] {
            assert_eq!(found.status, 400);
            assert!(found.code == "MissingParameter" || found.code == code("EmptyBatchRequest"), "{found:?}");
        }
    }
}

#[tokio::test]
async fn more_than_ten_entries_are_refused() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for action in ACTIONS {
        // Even if their ids are bad, too.
        for id in ["a", ""] {
            let entries = (0..20).map(|_| entry(id)).collect();
            let text = "Maximum number of entries per request are 10. You have sent 20.";
            kew.refuses(action, &batch(&kew, "q", entries), 400, &code("TooManyEntriesInBatchRequest"), text);
        }
    }
}

#[tokio::test]
async fn ids_have_rules_and_must_be_distinct() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for action in ACTIONS {
        for bad in ["", "a b", "a.b", "ä", "a:b", &"a".repeat(81)] {
            let entries = vec![entry("good"), entry(bad)];
            kew.refuses(action, &batch(&kew, "q", entries), 400, &code("InvalidBatchEntryId"), BAD_ID);
        }
        let entries = ["id_1", "id_2", "id_2", "id_1"].map(entry).to_vec();
        let text = "Id id_2 repeated.";
        kew.refuses(action, &batch(&kew, "q", entries), 400, &code("BatchEntryIdsNotDistinct"), text);
        let mut nameless = entry("x");
        nameless.as_object_mut().unwrap().remove("Id");
        kew.missing(action, &batch(&kew, "q", vec![entry("a"), nameless]), &format!("{action}RequestEntry.2.Id"));
    }
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
    let longest = "a".repeat(80);
    kew.json("SendMessageBatch", &batch(&kew, "q", vec![entry(&longest), entry("A-Z_9")])).ok();
    assert_eq!(kew.counts("q").await, [2, 0, 0]);
}

#[tokio::test]
async fn send_results_come_in_the_order_of_the_entries_with_all_digests() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let mut entries: Vec<Value> = (0..10).map(|n| json!({"Id": format!("e{n}"), "MessageBody": "hello"})).collect();
    entries[3]["MessageAttributes"] = json!({"k": {"DataType": "String", "StringValue": "x"}});
    let answer = kew.json("SendMessageBatch", &batch(&kew, "q", entries.clone())).ok().json();
    let results = answer["Successful"].as_array().unwrap();
    assert_eq!(answer["Failed"], Value::Null);
    for (n, result) in results.iter().enumerate() {
        assert_eq!(result["Id"], format!("e{n}"));
        assert_eq!(result["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
        assert_eq!(result["SequenceNumber"], Value::Null);
        let digest = if n == 3 { json!("a45daa70926828a2f0a1db3418e6feb4") } else { Value::Null };
        assert_eq!(result["MD5OfMessageAttributes"], digest);
    }
    let xml = kew.query("SendMessageBatch", &batch(&kew, "q", entries)).ok();
    assert_eq!(xml.xml_all("Id"), (0..10).map(|n| format!("e{n}")).collect::<Vec<_>>());
    assert_eq!(xml.xml_all("SendMessageBatchResultEntry").len(), 10);
    assert!(!xml.text().contains("BatchResultErrorEntry"));
}

#[tokio::test]
async fn a_bad_send_entry_fails_alone() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let entries = vec![
        json!({"Id": "bell", "MessageBody": "\u{7}"}),
        json!({"Id": "empty", "MessageBody": ""}),
        json!({"Id": "late", "MessageBody": "x", "DelaySeconds": 901}),
        json!({"Id": "group", "MessageBody": "x", "MessageGroupId": "a b"}),
        json!({"Id": "attr", "MessageBody": "x", "MessageAttributes": {"AWS.x": {"DataType": "String", "StringValue": "x"}}}),
        json!({"Id": "dedup", "MessageBody": "x", "MessageDeduplicationId": "d"}),
    ];
    let found = failed(&kew, "SendMessageBatch", &batch(&kew, "q", entries));
    let contents = "Invalid binary character '#x7' was found in the message body, the set of allowed characters is #x9 | #xA \
                    | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF].";
    let reserved = "You can't use message attribute names beginning with 'AWS.' or 'Amazon'. These strings are reserved \
                    for internal use.";
    let invalid = "InvalidParameterValue";
    let empty = "The request must contain the parameter SendMessageBatchRequestEntry.2.MessageBody.";
    let group = "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length";
    let dedup = "The request include parameter that is not valid for this queue type";
    let expected = [
        one("bell", "InvalidMessageContents", contents),
        one("empty", "MissingParameter", empty),
        one("late", invalid, "Invalid value for the parameter DelaySeconds."),
        one("group", invalid, group),
        one("attr", invalid, reserved),
        one("dedup", invalid, dedup),
    ];
    assert_eq!(found, expected);
    let mixed =
        batch(&kew, "q", vec![json!({"Id": "bad", "MessageBody": ""}), json!({"Id": "good", "MessageBody": "x"})]);
    let answer = kew.json("SendMessageBatch", &mixed).ok().json();
    assert_eq!((&answer["Failed"][0]["Id"], &answer["Successful"][0]["Id"]), (&json!("bad"), &json!("good")));
    assert_eq!(kew.receive_bodies("q", 10).await, ["x"]);
}

#[tokio::test]
async fn a_delete_batch_sorts_its_entries() {
    let kew = Kew::holding(&[("q", &[])]).await;
    kew.send("q", "x").await;
    let message = kew.receive_one("q").await;
    let entries = vec![
        json!({"Id": "junk", "ReceiptHandle": "junk"}),
        json!({"Id": "good", "ReceiptHandle": handle_of(&message)}),
        json!({"Id": "none"}),
    ];
    let answer = kew.json("DeleteMessageBatch", &batch(&kew, "q", entries)).ok().json();
    assert_eq!(answer["Successful"], json!([{"Id": "good"}]));
    let text = "The input receipt handle \"junk\" is not a valid receipt handle.";
    let junk = json!({"Id": "junk", "Code": "ReceiptHandleIsInvalid", "Message": text, "SenderFault": true});
    assert_eq!(answer["Failed"][0], junk);
    assert_eq!(answer["Failed"][1]["Code"], "MissingParameter");
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
    // Again is no error, and an entry that repeats a handle neither.
    let again = ["a", "b"].map(|id| json!({"Id": id, "ReceiptHandle": handle_of(&message)})).to_vec();
    let answer = kew.query("DeleteMessageBatch", &batch(&kew, "q", again)).ok();
    assert_eq!(answer.xml_all("Id"), ["a", "b"]);
    assert_eq!(answer.xml_all("DeleteMessageBatchResultEntry").len(), 2);
}

#[tokio::test]
async fn a_delete_batch_on_fifo_refuses_expired_handles_one_by_one() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    kew.send_all("q.fifo", &["g-1", "h-1"]).await;
    let (first, second) = (kew.receive_for("q.fifo", 1, 1).await.remove(0), kew.receive_one("q.fifo").await);
    kew.turn(2);
    let entry = |id: &str, handle: &str| json!({"Id": id, "ReceiptHandle": handle});
    let entries = vec![entry("expired", handle_of(&first)), entry("good", handle_of(&second))];
    let answer = kew.json("DeleteMessageBatch", &batch(&kew, "q.fifo", entries)).ok().json();
    assert_eq!(answer["Successful"], json!([{"Id": "good"}]));
    let handle = handle_of(&first);
    let text =
        format!("Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.");
    let expired = json!([{"Id": "expired", "Code": "InvalidParameterValue", "Message": text, "SenderFault": true}]);
    assert_eq!(answer["Failed"], expired);
}

#[tokio::test]
async fn a_change_batch_sorts_its_entries() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for body in ["1", "2"] {
        kew.send("q", body).await;
    }
    let messages = kew.receive("q", 2).await;
    kew.delete("q", &messages[1]).await;
    let entries = vec![
        json!({"Id": "good", "ReceiptHandle": handle_of(&messages[0]), "VisibilityTimeout": 0}),
        json!({"Id": "none", "ReceiptHandle": handle_of(&messages[0])}),
        json!({"Id": "range", "ReceiptHandle": handle_of(&messages[0]), "VisibilityTimeout": 43201}),
        json!({"Id": "junk", "ReceiptHandle": "junk", "VisibilityTimeout": 1}),
        json!({"Id": "gone", "ReceiptHandle": handle_of(&messages[1]), "VisibilityTimeout": 1}),
    ];
    let answer = kew.json("ChangeMessageVisibilityBatch", &batch(&kew, "q", entries)).ok().json();
    assert_eq!(answer["Successful"], json!([{"Id": "good"}]));
    let fail = |id: &str, code: &str, text: &str| json!({"Id": id, "Code": code, "Message": text, "SenderFault": true});
    let missing =
        "The request must contain the parameter ChangeMessageVisibilityBatchRequestEntry.2.VisibilityTimeout.";
    let range = "Value 43201 for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer \
                 between 0 and 43200.";
    let junk = "The input receipt handle \"junk\" is not a valid receipt handle.";
    let gone = "Message does not exist or is not available for visibility timeout change";
    let mut found = answer["Failed"].as_array().unwrap().clone();
    let order = ["none", "range", "junk", "gone"];
    found.sort_by_key(|entry| order.iter().position(|id| entry["Id"] == *id));
    let expected = [
        fail("none", "MissingParameter", missing),
        fail("range", "InvalidParameterValue", range),
        fail("junk", "ReceiptHandleIsInvalid", junk),
        fail("gone", "ReceiptHandleIsInvalid", gone),
    ];
    assert_eq!(found, expected);
    assert_eq!(kew.receive_bodies("q", 10).await, ["1"]);
}

#[tokio::test]
async fn a_batch_of_failures_is_still_a_success_for_the_sdk() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let entry = aws_sdk_sqs::types::DeleteMessageBatchRequestEntry::builder().id("a").receipt_handle("junk").build();
    let call = kew.client.delete_message_batch().queue_url(kew.url("q")).entries(entry.unwrap());
    let answer = call.send().await.unwrap();
    assert!(answer.successful().is_empty());
    let failed = &answer.failed()[0];
    assert_eq!((failed.id(), failed.code(), failed.sender_fault()), ("a", "ReceiptHandleIsInvalid", true));
}
