//! The scenario that every SDK runs.

use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue,
    MessageSystemAttributeName, MessageSystemAttributeNameForSends, MessageSystemAttributeValue, QueueAttributeName,
    SendMessageBatchRequestEntry,
};

use crate::check::{Outcome, Report, equal, md5, md5_of_attributes, that, took};
use crate::{receive, value};

const BODY: &str = "Grüße, 世界! 👋 <a href=\"x\">&amp;</a>\r\n\ttab";
const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

pub async fn run(report: &mut Report, client: &Client) {
    report.step("create a queue with attributes and tags, get its URL, list queues and tags", queues(client)).await;
    report.step("all queue attributes; setting one leaves the others", attributes(client)).await;
    report
        .step(
            "send and receive unicode with String, Number, Binary and custom attributes, and a trace header",
            message(client),
        )
        .await;
    report
        .step("batches: send 3, change visibility, delete; one failing entry beside good ones", batches(client))
        .await;
    report.step("an empty long poll returns after its wait", empty_poll(client)).await;
    report.step("FIFO: groups in order, deduplication, sequence numbers", fifo(client)).await;
    report
        .step("dead letters: moved after maxReceiveCount, and brought back by a move task", dead_letters(client))
        .await;
    report.step("QueueUrl: foreign hosts and the bare name", addressing(client)).await;
    report.step("purge, delete, and the queue is gone", purge_and_delete(client)).await;
}

async fn queues(client: &Client) -> Outcome {
    let created = client
        .create_queue()
        .queue_name("core-queue")
        .attributes(QueueAttributeName::VisibilityTimeout, "45")
        .attributes(QueueAttributeName::MessageRetentionPeriod, "86400")
        .tags("team", "blue")
        .tags("Größe", "klein")
        .send()
        .await?;
    let url = created.queue_url().ok_or("no queue URL")?;
    that(url.ends_with("/000000000000/core-queue"), url)?;
    equal("GetQueueUrl", client.get_queue_url().queue_name("core-queue").send().await?.queue_url(), Some(url))?;

    for name in ["core-a", "core-b", "core-c", "other"] {
        client.create_queue().queue_name(name).send().await?;
    }
    let all = client.list_queues().queue_name_prefix("core-").send().await?;
    equal("queues with the prefix", all.queue_urls().len(), 4)?;
    let mut pages = client.list_queues().queue_name_prefix("core-").max_results(3).into_paginator().send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        sizes.push(page?.queue_urls().len());
    }
    equal("sizes of the pages", sizes, vec![3, 1])?;

    client.tag_queue().queue_url(url).tags("team", "red").send().await?;
    client.untag_queue().queue_url(url).tag_keys("Größe").send().await?;
    let tags = client.list_queue_tags().queue_url(url).send().await?.tags.unwrap_or_default();
    equal("tags", tags.into_iter().collect::<Vec<_>>(), vec![("team".to_owned(), "red".to_owned())])
}

async fn attributes(client: &Client) -> Outcome {
    for (name, wanted) in [
        (QueueAttributeName::DelaySeconds, "3"),
        (QueueAttributeName::VisibilityTimeout, "30"),
        (QueueAttributeName::DelaySeconds, "0"),
    ] {
        client.set_queue_attributes().queue_url("core-queue").attributes(name.clone(), wanted).send().await?;
        let all = client
            .get_queue_attributes()
            .queue_url("core-queue")
            .attribute_names(QueueAttributeName::All)
            .send()
            .await?;
        let all = all.attributes.ok_or("no attributes")?;
        equal(name.as_str(), value(&all, &name)?, wanted)?;
        equal("MessageRetentionPeriod", value(&all, &QueueAttributeName::MessageRetentionPeriod)?, "86400")?;
        equal(
            "QueueArn",
            value(&all, &QueueAttributeName::QueueArn)?,
            "arn:aws:sqs:us-east-1:000000000000:core-queue",
        )?;
        equal("MaximumMessageSize", value(&all, &QueueAttributeName::MaximumMessageSize)?, "1048576")?;
        equal("digits of CreatedTimestamp", value(&all, &QueueAttributeName::CreatedTimestamp)?.len(), 10)?;
        equal("number of attributes", all.len(), 12)?;
    }
    Ok(())
}

fn attribute(data_type: &str, value: &[u8]) -> Outcome<MessageAttributeValue> {
    let builder = MessageAttributeValue::builder().data_type(data_type);
    Ok(match data_type {
        "Binary" => builder.binary_value(Blob::new(value)).build()?,
        _ => builder.string_value(String::from_utf8_lossy(value)).build()?,
    })
}

