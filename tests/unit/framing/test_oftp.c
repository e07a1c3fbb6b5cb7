/*
 * Messages of the OFTP profile: those that make_messages.py wrote, which knows only the page; what
 * is wrong with others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/base/bytes.h"
#include "dataplane/framing/oftp.h"
#include "tests/unit/framing/oftp/messages.inc"

static struct oftp_msg msg;

/* From memory of exactly its length. */
static enum oftp_error decode(const uint8_t *p, size_t len)
{
	static uint8_t *body; /* the last one: msg points into it */
	struct oftp_header h;
	enum oftp_error e = oftp_header_decode(p, OFTP_BODY_MAX, &h);

	if (e != OFTP_OK)
		return e;
	assert_int_equal(h.length, len - OFTP_HEADER);
	free(body);
	body = malloc(h.length ? h.length : 1);
	assert_non_null(body);
	memcpy(body, p + OFTP_HEADER, h.length);
	return oftp_decode(&h, body, &msg);
}

#define text_equal(t, s)                                                                           \
	do {                                                                                       \
		assert_int_equal((t).len, strlen(s));                                              \
		assert_memory_equal((t).at, s, strlen(s));                                         \
	} while (0)

static void every_message_of_the_page_is_understood(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		enum oftp_error e = decode(messages[i].at, messages[i].len);

		if (e != OFTP_OK)
			fail_msg("%s: %s", messages[i].name, oftp_error_text(e));
	}
}

/* Options in another order mean the same: what we write is understood as what was read. */
static void what_is_written_means_what_was_read(void **state)
{
	static uint8_t once[4096], twice[4096];

	(void)state;
	for (unsigned i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		size_t n, k;

		assert_int_equal(decode(messages[i].at, messages[i].len), OFTP_OK);
		n = oftp_encode(&msg, once, sizeof(once));
		assert_int_equal(n, messages[i].len);
		assert_memory_equal(once, messages[i].at, 4);
		assert_int_equal(decode(once, n), OFTP_OK);
		k = oftp_encode(&msg, twice, sizeof(twice));
		assert_int_equal(k, n);
		assert_memory_equal(once, twice, n);
		assert_int_equal(oftp_encode(&msg, twice, n - 1), 0);
	}
}

static void a_login_says_who_and_what(void **state)
{
	int64_t east;

	(void)state;
	assert_int_equal(decode(login_request, sizeof(login_request)), OFTP_OK);
	assert_int_equal(msg.tag, 1);
	text_equal(msg.serial, "FGVM010000064692");
	text_equal(msg.timezone, "(GMT+8:00)Somewhere");
	assert_true(fields_zone(msg.timezone, &east));
	assert_int_equal(east, 8 * 3600);
	assert_int_equal(msg.features, OFTP_FEATURE_LZ4);
	assert_int_equal(msg.reliable, 1);
	assert_false(oftp_has(&msg, OFTP_O_PRESHARED_KEY));
	assert_int_equal(msg.n_streams, 2);
	assert_int_equal(msg.stream[0].epoch, 0x0123456789abcdef);
	assert_int_equal(msg.stream[0].confirmed, 5);
	assert_int_equal(msg.stream[1].conn_id, 65535);
}

static void a_timezone_that_says_nothing_is_no_error_of_the_message(void **state)
{
	const struct text odd = {"GMTa-1", 6};
	int64_t east;

	(void)state;
	assert_false(fields_zone(odd, &east));
}

static void a_reply_says_what_is(void **state)
{
	(void)state;
	assert_int_equal(decode(login_reply, sizeof(login_reply)), OFTP_OK);
	assert_int_equal(msg.result, OFTP_ALLOWED);
	assert_int_equal(msg.keepalive_period, 5);
	assert_int_equal(msg.n_serials, 2);
	text_equal(msg.server_serial[1], "SL-2");
	assert_int_equal(msg.disk_total, 1ull << 41);
	assert_int_equal(msg.stream[1].state, OFTP_STREAM_NEW_EPOCH);
}

static void keepalives_have_12_and_21_bytes(void **state)
{
	(void)state;
	assert_int_equal(sizeof(keepalive), OFTP_HEADER);
	assert_int_equal(keepalive[3], 11);
	assert_int_equal(sizeof(keepalive_answer), OFTP_KEEPALIVE_REPLY);
	assert_int_equal(decode(keepalive_answer, sizeof(keepalive_answer)), OFTP_OK);
	assert_int_equal(msg.keepalive.status, OFTP_HOLD);
	assert_int_equal(msg.keepalive.disk_used_pm, 950);
}

