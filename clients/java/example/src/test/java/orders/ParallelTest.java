package orders;

import static io.github.kewsqs.Condition.delayed;
import static io.github.kewsqs.Condition.deleted;
import static io.github.kewsqs.Condition.empty;
import static io.github.kewsqs.Condition.parked;
import static io.github.kewsqs.Condition.sent;
import static orders.Clients.handle;
import static orders.Clients.orders;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.kewsqs.Kew;
import io.github.kewsqs.KewControl;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;

/**
 * Two hundred tests, as many at a time as junit-platform.properties allows: each has a queue of the same name, a
 * clock and a client of its own, and sees nothing of the others.
 */
class ParallelTest {
    @RepeatedTest(200)
    @Kew(queues = "orders", clock = "frozen")
    void parallelTestsDoNotSeeEachOther(KewControl kew, RepetitionInfo repetition) throws InterruptedException {
        int number = repetition.getCurrentRepetition();
        String mine = "order of test " + number;
        Orders orders = orders(kew);
        BlockingQueue<String> handled = new LinkedBlockingQueue<>();
        handle(orders, handled::add);
        orders.place(mine, Duration.ofSeconds(number + 1));
        kew.await("orders", parked(1), delayed(1));
        // Nobody else's clock is turned, and nobody turns this one.
        kew.advance(Duration.ofSeconds(number));
        kew.await("orders", parked(1), delayed(1));
        kew.advance(Duration.ofSeconds(1));
        assertEquals(mine, handled.poll(1, TimeUnit.MINUTES));
        kew.await("orders", empty(), sent(1), deleted(1));
    }
}
