//! Every typed error variant that a client can provoke. Not to be had from any server by a request alone: InvalidAddress,
//! InvalidIdFormat, InvalidSecurity, MessageNotInflight, RequestThrottled and the KMS errors.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::RequestId;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry};

use crate::check::{Failure, Outcome, Report, equal, that};
use crate::queue;

/// Asserts the variant (by the `is_...` method), the code, the HTTP status and the presence of a request id.
macro_rules! want {
    ($call:expr, $variant:ident, $code:expr, $status:expr) => {
        match $call.send().await {
            Ok(_) => Err(Failure(format!("no error, want {}", $code))),
            Err(error) => {
                equal("HTTP status", status(&error), Some($status))?;
                let error = error.into_service_error();
                equal("code", error.code(), Some($code))?;
                that(error.$variant(), format!("not {}: {error:?}", stringify!($variant)))?;
                that(error.request_id().is_some(), "no request id")?;
                Ok(error.message().unwrap_or_default().to_owned())
            }
        }
    };
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

pub async fn run(report: &mut Report, client: &Client) {
    report.step("is_queue_does_not_exist, from every kind of call", missing_queue(client)).await;
    report
        .step("is_queue_name_exists, is_invalid_attribute_name, is_invalid_attribute_value", attributes(client))
        .await;
    report
        .step("is_receipt_handle_is_invalid, is_invalid_message_contents, is_unsupported_operation", messages(client))
        .await;
    report.step("the five errors of batches", batches(client)).await;
    report.step("is_over_limit, is_resource_not_found_exception", limits(client)).await;
    report.step("is_purge_queue_in_progress, is_queue_deleted_recently", windows(client)).await;
    report.step("errors without a variant: their code", codes(client)).await;
}

async fn missing_queue(client: &Client) -> Outcome {
    const CODE: &str = "AWS.SimpleQueueService.NonExistentQueue";
    const TEXT: &str = "The specified queue does not exist.";
    let url = "http://sqs.us-east-1.amazonaws.com/000000000000/missing";
    equal("message", want!(client.get_queue_url().queue_name("missing"), is_queue_does_not_exist, CODE, 400)?, TEXT)?;
    let send = client.send_message().queue_url(url).message_body("x");
    equal("message", want!(send, is_queue_does_not_exist, CODE, 400)?, TEXT)?;
    want!(client.receive_message().queue_url(url), is_queue_does_not_exist, CODE, 400)?;
    want!(client.delete_message().queue_url(url).receipt_handle("x"), is_queue_does_not_exist, CODE, 400)?;
    want!(client.get_queue_attributes().queue_url(url), is_queue_does_not_exist, CODE, 400)?;
    want!(client.delete_queue().queue_url(url), is_queue_does_not_exist, CODE, 400)?;
    Ok(())
}

async fn attributes(client: &Client) -> Outcome {
    let queue = queue(client, "errors").await?;
    let create = client.create_queue().queue_name("errors").attributes(QueueAttributeName::DelaySeconds, "7");
    let text = want!(create, is_queue_name_exists, "QueueAlreadyExists", 400)?;
    equal(
        "message",
        text,
        "A queue already exists with the same name and a different value for attribute DelaySeconds",
    )?;
    let set = client.set_queue_attributes().queue_url(&queue).attributes(QueueAttributeName::from("Foobar"), "7");
    equal("message", want!(set, is_invalid_attribute_name, "InvalidAttributeName", 400)?, "Unknown Attribute Foobar.")?;
    let create = client.create_queue().queue_name("plain").attributes(QueueAttributeName::FifoQueue, "false");
    want!(create, is_invalid_attribute_name, "InvalidAttributeName", 400)?;
    let set =
        client.set_queue_attributes().queue_url(&queue).attributes(QueueAttributeName::VisibilityTimeout, "43201");
    let text = want!(set, is_invalid_attribute_value, "InvalidAttributeValue", 400)?;
    equal("message", text, "Invalid value for the parameter VisibilityTimeout.")
}

async fn messages(client: &Client) -> Outcome {
    let queue = queue(client, "errors").await?;
    let delete = client.delete_message().queue_url(&queue).receipt_handle("junk");
    let text = want!(delete, is_receipt_handle_is_invalid, "ReceiptHandleIsInvalid", 404)?;
    equal("message", text, "The input receipt handle \"junk\" is not a valid receipt handle.")?;
    let change = client.change_message_visibility().queue_url(&queue).receipt_handle("junk").visibility_timeout(0);
    want!(change, is_receipt_handle_is_invalid, "ReceiptHandleIsInvalid", 404)?;
    let send = client.send_message().queue_url(&queue).message_body("bell \x07");
    want!(send, is_invalid_message_contents, "InvalidMessageContents", 400)?;
    let list =
        MessageAttributeValue::builder().data_type("String").string_list_values("a").string_list_values("b").build()?;
    let send = client.send_message().queue_url(&queue).message_body("x").message_attributes("list", list);
    want!(send, is_unsupported_operation, "AWS.SimpleQueueService.UnsupportedOperation", 400)?;
    Ok(())
}

async fn batches(client: &Client) -> Outcome {
    let queue = queue(client, "errors").await?;
    let entry = |id: &str, body: &str| SendMessageBatchRequestEntry::builder().id(id).message_body(body).build();
    let batch = || client.send_message_batch().queue_url(&queue);
    let empty = batch().set_entries(Some(Vec::new()));
    want!(empty, is_empty_batch_request, "AWS.SimpleQueueService.EmptyBatchRequest", 400)?;
    let mut many = batch();
    for id in 0..11 {
        many = many.entries(entry(&id.to_string(), "x")?);
    }
    let text =
        want!(many, is_too_many_entries_in_batch_request, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400)?;
    equal("message", text, "Maximum number of entries per request are 10. You have sent 11.")?;
    let twice = batch().entries(entry("a", "x")?).entries(entry("a", "y")?);
    let text = want!(twice, is_batch_entry_ids_not_distinct, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400)?;
    equal("message", text, "Id a repeated.")?;
    let bad = batch().entries(entry("not valid!", "x")?);
    want!(bad, is_invalid_batch_entry_id, "AWS.SimpleQueueService.InvalidBatchEntryId", 400)?;
    let half = "x".repeat(600_000);
    let long = batch().entries(entry("a", &half)?).entries(entry("b", &half)?);
    want!(long, is_batch_request_too_long, "AWS.SimpleQueueService.BatchRequestTooLong", 400)?;
    Ok(())
}

async fn limits(client: &Client) -> Outcome {
    let queue = queue(client, "errors").await?;
    let mut permission = client.add_permission().queue_url(&queue).label("all").aws_account_ids("111111111111");
    for action in [
        "SendMessage",
        "ReceiveMessage",
        "DeleteMessage",
        "ChangeMessageVisibility",
        "GetQueueAttributes",
        "GetQueueUrl",
        "PurgeQueue",
        "ListDeadLetterSourceQueues",
    ] {
        permission = permission.actions(action);
    }
    equal(
        "message",
        want!(permission, is_over_limit, "OverLimit", 403)?,
        "8 Actions were found, maximum allowed is 7.",
    )?;
    let missing = "arn:aws:sqs:us-east-1:000000000000:missing";
    let list = client.list_message_move_tasks().source_arn(missing);
    want!(list, is_resource_not_found_exception, "ResourceNotFoundException", 404)?;
    let start = client.start_message_move_task().source_arn(missing);
    want!(start, is_resource_not_found_exception, "ResourceNotFoundException", 404)?;
    Ok(())
}

async fn windows(client: &Client) -> Outcome {
    let queue = queue(client, "errors").await?;
    client.purge_queue().queue_url(&queue).send().await?;
    let purge = client.purge_queue().queue_url(&queue);
    let text = want!(purge, is_purge_queue_in_progress, "AWS.SimpleQueueService.PurgeQueueInProgress", 403)?;
    equal("message", text, "Only one PurgeQueue operation on errors is allowed every 60 seconds.")?;
    client.delete_queue().queue_url(&queue).send().await?;
    let create = client.create_queue().queue_name("errors");
    want!(create, is_queue_deleted_recently, "AWS.SimpleQueueService.QueueDeletedRecently", 400)?;
    Ok(())
}

async fn codes(client: &Client) -> Outcome {
    let queue = queue(client, "codes").await?;
    let empty = client.send_message().queue_url(&queue).message_body("").send().await;
    equal(
        "code",
        empty.err().and_then(|error| error.into_service_error().code().map(str::to_owned)).as_deref(),
        Some("MissingParameter"),
    )?;
    let many = client.receive_message().queue_url(&queue).max_number_of_messages(11).send().await;
    equal(
        "code",
        many.err().and_then(|error| error.into_service_error().code().map(str::to_owned)).as_deref(),
        Some("InvalidParameterValue"),
    )
}
