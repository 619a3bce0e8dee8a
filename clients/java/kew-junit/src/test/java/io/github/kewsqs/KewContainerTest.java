package io.github.kewsqs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.wait.strategy.LogMessageWaitStrategy;

/**
 * What can be seen of it without Docker: how it is set up, and that a kew that is started so says what is waited for.
 */
class KewContainerTest {
    /** With what is otherwise asked of Docker. */
    private static final class Started extends KewContainer {
        private final int port;

        Started(int port) {
            super("kew");
            this.port = port;
        }

        @Override
        public String getHost() { return "localhost"; }

        @Override
        public Integer getMappedPort(int inside) {
            assertEquals(9324, inside);
            return port;
        }

        Object waits() { return getWaitStrategy(); }
    }

    @Test
    void aKewThatIsStartedSoIsReadyAndUsable() throws Exception {
        Started settings = new Started(0);
        assertEquals(List.of(9324), settings.getExposedPorts());
        assertInstanceOf(LogMessageWaitStrategy.class, settings.waits());

        // As the image has it, but for the port.
        ProcessBuilder builder = new ProcessBuilder(KewServerTest.binary());
        builder.environment().put("KEW_LISTEN", "0.0.0.0:0");
        builder.environment().putAll(settings.getEnvMap());
        Process process = builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
        InputStreamReader output = new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8);
        try (output) {
            String line = new BufferedReader(output).readLine();
            assertTrue((line + "\n").matches("(?s)" + KewContainer.READY), line);
            KewContainer container = new Started(Integer.parseInt(line.replaceAll(".*:(\\d+)\\b.*", "$1")));
            try (KewControl kew = container.control("orders")) {
                assertEquals(container.url(), kew.endpoint().toString());
                new Sqs(kew).send("1001");
                kew.await("orders", Condition.visible(1));
            }
        } finally {
            process.destroy();
        }
    }
}
