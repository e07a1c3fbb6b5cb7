/* log show, from sluiced and from a journal's directory. */
#include "cli_test.h"

#include "dataplane/journal/journal.h"

#define ENTRIES(logs)                                                                              \
	"{\"jsonrpc\":\"2.0\",\"method\":\"log.entries\",\"params\":{\"schema\":1,\"logs\":[" logs \
	"]}}\n"
#define LOG(text)                                                                                  \
	"{\"schema\":1,\"time\":\"2025-11-21T22:08:01.123456789Z\",\"device\":\"fw-1\",\"flags\":" \
	"[]," text "}"
#define END RESULT("{\"schema\":1,\"logs\":2,\"corrupt_blocks\":0}")

static void time_device_log(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"log.show", NULL,
			 ENTRIES(LOG("\"log\":\"<189>a=1 \\u00e9\"") "," LOG(
				 "\"log\":\"b\\u001b[2J\\nc\"")) END}),
		"log", "show");
	assert_int_equal(ran.status, CLI_DONE);
	assert_string_equal(ran.out, "2025-11-21T22:08:01.123456Z fw-1 <189>a=1 \xc3\xa9\n"
				     "2025-11-21T22:08:01.123456Z fw-1 b\\x1b[2J\\x0ac\n");
}

static void raw_is_byte_for_byte(void **state)
{
	(void)state;
	/* "\xff\x00\n" and "a\0b" */
	RUN_WITH(EXCHANGES({"log.show", NULL,
			 ENTRIES(LOG("\"log_base64\":\"/wAK\"")) ENTRIES(LOG(
				 "\"log\":\"a\\u0000b\"") "," LOG("\"log_base64\":\"/w==\"")) END}),
		"log", "show", "--raw");
	assert_int_equal(ran.status, CLI_DONE);
	assert_int_equal(ran.out_len, 10);
	assert_memory_equal(ran.out, "\xff\0\n\na\0b\n\xff\n", 10);
}

static void json_lines(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"log.show", NULL,
			 ENTRIES(LOG("\"log\":\"x\"") "," LOG("\"log_base64\":\"/w==\"")) END}),
		"log", "show", "--json");
	assert_string_equal(ran.out, LOG("\"log\":\"x\"") "\n" LOG("\"log_base64\":\"/w==\"") "\n");
}

static void the_question_reaches_sluiced(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"log.show",
			 "{\"device\":\"fw-1\",\"since_ns\":1763762881000000000,\"until_ns\":"
			 "1763762882500000000,\"grep\":\"a+\",\"follow\":true}",
			 END}),
		"log", "show", "--device", "fw-1", "--since", "2025-11-21T22:08:01Z", "--until",
		"1763762882.5", "--grep", "a+", "--follow");
	assert_int_equal(ran.status, CLI_DONE);
}

static void what_is_wrong_with_the_question(void **state)
{
	(void)state;
	assert_int_equal(RUN("log", "show", "--since", "1h", "--until", "2h"), CLI_USAGE);
	assert_string_equal(ran.err, "sluicectl: --since is later than --until\n");
	assert_int_equal(RUN("log", "show", "--since", "yesterday"), CLI_USAGE);
	assert_string_equal(ran.err, "sluicectl: --since \"yesterday\": expected RFC 3339 "
				     "(2025-11-21T22:08:01Z), seconds since 1970, "
				     "or 90s, 15m, 2h, 3d ago\n");
	assert_int_equal(RUN("log", "show", "--raw", "--json"), CLI_USAGE);
	RUN_WITH(EXCHANGES({"log.show", "{\"grep\":\"(\"}",
			 REFUSED("invalid", "parameter grep: bad")}),
		"log", "show", "--grep", "(");
	assert_int_equal(ran.status, CLI_FAILED);
}

static void a_stream_that_breaks_is_no_success(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"log.show", NULL, NULL}), "log", "show");
	assert_int_equal(ran.status, CLI_ABSENT);
	RUN_WITH(EXCHANGES({"log.show", NULL, ENTRIES(LOG("\"nolog\":1")) END}), "log", "show");
	assert_int_equal(ran.status, CLI_FAILED);
	RUN_WITH(EXCHANGES({"log.show", NULL, ENTRIES(LOG("\"log_base64\":\"/w=\"")) END}), "log",
		"show");
	assert_int_equal(ran.status, CLI_FAILED);
	RUN_WITH(EXCHANGES({"log.show", NULL, ENTRIES(LOG("\"log_base64\":\"!w==\"")) END}), "log",
		"show");
	assert_int_equal(ran.status, CLI_FAILED);
}

