/*
 * EC CF records: those that make_records.py wrote (its LZ4 encoder is its own), those that are made
 * here with liblz4, and each way in which a record can be broken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <lz4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/framing/eccf.h"

struct fixture {
	const char *name, *devid, *devname, *vdom, *data;
	uint32_t time_s, len;
	uint16_t nlogs;
	uint16_t behind; /* bytes behind the last log that are not counted as a log's */
	struct {
		const char *bytes, *repeats;
		uint32_t len;
	} log[8];
};

static const struct fixture fixtures[] = {
#include "tests/unit/framing/eccf/records.inc"
};

#define N_FIXTURES (sizeof(fixtures) / sizeof(fixtures[0]))

static bool text_equal(struct text t, const char *want)
{
	return t.len == strlen(want) && (t.len == 0 || memcmp(t.at, want, t.len) == 0);
}

static void check_logs(const struct fixture *f, const struct eccf *rec)
{
	uint8_t *raw = malloc(rec->raw_len + 1u);
	uint32_t off = 0, index = 0, total = 0;
	struct text log;
	int n = eccf_inflate(rec, raw, rec->raw_len + 1u);

	assert_true(n >= rec->raw_len);
	for (unsigned i = 0; i < f->nlogs; i++) {
		uint32_t want = f->log[i].len + (f->nlogs == 1 ? f->behind : 0);

		assert_true(eccf_next(rec, raw, (uint32_t)n, &off, &index, &log));
		assert_int_equal(log.len, want);
		if (f->log[i].repeats)
			for (uint32_t j = 0; j < log.len; j++)
				assert_int_equal(log.at[j],
					f->log[i].repeats[j % strlen(f->log[i].repeats)]);
		else
			assert_memory_equal(log.at, f->log[i].bytes, f->log[i].len);
		total += log.len;
	}
	assert_false(eccf_next(rec, raw, (uint32_t)n, &off, &index, &log));
	assert_int_equal(total + (f->nlogs == 1 ? 0 : f->behind), n);
	free(raw);
}

static void records_made_without_liblz4_are_decoded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_FIXTURES; i++) {
		const struct fixture *f = &fixtures[i];
		struct eccf rec;

		if (eccf_parse(&rec, (const uint8_t *)f->data, f->len) != ECCF_OK)
			fail_msg("%s", f->name);
		assert_int_equal(rec.record_len, f->len);
		assert_int_equal(rec.time_s, f->time_s);
		assert_int_equal(rec.nlogs, f->nlogs);
		assert_true(text_equal(rec.devid, f->devid));
		assert_true(text_equal(rec.devname, f->devname));
		assert_true(text_equal(rec.vdom, f->vdom));
		assert_int_equal(rec.devid.at == NULL, *f->devid == '\0');
		check_logs(f, &rec);
	}
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_FIXTURES; i++) {
		for (uint32_t len = 0; len < fixtures[i].len; len++) {
			uint8_t *exact = malloc(len + 1u);
			struct eccf rec;

			memcpy(exact, fixtures[i].data, len);
			assert_int_equal(eccf_parse(&rec, exact, len),
				len < 2 ? ECCF_NOT_ECCF : ECCF_TRUNCATED);
			free(exact);
		}
	}
}

static void what_follows_the_record_is_left_alone(void **state)
{
	uint8_t buf[1024];
	struct eccf rec;

	(void)state;
	memset(buf, 0xec, sizeof(buf));
	memcpy(buf, fixtures[0].data, fixtures[0].len);
	assert_int_equal(eccf_parse(&rec, buf, sizeof(buf)), ECCF_OK);
	assert_int_equal(rec.record_len, fixtures[0].len);
}

static void the_magic_is_ec_cf(void **state)
{
	(void)state;
	assert_true(eccf_is_magic((const uint8_t *)"\xec\xcf", 2));
	assert_false(eccf_is_magic((const uint8_t *)"\xec\xcf", 1));
	assert_false(eccf_is_magic((const uint8_t *)"\xec\xde", 2));
	assert_false(eccf_is_magic((const uint8_t *)"<1", 2));
	assert_false(eccf_is_magic(NULL, 0));
}

/* A record of `n` logs of these lengths, cut out of `raw`, with liblz4. */
struct made {
	uint8_t buf[70000];
	size_t len;
	uint16_t lengths_at;
};

