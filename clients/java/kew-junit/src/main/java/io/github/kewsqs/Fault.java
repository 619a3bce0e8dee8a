package io.github.kewsqs;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A rule by which requests fail: {@code lostAnswer().on("SendMessage").nth(2)}. Without more it hits all that it can.
 */
public final class Fault {
    final Map<String, Object> members = new LinkedHashMap<>();

    private Fault() {}

    /** Any fault by its name. */
    public static Fault of(String fault) { return new Fault().with("fault", fault); }

    public static Fault throttle() { return of("throttle"); }
    public static Fault error(String code) { return of("error").with("code", code); }
    public static Fault unavailable() { return of("unavailable"); }
    public static Fault lostRequest() { return of("lostRequest"); }
    public static Fault lostAnswer() { return of("lostAnswer"); }
    public static Fault latency(int ms) { return of("latency").with("ms", ms); }
    public static Fault duplicate() { return of("duplicate"); }
    public static Fault resurrect() { return of("resurrect"); }
    public static Fault emptyReceive() { return of("emptyReceive"); }
    public static Fault partialBatch(int entries) { return of("partialBatch").with("entries", entries); }
    public static Fault reorder(int window) { return of("reorder").with("window", window); }
    public static Fault handleExpired() { return of("handleExpired"); }

    /** One more member of the rule. */
    public Fault with(String name, Object value) {
        members.put(name, value);
        return this;
    }

    @SuppressWarnings("unchecked")
    private Fault part(String part, String name, Object value) {
        ((Map<String, Object>) members.computeIfAbsent(part, none -> new LinkedHashMap<>())).put(name, value);
        return this;
    }

    /** Hits only these actions. */
    public Fault on(String... actions) { return part("on", "action", List.of(actions)); }

    /** Hits only this queue. */
    public Fault onQueue(String queue) { return part("on", "queue", queue); }

    /** Hits only the requests with these numbers, from 1 on. */
    public Fault nth(Integer... numbers) { return part("when", "nth", List.of(numbers)); }

    /** Hits only so many requests. */
    public Fault first(int count) { return part("when", "first", count); }
}
