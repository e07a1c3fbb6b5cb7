/* The directory: what a journal is made in, and each way in which it is refused by name. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/crc32c.h"
#include "dataplane/journal/format.h"
#include "tests/unit/journal/memfs.h"
#include "tests/unit/journal/util.h"

struct place {
	char dir[256];
	struct journal_config cfg;
	struct journal_fault fault;
	struct journal *j;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	test_dir_make(p->dir);
	test_config(&p->cfg, p->dir);
	p->cfg.pool_blocks = 4;
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	journal_close(p->j);
	test_dir_remove(p->dir);
	free(p);
	return 0;
}

static int open_it(struct place *p)
{
	return journal_open(&p->cfg, 1, &p->j, NULL, &p->fault);
}

static void make_it(struct place *p)
{
	struct block *b;

	assert_int_equal(open_it(p), JOURNAL_OK);
	b = journal_block_get(journal_port(p->j, 0));
	test_log(b, "d", 1, "hello", 5);
	journal_submit(journal_port(p->j, 0), b);
	journal_stop(p->j);
	assert_int_equal(journal_completed(journal_port(p->j, 0), &b, 1), 1);
	journal_close(p->j);
	p->j = NULL;
}

static void write_file(const struct place *p, const char *name, const void *data, size_t len)
{
	char path[400];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

static size_t read_file(const struct place *p, const char *name, uint8_t *data, size_t room)
{
	char path[400];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(data, 1, room, f);
	fclose(f);
	return n;
}

static void says(const struct place *p, const char *tail)
{
	char want[600];

	snprintf(want, sizeof(want), "%s%s", p->dir, tail);
	assert_string_equal(p->fault.text, want);
}

static void empty_directory_becomes_a_journal(void **state)
{
	struct place *p = *state;
	char path[400];
	struct stat st;

	snprintf(path, sizeof(path), "%s/lost+found", p->dir); /* as a fresh file system has it */
	assert_int_equal(mkdir(path, 0700), 0);
	make_it(p);
	snprintf(path, sizeof(path), "%s/ID", p->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 027, 0); /* 0640 or tighter */
	snprintf(path, sizeof(path), "%s/0000000000000001.zst", p->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 027, 0);
	snprintf(path, sizeof(path), "%s/torn", p->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(open_it(p), JOURNAL_OK);
}

static void missing_directory(void **state)
{
	struct place *p = *state;

	snprintf(p->cfg.dir, sizeof(p->cfg.dir), "%s/nowhere", p->dir);
	assert_int_equal(open_it(p), JOURNAL_E_MISSING);
	says(p, "/nowhere: no such directory");
}

static void file_in_its_place(void **state)
{
	struct place *p = *state;

	write_file(p, "file", "x", 1);
	snprintf(p->cfg.dir, sizeof(p->cfg.dir), "%s/file", p->dir);
	assert_int_equal(open_it(p), JOURNAL_E_MISSING);
	says(p, "/file: not a directory");
}

static void foreign_directory(void **state)
{
	struct place *p = *state;

	write_file(p, "photo.jpg", "x", 1);
	assert_int_equal(open_it(p), JOURNAL_E_FOREIGN);
	says(p, ": not empty and not a journal (has \"photo.jpg\")");
	assert_int_equal(access(p->cfg.dir, F_OK), 0);
	snprintf(p->cfg.dir, sizeof(p->cfg.dir), "%s/LOCK", p->dir);
	assert_int_equal(access(p->cfg.dir, F_OK), -1); /* and nothing was left in it */
}