static void check_logs(void)
{
	uint8_t scratch[1024], digest[OFTP_DIGEST];
	const uint8_t *logs;

	assert_int_equal(msg.log_count, 3);
	assert_int_equal(oftp_item_length(&msg, 0), 25);
	assert_int_equal(oftp_item_length(&msg, 1), 8);
	assert_int_equal(oftp_item_length(&msg, 2), 300);
	logs = oftp_item_logs(&msg, scratch);
	assert_non_null(logs);
	assert_memory_equal(logs, "date=2026-11-22 msg=\"one\"t\303\274wo \377\0003333", 37);
	oftp_item_digest(9, logs, msg.raw_len, digest);
	assert_memory_equal(digest, digest_of_9, OFTP_DIGEST);
}

static void an_item_gives_its_logs_raw_or_compressed(void **state)
{
	(void)state;
	assert_int_equal(decode(item_raw, sizeof(item_raw)), OFTP_OK);
	assert_int_equal(msg.seq_no, 9);
	assert_int_equal(msg.conn_id, 65535);
	check_logs();
	assert_int_equal(decode(item_lz4, sizeof(item_lz4)), OFTP_OK);
	assert_int_equal(msg.seq_no, 1ull << 40);
	assert_int_equal(msg.dropped_before, 3);
	text_equal(msg.vdom, "root");
	check_logs();
}

/* ---- what is wrong ---- */

struct draft {
	uint8_t at[8192];
	size_t len;
};

static void add(struct draft *d, unsigned code, unsigned len, const void *data)
{
	store_be16(d->at + d->len, (uint16_t)code);
	store_be16(d->at + d->len + 2, (uint16_t)len);
	memcpy(d->at + d->len + 4, data, len);
	d->len += 4 + len;
	store_be32(d->at + 4, (uint32_t)(d->len - OFTP_HEADER));
}

static struct draft from(const uint8_t *p, size_t len)
{
	struct draft d = {.len = len};

	memcpy(d.at, p, len);
	return d;
}

static struct draft empty(unsigned type)
{
	struct draft d = from(keepalive, sizeof(keepalive));

	d.at[3] = (uint8_t)type;
	return d;
}

/* Where the value of the option begins. */
static size_t find(const struct draft *d, unsigned code)
{
	size_t at = OFTP_HEADER;

	while (load_be16(d->at + at) != code) {
		at += 4u + load_be16(d->at + at + 2);
		assert_true(at < d->len);
	}
	return at + 4;
}

static void a_header_is_checked_first(void **state)
{
	struct draft d = from(keepalive, sizeof(keepalive));
	struct oftp_header h;

	(void)state;
	store_be32(d.at + 4, 101);
	assert_int_equal(oftp_header_decode(d.at, 100, &h), OFTP_E_LENGTH);
	assert_int_equal(oftp_header_decode(d.at, 101, &h), OFTP_OK);
	d.at[2] = 0;
	assert_int_equal(oftp_header_decode(d.at, 101, &h), OFTP_E_VERSION);
	d.at[2] = 9;
	assert_int_equal(oftp_header_decode(d.at, 101, &h), OFTP_OK);
	d.at[0] = 0x16;
	assert_int_equal(oftp_header_decode(d.at, 101, &h), OFTP_E_MAGIC);
}

static void unknown_types_are_told(void **state)
{
	struct draft d = empty(15);

	(void)state;
	assert_int_equal(decode(d.at, d.len), OFTP_E_TYPE);
	d = empty(0);
	assert_int_equal(decode(d.at, d.len), OFTP_E_TYPE);
	assert_string_equal(oftp_type_name(15), "unknown");
	assert_string_equal(oftp_type_name(OFTP_KEEPALIVE), "KEEPALIVE");
}

static void unknown_options_and_those_of_other_types_are_skipped(void **state)
{
	struct draft d = from(keepalive, sizeof(keepalive));

	(void)state;
	add(&d, 200, 3, "abc");
	add(&d, 19, 1, "x"); /* SEQ_NO, of no legal length */
	assert_int_equal(decode(d.at, d.len), OFTP_OK);
	assert_int_equal(msg.has, 0);
}

