import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

import software.amazon.awssdk.http.SdkHttpClient;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.http.apache5.Apache5HttpClient;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.services.sqs.SqsAsyncClient;
import software.amazon.awssdk.services.sqs.SqsClient;

/**
 * The AWS SDK for Java 2.x against kew. Nothing in here knows kew: the endpoint, the region and the credentials come from
 * the environment (AWS_ENDPOINT_URL and its friends). Checksum validation is on, as it is by default: the SDK compares the
 * digests of bodies and of attributes on every send and receive.
 */
public class Main {
    public static void main(String[] arguments) {
        sync("Apache 5", Apache5HttpClient.create());
        sync("Apache 4", ApacheHttpClient.create());
        sync("URLConnection", UrlConnectionHttpClient.create());

        SqsAsyncClient async = SqsAsyncClient.create();
        SqsClient waiting = waitingFor(async);
        Core.run("Netty", waiting);
        Waiters.run(async);
        Batching.run(async);
        Errors.run("Netty", waiting);
        Errors.run("Apache 5", SqsClient.create());
        Check.finish();
    }

    private static void sync(String name, SdkHttpClient http) {
        Core.run(name, SqsClient.builder().httpClient(http).build());
    }

    /** Shows the async client as a sync one, so that both run the same scenario. */
    private static SqsClient waitingFor(SqsAsyncClient async) {
        InvocationHandler handler = (proxy, method, arguments) -> {
            try {
                Object answer = SqsAsyncClient.class.getMethod(method.getName(), method.getParameterTypes()).invoke(async, arguments);
                return answer instanceof CompletableFuture<?> future ? future.get() : answer;
            } catch (ExecutionException | InvocationTargetException problem) {
                throw problem.getCause();
            }
        };
        return (SqsClient) Proxy.newProxyInstance(Main.class.getClassLoader(), new Class<?>[] {SqsClient.class}, handler);
    }
}