static void second_instance(void **state)
{
	struct place *p = *state;
	struct journal *second;
	char tail[100];
	int status;
	pid_t pid;

	assert_int_equal(open_it(p), JOURNAL_OK);
	snprintf(tail, sizeof(tail), ": locked by process %d", getpid());
	assert_int_equal(journal_open(&p->cfg, 1, &second, NULL, &p->fault), JOURNAL_E_LOCKED);
	says(p, tail);
	pid = fork();
	if (pid == 0) {
		int rc = journal_open(&p->cfg, 1, &second, NULL, &p->fault);

		_exit(rc == JOURNAL_E_LOCKED && strstr(p->fault.text, tail) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	journal_close(p->j);
	p->j = NULL;
	assert_int_equal(open_it(p), JOURNAL_OK); /* a lock ends with its holder */
}

static void newer_journal(void **state)
{
	struct place *p = *state;

	write_file(p, "ID", "sluice-journal 2\nsomething else\n", 32);
	assert_int_equal(open_it(p), JOURNAL_E_NEWER);
	says(p, "/ID: journal format 2; this program reads up to 1");
}

static void damaged_id(void **state)
{
	struct place *p = *state;
	uint8_t id[300];
	size_t n;

	make_it(p);
	n = read_file(p, "ID", id, sizeof(id));
	id[30] ^= 1;
	write_file(p, "ID", id, n);
	assert_int_equal(open_it(p), JOURNAL_E_CORRUPT);
	says(p, "/ID: damaged");
}

static void missing_id(void **state)
{
	struct place *p = *state;
	char path[400];

	make_it(p);
	snprintf(path, sizeof(path), "%s/ID", p->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(open_it(p), JOURNAL_E_CORRUPT);
	says(p, ": has segments (\"0000000000000001.zst\") but no ID");
}

static void newer_segment(void **state)
{
	struct place *p = *state;
	struct journal_verify_totals totals;
	struct journal_reader *r;
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_log log;
	uint8_t bytes[4096];
	size_t n;

	make_it(p);
	n = read_file(p, "0000000000000001.zst", bytes, sizeof(bytes));
	bytes[13] = 2;
	store_le32(bytes + CHECKPOINT_FIXED - 4, crc32c(0, bytes, CHECKPOINT_FIXED - 4));
	write_file(p, "0000000000000002.zst", bytes, n);
	assert_int_equal(open_it(p), JOURNAL_E_NEWER);
	says(p, "/0000000000000002.zst: of a newer format version");
	assert_int_equal(journal_verify(p->dir, JOURNAL_UNBOUNDED, NULL, NULL, &totals, &p->fault),
		JOURNAL_E_NEWER);
	says(p, "/0000000000000002.zst: of a newer format version");
	assert_int_equal(journal_reader_open(p->dir, &q, &r, &p->fault), JOURNAL_OK);
	assert_int_equal(journal_reader_next(r, &log), 1);
	assert_int_equal(journal_reader_next(r, &log), JOURNAL_E_NEWER);
	journal_reader_close(r);
}

static void segment_of_another_journal(void **state)
{
	struct place *p = *state;
	struct place other;
	uint8_t bytes[4096];
	size_t n;

	make_it(p);
	memset(&other, 0, sizeof(other));
	test_dir_make(other.dir);
	test_config(&other.cfg, other.dir);
	make_it(&other);
	n = read_file(&other, "0000000000000001.zst", bytes, sizeof(bytes));
	write_file(p, "0000000000000002.zst", bytes, n);
	assert_int_equal(open_it(p), JOURNAL_E_FOREIGN);
	says(p, "/0000000000000002.zst: belongs to another journal");
	test_dir_remove(other.dir);
}

static void read_only_file_system(void **state)
{
	struct place *p = *state;
	struct memfs *fs = memfs_new();

	snprintf(p->cfg.dir, sizeof(p->cfg.dir), "/j");
	p->cfg.fs = memfs_table(fs);
	memfs_fail(fs, 1, MEMFS_READ_ONLY_ON);
	assert_int_equal(open_it(p), JOURNAL_E_READ_ONLY);
	assert_string_equal(p->fault.text, "/j: cannot be written: Read-only file system");
	memfs_free(fs);
}

static void readers_name_what_is_wrong(void **state)
{
	struct place *p = *state;
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_reader *r;
	char dir[300];

	snprintf(dir, sizeof(dir), "%s/nowhere", p->dir);
	assert_int_equal(journal_reader_open(dir, &q, &r, &p->fault), JOURNAL_E_MISSING);
	says(p, "/nowhere: no such directory");
	assert_int_equal(journal_reader_open(p->dir, &q, &r, &p->fault), JOURNAL_E_FOREIGN);
	says(p, ": not a journal (no ID)");
	make_it(p);
	q.grep = "(";
	assert_int_equal(journal_reader_open(p->dir, &q, &r, &p->fault), JOURNAL_E_CONFIG);
	assert_non_null(strstr(p->fault.text, "not a regular expression: \"(\""));
}

static void bad_configurations(void **state)
{
	struct place *p = *state;
	struct journal_config good = p->cfg;

	p->cfg.block_size = 1000;
	assert_int_equal(open_it(p), JOURNAL_E_CONFIG);
	p->cfg = good;
	p->cfg.pool_blocks = 3;
	assert_int_equal(open_it(p), JOURNAL_E_CONFIG);
	p->cfg = good;
	p->cfg.segment_size = 1000;
	assert_int_equal(open_it(p), JOURNAL_E_CONFIG);
	p->cfg = good;
	p->cfg.segment_age_s = 0;
	assert_int_equal(open_it(p), JOURNAL_E_CONFIG);
	p->cfg = good;
	p->cfg.compressors = 1000;
	assert_int_equal(open_it(p), JOURNAL_E_CONFIG);
	p->cfg = good;
	p->cfg.retention_percent = 101;
	assert_int_equal(open_it(p), JOURNAL_E_CONFIG);
	assert_true(strncmp(p->fault.text, "journal: ", 9) == 0);
}

static void texts(void **state)
{
	const char *names[8];

	(void)state;
	assert_string_equal(journal_error_text(JOURNAL_OK), "ok");
	assert_string_equal(journal_error_text(JOURNAL_E_CONFIG), "bad configuration");
	assert_string_equal(journal_error_text(-100), "unknown error");
	assert_string_equal(journal_error_text(1), "unknown error");
	assert_string_equal(journal_state_name(JOURNAL_HOLD_DISK_FULL), "hold_disk_full");
	assert_string_equal(journal_state_name((enum journal_state)9), "unknown");
	assert_string_equal(journal_transport_name(TRANSPORT_RELP_TLS), "relp-tls");
	assert_string_equal(journal_transport_name(99), "unknown");
	assert_int_equal(journal_flag_names(0x81, names, 8), 2);
	assert_string_equal(names[0], "cut");
	assert_string_equal(names[1], "batch");
	assert_int_equal(journal_flag_names(0xff, names, 3), 3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(empty_directory_becomes_a_journal),
		CASE(missing_directory),
		CASE(file_in_its_place),
		CASE(foreign_directory),
		CASE(second_instance),
		CASE(newer_journal),
		CASE(damaged_id),
		CASE(missing_id),
		CASE(newer_segment),
		CASE(segment_of_another_journal),
		CASE(read_only_file_system),
		CASE(readers_name_what_is_wrong),
		CASE(bad_configurations),
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
