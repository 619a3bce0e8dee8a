package io.github.kewsqs;

import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What one test has of kew: a namespace with queues, a clock, faults and a history of its own, for clients with its
 * access key.
 */
public final class KewControl implements AutoCloseable {
    private final KewServer server;
    private final Map<String, Object> made;

    KewControl(KewServer server, Map<String, Object> made) {
        this.server = server;
        this.made = made;
    }

    /** For the SQS client, as are the region and the keys. */
    public URI endpoint() { return URI.create((String) made.get("endpoint")); }
    public String region() { return env().get("AWS_REGION"); }
    public String accessKey() { return env().get("AWS_ACCESS_KEY_ID"); }
    public String secretKey() { return env().get("AWS_SECRET_ACCESS_KEY"); }

    /** What another program needs in its environment. */
    @SuppressWarnings("unchecked")
    public Map<String, String> env() { return (Map<String, String>) made.get("env"); }

    public String queueUrl(String queue) { return endpoint() + "/" + accessKey() + "/" + queue; }

    /** What message ids, receipt handles and faults are drawn from. */
    public String seed() { return made.get("seed").toString(); }

    /** Turns the clock forward. Who waits for messages gets them on the way, one after the other. */
    public void advance(Duration by) { call("POST", "/clock/advance", Map.of("by", by.toMillis() + "ms")); }

    /** Waits until all conditions hold for a queue at one moment; else the test fails, with what was seen instead. */
    public void await(String queue, Condition... conditions) {
        Map<String, Object> body = new LinkedHashMap<>(Map.of("queue", queue));
        for (Condition condition : conditions) body.putAll(condition.members);
        ask("POST", "/await", body, "text/plain");
    }

    /**
     * Looks at the messages of a queue without receiving them, or at some: {@code state=visible}, {@code
     * contains=1001}, {@code json.$.orderId=1001}. Of each there are the id, the body, the state and more.
     */
    public List<Map<String, Object>> peek(String queue, String... which) {
        return list(call("GET", "/queues/" + queue + "/messages?" + String.join("&", which), null).get("messages"));
    }

    /** The whole life of a message, across dead letters and moves, by its id. */
    public List<Map<String, Object>> history(Object messageId) {
        return list(call("GET", "/messages/" + messageId, null).get("events"));
    }

    @SuppressWarnings("unchecked")
    private static List<Map<String, Object>> list(Object answered) { return (List<Map<String, Object>>) answered; }

    /** Has requests fail until what is answered is closed, or the test ends. */
    public ActiveFault fault(Fault rule) {
        Object id = call("POST", "/faults", rule.members).get("id");
        return () -> call("DELETE", "/faults/" + id, null);
    }

    /** A rule that is in force until it is closed. */
    public interface ActiveFault extends AutoCloseable {
        @Override
        void close();
    }

    /** The mistakes of consumers and producers that kew has noticed up to now: clean, findings and more. */
    public Map<String, Object> report() { return call("GET", "/report", null); }

    /** The same as a text. */
    public String reportText() { return text("/report"); }

    /** The clock and the last events, as a text. */
    public String timeline() { return text("/clock") + text("/history"); }

    private String text(String path) { return ask("GET", path, null, "text/plain"); }

    /** Asks for anything else, with maps and lists for JSON: {@code kew.call("POST", "/reset", Map.of())}. */
    public Map<String, Object> call(String method, String path, Map<String, ?> body) {
        return Json.read(ask(method, path, body, "application/json"));
    }

    private String ask(String method, String path, Map<String, ?> body, String accept) {
        return server.ask(method, "/ns/" + made.get("name") + path, body, accept);
    }

    /** Ends the namespace. */
    @Override
    public void close() { call("DELETE", "", null); }
}
