/*
 * A session of the OFTP profile, the server's side: each message in each state, logins, items,
 * what is told. The other side is written with the codec; the streams are real.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/ledger/oftp_server.h"

#define EPOCH 77u
#define NONE  ((struct oftp_verdict){.result = OFTP_ALLOWED})

static const struct text serials[] = {{"SL-1", 4}};
static struct oftp_server s;
static struct stream stream;
static struct stream_range ranges[8];
static uint64_t now;
static struct oftp_msg got; /* what the server made of the last message */
static struct oftp_msg said;

static int fresh(void **state)
{
	(void)state;
	now = 1000000;
	oftp_server_init(&s, serials, 1, 5, now);
	stream_init(&stream, EPOCH, 1, ranges, 8);
	return 0;
}

/* Sends a message to it. */
static enum oftp_event send(const struct oftp_msg *m)
{
	static uint8_t buf[8192];
	struct oftp_header h;
	size_t n = oftp_encode(m, buf, sizeof(buf));

	assert_true(n >= OFTP_HEADER);
	assert_true(oftp_server_ready(&s));
	assert_int_equal(oftp_header_decode(buf, oftp_server_body_max(&s), &h), OFTP_OK);
	return oftp_server_message(&s, &h, buf + OFTP_HEADER, now, &got);
}

#define HAS(o) (1u << OFTP_O_##o)

static enum oftp_event bare(enum oftp_type type, uint32_t tag)
{
	struct oftp_msg m = {.version = 1, .type = (uint8_t)type, .tag = tag};

	return send(&m);
}

/* The next message that it says; false: nothing. */
static bool hear(void)
{
	struct oftp_header h;

	if (s.out_len == 0)
		return false;
	assert_int_equal(oftp_header_decode(s.out, OFTP_BODY_MAX, &h), OFTP_OK);
	assert_int_equal(oftp_decode(&h, s.out + OFTP_HEADER, &said), OFTP_OK);
	/* What `said` points into moves away: only numbers are looked at after this. */
	oftp_server_sent(&s, OFTP_HEADER + h.length);
	return true;
}

static void heard(enum oftp_type type)
{
	assert_true(hear());
	assert_string_equal(oftp_type_name(said.type), oftp_type_name(type));
}

static void heard_error(enum oftp_error e)
{
	heard(OFTP_ERROR);
	assert_string_equal(oftp_error_text(said.error), oftp_error_text(e));
}

static struct oftp_msg login_message(void)
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

static void log_in(const struct oftp_verdict *v)
{
	struct oftp_msg m = login_message();

	assert_int_equal(send(&m), OFTP_EV_LOGIN);
	if (v->result == OFTP_ALLOWED)
		assert_false(oftp_server_attach(&s, 0, &stream, got.stream[0].confirmed));
	oftp_server_verdict(&s, v);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(said.result, v->result);
	assert_false(hear());
}

static enum oftp_event item(uint64_t seq, uint64_t epoch, uint32_t conn_id)
{
	static const uint8_t length[4] = {0, 0, 0, 3};
	struct oftp_msg m = {.version = 1,
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

