package orders;

import java.time.Duration;
import java.util.function.Consumer;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.QueueDoesNotExistException;
import software.amazon.awssdk.services.sqs.model.ReceiveMessageResponse;

/** A small program with a queue: what places orders, and what handles them. */
public final class Orders {
    private final SqsClient sqs;
    private final String url;

    public Orders(SqsClient sqs, String url) {
        this.sqs = sqs;
        this.url = url;
    }

    /** Sends an order, to be handled after a while of up to 15 minutes. */
    public void place(String order, Duration after) {
        sqs.sendMessage(request -> request.queueUrl(url).messageBody(order).delaySeconds((int) after.toSeconds()));
    }

    /**
     * Handles orders as long as there is the queue. An order that fails comes back when its visibility timeout is
     * over.
     */
    public void handle(Consumer<String> handler) {
        try {
            while (true) {
                ReceiveMessageResponse received = sqs.receiveMessage(
                    request -> request.queueUrl(url).maxNumberOfMessages(10).waitTimeSeconds(20));
                for (Message message : received.messages()) handle(message, handler);
            }
        } catch (QueueDoesNotExistException gone) {
            return;
        }
    }

    private void handle(Message message, Consumer<String> handler) {
        try {
            handler.accept(message.body());
        } catch (RuntimeException failed) {
            return;
        }
        sqs.deleteMessage(request -> request.queueUrl(url).receiptHandle(message.receiptHandle()));
    }
}
