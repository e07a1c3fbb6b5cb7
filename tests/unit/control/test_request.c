/* One request line: what is no JSON, no request, no method, no right, or has wrong parameters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/control/harness.h"

/* The answer to a line, from the pure entry; NULL: there is none. */
static json_t *say(struct harness *h, const char *line, size_t len)
{
	const struct peer who = {.pid = 1, .uid = 1000, .role = h->role};
	struct text out = {0};
	json_t *v = NULL;

	control_request(h->c, NULL, &who, line, len, &out);
	assert_false(out.failed);
	if (out.len) {
		json_error_t e;

		assert_int_equal(out.data[out.len - 1], '\n');
		assert_null(memchr(out.data, '\n', out.len - 1));
		v = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, &e);
		if (!v)
			fail_msg("%s: %.*s", e.text, (int)out.len, out.data);
	}
	text_free(&out);
	return v;
}

static void refused(
	struct harness *h, const char *line, int code, const char *reason, const char *part)
{
	json_t *v = say(h, line, strlen(line));

	assert_non_null(v);
	assert_number(v, "error.code", code);
	assert_text(v, "error.data.reason", reason);
	assert_contains(json_string_value(at(v, "error.message")), part);
	json_decref(v);
}

static void what_is_not_json_is_answered_with_its_position(void **state)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,,}";
	json_t *v;

	refused(*state, "hello", -32700, "invalid", "not JSON");
	refused(*state, "{\"jsonrpc\":\"2.0\",\"id\":1", -32700, "invalid", "not JSON");
	refused(*state, "{\"a\":1,\"a\":2}", -32700, "invalid", "duplicate");
	v = say(*state, line, strlen(line));
	assert_true(json_is_null(at(v, "id")));
	assert_number(v, "error.data.position", 25);
	json_decref(v);
	/* A NUL byte is no end of anything. */
	v = say(*state, "{\"id\":1\0}", 9);
	assert_number(v, "error.code", -32700);
	json_decref(v);
	v = say(*state, "\xff\xfe", 2);
	assert_number(v, "error.code", -32700);
	json_decref(v);
}

static void what_is_no_request_is_told_why(void **state)
{
	refused(*state, "[]", -32600, "invalid", "batches (arrays) are not supported");
	refused(*state, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}]", -32600, "invalid",
		"one object a line");
	refused(*state, "5", -32600, "invalid", "must be an object, not a number");
	refused(*state, "null", -32600, "invalid", "not null");
	refused(*state, "{}", -32600, "invalid", "no jsonrpc");
	refused(*state, "{\"jsonrpc\":\"1.0\",\"method\":\"status\"}", -32600, "invalid",
		"\"1.0\"");
	refused(*state, "{\"jsonrpc\":2,\"method\":\"status\"}", -32600, "invalid",
		"jsonrpc must be the string \"2.0\", not a number");
	refused(*state, "{\"jsonrpc\":\"2.0\"}", -32600, "invalid", "no method");
	refused(*state, "{\"jsonrpc\":\"2.0\",\"method\":true}", -32600, "invalid", "a boolean");
	refused(*state, "{\"jsonrpc\":\"2.0\",\"method\":\"status\",\"id\":{}}", -32600, "invalid",
		"id must be a string or a number, not an object");
	refused(*state, "{\"jsonrpc\":\"2.0\",\"method\":\"status\",\"param\":{}}", -32600,
		"invalid", "\"param\"");
}

static void the_id_comes_back_as_it_was(void **state)
{
	static const char *const ids[] = {"1", "-7", "\"abc\"", "1.5", "null", "9007199254740993"};

	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		json_t *want = json_loads(ids[i], JSON_DECODE_ANY, NULL);
		char line[128];
		json_t *v;

		snprintf(line, sizeof(line),
			"{\"jsonrpc\":\"2.0\",\"method\":\"version\",\"id\":%s}", ids[i]);
		v = say(*state, line, strlen(line));
		assert_true(json_equal(at(v, "id"), want));
		assert_number(v, "result.schema", 1);
		json_decref(v);
		/* Also in an error that was found after the id. */
		snprintf(
			line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"method\":5,\"id\":%s}", ids[i]);
		v = say(*state, line, strlen(line));
		assert_true(json_equal(at(v, "id"), want));
		json_decref(v);
		json_decref(want);
	}
}

static void a_notification_is_done_and_not_answered(void **state)
{
	static const char kill[] =
		"{\"jsonrpc\":\"2.0\",\"method\":\"session.kill\",\"params\":{\"id\":41}}";
	static const char wrong[] = "{\"jsonrpc\":\"2.0\",\"method\":\"no.such\"}";
	struct harness *h = *state;

	assert_null(say(h, kill, strlen(kill)));
	assert_int_equal(h->dp->sessions_count, 0);
	assert_null(say(h, wrong, strlen(wrong)));
}

