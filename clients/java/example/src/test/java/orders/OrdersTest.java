package orders;

import static io.github.kewsqs.Condition.auto;
import static io.github.kewsqs.Condition.delayed;
import static io.github.kewsqs.Condition.deleted;
import static io.github.kewsqs.Condition.empty;
import static io.github.kewsqs.Condition.parked;
import static io.github.kewsqs.Condition.visible;
import static io.github.kewsqs.Fault.lostAnswer;
import static orders.Clients.handle;
import static orders.Clients.orders;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.kewsqs.Kew;
import io.github.kewsqs.KewControl;
import java.time.Duration;
import org.junit.jupiter.api.Test;

@Kew(queues = "orders")
class OrdersTest {
    @Test
    void anOrderIsHandled(KewControl kew) {
        Orders orders = orders(kew);
        handle(orders, order -> {});
        orders.place("1001", Duration.ZERO);
        kew.await("orders", empty(), deleted(1));
    }

    @Test
    void anOrderForLaterWaitsFifteenMinutes(KewControl kew) {
        Orders orders = orders(kew);
        handle(orders, order -> {});
        orders.place("1001", Duration.ofMinutes(15));
        kew.await("orders", parked(1), delayed(1));
        kew.advance(Duration.ofMinutes(15));
        kew.await("orders", empty());
    }

    @Test
    @Kew(queues = "orders,DeadLetterQueue=orders-dead,MaxReceiveCount=3")
    void anOrderThatAlwaysFailsIsPutAside(KewControl kew) {
        Orders orders = orders(kew);
        handle(orders, order -> { throw new IllegalStateException("out of stock"); });
        orders.place("1001", Duration.ZERO);
        // Three visibility timeouts of 30 seconds: the clock jumps over each when the consumer waits for a message.
        kew.await("orders-dead", visible(1), auto("orders=1"));

        Object aside = kew.peek("orders-dead", "contains=1001").get(0).get("id");
        assertEquals(3, kew.history(aside).stream().filter(event -> event.get("type").equals("received")).count());
    }

    @Test
    void anOrderIsPlacedTwiceWhenTheAnswerIsLost(KewControl kew) {
        Orders orders = orders(kew);
        try (var fault = kew.fault(lostAnswer().on("SendMessage").nth(1))) {
            orders.place("1001", Duration.ZERO); // The SDK tries again by itself.
        }
        kew.await("orders", visible(2));
    }
}
