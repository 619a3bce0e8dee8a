//! Visibility timeouts, and what becomes of receipt handles.

use crate::fixture::*;
use aws_sdk_sqs::types::Message;

const HOURS_12: i32 = 43_200;

fn change(kew: &Kew, queue: &str, handle: &str, seconds: i64) -> Value {
    json!({"QueueUrl": kew.url(queue), "ReceiptHandle": handle, "VisibilityTimeout": seconds})
}

fn beyond(seconds: i64) -> String {
    format!(
        "Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is \
         beyond the limit [43200 seconds]"
    )
}

async fn received(kew: &Kew, queue: &str) -> Message {
    kew.send("q", "x").await;
    kew.receive_one(queue).await
}

#[tokio::test]
async fn a_received_message_is_hidden_for_the_time_of_the_queue() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "7")])]).await;
    received(&kew, "q").await;
    kew.turn_ms(6999);
    assert!(kew.receive("q", 1).await.is_empty());
    kew.turn_ms(1);
    assert_eq!(kew.receive_bodies("q", 1).await, ["x"]);
}

#[tokio::test]
async fn a_receive_may_name_its_own_timeout() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "0")])]).await;
    kew.send("q", "x").await;
    assert_eq!(kew.receive_for("q", 1, HOURS_12).await.len(), 1);
    kew.turn(43_199);
    assert!(kew.receive("q", 1).await.is_empty());
    kew.turn(1);
    assert_eq!(kew.receive("q", 1).await.len(), 1);
}

#[tokio::test]
async fn changing_the_queue_does_not_touch_messages_in_flight() {
    let kew = Kew::holding(&[("q", &[])]).await;
    received(&kew, "q").await;
    kew.set("q", "VisibilityTimeout", "1").await;
    kew.turn(29);
    assert!(kew.receive("q", 1).await.is_empty());
    kew.turn(1);
    assert_eq!(kew.receive("q", 1).await.len(), 1);
    kew.turn(1);
    assert_eq!(kew.receive("q", 1).await.len(), 1);
}

#[tokio::test]
async fn a_timeout_of_zero_leaves_the_message_visible_and_its_handle_good() {
    let kew = Kew::holding(&[("q", &[])]).await;
    kew.send("q", "x").await;
    let message = kew.receive_for("q", 1, 0).await.remove(0);
    assert_eq!(kew.counts("q").await, [1, 0, 0]);
    kew.delete("q", &message).await;
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
}

#[tokio::test]
async fn a_change_counts_from_now_and_for_that_receive_only() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "5")])]).await;
    let message = received(&kew, "q").await;
    kew.turn(4);
    kew.visibility("q", &message, 10).await;
    kew.turn(9);
    assert!(kew.receive("q", 1).await.is_empty());
    kew.turn(1);
    assert_eq!(kew.receive("q", 1).await.len(), 1);
    kew.turn(5);
    assert_eq!(kew.receive("q", 1).await.len(), 1);
}

#[tokio::test]
async fn a_change_to_zero_shows_the_message_at_once_and_may_be_repeated() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let message = received(&kew, "q").await;
    kew.visibility("q", &message, 0).await;
    kew.visibility("q", &message, 0).await;
    assert_eq!(kew.counts("q").await, [1, 0, 0]);
    let again = kew.receive_one("q").await;
    assert_eq!(system(&again, "ApproximateReceiveCount").as_deref(), Some("2"));
}

#[tokio::test]
async fn twelve_hours_is_the_limit_in_total_since_the_receive() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "43200")])]).await;
    let message = received(&kew, "q").await;
    kew.turn(10);
    let handle = handle_of(&message);
    kew.invalid("ChangeMessageVisibility", &change(&kew, "q", handle, 43_200), &beyond(43_200));
    kew.invalid("ChangeMessageVisibility", &change(&kew, "q", handle, 43_191), &beyond(43_191));
    kew.visibility("q", &message, 43_190).await;
    // A new receive counts anew.
    kew.turn(43_190);
    let message = kew.receive_one("q").await;
    let text = beyond(43_199);
    kew.invalid("ChangeMessageVisibility", &change(&kew, "q", handle_of(&message), 43_199), &text);
    kew.turn(2);
    kew.visibility("q", &message, 43_198).await;
    let entries = json!({"QueueUrl": kew.url("q"), "Entries": [
        {"Id": "a", "ReceiptHandle": handle_of(&message), "VisibilityTimeout": 43200}]});
    let failed = &kew.json("ChangeMessageVisibilityBatch", &entries).ok().json()["Failed"][0];
    assert_eq!(
        failed,
        &json!({"Id": "a", "Code": "InvalidParameterValue", "Message": beyond(43_200), "SenderFault": true})
    );
}

#[tokio::test]
async fn a_change_needs_its_parameters_in_range() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let handle = received(&kew, "q").await.receipt_handle.unwrap();
    for value in [-1, 43_201] {
        let text =
            format!("Value {value} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.");
        kew.invalid("ChangeMessageVisibility", &change(&kew, "q", &handle, value), &text);
    }
    let action = "ChangeMessageVisibility";
    kew.missing(action, &json!({"QueueUrl": "q", "ReceiptHandle": handle}), "VisibilityTimeout");
    kew.missing(action, &json!({"QueueUrl": "q", "VisibilityTimeout": 1}), "ReceiptHandle");
}