async fn message(client: &Client) -> Outcome {
    let sent_attributes: [(&str, &str, &[u8]); 4] = [
        ("text", "String", "żółw".as_bytes()),
        ("count", "Number", b"42"),
        ("blob", "Binary", &[0, 1, 2, 255]),
        ("custom", "Number.java.lang.Long", b"1493147359900"),
    ];
    let mut send = client.send_message().queue_url("core-queue").message_body(BODY);
    for (name, data_type, value) in sent_attributes {
        send = send.message_attributes(name, attribute(data_type, value)?);
    }
    let trace = MessageSystemAttributeValue::builder().data_type("String").string_value(TRACE).build()?;
    let sent = send.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, trace).send().await?;
    let digest = md5_of_attributes(&sent_attributes);
    equal("MD5OfMessageBody", sent.md5_of_message_body(), Some(md5(BODY).as_str()))?;
    equal("MD5OfMessageAttributes", sent.md5_of_message_attributes(), Some(digest.as_str()))?;
    let trace_digest = md5_of_attributes(&[("AWSTraceHeader", "String", TRACE.as_bytes())]);
    equal("MD5OfMessageSystemAttributes", sent.md5_of_message_system_attributes(), Some(trace_digest.as_str()))?;

    let got = receive(client, "core-queue", 1).await?.remove(0);
    equal("body", got.body(), Some(BODY))?;
    equal("message id", got.message_id(), sent.message_id())?;
    equal("MD5OfBody", got.md5_of_body(), Some(md5(BODY).as_str()))?;
    equal("MD5OfMessageAttributes", got.md5_of_message_attributes(), Some(digest.as_str()))?;
    let user = got.message_attributes().ok_or("no message attributes")?;
    for (name, data_type, value) in sent_attributes {
        equal(name, user.get(name), Some(&attribute(data_type, value)?))?;
    }
    let system = got.attributes().ok_or("no system attributes")?;
    equal("AWSTraceHeader", value(system, &MessageSystemAttributeName::AwsTraceHeader)?, TRACE)?;
    equal("ApproximateReceiveCount", value(system, &MessageSystemAttributeName::ApproximateReceiveCount)?, "1")?;
    equal("digits of SentTimestamp", value(system, &MessageSystemAttributeName::SentTimestamp)?.len(), 13)?;
    equal("system attributes", system.len(), 5)?;

    let handle = got.receipt_handle().ok_or("no receipt handle")?;
    client
        .change_message_visibility()
        .queue_url("core-queue")
        .receipt_handle(handle)
        .visibility_timeout(0)
        .send()
        .await?;
    let again = receive(client, "core-queue", 1).await?.remove(0);
    that(again.receipt_handle() != Some(handle), "the receipt handle did not change")?;
    client.delete_message().queue_url("core-queue").set_receipt_handle(again.receipt_handle).send().await?;
    Ok(())
}

async fn batches(client: &Client) -> Outcome {
    let entry = |id: &str, body: &str| SendMessageBatchRequestEntry::builder().id(id).message_body(body);
    let sent = client
        .send_message_batch()
        .queue_url("core-queue")
        .entries(entry("a", "one").build()?)
        .entries(entry("b", "two").message_attributes("n", attribute("Number", b"2")?).build()?)
        .entries(entry("c", "three").delay_seconds(1).build()?)
        .send()
        .await?;
    equal("sent", (sent.successful().len(), sent.failed().len()), (3, 0))?;
    equal("first digest", sent.successful()[0].md5_of_message_body(), md5("one"))?;

    let mut visibility = client.change_message_visibility_batch().queue_url("core-queue");
    for (i, message) in receive(client, "core-queue", 3).await?.into_iter().enumerate() {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(format!("v{i}"));
        visibility =
            visibility.entries(entry.set_receipt_handle(message.receipt_handle).visibility_timeout(0).build()?);
    }
    let junk =
        ChangeMessageVisibilityBatchRequestEntry::builder().id("junk").receipt_handle("junk").visibility_timeout(0);
    let changed = visibility.entries(junk.build()?).send().await?;
    equal("changed", (changed.successful().len(), changed.failed().len()), (3, 1))?;
    let failed = &changed.failed()[0];
    equal(
        "the failed entry",
        (failed.id(), failed.code(), failed.sender_fault()),
        ("junk", "ReceiptHandleIsInvalid", true),
    )?;

    let mut delete = client.delete_message_batch().queue_url("core-queue");
    for (i, message) in receive(client, "core-queue", 3).await?.into_iter().enumerate() {
        let entry = DeleteMessageBatchRequestEntry::builder().id(format!("d{i}"));
        delete = delete.entries(entry.set_receipt_handle(message.receipt_handle).build()?);
    }
    let junk = DeleteMessageBatchRequestEntry::builder().id("junk").receipt_handle("junk");
    let deleted = delete.entries(junk.build()?).send().await?;
    equal("deleted", (deleted.successful().len(), deleted.failed().len()), (3, 1))?;
    equal("the failed entry", deleted.failed()[0].code(), "ReceiptHandleIsInvalid")
}

async fn empty_poll(client: &Client) -> Outcome {
    let start = Instant::now();
    let empty = client.receive_message().queue_url("core-queue").wait_time_seconds(2).send().await?;
    that(empty.messages.is_none(), "an empty answer holds a list of messages")?;
    took(start, Duration::from_millis(1900), Duration::from_secs(3))
}

