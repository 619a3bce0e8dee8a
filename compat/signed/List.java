import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.SqsException;

/** Lists queues with the AWS SDK for Java 2; prints `ok`, or code, status and text of the error that it threw. */
public class List {
    public static void main(String[] arguments) {
        try (SqsClient sqs = SqsClient.create()) {
            sqs.listQueues();
            System.out.println("ok");
        } catch (SqsException error) {
            var told = error.awsErrorDetails();
            System.out.println(told.errorCode() + " " + error.statusCode() + " " + told.errorMessage());
        }
    }
}
