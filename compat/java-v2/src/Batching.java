import java.time.Duration;
import java.util.ArrayList;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

import software.amazon.awssdk.services.sqs.SqsAsyncClient;
import software.amazon.awssdk.services.sqs.batchmanager.SqsAsyncBatchManager;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.MessageSystemAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueAttributeName;
import software.amazon.awssdk.services.sqs.model.SendMessageResponse;

/** SqsAsyncBatchManager: single calls in the program, batches on the wire, and messages fetched ahead. */
final class Batching {
    private Batching() {}

    static void run(SqsAsyncClient sqs) {
        Check.step("SqsAsyncBatchManager: 45 sends, receives and deletes go in batches", () -> {
            String queue = sqs.createQueue(r -> r.queueName("batching")).join().queueUrl();
            try (var manager = sqs.batchManager()) {
                var sends = new ArrayList<CompletableFuture<SendMessageResponse>>();
                for (int i = 0; i < 45; i++) {
                    String body = "message " + i;
                    sends.add(manager.sendMessage(r -> r.queueUrl(queue).messageBody(body)));
                }
                for (int i = 0; i < 45; i++) {
                    Check.equal("digest", sends.get(i).get(5, TimeUnit.SECONDS).md5OfMessageBody(), Check.md5("message " + i));
                }
                var bodies = new TreeSet<String>();
                for (long end = System.nanoTime() + 10_000_000_000L; bodies.size() < 45 && System.nanoTime() < end;) {
                    var deletes = new ArrayList<CompletableFuture<?>>();
                    for (Message message : manager.receiveMessage(r -> r.queueUrl(queue)).get(10, TimeUnit.SECONDS).messages()) {
                        Check.that(bodies.add(message.body()), "received twice: " + message.body());
                        deletes.add(manager.deleteMessage(r -> r.queueUrl(queue).receiptHandle(message.receiptHandle())));
                    }
                    for (var delete : deletes) {
                        delete.get(5, TimeUnit.SECONDS);
                    }
                }
                Check.equal("bodies", bodies.size(), 45);
            }
            Check.equal("messages left", count(sqs, queue), "0 0");
        });
        Check.step("SqsAsyncBatchManager: change visibility, and a failing entry fails only its own call", () -> {
            String queue = sqs.createQueue(r -> r.queueName("batching-visibility")).join().queueUrl();
            var timers = Executors.newScheduledThreadPool(1);
            try (var manager = SqsAsyncBatchManager.builder().client(sqs).scheduledExecutor(timers)
                    .overrideConfiguration(c -> c.maxBatchSize(5).sendRequestFrequency(Duration.ofMillis(100))
                        .receiveMessageSystemAttributeNames(java.util.List.of(MessageSystemAttributeName.ALL))).build()) {
                manager.sendMessage(r -> r.queueUrl(queue).messageBody("again")).get(5, TimeUnit.SECONDS);
                Message first = one(manager, queue);
                var good = manager.changeMessageVisibility(r -> r.queueUrl(queue).receiptHandle(first.receiptHandle()).visibilityTimeout(0));
                var junk = manager.changeMessageVisibility(r -> r.queueUrl(queue).receiptHandle("junk").visibilityTimeout(0));
                good.get(5, TimeUnit.SECONDS);
                Throwable problem = Check.fails(CompletionException.class, junk::join).getCause();
                Check.that(problem.getMessage().contains("not a valid receipt handle"), "message: " + problem);
                Message second = one(manager, queue);
                Check.equal("receive count", second.attributes().get(MessageSystemAttributeName.APPROXIMATE_RECEIVE_COUNT), "2");
                manager.deleteMessage(r -> r.queueUrl(queue).receiptHandle(second.receiptHandle())).get(5, TimeUnit.SECONDS);
            }
            timers.shutdownNow();
            Check.equal("messages left", count(sqs, queue), "0 0");
        });
        Check.step("SqsAsyncBatchManager: what was fetched ahead is given back on close", () -> {
            String queue = sqs.createQueue(r -> r.queueName("batching-ahead")).join().queueUrl();
            for (int i = 0; i < 30; i++) {
                String body = "message " + i;
                sqs.sendMessage(r -> r.queueUrl(queue).messageBody(body)).join();
            }
            var manager = sqs.batchManager();
            int taken = manager.receiveMessage(r -> r.queueUrl(queue).maxNumberOfMessages(1)).get(10, TimeUnit.SECONDS).messages().size();
            Check.equal("messages taken", taken, 1);
            Thread.sleep(500);
            manager.close();
            Check.eventually("all but the one are visible again, but: " + count(sqs, queue), Duration.ofSeconds(3),
                () -> count(sqs, queue).equals("29 1"));
        });
    }

    private static Message one(SqsAsyncBatchManager manager, String queue) throws Exception {
        for (int attempt = 0; attempt < 20; attempt++) {
            var messages = manager.receiveMessage(r -> r.queueUrl(queue).waitTimeSeconds(1)).get(10, TimeUnit.SECONDS).messages();
            if (!messages.isEmpty()) {
                return messages.get(0);
            }
        }
        throw new AssertionError("no message");
    }

    /** Visible and invisible messages. */
    private static String count(SqsAsyncClient sqs, String queue) {
        var attributes = sqs.getQueueAttributes(r -> r.queueUrl(queue).attributeNames(QueueAttributeName.ALL)).join().attributes();
        return attributes.get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES) + " "
            + attributes.get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES_NOT_VISIBLE);
    }
}
