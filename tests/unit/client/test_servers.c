/* Two servers: each has a sequence of its own. LZ4, preshared key, a login that only looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/client/diag.h"
#include "tests/unit/client/talk.h"

static void each_server_has_an_epoch_and_numbers(void **state)
{
	(void)state;
	add("one");
	log_in(0, NULL);
	assert_int_equal(said.stream[0].epoch, 101);
	heard_item(1, "one");
	confirm(1, "one");
	client_lost(c, now);
	aimed_at = 1;
	add("two");
	log_in(0, NULL);
	assert_int_equal(said.stream[0].epoch, 102);
	assert_int_equal(said.stream[0].confirmed, 0);
	heard_item(1, "two");
	confirm(1, "two");
	client_lost(c, now);
	aimed_at = 0;
	add("three");
	log_in(1, "one");
	assert_int_equal(said.stream[0].epoch, 101);
	assert_int_equal(said.stream[0].confirmed, 1);
	heard_item(2, "three");
	assert_int_equal(stats().epochs, 1);
}

static void unconfirmed_goes_to_the_other_and_comes_back_by_its_number(void **state)
{
	(void)state;
	add("one");
	add("two");
	add("three");
	log_in(0, NULL);
	heard_item(1, "one");
	heard_item(2, "two");
	heard_item(3, "three");
	client_lost(c, now);
	aimed_at = 1;
	connects();
	/* What the primary may have waits like what nobody has. */
	assert_int_equal(stats().memory.items, 3);
	assert_int_equal(stats().confirm.items, 0);
	client_lost(c, now);
	log_in(0, NULL);
	heard_item(1, "one");
	heard_item(2, "two");
	confirm(1, "one");
	client_lost(c, now);
	/* The primary had stored 2 and lost the answer. */
	aimed_at = 0;
	log_in(2, "two");
	assert_int_equal(stats().confirm.items, 1);
	heard_item(3, "three");
	assert_int_equal(confirm(3, "three"), CLIENT_NOTHING);
	assert_int_equal(stats().confirmed_logs, 3);
	assert_int_equal(stats().epochs, 1);
}

static void what_another_has_confirmed_is_skipped(void **state)
{
	(void)state;
	add("one");
	add("two");
	log_in(0, NULL);
	heard_item(1, "one");
	heard_item(2, "two");
	client_lost(c, now);
	aimed_at = 1;
	log_in(0, NULL);
	heard_item(1, "one");
	heard_item(2, "two");
	confirm(2, "two");
	client_lost(c, now);
	add("three");
	aimed_at = 0;
	log_in(0, NULL);
	heard_item(3, "three");
	assert_int_equal(confirm(3, "three"), CLIENT_NOTHING);
	assert_int_equal(stats().added, stats().confirmed_logs);
}

static void dropped_is_told_once_whoever_is_there(void **state)
{
	static char log[200000];

	(void)state;
	memset(log, 'a', sizeof(log) - 1);
	for (unsigned i = 0; i < 4; i++)
		add(log);
	assert_int_equal(stats().dropped, 2);
	log_in(0, NULL);
	heard(OFTP_LOG_DATA);
	assert_int_equal(said.dropped_before, 2);
	client_lost(c, now);
	/* Sent to one is not unsent: the other learns of what the item tells, and of no more. */
	add(log);
	assert_int_equal(stats().dropped, 3);
	aimed_at = 1;
	log_in(0, NULL);
	heard(OFTP_LOG_DATA);
	assert_false(oftp_has(&said, OFTP_O_DROPPED_BEFORE));
}

