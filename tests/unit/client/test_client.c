/* The client's side of the OFTP profile; the server is written with the codec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "tests/unit/client/talk.h"

static void items_wait_are_sent_and_leave_when_confirmed(void **state)
{
	(void)state;
	add("one");
	add("two");
	assert_int_equal(stats().memory.items, 2);
	log_in(0, NULL);
	assert_int_equal(said.stream[0].epoch, 101);
	heard_item(1, "one");
	heard_item(2, "two");
	assert_false(hear());
	assert_int_equal(stats().memory.items, 0);
	assert_int_equal(stats().confirm.items, 2);
	assert_int_equal(confirm(1, "one"), CLIENT_NOTHING);
	assert_int_equal(stats().confirm.items, 1);
	confirm(2, "two");
	assert_int_equal(stats().confirm.items, 0);
	assert_int_equal(stats().confirmed_logs, 2);
}

static void after_a_cut_what_is_not_confirmed_is_sent_again(void **state)
{
	(void)state;
	add("one");
	add("two");
	log_in(0, NULL);
	heard_item(1, "one");
	heard_item(2, "two");
	client_lost(c, now);
	add("three");
	log_in(1, "one");
	heard_item(2, "two");
	heard_item(3, "three");
}

static void the_window_is_a_bound(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++)
		add("log");
	log_in(0, NULL);
	for (uint64_t seq = 1; seq <= 3; seq++)
		heard_item(seq, "log");
	assert_false(hear());
	confirm(2, "log");
	heard_item(4, "log");
	heard_item(5, "log");
	assert_false(hear());
}

static void a_number_that_it_never_sent_begins_a_new_epoch(void **state)
{
	(void)state;
	add("one");
	log_in(9, "nine"); /* as after the client was restored from a snapshot */
	heard(OFTP_SEQ_QUERY);
	assert_int_equal(said.conn_id, 7);
	assert_int_equal(said.epoch, 102);
	heard_item(1, "one");
	assert_int_equal(said.epoch, 102);
}

static void an_item_that_is_another_begins_a_new_epoch(void **state)
{
	(void)state;
	add("one");
	log_in(0, NULL);
	heard_item(1, "one");
	client_lost(c, now);
	log_in(1, "ONE");
	heard(OFTP_SEQ_QUERY);
	heard_item(1, "one");
	assert_int_equal(stats().epochs, 2);
	assert_int_equal(stats().confirm.items, 1);
}

static void a_server_that_was_restored_asks_for_a_new_epoch(void **state)
{
	struct oftp_msg m;

	(void)state;
	add("one");
	log_in(0, NULL);
	heard_item(1, "one");
	confirm(1, "one");
	add("two");
	heard_item(2, "two");
	client_lost(c, now);
	connects();
	assert_int_equal(said.stream[0].confirmed, 1);
	m = reply(OFTP_ALLOWED, 101, 0, NULL, OFTP_STREAM_NEW_EPOCH);
	assert_int_equal(tell(&m), CLIENT_NOTHING);
	heard(OFTP_SEQ_QUERY);
	heard_item(1, "two");
}

static void confirming_what_was_not_sent_ends_the_session(void **state)
{
	(void)state;
	log_in(0, NULL);
	assert_int_equal(confirm(1, "one"), CLIENT_DISCONNECT);
	assert_int_equal(stats().state, CLIENT_DOWN);
}

static void while_pending_nothing_is_sent(void **state)
{
	struct oftp_msg m;

	(void)state;
	add("one");
	connects();
	m = reply(OFTP_PENDING, 101, 0, NULL, OFTP_STREAM_GO_ON);
	assert_int_equal(tell(&m), CLIENT_NOTHING);
	assert_int_equal(stats().state, CLIENT_PENDING);
	assert_false(hear());
	m.type = OFTP_AUTH_CHANGED;
	m.has = HAS(RESULT) | HAS(STREAM);
	m.result = OFTP_ALLOWED;
	assert_int_equal(tell(&m), CLIENT_NOTHING);
	heard_item(1, "one");
}