static void make(struct made *m, const char *devid, const uint16_t *lengths, uint16_t n,
	const uint8_t *raw, uint16_t raw_len)
{
	size_t id_len = strlen(devid);
	int comp;

	memset(m->buf, 0, 18);
	m->buf[0] = 0xec;
	m->buf[1] = 0xcf;
	m->buf[5] = (uint8_t)id_len;
	m->buf[7] = 4;
	store_be16(m->buf + 8, n);
	store_be16(m->buf + 12, raw_len);
	memcpy(m->buf + 18, devid, id_len);
	memcpy(m->buf + 18 + id_len, "root", 4);
	m->lengths_at = (uint16_t)(18 + id_len + 4);
	m->len = m->lengths_at;
	for (uint16_t i = 0; i < n; i++, m->len += 2)
		store_be16(m->buf + m->len, lengths[i]);
	comp = LZ4_compress_default((const char *)raw, (char *)m->buf + m->len, raw_len,
		(int)(sizeof(m->buf) - m->len));
	assert_in_range(comp, 1, 65535);
	store_be16(m->buf + 10, (uint16_t)comp);
	m->len += (size_t)comp;
}

static uint8_t text[65535];

static void fill_text(void)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)("date=2024 level=\"notice\" "[i % 25] + (i / 500) % 7);
}

static void records_made_by_liblz4_are_decoded(void **state)
{
	static struct made m;
	static uint8_t raw[65536];
	uint16_t lengths[1000];

	(void)state;
	for (uint16_t n = 1; n <= 1000; n = (uint16_t)(n * 3 + 1)) {
		uint32_t raw_len = 0, off = 0, index = 0;
		struct eccf rec;
		struct text log;
		int got;

		for (uint16_t i = 0; i < n; i++) {
			lengths[i] = (uint16_t)(i * 7 % 60 + 1);
			raw_len += lengths[i];
		}
		make(&m, "FGTEST0000000002", lengths, n, text, (uint16_t)raw_len);
		assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_OK);
		got = eccf_inflate(&rec, raw, sizeof(raw));
		assert_int_equal(got, raw_len);
		assert_memory_equal(raw, text, raw_len);
		for (uint16_t i = 0; i < n; i++) {
			assert_true(eccf_next(&rec, raw, raw_len, &off, &index, &log));
			assert_int_equal(log.len, lengths[i]);
		}
		assert_int_equal(off, raw_len);
		assert_false(eccf_next(&rec, raw, raw_len, &off, &index, &log));
	}
}

static void the_largest_record_is_decoded(void **state)
{
	static struct made m;
	static uint8_t raw[65536];
	const uint16_t lengths[] = {65535};
	struct eccf rec;

	(void)state;
	make(&m, "A", lengths, 1, text, 65535);
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_OK);
	assert_int_equal(eccf_inflate(&rec, raw, sizeof(raw)), 65535);
	assert_memory_equal(raw, text, 65535);
}

static void a_record_without_logs_is_empty(void **state)
{
	static struct made m;
	struct eccf rec;

	(void)state;
	make(&m, "A", NULL, 0, text, 10);
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_EMPTY);
	make(&m, "A", (const uint16_t[]){10}, 1, text, 10);
	store_be16(m.buf + 12, 0);
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_EMPTY);
}

static void a_device_id_of_other_characters_is_refused(void **state)
{
	static struct made m;
	struct eccf rec;

	(void)state;
	make(&m, "FG TEST", (const uint16_t[]){10}, 1, text, 10);
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_BAD_DEVID);
	make(&m, "FG\x01", (const uint16_t[]){10}, 1, text, 10);
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_BAD_DEVID);
}

static void lengths_that_do_not_add_up_are_refused(void **state)
{
	static struct made m;
	static uint8_t raw[65536];
	struct eccf rec;

	(void)state;
	make(&m, "A", (const uint16_t[]){10, 8}, 2, text, 20);
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_BAD_LENGTHS);
	make(&m, "A", (const uint16_t[]){10, 12}, 2, text, 20);
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_BAD_LENGTHS);
	make(&m, "A", (const uint16_t[]){65535, 65535}, 2, text, 20);
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_BAD_LENGTHS);

	/* One byte is only a trailer if it looks like one, and only if it is there. */
	make(&m, "A", (const uint16_t[]){10, 9}, 2, text, 20);
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_OK);
	assert_int_equal(eccf_inflate(&rec, raw, 21), ECCF_BAD_LENGTHS);
	make(&m, "A", (const uint16_t[]){10, 11}, 2, text, 20);
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_OK);
	assert_int_equal(eccf_inflate(&rec, raw, 21), ECCF_BAD_LENGTHS);
}

