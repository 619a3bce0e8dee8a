package io.github.kewsqs;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** JSON as maps, lists, texts, numbers and booleans: what kew answers is read, and what it is asked is written. */
final class Json {
    private final String text;
    private int at;

    private Json(String text) { this.text = text; }

    /** As what the caller knows it to be. */
    @SuppressWarnings("unchecked")
    static <T> T read(String text) { return (T) new Json(text).value(); }

    private Object value() {
        char first = next();
        if (first == '"') return string();
        if (first != '{' && first != '[') return word();
        List<Object> values = new ArrayList<>();
        for (at++; "}]".indexOf(next()) < 0;) {
            values.add(value());
            if (",:".indexOf(next()) >= 0) at++;
        }
        at++;
        if (first == '[') return values;
        // Names and values follow one another.
        Map<String, Object> members = new LinkedHashMap<>();
        for (int n = 0; n < values.size(); n += 2) members.put((String) values.get(n), values.get(n + 1));
        return members;
    }

    private Object word() {
        int start = at;
        while (at < text.length() && "}],: \t\r\n".indexOf(text.charAt(at)) < 0) at++;
        String word = text.substring(start, at);
        if (word.equals("null")) return null;
        return word.equals("true") || word.equals("false") ? (Object) Boolean.valueOf(word) : new BigDecimal(word);
    }

    private String string() {
        StringBuilder string = new StringBuilder();
        for (at++; text.charAt(at) != '"'; at++) {
            char c = text.charAt(at);
            string.append(c == '\\' ? escaped() : c);
        }
        at++;
        return string.toString();
    }

    private char escaped() {
        char c = text.charAt(++at);
        if (c == 'u') return (char) Integer.parseInt(text.substring(at + 1, (at += 4) + 1), 16);
        int control = "bfnrt".indexOf(c);
        return control < 0 ? c : "\b\f\n\r\t".charAt(control);
    }

    /** What comes next behind spaces. */
    private char next() {
        while (text.charAt(at) <= ' ') at++;
        return text.charAt(at);
    }

    static String write(Object value) {
        if (value instanceof Map) {
            return ((Map<?, ?>) value).entrySet().stream()
                .map(member -> write(member.getKey()) + ":" + write(member.getValue()))
                .collect(Collectors.joining(",", "{", "}"));
        }
        if (value instanceof Collection) {
            return ((Collection<?>) value).stream().map(Json::write).collect(Collectors.joining(",", "[", "]"));
        }
        return value instanceof String ? quoted((String) value) : String.valueOf(value);
    }

    private static String quoted(String text) {
        return text.chars()
            .mapToObj(c -> c < ' ' || c == '"' || c == '\\' ? String.format("\\u%04x", c) : String.valueOf((char) c))
            .collect(Collectors.joining("", "\"", "\""));
    }
}
