import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.SqsException;

/** Lists queues with the AWS SDK for Java 2; prints `ok` or the code of the error that it threw. */
public class List {
    public static void main(String[] arguments) {
        try (SqsClient sqs = SqsClient.create()) {
            sqs.listQueues();
            System.out.println("ok");
        } catch (SqsException error) {
            System.out.println(error.awsErrorDetails().errorCode());
        }
    }
}
