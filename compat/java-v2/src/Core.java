import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.MessageAttributeValue;
import software.amazon.awssdk.services.sqs.model.MessageSystemAttributeName;
import software.amazon.awssdk.services.sqs.model.MessageSystemAttributeNameForSends;
import software.amazon.awssdk.services.sqs.model.MessageSystemAttributeValue;
import software.amazon.awssdk.services.sqs.model.QueueAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueDoesNotExistException;

/** The scenario that every SDK runs. */
final class Core {
    static final String BODY = "Grüße, 世界! 👋 <a href=\"x\">&amp;</a>\r\n\ttab";
    static final String TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

    private final SqsClient sqs;
    private final String prefix;
    private String queue;

    private Core(String name, SqsClient sqs) {
        this.sqs = sqs;
        this.prefix = name.toLowerCase().replace(' ', '-');
    }

    static void run(String name, SqsClient sqs) {
        Core core = new Core(name, sqs);
        Check.step(name + ": create a queue with attributes and tags, get its URL, list queues and tags", core::queues);
        Check.step(name + ": all queue attributes; setting one leaves the others", core::attributes);
        Check.step(name + ": send and receive unicode with attributes of every type, and a trace header", core::message);
        Check.step(name + ": batches: send 3, change visibility, delete; one failing entry beside good ones", core::batches);
        Check.step(name + ": an empty long poll returns after its wait", core::emptyPoll);
        Check.step(name + ": FIFO: groups in order, deduplication, sequence numbers", core::fifo);
        Check.step(name + ": dead letters, and a move task", core::deadLetters);
        Check.step(name + ": QueueUrl: foreign hosts and the bare name", core::addressing);
        Check.step(name + ": 1 MiB in one message", core::big);
        Check.step(name + ": purge, delete, and the queue is gone", core::purgeAndDelete);
    }

    private void queues() {
        queue = sqs.createQueue(r -> r.queueName(prefix + "-queue")
            .attributes(Map.of(QueueAttributeName.VISIBILITY_TIMEOUT, "45", QueueAttributeName.MESSAGE_RETENTION_PERIOD, "86400"))
            .tags(Map.of("team", "blue", "Größe", "klein"))).queueUrl();
        Check.that(queue.endsWith("/000000000000/" + prefix + "-queue"), queue);
        Check.equal("GetQueueUrl", sqs.getQueueUrl(r -> r.queueName(prefix + "-queue")).queueUrl(), queue);
        for (String name : List.of("a", "b", "c")) {
            sqs.createQueue(r -> r.queueName(prefix + "-" + name));
        }
        Check.equal("queues with the prefix", sqs.listQueues(r -> r.queueNamePrefix(prefix + "-")).queueUrls().size(), 4);
        var first = sqs.listQueues(r -> r.queueNamePrefix(prefix + "-").maxResults(3));
        Check.equal("queues on the first page", first.queueUrls().size(), 3);
        var second = sqs.listQueues(r -> r.queueNamePrefix(prefix + "-").maxResults(3).nextToken(first.nextToken()));
        Check.equal("queues on the second page", second.queueUrls().size(), 1);
        Check.equal("token of the last page", second.nextToken(), null);

        sqs.tagQueue(r -> r.queueUrl(queue).tags(Map.of("team", "red", "x", "")));
        sqs.untagQueue(r -> r.queueUrl(queue).tagKeys("Größe"));
        Check.equal("tags", sqs.listQueueTags(r -> r.queueUrl(queue)).tags(), Map.of("team", "red", "x", ""));
    }

    private void attributes() {
        var want = new HashMap<>(Map.of("VisibilityTimeout", "45", "MessageRetentionPeriod", "86400", "DelaySeconds", "0",
            "MaximumMessageSize", "1048576", "ReceiveMessageWaitTimeSeconds", "0", "SqsManagedSseEnabled", "true",
            "QueueArn", arn(prefix + "-queue")));
        for (String counter : List.of("", "Delayed", "NotVisible")) {
            want.put("ApproximateNumberOfMessages" + counter, "0");
        }
        for (var change : List.of(Map.of("DelaySeconds", "3"), Map.of("VisibilityTimeout", "30"), Map.of("DelaySeconds", "0"))) {
            sqs.setQueueAttributes(r -> r.queueUrl(queue).attributesWithStrings(change));
            want.putAll(change);
            var got = new HashMap<>(sqs.getQueueAttributes(r -> r.queueUrl(queue).attributeNames(QueueAttributeName.ALL)).attributesAsStrings());
            Check.equal("digits of CreatedTimestamp", got.remove("CreatedTimestamp").length(), 10);
            Check.equal("digits of LastModifiedTimestamp", got.remove("LastModifiedTimestamp").length(), 10);
            Check.equal("attributes", got, want);
        }
    }