static void refused_it_says_why_and_tries_again(void **state)
{
	struct oftp_msg m;

	(void)state;
	connects();
	m = reply(OFTP_REFUSED, 101, 0, NULL, OFTP_STREAM_GO_ON);
	m.has |= HAS(REASON);
	m.reason = (struct text){"denied", 6};
	assert_int_equal(tell(&m), CLIENT_DISCONNECT);
	assert_string_equal(stats().reason, "denied");
	assert_int_equal(client_deadline(c), now + 2 * S);
	connects();
}

static void hold_stops_it_and_go_lets_it_go_on(void **state)
{
	struct oftp_msg m = {.version = 1, .type = OFTP_STATUS, .has = HAS(LOG_STATUS)};

	(void)state;
	log_in(0, NULL);
	m.log_status = OFTP_HOLD;
	tell(&m);
	add("one");
	assert_false(hear());
	m.log_status = OFTP_GO;
	tell(&m);
	heard_item(1, "one");
}

static void quiet_it_sends_a_keepalive_and_silence_ends_it(void **state)
{
	const uint64_t opened = now;

	(void)state;
	log_in(0, NULL);
	for (unsigned i = 0; i < 3; i++) {
		now = client_deadline(c);
		assert_int_equal(client_tick(c, now), CLIENT_NOTHING);
		heard(OFTP_KEEPALIVE);
	}
	now = client_deadline(c);
	assert_int_equal(client_tick(c, now), CLIENT_DISCONNECT);
	assert_int_equal(now - opened, 4 * 5 * S);
}

static void a_connection_that_does_not_come_about_is_tried_again(void **state)
{
	(void)state;
	assert_int_equal(client_tick(c, now), CLIENT_CONNECT);
	now = client_deadline(c);
	assert_int_equal(client_tick(c, now), CLIENT_DISCONNECT);
	assert_int_equal(client_tick(c, now), CLIENT_NOTHING);
	now = client_deadline(c);
	assert_int_equal(client_tick(c, now), CLIENT_CONNECT);
}

static void past_the_bound_the_oldest_is_dropped_and_told(void **state)
{
	static char log[200000];

	(void)state;
	memset(log, 'a', sizeof(log) - 1);
	for (unsigned i = 0; i < 5; i++)
		add(log); /* two fit */
	assert_int_equal(stats().dropped, 3);
	assert_int_equal(stats().memory.items, 2);
	log_in(0, NULL);
	heard(OFTP_LOG_DATA);
	assert_int_equal(said.seq_no, 1);
	assert_int_equal(said.dropped_before, 3);
	heard(OFTP_LOG_DATA);
	assert_false(oftp_has(&said, OFTP_O_DROPPED_BEFORE));
	/* What was sent and is dropped makes a gap, and is not told: its number is missing. */
	add(log);
	assert_int_equal(stats().dropped, 4);
	heard(OFTP_LOG_DATA);
	assert_int_equal(said.seq_no, 3);
	assert_false(oftp_has(&said, OFTP_O_DROPPED_BEFORE));
	assert_int_equal(
		stats().added, stats().dropped + stats().memory.logs + stats().confirm.logs);
}

static void bytes_that_are_no_message_end_it(void **state)
{
	(void)state;
	log_in(0, NULL);
	assert_int_equal(client_received(c, (const uint8_t *)"HTTP/1.1 400 Bad\r\n", 18, now),
		CLIENT_DISCONNECT);
}

#define client_test(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		client_test(items_wait_are_sent_and_leave_when_confirmed),
		client_test(after_a_cut_what_is_not_confirmed_is_sent_again),
		client_test(the_window_is_a_bound),
		client_test(a_number_that_it_never_sent_begins_a_new_epoch),
		client_test(an_item_that_is_another_begins_a_new_epoch),
		client_test(a_server_that_was_restored_asks_for_a_new_epoch),
		client_test(confirming_what_was_not_sent_ends_the_session),
		client_test(while_pending_nothing_is_sent),
		client_test(refused_it_says_why_and_tries_again),
		client_test(hold_stops_it_and_go_lets_it_go_on),
		client_test(quiet_it_sends_a_keepalive_and_silence_ends_it),
		client_test(a_connection_that_does_not_come_about_is_tried_again),
		client_test(past_the_bound_the_oldest_is_dropped_and_told),
		client_test(bytes_that_are_no_message_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
