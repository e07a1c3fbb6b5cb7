/* log.show and journal.subscribe: what streams. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/log_json.h"
#include "control/method.h"
#include "tests/unit/control/harness.h"

static void put(struct harness *h, const char *device, const char *log)
{
	fake_log_add(h->dp, device, log, strlen(log));
}

static int ask(struct harness *h, const char *params)
{
	struct text t = {0};
	int fd = harness_connect(h);

	text_printf(&t, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"log.show\",\"params\":%s}\n",
		params);
	text_char(&t, '\0');
	harness_send(fd, t.data);
	text_free(&t);
	return fd;
}

/* All logs of a request that ends, in an array; the answer in *result. */
static json_t *collect(struct harness *h, int fd, json_t **result)
{
	json_t *logs = json_array();

	for (;;) {
		json_t *v = harness_read(h, fd);

		if (json_object_get(v, "id")) {
			*result = v;
			close(fd);
			return logs;
		}
		assert_text(v, "method", "log.entries");
		assert_number(v, "params.schema", 1);
		json_array_extend(logs, at(v, "params.logs"));
		json_decref(v);
	}
}

static void logs_come_in_order_and_then_the_answer(void **state)
{
	struct harness *h = *state;
	json_t *result, *logs;

	for (int i = 0; i < 1000; i++) {
		char log[32];

		snprintf(log, sizeof(log), "log %d", i);
		put(h, i % 2 ? "odd" : "even", log);
	}
	logs = collect(h, ask(h, "{}"), &result);
	assert_int_equal(json_array_size(logs), 1000);
	for (int i = 0; i < 1000; i++) {
		char log[32];

		snprintf(log, sizeof(log), "log %d", i);
		assert_text(json_array_get(logs, (size_t)i), "log", log);
	}
	assert_number(result, "result.schema", 1);
	assert_number(result, "result.logs", 1000);
	assert_number(result, "result.blocks_read", 1000);
	assert_number(result, "result.blocks_skipped", 0);
	assert_number(result, "result.corrupt_blocks", 0);
	json_decref(result);
	json_decref(logs);
}

static void a_log_has_the_shape_of_interfaces(void **state)
{
	struct harness *h = *state;
	struct fake_log *l = fake_log_put(h->dp, "FGT-A", "hello\tworld\xff", 12);
	json_t *logs, *result;

	l->stream = l->vdom = true;
	l->seq_no = 77;
	l->flags = 3;
	put(h, "FGT-B", "plain");
	logs = collect(h, ask(h, "{}"), &result);
	assert_text(logs, "0.time", "2025-01-01T00:00:00.000000000Z");
	assert_text(logs, "0.device", "FGT-A");
	assert_text(logs, "0.vdom", "root");
	assert_text(logs, "0.source", "192.0.2.7");
	assert_number(logs, "0.source_port", 514);
	assert_text(logs, "0.transport", "udp");
	assert_number(logs, "0.conn_id", 3);
	assert_text(logs, "0.epoch", "0000000000abcdef");
	assert_number(logs, "0.seq_no", 77);
	assert_text(logs, "0.flags.0", "cut");
	assert_text(logs, "0.flags.1", "lf");
	/* Not UTF-8: base64, and no `log`. */
	assert_text(logs, "0.log_base64", "aGVsbG8Jd29ybGT/");
	assert_null(json_object_get(json_array_get(logs, 0), "log"));
	assert_true(json_is_null(at(logs, "1.vdom")));
	assert_true(json_is_null(at(logs, "1.source")));
	assert_true(json_is_null(at(logs, "1.seq_no")));
	assert_text(logs, "1.log", "plain");
	json_decref(result);
	json_decref(logs);
}

