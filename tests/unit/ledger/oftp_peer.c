#include "tests/unit/ledger/oftp_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const struct text serials[] = {{"SL-1", 4}};
struct oftp_server server;
struct stream stream;
static struct stream_range ranges[8];
uint64_t now;
struct oftp_msg got;
struct oftp_msg said;

int fresh(void **state)
{
	(void)state;
	now = 1000000;
	oftp_server_init(&server, serials, 1, 5, now);
	stream_init(&stream, EPOCH, 1, ranges, 8);
	return 0;
}

enum oftp_event say(const struct oftp_msg *m)
{
	static uint8_t buf[8192];
	struct oftp_header h;
	size_t n = oftp_encode(m, buf, sizeof(buf));

	assert_true(n >= OFTP_HEADER);
	assert_true(oftp_server_ready(&server));
	assert_int_equal(oftp_header_decode(buf, oftp_server_body_max(&server), &h), OFTP_OK);
	return oftp_server_message(&server, &h, buf + OFTP_HEADER, now, &got);
}

enum oftp_event bare(enum oftp_type type, uint32_t tag)
{
	struct oftp_msg m = {.version = 1, .type = (uint8_t)type, .tag = tag};

	return say(&m);
}

bool hear(void)
{
	struct oftp_header h;

	if (server.out_len == 0)
		return false;
	assert_int_equal(oftp_header_decode(server.out, OFTP_BODY_MAX, &h), OFTP_OK);
	assert_int_equal(oftp_decode(&h, server.out + OFTP_HEADER, &said), OFTP_OK);
	/* What `said` points into moves away: only numbers are looked at after this. */
	oftp_server_sent(&server, OFTP_HEADER + h.length);
	return true;
}

void heard(enum oftp_type type)
{
	assert_true(hear());
	assert_string_equal(oftp_type_name(said.type), oftp_type_name(type));
}

void heard_error(enum oftp_error e)
{
	heard(OFTP_ERROR);
	assert_string_equal(oftp_error_text(said.error), oftp_error_text(e));
}

struct oftp_msg login_message(void)
{
	struct oftp_msg m = {.version = 1,
		.type = OFTP_LOGIN_REQUEST,
		.tag = 5,
		.has = HAS(SERIAL) | HAS(FEATURES) | HAS(RELIABLE) | HAS(STREAM),
		.serial = {"FGT1", 4},
		.features = 0xffff,
		.reliable = 1,
		.n_streams = 1};

	m.stream[0] = (struct oftp_stream){.conn_id = 1, .epoch = EPOCH};
	return m;
}

void log_in(const struct oftp_verdict *v)
{
	struct oftp_msg m = login_message();

	assert_int_equal(say(&m), OFTP_EV_LOGIN);
	if (v->result == OFTP_ALLOWED)
		assert_false(oftp_server_attach(&server, 0, &stream, got.stream[0].confirmed));
	oftp_server_verdict(&server, v);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(said.result, v->result);
	assert_false(hear());
}

struct oftp_msg item_message(uint64_t seq, uint64_t epoch, uint32_t conn_id)
{
	static const uint8_t length[4] = {0, 0, 0, 3};

	return (struct oftp_msg){.version = 1,
		.type = OFTP_LOG_DATA,
		.tag = 9,
		.has = HAS(CONN_ID) | HAS(EPOCH) | HAS(SEQ_NO) | HAS(LOG_TYPE) | HAS(CATEGORY) |
		       HAS(LOG_COUNT) | HAS(CODEC) | HAS(RAW_LEN) | HAS(LENGTHS) | HAS(PAYLOAD),
		.conn_id = conn_id,
		.epoch = epoch,
		.seq_no = seq,
		.log_count = 1,
		.raw_len = 3,
		.lengths = {length, 4},
		.payload = {(const uint8_t *)"log", 3}};
}

enum oftp_event item(uint64_t seq, uint64_t epoch, uint32_t conn_id)
{
	struct oftp_msg m = item_message(seq, epoch, conn_id);

	return say(&m);
}

void store(void)
{
	struct stream_mark mark = {.seq = got.seq_no, .time_ns = 1};

	assert_int_equal(stream_accept(&stream, got.seq_no, 1), STREAM_NEW);
	oftp_item_digest(got.seq_no, (const uint8_t *)"log", 3, mark.digest);
	stream_durable(&stream, &mark);
	oftp_server_confirmed(&server, server.current);
}