static void of_a_single_log_the_length_means_nothing(void **state)
{
	static struct made m;
	static uint8_t raw[65536];
	struct eccf rec;
	struct text log;
	uint32_t off = 0, index = 0;

	(void)state;
	make(&m, "A", (const uint16_t[]){7}, 1, text, 20);
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_OK);
	assert_int_equal(eccf_inflate(&rec, raw, 21), 20);
	assert_true(eccf_next(&rec, raw, 20, &off, &index, &log));
	assert_int_equal(log.len, 20);
}

static void compressed_bytes_that_are_corrupt_are_refused(void **state)
{
	static struct made m;
	static uint8_t raw[65536];
	struct eccf rec;

	(void)state;
	make(&m, "A", (const uint16_t[]){100, 100}, 2, text, 200);
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_OK);
	memset(m.buf + (rec.compressed - m.buf), 0xff, rec.comp_len);
	assert_int_equal(eccf_inflate(&rec, raw, 201), ECCF_BAD_LZ4);
}

static void a_block_that_inflates_to_more_or_less_is_refused(void **state)
{
	static struct made m;
	static uint8_t raw[65536];
	struct eccf rec;

	(void)state;
	make(&m, "A", (const uint16_t[]){200}, 1, text, 200);
	store_be16(m.buf + 12, 198); /* 200 are two more than it says */
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_OK);
	assert_int_equal(eccf_inflate(&rec, raw, 199), ECCF_BAD_LZ4);
	store_be16(m.buf + 12, 201);
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_OK);
	assert_int_equal(eccf_inflate(&rec, raw, 202), ECCF_BAD_LZ4);
}

static void a_record_without_compressed_bytes_is_refused(void **state)
{
	static struct made m;
	uint8_t raw[11];
	struct eccf rec;

	(void)state;
	make(&m, "A", (const uint16_t[]){10}, 1, text, 10);
	store_be16(m.buf + 10, 0);
	assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_OK);
	assert_int_equal(eccf_inflate(&rec, raw, sizeof(raw)), ECCF_BAD_LZ4);
}

static void inflating_stays_inside_of_the_room(void **state)
{
	static struct made m;
	struct eccf rec;

	(void)state;
	for (uint16_t raw_len = 1; raw_len < 400; raw_len += 13) {
		uint8_t *raw = malloc(raw_len + 1u);
		int n;

		make(&m, "A", (const uint16_t[]){raw_len}, 1, text, 5000);
		store_be16(m.buf + 12, raw_len);
		assert_int_equal(eccf_parse(&rec, m.buf, m.len), ECCF_OK);
		n = eccf_inflate(&rec, raw, raw_len + 1u);
		assert_int_equal(n, ECCF_BAD_LZ4);
		free(raw);
	}
}

static void errors_have_a_text_of_their_own(void **state)
{
	(void)state;
	for (int a = ECCF_OK; a >= ECCF_BAD_DEVID; a--)
		for (int b = a - 1; b >= ECCF_BAD_DEVID - 1; b--)
			assert_string_not_equal(eccf_error_text(a), eccf_error_text(b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_made_without_liblz4_are_decoded),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(what_follows_the_record_is_left_alone),
		cmocka_unit_test(the_magic_is_ec_cf),
		cmocka_unit_test(records_made_by_liblz4_are_decoded),
		cmocka_unit_test(the_largest_record_is_decoded),
		cmocka_unit_test(a_record_without_logs_is_empty),
		cmocka_unit_test(a_device_id_of_other_characters_is_refused),
		cmocka_unit_test(lengths_that_do_not_add_up_are_refused),
		cmocka_unit_test(of_a_single_log_the_length_means_nothing),
		cmocka_unit_test(compressed_bytes_that_are_corrupt_are_refused),
		cmocka_unit_test(a_block_that_inflates_to_more_or_less_is_refused),
		cmocka_unit_test(a_record_without_compressed_bytes_is_refused),
		cmocka_unit_test(inflating_stays_inside_of_the_room),
		cmocka_unit_test(errors_have_a_text_of_their_own),
	};

	fill_text();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
