package io.github.kewsqs;

import static io.github.kewsqs.Condition.auto;
import static io.github.kewsqs.Condition.deadLettered;
import static io.github.kewsqs.Condition.delayed;
import static io.github.kewsqs.Condition.deleted;
import static io.github.kewsqs.Condition.empty;
import static io.github.kewsqs.Condition.inFlight;
import static io.github.kewsqs.Condition.parked;
import static io.github.kewsqs.Condition.sent;
import static io.github.kewsqs.Condition.that;
import static io.github.kewsqs.Condition.visible;
import static io.github.kewsqs.Condition.within;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

@Kew(queues = "orders")
class KewTest {
    private KewControl before;

    @BeforeEach
    void set(KewControl kew) { before = kew; }

    @Test
    void whatComesBeforeATestHasItsQueues(KewControl kew) { assertSame(before, kew); }

    @Test
    void aMessageIsSeenWithoutReceivingIt(KewControl kew) {
        String id = new Sqs(kew).send("{\"orderId\": 1001}");
        new Sqs(kew).send("other");
        List<Map<String, Object>> found = kew.peek("orders", "json.$.orderId=1001", "state=visible");
        assertEquals(List.of(id), found.stream().map(message -> message.get("id")).collect(Collectors.toList()));
        assertEquals("{\"orderId\": 1001}", found.get(0).get("body"));
        assertEquals(2, kew.peek("orders").size());
        kew.await("orders", visible(2), inFlight(0), delayed(0), parked(0), sent(2), deadLettered(0));
    }

    @Test
    void theLifeOfAMessage(KewControl kew) {
        String id = new Sqs(kew).send("1001");
        String handle = new Sqs(kew).query("ReceiptHandle", "ReceiveMessage").get(0);
        new Sqs(kew).query("", "DeleteMessage", "ReceiptHandle=" + handle);
        kew.await("orders", empty(), deleted(1));
        List<Object> types = kew.history(id).stream().map(event -> event.get("type")).collect(Collectors.toList());
        assertEquals(List.of("sent", "received", "deleted"), types);
    }

    @Test
    @Kew(queues = "orders", clock = "frozen", seed = "42")
    void theClockIsTurned(KewControl kew) {
        assertEquals("42", kew.seed());
        new Sqs(kew).send("later", "DelaySeconds=900");
        kew.advance(Duration.ofMinutes(15).minusMillis(1));
        kew.await("orders", delayed(1));
        kew.advance(Duration.ofMillis(1));
        kew.await("orders", visible(1));
    }

    @Test
    void theClockJumpsByItselfAsLongAsAnAwaitLasts(KewControl kew) {
        new Sqs(kew).send("later", "DelaySeconds=900");
        kew.await("orders", visible(1), auto(), within(Duration.ofSeconds(5)));
    }

    @Test
    @Kew(queues = "orders,DeadLetterQueue=orders-dead,MaxReceiveCount=2", clock = "auto", consumers = "orders=1")
    void theClockJumpsByItself(KewControl kew) {
        new Sqs(kew).send("fails", "DelaySeconds=900");
        for (int time = 0; time < 2; time++) {
            assertEquals(List.of("fails"), new Sqs(kew).query("Body", "ReceiveMessage", "WaitTimeSeconds=20"));
        }
        // The clock goes over the last visibility timeout when the consumer waits again, and it waits in vain.
        assertEquals(List.of(), new Sqs(kew).query("Body", "ReceiveMessage", "WaitTimeSeconds=1"));
        kew.await("orders-dead", visible(1));
        kew.await("orders", empty(), deadLettered(1));
    }

    @Test
    void aFaultEndsWhenItIsClosed(KewControl kew) {
        new Sqs(kew).send("1001");
        try (var fault = kew.fault(Fault.emptyReceive().on("ReceiveMessage").onQueue("orders").first(9))) {
            assertEquals(List.of(), new Sqs(kew).query("Body", "ReceiveMessage"));
        }
        assertEquals(List.of("1001"), new Sqs(kew).query("Body", "ReceiveMessage"));
    }

    @Test
    void kewKnowsEachFault(KewControl kew) {
        List<Fault> faults = List.of(
            Fault.throttle(), Fault.error("OverLimit"), Fault.unavailable(), Fault.lostRequest(),
            Fault.lostAnswer().with("how", "close"), Fault.latency(10), Fault.duplicate(), Fault.resurrect(),
            Fault.emptyReceive(), Fault.partialBatch(2), Fault.reorder(10), Fault.handleExpired(),
            Fault.of("corrupt").nth(2, 5));
        for (Fault fault : faults) kew.fault(fault);
        assertEquals(faults.size(), ((List<?>) kew.call("GET", "/faults", null).get("faults")).size());
    }

    @Test
    void whatIsWrongIsToldWithTheRightWord(KewControl kew) {
        assertTells(() -> kew.fault(Fault.of("lostAnser")), "did you mean `lostAnswer`?");
        assertTells(() -> kew.await("order", empty()), "did you mean `orders`?");
        assertTells(() -> kew.await("orders", visible(1), within(Duration.ofMillis(1))), "visible  wanted 1  seen 0");
    }

    private static void assertTells(Runnable wrong, String text) {
        String told = assertThrows(AssertionError.class, wrong::run).getMessage();
        assertTrue(told.contains(text), told);
    }

    @Test
    void mistakesAreReported(KewControl kew) {
        assertEquals(true, kew.report().get("clean"));
        new Sqs(kew).send("1001");
        String handle = new Sqs(kew).query("ReceiptHandle", "ReceiveMessage").get(0);
        kew.advance(Duration.ofSeconds(31));
        new Sqs(kew).query("Body", "ReceiveMessage");
        new Sqs(kew).query("", "DeleteMessage", "ReceiptHandle=" + handle);
        assertEquals(false, kew.report().get("clean"));
        assertTrue(kew.reportText().contains("orders"), kew.reportText());
        kew.call("POST", "/reset", Map.of());
    }

    @Test
    void theEnvironmentOfAnotherProgram(KewControl kew) {
        assertEquals(kew.endpoint().toString(), kew.env().get("AWS_ENDPOINT_URL"));
        assertEquals(kew.accessKey(), kew.env().get("AWS_ACCESS_KEY_ID"));
    }

    @Test
    void whatHasNoWordIsSaidAsMaps(KewControl kew) {
        kew.await("orders", that("messages", Map.of("max", 2)), that("stable", "20ms"));
        kew.call("POST", "/reset", Map.of("what", List.of("messages")));
    }

    @Nested
    class InAClassWithin {
        @Test
        void theQueuesAreThoseOfTheClassAround(KewControl kew) { kew.await("orders", empty()); }
    }
}