    private static MessageAttributeValue attribute(String type, Object value) {
        var builder = MessageAttributeValue.builder().dataType(type);
        return value instanceof byte[] bytes
            ? builder.binaryValue(SdkBytes.fromByteArray(bytes)).build()
            : builder.stringValue((String) value).build();
    }

    private void message() {
        Map<String, Object[]> plain = Map.of(
            "text", new Object[] {"String", "żółw"},
            "count", new Object[] {"Number", "42"},
            "blob", new Object[] {"Binary", new byte[] {0, 1, 2, -1}},
            "custom", new Object[] {"Number.java.lang.Long", "1493147359900"},
            "picture", new Object[] {"Binary.png", new byte[] {(byte) 0x89, 'P'}});
        Map<String, MessageAttributeValue> sentAttributes = new HashMap<>();
        plain.forEach((name, value) -> sentAttributes.put(name, attribute((String) value[0], value[1])));
        var trace = MessageSystemAttributeValue.builder().dataType("String").stringValue(TRACE).build();
        var sent = sqs.sendMessage(r -> r.queueUrl(queue).messageBody(BODY).messageAttributes(sentAttributes)
            .messageSystemAttributes(Map.of(MessageSystemAttributeNameForSends.AWS_TRACE_HEADER, trace)));
        Check.equal("MD5OfMessageBody", sent.md5OfMessageBody(), Check.md5(BODY));
        Check.equal("MD5OfMessageAttributes", sent.md5OfMessageAttributes(), Check.md5OfAttributes(plain));
        Check.equal("MD5OfMessageSystemAttributes", sent.md5OfMessageSystemAttributes(),
            Check.md5OfAttributes(Map.of("AWSTraceHeader", new Object[] {"String", TRACE})));

        Message got = receive(queue, 1).get(0);
        Check.equal("body", got.body(), BODY);
        Check.equal("message id", got.messageId(), sent.messageId());
        Check.equal("attributes", got.messageAttributes(), sentAttributes);
        Check.equal("MD5OfMessageAttributes", got.md5OfMessageAttributes(), Check.md5OfAttributes(plain));
        Check.equal("trace header", got.attributes().get(MessageSystemAttributeName.AWS_TRACE_HEADER), TRACE);
        Check.equal("receive count", got.attributes().get(MessageSystemAttributeName.APPROXIMATE_RECEIVE_COUNT), "1");
        Check.equal("digits of SentTimestamp", got.attributes().get(MessageSystemAttributeName.SENT_TIMESTAMP).length(), 13);
        Check.equal("system attributes", got.attributes().size(), 5);

        sqs.changeMessageVisibility(r -> r.queueUrl(queue).receiptHandle(got.receiptHandle()).visibilityTimeout(0));
        Message again = sqs.receiveMessage(r -> r.queueUrl(queue).waitTimeSeconds(2).messageAttributeNames("blob", "none")).messages().get(0);
        Check.equal("attributes asked for", again.messageAttributes().keySet(), java.util.Set.of("blob"));
        Check.that(!again.hasAttributes(), "system attributes that nobody asked for");
        Check.that(!again.receiptHandle().equals(got.receiptHandle()), "the receipt handle did not change");
        sqs.deleteMessage(r -> r.queueUrl(queue).receiptHandle(again.receiptHandle()));
    }