static void the_question_narrows_it(void **state)
{
	static const struct {
		const char *params;
		unsigned n;
	} v[] = {
		{"{\"device\":\"a\"}", 2},
		{"{\"device\":\"c\"}", 0},
		{"{\"grep\":\"^x[0-9]$\"}", 2},
		{"{\"device\":\"a\",\"grep\":\"x1\"}", 1},
		{"{\"since_ns\":1735689600000000001}", 3},
		{"{\"until_ns\":1735689600000000001}", 2},
		{"{\"since_ns\":1735689600000000001,\"until_ns\":1735689600000000001}", 1},
	};
	struct harness *h = *state;

	put(h, "a", "x1");
	put(h, "a", "y1");
	put(h, "b", "x2");
	put(h, "b", "y2");
	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		json_t *result, *logs = collect(h, ask(h, v[i].params), &result);

		assert_int_equal(json_array_size(logs), v[i].n);
		assert_number(result, "result.logs", v[i].n);
		json_decref(result);
		json_decref(logs);
	}
}

static void an_empty_journal_gives_nothing(void **state)
{
	json_t *result, *logs = collect(*state, ask(*state, "{}"), &result);

	assert_int_equal(json_array_size(logs), 0);
	assert_number(result, "result.logs", 0);
	json_decref(result);
	json_decref(logs);
}

static void what_the_reader_refuses_is_an_error(void **state)
{
	struct harness *h = *state;
	json_t *e;

	put(h, "a", "x");
	e = harness_error(h, "log.show", "{\"grep\":\"(\"}");
	assert_number(e, "code", -32602);
	assert_reason(e, "invalid");
	json_decref(e);
	h->dp->journal.refuse_open = true;
	harness_refused(h, "log.show", "{}", "failed", "no such directory");
}

static void following_sees_what_becomes_durable(void **state)
{
	struct harness *h = *state;
	int fd = ask(h, "{\"follow\":true,\"grep\":\"yes\"}");
	char log[32];

	harness_settle(h); /* an empty journal: it waits for the first block */
	for (int i = 0; i < 50; i++) {
		json_t *v;

		put(h, "d", "no");
		snprintf(log, sizeof(log), "yes %d", i);
		put(h, "d", log);
		v = harness_read(h, fd);
		assert_text(v, "params.logs.0.log", log);
		assert_int_equal(json_array_size(at(v, "params.logs")), 1);
		json_decref(v);
	}
	/* Nothing that is not announced as durable is shown. */
	fake_log_put(h->dp, "d", "yes, but later", 14);
	harness_settle(h);
	fake_announce(h->dp);
	json_decref(harness_read(h, fd));
	close(fd);
	while (jobs_running(h->c->jobs))
		assert_int_equal(control_round(h->c, 1000), 0);
	assert_null(h->c->streams);
}

static void following_ends_when_it_is_cancelled(void **state)
{
	struct harness *h = *state;
	int fd = ask(h, "{\"follow\":true}");
	json_t *v;

	put(h, "d", "one");
	json_decref(harness_read(h, fd));
	harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"request.cancel\","
			 "\"params\":{\"id\":1}}\n");
	v = harness_read(h, fd);
	assert_number(v, "id", 2);
	json_decref(v);
	v = harness_read(h, fd);
	assert_number(v, "id", 1);
	assert_text(v, "error.data.reason", "cancelled");
	json_decref(v);
	close(fd);
}

static void a_slow_reader_holds_up_only_its_own_stream(void **state)
{
	struct harness *h = *state;
	char *big = malloc(10001);
	json_t *result, *logs;
	int fd;

	memset(big, 'x', 10000);
	big[10000] = '\0';
	for (int i = 0; i < 1000; i++)
		put(h, "d", big); /* 10 MB */
	fd = ask(h, "{}");
	for (int i = 0; i < 50; i++)
		harness_settle(h);
	/* It does not read: no more is kept for it than the bounds say. */
	assert_true(server_counters(h->c->server)->bytes_out < 2 * SERVER_HIGH_WATER + 1000000);
	json_decref(harness_result(h, "status", NULL));
	logs = collect(h, fd, &result);
	assert_int_equal(json_array_size(logs), 1000);
	json_decref(logs);
	json_decref(result);
	free(big);
}

static void a_client_that_goes_away_ends_its_stream(void **state)
{
	struct harness *h = *state;

	for (int i = 0; i < 5000; i++)
		put(h, "d", "0123456789012345678901234567890123456789012345678901234567890123");
	close(ask(h, "{}"));
	close(ask(h, "{\"follow\":true}"));
	harness_settle(h);
	while (jobs_running(h->c->jobs))
		assert_int_equal(control_round(h->c, 1000), 0);
	assert_null(h->c->streams);
}