static void logs_compress_where_the_server_takes_it(void **state)
{
	static char log[5000];
	uint8_t raw[5000];
	struct client_config cfg = {.serial = "FGT1",
		.preshared_key = "open sesame",
		.conn_id = 7,
		.bound = 2 * OFTP_ITEM_RAW_MAX,
		.window = 4,
		.lz4 = true,
		.conn_timeout_us = S,
		.keepalive_us = S,
		.retry_us = S,
		.random = epochs};
	struct oftp_msg m;

	(void)state;
	memset(log, 'a', sizeof(log) - 1);
	client_free(c);
	c = client_new(&cfg);
	add(log);
	connects();
	assert_int_equal(said.features, OFTP_FEATURE_LZ4);
	assert_memory_equal(said.preshared_key.at, "open sesame", 11);
	m = reply(OFTP_ALLOWED, said.stream[0].epoch, 0, NULL, OFTP_STREAM_GO_ON);
	m.features = OFTP_FEATURE_LZ4;
	tell(&m);
	heard(OFTP_LOG_DATA);
	assert_int_equal(said.codec, OFTP_LZ4);
	assert_true(said.payload.len < 100);
	assert_memory_equal(oftp_item_logs(&said, raw), log, sizeof(log) - 1);
	/* Too short, or a server that does not. */
	add("short");
	heard(OFTP_LOG_DATA);
	assert_int_equal(said.codec, OFTP_RAW);
	client_lost(c, now);
	log_in(0, NULL);
	heard(OFTP_LOG_DATA);
	assert_int_equal(said.codec, OFTP_RAW);
}

static void a_visit_names_no_stream_and_sends_nothing(void **state)
{
	struct client_config cfg = {.serial = "FGT1",
		.bound = 2 * OFTP_ITEM_RAW_MAX,
		.window = 4,
		.visit = true,
		.random = epochs};
	struct oftp_msg m;

	(void)state;
	client_free(c);
	c = client_new(&cfg);
	add("one");
	connects();
	assert_false(oftp_has(&said, OFTP_O_STREAM));
	m = reply(OFTP_ALLOWED, 1, 0, NULL, OFTP_STREAM_GO_ON);
	m.has &= ~HAS(STREAM);
	m.n_streams = 0;
	assert_int_equal(tell(&m), CLIENT_NOTHING);
	assert_int_equal(stats().state, CLIENT_OPEN);
	assert_false(hear());
	assert_string_equal(client_server(c)->serials[0], "SL");
}

static void the_rate_bounds_what_is_sent(void **state)
{
	struct client_config cfg = {.serial = "FGT1",
		.conn_id = 7,
		.bound = 2 * OFTP_ITEM_RAW_MAX,
		.window = 4,
		.rate = 3,
		.conn_timeout_us = S,
		.keepalive_us = 100 * S,
		.retry_us = S,
		.random = epochs};

	(void)state;
	client_free(c);
	c = client_new(&cfg);
	add("one");
	add("two");
	log_in(0, NULL);
	heard_item(1, "one");
	assert_false(hear());
	assert_in_range(client_deadline(c), now + 1, now + S + 1);
	now = client_deadline(c);
	assert_int_equal(client_tick(c, now), CLIENT_NOTHING);
	heard_item(2, "two");
}

/* Long queues are told in part: the first and the last. */
static void diagnostics_of_a_long_queue_have_an_end(void **state)
{
	char *text = NULL;
	size_t len, lines = 0;
	FILE *f;

	(void)state;
	for (unsigned i = 0; i < 3000; i++)
		add("log");
	f = open_memstream(&text, &len);
	diag_items(&(struct diag){.client = c, .server = "", .source_ip = "", .max = 1000}, f);
	fclose(f);
	for (const char *p = text; (p = strstr(p, "type:3, cat=0, log_count=1, seq_no=0,")); p++)
		lines++;
	assert_int_equal(lines, DIAG_ENTRIES);
	assert_non_null(strstr(text, "                        ......\n"));
	assert_non_null(strstr(text, "'total log count':3000,  'total data len':9000\n"));
	free(text);
}

#define servers_test(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		servers_test(each_server_has_an_epoch_and_numbers),
		servers_test(unconfirmed_goes_to_the_other_and_comes_back_by_its_number),
		servers_test(what_another_has_confirmed_is_skipped),
		servers_test(dropped_is_told_once_whoever_is_there),
		servers_test(logs_compress_where_the_server_takes_it),
		servers_test(a_visit_names_no_stream_and_sends_nothing),
		servers_test(the_rate_bounds_what_is_sent),
		servers_test(diagnostics_of_a_long_queue_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
