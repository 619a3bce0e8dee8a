package io.github.kewsqs;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

@Isolated
class StartTest {
    @Test
    void howLongTheStartTakes() {
        List<Long> took = new ArrayList<>();
        for (int round = 0; round < 9; round++) {
            long before = System.nanoTime();
            KewServer kew = KewServer.start(KewServerTest.binary());
            took.add((System.nanoTime() - before) / 1_000_000);
            assertTrue(kew.process.isAlive());
            kew.process.destroy();
        }
        Collections.sort(took);
        System.out.println("kew starts in " + took.get(4) + " ms (median of 9, slowest " + took.get(8) + " ms)");
    }
}