static void an_unknown_method_names_the_nearest(void **state)
{
	json_t *v;
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"acount.list\"}";

	v = say(*state, line, strlen(line));
	assert_number(v, "error.code", -32601);
	assert_text(v, "error.data.nearest", "account.list");
	assert_contains(json_string_value(at(v, "error.message")), "did you mean account.list?");
	json_decref(v);
	refused(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"xyzzy\"}", -32601, "invalid",
		"method.list");
}

static void parameters_are_checked_by_name(void **state)
{
	static const struct {
		const char *request, *param, *says;
	} v[] = {
		{"\"method\":\"status\",\"params\":{\"x\":1}", "x", "takes no parameters"},
		{"\"method\":\"log.show\",\"params\":{\"devise\":\"x\"}", "devise", "mean device?"},
		{"\"method\":\"log.show\",\"params\":{\"q\":\"x\"}", "q", "has none of this name"},
		{"\"method\":\"account.show\",\"params\":{\"device\":7}", "device",
			"expected the name of a device"},
		{"\"method\":\"session.kill\",\"params\":{}", "id", "is missing"},
		{"\"method\":\"session.kill\"", "id", "is missing"},
		{"\"method\":\"session.kill\",\"params\":{\"id\":-1}", "id", "expected the number"},
		{"\"method\":\"session.kill\",\"params\":{\"id\":1.5}", "id",
			"expected the number"},
		{"\"method\":\"wait.ready\",\"params\":{\"timeout_s\":\"5\"}", "timeout_s",
			"seconds"},
		{"\"method\":\"wait.ready\",\"params\":{\"timeout_s\":1e9}", "timeout_s", "86400"},
		{"\"method\":\"wait.ready\",\"params\":{\"timeout_s\":-1}", "timeout_s", "seconds"},
		{"\"method\":\"log.show\",\"params\":{\"follow\":1}", "follow", "true or false"},
		{"\"method\":\"request.cancel\",\"params\":{\"id\":[]}", "id", "expected the id"},
		{"\"method\":\"top\",\"params\":{\"limit\":1001}", "limit", "0 to 1000"},
		{"\"method\":\"account.show\",\"params\":{\"device\":"
		 "\"0123456789012345678901234567890123456789012345678901234567890123456789\"}",
			"device", "expected"},
	};

	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char line[512];
		json_t *a;

		snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":1,%s}", v[i].request);
		a = say(*state, line, strlen(line));
		assert_number(a, "error.code", -32602);
		assert_text(a, "error.data.reason", "invalid");
		assert_text(a, "error.data.param", v[i].param);
		assert_contains(json_string_value(at(a, "error.message")), v[i].param);
		assert_contains(json_string_value(at(a, "error.message")), v[i].says);
		json_decref(a);
	}
	refused(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\",\"params\":[1]}",
		-32602, "invalid", "params must be an object of named values, not an array");
}

static void who_has_no_right_learns_nothing_else(void **state)
{
	struct harness *h = *state;
	static const char *const lines[] = {"hello", "{}", "[]",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"no.such\"}",
		"{\"jsonrpc\":\"2.0\",\"method\":\"status\"}"};

	h->role = ROLE_NONE;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		refused(h, lines[i], -32000, "no_right", "user 1000 has no right here");
	/* With the id, so that the one who asked knows what was refused. */
	json_t *v = say(h, lines[3], strlen(lines[3]));

	assert_number(v, "id", 1);
	json_decref(v);
}

static void a_reader_reads_and_changes_nothing(void **state)
{
	static const char *const writes[] = {"session.kill", "settings.set", "config.reload",
		"journal.resume", "device.authorize"};
	struct harness *h = *state;

	h->role = ROLE_READ;
	json_decref(harness_result(h, "status", NULL));
	json_decref(harness_result(h, "audit.list", NULL));
	for (unsigned i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		char line[128];

		snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"}",
			writes[i]);
		refused(h, line, -32000, "no_right", "sluice-admin");
	}
}

static void what_is_answered_later_needs_a_connection(void **state)
{
	struct harness *h = *state;

	h->dp->ports[0].up = false;
	refused(h, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"wait.ready\"}", -32000, "invalid",
		"needs a connection");
	refused(h, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"log.show\"}", -32000, "invalid",
		"needs a connection");
	refused(h, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"journal.verify\"}", -32000,
		"invalid", "needs a connection");
	refused(h, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"journal.subscribe\"}", -32000,
		"invalid", "needs a connection");
}

static void deep_nesting_is_refused_not_followed(void **state)
{
	char *line = malloc(200000);
	json_t *v;

	memset(line, '[', 200000);
	v = say(*state, line, 200000);
	assert_number(v, "error.code", -32700);
	json_decref(v);
	free(line);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_not_json_is_answered_with_its_position),
		T(what_is_no_request_is_told_why),
		T(the_id_comes_back_as_it_was),
		T(a_notification_is_done_and_not_answered),
		T(an_unknown_method_names_the_nearest),
		T(parameters_are_checked_by_name),
		T(who_has_no_right_learns_nothing_else),
		T(a_reader_reads_and_changes_nothing),
		T(what_is_answered_later_needs_a_connection),
		T(deep_nesting_is_refused_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
