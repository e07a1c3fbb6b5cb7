/*
 * The names of a spill's files and of its directory are on the disk before what lies in them
 * counts: fsync is wrapped by the linker, in this program alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "send/spill.h"

static char parent[64], dir[80], err[400];
static struct spill *spill;
static struct client *client;
static struct spill_loaded loaded;
static unsigned of_parent, of_dir, fail_at, calls; /* fail_at: the n-th of directories */
static unsigned files_then; /* how many spill files were there at the last one of `dir` */

int __real_fsync(int fd);
int __wrap_fsync(int fd);

static unsigned files(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d)) != NULL)
		n += strncmp(e->d_name, "spill-", 6) == 0;
	if (d)
		closedir(d);
	return n;
}

static bool is(const struct stat *st, const char *path)
{
	struct stat other;

	return stat(path, &other) == 0 && other.st_ino == st->st_ino && other.st_dev == st->st_dev;
}

int __wrap_fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISDIR(st.st_mode))
		return __real_fsync(fd);
	if (++calls == fail_at) {
		errno = EIO;
		return -1;
	}
	of_parent += is(&st, parent);
	of_dir += is(&st, dir);
	if (is(&st, dir))
		files_then = files();
	return __real_fsync(fd);
}

static uint64_t epoch(void *ctx)
{
	(void)ctx;
	return 7;
}

static int start(void **state)
{
	const struct client_config cfg = {
		.serial = "FGT1", .bound = 64u << 20, .window = 4, .random = epoch};

	(void)state;
	snprintf(parent, sizeof(parent), "/tmp/sluice-names-XXXXXX");
	client = client_new(&cfg);
	if (!client || !mkdtemp(parent))
		return -1;
	snprintf(dir, sizeof(dir), "%s/spill", parent);
	of_parent = of_dir = fail_at = calls = files_then = 0;
	return 0;
}

static int end(void **state)
{
	DIR *d;
	const struct dirent *e;

	(void)state;
	spill_close(spill);
	spill = NULL;
	client_free(client);
	d = opendir(dir);
	while (d && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(dir);
	return rmdir(parent);
}

static int load(bool sync)
{
	spill = spill_open(dir, sync, err, sizeof(err));
	return spill ? spill_load(spill, client, &loaded, err, sizeof(err)) : -1;
}

static void a_new_directory_and_its_first_file_are_there_by_name(void **state)
{
	(void)state;
	assert_int_equal(load(true), 0);
	assert_int_equal(of_parent, 1);
	assert_int_equal(of_dir, 1);
	assert_int_equal(files_then, 1);
}

static void one_that_was_there_needs_only_its_new_file(void **state)
{
	(void)state;
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(load(true), 0);
	assert_int_equal(of_parent, 0);
	assert_int_equal(of_dir, 1);
}

/* 8 MiB and the next file is begun: no item is in it before its name is on the disk. */
static void each_further_file_too(void **state)
{
	static uint8_t logs[OFTP_ITEM_RAW_MAX];
	const uint32_t lengths[] = {sizeof(logs)};
	const struct client_item item = {.logs = logs, .lengths = lengths, .count = 1};

	(void)state;
	assert_int_equal(load(true), 0);
	for (uint64_t i = 0; files() < 3; i++) {
		assert_true(i < 100);
		client_add(client, &item);
		assert_true(spill_add(spill, i, &item, NULL));
		assert_int_equal(spill_flush(spill, client, false), 0);
		assert_int_equal(of_dir, files());
	}
	assert_int_equal(files_then, 3);
}

static void a_directory_whose_name_is_not_safe_is_not_used(void **state)
{
	(void)state;
	fail_at = 1;
	assert_int_equal(load(true), -1);
	assert_non_null(strstr(err, "Input/output error"));
	assert_int_equal(access(dir, F_OK), -1); /* so that the next one tries it again */
	assert_int_equal(load(true), 0);
	assert_int_equal(of_parent, 1);
}

static void a_file_whose_name_is_not_safe_is_not_used(void **state)
{
	(void)state;
	fail_at = 2;
	assert_int_equal(load(true), -1);
	assert_non_null(strstr(err, "Input/output error"));
	assert_int_equal(files(), 0);
}

static void without_sync_nothing_is_waited_for(void **state)
{
	(void)state;
	assert_int_equal(load(false), 0);
	assert_int_equal(calls, 0);
}

#define names_test(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		names_test(a_new_directory_and_its_first_file_are_there_by_name),
		names_test(one_that_was_there_needs_only_its_new_file),
		names_test(each_further_file_too),
		names_test(a_directory_whose_name_is_not_safe_is_not_used),
		names_test(a_file_whose_name_is_not_safe_is_not_used),
		names_test(without_sync_nothing_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