static void skipped_corruption_is_told(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"log.show", NULL, RESULT("{\"logs\":0,\"corrupt_blocks\":3}")}), "log",
		"show");
	assert_int_equal(ran.status, CLI_DONE);
	assert_string_equal(
		ran.err, "sluicectl: 3 corrupt blocks were skipped: see journal verify\n");
}

/* ---- from a directory ------------------------------------------------------------------- */

static char dir[] = "/tmp/sluice-cli-journal-XXXXXX";

static void append(struct block *b, uint16_t device, uint64_t time_ns, const char *log)
{
	const struct block_row row = {
		.time_ns = time_ns,
		.len = (uint32_t)strlen(log),
		.device = device,
		.source = BLOCK_NONE,
		.vdom = BLOCK_NONE,
		.stream = BLOCK_NONE,
		.transport = TRANSPORT_UDP,
	};

	memcpy(block_append(b, &row), log, row.len);
}

/* One run of a writer: opens the journal, adds what `fill` puts into a block, closes it. */
static void write_journal(void (*fill)(struct block *b))
{
	struct journal_config cfg;
	struct journal_recovery recovery;
	struct journal_fault fault = {0};
	struct journal_port *port;
	struct journal *j;
	struct block *b;

	journal_config_defaults(&cfg);
	snprintf(cfg.dir, sizeof(cfg.dir), "%s", dir);
	cfg.pool_blocks = 8;
	cfg.min_free = 0;
	if (journal_open(&cfg, 1, &j, &recovery, &fault) != JOURNAL_OK)
		fail_msg("%s", fault.text);
	assert_int_equal(journal_start(j, &fault), JOURNAL_OK);
	port = journal_port(j, 0);
	b = journal_block_get(port);
	assert_non_null(b);
	fill(b);
	journal_submit(port, b);
	journal_stop(j);
	while (journal_completed(port, &b, 1) == 1)
		journal_block_put(port, b);
	journal_close(j);
}

static void three_logs(struct block *b)
{
	uint16_t fw1 = block_device_add(b, "fw-1", 4, 0), fw2 = block_device_add(b, "fw-2", 4, 1);

	append(b, fw1, 1763762881000000000u, "one");
	append(b, fw2, 1763762882000000000u, "two");
	append(b, fw1, 1763762883000000000u, "three \x1b\xff");
}

static void a_later_log(struct block *b)
{
	append(b, block_device_add(b, "fw-3", 4, 0), 1763762884000000000u, "four");
}

static int make_journal(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	write_journal(three_logs);
	return 0;
}

static int remove_journal(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	forget_run(NULL);
	return system(command);
}

static void a_directory_reads_without_sluiced(void **state)
{
	(void)state;
	assert_int_equal(RUN("log", "show", "--dir", dir), CLI_DONE);
	assert_string_equal(ran.out, "2025-11-21T22:08:01.000000Z fw-1 one\n"
				     "2025-11-21T22:08:02.000000Z fw-2 two\n"
				     "2025-11-21T22:08:03.000000Z fw-1 three \\x1b\\xff\n");
	assert_int_equal(RUN("log", "show", "--dir", dir, "--raw", "--device", "fw-1"), CLI_DONE);
	assert_string_equal(ran.out, "one\nthree \x1b\xff\n");
	assert_int_equal(RUN("log", "show", "--dir", dir, "--raw", "--since",
				 "2025-11-21T22:08:02Z", "--until", "1763762882"),
		CLI_DONE);
	assert_string_equal(ran.out, "two\n");
	assert_int_equal(RUN("log", "show", "--dir", dir, "--raw", "--grep", "^t.o$"), CLI_DONE);
	assert_string_equal(ran.out, "two\n");
}

