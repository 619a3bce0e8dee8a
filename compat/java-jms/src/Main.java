import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import com.amazon.sqs.javamessaging.ProviderConfiguration;
import com.amazon.sqs.javamessaging.SQSConnection;
import com.amazon.sqs.javamessaging.SQSConnectionFactory;
import com.amazon.sqs.javamessaging.SQSSession;
import jakarta.jms.BytesMessage;
import jakarta.jms.InvalidDestinationException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.ObjectMessage;
import jakarta.jms.Queue;
import jakarta.jms.Session;
import jakarta.jms.TextMessage;
import software.amazon.awssdk.services.sqs.model.CreateQueueRequest;
import software.amazon.awssdk.services.sqs.model.QueueAttributeName;

/** JMS over SQS, with AWS's own amazon-sqs-java-messaging-lib. The endpoint comes from the environment (AWS_ENDPOINT_URL). */
public class Main {
    private static SQSConnection connection;

    public static void main(String[] arguments) throws Exception {
        connection = new SQSConnectionFactory(new ProviderConfiguration().withNumberOfMessagesToPrefetch(5)).createConnection();
        connection.start();
        Check.step("text, bytes and object messages with properties of every type, and a reply to the queue named in the message", Main::types);
        Check.step("client acknowledge: what was not acknowledged comes again, counted", Main::clientAcknowledge);
        Check.step("unordered acknowledge: only the acknowledged message is gone", Main::unorderedAcknowledge);
        Check.step("a listener: 40 messages; one that throws gets its message again", Main::listener);
        Check.step("FIFO: groups in order, deduplication, sequence numbers", Main::fifo);
        Check.step("prefetched messages are given back when the consumer closes", Main::prefetch);
        Check.step("a queue that is not there: InvalidDestinationException", Main::missing);
        // Not closed: the library waits for the 20 s long poll of each consumer, one after the other.
        Check.finish();
    }

    private static void create(String name, Map<QueueAttributeName, String> attributes) throws Exception {
        connection.getWrappedAmazonSQSClient().createQueue(CreateQueueRequest.builder().queueName(name).attributes(attributes).build());
    }