	return send(&m);
}

/* Accepts and makes durable what item() has handed in. */
static void store(void)
{
	struct stream_mark mark = {.seq = got.seq_no, .time_ns = 1};

	assert_int_equal(stream_accept(&stream, got.seq_no, 1), STREAM_NEW);
	oftp_item_digest(got.seq_no, (const uint8_t *)"log", 3, mark.digest);
	stream_durable(&stream, &mark);
	oftp_server_confirmed(&s, s.current);
}

/* ---- login ---- */

static void a_login_is_answered_with_what_is(void **state)
{
	struct oftp_verdict v = {.disk_used = 900, .disk_total = 1000000};

	(void)state;
	log_in(&v);
	assert_int_equal(said.tag, 5);
	assert_int_equal(said.features, OFTP_FEATURE_LZ4); /* of all that it offers */
	assert_int_equal(said.keepalive_period, 5);
	assert_int_equal(said.n_serials, 1);
	assert_int_equal(said.disk_total, 1000000);
	assert_int_equal(said.n_streams, 1);
	assert_int_equal(said.stream[0].confirmed, 0);
	assert_int_equal(s.state, OFTP_OPEN);
}

static void nothing_comes_before_login(void **state)
{
	static const enum oftp_type early[] = {OFTP_AUTH_RESPONSE, OFTP_SEQ_QUERY, OFTP_KEEPALIVE};

	for (unsigned i = 0; i < 3; i++) {
		struct oftp_msg m = {.version = 1, .type = (uint8_t)early[i]};

		fresh(state);
		if (early[i] == OFTP_AUTH_RESPONSE) {
			m.has = HAS(SASL);
			m.sasl = (struct oftp_bytes){(const uint8_t *)"x", 1};
		} else if (early[i] == OFTP_SEQ_QUERY) {
			m.has = HAS(CONN_ID);
		}
		assert_int_equal(send(&m), OFTP_EV_END);
		heard_error(OFTP_E_STATE);
		assert_false(oftp_server_ready(&s));
	}
	fresh(state);
	assert_int_equal(item(1, EPOCH, 1), OFTP_EV_END);
	heard_error(OFTP_E_STATE);
}

static void before_login_bodies_are_small(void **state)
{
	(void)state;
	assert_int_equal(oftp_server_body_max(&s), OFTP_BODY_LOGIN_MAX);
	log_in(&NONE);
	assert_int_equal(oftp_server_body_max(&s), OFTP_BODY_MAX);
	assert_int_equal(oftp_server_refuse(&s, OFTP_E_LENGTH, 3), OFTP_EV_END);
	heard_error(OFTP_E_LENGTH);
	assert_int_equal(said.tag, 3);
}

static void a_second_login_ends_it(void **state)
{
	struct oftp_msg m = login_message();

	(void)state;
	log_in(&NONE);
	assert_int_equal(send(&m), OFTP_EV_END);
	heard_error(OFTP_E_STATE);
}

static void while_it_is_decided_nothing_is_read(void **state)
{
	struct oftp_msg m = login_message();

	(void)state;
	assert_int_equal(send(&m), OFTP_EV_LOGIN);
	assert_false(oftp_server_ready(&s));
	assert_true(oftp_server_deadline(&s) == UINT64_MAX); /* ours, not the peer's silence */
}

static void a_legacy_login_is_challenged(void **state)
{
	const struct oftp_bytes bytes = {(const uint8_t *)"r=abc", 5};
	struct oftp_verdict v = {.result = OFTP_ALLOWED, .sasl = bytes};
	struct oftp_msg m = login_message();

	(void)state;
	m.type = OFTP_LOGIN_REQUEST_LEGACY;
	m.has |= HAS(SASL);
	m.sasl = bytes;
	assert_int_equal(send(&m), OFTP_EV_LOGIN);
	oftp_server_challenge(&s, bytes);
	heard(OFTP_AUTH_CHALLENGE);
	assert_int_equal(said.sasl.len, 5);
	assert_int_equal(oftp_server_body_max(&s), OFTP_BODY_LOGIN_MAX);
	m = (struct oftp_msg){.version = 1,
		.type = OFTP_AUTH_RESPONSE,
		.tag = 6,
		.has = HAS(SASL),
		.sasl = bytes};
	assert_int_equal(send(&m), OFTP_EV_SASL);
	assert_int_equal(got.sasl.len, 5);
	oftp_server_attach(&s, 0, &stream, 0);
	oftp_server_verdict(&s, &v);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(said.tag, 6);
	assert_true(oftp_has(&said, OFTP_O_SASL));
}

static void a_refused_login_ends_with_its_reason(void **state)
{
	struct oftp_verdict v = {.result = OFTP_REFUSED, .reason = "bad_password"};

	(void)state;
	log_in(&v);
	assert_true(oftp_has(&said, OFTP_O_REASON));
	assert_int_equal(said.n_streams, 0);
	assert_int_equal(s.state, OFTP_ENDED);
	assert_string_equal(s.reason, "bad_password");
}

/* What the client may know beside the slug stands in the text, whatever the owner puts there. */
static void a_refusal_says_its_detail(void **state)
{
	char detail[2 * OFTP_TEXT_MAX + 1];
	struct oftp_verdict v = {
		.result = OFTP_REFUSED, .reason = "denied", .detail = "by another name\n\x7f"};

	(void)state;
	log_in(&v);
	assert_true(oftp_has(&said, OFTP_O_STATUS_TEXT));
	assert_int_equal(said.status_text.len, strlen("Refused: by another name??"));
	assert_int_equal(fresh(state), 0);
	memset(detail, 'x', sizeof(detail) - 1);
	detail[sizeof(detail) - 1] = '\0';
	v.detail = detail;
	log_in(&v);
	assert_int_equal(said.status_text.len, OFTP_TEXT_MAX);
	assert_int_equal(fresh(state), 0);
	v.detail = NULL;
	log_in(&v);
	assert_int_equal(said.status_text.len, strlen("Refused."));
}

static void the_older_version_of_both_is_spoken(void **state)
{
	struct oftp_msg m = login_message();

	(void)state;
	m.version = 200;
	assert_int_equal(send(&m), OFTP_EV_LOGIN);
	oftp_server_attach(&s, 0, &stream, 0);
	oftp_server_verdict(&s, &NONE);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(said.version, OFTP_VERSION);
	m = (struct oftp_msg){.version = 200, .type = OFTP_KEEPALIVE};
	assert_int_equal(send(&m), OFTP_EV_END);
	heard_error(OFTP_E_VERSION);
}

/* ---- pending ---- */

static void while_pending_items_are_an_error_and_the_session_lives(void **state)
{
	struct oftp_verdict v = {.result = OFTP_PENDING, .reason = "not_authorized"};

	(void)state;
	log_in(&v);
	assert_int_equal(item(1, EPOCH, 1), OFTP_EV_UNTIMELY);
	assert_int_equal(got.log_count, 1);
	heard_error(OFTP_E_STATE);
	assert_int_equal(said.tag, 9);
	assert_int_equal(bare(OFTP_KEEPALIVE, 4), OFTP_EV_NONE);
	heard(OFTP_KEEPALIVE_ANSWER);
	assert_int_equal(said.keepalive.status, OFTP_WAIT);
}

static void authorized_while_it_waits_it_may_log(void **state)
{
	struct oftp_verdict v = {.result = OFTP_PENDING, .reason = "not_authorized"};

	(void)state;
	log_in(&v);
	oftp_server_attach(&s, 0, &stream, 0);
	oftp_server_changed(&s, &NONE);
	heard(OFTP_AUTH_CHANGED);
	assert_int_equal(said.result, OFTP_ALLOWED);
	assert_int_equal(said.n_streams, 1);
	assert_int_equal(item(1, EPOCH, 1), OFTP_EV_ITEM);
}

static void denied_while_it_logs_it_ends(void **state)
{
	struct oftp_verdict v = {.result = OFTP_REFUSED, .reason = "denied"};

	(void)state;
	log_in(&NONE);
	oftp_server_changed(&s, &v);
	heard(OFTP_AUTH_CHANGED);
	assert_int_equal(said.result, OFTP_REFUSED);
	assert_int_equal(s.state, OFTP_ENDED);
}

/* ---- items ---- */

static void what_is_confirmed_is_told_unasked_and_once(void **state)
{
	uint8_t digest[OFTP_DIGEST];

	(void)state;
	log_in(&NONE);
	for (uint64_t seq = 1; seq <= 3; seq++) {
		assert_int_equal(item(seq, EPOCH, 1), OFTP_EV_ITEM);
		assert_false(hear()); /* taken, not durable */
		store();
	}
	oftp_server_flush(&s);
	heard(OFTP_SEQ_REPLY);
	assert_int_equal(said.tag, 0);
	assert_int_equal(said.n_streams, 1);
	assert_int_equal(said.stream[0].confirmed, 3);
	oftp_item_digest(3, (const uint8_t *)"log", 3, digest);
	assert_memory_equal(said.stream[0].digest, digest, sizeof(digest));
	oftp_server_flush(&s);
	assert_false(hear());
}

static void a_query_is_answered_with_the_mark(void **state)
{
	struct oftp_msg m = {.version = 1, .type = OFTP_SEQ_QUERY, .tag = 12, .conn_id = 1};

	(void)state;
	log_in(&NONE);
	item(1, EPOCH, 1);
	m.has = HAS(CONN_ID);
	assert_int_equal(send(&m), OFTP_EV_NONE);
	heard(OFTP_SEQ_REPLY);
	assert_int_equal(said.tag, 12);
	assert_int_equal(said.stream[0].confirmed, 0);
	m.conn_id = 2;
	assert_int_equal(send(&m), OFTP_EV_END);
	heard_error(OFTP_E_SEQUENCE);
}

static void an_item_of_no_named_stream_or_epoch_ends_it(void **state)
{
	log_in(&NONE);
	assert_int_equal(item(1, EPOCH, 2), OFTP_EV_END);
	heard_error(OFTP_E_SEQUENCE);
	fresh(state);
	log_in(&NONE);
	assert_int_equal(item(1, EPOCH + 1, 1), OFTP_EV_END);
	heard_error(OFTP_E_SEQUENCE);
	fresh(state);
	log_in(&NONE);
	assert_int_equal(item(7, EPOCH, 1), OFTP_EV_ITEM);
	store();
	assert_int_equal(item(7, EPOCH, 1), OFTP_EV_ITEM);
	assert_int_equal(stream_accept(&stream, got.seq_no, 1), STREAM_BAD);
	assert_int_equal(oftp_server_bad_sequence(&s, &got), OFTP_EV_END);
	heard_error(OFTP_E_SEQUENCE);
}

static void a_server_that_was_restored_asks_for_a_new_epoch(void **state)
{
	struct oftp_msg m = login_message();
	static struct stream later;
	static struct stream_range more[4];

	(void)state;
	m.stream[0].confirmed = 5; /* we know of none */
	assert_int_equal(send(&m), OFTP_EV_LOGIN);
	assert_true(oftp_server_attach(&s, 0, &stream, got.stream[0].confirmed));
	oftp_server_verdict(&s, &NONE);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(said.stream[0].state, OFTP_STREAM_NEW_EPOCH);
	/* It begins one before it sends. */
	m = (struct oftp_msg){.version = 1,
		.type = OFTP_SEQ_QUERY,
		.tag = 31,
		.has = HAS(CONN_ID) | HAS(EPOCH),
		.conn_id = 1,
		.epoch = 99};
	assert_int_equal(send(&m), OFTP_EV_EPOCH);
	assert_int_equal(s.streams[s.current].epoch, 99);
	assert_false(oftp_server_ready(&s));
	stream_init(&later, 99, 1, more, 4);
	assert_false(oftp_server_attach(&s, s.current, &later, 0));
	heard(OFTP_SEQ_REPLY);
	assert_int_equal(said.tag, 31);
	assert_int_equal(said.stream[0].epoch, 99);
	oftp_server_flush(&s);
	assert_false(hear()); /* once */
	assert_int_equal(said.stream[0].state, OFTP_STREAM_GO_ON);
	assert_int_equal(item(1, 99, 1), OFTP_EV_ITEM);
	assert_int_equal(item(1, EPOCH, 1), OFTP_EV_END);
}

/* Another stream's mark moves meanwhile, and that of the old epoch did: neither is the new one's.
 */
static void a_new_epoch_is_not_told_of_before_its_stream_is_there(void **state)
{
	struct oftp_msg m = login_message();
	static struct stream second, later;
	static struct stream_range more[2][4];
	struct stream_mark mark = {.seq = 1, .time_ns = 1};

	(void)state;
	m.n_streams = 2;
	m.stream[1] = (struct oftp_stream){.conn_id = 2, .epoch = EPOCH};
	stream_init(&second, EPOCH, 2, more[0], 4);
	assert_int_equal(send(&m), OFTP_EV_LOGIN);
	assert_false(oftp_server_attach(&s, 0, &stream, 0));
	assert_false(oftp_server_attach(&s, 1, &second, 0));
	oftp_server_verdict(&s, &NONE);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(item(1, EPOCH, 1), OFTP_EV_ITEM);
	m = (struct oftp_msg){.version = 1,
		.type = OFTP_SEQ_QUERY,
		.tag = 31,
		.has = HAS(CONN_ID) | HAS(EPOCH),
		.conn_id = 1,
		.epoch = 99};
	assert_int_equal(send(&m), OFTP_EV_EPOCH);
	oftp_server_confirmed(&s, 0); /* of the old epoch, too late */
	oftp_server_flush(&s);
	assert_false(hear());
	assert_int_equal(stream_accept(&second, 1, 1), STREAM_NEW);
	stream_durable(&second, &mark);
	oftp_server_confirmed(&s, 1);
	oftp_server_flush(&s);
	heard(OFTP_SEQ_REPLY);
	assert_int_equal(said.tag, 0);
	assert_int_equal(said.n_streams, 1);
	assert_int_equal(said.stream[0].conn_id, 2);
	assert_int_equal(said.stream[0].confirmed, 1);
	stream_init(&later, 99, 1, more[1], 4);
	assert_false(oftp_server_attach(&s, 0, &later, 0));
	heard(OFTP_SEQ_REPLY);
	assert_int_equal(said.tag, 31);
	assert_int_equal(said.n_streams, 1);
	assert_int_equal(said.stream[0].epoch, 99);
	assert_int_equal(said.stream[0].confirmed, 0);
	oftp_server_flush(&s);
	assert_false(hear());
}

static void an_item_of_the_stale_epoch_ends_it(void **state)
{
	struct oftp_msg m = login_message();

	(void)state;
	m.stream[0].confirmed = 5;
	send(&m);
	oftp_server_attach(&s, 0, &stream, 5);
	oftp_server_verdict(&s, &NONE);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(item(6, EPOCH, 1), OFTP_EV_END);
	heard_error(OFTP_E_SEQUENCE);
}

static void lz4_must_have_been_agreed(void **state)
{
	static const uint8_t length[4] = {0, 0, 0, 3};
	struct oftp_msg m = login_message();

	(void)state;
	m.features = 0;
	send(&m);
	oftp_server_attach(&s, 0, &stream, 0);
	oftp_server_verdict(&s, &NONE);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(said.features, 0);
	m = (struct oftp_msg){.version = 1,
		.type = OFTP_LOG_DATA,
		.has = HAS(CONN_ID) | HAS(EPOCH) | HAS(SEQ_NO) | HAS(LOG_TYPE) | HAS(CATEGORY) |
		       HAS(LOG_COUNT) | HAS(CODEC) | HAS(RAW_LEN) | HAS(LENGTHS) | HAS(PAYLOAD),
		.conn_id = 1,
		.epoch = EPOCH,
		.seq_no = 1,
		.log_count = 1,
		.codec = OFTP_LZ4,
		.raw_len = 3,
		.lengths = {length, 4},
		.payload = {(const uint8_t *)"\x30log", 4}};
	assert_int_equal(send(&m), OFTP_EV_END);
	heard_error(OFTP_E_VALUE);
}

static void without_reliable_no_items_come_here(void **state)
{
	struct oftp_msg m = login_message();

	(void)state;
	m.reliable = 0;
	send(&m);
	oftp_server_attach(&s, 0, &stream, 0);
	oftp_server_verdict(&s, &NONE);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(bare(OFTP_KEEPALIVE, 1), OFTP_EV_NONE);
	heard(OFTP_KEEPALIVE_ANSWER);
	assert_int_equal(item(1, EPOCH, 1), OFTP_EV_END);
	heard_error(OFTP_E_STATE);
}

/* ---- the rest ---- */

static void a_keepalive_of_12_bytes_is_answered_with_21(void **state)
{
	(void)state;
	log_in(&NONE);
	assert_int_equal(bare(OFTP_KEEPALIVE, 31), OFTP_EV_NONE);
	assert_int_equal(s.out_len, OFTP_KEEPALIVE_REPLY);
	heard(OFTP_KEEPALIVE_ANSWER);
	assert_int_equal(said.tag, 31);
	assert_int_equal(said.keepalive.status, OFTP_GO);
}

static void hold_and_go_are_told_where_they_change(void **state)
{
	(void)state;
	log_in(&NONE);
	oftp_server_status(&s, OFTP_GO, NULL);
	assert_false(hear());
	oftp_server_status(&s, OFTP_HOLD, "disk_full");
	oftp_server_status(&s, OFTP_HOLD, "disk_full");
	heard(OFTP_STATUS);
	assert_int_equal(said.log_status, OFTP_HOLD);
	assert_false(hear());
	bare(OFTP_KEEPALIVE, 1);
	heard(OFTP_KEEPALIVE_ANSWER);
	assert_int_equal(said.keepalive.status, OFTP_HOLD);
	oftp_server_status(&s, OFTP_GO, NULL);
	heard(OFTP_STATUS);
	assert_int_equal(said.log_status, OFTP_GO);
}

static void unknown_types_and_the_servers_own_are_told_and_skipped(void **state)
{
	static const uint8_t unknown[OFTP_HEADER] = {0xf5, 0x14, 1, 99, 0, 0, 0, 0, 0, 0, 0, 8};
	struct oftp_header h;

	(void)state;
	log_in(&NONE);
	assert_int_equal(oftp_header_decode(unknown, 0, &h), OFTP_OK);
	assert_int_equal(
		oftp_server_message(&s, &h, unknown + OFTP_HEADER, now, &got), OFTP_EV_NONE);
	heard_error(OFTP_E_TYPE);
	assert_int_equal(said.tag, 8);
	said = (struct oftp_msg){.version = 1, .type = OFTP_STATUS, .has = HAS(LOG_STATUS)};
	assert_int_equal(send(&said), OFTP_EV_NONE);
	heard_error(OFTP_E_TYPE);
	assert_int_equal(s.state, OFTP_OPEN);
}

static void silence_ends_it(void **state)
{
	(void)state;
	log_in(&NONE);
	now += 19999999;
	assert_int_equal(oftp_server_expire(&s, now), OFTP_EV_NONE);
	bare(OFTP_KEEPALIVE, 1);
	heard(OFTP_KEEPALIVE_ANSWER);
	now += 20000000;
	assert_int_equal(oftp_server_expire(&s, now), OFTP_EV_END);
	heard(OFTP_BYE);
	assert_string_equal(s.reason, "idle_timeout");
}

static void before_its_login_unknown_types_are_silence(void **state)
{
	static const uint8_t unknown[OFTP_HEADER] = {0xf5, 0x14, 1, 99};
	struct oftp_header h;

	(void)state;
	assert_int_equal(oftp_header_decode(unknown, 0, &h), OFTP_OK);
	now += 19999999;
	assert_int_equal(
		oftp_server_message(&s, &h, unknown + OFTP_HEADER, now, &got), OFTP_EV_NONE);
	heard_error(OFTP_E_TYPE);
	assert_int_equal(oftp_server_expire(&s, now), OFTP_EV_NONE);
	now += 1;
	assert_int_equal(oftp_server_expire(&s, now), OFTP_EV_END);
	heard(OFTP_BYE);
}

static void a_peer_that_reads_nothing_is_not_read_either(void **state)
{
	(void)state;
	log_in(&NONE);
	while (oftp_server_ready(&s))
		bare(OFTP_KEEPALIVE, 1);
	assert_true(s.out_len <= OFTP_SERVER_OUT);
	now += 20000000;
	assert_int_equal(oftp_server_expire(&s, now), OFTP_EV_END);
	oftp_server_sent(&s, s.out_len);
}

static void bye_and_error_from_the_peer_end_it(void **state)
{
	struct oftp_msg m = {.version = 1, .type = OFTP_ERROR, .has = HAS(ERROR), .error = 3};

	log_in(&NONE);
	assert_int_equal(bare(OFTP_BYE, 0), OFTP_EV_END);
	assert_false(hear());
	fresh(state);
	log_in(&NONE);
	assert_int_equal(send(&m), OFTP_EV_END);
	assert_false(hear());
}

#define session_test(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		session_test(a_login_is_answered_with_what_is),
		session_test(nothing_comes_before_login),
		session_test(before_login_bodies_are_small),
		session_test(a_second_login_ends_it),
		session_test(while_it_is_decided_nothing_is_read),
		session_test(a_legacy_login_is_challenged),
		session_test(a_refusal_says_its_detail),
		session_test(a_refused_login_ends_with_its_reason),
		session_test(the_older_version_of_both_is_spoken),
		session_test(while_pending_items_are_an_error_and_the_session_lives),
		session_test(authorized_while_it_waits_it_may_log),
		session_test(denied_while_it_logs_it_ends),
		session_test(what_is_confirmed_is_told_unasked_and_once),
		session_test(a_query_is_answered_with_the_mark),
		session_test(an_item_of_no_named_stream_or_epoch_ends_it),
		session_test(a_server_that_was_restored_asks_for_a_new_epoch),
		session_test(a_new_epoch_is_not_told_of_before_its_stream_is_there),
		session_test(an_item_of_the_stale_epoch_ends_it),
		session_test(lz4_must_have_been_agreed),
		session_test(without_reliable_no_items_come_here),
		session_test(a_keepalive_of_12_bytes_is_answered_with_21),
		session_test(hold_and_go_are_told_where_they_change),
		session_test(unknown_types_and_the_servers_own_are_told_and_skipped),
		session_test(silence_ends_it),
		session_test(before_its_login_unknown_types_are_silence),
		session_test(a_peer_that_reads_nothing_is_not_read_either),
		session_test(bye_and_error_from_the_peer_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
