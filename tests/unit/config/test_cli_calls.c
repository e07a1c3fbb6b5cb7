/* Requests and exit statuses, against a fake sluiced. */
#include "cli_test.h"

#include "control/cli/conn.h"

static void result_as_json_is_one_line(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"status", NULL,
			 RESULT("{\"schema\":1,\"state\":\"ready\",\"x\":[1,2]}")}),
		"status", "--json");
	assert_int_equal(ran.status, CLI_DONE);
	assert_string_equal(ran.out, "{\"schema\":1,\"state\":\"ready\",\"x\":[1,2]}\n");
	assert_string_equal(ran.err, "");
}

static void parameters_reach_sluiced(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES(
			 {"account.show", "{\"device\":\"FW \\u00e9\"}", RESULT("{\"schema\":1}")}),
		"account", "show", "FW \xc3\xa9", "--json");
	assert_int_equal(ran.status, CLI_DONE);
	RUN_WITH(EXCHANGES({"account.show", NULL, RESULT("{\"schema\":1}")}), "account", "show",
		"--json");
	assert_int_equal(ran.status, CLI_DONE);
	RUN_WITH(EXCHANGES({"session.kill", "{\"id\":17}", RESULT("{\"schema\":1,\"id\":17}")}),
		"session", "kill", "17");
	assert_string_equal(ran.out, "session 17 ended\n");
	RUN_WITH(EXCHANGES({"session.list", "{\"device\":\"d\",\"limit\":5}", RESULT("{}")}),
		"session", "list", "--limit", "5", "--device", "d");
	assert_int_equal(ran.status, CLI_DONE);
	RUN_WITH(EXCHANGES({"settings.set", "{\"name\":\"event-level\",\"value\":\"debug\"}",
			 RESULT("{\"schema\":1,\"name\":\"event-level\",\"value\":\"debug\"}")}),
		"settings", "set", "event-level", "debug");
	assert_string_equal(ran.out, "event-level = debug\n");
	RUN_WITH(EXCHANGES(
			 {"audit.list", "{\"limit\":3,\"before_id\":9}", RESULT("{\"audit\":[]}")}),
		"audit", "list", "--limit", "3", "--before", "9");
	assert_string_equal(ran.out, "nothing was changed yet\n");
}

static void numbers_are_checked_before_anything_is_sent(void **state)
{
	(void)state;
	assert_int_equal(RUN("session", "kill", "x"), CLI_USAGE);
	assert_non_null(strstr(ran.err, "session \"x\": expected a whole number"));
	assert_int_equal(RUN("cert", "issue", "FGT60F0000000001", "--days", "99999"), CLI_USAGE);
	assert_string_equal(ran.err,
		"sluicectl: --days \"99999\": expected a whole number from 1 to "
		"36500\n");
	assert_int_equal(RUN("cert", "ca-init", "--days", "0"), CLI_USAGE);
	assert_non_null(strstr(ran.err, "from 1 to 36500"));
	assert_int_equal(RUN("cert", "expiring", "--days", "36501"), CLI_USAGE);
	assert_non_null(strstr(ran.err, "from 0 to 36500"));
	assert_int_equal(RUN("session", "list", "--limit", "1000001"), CLI_USAGE);
	assert_non_null(strstr(ran.err, "from 0 to 1000000"));
	assert_int_equal(RUN("audit", "list", "--limit", "10001"), CLI_USAGE);
	assert_non_null(strstr(ran.err, "from 0 to 10000"));
	assert_int_equal(RUN("top", "--limit", "1001"), CLI_USAGE);
	assert_non_null(
		strstr(ran.err, "--limit \"1001\": expected a whole number from 0 to 1000"));
	assert_int_equal(RUN("debug", "start", "oftpd", "0"), CLI_USAGE);
	assert_non_null(strstr(ran.err, "from 1 to 255"));
	assert_int_equal(RUN("session", "list", "--limit", "-1"), CLI_USAGE);
	assert_int_equal(RUN("audit", "list", "--before", "9223372036854775808"), CLI_USAGE);
	assert_int_equal(RUN("top", "--count", "0"), CLI_USAGE);
	assert_int_equal(RUN("top", "--interval", "soon"), CLI_USAGE);
	assert_int_equal(RUN("wait", "ready", "--timeout", "2d"), CLI_USAGE);
}

