/*
 * Random logs, framed at random, cut into random pieces and spans: what comes out is what went in.
 * SLUICE_SEED replays a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "tests/unit/framing/naive.h"

static uint64_t seed;

struct stream {
	uint8_t buf[16384];
	size_t len;
};

static void put(struct stream *s, const void *p, size_t n)
{
	memcpy(s->buf + s->len, p, n);
	s->len += n;
}

static const char *const trailers[] = {"", "\n", "\r\n", "\0"};
static const size_t trailer_len[] = {0, 1, 2, 1};
static const uint8_t trailer_flag[] = {0, LOG_FLAG_LF, LOG_FLAG_CRLF, LOG_FLAG_NUL};

/* Any bytes but those that would make the trailer ambiguous. */
static uint32_t random_log(uint8_t *log, uint32_t max, bool lines)
{
	uint32_t last = random_below(&seed, max);

	for (uint32_t i = 0; i <= last; i++) {
		log[i] = (uint8_t)random_below(&seed, 256);
		if (lines && log[i] == '\n')
			log[i] = '-';
	}
	if (log[last] == '\r' || log[last] == '\n' || log[last] == '\0')
		log[last] = 'x';
	return last + 1;
}

/* Logs that are well framed come out byte for byte, and nothing else does. */
static void logs_come_out_as_they_went_in(bool lines)
{
	for (unsigned round = 0; round < 1500; round++) {
		uint32_t max_len = 1 + random_below(&seed, 300);
		struct tape want = {0}, got;
		struct stream s = {.len = 0};
		unsigned n = 1 + random_below(&seed, 20);
		uint64_t before = seed;

		for (unsigned i = 0; i < n; i++) {
			uint8_t log[512], flags;
			uint32_t len = random_log(log, 400, lines);
			unsigned t = lines ? 1 + random_below(&seed, 2) : random_below(&seed, 4);
			char head[16];
			int head_len =
				snprintf(head, sizeof(head), "%zu ", (size_t)len + trailer_len[t]);

			if (!lines)
				put(&s, head, (size_t)head_len);
			put(&s, log, len);
			put(&s, trailers[t], trailer_len[t]);
			if (!lines && random_below(&seed, 8) == 0)
				put(&s, "\r\n", 2);
			flags = (uint8_t)(len > max_len ? LOG_FLAG_CUT : trailer_flag[t]);
			if (!lines)
				flags |= LOG_FLAG_COUNTED;
			tape_add(&want, flags, log, len > max_len ? max_len : len);
		}
		got = deliver(
			lines ? STREAM_LINES : STREAM_COUNTED, max_len, s.buf, s.len, seed | 1);
		if (!tape_equal(&want, &got) || got.consumed != s.len)
			fail_msg("round %u, SLUICE_SEED=%llu", round, (unsigned long long)before);
		tape_free(&want);
		tape_free(&got);
	}
}

static void lines_come_out_as_they_went_in(void **state)
{
	(void)state;
	logs_come_out_as_they_went_in(true);
}

static void counted_logs_come_out_as_they_went_in(void **state)
{
	(void)state;
	logs_come_out_as_they_went_in(false);
}

/* Streams that are anything but well framed: the naive framer says what has to come out. */
static void any_stream_is_framed_as_the_naive_framer_does(void **state)
{
	static const char *const words[] = {"\n", "\r", "\r\n", "\0", "1 ", "2 ", "5 ", "12 ",
		"40 ", "9999999 ", "0", "<1>", "abcdefgh", " ", "3", "\n\n", "7 <1>abc\n",
		"6 <1>ab\r\n"};

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t max_len = 1 + random_below(&seed, 24);
		bool lines = random_below(&seed, 2);
		struct stream s = {.len = 0};
		unsigned n = random_below(&seed, 24);
		uint64_t before = seed;
		struct tape want, whole, got;

		for (unsigned i = 0; i < n; i++) {
			unsigned w = random_below(&seed, sizeof(words) / sizeof(words[0]));

			put(&s, words[w], *words[w] ? strlen(words[w]) : 1);
		}
		want = lines ? naive_lines(max_len, s.buf, s.len)
			     : naive_counted(max_len, s.buf, s.len);
		whole = deliver(lines ? STREAM_LINES : STREAM_COUNTED, max_len, s.buf, s.len, 0);
		got = deliver(
			lines ? STREAM_LINES : STREAM_COUNTED, max_len, s.buf, s.len, seed | 1);
		if (!tape_equal(&want, &whole) || !tape_equal(&want, &got))
			fail_msg("round %u, SLUICE_SEED=%llu", round, (unsigned long long)before);
		tape_free(&want);
		tape_free(&whole);
		tape_free(&got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_out_as_they_went_in),
		cmocka_unit_test(counted_logs_come_out_as_they_went_in),
		cmocka_unit_test(any_stream_is_framed_as_the_naive_framer_does),
	};
	const char *given = getenv("SLUICE_SEED");

	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u + 1;
	printf("SLUICE_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
