import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;

import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.*;

/**
 * Every typed exception that a client can provoke. Not to be had from any server by a request alone: InvalidAddress,
 * InvalidIdFormat, InvalidSecurity, MessageNotInflight, RequestThrottled and the KMS exceptions.
 */
final class Errors {
    private static final String PREFIX = "AWS.SimpleQueueService.";

    private Errors() {}

    /** Asserts the exact class, the (old) code and the HTTP status; returns the message of the service. */
    private static String fails(Class<? extends SqsException> type, String code, int status, Callable<?> call) {
        SqsException problem = Check.fails(type, call);
        Check.equal("code", problem.awsErrorDetails().errorCode(), code);
        Check.equal("HTTP status", problem.statusCode(), status);
        Check.that(problem.requestId() != null, "no request id");
        return problem.awsErrorDetails().errorMessage();
    }

    static void run(String name, SqsClient sqs) {
        String queueName = "errors-" + name.toLowerCase().replace(' ', '-');
        String queue = sqs.createQueue(r -> r.queueName(queueName)).queueUrl();

        Check.step(name + ": QueueDoesNotExistException, from every kind of call", () -> {
            String url = "http://sqs.us-east-1.amazonaws.com/000000000000/missing";
            for (Callable<?> call : List.<Callable<?>>of(
                    () -> sqs.getQueueUrl(r -> r.queueName("missing")),
                    () -> sqs.sendMessage(r -> r.queueUrl(url).messageBody("x")),
                    () -> sqs.receiveMessage(r -> r.queueUrl(url)),
                    () -> sqs.deleteMessage(r -> r.queueUrl(url).receiptHandle("x")),
                    () -> sqs.getQueueAttributes(r -> r.queueUrl(url)),
                    () -> sqs.deleteQueue(r -> r.queueUrl(url)))) {
                String text = fails(QueueDoesNotExistException.class, PREFIX + "NonExistentQueue", 400, call);
                Check.equal("message", text, "The specified queue does not exist.");
            }
        });
        Check.step(name + ": QueueNameExistsException, InvalidAttributeNameException, InvalidAttributeValueException", () -> {
            String text = fails(QueueNameExistsException.class, "QueueAlreadyExists", 400,
                () -> sqs.createQueue(r -> r.queueName(queueName).attributes(Map.of(QueueAttributeName.DELAY_SECONDS, "7"))));
            Check.equal("message", text, "A queue already exists with the same name and a different value for attribute DelaySeconds");
            text = fails(InvalidAttributeNameException.class, "InvalidAttributeName", 400,
                () -> sqs.setQueueAttributes(r -> r.queueUrl(queue).attributesWithStrings(Map.of("Foobar", "7"))));
            Check.equal("message", text, "Unknown Attribute Foobar.");
            fails(InvalidAttributeNameException.class, "InvalidAttributeName", 400,
                () -> sqs.createQueue(r -> r.queueName("plain").attributes(Map.of(QueueAttributeName.FIFO_QUEUE, "false"))));
            text = fails(InvalidAttributeValueException.class, "InvalidAttributeValue", 400, () -> sqs.setQueueAttributes(
                r -> r.queueUrl(queue).attributes(Map.of(QueueAttributeName.VISIBILITY_TIMEOUT, "43201"))));
            Check.equal("message", text, "Invalid value for the parameter VisibilityTimeout.");
        });
        Check.step(name + ": ReceiptHandleIsInvalidException, InvalidMessageContentsException, UnsupportedOperationException", () -> {
            String text = fails(ReceiptHandleIsInvalidException.class, "ReceiptHandleIsInvalid", 404,
                () -> sqs.deleteMessage(r -> r.queueUrl(queue).receiptHandle("junk")));
            Check.equal("message", text, "The input receipt handle \"junk\" is not a valid receipt handle.");
            fails(ReceiptHandleIsInvalidException.class, "ReceiptHandleIsInvalid", 404,
                () -> sqs.changeMessageVisibility(r -> r.queueUrl(queue).receiptHandle("junk").visibilityTimeout(0)));
            fails(InvalidMessageContentsException.class, "InvalidMessageContents", 400,
                () -> sqs.sendMessage(r -> r.queueUrl(queue).messageBody("bell \u0007")));
            var list = MessageAttributeValue.builder().dataType("String").stringListValues("a", "b").build();
            fails(software.amazon.awssdk.services.sqs.model.UnsupportedOperationException.class, PREFIX + "UnsupportedOperation", 400,
                () -> sqs.sendMessage(r -> r.queueUrl(queue).messageBody("x").messageAttributes(Map.of("list", list))));
        });
        Check.step(name + ": the five exceptions of batches", () -> {
            fails(EmptyBatchRequestException.class, PREFIX + "EmptyBatchRequest", 400,
                () -> sqs.sendMessageBatch(r -> r.queueUrl(queue).entries(Collections.emptyList())));
            var eleven = IntStream.range(0, 11).mapToObj(
                i -> SendMessageBatchRequestEntry.builder().id("id" + i).messageBody("x").build()).toList();
            String text = fails(TooManyEntriesInBatchRequestException.class, PREFIX + "TooManyEntriesInBatchRequest", 400,
                () -> sqs.sendMessageBatch(r -> r.queueUrl(queue).entries(eleven)));
            Check.equal("message", text, "Maximum number of entries per request are 10. You have sent 11.");
            text = fails(BatchEntryIdsNotDistinctException.class, PREFIX + "BatchEntryIdsNotDistinct", 400,
                () -> sqs.sendMessageBatch(r -> r.queueUrl(queue).entries(e -> e.id("a").messageBody("x"), e -> e.id("a").messageBody("y"))));
            Check.equal("message", text, "Id a repeated.");
            fails(InvalidBatchEntryIdException.class, PREFIX + "InvalidBatchEntryId", 400,
                () -> sqs.sendMessageBatch(r -> r.queueUrl(queue).entries(e -> e.id("not valid!").messageBody("x"))));
            String half = "x".repeat(600_000);
            fails(BatchRequestTooLongException.class, PREFIX + "BatchRequestTooLong", 400,
                () -> sqs.sendMessageBatch(r -> r.queueUrl(queue).entries(e -> e.id("a").messageBody(half), e -> e.id("b").messageBody(half))));
        });
        Check.step(name + ": OverLimitException, ResourceNotFoundException", () -> {
            String text = fails(OverLimitException.class, "OverLimit", 403, () -> sqs.addPermission(r -> r.queueUrl(queue).label("all")
                .awsAccountIds("111111111111").actions("SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility",
                    "GetQueueAttributes", "GetQueueUrl", "PurgeQueue", "ListDeadLetterSourceQueues")));
            Check.equal("message", text, "8 Actions were found, maximum allowed is 7.");
            fails(ResourceNotFoundException.class, "ResourceNotFoundException", 404,
                () -> sqs.listMessageMoveTasks(r -> r.sourceArn(Core.arn("missing"))));
        });
        Check.step(name + ": PurgeQueueInProgressException, QueueDeletedRecentlyException", () -> {
            sqs.purgeQueue(r -> r.queueUrl(queue));
            String text = fails(PurgeQueueInProgressException.class, PREFIX + "PurgeQueueInProgress", 403,
                () -> sqs.purgeQueue(r -> r.queueUrl(queue)));
            Check.equal("message", text, "Only one PurgeQueue operation on " + queueName + " is allowed every 60 seconds.");
            sqs.deleteQueue(r -> r.queueUrl(queue));
            fails(QueueDeletedRecentlyException.class, PREFIX + "QueueDeletedRecently", 400,
                () -> sqs.createQueue(r -> r.queueName(queueName)));
        });
        Check.step(name + ": errors without a class of their own: SqsException and its code", () -> {
            String other = sqs.createQueue(r -> r.queueName(queueName + "-2")).queueUrl();
            fails(SqsException.class, "MissingParameter", 400, () -> sqs.sendMessage(r -> r.queueUrl(other).messageBody("")));
            fails(SqsException.class, "InvalidParameterValue", 400, () -> sqs.receiveMessage(r -> r.queueUrl(other).maxNumberOfMessages(11)));
        });
    }
}
