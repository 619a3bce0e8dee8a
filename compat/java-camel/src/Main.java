import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.impl.DefaultCamelContext;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.ListQueuesResponse;
import software.amazon.awssdk.services.sqs.model.QueueAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueDoesNotExistException;

/** Camel's aws2-sqs component against kew. The endpoint and the credentials come from the environment (AWS_ENDPOINT_URL). */
public class Main {
    private static final String COMMON = "useDefaultCredentialsProvider=true&region=us-east-1&waitTimeSeconds=1";

    private static final CamelContext camel = new DefaultCamelContext();
    private static final SqsClient sqs = SqsClient.create();
    private static ProducerTemplate producer;

    public static void main(String[] arguments) throws Exception {
        camel.start();
        producer = camel.createProducerTemplate();
        Check.step("autoCreateQueue: the producer makes the queue; body and headers go there and back", Main::roundTrip);
        Check.step("a delayed queue: DelaySeconds survives what the endpoint sets when it starts", Main::delayedQueue);
        Check.step("a delay for one message", Main::delayedMessage);
        Check.step("FIFO: three groups in order, deduplication by exchange", Main::fifo);
        Check.step("a route that fails gets the message again; extendMessageVisibility keeps a slow one", Main::failures);
        Check.step("a queue deleted under a consumer is made again", Main::recreated);
        Check.step("operations: sendBatchMessage, listQueues, purgeQueue, deleteQueue", Main::operations);
        Check.finish();
    }

    private static String uri(String queue, String options) {
        return "aws2-sqs://" + queue + "?" + COMMON + (options.isEmpty() ? "" : "&" + options);
    }

    /** Starts a consumer, and returns where its exchanges go. */
    private static LinkedBlockingQueue<Exchange> consume(String uri) throws Exception {
        var got = new LinkedBlockingQueue<Exchange>();
        camel.addRoutes(new RouteBuilder() {
            @Override
            public void configure() {
                from(uri).process(exchange -> got.add(exchange.copy()));
            }
        });
        return got;
    }

    private static Exchange next(LinkedBlockingQueue<Exchange> got, Duration limit) throws Exception {
        Exchange exchange = got.poll(limit.toMillis(), TimeUnit.MILLISECONDS);
        Check.that(exchange != null, "no message within " + limit);
        return exchange;
    }

    static String body(Exchange exchange) {
        return exchange.getMessage().getBody(String.class);
    }

    private static Map<QueueAttributeName, String> attributes(String queue) {
        return sqs.getQueueAttributes(r -> r.queueUrl(queue).attributeNames(QueueAttributeName.ALL)).attributes();
    }

