/* registry.db: what it keeps, and how it says that it cannot. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "control/registry.h"
#include "tests/unit/control/harness.h"

static char dir[64], path[96], err[512];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "%s", "/tmp/sluice-registry-XXXXXX");
	snprintf(path, sizeof(path), "%s/registry.db", mkdtemp(dir));
	return 0;
}

static int drop_dir(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		char file[128];

		snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
		unlink(file);
	}
	return rmdir(dir);
}

static struct registry *open_it(enum registry_status want)
{
	struct registry *r;
	enum registry_status rc = registry_open(path, (uid_t)-1, (gid_t)-1, &r, err, sizeof(err));

	if (rc != want)
		fail_msg("%d instead of %d: %s", rc, want, err);
	assert_true((r != NULL) == (want == REGISTRY_OK));
	return r;
}

static void sql(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void meta_values_stay(void **state)
{
	struct registry *r = open_it(REGISTRY_OK);
	char value[32];
	struct stat st;

	(void)state;
	assert_int_equal(registry_meta_get(r, "k", value, sizeof(value)), 0);
	assert_int_equal(registry_meta_set(r, "k", "one"), REGISTRY_OK);
	assert_int_equal(registry_meta_set(r, "k", "two"), REGISTRY_OK);
	registry_close(r);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0137, 0); /* 0640 or tighter */
	r = open_it(REGISTRY_OK);
	assert_int_equal(registry_meta_get(r, "k", value, sizeof(value)), 1);
	assert_string_equal(value, "two");
	registry_close(r);
}

static void it_is_in_wal_mode_with_its_schema_number(void **state)
{
	sqlite3_stmt *st;
	sqlite3 *db;

	(void)state;
	registry_close(open_it(REGISTRY_OK));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(st, 0), "wal");
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(st, 0), REGISTRY_SCHEMA);
	sqlite3_finalize(st);
	sqlite3_close(db);
}

static void damage_is_told_by_name(void **state)
{
	FILE *f = fopen(path, "w");

	(void)state;
	for (int i = 0; i < 1000; i++)
		fputs("this is no database", f);
	fclose(f);
	open_it(REGISTRY_E_CORRUPT);
	assert_contains(err, path);
	assert_contains(err, "corrupt");
	unlink(path);

	/* One of ours, with a page overwritten. */
	struct registry *r = open_it(REGISTRY_OK);
	char big[2000] = "";
	struct audit_row row = {.who = "w", .what = "x", .before = big, .time_ns = 1};

	memset(big, 'x', sizeof(big) - 1);
	for (int i = 0; i < 20; i++)
		assert_int_equal(registry_audit_add(r, &row), REGISTRY_OK);
	registry_close(r);
	int fd = open(path, O_WRONLY);
	char noise[4096];

	memset(noise, 0xa5, sizeof(noise));
	assert_int_equal(pwrite(fd, noise, sizeof(noise), 5 * 4096), sizeof(noise));
	close(fd);
	open_it(REGISTRY_E_CORRUPT);
	assert_contains(err, path);
}

static void a_newer_schema_is_refused(void **state)
{
	(void)state;
	registry_close(open_it(REGISTRY_OK));
	sql("PRAGMA user_version=99");
	open_it(REGISTRY_E_NEWER);
	assert_contains(err, "of schema 99");
	assert_contains(err, path);
}

static void another_programs_database_is_refused(void **state)
{
	(void)state;
	sql("CREATE TABLE recipes (name TEXT)");
	open_it(REGISTRY_E_FOREIGN);
	assert_contains(err, "some other program");
}

static void a_second_opener_is_refused(void **state)
{
	struct registry *r = open_it(REGISTRY_OK);

	(void)state;
	open_it(REGISTRY_E_LOCKED);
	assert_contains(err, "locked by another sluiced");
	/* But another program may look. */
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "SELECT count(*) FROM audit", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	registry_close(r);
	registry_close(open_it(REGISTRY_OK));
}

static void a_directory_that_is_missing_is_told(void **state)
{
	struct registry *r;

	(void)state;
	assert_int_equal(registry_open("/nonexistent/registry.db", (uid_t)-1, (gid_t)-1, &r, err,
				 sizeof(err)),
		REGISTRY_E_IO);
	assert_contains(err, "/nonexistent/registry.db: No such file or directory");
}

static void count(void *ctx, const struct audit_row *row)
{
	(void)row;
	++*(int *)ctx;
}

static void count_settings(void *ctx, const struct setting_row *row)
{
	(void)row;
	++*(int *)ctx;
}

