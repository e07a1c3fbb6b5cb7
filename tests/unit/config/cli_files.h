/*
 * For tests of sluicectl cert that leave files: a directory of their own, and what is in it.
 * Included by one file each.
 */
#ifndef SLUICE_CLI_FILES_H
#define SLUICE_CLI_FILES_H

#include <dirent.h>
#include <sys/stat.h>

#include "tests/unit/config/cli_test.h"

static char dir[64];

static inline int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sluice-cli-files-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static inline int drop_dir(void **state)
{
	static const char *const names[] = {"c.pem", "p", "x.pfx", "ca.pem", "bin"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

/* A file of this directory, with this in it; its path until the next but one. */
static inline char *file(const char *name, const char *text)
{
	static char paths[2][128];
	static unsigned turn;
	char *path = paths[turn++ % 2];
	FILE *f;

	snprintf(path, sizeof(paths[0]), "%s/%.60s", dir, name);
	if (!text)
		return path;
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static inline void assert_holds(const char *path, mode_t mode, const char *text)
{
	char is[128] = "";
	struct stat st;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_int_equal(fread(is, 1, sizeof(is) - 1, f), strlen(text));
	fclose(f);
	assert_string_equal(is, text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, mode);
}

/* How many files of the directory have a name that begins so. */
static inline unsigned files(const char *begin)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += strncmp(e->d_name, begin, strlen(begin)) == 0 && strcmp(e->d_name, ".") != 0 &&
		     strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

/* What sluiced says to cert.export. */
#define EXPORTED(kind)                                                                             \
	RESULT("{\"schema\":1,\"name\":\"n\",\"kind\":\"" kind "\",\"pkcs12\":\"eHl6\"}")

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

#endif
