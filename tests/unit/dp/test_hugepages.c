/* Which files of a hugetlbfs are an earlier life's own: no other's, and none that is in use. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/hugepages.h"

static char dir[] = "/tmp/sluice-hugepages-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void make(const char *name)
{
	int fd = open(path_of(name), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

/* Is it there, even if it leads nowhere? */
static bool there(const char *name)
{
	struct stat st;

	return lstat(path_of(name), &st) == 0;
}

static void only_own_pages_go(void **state)
{
	static const char *const own[] = {"p-1map_0", "p-1map_17"};
	static const char *const others[] = {"p-1", "p-1map_", "p-1map_x", "p-1map_0x",
		"p-1map_0.bak", "p-12map_0", "xp-1map_0", "pmap_0", "p-1map"};

	(void)state;
	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		make(own[i]);
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		make(others[i]);
	hugepages_reclaim_in(dir, "p-1");
	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		assert_false(there(own[i]));
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_true(there(others[i]));
		assert_int_equal(unlink(path_of(others[i])), 0);
	}
}

/* EAL locks each of its pages, shared; another process is another open file. */
static void what_is_in_use_stays(void **state)
{
	int fd;

	(void)state;
	make("pmap_0");
	make("pmap_1");
	fd = open(path_of("pmap_0"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	hugepages_reclaim_in(dir, "p");
	assert_true(there("pmap_0"));
	assert_false(there("pmap_1"));
	close(fd);
	hugepages_reclaim_in(dir, "p");
	assert_false(there("pmap_0"));
}

/* Nor is anything opened that would hold the start up, or lead elsewhere. */
static void what_is_no_file_stays(void **state)
{
	(void)state;
	make("kept");
	assert_int_equal(symlink("kept", path_of("pmap_0")), 0);
	assert_int_equal(mkfifo(path_of("pmap_1"), 0600), 0);
	assert_int_equal(mkdir(path_of("pmap_2"), 0700), 0);
	hugepages_reclaim_in(dir, "p");
	assert_true(there("kept"));
	assert_true(there("pmap_0"));
	assert_true(there("pmap_1"));
	assert_true(there("pmap_2"));
	assert_int_equal(unlink(path_of("kept")), 0);
	assert_int_equal(unlink(path_of("pmap_0")), 0);
	assert_int_equal(unlink(path_of("pmap_1")), 0);
	assert_int_equal(rmdir(path_of("pmap_2")), 0);
	hugepages_reclaim_in(path_of("nowhere"), "p");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_own_pages_go),
		cmocka_unit_test(what_is_in_use_stays),
		cmocka_unit_test(what_is_no_file_stays),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