static void a_refusal_is_told_with_its_reason(void **state)
{
	static const struct {
		const char *reason;
		int status;
	} cases[] = {{"not_found", CLI_NOT_FOUND}, {"no_right", CLI_NO_RIGHT},
		{"timeout", CLI_TIMEOUT}, {"not_available", CLI_FAILED}, {"busy", CLI_FAILED}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char answer[256], said[128];
		struct exchange script = {"gap.list", "{\"device\":\"x\"}", answer};

		snprintf(answer, sizeof(answer),
			"{\"jsonrpc\":\"2.0\",\"id\":$ID,\"error\":{\"code\":-32000,\"message\":"
			"\"no \\u001bx\","
			"\"data\":{\"reason\":\"%s\"}}}\n",
			cases[i].reason);
		fake_start(&script, 1);
		assert_int_equal(RUN("--socket", fake.socket, "gap", "list", "x"), cases[i].status);
		fake_stop();
		snprintf(said, sizeof(said), "sluicectl: no \\x1bx (%s)\n", cases[i].reason);
		assert_string_equal(ran.err, said);
		assert_string_equal(ran.out, "");
	}
}

/* Without a terminal to ask on, --yes is the only way. */
static void what_is_gone_for_ever_goes_with_yes(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"cert.delete", "{\"name\":\"ca\",\"sure\":false}",
			 "{\"jsonrpc\":\"2.0\",\"id\":$ID,\"error\":{\"code\":-32000,\"message\":"
			 "\"devices depend on it\",\"data\":{\"reason\":\"not_sure\"}}}\n"}),
		"cert", "delete", "ca");
	assert_int_equal(ran.status, CLI_FAILED);
	assert_string_equal(ran.err, "sluicectl: devices depend on it (not_sure)\n"
				     "sluicectl: nothing is deleted: --yes does it\n");
	RUN_WITH(EXCHANGES({"cert.delete", "{\"name\":\"ca\",\"sure\":true}",
			 RESULT("{\"schema\":1,\"name\":\"ca\",\"deleted\":true}")}),
		"cert", "delete", "ca", "--yes");
	assert_int_equal(ran.status, CLI_DONE);
	assert_string_equal(ran.out, "ca is deleted\n");
}

static void an_error_without_a_reason_is_a_failure(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"status", NULL,
			 "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":"
			 "\"not "
			 "JSON\"}}\n"}),
		"status");
	assert_int_equal(ran.status, CLI_FAILED);
	assert_string_equal(ran.err, "sluicectl: not JSON\n");
}

static void the_trace_is_printed_line_by_line(void **state)
{
	(void)state;
	RUN_WITH(
		EXCHANGES({"debug.start",
			"{\"what\":\"oftpd\",\"level\":8,\"address\":\"192.0.2.7\"}",
			RESULT("{\"schema\":1,\"watching\":true}") "{\"jsonrpc\":\"2.0\","
								   "\"method\":\"debug.line\","
								   "\"params\":{\"schema\":1,"
								   "\"line\":\"[T1] "
								   "one\",\"lost\":0}}\n"
								   "{\"jsonrpc\":\"2.0\","
								   "\"method\":\"debug.line\","
								   "\"params\":{\"schema\":1,"
								   "\"line\":\"two "
								   "\\u001b[31m\",\"lost\":7}}\n"}),
		"debug", "start", "oftpd", "8", "192.0.2.7");
	assert_string_equal(ran.out, "[T1] one\n(7 lines lost)\ntwo \\x1b[31m\n");
	assert_int_equal(ran.status, CLI_ABSENT); /* sluiced has ended */
	assert_int_equal(RUN("debug", "start", "oftpd", "loud"), CLI_USAGE);
}

static void nobody_there(void **state)
{
	(void)state;
	assert_int_equal(RUN("--socket", "/nonexistent/s", "status"), CLI_ABSENT);
	assert_string_equal(
		ran.err, "sluicectl: no sluiced at /nonexistent/s: No such file or directory\n");
	setenv("SLUICE_SOCKET", "/nonexistent/env", 1);
	assert_int_equal(RUN("status"), CLI_ABSENT);
	assert_non_null(strstr(ran.err, "/nonexistent/env"));
	unsetenv("SLUICE_SOCKET");
	assert_int_equal(RUN("--socket",
				 "/a-name-that-is-longer-than-what-fits-into-the-address-of-a-unix-"
				 "socket-which-"
				 "is-one-hundred-and-seven-bytes",
				 "status"),
		CLI_ABSENT);
}