static void an_option_must_lie_in_the_body(void **state)
{
	struct draft d = from(keepalive, sizeof(keepalive));

	(void)state;
	add(&d, 200, 3, "abc");
	for (size_t cut = 1; cut < 7; cut++) {
		store_be32(d.at + 4, (uint32_t)(d.len - cut - OFTP_HEADER));
		assert_int_equal(decode(d.at, d.len - cut), OFTP_E_OPTION);
	}
}

static void an_option_comes_once(void **state)
{
	struct draft d = from(seq_query, sizeof(seq_query));

	(void)state;
	add(&d, 17, 4, "\0\0\0\1");
	assert_int_equal(decode(d.at, d.len), OFTP_E_OPTION);
}

static void what_is_needed_must_be_there(void **state)
{
	(void)state;
	for (unsigned type = 1; type <= OFTP_ERROR; type++) {
		struct draft d = empty(type);
		bool needs_none = type == OFTP_KEEPALIVE || type == OFTP_BYE;

		assert_int_equal(decode(d.at, d.len), needs_none ? OFTP_OK : OFTP_E_MISSING);
	}
}

static void values_have_bounds(void **state)
{
	struct draft d = from(status, sizeof(status));

	(void)state;
	d.at[find(&d, 16)] = 3;
	assert_int_equal(decode(d.at, d.len), OFTP_E_VALUE);
	d = from(login_request, sizeof(login_request));
	d.at[find(&d, 1) + 2] = '\n';
	assert_int_equal(decode(d.at, d.len), OFTP_E_VALUE);
	d = from(keepalive_answer, sizeof(keepalive_answer));
	d.at[find(&d, 29)] = 9;
	assert_int_equal(decode(d.at, d.len), OFTP_E_VALUE);
	d = from(item_raw, sizeof(item_raw));
	memset(d.at + find(&d, 19), 0, 8); /* seq_no 0 */
	assert_int_equal(decode(d.at, d.len), OFTP_E_VALUE);
}

static void numbers_have_their_length(void **state)
{
	struct draft d = empty(OFTP_SEQ_QUERY);

	(void)state;
	add(&d, 17, 3, "\0\0\1");
	assert_int_equal(decode(d.at, d.len), OFTP_E_OPTION);
	d = empty(OFTP_KEEPALIVE_ANSWER);
	add(&d, 29, 4, "\0\0\0\1");
	assert_int_equal(decode(d.at, d.len), OFTP_E_OPTION);
	d = empty(OFTP_STATUS);
	add(&d, 13, 15, "012345678901234");
	assert_int_equal(decode(d.at, d.len), OFTP_E_OPTION);
}

static void streams_differ_and_have_an_epoch(void **state)
{
	struct draft d = from(seq_reply, sizeof(seq_reply));
	uint8_t stream[37];
	size_t at = find(&d, 15);

	(void)state;
	memcpy(stream, d.at + at, sizeof(stream));
	add(&d, 15, sizeof(stream), stream);
	assert_int_equal(decode(d.at, d.len), OFTP_E_VALUE);
	d = from(seq_reply, sizeof(seq_reply));
	memset(d.at + at + 4, 0, 8);
	assert_int_equal(decode(d.at, d.len), OFTP_E_VALUE);
	d = empty(OFTP_SEQ_REPLY);
	for (uint32_t i = 0; i < OFTP_STREAMS_MAX; i++) {
		store_be32(stream, i);
		add(&d, 15, sizeof(stream), stream);
	}
	assert_int_equal(decode(d.at, d.len), OFTP_OK);
	assert_int_equal(msg.n_streams, OFTP_STREAMS_MAX);
	store_be32(stream, 1000);
	add(&d, 15, sizeof(stream), stream);
	assert_int_equal(decode(d.at, d.len), OFTP_E_OPTION);
}

static void server_serials_are_bounded(void **state)
{
	struct draft d = from(login_reply, sizeof(login_reply));

	(void)state;
	for (unsigned i = 2; i < OFTP_SERIALS_MAX; i++)
		add(&d, 14, 1, "S");
	assert_int_equal(decode(d.at, d.len), OFTP_OK);
	add(&d, 14, 1, "S");
	assert_int_equal(decode(d.at, d.len), OFTP_E_OPTION);
}