static void so_many_readers_and_no_more(void **state)
{
	struct harness *h = *state;
	int fds[CONTROL_MAX_JOBS];

	for (int i = 0; i < CONTROL_MAX_JOBS; i++)
		fds[i] = ask(h, "{\"follow\":true}");
	harness_settle(h);
	assert_int_equal(jobs_running(h->c->jobs), CONTROL_MAX_JOBS);
	harness_refused(h, "log.show", NULL, "busy", NULL);
	harness_refused(h, "journal.list", NULL, "busy", NULL);
	for (int i = 0; i < CONTROL_MAX_JOBS; i++)
		close(fds[i]);
}

static void the_end_of_sluiced_ends_all_readers(void **state)
{
	struct harness *h = *state;
	int fds[4];

	put(h, "d", "x");
	for (int i = 0; i < 4; i++)
		fds[i] = ask(h, "{\"follow\":true}");
	harness_settle(h);
	harness_stop(h); /* asserts that none is left behind */
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

static void subscribers_hear_of_each_commit(void **state)
{
	struct harness *h = *state;
	int fd = harness_connect(h);
	json_t *v;

	put(h, "d", "before");
	harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"journal.subscribe\"}\n");
	v = harness_read(h, fd);
	assert_number(v, "id", 1);
	assert_number(v, "result.schema", 1);
	assert_number(v, "result.subscription", 1);
	assert_number(v, "result.durable_block", 1);
	assert_number(v, "result.logs", 1);
	json_decref(v);
	for (int i = 2; i < 20; i++) {
		put(h, "d", "x");
		v = harness_read(h, fd);
		assert_text(v, "method", "journal.durable");
		assert_number(v, "params.durable_block", i);
		assert_number(v, "params.logs", i);
		assert_number(v, "params.lost", 0);
		json_decref(v);
	}
	harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"journal.unsubscribe\","
			 "\"params\":{\"subscription\":1}}\n");
	v = harness_read(h, fd);
	assert_true(json_is_true(at(v, "result.ended")));
	json_decref(v);
	assert_null(h->c->subscriptions);
	harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"journal.unsubscribe\","
			 "\"params\":{\"subscription\":1}}\n");
	v = harness_read(h, fd);
	assert_text(v, "error.data.reason", "not_found");
	json_decref(v);
	close(fd);
}

static void a_slow_subscriber_is_told_what_it_lost_and_hears_the_last_word(void **state)
{
	struct harness *h = *state;
	int fd = harness_connect(h);
	int64_t lost = 0, block = 0;
	json_t *v;

	h->dp->many = 2000;
	harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"journal.subscribe\"}\n"
			 "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"account.list\"}\n");
	harness_settle(h);
	for (int i = 0; i < 100; i++) {
		put(h, "d", "x");
		harness_settle(h);
	}
	assert_true(h->c->counters.announce_lost > 0);
	while (block < 100) {
		v = harness_read(h, fd);
		if (!json_object_get(v, "id")) {
			assert_true(json_integer_value(at(v, "params.durable_block")) > block);
			block = json_integer_value(at(v, "params.durable_block"));
			lost = json_integer_value(at(v, "params.lost"));
		}
		json_decref(v);
	}
	assert_int_equal(lost, h->c->counters.announce_lost);
	close(fd);
	harness_settle(h);
	assert_null(h->c->subscriptions);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(logs_come_in_order_and_then_the_answer),
		T(a_log_has_the_shape_of_interfaces),
		T(the_question_narrows_it),
		T(an_empty_journal_gives_nothing),
		T(what_the_reader_refuses_is_an_error),
		T(following_sees_what_becomes_durable),
		T(following_ends_when_it_is_cancelled),
		T(a_slow_reader_holds_up_only_its_own_stream),
		T(a_client_that_goes_away_ends_its_stream),
		T(so_many_readers_and_no_more),
		T(the_end_of_sluiced_ends_all_readers),
		T(subscribers_hear_of_each_commit),
		T(a_slow_subscriber_is_told_what_it_lost_and_hears_the_last_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
