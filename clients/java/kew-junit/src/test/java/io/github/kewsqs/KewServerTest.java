package io.github.kewsqs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.URLConnection;
import java.util.Map;
import org.junit.jupiter.api.Test;

class KewServerTest {
    static String binary() { return System.getenv().getOrDefault("KEW_BIN", "kew"); }

    /** What another process does, for the test below. */
    public static void main(String[] arguments) throws IOException {
        KewServer.shared().namespace("other", "process", Map.of());
        System.out.println(KewServer.shared().url);
        System.in.read();
    }

    @Test
    void kewEndsWithAProcessThatIsKilled() throws Exception {
        String java = System.getProperty("java.home") + "/bin/java";
        String classes = System.getProperty("java.class.path");
        ProcessBuilder builder = new ProcessBuilder(java, "-cp", classes, KewServerTest.class.getName());
        builder.environment().remove("KEW_URL");
        Process process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String url = new BufferedReader(new InputStreamReader(process.getInputStream())).readLine();
        URLConnection events = URI.create(url + "/_kew/events").toURL().openConnection();
        try (InputStream answer = events.getInputStream()) {
            process.destroyForcibly().waitFor();
            // Open for as long as kew runs.
            answer.readAllBytes();
        } catch (IOException endedWithoutAnEnd) {
            // Kew is gone too.
        }
        assertThrows(IllegalStateException.class, () -> new KewServer(url, null).ask("GET", "", null, "text/plain"));
    }

    @Test
    void aKewThatDoesNotStartSaysWhy() {
        assertTells("/nonexistent/kew", "KEW_BIN");
        assertTells("false", "false did not start");
    }

    private static void assertTells(String binary, String text) {
        String told = assertThrows(IllegalStateException.class, () -> KewServer.start(binary)).getMessage();
        assertTrue(told.contains(text) && told.contains(binary), told);
    }

    @Test
    void testsOfOneNameHaveNamespacesOfTheirOwn() {
        KewServer again = new KewServer(KewServer.shared().url + "/", null);
        try (KewControl one = KewServer.shared().namespace("same", "id", Map.of());
            KewControl other = again.namespace("same", "id", Map.of())) {
            assertNotEquals(one.accessKey(), other.accessKey());
        }
    }

    @Test
    void theNameOfANamespaceIsFitAndItsOwn() {
        String name = KewServer.name("é/" + "a".repeat(200));
        assertTrue(name.matches("[A-Za-z0-9_.-]{1,80}"), name);
        assertNotEquals(KewServer.name("a b"), KewServer.name("a b"));
    }

    @Test
    void oneSeedGivesEachTestASeedOfItsOwn() {
        System.setProperty("kew.seed", "7");
        try (KewControl one = KewServer.shared().namespace("test", "[1]", Map.of());
            KewControl again = KewServer.shared().namespace("test", "[1]", Map.of());
            KewControl other = KewServer.shared().namespace("test", "[2]", Map.of());
            KewControl said = KewServer.shared().namespace("test", "[1]", Map.of("seed", 42))) {
            assertEquals(one.seed(), again.seed());
            assertNotEquals(one.seed(), other.seed());
            assertEquals("42", said.seed());
        } finally {
            System.clearProperty("kew.seed");
        }
    }
}
