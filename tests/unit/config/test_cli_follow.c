/* log show --dir --follow: woken by the kernel when the directory changes. */
#include "cli_test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "control/cli/dir_watch.h"
#include "dataplane/journal/journal.h"

static char dir[64];

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-cli-follow-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static void put(const char *name, const char *text)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void every_kind_of_change_wakes(void **state)
{
	char from[200];
	char to[200];
	int watch = dir_watch_open(dir);

	(void)state;
	assert_true(watch >= 0);
	assert_int_equal(dir_watch_wait(watch, -1, 0), 0);
	put("a", "new file");
	assert_int_equal(dir_watch_wait(watch, -1, DIR_WATCH_FOREVER), 1);
	assert_int_equal(dir_watch_wait(watch, -1, 0), 0);
	put("a", "more");
	assert_int_equal(dir_watch_wait(watch, -1, DIR_WATCH_FOREVER), 1);
	snprintf(from, sizeof(from), "%s/a", dir);
	snprintf(to, sizeof(to), "%s/b", dir);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(dir_watch_wait(watch, -1, DIR_WATCH_FOREVER), 1);
	assert_int_equal(unlink(to), 0);
	assert_int_equal(dir_watch_wait(watch, -1, DIR_WATCH_FOREVER), 1);
	assert_int_equal(dir_watch_wait(watch, -1, 0), 0);
	dir_watch_close(watch);
}

static void a_reader_that_is_gone_ends_it(void **state)
{
	int watch = dir_watch_open(dir);
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	close(p[0]);
	assert_int_equal(dir_watch_wait(watch, p[1], DIR_WATCH_FOREVER), -EPIPE);
	close(p[1]);
	dir_watch_close(watch);
	assert_int_equal(dir_watch_open("/nonexistent"), -ENOENT);
}

struct follower {
	pthread_t thread;
	FILE *out, *in;
	int status;
};

static void *follow(void *arg)
{
	struct follower *f = arg;
	char *argv[] = {(char *)"sluicectl", (char *)"log", (char *)"show", (char *)"--dir", dir,
		(char *)"--follow", (char *)"--raw", NULL};

	f->status = cli_main(7, argv, "/nonexistent.yaml", f->out, stderr);
	return NULL;
}

static struct journal *journal_here(void)
{
	struct journal_config cfg;
	struct journal_fault fault;
	struct journal *j;

	journal_config_defaults(&cfg);
	snprintf(cfg.dir, sizeof(cfg.dir), "%s", dir);
	cfg.pool_blocks = 8;
	cfg.block_size = 64u << 10;
	cfg.min_free = 0;
	assert_int_equal(journal_open(&cfg, 1, &j, NULL, &fault), JOURNAL_OK);
	assert_int_equal(journal_start(j, &fault), JOURNAL_OK);
	return j;
}

static void log_one(struct journal *j, const char *text)
{
	struct block_row row = {.time_ns = 1,
		.len = (uint32_t)strlen(text),
		.source = BLOCK_NONE,
		.vdom = BLOCK_NONE,
		.stream = BLOCK_NONE};
	struct journal_port *p = journal_port(j, 0);
	struct block *b = journal_block_get(p);

	assert_non_null(b);
	block_device_add(b, "d", 1, 0);
	memcpy(block_append(b, &row), text, row.len);
	journal_submit(p, b);
	while (journal_completed(p, &b, 1) == 0)
		sched_yield();
	assert_int_equal(b->error, 0);
	journal_block_put(p, b);
}

/* Line by line as they are stored, over a restart of the writer, until nobody reads any more. */
static void what_is_stored_comes_out_at_once(void **state)
{
	struct journal *j = journal_here();
	struct follower f = {.status = -1};
	char line[100];
	int p[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(p), 0);
	f.in = fdopen(p[0], "r");
	f.out = fdopen(p[1], "w");
	log_one(j, "before");
	assert_int_equal(pthread_create(&f.thread, NULL, follow, &f), 0);
	assert_string_equal(fgets(line, sizeof(line), f.in), "before\n");
	for (unsigned i = 0; i < 20; i++) {
		char text[20];

		snprintf(text, sizeof(text), "log %u", i);
		log_one(j, text);
		assert_non_null(fgets(line, sizeof(line), f.in));
		line[strcspn(line, "\n")] = 0;
		assert_string_equal(line, text);
		if (i % 7 == 6) {
			journal_close(j);
			j = journal_here();
		}
	}
	fclose(f.in);
	pthread_join(f.thread, NULL);
	assert_int_equal(f.status, CLI_FAILED);
	fclose(f.out);
	journal_close(j);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_kind_of_change_wakes),
		CASE(a_reader_that_is_gone_ends_it),
		CASE(what_is_stored_comes_out_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
