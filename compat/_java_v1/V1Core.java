import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.sqs.AmazonSQS;
import com.amazonaws.services.sqs.AmazonSQSClientBuilder;
import com.amazonaws.services.sqs.buffered.AmazonSQSBufferedAsyncClient;
import com.amazonaws.services.sqs.AmazonSQSAsyncClientBuilder;
import com.amazonaws.services.sqs.model.*;

/**
 * The scenario that every SDK runs, for the AWS SDK for Java 1.x. The same text compiles with its last Query versions and
 * with its JSON versions. The Query versions send a request to the path of the queue's URL, without a QueueUrl parameter.
 */
final class V1Core {
    private static final String BODY = "Grüße, 世界! 👋 <a href=\"x\">&amp;</a>\r\n\ttab";
    private static final String TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

    private final AmazonSQS sqs;
    private final String missingText;
    private final String base = System.getenv("KEW_URL");
    private String queue;

    private V1Core(AmazonSQS sqs, String missingText) {
        this.sqs = sqs;
        this.missingText = missingText;
    }

    /** Runs all. The text is what the protocol says of a queue that is not there. */
    static void run(String missingText) {
        // This SDK does not know AWS_ENDPOINT_URL.
        var endpoint = new EndpointConfiguration(System.getenv("KEW_URL"), System.getenv("AWS_REGION"));
        V1Core core = new V1Core(AmazonSQSClientBuilder.standard().withEndpointConfiguration(endpoint).build(), missingText);
        Check.step("create a queue with attributes and tags, get its URL, list queues and tags", core::queues);
        Check.step("all queue attributes; setting one leaves the others", core::attributes);
        Check.step("send and receive unicode with attributes of every type, and a trace header", core::message);
        Check.step("batches: send 3, change visibility, delete; one failing entry beside good ones", core::batches);
        Check.step("an empty long poll returns after its wait", core::emptyPoll);
        Check.step("FIFO: groups in order, deduplication, sequence numbers", core::fifo);
        Check.step("dead letters, and the queues that send them", core::deadLetters);
        Check.step("typed exceptions", core::exceptions);
        Check.step("1 MiB in one message", core::big);
        Check.step("AmazonSQSBufferedAsyncClient: 25 sends and deletes in batches", () -> core.buffered(endpoint));
        Check.step("purge, delete, and the queue is gone", core::purgeAndDelete);
        Check.finish();
    }

    private void queues() {
        queue = sqs.createQueue(new CreateQueueRequest("core-queue").addAttributesEntry("VisibilityTimeout", "45")
            .addAttributesEntry("MessageRetentionPeriod", "86400").addTagsEntry("team", "blue").addTagsEntry("Größe", "klein")).getQueueUrl();
        Check.that(queue.equals(base + "/000000000000/core-queue"), queue);
        Check.equal("GetQueueUrl", sqs.getQueueUrl("core-queue").getQueueUrl(), queue);
        for (String name : List.of("core-a", "core-b", "core-c", "other")) {
            sqs.createQueue(name);
        }
        Check.equal("queues with the prefix", sqs.listQueues("core-").getQueueUrls().size(), 4);
        var page = sqs.listQueues(new ListQueuesRequest("core-").withMaxResults(3));
        Check.equal("queues on the first page", page.getQueueUrls().size(), 3);
        var last = sqs.listQueues(new ListQueuesRequest("core-").withMaxResults(3).withNextToken(page.getNextToken()));
        Check.equal("queues on the last page", last.getQueueUrls().size(), 1);
        sqs.tagQueue(queue, Map.of("team", "red"));
        sqs.untagQueue(queue, List.of("Größe"));
        Check.equal("tags", sqs.listQueueTags(queue).getTags(), Map.of("team", "red"));
    }

    private void attributes() {
        var want = new HashMap<>(Map.of("VisibilityTimeout", "45", "MessageRetentionPeriod", "86400", "DelaySeconds", "0",
            "MaximumMessageSize", "1048576", "ReceiveMessageWaitTimeSeconds", "0", "SqsManagedSseEnabled", "true",
            "QueueArn", arn("core-queue")));
        for (String counter : List.of("", "Delayed", "NotVisible")) {
            want.put("ApproximateNumberOfMessages" + counter, "0");
        }
        for (var change : List.of(Map.of("DelaySeconds", "3"), Map.of("VisibilityTimeout", "30", "DelaySeconds", "0"))) {
            sqs.setQueueAttributes(queue, change);
            want.putAll(change);
            var got = new HashMap<>(sqs.getQueueAttributes(queue, List.of("All")).getAttributes());
            Check.equal("digits of CreatedTimestamp", got.remove("CreatedTimestamp").length(), 10);
            Check.equal("digits of LastModifiedTimestamp", got.remove("LastModifiedTimestamp").length(), 10);
            Check.equal("attributes", got, want);
        }
    }