static void an_item_must_not_contradict_itself(void **state)
{
	struct draft d = from(item_raw, sizeof(item_raw));

	(void)state;
	d.at[find(&d, 22) + 1] = 2; /* two logs, three lengths */
	assert_int_equal(decode(d.at, d.len), OFTP_E_ITEM);
	d = from(item_raw, sizeof(item_raw));
	d.at[find(&d, 27) + 3]++; /* the sum is not raw_len */
	assert_int_equal(decode(d.at, d.len), OFTP_E_ITEM);
	d = from(item_raw, sizeof(item_raw));
	store_be32(d.at + find(&d, 27), 0); /* an empty log, and the sum right */
	store_be32(d.at + find(&d, 27) + 4, 33);
	assert_int_equal(decode(d.at, d.len), OFTP_E_ITEM);
	d = from(item_raw, sizeof(item_raw));
	d.len--; /* raw, and the payload shorter */
	store_be32(d.at + 4, (uint32_t)(d.len - OFTP_HEADER));
	assert_int_equal(decode(d.at, d.len), OFTP_E_ITEM);
	d = from(item_raw, sizeof(item_raw));
	store_be16(d.at + find(&d, 255) - 2, 1); /* PAYLOAD has no length of its own */
	assert_int_equal(decode(d.at, d.len), OFTP_E_OPTION);
}

static void a_payload_that_does_not_inflate_is_found(void **state)
{
	uint8_t scratch[1024];
	struct draft d = from(item_lz4, sizeof(item_lz4));

	(void)state;
	d.at[find(&d, 255)] = 0x10; /* one literal, then a match from nowhere */
	assert_int_equal(decode(d.at, d.len), OFTP_OK);
	assert_null(oftp_item_logs(&msg, scratch));
	d = from(item_lz4, sizeof(item_lz4));
	d.len--; /* a byte is missing */
	store_be32(d.at + 4, (uint32_t)(d.len - OFTP_HEADER));
	assert_int_equal(decode(d.at, d.len), OFTP_OK);
	assert_null(oftp_item_logs(&msg, scratch));
}

static void a_digest_depends_on_seq_no_and_logs(void **state)
{
	/* docs/oftp-profile.md */
	static const uint8_t documented[] = {0x84, 0x20, 0xe9, 0x97, 0xd9, 0x1b, 0xa3, 0xdb, 0xb3,
		0xae, 0x53, 0x91, 0xae, 0xfa, 0x1c, 0x5f};
	uint8_t a[OFTP_DIGEST], b[OFTP_DIGEST];

	(void)state;
	oftp_item_digest(9, (const uint8_t *)"onetwo", 6, a);
	assert_memory_equal(a, documented, sizeof(documented));
	oftp_item_digest(1, (const uint8_t *)"log", 3, a);
	oftp_item_digest(2, (const uint8_t *)"log", 3, b);
	assert_memory_not_equal(a, b, sizeof(a));
	oftp_item_digest(1, (const uint8_t *)"loG", 3, b);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, a + 8, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_of_the_page_is_understood),
		cmocka_unit_test(what_is_written_means_what_was_read),
		cmocka_unit_test(a_login_says_who_and_what),
		cmocka_unit_test(a_timezone_that_says_nothing_is_no_error_of_the_message),
		cmocka_unit_test(a_reply_says_what_is),
		cmocka_unit_test(keepalives_have_12_and_21_bytes),
		cmocka_unit_test(an_item_gives_its_logs_raw_or_compressed),
		cmocka_unit_test(a_header_is_checked_first),
		cmocka_unit_test(unknown_types_are_told),
		cmocka_unit_test(unknown_options_and_those_of_other_types_are_skipped),
		cmocka_unit_test(an_option_must_lie_in_the_body),
		cmocka_unit_test(an_option_comes_once),
		cmocka_unit_test(what_is_needed_must_be_there),
		cmocka_unit_test(values_have_bounds),
		cmocka_unit_test(numbers_have_their_length),
		cmocka_unit_test(streams_differ_and_have_an_epoch),
		cmocka_unit_test(server_serials_are_bounded),
		cmocka_unit_test(an_item_must_not_contradict_itself),
		cmocka_unit_test(a_payload_that_does_not_inflate_is_found),
		cmocka_unit_test(a_digest_depends_on_seq_no_and_logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
