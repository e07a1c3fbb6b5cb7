/*
 * A growing text with JSON in mind: answers, log objects and metrics are written into one of these
 * and go to a socket as they are. An allocation that fails sticks (`failed`), so that a writer may
 * write a whole answer and ask once at its end.
 */
#ifndef SLUICE_CONTROL_TEXT_H
#define SLUICE_CONTROL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct text {
	char *data; /* not NUL-terminated; NULL while empty */
	size_t len, cap;
	bool failed;
};

void text_free(struct text *t);
/* Empties it and keeps its memory. */
void text_clear(struct text *t);

void text_add(struct text *t, const void *data, size_t len);
void text_str(struct text *t, const char *s);
void text_char(struct text *t, char c);
void text_u64(struct text *t, uint64_t v);
__attribute__((format(printf, 2, 3))) void text_printf(struct text *t, const char *fmt, ...);

/* A JSON string with its quotes. Bytes that are not UTF-8 (RFC 3629) become U+FFFD. */
void text_json_string(struct text *t, const void *data, size_t len);
/* "key": with a comma before it unless it is the first thing in its object. */
void text_json_key(struct text *t, const char *key);
/* A JSON string of bytes that may be no UTF-8, as text_json_string() writes it. */
json_t *text_json_value(const void *data, size_t len);
/* One line of JSON, without a newline. */
void text_json(struct text *t, const json_t *v);
/* RFC 4648 base64 in quotes. */
void text_base64(struct text *t, const void *data, size_t len);
/* RFC 3339, UTC, nanoseconds, in quotes; null for 0. */
void text_json_time(struct text *t, uint64_t ns);

/* Is all of it UTF-8, by RFC 3629 (no surrogates, nothing overlong)? */
bool utf8_valid(const void *data, size_t len);

#define TIME_TEXT 40
/* "2025-01-02T03:04:05.000000006Z" */
void time_format(uint64_t ns, char text[TIME_TEXT]);
/* Of seconds: 2025-11-21T22:08:01Z. */
void time_format_s(int64_t s, char text[TIME_TEXT]);
/* A JSON string of it; null for 0. */
json_t *time_json(uint64_t ns);

#endif