static void the_configuration_names_the_socket(void **state)
{
	char path[] = "/tmp/sluice-cli-XXXXXX",
	     *argv[] = {(char *)"sluicectl", (char *)"status", NULL};
	static const char yaml[] = "control: {socket: /nonexistent/from-yaml}\nunknown: 1\n";
	char *err = NULL;
	int fd = mkstemp(path);
	size_t len;
	FILE *f = open_memstream(&err, &len);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, yaml, sizeof(yaml) - 1), sizeof(yaml) - 1);
	close(fd);
	assert_int_equal(cli_main(2, argv, path, stdout, f), CLI_ABSENT);
	fclose(f);
	assert_non_null(strstr(err, "no sluiced at /nonexistent/from-yaml"));
	free(err);
	unlink(path);
	/* Unless one runs on this machine while it is tested. */
	if (RUN("status") != CLI_DONE)
		assert_non_null(strstr(ran.err, "/run/sluice/control.sock"));
}

static void a_password_comes_from_a_file_and_never_from_argv(void **state)
{
	char path[] = "/tmp/sluice-cli-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "open sesame\r\nsecond line\n", 25), 25);
	close(fd);
	RUN_WITH(EXCHANGES({"user.add", "{\"user\":\"fw\",\"password\":\"open sesame\"}",
			 RESULT("{\"schema\":1,\"user\":\"fw\",\"done\":\"added\"}")}),
		"user", "add", "fw", "--password-file", path);
	assert_string_equal(ran.out, "fw: added\n");
	RUN_WITH(EXCHANGES({"device.set",
			 "{\"device\":\"*\",\"key\":\"preshared-key\",\"value\":\"open sesame\"}",
			 RESULT("{\"schema\":1,\"device\":\"*\",\"preshared_key\":true}")}),
		"device", "set", "*", "preshared-key", "--password-file", path);
	assert_string_equal(ran.out, "preshared key for all devices: set\n");
	RUN_WITH(EXCHANGES({"device.set",
			 "{\"device\":\"A\",\"key\":\"preshared-key\",\"value\":\"\"}",
			 RESULT("{\"schema\":1,\"device\":\"A\",\"state\":\"pending\"}")}),
		"device", "set", "A", "preshared-key", "none");
	unlink(path);
	assert_int_equal(RUN("device", "set", "A", "preshared-key", "open sesame"), CLI_USAGE);
	assert_non_null(strstr(ran.err, "--password-file"));
	assert_int_equal(RUN("device", "set", "A", "legacy"), CLI_USAGE);
	assert_int_equal(RUN("user", "add", "fw", "--password-file", path), CLI_USAGE);
	assert_non_null(strstr(ran.err, "No such file"));
}

static void sluiced_that_goes_away(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"status", NULL, NULL}), "status");
	assert_int_equal(ran.status, CLI_ABSENT);
	assert_non_null(strstr(ran.err, "has closed the connection"));
}

static void what_is_no_json_rpc(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"status", NULL, "HTTP/1.1 400 Bad Request\n"}), "status");
	assert_int_equal(ran.status, CLI_FAILED);
	assert_non_null(strstr(ran.err, "does not speak JSON-RPC"));
	RUN_WITH(EXCHANGES({"status", NULL, "{\"jsonrpc\":\"2.0\",\"id\":$ID}\n"}), "status");
	assert_int_equal(ran.status, CLI_FAILED);
}

static void notifications_before_the_answer_are_passed_over(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"version", NULL,
			 "{\"jsonrpc\":\"2.0\",\"method\":\"journal.durable\",\"params\":{}}"
			 "\n" RESULT("{\"schema\":1,\"version\":\"9.9\"}")}),
		"version");
	assert_string_equal(ran.out, "sluicectl " SLUICE_VERSION "\nsluiced   9.9\n");
}

static void silence_has_an_end(void **state)
{
	static const struct exchange script[] = {{"status", NULL, ""}};
	struct conn conn;
	json_t *message;

	(void)state;
	fake_start(script, 1);
	assert_int_equal(conn_open(&conn, fake.socket), 0);
	assert_int_equal(conn_send(&conn, "status", NULL), 1);
	assert_int_equal(conn_read(&conn, conn_now_us() + 20000, &message), CONN_TIMEOUT);
	conn_close(&conn);
	fake_stop();
}

