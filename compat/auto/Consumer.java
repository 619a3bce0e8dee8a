// A consumer on the AWS SDK for Java 2.x whose processing fails on every message. Run as a source file.

import software.amazon.awssdk.services.sqs.SqsClient;

public class Consumer {
    public static void main(String[] arguments) {
        SqsClient client = SqsClient.create();
        while (true) {
            // Messages are neither deleted nor given back: the visibility timeout ends.
            client.receiveMessage(poll -> poll.queueUrl(System.getenv("KEW_QUEUE_URL")).waitTimeSeconds(10));
        }
    }
}
