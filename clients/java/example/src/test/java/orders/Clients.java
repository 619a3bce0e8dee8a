package orders;

import io.github.kewsqs.KewControl;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.sqs.SqsClient;

/** What the tests use: the client that the SDK makes for the queues of a test, and a consumer. */
final class Clients {
    private static final ExecutorService CONSUMERS = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    });

    private Clients() {}

    static Orders orders(KewControl kew) {
        SqsClient sqs = SqsClient.builder()
            .endpointOverride(kew.endpoint())
            .region(Region.of(kew.region()))
            .credentialsProvider(StaticCredentialsProvider.create(
                AwsBasicCredentials.create(kew.accessKey(), kew.secretKey())))
            .httpClient(UrlConnectionHttpClient.create())
            .build();
        return new Orders(sqs, kew.queueUrl("orders"));
    }

    /** Has orders handled until the queues of the test are gone, which is when it ends. */
    static void handle(Orders orders, Consumer<String> handler) { CONSUMERS.execute(() -> orders.handle(handler)); }
}