    private void batches() {
        var sent = sqs.sendMessageBatch(r -> r.queueUrl(queue).entries(
            e -> e.id("a").messageBody("one"),
            e -> e.id("b").messageBody("two").messageAttributes(Map.of("n", attribute("Number", "2"))),
            e -> e.id("c").messageBody("three").delaySeconds(1)));
        Check.equal("sent", sent.successful().size(), 3);
        Check.that(!sent.hasFailed(), "failed entries");
        Check.equal("first digest", sent.successful().get(0).md5OfMessageBody(), Check.md5("one"));

        var messages = receive(queue, 3);
        var changed = sqs.changeMessageVisibilityBatch(r -> r.queueUrl(queue).entries(
            e -> e.id("x").receiptHandle(messages.get(0).receiptHandle()).visibilityTimeout(0),
            e -> e.id("y").receiptHandle(messages.get(1).receiptHandle()).visibilityTimeout(0),
            e -> e.id("z").receiptHandle(messages.get(2).receiptHandle()).visibilityTimeout(0),
            e -> e.id("junk").receiptHandle("junk").visibilityTimeout(0)));
        Check.equal("changed", changed.successful().size(), 3);
        Check.equal("code of the failed entry", changed.failed().get(0).code(), "ReceiptHandleIsInvalid");
        Check.equal("id of the failed entry", changed.failed().get(0).id(), "junk");
        Check.equal("its fault", changed.failed().get(0).senderFault(), true);

        var again = receive(queue, 3);
        var deleted = sqs.deleteMessageBatch(r -> r.queueUrl(queue).entries(
            e -> e.id("x").receiptHandle(again.get(0).receiptHandle()),
            e -> e.id("y").receiptHandle(again.get(1).receiptHandle()),
            e -> e.id("z").receiptHandle(again.get(2).receiptHandle()),
            e -> e.id("junk").receiptHandle("junk")));
        Check.equal("deleted", deleted.successful().size(), 3);
        Check.equal("code of the failed entry", deleted.failed().get(0).code(), "ReceiptHandleIsInvalid");
    }

    private void emptyPoll() throws Exception {
        var empty = Check.took(Duration.ofMillis(1900), Duration.ofSeconds(3),
            () -> sqs.receiveMessage(r -> r.queueUrl(queue).waitTimeSeconds(2)));
        Check.that(!empty.hasMessages(), "an empty answer holds a list of messages");
    }

    private void fifo() {
        String name = prefix + "-orders.fifo";
        String fifo = sqs.createQueue(r -> r.queueName(name).attributes(Map.of(
            QueueAttributeName.FIFO_QUEUE, "true", QueueAttributeName.CONTENT_BASED_DEDUPLICATION, "true"))).queueUrl();
        var first = sqs.sendMessage(r -> r.queueUrl(fifo).messageGroupId("g1").messageBody("g1-1").messageDeduplicationId("d1"));
        var second = sqs.sendMessage(r -> r.queueUrl(fifo).messageGroupId("g1").messageBody("g1-2"));
        var repeat = sqs.sendMessage(r -> r.queueUrl(fifo).messageGroupId("g1").messageBody("another").messageDeduplicationId("d1"));
        sqs.sendMessage(r -> r.queueUrl(fifo).messageGroupId("g2").messageBody("g2-1"));
        Check.equal("message id of the duplicate", repeat.messageId(), first.messageId());
        Check.equal("digits of SequenceNumber", first.sequenceNumber().length(), 20);
        Check.that(first.sequenceNumber().compareTo(second.sequenceNumber()) < 0, "sequence numbers do not rise");

        var messages = receive(fifo, 3);
        Check.equal("order", messages.stream().map(Message::body).toList(), List.of("g1-1", "g1-2", "g2-1"));
        var attributes = messages.get(0).attributes();
        Check.equal("MessageGroupId", attributes.get(MessageSystemAttributeName.MESSAGE_GROUP_ID), "g1");
        Check.equal("MessageDeduplicationId", attributes.get(MessageSystemAttributeName.MESSAGE_DEDUPLICATION_ID), "d1");
        Check.equal("SequenceNumber", attributes.get(MessageSystemAttributeName.SEQUENCE_NUMBER), first.sequenceNumber());
    }

