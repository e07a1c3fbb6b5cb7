/*
 * framer_next() and stream_detect() on any bytes. Input: kind, max_len, seed of the cuts, stream.
 * Whatever the cuts, the logs are those that come out when all is there at once; deliver() aborts
 * where there is no progress or more is consumed than there is.
 */
#include "tests/unit/framing/deliver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_detection(const uint8_t *p, size_t len)
{
	enum stream_kind kind = STREAM_UNDECIDED;

	for (size_t n = 0; n <= len && n <= STREAM_DETECT_MAX; n++) {
		enum stream_kind now = stream_detect(p, n, false);

		if (kind != STREAM_UNDECIDED && now != kind)
			abort(); /* a decision stays */
		if (stream_detect(p, n, true) == STREAM_UNDECIDED)
			abort();
		kind = now;
	}
	if (len >= STREAM_DETECT_MAX && kind == STREAM_UNDECIDED)
		abort();
}

static void check_datagram(const uint8_t *p, uint32_t len, uint32_t max_len)
{
	uint32_t n = len;
	uint8_t flags = datagram_trim(p, &n, max_len);

	if (n > max_len || n > len || (!flags && n != len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t max_lens[] = {1, 2, 3, 8, 16, 64, 1000, 65536};
	enum stream_kind kind;
	struct tape whole, cut;
	uint32_t max_len;

	if (size < 3 || size > 4096)
		return 0;
	kind = data[0] & 1 ? STREAM_COUNTED : STREAM_LINES;
	max_len = max_lens[data[1] % 8];
	check_detection(data + 3, size - 3);
	check_datagram(data + 3, (uint32_t)size - 3, max_len);
	whole = deliver(kind, max_len, data + 3, size - 3, 0);
	for (uint64_t i = 1; i <= 3; i++) {
		cut = deliver(kind, max_len, data + 3, size - 3, data[2] * 2654435761u + i);
		if (!tape_equal(&whole, &cut) || (!whole.broken && whole.consumed != cut.consumed))
			abort();
		tape_free(&cut);
	}
	tape_free(&whole);
	return 0;
}
