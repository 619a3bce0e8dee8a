// memcpy and memmove of the static binary on x86_64, in the place of musl's. Those use `rep movs` at any length, which takes tens of
// cycles to begin: a fifth of kew's time for single messages, two fifths for batches.
//
// One function for both. All of a short text is read before any of it is written, so that overlapping is no matter.

#include <stddef.h>
#include <stdint.h>

typedef uint64_t sixteen __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t eight __attribute__((aligned(1), may_alias));
typedef uint32_t four __attribute__((aligned(1), may_alias));
typedef uint16_t two __attribute__((aligned(1), may_alias));

#define AT(type, start, offset) (*(type *)((start) + (offset)))

// From here on `rep movs` is worth its start.
enum { LONG = 2048 };

// The first and the last bytes, which overlap in the middle.
#define BOTH_ENDS(type) \
    do { \
        type first = AT(type, from, 0), last = AT(type, from, n - sizeof(type)); \
        AT(type, to, 0) = first; \
        AT(type, to, n - sizeof(type)) = last; \
    } while (0)

static void upwards(char *to, char *from, size_t n) {
    sixteen last_but_one = AT(sixteen, from, n - 32), last = AT(sixteen, from, n - 16);
    char *end = to + n;
    if (n >= LONG) {
        size_t words = n / 8;
        __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    } else {
        for (size_t done = 0; done < n - 32; done += 32) {
            sixteen a = AT(sixteen, from, done), b = AT(sixteen, from, done + 16);
            AT(sixteen, to, done) = a;
            AT(sixteen, to, done + 16) = b;
        }
    }
    AT(sixteen, end, -32) = last_but_one;
    AT(sixteen, end, -16) = last;
}

static void downwards(char *to, char *from, size_t n) {
    sixteen first = AT(sixteen, from, 0), second = AT(sixteen, from, 16);
    for (size_t left = n; left > 32; left -= 32) {
        sixteen a = AT(sixteen, from, left - 16), b = AT(sixteen, from, left - 32);
        AT(sixteen, to, left - 16) = a;
        AT(sixteen, to, left - 32) = b;
    }
    AT(sixteen, to, 0) = first;
    AT(sixteen, to, 16) = second;
}

void *memmove(void *destination, const void *source, size_t n) {
    char *to = destination, *from = (char *)source;
    if (n > 64) {
        // What begins inside of the source is written from its end.
        if ((uintptr_t)to - (uintptr_t)from < n)
            downwards(to, from, n);
        else
            upwards(to, from, n);
    } else if (n > 32) {
        sixteen a = AT(sixteen, from, 0), b = AT(sixteen, from, 16);
        sixteen c = AT(sixteen, from, n - 32), d = AT(sixteen, from, n - 16);
        AT(sixteen, to, 0) = a;
        AT(sixteen, to, 16) = b;
        AT(sixteen, to, n - 32) = c;
        AT(sixteen, to, n - 16) = d;
    } else if (n >= 16)
        BOTH_ENDS(sixteen);
    else if (n >= 8)
        BOTH_ENDS(eight);
    else if (n >= 4)
        BOTH_ENDS(four);
    else if (n >= 2)
        BOTH_ENDS(two);
    else if (n)
        *to = *from;
    return destination;
}

void *memcpy(void *restrict destination, const void *restrict source, size_t n) __attribute__((alias("memmove")));
