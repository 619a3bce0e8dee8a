package io.github.kewsqs;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What {@link KewControl#await} waits for: numbers of messages in each state, of receives that wait, and of what was
 * done so far.
 */
public final class Condition {
    final Map<String, ?> members;

    private Condition(Map<String, ?> members) { this.members = members; }

    /** Any member of what kew awaits: {@code that("visible", Map.of("min", 3))}. */
    public static Condition that(String name, Object value) { return new Condition(Map.of(name, value)); }

    /** No message, be it visible, in flight or delayed. */
    public static Condition empty() { return that("empty", true); }
    public static Condition visible(int count) { return that("visible", count); }
    public static Condition inFlight(int count) { return that("inFlight", count); }
    public static Condition delayed(int count) { return that("delayed", count); }
    public static Condition parked(int count) { return that("parked", count); }
    public static Condition sent(int count) { return that("sent", count); }
    public static Condition deleted(int count) { return that("deleted", count); }
    public static Condition deadLettered(int count) { return that("deadLettered", count); }

    /** How long to wait, in real time; 10 seconds if not said. */
    public static Condition within(Duration timeout) { return that("timeout", timeout.toMillis() + "ms"); }

    /**
     * Until then the clock jumps to what comes next whenever all is quiet. {@code orders=1} says how many receives
     * wait at a queue when its consumers are done: only then may the clock jump over a visibility timeout.
     */
    public static Condition auto(String... consumers) {
        return that("auto", Map.of("consumers", consumers(consumers)));
    }

    static Map<String, Object> consumers(String... consumers) {
        Map<String, Object> counts = new LinkedHashMap<>();
        for (String each : consumers) {
            String[] parts = each.split("=", 2);
            counts.put(parts[0], parts.length == 1 ? Integer.valueOf(1) : Json.<Object>read(parts[1]));
        }
        return counts;
    }
}