    private void message() {
        Map<String, Object[]> plain = Map.of(
            "text", new Object[] {"String", "żółw"},
            "count", new Object[] {"Number", "42"},
            "blob", new Object[] {"Binary", new byte[] {0, 1, 2, -1}},
            "custom", new Object[] {"Number.java.lang.Long", "1493147359900"});
        var request = new SendMessageRequest(queue, BODY).addMessageSystemAttributesEntry("AWSTraceHeader",
            new MessageSystemAttributeValue().withDataType("String").withStringValue(TRACE));
        plain.forEach((name, value) -> {
            var attribute = new MessageAttributeValue().withDataType((String) value[0]);
            request.addMessageAttributesEntry(name, value[1] instanceof byte[] bytes
                ? attribute.withBinaryValue(ByteBuffer.wrap(bytes)) : attribute.withStringValue((String) value[1]));
        });
        // The SDK compares the digests itself, on send and on receive.
        var sent = sqs.sendMessage(request);
        Check.equal("MD5OfMessageBody", sent.getMD5OfMessageBody(), Check.md5(BODY));
        Check.equal("MD5OfMessageAttributes", sent.getMD5OfMessageAttributes(), Check.md5OfAttributes(plain));
        Check.equal("MD5OfMessageSystemAttributes", sent.getMD5OfMessageSystemAttributes(),
            Check.md5OfAttributes(Map.of("AWSTraceHeader", new Object[] {"String", TRACE})));
        Message got = receive(queue, 1).get(0);
        Check.equal("body", got.getBody(), BODY);
        Check.equal("message id", got.getMessageId(), sent.getMessageId());
        Check.equal("attributes", got.getMessageAttributes(), request.getMessageAttributes());
        Check.equal("trace header", got.getAttributes().get("AWSTraceHeader"), TRACE);
        Check.equal("receive count", got.getAttributes().get("ApproximateReceiveCount"), "1");
        Check.equal("digits of SentTimestamp", got.getAttributes().get("SentTimestamp").length(), 13);
        Check.equal("system attributes", got.getAttributes().size(), 5);
        sqs.changeMessageVisibility(queue, got.getReceiptHandle(), 0);
        Message again = receive(queue, 1).get(0);
        Check.equal("receive count", again.getAttributes().get("ApproximateReceiveCount"), "2");
        sqs.deleteMessage(queue, again.getReceiptHandle());
    }

    private void batches() {
        var sent = sqs.sendMessageBatch(queue, List.of(
            new SendMessageBatchRequestEntry("a", "one"),
            new SendMessageBatchRequestEntry("b", "two")
                .addMessageAttributesEntry("n", new MessageAttributeValue().withDataType("Number").withStringValue("2")),
            new SendMessageBatchRequestEntry("c", "three").withDelaySeconds(1)));
        Check.equal("sent", sent.getSuccessful().size(), 3);
        Check.equal("failed", sent.getFailed().size(), 0);
        var visibility = new ArrayList<ChangeMessageVisibilityBatchRequestEntry>();
        visibility.add(new ChangeMessageVisibilityBatchRequestEntry("junk", "junk").withVisibilityTimeout(0));
        for (Message message : receive(queue, 3)) {
            visibility.add(new ChangeMessageVisibilityBatchRequestEntry("v" + visibility.size(), message.getReceiptHandle()).withVisibilityTimeout(0));
        }
        var changed = sqs.changeMessageVisibilityBatch(queue, visibility);
        Check.equal("changed", changed.getSuccessful().size(), 3);
        Check.equal("code of the failed entry", changed.getFailed().get(0).getCode(), "ReceiptHandleIsInvalid");
        Check.equal("its fault", changed.getFailed().get(0).getSenderFault(), true);
        var deletes = new ArrayList<DeleteMessageBatchRequestEntry>();
        deletes.add(new DeleteMessageBatchRequestEntry("junk", "junk"));
        for (Message message : receive(queue, 3)) {
            deletes.add(new DeleteMessageBatchRequestEntry("d" + deletes.size(), message.getReceiptHandle()));
        }
        var deleted = sqs.deleteMessageBatch(queue, deletes);
        Check.equal("deleted", deleted.getSuccessful().size(), 3);
        Check.equal("id of the failed entry", deleted.getFailed().get(0).getId(), "junk");
    }

