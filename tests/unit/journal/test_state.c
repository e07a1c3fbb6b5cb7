/* The fold of all blocks: accounts, streams, gaps, and the checkpoint that carries them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/reason.h"
#include "dataplane/journal/columns.h"
#include "dataplane/journal/state.h"
#include "dataplane/journal/state_internal.h"
#include "tests/unit/journal/util.h"

static const struct siphash_key key = {1, 2};
static uint64_t rnd_state = 0x243f6a8885a308d3ull;

static uint64_t rnd(uint64_t below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return below ? rnd_state % below : 0;
}

static void fold_rich(struct fold *f, unsigned first, unsigned last)
{
	struct block *b = block_new(64u << 10);

	for (unsigned k = first; k <= last; k++) {
		struct journal_part part;
		struct journal_records r;

		block_reset(b);
		b->number = k;
		test_rich_block(b, k);
		r = records_of_block(b, &part);
		assert_int_equal(fold_block(f, &r), 0);
	}
	block_free(b);
}

static void fold_counts_devices(void **state)
{
	struct fold *f = fold_new(&key);
	const struct journal_state_device *d;
	size_t len;

	(void)state;
	fold_rich(f, 1, 3);
	assert_int_equal(fold_device_count(f), 2);
	assert_int_equal(fold_logs(f), 24);
	d = fold_device(f, 0);
	assert_memory_equal(fold_name(f, 0, &len), "FGT60FTK00000001", 16);
	assert_int_equal(len, 16);
	assert_int_equal(d->stored, 18);
	assert_int_equal(d->duplicate, 3 * DELTA_DUPLICATE);
	assert_int_equal(d->late, 3 * DELTA_LATE);
	assert_int_equal(d->client_dropped, 3 * DELTA_CLIENT_DROPPED);
	assert_int_equal(d->conflict, 3 * DELTA_CONFLICT);
	assert_int_equal(d->dropped[DROP_no_block], 3 * (DROP_no_block + 1));
	assert_int_equal(d->dropped[DROP_ring_full], 0);
	assert_int_equal(fold_device(f, 1)->dropped[DROP_ring_full], 3 * (DROP_ring_full + 1));
	assert_int_equal(d->first_seen_ns, 1763762001000000000ull);
	assert_int_equal(d->last_seen_ns, 1763762003000006000ull);
	assert_int_equal(fold_raw_bytes(f), d->bytes + fold_device(f, 1)->bytes + 24);
	fold_free(f);
}

static void fold_keeps_streams_and_dates_gaps(void **state)
{
	struct fold *f = fold_new(&key);
	const struct journal_state_stream *s;
	uint8_t digest[16];

	(void)state;
	fold_rich(f, 1, 2);
	assert_int_equal(fold_stream_count(f), 2);
	s = fold_stream(f, 0);
	assert_int_equal(s->epoch, 0x1122334455667788ull);
	assert_int_equal(s->conn_id, 3);
	assert_int_equal(s->confirmed, 22);
	memset(digest, 0x20, sizeof(digest));
	assert_memory_equal(s->digest, digest, 16);
	/* Blocks 1 and 2: 3..10 and 13..20 missing; of each one came late. */
	assert_int_equal(s->gap_count, 4);
	assert_int_equal(s->gaps[0].first, 3);
	assert_int_equal(s->gaps[0].last, 4);
	assert_int_equal(s->gaps[1].first, 6);
	assert_int_equal(s->gaps[1].last, 10);
	assert_int_equal(s->gaps[2].first, 13);
	assert_int_equal(s->gaps[3].last, 20);
	assert_int_equal(s->gaps[0].before_ns, 0); /* nothing had been received before it */
	assert_int_equal(s->gaps[0].after_ns, 1763762001000000000ull);
	assert_int_equal(s->gaps[2].before_ns, 1763762001000001000ull);
	assert_int_equal(s->gaps[2].after_ns, 1763762002000000000ull);
	assert_int_equal(s->last_seen_ns, 1763762002000001000ull);
	fold_free(f);
}

static void fold_survives_its_checkpoint(void **state)
{
	struct fold *live = fold_new(&key);
	struct siphash_key other = {3, 4};
	struct fold *back = fold_new(&other);
	struct bytes_buf a = {0};
	struct bytes_buf b = {0};

	(void)state;
	fold_rich(live, 1, 5);
	fold_encode(live, &a);
	assert_int_equal(fold_decode(back, a.data, a.len), 0);
	fold_rich(live, 6, 9);
	fold_rich(back, 6, 9);
	a.len = 0;
	fold_encode(live, &a);
	fold_encode(back, &b);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	assert_int_equal(fold_logs(back), 72);
	assert_int_equal(fold_raw_bytes(back), fold_raw_bytes(live));
	bytes_buf_free(&a);
	bytes_buf_free(&b);
	fold_free(live);
	fold_free(back);
}