/* An answer of many megabytes, as of 100,000 accounts, that comes in pieces. */
static void long_answers(void **state)
{
	const size_t n = 3 << 20;
	char *answer = malloc(n + 100);
	struct exchange script = {"account.list", NULL, answer};
	int head;

	(void)state;
	assert_non_null(answer);
	head = sprintf(answer, "{\"jsonrpc\":\"2.0\",\"id\":$ID,\"result\":{\"x\":\"");
	memset(answer + head, 'a', n);
	memcpy(answer + head + n, "\"}}\n", sizeof("\"}}\n"));
	fake_start(&script, 1);
	assert_int_equal(RUN("--socket", fake.socket, "account", "list", "--json"), CLI_DONE);
	fake_stop();
	assert_int_equal(ran.out_len, n + strlen("{\"x\":\"\"}\n"));
	free(answer);
}

/* ---- wait ready ------------------------------------------------------------------------- */

static void wait_ready_waits_for_the_answer(void **state)
{
	static const char answer[] = RESULT("{\"schema\":1,\"ready\":true}");
	struct exchange script = {"wait.ready", NULL, answer};

	(void)state;
	/* The time left is in the parameters and not exact. */
	fake_start(&script, 1);
	RUN("--socket", fake.socket, "wait", "ready", "--timeout", "5");
	assert_string_equal(ran.out, "ready\n");
	assert_int_equal(ran.status, CLI_DONE);
	fake_end();
	assert_non_null(strstr(fake.problem, "\"timeout_s\":4.9"));
}

static void wait_ready_times_out(void **state)
{
	static const char answer[] = REFUSED("timeout", "not ready in time: starting");
	struct exchange script = {"wait.ready", NULL, answer};

	(void)state;
	fake_start(&script, 1);
	RUN("--socket", fake.socket, "wait", "ready", "--timeout", "1");
	assert_int_equal(ran.status, CLI_TIMEOUT);
	fake_end();
	assert_int_equal(RUN("--socket", "/nonexistent/s", "wait", "ready", "--timeout", "50ms"),
		CLI_TIMEOUT);
	assert_non_null(strstr(ran.err, "no sluiced at /nonexistent/s in time"));
}

static void wait_ready_finds_the_sluiced_that_comes_later(void **state)
{
	static const char answer[] = RESULT("{\"schema\":1,\"ready\":true}");
	struct exchange script[] = {{"wait.ready", NULL, NULL}, {"wait.ready", NULL, answer}};

	(void)state;
	/* The first one goes away without a word. */
	fake_start(script, 2);
	RUN("--socket", fake.socket, "wait", "ready", "--timeout", "10");
	assert_int_equal(ran.status, CLI_DONE);
	fake_end();
}

/* ---- config check ----------------------------------------------------------------------- */

static void config_check_of_a_file_needs_no_sluiced(void **state)
{
	char path[] = "/tmp/sluice-cli-XXXXXX", said[256];
	static const char bad[] =
		"ports: [{name: p, devargs: d, addresses: [192.0.2.2/24]}]\nnode:\n  nme: x\n";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bad, sizeof(bad) - 1), sizeof(bad) - 1);
	assert_int_equal(RUN("config", "check", path), CLI_FAILED);
	snprintf(said, sizeof(said),
		"%s:3:3: node.nme: unknown key: expected one of name, serial; is name meant?\n",
		path);
	assert_string_equal(ran.out, said);
	assert_int_equal(RUN("config", "check", path, "--json"), CLI_FAILED);
	assert_non_null(strstr(ran.out,
		"\"valid\":false,\"errors\":[{\"line\":3,\"column\":3,\"path\":\"node.nme\""));

	assert_int_equal(pwrite(fd, "  name: y\n", 10, sizeof(bad) - 1 - 9), 10);
	assert_int_equal(RUN("config", "check", path), CLI_DONE);
	snprintf(said, sizeof(said), "%s is valid\n", path);
	assert_string_equal(ran.out, said);
	close(fd);
	unlink(path);
}

static void config_check_asks_sluiced_about_its_own(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"config.check", NULL,
			 RESULT("{\"schema\":1,\"file\":\"/"
				"e.yaml\",\"valid\":true,\"errors\":[],\"omitted\":0,"
				"\"changes\":[{\"path\":\"limits.sessions\",\"before\":\"5\","
				"\"after\":\"6\","
				"\"live\":true}]}")}),
		"config", "check");
	assert_int_equal(ran.status, CLI_DONE);
	assert_string_equal(ran.out, "/e.yaml is valid\n"
				     "CHANGED          FROM  TO  APPLIES\n"
				     "limits.sessions  5     6   at a reload\n");
	RUN_WITH(EXCHANGES({"config.check", NULL,
			 RESULT("{\"schema\":1,\"file\":\"/"
				"e.yaml\",\"valid\":false,\"errors\":[{\"line\":0,"
				"\"column\":0,\"path\":\"\",\"text\":\"cannot be "
				"read\"}],\"omitted\":0}")}),
		"config", "check");
	assert_int_equal(ran.status, CLI_FAILED);
	assert_string_equal(ran.out, "/e.yaml: cannot be read\n");
}