async fn fifo(client: &Client) -> Outcome {
    let queue = client
        .create_queue()
        .queue_name("orders.fifo")
        .attributes(QueueAttributeName::FifoQueue, "true")
        .attributes(QueueAttributeName::ContentBasedDeduplication, "true")
        .send()
        .await?
        .queue_url
        .ok_or("no queue URL")?;
    let send =
        |group: &str, body: &str| client.send_message().queue_url(&queue).message_group_id(group).message_body(body);
    let first = send("g1", "g1-1").message_deduplication_id("d1").send().await?;
    let second = send("g1", "g1-2").send().await?;
    let repeat = send("g1", "another body").message_deduplication_id("d1").send().await?;
    send("g2", "g2-1").send().await?;
    equal("message id of the duplicate", repeat.message_id(), first.message_id())?;
    equal("digits of SequenceNumber", first.sequence_number().map(str::len), Some(20))?;
    that(first.sequence_number() < second.sequence_number(), "sequence numbers do not rise")?;

    let messages = receive(client, &queue, 3).await?;
    let bodies: Vec<_> = messages.iter().filter_map(|message| message.body()).collect();
    equal("order", bodies, vec!["g1-1", "g1-2", "g2-1"])?;
    let system = messages[0].attributes().ok_or("no system attributes")?;
    equal("MessageGroupId", value(system, &MessageSystemAttributeName::MessageGroupId)?, "g1")?;
    equal("MessageDeduplicationId", value(system, &MessageSystemAttributeName::MessageDeduplicationId)?, "d1")?;
    equal(
        "SequenceNumber",
        system.get(&MessageSystemAttributeName::SequenceNumber).map(String::as_str),
        first.sequence_number(),
    )
}

async fn dead_letters(client: &Client) -> Outcome {
    let dead_arn = "arn:aws:sqs:us-east-1:000000000000:dead";
    client.create_queue().queue_name("dead").send().await?;
    let policy = format!("{{\"deadLetterTargetArn\":\"{dead_arn}\",\"maxReceiveCount\":1}}");
    client.create_queue().queue_name("source").attributes(QueueAttributeName::RedrivePolicy, policy).send().await?;
    let sources = client.list_dead_letter_source_queues().queue_url("dead").send().await?;
    equal("sources", sources.queue_urls().len(), 1)?;

    let sent = client.send_message().queue_url("source").message_body("poison").send().await?;
    client.receive_message().queue_url("source").wait_time_seconds(1).visibility_timeout(1).send().await?;
    let empty = client.receive_message().queue_url("source").wait_time_seconds(2).send().await?;
    equal("messages left in the source", empty.messages().len(), 0)?;
    let moved = receive(client, "dead", 1).await?.remove(0);
    equal("message id", moved.message_id(), sent.message_id())?;
    let system = moved.attributes().ok_or("no system attributes")?;
    equal("receive count", value(system, &MessageSystemAttributeName::ApproximateReceiveCount)?, "2")?;
    let source_arn = value(system, &MessageSystemAttributeName::DeadLetterQueueSourceArn)?;
    equal("DeadLetterQueueSourceArn", source_arn, "arn:aws:sqs:us-east-1:000000000000:source")?;

    client
        .change_message_visibility()
        .queue_url("dead")
        .set_receipt_handle(moved.receipt_handle)
        .visibility_timeout(0)
        .send()
        .await?;
    client.start_message_move_task().source_arn(dead_arn).send().await?;
    equal("body", receive(client, "source", 1).await?.remove(0).body(), Some("poison"))?;
    let tasks = client.list_message_move_tasks().source_arn(dead_arn).send().await?;
    equal("tasks", tasks.results().len(), 1)?;
    equal("status", tasks.results()[0].status(), Some("COMPLETED"))?;
    equal("moved", tasks.results()[0].approximate_number_of_messages_moved(), 1)
}

async fn addressing(client: &Client) -> Outcome {
    client.create_queue().queue_name("named").send().await?;
    for url in [
        "https://sqs.us-east-1.amazonaws.com/000000000000/named",
        "http://sqs.eu-central-1.localhost.localstack.cloud:4566/000000000000/named",
        "http://localhost:4566/queue/us-east-1/000000000000/named",
        "named",
    ] {
        client.send_message().queue_url(url).message_body(url).send().await?;
        let message = receive(client, url, 1).await?.remove(0);
        equal("body", message.body(), Some(url))?;
        client.delete_message().queue_url(url).set_receipt_handle(message.receipt_handle).send().await?;
    }
    Ok(())
}

async fn purge_and_delete(client: &Client) -> Outcome {
    for _ in 0..3 {
        client.send_message().queue_url("core-queue").message_body("x").send().await?;
    }
    client.receive_message().queue_url("core-queue").wait_time_seconds(1).send().await?;
    client.purge_queue().queue_url("core-queue").send().await?;
    let counters = client
        .get_queue_attributes()
        .queue_url("core-queue")
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesDelayed)
        .send()
        .await?
        .attributes
        .ok_or("no attributes")?;
    equal("counters", counters.values().map(String::as_str).collect::<Vec<_>>(), vec!["0", "0", "0"])?;
    client.delete_queue().queue_url("core-queue").send().await?;
    let gone = client.get_queue_url().queue_name("core-queue").send().await;
    that(gone.is_err_and(|error| error.into_service_error().is_queue_does_not_exist()), "the queue is still there")
}