    private static void isEmpty(String queue) throws Exception {
        Check.eventually("the queue is empty", Duration.ofSeconds(3), () ->
            attributes(queue).get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES).equals("0")
                && attributes(queue).get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES_NOT_VISIBLE).equals("0"));
    }

    private static void roundTrip() throws Exception {
        Check.fails(QueueDoesNotExistException.class, () -> sqs.getQueueUrl(r -> r.queueName("camel-auto")));
        String text = "Grüße, 世界! 👋\r\n\t<&>";
        producer.sendBodyAndHeaders(uri("camel-auto", "autoCreateQueue=true&defaultVisibilityTimeout=45&messageRetentionPeriod=86400"),
            text, Map.of("colour", "żółw", "count", 42, "flag", true));
        Check.equal("VisibilityTimeout", attributes("camel-auto").get(QueueAttributeName.VISIBILITY_TIMEOUT), "45");
        Check.equal("MessageRetentionPeriod", attributes("camel-auto").get(QueueAttributeName.MESSAGE_RETENTION_PERIOD), "86400");

        var got = consume(uri("camel-auto", "maxMessagesPerPoll=10&concurrentConsumers=2&messageAttributeNames=All"
            + "&attributeNames=All&sortAttributeName=SentTimestamp"));
        Exchange exchange = next(got, Duration.ofSeconds(5));
        Check.equal("body", body(exchange), text);
        Check.equal("colour", exchange.getMessage().getHeader("colour"), "żółw");
        Check.equal("count", String.valueOf(exchange.getMessage().getHeader("count")), "42");
        Check.equal("MD5", exchange.getMessage().getHeader("CamelAwsSqsMD5OfBody"), Check.md5(text));
        Check.equal("system attributes", ((Map<?, ?>) exchange.getMessage().getHeader("CamelAwsSqsAttributes")).size(), 4);
        for (int i = 0; i < 30; i++) {
            producer.sendBody(uri("camel-auto", ""), "message " + i);
        }
        var bodies = new TreeSet<String>();
        for (int i = 0; i < 30; i++) {
            bodies.add(body(next(got, Duration.ofSeconds(5))));
        }
        Check.equal("different bodies", bodies.size(), 30);
        isEmpty("camel-auto");
    }

    private static void delayedQueue() throws Exception {
        String uri = uri("camel-delayed", "autoCreateQueue=true&delayQueue=true&delaySeconds=2");
        long start = System.nanoTime();
        producer.sendBody(uri, "late");
        Check.equal("DelaySeconds", attributes("camel-delayed").get(QueueAttributeName.DELAY_SECONDS), "2");
        // Another endpoint for the same queue, with an attribute that it sets on its start: the delay must stay.
        var got = consume(uri("camel-delayed", "autoCreateQueue=true&defaultVisibilityTimeout=33"));
        Check.equal("VisibilityTimeout", attributes("camel-delayed").get(QueueAttributeName.VISIBILITY_TIMEOUT), "33");
        Check.equal("DelaySeconds", attributes("camel-delayed").get(QueueAttributeName.DELAY_SECONDS), "2");
        Check.equal("body", body(next(got, Duration.ofSeconds(5))), "late");
        Check.that(System.nanoTime() - start > 1_900_000_000L, "not delayed");
        isEmpty("camel-delayed");
    }

    private static void delayedMessage() throws Exception {
        var got = consume(uri("camel-later", "autoCreateQueue=true"));
        long start = System.nanoTime();
        producer.sendBodyAndHeader(uri("camel-later", ""), "later", "CamelAwsSqsDelaySeconds", 1);
        producer.sendBody(uri("camel-later", ""), "now");
        Check.equal("first", body(next(got, Duration.ofSeconds(5))), "now");
        Check.equal("second", body(next(got, Duration.ofSeconds(5))), "later");
        Check.that(System.nanoTime() - start > 900_000_000L, "not delayed");
    }

    private static void fifo() throws Exception {
        String send = uri("camel.fifo", "autoCreateQueue=true&messageGroupIdStrategy=usePropertyValue&messageDeduplicationIdStrategy=useExchangeId");
        for (int i = 0; i < 30; i++) {
            int number = i;
            Exchange exchange = producer.send(send, sent -> {
                sent.setProperty("CamelAwsMessageGroupId", "group-" + number % 3);
                sent.getMessage().setBody(number % 3 + ":" + number / 3);
            });
            Check.equal("failure", exchange.getException(), null);
        }
        Check.equal("FifoQueue", attributes("camel.fifo").get(QueueAttributeName.FIFO_QUEUE), "true");
        var got = consume(uri("camel.fifo", "maxMessagesPerPoll=7&concurrentConsumers=2&attributeNames=All"));
        int[] nextOf = new int[3];
        for (int i = 0; i < 30; i++) {
            String[] parts = body(next(got, Duration.ofSeconds(5))).split(":");
            int group = Integer.parseInt(parts[0]);
            Check.equal("order in group " + group, Integer.parseInt(parts[1]), nextOf[group]++);
        }
        isEmpty("camel.fifo");
    }

    private static void failures() throws Exception {
        var counts = new LinkedBlockingQueue<String>();
        camel.addRoutes(new RouteBuilder() {
            @Override
            public void configure() {
                errorHandler(noErrorHandler());
                from(uri("camel-failing", "autoCreateQueue=true&visibilityTimeout=1&attributeNames=All")).process(exchange -> {
                    var attributes = exchange.getMessage().getHeader("CamelAwsSqsAttributes", Map.class);
                    String count = attributes.toString().replaceAll(".*ApproximateReceiveCount=(\\d+).*", "$1");
                    counts.add(count);
                    if (Integer.parseInt(count) < 3) {
                        throw new IllegalStateException("not yet");
                    }
                });
                from(uri("camel-slow", "autoCreateQueue=true&visibilityTimeout=2&extendMessageVisibility=true&concurrentConsumers=2"))
                    .process(exchange -> {
                        counts.add(Main.body(exchange));
                        Thread.sleep(4000);
                    });
            }
        });
        producer.sendBody(uri("camel-failing", ""), "x");
        for (String count : List.of("1", "2", "3")) {
            Check.equal("receive count", counts.poll(5, TimeUnit.SECONDS), count);
        }
        isEmpty("camel-failing");
        producer.sendBody(uri("camel-slow", ""), "slow");
        Check.equal("first receive", counts.poll(5, TimeUnit.SECONDS), "slow");
        Check.equal("second receive, though it was being worked on", counts.poll(4500, TimeUnit.MILLISECONDS), null);
        isEmpty("camel-slow");
    }

    private static void recreated() throws Exception {
        var got = consume(uri("camel-phoenix", "autoCreateQueue=true"));
        producer.sendBody(uri("camel-phoenix", ""), "before");
        Check.equal("body", body(next(got, Duration.ofSeconds(5))), "before");
        sqs.deleteQueue(r -> r.queueUrl("camel-phoenix"));
        Check.eventually("the consumer makes the queue again", Duration.ofSeconds(10), () -> {
            try {
                return sqs.getQueueUrl(r -> r.queueName("camel-phoenix")) != null;
            } catch (QueueDoesNotExistException notYet) {
                return false;
            }
        });
        producer.sendBody(uri("camel-phoenix", ""), "after");
        Check.equal("body", body(next(got, Duration.ofSeconds(5))), "after");
    }

    private static void operations() throws Exception {
        String plain = uri("camel-operations", "autoCreateQueue=true");
        producer.sendBody(plain, "one");
        producer.sendBody(plain + "&operation=sendBatchMessage", List.of("two", "three", "four"));
        Check.equal("messages", attributes("camel-operations").get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES), "4");
        var listed = (ListQueuesResponse) producer.requestBodyAndHeader(plain + "&operation=listQueues", "", "CamelAwsSqsPrefix", "camel-op");
        Check.equal("queues", listed.queueUrls().size(), 1);
        producer.requestBody(plain + "&operation=purgeQueue", "");
        Check.equal("messages", attributes("camel-operations").get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES), "0");
        producer.requestBody(plain + "&operation=deleteQueue", "");
        Check.fails(QueueDoesNotExistException.class, () -> sqs.getQueueUrl(r -> r.queueName("camel-operations")));
    }
}