static void a_refused_reload_tells_all_that_is_wrong(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"config.reload", NULL,
			 "{\"jsonrpc\":\"2.0\",\"id\":$ID,\"error\":{\"code\":-32000,\"message\":"
			 "\"nothing is "
			 "changed: these need a restart: "
			 "journal.dir\",\"data\":{\"reason\":\"needs_restart\","
			 "\"errors\":[],\"changes\":[{\"path\":\"journal.dir\",\"before\":\"/"
			 "a\",\"after\":\"/b\","
			 "\"live\":false}]}}}\n"}),
		"config", "reload");
	assert_int_equal(ran.status, CLI_FAILED);
	assert_string_equal(ran.err,
		"sluicectl: nothing is changed: these need a restart: journal.dir (needs_restart)\n"
		"CHANGED      FROM  TO  APPLIES\n"
		"journal.dir  /a    /b  after a restart\n");
}

/* ---- top -------------------------------------------------------------------------------- */

static void top_shows_as_many_screens_as_asked(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"top", "{\"limit\":20}", RESULT("{\"n\":0,\"interval_s\":0.0}")},
			 {"top", "{\"limit\":20}", RESULT("{\"n\":1,\"interval_s\":1.0}")},
			 {"top", "{\"limit\":20}", RESULT("{\"n\":2,\"interval_s\":1.0}")}),
		"top", "--json", "--count", "2", "--interval", "10ms");
	assert_int_equal(ran.status, CLI_DONE);
	assert_string_equal(
		ran.out, "{\"n\":1,\"interval_s\":1.0}\n{\"n\":2,\"interval_s\":1.0}\n");
	RUN_WITH(EXCHANGES({"top", "{\"limit\":3}", RESULT("{\"interval_s\":1.0}")}), "top",
		"--once", "--limit", "3", "--json");
	assert_string_equal(ran.out, "{\"interval_s\":1.0}\n");
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
	char *argv[] = {(char *)"sluicectl", (char *)"--help", NULL}, *err = NULL;
	size_t len;
	FILE *full = fopen("/dev/full", "w"), *f = open_memstream(&err, &len);

	(void)state;
	assert_non_null(full);
	assert_int_equal(cli_main(2, argv, "/nonexistent", full, f), CLI_FAILED);
	fclose(f);
	fclose(full);
	assert_string_equal(err, "sluicectl: cannot write the output\n");
	free(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(result_as_json_is_one_line),
		cmocka_unit_test(parameters_reach_sluiced),
		cmocka_unit_test(numbers_are_checked_before_anything_is_sent),
		cmocka_unit_test(a_refusal_is_told_with_its_reason),
		cmocka_unit_test(what_is_gone_for_ever_goes_with_yes),
		cmocka_unit_test(an_error_without_a_reason_is_a_failure),
		cmocka_unit_test(the_trace_is_printed_line_by_line),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(the_configuration_names_the_socket),
		cmocka_unit_test(a_password_comes_from_a_file_and_never_from_argv),
		cmocka_unit_test(sluiced_that_goes_away),
		cmocka_unit_test(what_is_no_json_rpc),
		cmocka_unit_test(notifications_before_the_answer_are_passed_over),
		cmocka_unit_test(silence_has_an_end),
		cmocka_unit_test(long_answers),
		cmocka_unit_test(wait_ready_waits_for_the_answer),
		cmocka_unit_test(wait_ready_times_out),
		cmocka_unit_test(wait_ready_finds_the_sluiced_that_comes_later),
		cmocka_unit_test(config_check_of_a_file_needs_no_sluiced),
		cmocka_unit_test(config_check_asks_sluiced_about_its_own),
		cmocka_unit_test(a_refused_reload_tells_all_that_is_wrong),
		cmocka_unit_test(top_shows_as_many_screens_as_asked),
		cmocka_unit_test(output_that_cannot_be_written_is_a_failure),
	};

	unsetenv("SLUICE_SOCKET");
	return cmocka_run_group_tests(tests, NULL, forget_run);
}
