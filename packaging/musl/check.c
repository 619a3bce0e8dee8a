// Checks memory.c at every length and distance up to its limits, against a copy byte by byte. Linked only if this ends with 0.

#include <stdio.h>

void *memmove(void *, const void *, size_t);
void *memcpy(void *, const void *, size_t);

enum { ROOM = 8192, APART = ROOM / 2, STEP_FROM = 300, STEP = 37, LENGTH_MAX = 3000 };

static unsigned char expected[ROOM], text[ROOM], before[ROOM];

static int is_wrong(size_t to, size_t from, size_t length, void *(*copy)(void *, const void *, size_t)) {
    for (size_t i = 0; i < ROOM; i++)
        expected[i] = text[i] = before[i];
    for (size_t i = 0; i < length; i++)
        expected[to + i] = before[from + i];
    int wrong = copy(text + to, text + from, length) != text + to;
    for (size_t i = 0; i < ROOM; i++)
        wrong |= text[i] != expected[i];
    if (wrong)
        fprintf(stderr, "wrong: %zu bytes from %zu to %zu\n", length, from, to);
    return wrong;
}

int main(void) {
    for (size_t i = 0; i < ROOM; i++)
        before[i] = (unsigned char)(i * 167 + i / 256);
    for (size_t length = 0; length < LENGTH_MAX; length += length < STEP_FROM ? 1 : STEP) {
        for (size_t distance = 0; distance <= 80; distance += distance < 34 ? 1 : 15)
            if (is_wrong(100 + distance, 100, length, memmove) || is_wrong(100, 100 + distance, length, memmove))
                return 1;
        for (size_t offset = 0; offset < 16; offset++)
            if (is_wrong(APART + offset, 7, length, memcpy))
                return 1;
    }
    return 0;
}