static void damaged_checkpoints_are_refused_or_whole(void **state)
{
	struct fold *f = fold_new(&key);
	struct bytes_buf a = {0};

	(void)state;
	fold_rich(f, 1, 3);
	fold_encode(f, &a);
	fold_free(f);
	assert_true(a.len > 0);
	for (size_t len = 0; len < a.len; len++) {
		f = fold_new(&key);
		assert_int_equal(fold_decode(f, a.data, len), -1);
		fold_free(f);
	}
	for (unsigned i = 0; i < 3000; i++) {
		uint8_t *bad = malloc(a.len + 1);
		struct bytes_buf again = {0};

		memcpy(bad, a.data, a.len);
		bad[rnd(a.len)] = (uint8_t)rnd(256);
		f = fold_new(&key);
		if (fold_decode(f, bad, a.len) == 0)
			fold_encode(f, &again);
		bytes_buf_free(&again);
		fold_free(f);
		free(bad);
	}
	bytes_buf_free(&a);
}

static void fold_expires_streams_not_devices(void **state)
{
	struct fold *f = fold_new(&key);

	(void)state;
	fold_rich(f, 1, 2);
	assert_int_equal(fold_expire(f, 1763762002000001000ull), 0);
	assert_int_equal(fold_expire(f, 1763762002000006000ull), 1); /* stream 0 was seen before */
	assert_int_equal(fold_stream_count(f), 1);
	assert_int_equal(fold_stream(f, 0)->conn_id, 4);
	assert_int_equal(fold_device_count(f), 2);
	fold_rich(f, 3, 3); /* it comes back as a new one */
	assert_int_equal(fold_stream_count(f), 2);
	assert_int_equal(fold_stream(f, 1)->gap_count, 2);
	fold_free(f);
}

/* A block of one device's: a row of each (connection id, epoch), at `ns` and a nanosecond apart. */
static void fold_epochs(struct fold *f, const char *device, uint32_t conn_id, uint64_t first,
	uint64_t last, uint64_t ns)
{
	static uint64_t number;
	struct block *b = block_new(64u << 10);
	struct journal_part part;
	struct journal_records r;

	block_reset(b);
	b->number = ++number;
	block_device_add(b, device, (uint16_t)strlen(device), 0);
	for (uint64_t e = first; e <= last; e++) {
		b->streams[b->stream_count] =
			(struct block_stream){.epoch = e, .conn_id = conn_id, .confirmed = e};
		b->rows[b->row_count++] = (struct block_row){
			.stream = (uint16_t)b->stream_count++, .seq_no = e, .time_ns = ns + e};
	}
	r = records_of_block(b, &part);
	assert_int_equal(fold_block(f, &r), 0);
	block_free(b);
}

static bool known(struct fold *f, uint32_t conn_id, uint64_t epoch)
{
	return fold_stream_find(f, "DEVICE-A", 8, conn_id, epoch) != NULL;
}

/* A device makes as many epochs as it likes; those that newer ones have displaced make room. */
static void streams_of_a_device_are_bounded(void **state)
{
	struct fold *f = fold_new(&key);

	(void)state;
	fold_epochs(f, "DEVICE-A", 7, 1, 3, 50); /* of these the newest is its connection id's */
	fold_epochs(f, "DEVICE-A", 1, 1, 9, 100);
	fold_epochs(f, "DEVICE-B", 1, 1, 4, 100);
	assert_int_equal(fold_device_streams(f, "DEVICE-A", 8), 12);
	assert_int_equal(fold_device_streams(f, "DEVICE-B", 8), 4);
	assert_int_equal(fold_device_streams(f, "DEVICE-C", 8), 0);
	assert_int_equal(fold_displaceable(f, "DEVICE-A", 8, 1000), 10);
	assert_int_equal(fold_displaceable(f, "DEVICE-A", 8, 104), 5); /* 2 of 7, 101 to 103 */
	fold_epochs(f, "DEVICE-A", 1, 10, 17, 100);
	assert_int_equal(fold_make_room(f, 20, 1000), 0); /* as many as it may */
	fold_epochs(f, "DEVICE-A", 1, 18, 18, 100);
	assert_int_equal(fold_make_room(f, 16, 51), 0); /* none is so old */
	fold_epochs(f, "DEVICE-A", 1, 19, 19, 100);
	assert_int_equal(fold_make_room(f, 16, 1000), 22 - 14);
	assert_int_equal(fold_device_streams(f, "DEVICE-A", 8), 14);
	assert_int_equal(fold_stream_count(f), 14 + 4);
	for (uint64_t e = 1; e <= 19; e++)
		assert_int_equal(known(f, 1, e), e > 6);
	assert_false(known(f, 7, 2));
	assert_true(known(f, 7, 3));
	/* Far too many that are all of today: they stay. */
	for (uint32_t id = 100; id < 200; id++)
		fold_epochs(f, "DEVICE-A", id, 1, 1, 2000);
	assert_int_equal(fold_make_room(f, 16, 1), 0);
	assert_int_equal(fold_device_streams(f, "DEVICE-A", 8), 114);
	fold_free(f);
}

