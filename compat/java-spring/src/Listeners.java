import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;

import io.awspring.cloud.sqs.annotation.SqsListener;
import io.awspring.cloud.sqs.annotation.SqsListenerAcknowledgementMode;
import io.awspring.cloud.sqs.config.SqsMessageListenerContainerFactory;
import io.awspring.cloud.sqs.listener.acknowledgement.Acknowledgement;
import io.awspring.cloud.sqs.listener.acknowledgement.BatchAcknowledgement;
import io.awspring.cloud.sqs.listener.errorhandler.ExponentialBackoffErrorHandler;
import io.awspring.cloud.sqs.listener.errorhandler.ImmediateRetryAsyncErrorHandler;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.messaging.Message;
import org.springframework.messaging.handler.annotation.Header;
import software.amazon.awssdk.services.sqs.SqsAsyncClient;

/**
 * The application: auto-configured, with listeners of every kind. Their queues do not exist before; the containers make
 * them.
 */
@SpringBootConfiguration
@EnableAutoConfiguration
public class Listeners {
    static final String COUNT = "Sqs_Msa_ApproximateReceiveCount";
    static final String GROUP = "Sqs_Msa_MessageGroupId";

    record Order(String id, int amount, List<String> lines) {}

    record Delivery(String body, int count, long nanos) {}

    static final LinkedBlockingQueue<Message<Order>> orders = new LinkedBlockingQueue<>();
    static final Map<String, List<Integer>> groups = new ConcurrentHashMap<>();
    static final LinkedBlockingQueue<Delivery> manual = new LinkedBlockingQueue<>();
    static final LinkedBlockingQueue<Delivery> failing = new LinkedBlockingQueue<>();
    static final LinkedBlockingQueue<Delivery> failingFifo = new LinkedBlockingQueue<>();
    static final List<Integer> batchSizes = new CopyOnWriteArrayList<>();
    static final List<String> batched = new CopyOnWriteArrayList<>();

    @Bean
    SqsMessageListenerContainerFactory<Object> defaultSqsListenerContainerFactory(SqsAsyncClient client) {
        return factory(client).build();
    }

    /** After the first failure 1 s, after the second 2 s. */
    @Bean
    SqsMessageListenerContainerFactory<Object> backingOff(SqsAsyncClient client) {
        return factory(client).errorHandler(ExponentialBackoffErrorHandler.builder()
            .initialVisibilityTimeoutSeconds(1).multiplier(2).build()).build();
    }

    @Bean
    SqsMessageListenerContainerFactory<Object> retryingAtOnce(SqsAsyncClient client) {
        return factory(client).errorHandler(new ImmediateRetryAsyncErrorHandler<>()).build();
    }

    private static SqsMessageListenerContainerFactory.Builder<Object> factory(SqsAsyncClient client) {
        return SqsMessageListenerContainerFactory.builder().sqsAsyncClient(client)
            .configure(options -> options.pollTimeout(Duration.ofSeconds(5)).acknowledgementInterval(Duration.ofMillis(200)));
    }

    @SqsListener("spring-orders")
    void order(Message<Order> order) {
        orders.add(order);
    }

    @SqsListener(queueNames = "spring-groups.fifo", maxConcurrentMessages = "20")
    void inGroups(String body, @Header(GROUP) String group) throws Exception {
        Thread.sleep(5);
        groups.computeIfAbsent(group, key -> new CopyOnWriteArrayList<>()).add(Integer.valueOf(body));
    }

    @SqsListener(queueNames = "spring-manual", acknowledgementMode = SqsListenerAcknowledgementMode.MANUAL, messageVisibilitySeconds = "1")
    void manually(String body, @Header(COUNT) String count, Acknowledgement acknowledgement) {
        manual.add(new Delivery(body, Integer.parseInt(count), System.nanoTime()));
        if (body.equals("good") || count.equals("3")) {
            acknowledgement.acknowledge();
        }
    }

    @SqsListener(queueNames = "spring-failing", factory = "backingOff")
    void fails(String body, @Header(COUNT) String count) {
        failing.add(new Delivery(body, Integer.parseInt(count), System.nanoTime()));
        if (!count.equals("3")) {
            throw new IllegalStateException("not yet");
        }
    }

    /** Those behind a failure in one receive are not given back; they come when their own visibility ends. */
    @SqsListener(queueNames = "spring-failing.fifo", factory = "retryingAtOnce", messageVisibilitySeconds = "2")
    void failsInAGroup(String body, @Header(COUNT) String count) {
        failingFifo.add(new Delivery(body, Integer.parseInt(count), System.nanoTime()));
        if (body.equals("1") && count.equals("1")) {
            throw new IllegalStateException("not yet");
        }
    }

    @SqsListener(queueNames = "spring-batches", acknowledgementMode = SqsListenerAcknowledgementMode.MANUAL, maxMessagesPerPoll = "10")
    void inBatches(List<Message<String>> messages, BatchAcknowledgement<String> acknowledgement) {
        batchSizes.add(messages.size());
        messages.forEach(message -> batched.add(message.getPayload()));
        acknowledgement.acknowledge();
    }
}