static void a_directory_as_json(void **state)
{
	json_t *log;

	(void)state;
	assert_int_equal(RUN("log", "show", "--dir", dir, "--json", "--device", "fw-2"), CLI_DONE);
	log = json_loads(ran.out, 0, NULL);
	assert_non_null(log);
	assert_int_equal(json_integer_value(json_object_get(log, "schema")), 1);
	assert_string_equal(json_string_value(json_object_get(log, "log")), "two");
	assert_string_equal(json_string_value(json_object_get(log, "device")), "fw-2");
	assert_string_equal(json_string_value(json_object_get(log, "transport")), "udp");
	assert_string_equal(
		json_string_value(json_object_get(log, "time")), "2025-11-21T22:08:02.000000000Z");
	json_decref(log);
}

static void a_directory_lists_and_verifies(void **state)
{
	json_t *r;

	(void)state;
	assert_int_equal(RUN("journal", "list", "--dir", dir), CLI_DONE);
	assert_non_null(strstr(ran.out, "0000000000000001.zst"));
	assert_int_equal(RUN("journal", "verify", "--dir", dir), CLI_DONE);
	assert_non_null(strstr(ran.out, "3 logs in 1 blocks of 1 segment"));
	assert_non_null(strstr(ran.out, ": clean\n"));
	assert_int_equal(RUN("journal", "verify", "--dir", dir, "--json"), CLI_DONE);
	r = json_loads(ran.out, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(r, "schema")), 1);
	assert_int_equal(json_integer_value(json_object_get(r, "logs")), 3);
	assert_int_equal(json_integer_value(json_object_get(r, "corrupt")), 0);
	json_decref(r);
}

/* Takes what was there at first, and adds a log to the journal; then takes that one and breaks,
 * which is what ends the following. */
static struct {
	char seen[256];
	size_t len;
	bool added;
} reader;

static ssize_t take(void *cookie, const char *data, size_t len)
{
	(void)cookie;
	assert_true(len < sizeof(reader.seen) - reader.len);
	memcpy(reader.seen + reader.len, data, len);
	reader.len += len;
	if (reader.added)
		return 0;
	reader.added = true;
	write_journal(a_later_log);
	return (ssize_t)len;
}

static void a_directory_is_followed(void **state)
{
	char *argv[] = {(char *)"sluicectl", (char *)"log", (char *)"show", (char *)"--raw",
		(char *)"--follow", (char *)"--dir", dir, NULL};
	FILE *out = fopencookie(NULL, "w", (cookie_io_functions_t){.write = take}), *err;
	char *said = NULL;
	size_t len;

	(void)state;
	assert_non_null(out);
	err = open_memstream(&said, &len);
	assert_non_null(err);
	assert_int_equal(cli_main(7, argv, "/nonexistent", out, err), CLI_FAILED);
	fclose(out);
	fclose(err);
	assert_string_equal(reader.seen, "one\ntwo\nthree \x1b\xff\nfour\n");
	free(said);
}

static void a_directory_that_is_none(void **state)
{
	(void)state;
	assert_int_equal(RUN("log", "show", "--dir", "/nonexistent"), CLI_NOT_FOUND);
	assert_non_null(strstr(ran.err, "/nonexistent"));
	assert_int_equal(RUN("journal", "list", "--dir", "/nonexistent"), CLI_NOT_FOUND);
	assert_int_equal(RUN("journal", "verify", "--dir", "/nonexistent"), CLI_NOT_FOUND);
	assert_int_equal(RUN("log", "show", "--dir", dir, "--grep", "("), CLI_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_device_log),
		cmocka_unit_test(raw_is_byte_for_byte),
		cmocka_unit_test(json_lines),
		cmocka_unit_test(the_question_reaches_sluiced),
		cmocka_unit_test(what_is_wrong_with_the_question),
		cmocka_unit_test(a_stream_that_breaks_is_no_success),
		cmocka_unit_test(skipped_corruption_is_told),
		cmocka_unit_test(a_directory_reads_without_sluiced),
		cmocka_unit_test(a_directory_as_json),
		cmocka_unit_test(a_directory_lists_and_verifies),
		cmocka_unit_test(a_directory_that_is_none),
		cmocka_unit_test(a_directory_is_followed),
	};

	return cmocka_run_group_tests(tests, make_journal, remove_journal);
}