static void a_setting_and_its_audit_happen_together_or_not_at_all(void **state)
{
	struct registry *r = open_it(REGISTRY_OK);
	const struct audit_row row = {.who = "w", .what = "settings.set", .time_ns = 5};
	int rows = 0, settings = 0;
	sqlite3 *db;

	(void)state;
	/* Somebody else's lock: neither, and the error is told. */
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(registry_setting_set(r, "n", "v", &row), REGISTRY_E_IO);
	assert_contains(registry_error(r), "locked");
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	/* The audit cannot be written: no setting either. */
	assert_int_equal(sqlite3_exec(db,
				 "CREATE TRIGGER no BEFORE INSERT ON audit BEGIN "
				 "SELECT RAISE(ABORT, 'no room'); END",
				 NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(registry_setting_set(r, "n", "v", &row), REGISTRY_E_IO);
	registry_settings(r, count_settings, &settings);
	registry_audit_list(r, 0, 100, count, &rows);
	assert_int_equal(settings, 0);
	assert_int_equal(rows, 0);
	assert_int_equal(sqlite3_exec(db, "DROP TRIGGER no", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(registry_setting_set(r, "n", "v", &row), REGISTRY_OK);
	registry_settings(r, count_settings, &settings);
	registry_audit_list(r, 0, 100, count, &rows);
	assert_int_equal(settings, 1);
	assert_int_equal(rows, 1);
	registry_close(r);
}

static void the_audit_is_bounded_oldest_first(void **state)
{
	struct registry *r = open_it(REGISTRY_OK);
	const struct audit_row row = {.who = "w", .what = "x", .time_ns = 5};
	int rows = 0;

	(void)state;
	assert_int_equal(registry_audit_add(r, &row), REGISTRY_OK);
	registry_close(r);
	sql("UPDATE sqlite_sequence SET seq=100000 WHERE name='audit'");
	r = open_it(REGISTRY_OK);
	assert_int_equal(registry_audit_add(r, &row), REGISTRY_OK);
	registry_audit_list(r, 0, 100, count, &rows);
	assert_int_equal(rows, 1); /* the first one has gone */
	registry_close(r);
}

static void what_a_killed_process_had_written_is_there(void **state)
{
	char value[32] = "";
	struct registry *r;
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		if (registry_open(path, (uid_t)-1, (gid_t)-1, &r, err, sizeof(err)) !=
				REGISTRY_OK ||
			registry_meta_set(r, "k", "v") != REGISTRY_OK)
			_exit(1);
		_exit(0); /* no close: as if killed */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	r = open_it(REGISTRY_OK);
	assert_int_equal(registry_meta_get(r, "k", value, sizeof(value)), 1);
	assert_string_equal(value, "v");
	registry_close(r);
}

static void a_change_that_cannot_be_audited_is_loud(void **state)
{
	struct harness *h = *state;
	sqlite3 *db;
	json_t *r;

	assert_int_equal(sqlite3_open(h->registry, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	r = harness_result(h, "session.kill", "{\"id\":41}");
	json_decref(r);
	assert_int_equal(fake_events(h->dp, "action=\"audit-failed\""), 1);
	harness_says(h, "status", NULL, "alarms.0.name", "audit_failed");
	/* A setting, which lives in the registry alone, is refused instead. */
	harness_refused(h, "settings.set", "{\"name\":\"lcore-watchdog\",\"value\":\"9s\"}",
		"failed", "nothing is changed");
	harness_says(h, "settings.get", "{\"name\":\"lcore-watchdog\"}", "value", "5s");
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void settings_of_a_newer_version_are_left_alone_and_told(void **state)
{
	struct harness *h = *state;
	sqlite3 *db;
	json_t *r;

	harness_stop(h);
	assert_int_equal(sqlite3_open(h->registry, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				 "INSERT INTO settings VALUES ('from-the-future', '1', 1, 'x'),"
				 "('lcore-watchdog', 'never', 1, 'x')",
				 NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	harness_start(h);
	r = harness_result(h, "status", NULL);
	assert_text(r, "alarms.0.name", "settings_unknown");
	assert_contains(json_string_value(at(r, "alarms.0.text")), "2 settings");
	assert_text(r, "settings.lcore-watchdog", "5s");
	json_decref(r);
}

#define D(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)
#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		D(meta_values_stay),
		D(it_is_in_wal_mode_with_its_schema_number),
		D(damage_is_told_by_name),
		D(a_newer_schema_is_refused),
		D(another_programs_database_is_refused),
		D(a_second_opener_is_refused),
		D(a_directory_that_is_missing_is_told),
		D(a_setting_and_its_audit_happen_together_or_not_at_all),
		D(the_audit_is_bounded_oldest_first),
		D(what_a_killed_process_had_written_is_there),
		T(a_change_that_cannot_be_audited_is_loud),
		T(settings_of_a_newer_version_are_left_alone_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
