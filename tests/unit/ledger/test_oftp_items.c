/* A session of the OFTP profile, the server's side: items, their marks, new epochs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "tests/unit/ledger/oftp_peer.h"

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
	oftp_server_flush(&server);
	heard(OFTP_SEQ_REPLY);
	assert_int_equal(said.tag, 0);
	assert_int_equal(said.n_streams, 1);
	assert_int_equal(said.stream[0].confirmed, 3);
	oftp_item_digest(3, (const uint8_t *)"log", 3, digest);
	assert_memory_equal(said.stream[0].digest, digest, sizeof(digest));
	oftp_server_flush(&server);
	assert_false(hear());
}

static void a_query_is_answered_with_the_mark(void **state)
{
	struct oftp_msg m = {.version = 1, .type = OFTP_SEQ_QUERY, .tag = 12, .conn_id = 1};

	(void)state;
	log_in(&NONE);
	item(1, EPOCH, 1);
	m.has = HAS(CONN_ID);
	assert_int_equal(say(&m), OFTP_EV_NONE);
	heard(OFTP_SEQ_REPLY);
	assert_int_equal(said.tag, 12);
	assert_int_equal(said.stream[0].confirmed, 0);
	m.conn_id = 2;
	assert_int_equal(say(&m), OFTP_EV_END);
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
	assert_int_equal(oftp_server_bad_sequence(&server, &got), OFTP_EV_END);
	heard_error(OFTP_E_SEQUENCE);
}

static void a_server_that_was_restored_asks_for_a_new_epoch(void **state)
{
	struct oftp_msg m = login_message();
	static struct stream later;
	static struct stream_range more[4];

	(void)state;
	m.stream[0].confirmed = 5; /* we know of none */
	assert_int_equal(say(&m), OFTP_EV_LOGIN);
	assert_true(oftp_server_attach(&server, 0, &stream, got.stream[0].confirmed));
	oftp_server_verdict(&server, &NONE);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(said.stream[0].state, OFTP_STREAM_NEW_EPOCH);
	/* It begins one before it sends. */
	m = (struct oftp_msg){.version = 1,
		.type = OFTP_SEQ_QUERY,
		.tag = 31,
		.has = HAS(CONN_ID) | HAS(EPOCH),
		.conn_id = 1,
		.epoch = 99};
	assert_int_equal(say(&m), OFTP_EV_EPOCH);
	assert_int_equal(server.streams[server.current].epoch, 99);
	assert_false(oftp_server_ready(&server));
	stream_init(&later, 99, 1, more, 4);
	assert_false(oftp_server_attach(&server, server.current, &later, 0));
	heard(OFTP_SEQ_REPLY);
	assert_int_equal(said.tag, 31);
	assert_int_equal(said.stream[0].epoch, 99);
	oftp_server_flush(&server);
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
	assert_int_equal(say(&m), OFTP_EV_LOGIN);
	assert_false(oftp_server_attach(&server, 0, &stream, 0));
	assert_false(oftp_server_attach(&server, 1, &second, 0));
	oftp_server_verdict(&server, &NONE);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(item(1, EPOCH, 1), OFTP_EV_ITEM);
	m = (struct oftp_msg){.version = 1,
		.type = OFTP_SEQ_QUERY,
		.tag = 31,
		.has = HAS(CONN_ID) | HAS(EPOCH),
		.conn_id = 1,
		.epoch = 99};
	assert_int_equal(say(&m), OFTP_EV_EPOCH);
	oftp_server_confirmed(&server, 0); /* of the old epoch, too late */
	oftp_server_flush(&server);
	assert_false(hear());
	assert_int_equal(stream_accept(&second, 1, 1), STREAM_NEW);
	stream_durable(&second, &mark);
	oftp_server_confirmed(&server, 1);
	oftp_server_flush(&server);
	heard(OFTP_SEQ_REPLY);
	assert_int_equal(said.tag, 0);
	assert_int_equal(said.n_streams, 1);
	assert_int_equal(said.stream[0].conn_id, 2);
	assert_int_equal(said.stream[0].confirmed, 1);
	stream_init(&later, 99, 1, more[1], 4);
	assert_false(oftp_server_attach(&server, 0, &later, 0));
	heard(OFTP_SEQ_REPLY);
	assert_int_equal(said.tag, 31);
	assert_int_equal(said.n_streams, 1);
	assert_int_equal(said.stream[0].epoch, 99);
	assert_int_equal(said.stream[0].confirmed, 0);
	oftp_server_flush(&server);
	assert_false(hear());
}

static void an_item_of_the_stale_epoch_ends_it(void **state)
{
	struct oftp_msg m = login_message();

	(void)state;
	m.stream[0].confirmed = 5;
	say(&m);
	oftp_server_attach(&server, 0, &stream, 5);
	oftp_server_verdict(&server, &NONE);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(item(6, EPOCH, 1), OFTP_EV_END);
	heard_error(OFTP_E_SEQUENCE);
}

static void lz4_must_have_been_agreed(void **state)
{
	struct oftp_msg m = login_message();

	(void)state;
	m.features = 0;
	say(&m);
	oftp_server_attach(&server, 0, &stream, 0);
	oftp_server_verdict(&server, &NONE);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(said.features, 0);
	m = item_message(1, EPOCH, 1);
	m.codec = OFTP_LZ4;
	m.payload = (struct oftp_bytes){(const uint8_t *)"\x30log", 4};
	assert_int_equal(say(&m), OFTP_EV_END);
	heard_error(OFTP_E_VALUE);
}

static void without_reliable_no_items_come_here(void **state)
{
	struct oftp_msg m = login_message();

	(void)state;
	m.reliable = 0;
	say(&m);
	oftp_server_attach(&server, 0, &stream, 0);
	oftp_server_verdict(&server, &NONE);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(bare(OFTP_KEEPALIVE, 1), OFTP_EV_NONE);
	heard(OFTP_KEEPALIVE_ANSWER);
	assert_int_equal(item(1, EPOCH, 1), OFTP_EV_END);
	heard_error(OFTP_E_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		session_test(what_is_confirmed_is_told_unasked_and_once),
		session_test(a_query_is_answered_with_the_mark),
		session_test(an_item_of_no_named_stream_or_epoch_ends_it),
		session_test(a_server_that_was_restored_asks_for_a_new_epoch),
		session_test(a_new_epoch_is_not_told_of_before_its_stream_is_there),
		session_test(an_item_of_the_stale_epoch_ends_it),
		session_test(lz4_must_have_been_agreed),
		session_test(without_reliable_no_items_come_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
