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
import java.util.UUID;

/** A kew, and its control API: the one at KEW_URL, or one of this process, from KEW_BIN or the PATH. */
final class KewServer {
    /**
     * What {@code kew run} runs beside kew: it tells where kew is, and ends when its input ends, as it does when this
     * process is gone, however it went. Kew ends with it.
     */
    private static final String COMPANION = "echo \"$KEW_URL\"; exec cat";
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
        if (shared != null) return shared;
        String url = setting("kew.url", "KEW_URL", "");
        return shared = url.isEmpty() ? start(setting("kew.bin", "KEW_BIN", "kew")) : new KewServer(url, null);
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

    /** A new namespace, called after its test. With KEW_SEED each test has a seed of its own, the same each time. */
    KewControl namespace(String test, String id, Map<String, Object> wanted) {
        Map<String, Object> body = new LinkedHashMap<>(wanted);
        String seed = setting("kew.seed", "KEW_SEED", "");
        if (!seed.isEmpty()) body.putIfAbsent("seed", Integer.toUnsignedLong((seed + " " + id).hashCode()));
        body.put("name", name(test));
        return new KewControl(this, Json.read(ask("POST", "/ns", body, "application/json")));
    }

    /** Nobody else's, also where tests of several processes use one kew. */
    static String name(String test) {
        String fit = test.replaceAll("[^A-Za-z0-9_.-]", "-");
        return fit.substring(0, Math.min(fit.length(), 60)) + "-" + UUID.randomUUID().toString().substring(0, 8);
    }

    /** The answer to a request of the control API; what kew refuses fails the test. */
    String ask(String method, String path, Map<String, ?> body, String accept) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + "/_kew" + path))
            .header("Content-Type", "application/json").header("Accept", accept)
            .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(Json.write(body)));
        String token = setting("kew.control.token", "KEW_CONTROL_TOKEN", "");
        if (!token.isEmpty()) request.header("Authorization", "Bearer " + token);
        try {
            HttpResponse<String> answer = CLIENT.send(request.build(), BodyHandlers.ofString());
            if (answer.statusCode() >= 300) throw new AssertionError("kew: " + answer.body());
            return answer.body();
        } catch (IOException error) {
            throw new IllegalStateException("kew at " + url + " does not answer: " + error, error);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(error);
        }
    }
}
