/*
 * The real table's asynchronous writes where io_uring itself fails: what was not submitted is never
 * done later, and no end is told twice or of another operation. (Linked with --wrap.)
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/journal/fs.h"
#include "tests/unit/journal/util.h"

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);
int __real_io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags);
int __wrap_io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags);

static int submit_result = 1; /* 1: the real one */
static int init_result;

int __wrap_io_uring_submit(struct io_uring *ring)
{
	return submit_result == 1 ? __real_io_uring_submit(ring) : submit_result;
}

int __wrap_io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags)
{
	return init_result ? init_result : __real_io_uring_queue_init(entries, ring, flags);
}

struct place {
	char dir[256], path[300];
	const struct journal_fs *fs;
	struct journal_io *io;
	const char *what;
	int fd;
};

static int set_up(void **state)
{
	static struct place p;

	test_dir_make(p.dir);
	snprintf(p.path, sizeof(p.path), "%s/file", p.dir);
	p.fs = &journal_fs_real;
	submit_result = 1;
	init_result = 0;
	p.fd = p.fs->open(p.fs->ctx, p.path, O_RDWR | O_CREAT, 0640);
	assert_true(p.fd >= 0);
	assert_int_equal(p.fs->io_open(p.fs->ctx, 4, -1, &p.io, &p.what), 0);
	*state = &p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	p->fs->io_close(p->fs->ctx, p->io);
	p->fs->close(p->fs->ctx, p->fd);
	test_dir_remove(p->dir);
	return 0;
}

static int start_write(struct place *p, const char *text, uint64_t off, uint64_t tag)
{
	static struct iovec v;
	static char bytes[64];

	v = (struct iovec){bytes, (size_t)snprintf(bytes, sizeof(bytes), "%s", text)};
	return p->fs->io_writev(p->fs->ctx, p->io, p->fd, &v, 1, off, tag);
}

/* Exactly one operation ends, this one. */
static void ends(struct place *p, uint64_t tag, int64_t result)
{
	struct journal_io_done done[4];

	assert_int_equal(p->fs->io_reap(p->fs->ctx, p->io, done, 4, true), 1);
	assert_int_equal(done[0].tag, tag);
	assert_int_equal(done[0].result, result);
	assert_int_equal(p->fs->io_reap(p->fs->ctx, p->io, done, 4, false), 0);
}

static void file_is(struct place *p, const char *text)
{
	char got[100] = {0};

	assert_true(p->fs->pread(p->fs->ctx, p->fd, got, sizeof(got) - 1, 0) >= 0);
	assert_string_equal(got, text);
}

static void writes_and_syncs(void **state)
{
	struct place *p = *state;

	assert_int_equal(start_write(p, "hello", 0, 7), 0);
	ends(p, 7, 5);
	assert_int_equal(p->fs->io_sync(p->fs->ctx, p->io, p->fd, 8), 0);
	ends(p, 8, 0);
	file_is(p, "hello");
}

/* An entry that stayed in the ring would be sent along by the next submission. */
static void what_failed_to_start_is_never_done(struct place *p, int result)
{
	submit_result = result;
	assert_true(start_write(p, "old old old", 0, 1) < 0);
	submit_result = 1;
	assert_int_equal(start_write(p, "new", 0, 2), 0);
	ends(p, 2, 3);
	file_is(p, "new");
	submit_result = result;
	assert_true(p->fs->io_sync(p->fs->ctx, p->io, p->fd, 3) < 0);
	submit_result = 1;
	assert_int_equal(start_write(p, "er", 3, 4), 0);
	ends(p, 4, 2);
	file_is(p, "newer");
}

static void failed_submission_leaves_nothing_behind(void **state)
{
	static const int results[] = {-EBUSY, -EBADR, -ENOMEM, -EAGAIN, 0};
	struct place *p = *state;

	if (strcmp(p->what, "io_uring") != 0)
		return writes_and_syncs(
			state); /* no ring is permitted: nothing can be left in it */
	for (unsigned i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		assert_int_equal(p->fs->truncate(p->fs->ctx, p->fd, 0), 0);
		what_failed_to_start_is_never_done(p, results[i]);
	}
}

/* Torn down, and no other to be had for now: an error, not a hang; later it works again. */
static void ring_that_cannot_be_reopened(void **state)
{
	struct place *p = *state;

	if (strcmp(p->what, "io_uring") != 0)
		return writes_and_syncs(state);
	submit_result = -ENOMEM;
	assert_int_equal(start_write(p, "x", 0, 1), -ENOMEM);
	submit_result = 1;
	init_result = -EMFILE;
	assert_int_equal(start_write(p, "y", 0, 2), -EMFILE);
	init_result = 0;
	assert_int_equal(start_write(p, "z", 0, 3), 0);
	ends(p, 3, 1);
	file_is(p, "z");
}

static void without_io_uring(void **state)
{
	struct place *p = *state;

	p->fs->io_close(p->fs->ctx, p->io);
	init_result = -EPERM;
	assert_int_equal(p->fs->io_open(p->fs->ctx, 4, -1, &p->io, &p->what), 0);
	assert_non_null(strstr(p->what, "pwritev"));
	writes_and_syncs(state);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(writes_and_syncs),
		CASE(failed_submission_leaves_nothing_behind),
		CASE(ring_that_cannot_be_reopened),
		CASE(without_io_uring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
