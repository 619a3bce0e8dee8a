package io.github.kewsqs;

import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

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
    public void advance(Duration by) { call("POST", "/clock/advance", Map.of("by", Json.span(by))); }

    /** Waits until all conditions hold for a queue at one moment; else the test fails, with what was seen instead. */
    public void await(String queue, Condition... conditions) {
        Map<String, Object> body = new LinkedHashMap<>(Map.of("queue", queue));
        for (Condition condition : conditions) body.putAll(condition.members);
        text("POST", "/await", body);
    }

    /** Looks at the messages of a queue without receiving them. */
    public List<Message> peek(String queue) { return peek(queue, ""); }

    /** The same of some, by a query string: {@code state=visible&contains=1001}, {@code json.$.orderId=1001}. */
    public List<Message> peek(String queue, String query) {
        return all(call("GET", "/queues/" + queue + "/messages?" + query, null).get("messages"), Message::new);
    }

    /** The whole life of a message, across dead letters and moves. */
    public List<Event> history(String messageId) {
        return all(call("GET", "/messages/" + messageId, null).get("events"), Event::new);
    }

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

    /** The mistakes of consumers and producers that kew has noticed up to now. */
    public Report report() { return new Report(call("GET", "/report", null), text("GET", "/report", null)); }

    /** The clock and the last events, as a text. */
    public String timeline() { return text("GET", "/clock", null) + text("GET", "/history", null); }

    /** Asks for anything else, with maps and lists for JSON: {@code kew.call("POST", "/reset", Map.of())}. */
    public Map<String, Object> call(String method, String path, Map<String, ?> body) {
        return Json.read(server.ask(method, path(path), body, "application/json"));
    }

    private String text(String method, String path, Map<String, ?> body) {
        return server.ask(method, path(path), body, "text/plain");
    }

    private String path(String path) { return "/ns/" + made.get("name") + path; }

    /** Ends the namespace. */
    @Override
    public void close() { call("DELETE", "", null); }

    @SuppressWarnings("unchecked")
    private static <T> List<T> all(Object list, Function<Map<String, Object>, T> of) {
        return ((List<Map<String, Object>>) list).stream().map(of).collect(Collectors.toList());
    }

    /** A message as it is in a queue; all that kew tells of it is in its members. */
    public static final class Message {
        public final Map<String, Object> members;
        public final String id, state, body;

        Message(Map<String, Object> members) {
            this.members = members;
            id = (String) members.get("id");
            state = (String) members.get("state");
            body = (String) members.get("body");
        }
    }

    /**
     * Something that happened to a message, such as sent, received or deadLettered; all that kew tells of it is in
     * its members.
     */
    public static final class Event {
        public final Map<String, Object> members;
        public final String type, queue;

        Event(Map<String, Object> members) {
            this.members = members;
            type = (String) members.get("type");
            queue = (String) members.get("queue");
        }
    }

    /** What kew has noticed; its documentation explains the codes. */
    public static final class Report {
        public final Map<String, Object> members;
        public final boolean clean;
        public final String text;

        Report(Map<String, Object> members, String text) {
            this.members = members;
            this.text = text;
            clean = (Boolean) members.get("clean");
        }
    }
}
