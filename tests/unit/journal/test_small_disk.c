/*
 * A real file system that is too small: tmpfs of four megabytes in a mount namespace of the test's
 * own, filled to the last block, with and without a bound of free space; then it gets room again.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "dataplane/journal/internal.h"
#include "tests/unit/journal/util.h"

#define DISK "size=4m"

struct place {
	char dir[256], ballast[300];
	struct journal_fs fs; /* the real one, but for its clock */
	struct journal_config cfg;
	struct journal *j;
	uint64_t sent, acked, refused;
};

static uint64_t clock_us = 1000000;

static uint64_t test_clock(void *ctx)
{
	(void)ctx;
	return clock_us;
}

static int set_up(void **state)
{
	static struct place p;

	memset(&p, 0, sizeof(p));
	test_dir_make(p.dir);
	if (mount("tmpfs", p.dir, "tmpfs", 0, DISK) != 0)
		fail_msg("tmpfs at %s: %s", p.dir, strerror(errno));
	snprintf(p.ballast, sizeof(p.ballast), "%s/lost+found", p.dir);
	p.fs = journal_fs_real;
	p.fs.mono_us = test_clock;
	test_config(&p.cfg, p.dir);
	p.cfg.fs = &p.fs;
	p.cfg.segment_size = 512u << 10;
	p.cfg.compression_level = zpress_raw_level();
	*state = &p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	journal_close(p->j);
	p->j = NULL;
	umount2(p->dir, MNT_DETACH);
	test_dir_remove(p->dir);
	return 0;
}

static void open_it(struct place *p)
{
	struct journal_fault fault = {0};
	int rc = journal_open(&p->cfg, 1, &p->j, NULL, &fault);

	if (rc != JOURNAL_OK)
		fail_msg("%s", fault.text);
}

static void take(struct place *p)
{
	struct journal_port *port = journal_port(p->j, 0);
	struct block *b;

	while (journal_completed(port, &b, 1) == 1) {
		if (b->error)
			p->refused += b->row_count;
		else
			p->acked += b->row_count;
		journal_block_put(port, b);
	}
}

/* Until all is stored or nothing can be. */
static void work_off(struct place *p)
{
	do {
		journal_step(p->j, clock_us);
		sched_yield();
	} while (p->j->queue_len > 0 && journal_state(p->j) == JOURNAL_RUNNING);
	take(p);
}

/* Time passes: a hold looks again. */
static void settle(struct place *p, unsigned seconds)
{
	for (unsigned i = 0; i < seconds * 10; i++) {
		work_off(p);
		clock_us += 100000;
	}
}

static bool send(struct place *p)
{
	struct journal_port *port = journal_port(p->j, 0);
	struct block *b = journal_block_get(port);

	if (!b)
		return false;
	for (unsigned i = 0; i < 50; i++) {
		char line[1100];
		int len = snprintf(line, sizeof(line), "%llu ", (unsigned long long)p->sent);

		len += (int)test_line(line + len, p->sent);
		assert_true(test_log(b, "d", 1, line, (uint32_t)len));
		p->sent++;
	}
	journal_submit(port, b);
	work_off(p);
	return true;
}

/* Everything acknowledged is there, in order, and nothing else. */
static void check(struct place *p)
{
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_verify_totals totals;
	struct journal_reader *r;
	struct journal_log log;
	uint64_t n = 0;

	assert_int_equal(journal_reader_open(p->dir, &q, &r, NULL), JOURNAL_OK);
	while (journal_reader_next(r, &log) == 1)
		assert_int_equal(strtoull((const char *)log.log, NULL, 10), n++);
	journal_reader_close(r);
	assert_int_equal(n, p->acked);
	assert_int_equal(
		journal_verify(p->dir, JOURNAL_UNBOUNDED, NULL, NULL, &totals, NULL), JOURNAL_OK);
	assert_int_equal(totals.corrupt, 0);
	assert_int_equal(totals.logs, n);
}

static void fill_it(struct place *p)
{
	for (unsigned i = 0; i < 1000 && journal_state(p->j) == JOURNAL_RUNNING; i++)
		assert_true(send(p));
	assert_int_equal(journal_state(p->j), JOURNAL_HOLD_DISK_FULL);
	while (send(p)) /* intake goes on until the pool is full: then it is held */
		continue;
	settle(p, 3);
	assert_int_equal(journal_state(p->j), JOURNAL_HOLD_DISK_FULL);
}

static void lay_ballast(struct place *p, off_t bytes)
{
	int fd = open(p->ballast, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(posix_fallocate(fd, 0, bytes), 0);
	close(fd);
}

static void resumes_by_itself(struct place *p)
{
	assert_true(p->acked > 1000);
	assert_true(p->acked < p->sent);
	assert_int_equal(unlink(p->ballast), 0);
	settle(p, 3);
	assert_int_equal(journal_state(p->j), JOURNAL_RUNNING);
	assert_int_equal(p->acked, p->sent);
	assert_int_equal(p->refused, 0);
	check(p);
	journal_close(p->j);
	check(p);
	open_it(p);
	assert_int_equal(p->j->durable_logs, p->sent);
}

static void full_to_the_last_block(void **state)
{
	struct place *p = *state;

	open_it(p);
	lay_ballast(p, 2 << 20);
	fill_it(p);
	resumes_by_itself(p);
}

static void under_min_free(void **state)
{
	struct place *p = *state;

	p->cfg.min_free = 1u << 20;
	open_it(p);
	lay_ballast(p, 2 << 20);
	fill_it(p);
	resumes_by_itself(p);
}

/* It stops while it is full: what was acknowledged is there at the next start, on the full disk. */
static void stopped_and_opened_on_a_full_disk(void **state)
{
	struct place *p = *state;
	uint64_t refused;

	open_it(p);
	lay_ballast(p, 2 << 20);
	fill_it(p);
	journal_stop(p->j);
	take(p);
	refused = p->refused;
	assert_int_equal(p->acked + refused, p->sent);
	journal_close(p->j);
	check(p);
	open_it(p);
	assert_int_equal(p->j->durable_logs, p->acked);
	assert_int_equal(unlink(p->ballast), 0);
	journal_close(p->j);
	open_it(p);
	check(p);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(full_to_the_last_block),
		CASE(under_min_free),
		CASE(stopped_and_opened_on_a_full_disk),
	};

	if (unshare(CLONE_NEWNS) != 0) {
		perror("a mount namespace (the tests run as root)");
		return 1;
	}
	/* Nobody else sees the mounts. In a chroot "/" is none; then they are only taken away. */
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 && errno != EINVAL) {
		perror("private mounts");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
