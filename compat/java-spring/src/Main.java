import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

import io.awspring.cloud.sqs.operations.SqsTemplate;
import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.messaging.Message;
import org.springframework.messaging.support.MessageBuilder;
import software.amazon.awssdk.services.sqs.SqsAsyncClient;
import software.amazon.awssdk.services.sqs.model.QueueAttributeName;

/** Spring Cloud AWS against kew: an auto-configured application. The endpoint comes from the environment (AWS_ENDPOINT_URL). */
public class Main {
    private static SqsTemplate template;
    private static SqsAsyncClient sqs;

    public static void main(String[] arguments) {
        SpringApplication application = new SpringApplication(Listeners.class);
        application.setDefaultProperties(java.util.Map.of("logging.level.root", "OFF", "spring.main.banner-mode", "off"));
        ConfigurableApplicationContext[] context = new ConfigurableApplicationContext[1];
        Check.step("the application starts: six containers make their queues", () -> {
            context[0] = application.run();
            template = context[0].getBean(SqsTemplate.class);
            sqs = context[0].getBean(SqsAsyncClient.class);
            Check.equal("queues", sqs.listQueues(r -> r.queueNamePrefix("spring-")).join().queueUrls().size(), 6);
        });
        Check.step("a JSON payload with headers", Main::json);
        Check.step("FIFO: ten groups of ten, each in order, sent in batches", Main::groups);
        Check.step("manual acknowledgement: what is not acknowledged comes again after its visibility timeout", Main::manual);
        Check.step("error back-off: delivered again after 1 s and then 2 s", Main::backOff);
        Check.step("FIFO and a failure: the group waits for the message that failed", Main::failureInAGroup);
        Check.step("batch listener with batch acknowledgement", Main::batches);
        Check.step("SqsTemplate: receive, receiveMany, delay, duplicates in a FIFO queue", Main::template);
        Check.step("the application stops, and gives up no message", () -> {
            context[0].close();
            for (String queue : List.of("spring-orders", "spring-groups.fifo", "spring-manual", "spring-failing", "spring-failing.fifo", "spring-batches")) {
                Check.equal("messages left in " + queue, count(SqsAsyncClient.create(), queue), "0 0");
            }
        });
        Check.finish();
    }