    private void deadLetters() throws Exception {
        String dead = sqs.createQueue(r -> r.queueName(prefix + "-dead")).queueUrl();
        String policy = "{\"deadLetterTargetArn\":\"" + arn(prefix + "-dead") + "\",\"maxReceiveCount\":\"1\"}";
        String source = sqs.createQueue(r -> r.queueName(prefix + "-source")
            .attributes(Map.of(QueueAttributeName.REDRIVE_POLICY, policy))).queueUrl();
        Check.equal("sources", sqs.listDeadLetterSourceQueues(r -> r.queueUrl(dead)).queueUrls(), List.of(source));

        var sent = sqs.sendMessage(r -> r.queueUrl(source).messageBody("poison"));
        Check.equal("received", sqs.receiveMessage(r -> r.queueUrl(source).waitTimeSeconds(1).visibilityTimeout(1)).messages().size(), 1);
        Check.that(!sqs.receiveMessage(r -> r.queueUrl(source).waitTimeSeconds(2)).hasMessages(), "the message is still in the source");
        Message moved = receive(dead, 1).get(0);
        Check.equal("message id", moved.messageId(), sent.messageId());
        Check.equal("receive count", moved.attributes().get(MessageSystemAttributeName.APPROXIMATE_RECEIVE_COUNT), "2");
        Check.equal("source", moved.attributes().get(MessageSystemAttributeName.DEAD_LETTER_QUEUE_SOURCE_ARN), arn(prefix + "-source"));

        sqs.changeMessageVisibility(r -> r.queueUrl(dead).receiptHandle(moved.receiptHandle()).visibilityTimeout(0));
        sqs.startMessageMoveTask(r -> r.sourceArn(arn(prefix + "-dead")));
        Check.equal("body", receive(source, 1).get(0).body(), "poison");
        Check.eventually("the task is completed", Duration.ofSeconds(2), () -> sqs.listMessageMoveTasks(
            r -> r.sourceArn(arn(prefix + "-dead"))).results().get(0).status().equals("COMPLETED"));
    }

    private void addressing() {
        String name = prefix + "-a";
        for (String url : List.of("https://sqs.us-east-1.amazonaws.com/000000000000/" + name,
                "http://sqs.eu-central-1.localhost.localstack.cloud:4566/000000000000/" + name, name)) {
            sqs.sendMessage(r -> r.queueUrl(url).messageBody(url));
            Message message = receive(url, 1).get(0);
            Check.equal("body", message.body(), url);
            sqs.deleteMessage(r -> r.queueUrl(url).receiptHandle(message.receiptHandle()));
        }
    }

    private void big() {
        String body = "x".repeat(1 << 20);
        sqs.sendMessage(r -> r.queueUrl(prefix + "-b").messageBody(body));
        Check.that(receive(prefix + "-b", 1).get(0).body().equals(body), "the body came back changed");
    }

    private void purgeAndDelete() {
        for (int i = 0; i < 3; i++) {
            sqs.sendMessage(r -> r.queueUrl(queue).messageBody("x"));
        }
        sqs.receiveMessage(r -> r.queueUrl(queue).waitTimeSeconds(1));
        sqs.purgeQueue(r -> r.queueUrl(queue));
        var counters = sqs.getQueueAttributes(r -> r.queueUrl(queue).attributeNamesWithStrings("ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")).attributesAsStrings();
        Check.equal("counters", List.copyOf(counters.values()), List.of("0", "0", "0"));
        sqs.deleteQueue(r -> r.queueUrl(queue));
        Check.fails(QueueDoesNotExistException.class, () -> sqs.sendMessage(r -> r.queueUrl(queue).messageBody("x")));
        Check.fails(QueueDoesNotExistException.class, () -> sqs.getQueueUrl(r -> r.queueName(prefix + "-queue")));
    }

    static String arn(String name) {
        return "arn:aws:sqs:us-east-1:000000000000:" + name;
    }

    /** Receives exactly this many messages with long polls. */
    private List<Message> receive(String url, int want) {
        var messages = new ArrayList<Message>();
        for (long end = System.nanoTime() + 5_000_000_000L; messages.size() < want && System.nanoTime() < end;) {
            messages.addAll(sqs.receiveMessage(r -> r.queueUrl(url).maxNumberOfMessages(10).waitTimeSeconds(1)
                .messageAttributeNames("All").messageSystemAttributeNames(MessageSystemAttributeName.ALL)).messages());
        }
        Check.equal("messages received", messages.size(), want);
        return messages;
    }
}