static void many_devices_and_streams(void **state)
{
	struct fold *f = fold_new(&key);
	struct fold *back = fold_new(&key);
	struct block *b = block_new(64u << 10);
	struct bytes_buf a = {0};

	(void)state;
	for (unsigned k = 0; k < 40; k++) {
		struct journal_part part;
		struct journal_records r;

		block_reset(b);
		b->number = k + 1;
		for (unsigned i = 0; i < 500; i++) {
			char name[32];
			int len = snprintf(name, sizeof(name), "device-%u", (k * 250 + i) % 7000);

			block_device_add(b, name, (uint16_t)len, 0);
			b->streams[b->stream_count++] = (struct block_stream){
				.device = (uint16_t)i, .epoch = 1, .confirmed = k};
		}
		r = records_of_block(b, &part);
		assert_int_equal(fold_block(f, &r), 0);
	}
	assert_int_equal(fold_device_count(f), 7000);
	assert_int_equal(fold_stream_count(f), 7000);
	fold_encode(f, &a);
	assert_int_equal(fold_decode(back, a.data, a.len), 0);
	assert_int_equal(fold_stream_count(back), 7000);
	bytes_buf_free(&a);
	fold_free(f);
	fold_free(back);
	block_free(b);
}

static void check_gaps(const struct state_stream *s, const uint64_t *want, unsigned n)
{
	assert_int_equal(s->pub.gap_count, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(s->gaps[i].first, want[2 * i]);
		assert_int_equal(s->gaps[i].last, want[2 * i + 1]);
	}
}

#define GAPS(...)                                                                                  \
	(const uint64_t[])                                                                         \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

static void gap_lists(void **state)
{
	struct state_stream s = {0};
	struct journal_state_gap g = {.first = 10, .last = 20};

	(void)state;
	assert_int_equal(state_gap_open(&s, &g), 0);
	assert_int_equal(state_gap_close(&s, 15, 15), 0);
	check_gaps(&s, GAPS(10, 14, 16, 20), 2);
	assert_int_equal(state_gap_close(&s, 10, 10), 0);
	assert_int_equal(state_gap_close(&s, 20, 30), 0);
	check_gaps(&s, GAPS(11, 14, 16, 19), 2);
	assert_int_equal(state_gap_close(&s, 1, 5), 0);
	assert_int_equal(state_gap_close(&s, 15, 15), 0);
	assert_int_equal(state_gap_close(&s, 40, 50), 0);
	check_gaps(&s, GAPS(11, 14, 16, 19), 2);
	g = (struct journal_state_gap){.first = 13, .last = 17}; /* over what is there */
	assert_int_equal(state_gap_open(&s, &g), 0);
	check_gaps(&s, GAPS(11, 12, 13, 17, 18, 19), 3);
	assert_int_equal(state_gap_close(&s, 12, 18), 0);
	check_gaps(&s, GAPS(11, 11, 19, 19), 2);
	assert_int_equal(state_gap_close(&s, 0, UINT64_MAX), 0);
	assert_int_equal(s.pub.gap_count, 0);
	free(s.gaps);
}

static void gap_lists_are_bounded(void **state)
{
	struct state_stream s = {0};

	(void)state;
	for (uint64_t i = 0; i < STATE_MAX_GAPS + 10; i++) {
		struct journal_state_gap g = {.first = 10 * i, .last = 10 * i + 2};

		assert_int_equal(state_gap_open(&s, &g), 0);
	}
	assert_int_equal(s.pub.gap_count, STATE_MAX_GAPS);
	assert_int_equal(s.pub.gaps_forgotten, 30);
	assert_int_equal(s.gaps[0].first, 100);
	assert_int_equal(state_gap_close(&s, 201, 201), 0); /* splits one: another is forgotten */
	assert_int_equal(s.pub.gap_count, STATE_MAX_GAPS);
	for (uint32_t i = 1; i < s.pub.gap_count; i++)
		assert_true(s.gaps[i - 1].last < s.gaps[i].first);
	free(s.gaps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fold_counts_devices),
		cmocka_unit_test(fold_keeps_streams_and_dates_gaps),
		cmocka_unit_test(fold_survives_its_checkpoint),
		cmocka_unit_test(damaged_checkpoints_are_refused_or_whole),
		cmocka_unit_test(fold_expires_streams_not_devices),
		cmocka_unit_test(streams_of_a_device_are_bounded),
		cmocka_unit_test(many_devices_and_streams),
		cmocka_unit_test(gap_lists),
		cmocka_unit_test(gap_lists_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