    /** Visible and invisible messages. */
    private static String count(SqsAsyncClient client, String queue) {
        var attributes = client.getQueueAttributes(r -> r.queueUrl(queue).attributeNames(QueueAttributeName.ALL)).join().attributes();
        return attributes.get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES) + " "
            + attributes.get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES_NOT_VISIBLE);
    }

    private static void isEmpty(String queue) throws Exception {
        Check.eventually("the queue is empty, but: " + count(sqs, queue), Duration.ofSeconds(5), () -> count(sqs, queue).equals("0 0"));
    }

    private static <T> T next(LinkedBlockingQueue<T> queue) throws Exception {
        T next = queue.poll(6, TimeUnit.SECONDS);
        Check.that(next != null, "no message");
        return next;
    }

    private static void json() throws Exception {
        var order = new Listeners.Order("żółw", 42, List.of("a", "<b>&\"c\""));
        var sent = template.send(to -> to.queue("spring-orders").payload(order).header("colour", "blau").header("number", 7));
        Message<Listeners.Order> got = next(Listeners.orders);
        Check.equal("payload", got.getPayload(), order);
        Check.equal("id", got.getHeaders().getId(), sent.messageId());
        Check.equal("colour", got.getHeaders().get("colour"), "blau");
        Check.equal("number", got.getHeaders().get("number"), 7);
        Check.equal("receive count", got.getHeaders().get(Listeners.COUNT), "1");
        isEmpty("spring-orders");
    }

    private static void groups() throws Exception {
        for (int number = 0; number < 10; number++) {
            String body = String.valueOf(number);
            List<Message<String>> batch = IntStream.range(0, 10).mapToObj(group -> MessageBuilder.withPayload(body)
                .setHeader(Listeners.GROUP, "group-" + group).setHeader("Sqs_Msa_MessageDeduplicationId", group + "-" + body).build()).toList();
            var result = template.sendMany("spring-groups.fifo", batch);
            Check.equal("failed", result.failed().size(), 0);
        }
        Check.eventually("100 messages: " + Listeners.groups, Duration.ofSeconds(15),
            () -> Listeners.groups.values().stream().mapToInt(List::size).sum() >= 100);
        Check.equal("groups", Listeners.groups.size(), 10);
        Listeners.groups.forEach((group, numbers) -> Check.equal(group, numbers, IntStream.range(0, 10).boxed().toList()));
        isEmpty("spring-groups.fifo");
    }

    private static void manual() throws Exception {
        template.send("spring-manual", "good");
        template.send("spring-manual", "bad");
        var counts = new ArrayList<Integer>();
        for (int i = 0; i < 4; i++) {
            var delivery = next(Listeners.manual);
            if (delivery.body().equals("bad")) {
                counts.add(delivery.count());
            }
        }
        Check.equal("deliveries of the one that was not acknowledged", counts, List.of(1, 2, 3));
        isEmpty("spring-manual");
    }

    private static void backOff() throws Exception {
        template.send("spring-failing", "x");
        var first = next(Listeners.failing);
        var second = next(Listeners.failing);
        var third = next(Listeners.failing);
        Check.equal("counts", List.of(first.count(), second.count(), third.count()), List.of(1, 2, 3));
        long[] pauses = {second.nanos() - first.nanos(), third.nanos() - second.nanos()};
        Check.that(pauses[0] > 900_000_000L && pauses[0] < 1_800_000_000L, "first pause " + pauses[0]);
        Check.that(pauses[1] > 1_900_000_000L && pauses[1] < 2_800_000_000L, "second pause " + pauses[1]);
        isEmpty("spring-failing");
    }

    private static void failureInAGroup() throws Exception {
        List<Message<String>> batch = IntStream.range(0, 4).mapToObj(number -> MessageBuilder.withPayload(String.valueOf(number))
            .setHeader(Listeners.GROUP, "one").setHeader("Sqs_Msa_MessageDeduplicationId", "d" + number).build()).toList();
        template.sendMany("spring-failing.fifo", batch);
        var bodies = new ArrayList<String>();
        while (!bodies.contains("3")) {
            bodies.add(next(Listeners.failingFifo).body());
        }
        Check.equal("deliveries", bodies, List.of("0", "1", "1", "2", "3"));
        isEmpty("spring-failing.fifo");
    }

    private static void batches() throws Exception {
        List<Message<String>> batch = IntStream.range(0, 30).mapToObj(number -> MessageBuilder.withPayload("message " + number).build()).toList();
        for (int i = 0; i < 30; i += 10) {
            template.sendMany("spring-batches", batch.subList(i, i + 10));
        }
        Check.eventually("30 messages: " + Listeners.batched, Duration.ofSeconds(10), () -> Listeners.batched.size() >= 30);
        Check.equal("different messages", new TreeSet<>(Listeners.batched).size(), 30);
        Check.that(Listeners.batchSizes.stream().anyMatch(size -> size > 1), "sizes of the batches: " + Listeners.batchSizes);
        isEmpty("spring-batches");
    }

    private static void template() throws Exception {
        sqs.createQueue(r -> r.queueName("template")).join();
        sqs.createQueue(r -> r.queueName("template.fifo").attributesWithStrings(java.util.Map.of("FifoQueue", "true"))).join();
        for (int i = 0; i < 5; i++) {
            template.send("template", "message " + i);
        }
        template.send(to -> to.queue("template").payload("later").delaySeconds(1));
        Check.equal("one", template.receive("template", String.class).orElseThrow().getPayload(), "message 0");
        Check.equal("many", template.receiveMany(from -> from.queue("template").maxNumberOfMessages(10).pollTimeout(Duration.ofSeconds(1))).size(), 4);
        Check.equal("delayed", template.receive(from -> from.queue("template").pollTimeout(Duration.ofSeconds(3)), String.class)
            .orElseThrow().getPayload(), "later");
        Check.that(template.receive(from -> from.queue("template").pollTimeout(Duration.ofSeconds(1))).isEmpty(), "one more");
        isEmpty("template");

        var first = template.send(to -> to.queue("template.fifo").payload("x").messageGroupId("g").messageDeduplicationId("d"));
        var second = template.send(to -> to.queue("template.fifo").payload("x").messageGroupId("g").messageDeduplicationId("d"));
        Check.equal("id of the duplicate", second.messageId(), first.messageId());
        Check.equal("received", template.receiveMany(from -> from.queue("template.fifo").maxNumberOfMessages(10)).size(), 1);
        isEmpty("template.fifo");
    }
}
