package io.github.kewsqs;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** As much of a client as these tests need: the Query protocol, with the access key of a namespace. */
final class Sqs {
    private static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final KewControl kew;

    Sqs(KewControl kew) { this.kew = kew; }

    /** The values of an element in the answer. */
    List<String> query(String element, String action, String... arguments) {
        StringBuilder body = new StringBuilder("Action=" + action);
        for (String argument : arguments) {
            String[] parts = argument.split("=", 2);
            body.append('&').append(parts[0]).append('=').append(URLEncoder.encode(parts[1], StandardCharsets.UTF_8));
        }
        String scope = kew.accessKey() + "/20260101/" + kew.region() + "/sqs/aws4_request";
        HttpRequest request = HttpRequest.newBuilder(URI.create(kew.queueUrl("orders")))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Authorization", "AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=host, Signature=none")
            .POST(BodyPublishers.ofString(body.toString())).build();
        try {
            HttpResponse<String> answer = CLIENT.send(request, BodyHandlers.ofString());
            if (answer.statusCode() != 200) throw new AssertionError(answer.body());
            return Pattern.compile("<" + element + ">([^<]*)<").matcher(answer.body()).results()
                .map((MatchResult match) -> match.group(1)).collect(Collectors.toList());
        } catch (IOException | InterruptedException error) {
            throw new AssertionError(error);
        }
    }

    String send(String body, String... more) {
        String[] arguments = List.of(more).toArray(new String[more.length + 1]);
        arguments[more.length] = "MessageBody=" + body;
        return query("MessageId", "SendMessage", arguments).get(0);
    }
}