    private void emptyPoll() throws Exception {
        var empty = Check.took(Duration.ofMillis(1900), Duration.ofSeconds(3),
            () -> sqs.receiveMessage(new ReceiveMessageRequest(queue).withWaitTimeSeconds(2)));
        Check.equal("messages", empty.getMessages().size(), 0);
    }

    private void fifo() {
        String fifo = sqs.createQueue(new CreateQueueRequest("orders.fifo").addAttributesEntry("FifoQueue", "true")
            .addAttributesEntry("ContentBasedDeduplication", "true")).getQueueUrl();
        var first = sqs.sendMessage(new SendMessageRequest(fifo, "g1-1").withMessageGroupId("g1").withMessageDeduplicationId("d1"));
        sqs.sendMessage(new SendMessageRequest(fifo, "g1-2").withMessageGroupId("g1"));
        var repeat = sqs.sendMessage(new SendMessageRequest(fifo, "another").withMessageGroupId("g1").withMessageDeduplicationId("d1"));
        sqs.sendMessage(new SendMessageRequest(fifo, "g2-1").withMessageGroupId("g2"));
        Check.equal("message id of the duplicate", repeat.getMessageId(), first.getMessageId());
        Check.equal("digits of SequenceNumber", first.getSequenceNumber().length(), 20);
        var messages = receive(fifo, 3);
        Check.equal("order", messages.stream().map(Message::getBody).toList(), List.of("g1-1", "g1-2", "g2-1"));
        var attributes = messages.get(0).getAttributes();
        Check.equal("MessageGroupId", attributes.get("MessageGroupId"), "g1");
        Check.equal("MessageDeduplicationId", attributes.get("MessageDeduplicationId"), "d1");
        Check.equal("SequenceNumber", attributes.get("SequenceNumber"), first.getSequenceNumber());
    }

    private void deadLetters() {
        String dead = sqs.createQueue("dead").getQueueUrl();
        String source = sqs.createQueue(new CreateQueueRequest("source").addAttributesEntry("RedrivePolicy",
            "{\"deadLetterTargetArn\":\"" + arn("dead") + "\",\"maxReceiveCount\":\"1\"}")).getQueueUrl();
        Check.equal("sources", sqs.listDeadLetterSourceQueues(new ListDeadLetterSourceQueuesRequest().withQueueUrl(dead)).getQueueUrls(), List.of(source));
        var sent = sqs.sendMessage(source, "poison");
        sqs.changeMessageVisibility(source, receive(source, 1).get(0).getReceiptHandle(), 0);
        Check.equal("messages left in the source", sqs.receiveMessage(source).getMessages().size(), 0);
        Message moved = receive(dead, 1).get(0);
        Check.equal("message id", moved.getMessageId(), sent.getMessageId());
        Check.equal("receive count", moved.getAttributes().get("ApproximateReceiveCount"), "2");
        Check.equal("source", moved.getAttributes().get("DeadLetterQueueSourceArn"), arn("source"));
    }

    private static String fails(Class<? extends AmazonSQSException> type, String code, int status, Callable<?> call) {
        var problem = Check.fails(type, call);
        Check.equal("code", problem.getErrorCode(), code);
        Check.equal("status of " + code, problem.getStatusCode(), status);
        Check.that(problem.getRequestId() != null, "no request id with " + code);
        return problem.getErrorMessage();
    }

