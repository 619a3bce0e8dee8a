package io.github.kewsqs;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.Map;

/** A kew, and its control API: the one at KEW_URL, or one of this process, from KEW_BIN or the PATH. */
final class KewServer {
    /**
     * What {@code kew run} runs beside kew: it tells where kew is, and ends when its input ends, as it does when this
     * process is gone, however it went. Kew ends with it.
     */
    private static final String COMPANION = "echo \"$KEW_URL\"; exec cat";
    /** Tests of one name that have a namespace at the same time, at most; in several processes they may share a kew. */
    private static final int SAME_NAME_MAX = 100;
    private static final int TAKEN = 409;

    private static final HttpClient CLIENT =
        HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).proxy(HttpClient.Builder.NO_PROXY).build();
    private static KewServer shared;

    final String url;
    /** Keeps the input of the companion open. */
    final Process process;

    KewServer(String url, Process process) {
        this.url = url.replaceAll("/+$", "");
        this.process = process;
    }

    /** The kew of this process. */
    static synchronized KewServer shared() {
        if (shared == null) {
            String url = setting("kew.url", "KEW_URL", "");
            shared = url.isEmpty() ? start(setting("kew.bin", "KEW_BIN", "kew")) : new KewServer(url, null);
        }
        return shared;
    }

    private static String setting(String property, String variable, String otherwise) {
        String set = System.getProperty(property, System.getenv(variable));
        return set == null || set.isEmpty() ? otherwise : set;
    }

    static KewServer start(String binary) {
        try {
            File complaint = File.createTempFile("kew", ".log");
            complaint.deleteOnExit();
            Process process = new ProcessBuilder(
                binary, "run", "--listen", "127.0.0.1:0", "--control", "on", "--", "sh", "-c", COMPANION)
                .redirectError(complaint).start();
            String url = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8)).readLine();
            if (url == null) throw new IOException(binary + " did not start: " + Files.readString(complaint.toPath()));
            return new KewServer(url, process);
        } catch (IOException error) {
            String help = ": put kew on the PATH, or set KEW_BIN to the binary or KEW_URL to a kew that runs";
            throw new IllegalStateException(error.getMessage() + help, error);
        }
    }

    /**
     * A new namespace, called after its test so that one KEW_SEED gives each test a seed of its own, the same each
     * time.
     */
    KewControl namespace(String test, String id, Map<String, Object> wanted) {
        Map<String, Object> body = new LinkedHashMap<>(wanted);
        for (int number = 1;; number++) {
            body.put("name", name(test, id, number));
            HttpResponse<String> answer = send("POST", "/ns", body, "application/json");
            if (answer.statusCode() != TAKEN || number == SAME_NAME_MAX) {
                return new KewControl(this, Json.read(checked(answer)));
            }
        }
    }

    static String name(String test, String id, int number) {
        String fit = test.replaceAll("[^A-Za-z0-9_.-]", "-");
        return fit.substring(0, Math.min(fit.length(), 60)) + String.format("-%08x", (id + " " + number).hashCode());
    }

    /** The answer to a request of the control API; what kew refuses fails the test. */
    String ask(String method, String path, Map<String, ?> body, String accept) {
        return checked(send(method, path, body, accept));
    }

    private static String checked(HttpResponse<String> answer) {
        if (answer.statusCode() >= 300) throw new AssertionError("kew: " + answer.body());
        return answer.body();
    }

    private HttpResponse<String> send(String method, String path, Map<String, ?> body, String accept) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + "/_kew" + path))
            .header("Content-Type", "application/json").header("Accept", accept)
            .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(Json.write(body)));
        String token = setting("kew.control.token", "KEW_CONTROL_TOKEN", "");
        if (!token.isEmpty()) request.header("Authorization", "Bearer " + token);
        try {
            return CLIENT.send(request.build(), BodyHandlers.ofString());
        } catch (IOException error) {
            throw new IllegalStateException("kew at " + url + " does not answer: " + error, error);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(error);
        }
    }
}