    /** Visible and invisible messages. */
    private static String count(String name) throws Exception {
        var client = connection.getWrappedAmazonSQSClient().getAmazonSQSClient();
        var attributes = client.getQueueAttributes(r -> r.queueUrl(name).attributeNames(QueueAttributeName.ALL)).attributes();
        return attributes.get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES) + " "
            + attributes.get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES_NOT_VISIBLE);
    }

    private static void types() throws Exception {
        create("jms-types", Map.of());
        create("jms-replies", Map.of());
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createQueue("jms-types");
        Queue replies = session.createQueue("jms-replies");
        MessageProducer producer = session.createProducer(queue);
        MessageConsumer consumer = session.createConsumer(queue);

        TextMessage text = session.createTextMessage("Grüße, 世界! 👋\r\n\t<&>");
        text.setStringProperty("string", "żółw");
        text.setIntProperty("int", -42);
        text.setLongProperty("long", 1493147359900L);
        text.setBooleanProperty("boolean", true);
        text.setDoubleProperty("double", 1.5e-7);
        // With the library's own attributes these are ten, which is the limit of SQS.
        text.setJMSReplyTo(replies);
        text.setJMSCorrelationID("correlation 1");
        producer.send(text);

        TextMessage got = (TextMessage) consumer.receive(5000);
        Check.that(got != null, "no message");
        Check.equal("text", got.getText(), text.getText());
        Check.equal("message id", got.getJMSMessageID(), text.getJMSMessageID());
        Check.equal("correlation", got.getJMSCorrelationID(), "correlation 1");
        for (String name : List.of("string", "int", "long", "boolean", "double")) {
            Check.equal(name, got.getObjectProperty(name), text.getObjectProperty(name));
        }
        Check.equal("delivery count", got.getIntProperty("JMSXDeliveryCount"), 1);
        Check.equal("redelivered", got.getJMSRedelivered(), false);
        Check.that(Math.abs(got.getJMSTimestamp() - System.currentTimeMillis()) < 60_000, "timestamp " + got.getJMSTimestamp());

        session.createProducer(got.getJMSReplyTo()).send(session.createTextMessage("the reply"));
        Check.equal("reply", ((TextMessage) session.createConsumer(replies).receive(5000)).getText(), "the reply");

        BytesMessage bytes = session.createBytesMessage();
        bytes.writeBytes(new byte[] {0, 1, 2, -1});
        producer.send(bytes);
        BytesMessage gotBytes = (BytesMessage) consumer.receive(5000);
        byte[] buffer = new byte[(int) gotBytes.getBodyLength()];
        gotBytes.readBytes(buffer);
        Check.equal("bytes", List.of(buffer[0], buffer[1], buffer[2], buffer[3], (byte) buffer.length), List.of((byte) 0, (byte) 1, (byte) 2, (byte) -1, (byte) 4));
        producer.send(session.createObjectMessage(Duration.ofHours(25)));
        Check.equal("object", ((ObjectMessage) consumer.receive(5000)).getObject(), Duration.ofHours(25));
        Check.equal("no message within the time given", consumer.receive(500), null);
        Check.equal("messages left", count("jms-types"), "0 0");
    }

    private static void clientAcknowledge() throws Exception {
        create("jms-client", Map.of(QueueAttributeName.VISIBILITY_TIMEOUT, "60"));
        Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        Queue queue = session.createQueue("jms-client");
        MessageProducer producer = session.createProducer(queue);
        for (int i = 0; i < 3; i++) {
            producer.send(session.createTextMessage("message " + i));
        }
        MessageConsumer consumer = session.createConsumer(queue);
        for (int i = 0; i < 3; i++) {
            Check.that(consumer.receive(5000) != null, "no message");
        }
        session.recover();
        for (int i = 0; i < 3; i++) {
            Message again = consumer.receive(5000);
            Check.that(again != null && again.getJMSRedelivered(), "not redelivered: " + again);
            Check.equal("delivery count", again.getIntProperty("JMSXDeliveryCount"), 2);
            if (i == 2) {
                again.acknowledge(); // and all before it
            }
        }
        Check.equal("messages left", count("jms-client"), "0 0");
    }

    private static void unorderedAcknowledge() throws Exception {
        create("jms-unordered", Map.of(QueueAttributeName.VISIBILITY_TIMEOUT, "60"));
        Session session = connection.createSession(false, SQSSession.UNORDERED_ACKNOWLEDGE);
        Queue queue = session.createQueue("jms-unordered");
        MessageProducer producer = session.createProducer(queue);
        for (int i = 0; i < 3; i++) {
            producer.send(session.createTextMessage("message " + i));
        }
        MessageConsumer consumer = session.createConsumer(queue);
        consumer.receive(5000);
        consumer.receive(5000).acknowledge();
        consumer.receive(5000);
        Check.equal("messages left", count("jms-unordered"), "0 2");
    }

    private static void listener() throws Exception {
        create("jms-listener", Map.of());
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createQueue("jms-listener");
        var bodies = new CopyOnWriteArrayList<String>();
        var counts = new LinkedBlockingQueue<Integer>();
        MessageConsumer consumer = session.createConsumer(queue);
        consumer.setMessageListener(message -> {
            try {
                String body = ((TextMessage) message).getText();
                if (body.equals("message 13")) {
                    counts.add(message.getIntProperty("JMSXDeliveryCount"));
                    if (counts.size() == 1) {
                        throw new IllegalStateException("not yet");
                    }
                }
                bodies.add(body);
            } catch (jakarta.jms.JMSException problem) {
                throw new IllegalStateException(problem);
            }
        });
        Session sending = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = sending.createProducer(queue);
        for (int i = 0; i < 40; i++) {
            producer.send(sending.createTextMessage("message " + i));
        }
        Check.eventually("40 messages: " + bodies, Duration.ofSeconds(10), () -> bodies.size() >= 40);
        Check.equal("different messages", new java.util.TreeSet<>(bodies).size(), 40);
        Check.equal("first delivery", counts.poll(1, TimeUnit.SECONDS), 1);
        Check.equal("second delivery", counts.poll(1, TimeUnit.SECONDS), 2);
        Check.equal("messages left", count("jms-listener"), "0 0");
    }

    private static void fifo() throws Exception {
        create("jms.fifo", Map.of(QueueAttributeName.FIFO_QUEUE, "true"));
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createQueue("jms.fifo");
        MessageProducer producer = session.createProducer(queue);
        String sequence = "";
        for (int i = 0; i < 12; i++) {
            TextMessage message = session.createTextMessage("message " + i);
            message.setStringProperty("JMSXGroupID", "one");
            message.setStringProperty("JMS_SQS_DeduplicationId", "id-" + i / 2 * 2); // every second is a duplicate
            producer.send(message);
            String given = message.getStringProperty("JMS_SQS_SequenceNumber");
            Check.equal("digits of the sequence number", given.length(), 20);
            Check.that(i % 2 == 1 || given.compareTo(sequence) > 0, "sequence numbers do not rise");
            sequence = given;
        }
        MessageConsumer consumer = session.createConsumer(queue);
        for (int i = 0; i < 12; i += 2) {
            TextMessage message = (TextMessage) consumer.receive(5000);
            Check.equal("text", message.getText(), "message " + i);
            Check.equal("group", message.getStringProperty("JMSXGroupID"), "one");
            Check.equal("deduplication", message.getStringProperty("JMS_SQS_DeduplicationId"), "id-" + i);
        }
        Check.equal("a seventh", consumer.receive(300), null);
        Check.equal("messages left", count("jms.fifo"), "0 0");
    }

    private static void prefetch() throws Exception {
        create("jms-prefetch", Map.of(QueueAttributeName.VISIBILITY_TIMEOUT, "60"));
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createQueue("jms-prefetch");
        MessageProducer producer = session.createProducer(queue);
        for (int i = 0; i < 6; i++) {
            producer.send(session.createTextMessage("message " + i));
        }
        MessageConsumer consumer = session.createConsumer(queue);
        Check.that(consumer.receive(5000) != null, "no message");
        Thread.sleep(300);
        consumer.close();
        Check.eventually("five are visible again", Duration.ofSeconds(3), () -> count("jms-prefetch").equals("5 0"));
    }

    private static void missing() throws Exception {
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Check.fails(InvalidDestinationException.class, () -> session.createQueue("jms-missing"));
        Check.equal("queueExists", connection.getWrappedAmazonSQSClient().queueExists("jms-missing"), false);
        Check.equal("queueExists", connection.getWrappedAmazonSQSClient().queueExists("jms-types"), true);
    }
}