    private void exceptions() {
        String prefix = "AWS.SimpleQueueService.";
        Check.equal("message", fails(QueueDoesNotExistException.class, prefix + "NonExistentQueue", 400, () -> sqs.getQueueUrl("missing")), missingText);
        for (Callable<?> call : List.<Callable<?>>of(
                () -> sqs.sendMessage(base + "/000000000000/missing", "x"),
                () -> sqs.receiveMessage(base + "/000000000000/missing"),
                () -> sqs.getQueueAttributes(base + "/000000000000/missing", List.of("All")))) {
            fails(QueueDoesNotExistException.class, prefix + "NonExistentQueue", 400, call);
        }
        fails(QueueNameExistsException.class, "QueueAlreadyExists", 400,
            () -> sqs.createQueue(new CreateQueueRequest("core-a").addAttributesEntry("DelaySeconds", "7")));
        fails(InvalidAttributeNameException.class, "InvalidAttributeName", 400, () -> sqs.getQueueAttributes(queue, List.of("Foobar")));
        String text = fails(ReceiptHandleIsInvalidException.class, "ReceiptHandleIsInvalid", 404, () -> sqs.deleteMessage(queue, "junk"));
        Check.equal("message", text, "The input receipt handle \"junk\" is not a valid receipt handle.");
        fails(InvalidMessageContentsException.class, "InvalidMessageContents", 400, () -> sqs.sendMessage(queue, "del \uffff"));
        var same = List.of(new SendMessageBatchRequestEntry("a", "x"), new SendMessageBatchRequestEntry("a", "y"));
        fails(BatchEntryIdsNotDistinctException.class, prefix + "BatchEntryIdsNotDistinct", 400, () -> sqs.sendMessageBatch(queue, same));
        fails(InvalidBatchEntryIdException.class, prefix + "InvalidBatchEntryId", 400,
            () -> sqs.sendMessageBatch(queue, List.of(new SendMessageBatchRequestEntry("not valid!", "x"))));
        var eleven = new ArrayList<SendMessageBatchRequestEntry>();
        for (int i = 0; i < 11; i++) {
            eleven.add(new SendMessageBatchRequestEntry("id" + i, "x"));
        }
        fails(TooManyEntriesInBatchRequestException.class, prefix + "TooManyEntriesInBatchRequest", 400, () -> sqs.sendMessageBatch(queue, eleven));
        fails(OverLimitException.class, "OverLimit", 403, () -> sqs.addPermission(queue, "all", List.of("111111111111"),
            List.of("SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes", "GetQueueUrl",
                "PurgeQueue", "ListDeadLetterSourceQueues")));
        fails(AmazonSQSException.class, "InvalidParameterValue", 400,
            () -> sqs.receiveMessage(new ReceiveMessageRequest(queue).withMaxNumberOfMessages(11)));
    }

    private void big() {
        String body = "ü".repeat(1 << 19);
        String url = base + "/000000000000/core-b";
        sqs.sendMessage(url, body);
        Check.that(receive(url, 1).get(0).getBody().equals(body), "the body came back changed");
    }

    private void buffered(EndpointConfiguration endpoint) throws Exception {
        var client = new AmazonSQSBufferedAsyncClient(AmazonSQSAsyncClientBuilder.standard().withEndpointConfiguration(endpoint).build());
        String url = base + "/000000000000/core-c";
        var sends = new ArrayList<java.util.concurrent.Future<SendMessageResult>>();
        for (int i = 0; i < 25; i++) {
            sends.add(client.sendMessageAsync(new SendMessageRequest(url, "message " + i)));
        }
        for (var send : sends) {
            send.get(5, java.util.concurrent.TimeUnit.SECONDS);
        }
        var bodies = new java.util.TreeSet<String>();
        for (long end = System.nanoTime() + 10_000_000_000L; bodies.size() < 25 && System.nanoTime() < end;) {
            for (Message message : client.receiveMessage(new ReceiveMessageRequest(url).withMaxNumberOfMessages(10)).getMessages()) {
                Check.that(bodies.add(message.getBody()), "received twice: " + message.getBody());
                client.deleteMessage(new DeleteMessageRequest(url, message.getReceiptHandle()));
            }
        }
        Check.equal("bodies", bodies.size(), 25);
        var left = sqs.getQueueAttributes(url, List.of("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")).getAttributes();
        Check.equal("messages left", List.copyOf(left.values()), List.of("0", "0"));
    }

    private void purgeAndDelete() {
        for (int i = 0; i < 3; i++) {
            sqs.sendMessage(queue, "x");
        }
        sqs.purgeQueue(new PurgeQueueRequest(queue));
        Check.equal("counter", sqs.getQueueAttributes(queue, List.of("ApproximateNumberOfMessages")).getAttributes(),
            Map.of("ApproximateNumberOfMessages", "0"));
        sqs.deleteQueue(queue);
        Check.fails(QueueDoesNotExistException.class, () -> sqs.getQueueUrl("core-queue"));
    }

    private static String arn(String name) {
        return "arn:aws:sqs:us-east-1:000000000000:" + name;
    }

    /** Receives exactly this many messages with long polls. */
    private List<Message> receive(String url, int want) {
        var messages = new ArrayList<Message>();
        for (long end = System.nanoTime() + 5_000_000_000L; messages.size() < want && System.nanoTime() < end;) {
            messages.addAll(sqs.receiveMessage(new ReceiveMessageRequest(url).withMaxNumberOfMessages(10).withWaitTimeSeconds(1)
                .withAttributeNames("All").withMessageAttributeNames("All")).getMessages());
        }
        Check.equal("messages received", messages.size(), want);
        return messages;
    }
}
