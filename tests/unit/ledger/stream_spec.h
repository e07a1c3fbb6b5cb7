/* What the tests of a stream's sequence state share: one stream, and short words for it. */
#ifndef SLUICE_TEST_STREAM_SPEC_H
#define SLUICE_TEST_STREAM_SPEC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/ledger/stream.h"

#define MAX 8

static struct stream s;
static struct stream_range ranges[MAX];

static inline void begin(uint32_t max_ranges)
{
	stream_init(&s, 0x1122334455667788, 65535, ranges, max_ranges);
}

static inline int fresh(void **state)
{
	(void)state;
	begin(MAX);
	return 0;
}

static inline enum stream_verdict accept_at(uint64_t seq, int64_t now_ns)
{
	return stream_accept(&s, seq, now_ns);
}

static inline enum stream_verdict accept(uint64_t seq)
{
	return stream_accept(&s, seq, (int64_t)seq * 1000);
}

static inline uint64_t durable(uint64_t seq)
{
	const struct stream_mark upto = {
		.seq = seq, .time_ns = (int64_t)seq * 1000, .digest = {(uint8_t)seq}};

	return stream_durable(&s, &upto);
}

static inline void accept_all(uint64_t first, uint64_t last)
{
	for (uint64_t seq = first; seq <= last; seq++)
		assert_int_equal(accept(seq), STREAM_NEW);
}

/* "3-5 7", the gaps of a stream. */
static inline const char *gaps_of(const struct stream *of)
{
	static char text[256];
	struct stream_range gap;
	uint32_t index = 0;
	char *to = text;

	*to = '\0';
	while (stream_gap_next(of, &index, &gap)) {
		if (to > text)
			*to++ = ' ';
		if (gap.first == gap.last)
			to += sprintf(to, "%llu", (unsigned long long)gap.first);
		else
			to += sprintf(to, "%llu-%llu", (unsigned long long)gap.first,
				(unsigned long long)gap.last);
	}
	return text;
}

#define gaps()	   gaps_of(&s)

#define TEST(name) cmocka_unit_test_setup(name, fresh)

#endif
