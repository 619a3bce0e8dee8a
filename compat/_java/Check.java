import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.Callable;

/** A small test frame: named steps, hard assertions, one line for each step. */
public final class Check {
    private static int failures;

    private Check() {}

    public interface Body {
        void run() throws Exception;
    }

    /** Runs one part of a scenario; one that fails does not stop those after it. */
    public static void step(String name, Body body) {
        long start = System.nanoTime();
        try {
            body.run();
            System.out.printf("ok: %s (%.1f s)%n", name, (System.nanoTime() - start) / 1e9);
        } catch (Throwable problem) {
            failures++;
            System.out.printf("FAILED: %s: %s%n", name, problem);
            Arrays.stream(problem.getStackTrace()).filter(frame -> frame.getModuleName() == null
                    && !frame.getClassName().contains(".") && !frame.getClassName().equals("Check")).limit(5)
                .forEach(frame -> System.out.println("    at " + frame));
            for (Throwable cause = problem.getCause(); cause != null; cause = cause.getCause()) {
                System.out.println("    because of " + cause);
            }
        }
    }

    /** Ends the program: exit code 0 when every step passed. */
    public static void finish() {
        if (failures > 0) {
            System.out.println(failures + " step(s) failed");
        }
        System.out.flush();
        // Some clients leave threads behind.
        Runtime.getRuntime().halt(failures > 0 ? 1 : 0);
    }

    public static void that(boolean condition, String text) {
        if (!condition) {
            throw new AssertionError(text);
        }
    }

    public static void equal(String what, Object got, Object want) {
        that(Objects.equals(got, want), what + ": got <" + got + ">, want <" + want + ">");
    }

    /** Fails unless the call throws exactly this class, and returns what it threw. */
    public static <T extends Throwable> T fails(Class<T> wanted, Callable<?> call) {
        Object answer;
        try {
            answer = call.call();
        } catch (Throwable problem) {
            that(problem.getClass() == wanted, "threw " + problem + " and not a " + wanted.getName());
            return wanted.cast(problem);
        }
        throw new AssertionError("no " + wanted.getSimpleName() + " but " + answer);
    }

    /** Fails unless the call takes this long. */
    public static <T> T took(Duration least, Duration most, Callable<T> call) throws Exception {
        long start = System.nanoTime();
        T result = call.call();
        Duration took = Duration.ofNanos(System.nanoTime() - start);
        that(took.compareTo(least) >= 0 && took.compareTo(most) <= 0, "took " + took + ", want " + least + " to " + most);
        return result;
    }

    /** Asks until the condition holds. */
    public static void eventually(String what, Duration limit, Callable<Boolean> condition) throws Exception {
        for (long end = System.nanoTime() + limit.toNanos(); System.nanoTime() < end; Thread.sleep(20)) {
            if (condition.call()) {
                return;
            }
        }
        throw new AssertionError("not within " + limit + ": " + what);
    }

    /** The digest of a message body as SQS writes it. */
    public static String md5(String body) {
        return md5(body.getBytes(StandardCharsets.UTF_8));
    }

    private static String md5(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("MD5").digest(bytes));
        } catch (java.security.NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** The digest of message attributes as the SQS developer guide defines it, from name -> {type, value}. */
    public static String md5OfAttributes(java.util.Map<String, Object[]> attributes) {
        var buffer = new java.io.ByteArrayOutputStream();
        new TreeMap<>(attributes).forEach((name, attribute) -> {
            put(buffer, name.getBytes(StandardCharsets.UTF_8));
            put(buffer, ((String) attribute[0]).getBytes(StandardCharsets.UTF_8));
            boolean binary = attribute[1] instanceof byte[];
            buffer.write(binary ? 2 : 1);
            put(buffer, binary ? (byte[]) attribute[1] : ((String) attribute[1]).getBytes(StandardCharsets.UTF_8));
        });
        return md5(buffer.toByteArray());
    }

    private static void put(java.io.ByteArrayOutputStream buffer, byte[] bytes) {
        buffer.writeBytes(ByteBuffer.allocate(4).putInt(bytes.length).array());
        buffer.writeBytes(bytes);
    }
}
