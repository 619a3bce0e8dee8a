package io.github.kewsqs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class JsonTest {
    @Test
    void isReadAsKewWritesIt() {
        Map<String, Object> read = Json.read(
            " {\"a\": [1, -2.5e3, {}, []], \"b\":{\"c\":true,\"d\":false,\"e\":null},\n"
                + "\"text\":\"\\u00e9\\n\\\"\\\\\\/,:{}[] \\ud83d\\ude00é\"} ");
        assertEquals(List.of(new BigDecimal(1), new BigDecimal("-2.5e3"), Map.of(), List.of()), read.get("a"));
        assertEquals(Arrays.asList(true, false, null), new ArrayList<>(((Map<?, ?>) read.get("b")).values()));
        assertEquals("é\n\"\\/,:{}[] \ud83d\ude00é", read.get("text"));
        assertEquals(new BigDecimal("18446744073709551615"), Json.read("18446744073709551615"));
        assertNull(Json.read("null"));
    }

    @Test
    void isReadAsItWasWritten() {
        String text = "\u0000\u001f\"\\é\ud83d\ude00";
        for (Object value : List.of(text, List.of("a", new BigDecimal(7), true), Map.of(text, List.of(Map.of())))) {
            assertEquals(value, Json.read(Json.write(value)));
        }
    }
}
