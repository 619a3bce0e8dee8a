package io.github.kewsqs;

import static io.github.kewsqs.Condition.visible;
import static io.github.kewsqs.Condition.within;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Events;

/** What is printed of tests, by running some. */
@Isolated
class KewExtensionTest {
    @Kew(queues = "orders", clock = "frozen", seed = "4711")
    static class Fails {
        static KewControl last;

        @Test
        void fails(KewControl kew) {
            last = kew;
            new Sqs(kew).send("1001");
            kew.await("orders", visible(2), within(Duration.ofMillis(1)));
        }
    }

    @Kew(queues = "orders")
    static class LosesAMessage {
        @Test
        void leaks(KewControl kew) {
            new Sqs(kew).send("1001");
            new Sqs(kew).query("", "ReceiveMessage");
        }
    }

    @Kew(queues = "orders")
    static class IsFine {
        @Test
        void sends(KewControl kew) { new Sqs(kew).send("1001"); }
    }

    @Kew(clock = "frosen")
    static class IsWrong {
        @Test
        void isNeverRun(KewControl kew) { fail("it was run"); }
    }

    private Events tests;

    private String printedBy(Class<?> test) {
        PrintStream before = System.err;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setErr(new PrintStream(printed, true, StandardCharsets.UTF_8));
        try {
            tests = EngineTestKit.engine("junit-jupiter").selectors(selectClass(test)).execute().testEvents();
        } finally {
            System.setErr(before);
        }
        return printed.toString(StandardCharsets.UTF_8);
    }

    private static void assertContains(String text, String... parts) {
        for (String part : parts) assertTrue(text.contains(part), part + " is not in: " + text);
    }

    @Test
    void aFailedTestTellsWhatHappenedAndItsNamespaceEnds() {
        String printed = printedBy(Fails.class);
        assertContains(printed, "kew, Fails, fails(KewControl): seed 4711\n", "Z frozen, ", "queueCreated", "sent");
        assertEquals(1, tests.failed().count());
        String gone = assertThrows(AssertionError.class, Fails.last::timeline).getMessage();
        assertContains(gone, "there is no namespace `Fails.fails-");
    }

    @Test
    void aReportOfMistakesIsPrinted() {
        String printed = printedBy(LosesAMessage.class);
        assertContains(printed, "kew, LosesAMessage, leaks(KewControl): 1 warning", "K12 orders");
        assertEquals(1, tests.succeeded().count());
    }

    @Test
    void nothingIsPrintedOfATestThatIsFine() { assertEquals("", printedBy(IsFine.class)); }

    @Test
    void whatIsWrongInTheAnnotationIsTold() {
        printedBy(IsWrong.class);
        tests.failed().assertThatEvents().hasSize(1);
        assertContains(tests.failed().list().get(0).getPayload().orElseThrow().toString(), "did you mean `frozen`?");
    }
}