#[tokio::test]
async fn garbage_is_not_a_receipt_handle() {
    let kew = Kew::holding(&[("q", &[]), ("q.fifo", &[])]).await;
    for queue in ["q", "q.fifo"] {
        for junk in ["garbage", "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a==", "ü \"<&>\""] {
            let text = format!("The input receipt handle \"{junk}\" is not a valid receipt handle.");
            let code = "ReceiptHandleIsInvalid";
            let delete = json!({"QueueUrl": kew.url(queue), "ReceiptHandle": junk});
            kew.refuses("DeleteMessage", &delete, 404, code, &text);
            kew.refuses("ChangeMessageVisibility", &change(&kew, queue, junk, 1), 404, code, &text);
        }
        for absent in [json!({"QueueUrl": kew.url(queue)}), json!({"QueueUrl": kew.url(queue), "ReceiptHandle": ""})] {
            kew.missing("DeleteMessage", &absent, "ReceiptHandle");
        }
    }
}

#[tokio::test]
async fn a_handle_of_another_queue_is_not_valid() {
    let kew = Kew::holding(&[("q", &[]), ("other", &[])]).await;
    let handle = received(&kew, "q").await.receipt_handle.unwrap();
    let text = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
    let delete = json!({"QueueUrl": kew.url("other"), "ReceiptHandle": handle});
    kew.refuses("DeleteMessage", &delete, 404, "ReceiptHandleIsInvalid", &text);
    assert_eq!(kew.counts("q").await, [0, 1, 0]);
    // Not even of a queue of the same name that was there before.
    kew.client.delete_queue().queue_url(kew.url("q")).send().await.unwrap();
    kew.create("q", &[]).await;
    kew.send("q", "new").await;
    let delete = json!({"QueueUrl": kew.url("q"), "ReceiptHandle": handle});
    kew.refuses("DeleteMessage", &delete, 404, "ReceiptHandleIsInvalid", &text);
    assert_eq!(kew.counts("q").await, [1, 0, 0]);
}

#[tokio::test]
async fn deleting_again_is_no_error() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "1")]), ("q.fifo", &[])]).await;
    let old = received(&kew, "q").await;
    kew.turn(1);
    let new = kew.receive_one("q").await;
    for message in [&new, &new, &old] {
        kew.delete("q", message).await;
    }
    kew.send_in("q.fifo", "g", "x").await;
    let message = kew.receive_one("q.fifo").await;
    kew.delete("q.fifo", &message).await;
    kew.turn(100);
    kew.delete("q.fifo", &message).await;
    // The slot of a deleted message may hold another by now; its old handles must not reach that one.
    kew.send("q", "next").await;
    kew.delete("q", &new).await;
    assert_eq!(kew.receive_bodies("q", 1).await, ["next"]);
}

#[tokio::test]
async fn the_handle_before_the_last_receive_still_deletes_on_a_standard_queue() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "1")])]).await;
    let old = received(&kew, "q").await;
    kew.turn(1);
    kew.receive_one("q").await;
    kew.delete("q", &old).await;
    kew.turn(1);
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
}

#[tokio::test]
async fn the_handle_before_the_last_receive_still_changes_visibility_on_a_standard_queue() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "1")])]).await;
    let old = received(&kew, "q").await;
    kew.turn(1);
    kew.receive_one("q").await;
    kew.visibility("q", &old, 10).await;
    kew.turn(5);
    assert_eq!(kew.counts("q").await, [0, 1, 0]);
}

#[tokio::test]
async fn a_fifo_handle_is_good_while_its_visibility_is_extended() {
    let kew = Kew::holding(&[("q.fifo", &[("VisibilityTimeout", "2")])]).await;
    kew.send_in("q.fifo", "g", "x").await;
    let message = kew.receive_one("q.fifo").await;
    kew.turn(1);
    kew.visibility("q.fifo", &message, 10).await;
    kew.turn(8);
    kew.delete("q.fifo", &message).await;
    assert_eq!(kew.counts("q.fifo").await, [0, 0, 0]);
}

#[tokio::test]
async fn a_fifo_handle_with_timeout_zero_has_expired_at_once() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    kew.send_in("q.fifo", "g", "x").await;
    let handle = kew.receive_for("q.fifo", 1, 0).await.remove(0).receipt_handle.unwrap();
    let text =
        format!("Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.");
    kew.invalid("DeleteMessage", &json!({"QueueUrl": kew.url("q.fifo"), "ReceiptHandle": handle}), &text);
}

#[tokio::test]
async fn an_expired_fifo_handle_cannot_change_the_visibility() {
    let kew = Kew::holding(&[("q.fifo", &[("VisibilityTimeout", "1")])]).await;
    kew.send_in("q.fifo", "g", "x").await;
    let handle = kew.receive_one("q.fifo").await.receipt_handle.unwrap();
    kew.turn(2);
    let text = format!(
        "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for \
         visibility timeout change."
    );
    kew.invalid("ChangeMessageVisibility", &change(&kew, "q.fifo", &handle, 5), &text);
    assert_eq!(kew.counts("q.fifo").await, [1, 0, 0]);
}
