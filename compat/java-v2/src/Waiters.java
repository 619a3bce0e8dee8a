import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import software.amazon.awssdk.services.sqs.SqsAsyncClient;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.MessageSystemAttributeName;
import software.amazon.awssdk.services.sqs.model.ReceiveMessageResponse;

/** Receivers that wait, many of them, and receivers that go away while they wait. */
final class Waiters {
    private Waiters() {}

    static void run(SqsAsyncClient sqs) {
        String queue = sqs.createQueue(r -> r.queueName("waiters")).join().queueUrl();

        Check.step("Netty: 20 long polls at once, 20 messages, each received once", () -> {
            var polls = java.util.stream.IntStream.range(0, 20).mapToObj(i -> poll(sqs, queue)).toList();
            Thread.sleep(500);
            for (int i = 0; i < 20; i++) {
                String body = "message " + i;
                sqs.sendMessage(r -> r.queueUrl(queue).messageBody(body)).get(5, TimeUnit.SECONDS);
            }
            var bodies = new java.util.TreeSet<String>();
            for (var poll : polls) {
                Message message = poll.get(2, TimeUnit.SECONDS).messages().get(0);
                bodies.add(message.body());
                sqs.deleteMessage(r -> r.queueUrl(queue).receiptHandle(message.receiptHandle())).join();
            }
            Check.equal("different bodies", bodies.size(), 20);
        });
        Check.step("Netty: a future cancelled in a long poll frees the waiter: the next message goes to another, uncounted", () -> {
            for (int round = 0; round < 10; round++) {
                var cancelled = poll(sqs, queue);
                Thread.sleep(100);
                Check.that(cancelled.cancel(true), "the poll of an empty queue ended early");
                Thread.sleep(50);
                String body = "round " + round;
                sqs.sendMessage(r -> r.queueUrl(queue).messageBody(body)).join();
                Message message = poll(sqs, queue).get(2, TimeUnit.SECONDS).messages().get(0);
                Check.equal("body", message.body(), body);
                Check.equal("receive count", message.attributes().get(MessageSystemAttributeName.APPROXIMATE_RECEIVE_COUNT), "1");
                sqs.deleteMessage(r -> r.queueUrl(queue).receiptHandle(message.receiptHandle())).join();
            }
        });
    }

    private static CompletableFuture<ReceiveMessageResponse> poll(SqsAsyncClient sqs, String queue) {
        return sqs.receiveMessage(r -> r.queueUrl(queue).waitTimeSeconds(20).messageSystemAttributeNames(MessageSystemAttributeName.ALL));
    }
}
