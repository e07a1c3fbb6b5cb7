#include "control/registry_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define BUSY_MS 200 /* the control thread waits no longer for another program's lock */

static const char schema_1[] =
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL, time_ns INTEGER NOT "
	"NULL,"
	"  who TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time_ns INTEGER NOT NULL,"
	"  who TEXT NOT NULL, uid INTEGER NOT NULL, pid INTEGER NOT NULL, what TEXT NOT NULL,"
	"  target TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL);";

/* Devices, legacy logins, certificates. Keys are not here: members of the group `sluice` may read
 * this file. */
static const char schema_2[] =
	"CREATE TABLE devices (serial TEXT PRIMARY KEY, state TEXT NOT NULL,"
	"  legacy INTEGER NOT NULL DEFAULT 0, rate INTEGER NOT NULL DEFAULT 0,"
	"  psk TEXT NOT NULL DEFAULT '', decided_ns INTEGER NOT NULL DEFAULT 0,"
	"  decided_by TEXT NOT NULL DEFAULT '', first_ns INTEGER NOT NULL DEFAULT 0,"
	"  up INTEGER NOT NULL DEFAULT 0, since_ns INTEGER NOT NULL DEFAULT 0,"
	"  contact_ns INTEGER NOT NULL DEFAULT 0, address TEXT NOT NULL DEFAULT '',"
	"  version TEXT NOT NULL DEFAULT '', subject TEXT NOT NULL DEFAULT '',"
	"  issuer TEXT NOT NULL DEFAULT '', fingerprint TEXT NOT NULL DEFAULT '',"
	"  not_after_s INTEGER NOT NULL DEFAULT 0, refusal TEXT NOT NULL DEFAULT '',"
	"  refusal_ns INTEGER NOT NULL DEFAULT 0, refusal_address TEXT NOT NULL DEFAULT '',"
	"  refusal_detail TEXT NOT NULL DEFAULT '') WITHOUT ROWID;"
	"CREATE TABLE users (name TEXT PRIMARY KEY, verifier TEXT NOT NULL, time_ns INTEGER NOT "
	"NULL,"
	"  who TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE certificates (name TEXT PRIMARY KEY, kind TEXT NOT NULL, pem TEXT NOT NULL,"
	"  key_file TEXT NOT NULL, time_ns INTEGER NOT NULL, who TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE contexts (sni TEXT PRIMARY KEY, identities TEXT NOT NULL) WITHOUT ROWID;";

/* Whom a device's chain ended at: who would delete that anchor is asked. */
static const char schema_3[] = "ALTER TABLE devices ADD COLUMN anchor TEXT NOT NULL DEFAULT ''";

enum registry_status db_fail(struct registry *r, const char *what)
{
	int code = sqlite3_errcode(r->db) & 0xff;

	snprintf(r->error, sizeof(r->error), "%s: %s", what, sqlite3_errmsg(r->db));
	return code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? REGISTRY_E_CORRUPT : REGISTRY_E_IO;
}

enum registry_status db_run(struct registry *r, const char *sql)
{
	return sqlite3_exec(r->db, sql, NULL, NULL, NULL) == SQLITE_OK ? REGISTRY_OK
								       : db_fail(r, sql);
}

enum registry_status db_begin(struct registry *r)
{
	return db_run(r, "BEGIN IMMEDIATE");
}

enum registry_status db_finish(struct registry *r, enum registry_status rc)
{
	if (rc == REGISTRY_OK)
		rc = db_run(r, "COMMIT");
	if (rc != REGISTRY_OK && !sqlite3_get_autocommit(r->db))
		sqlite3_exec(r->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

sqlite3_stmt *db_prepare(struct registry *r, const char *sql)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(r->db, sql, -1, &st, NULL) == SQLITE_OK)
		return st;
	db_fail(r, sql);
	return NULL;
}

void db_text(sqlite3_stmt *st, int i, const char *text)
{
	sqlite3_bind_text(st, i, text ? text : "", -1, SQLITE_STATIC);
}

enum registry_status db_ended(struct registry *r, sqlite3_stmt *st, int step, const char *what)
{
	enum registry_status rc = step == SQLITE_DONE ? REGISTRY_OK : db_fail(r, what);

	sqlite3_finalize(st);
	return rc;
}

enum registry_status db_done(struct registry *r, sqlite3_stmt *st, const char *what)
{
	return st ? db_ended(r, st, sqlite3_step(st), what) : REGISTRY_E_IO;
}

const char *db_column(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);

	return s ? s : "";
}

/* The one value that `sql` gives, as text. */
static enum registry_status ask(struct registry *r, const char *sql, char *value, size_t size)
{
	enum registry_status rc = REGISTRY_OK;
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(r->db, sql, -1, &st, NULL) != SQLITE_OK)
		return db_fail(r, sql);
	if (sqlite3_step(st) == SQLITE_ROW)
		snprintf(value, size, "%s", (const char *)sqlite3_column_text(st, 0));
	else
		rc = db_fail(r, sql);
	sqlite3_finalize(st);
	return rc;
}

/* From schema `from` (0: nothing is there) to ours, whole or not at all. */
static enum registry_status upgrade(struct registry *r, long from)
{
	char sql[160];
	enum registry_status rc = db_begin(r);

	if (rc == REGISTRY_OK && from < 1)
		rc = db_run(r, schema_1);
	if (rc == REGISTRY_OK && from < 2)
		rc = db_run(r, schema_2);
	if (rc == REGISTRY_OK && from < 3)
		rc = db_run(r, schema_3);
	snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%d",
		REGISTRY_APP_ID, REGISTRY_SCHEMA);
	if (rc == REGISTRY_OK)
		rc = db_run(r, sql);
	rc = db_finish(r, rc);
	if (rc != REGISTRY_OK)
		snprintf(r->error, sizeof(r->error), "cannot create its tables: %s",
			sqlite3_errmsg(r->db));
	return rc;
}

static enum registry_status check_whole(struct registry *r)
{
	char text[160] = "";
	enum registry_status rc = ask(r, "PRAGMA quick_check(1)", text, sizeof(text));

	if (rc != REGISTRY_OK)
		return rc;
	if (strcmp(text, "ok") == 0)
		return REGISTRY_OK;
	snprintf(r->error, sizeof(r->error), "%s", text);
	return REGISTRY_E_CORRUPT;
}

static enum registry_status check_schema(struct registry *r)
{
	char tables[32] = "", app[32] = "", version[32] = "";
	enum registry_status rc =
		ask(r, "SELECT count(*) FROM sqlite_schema", tables, sizeof(tables));

	if (rc == REGISTRY_OK)
		rc = ask(r, "PRAGMA application_id", app, sizeof(app));
	if (rc == REGISTRY_OK)
		rc = ask(r, "PRAGMA user_version", version, sizeof(version));
	if (rc != REGISTRY_OK)
		return rc;
	if (strcmp(tables, "0") == 0)
		return upgrade(r, 0);
	if (strtol(app, NULL, 10) != REGISTRY_APP_ID)
		return REGISTRY_E_FOREIGN;
	if (strtol(version, NULL, 10) > REGISTRY_SCHEMA) {
		snprintf(r->error, sizeof(r->error), "of schema %s, this sluiced knows up to %d",
			version, REGISTRY_SCHEMA);
		return REGISTRY_E_NEWER;
	}
	if (strtol(version, NULL, 10) < REGISTRY_SCHEMA)
		return upgrade(r, strtol(version, NULL, 10));
	return REGISTRY_OK;
}

static enum registry_status prepare(struct registry *r)
{
	enum registry_status rc;

	sqlite3_busy_timeout(r->db, BUSY_MS);
	rc = check_whole(r);
	if (rc == REGISTRY_OK)
		rc = check_schema(r);
	if (rc == REGISTRY_OK)
		rc = db_run(r, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			       "PRAGMA trusted_schema=OFF; PRAGMA journal_size_limit=4194304");
	return rc;
}

/* Made before SQLite opens it: SQLite gives its -wal and -shm the same owner and mode. */
static enum registry_status lock_file(
	struct registry *r, const char *path, uid_t owner, gid_t group)
{
	r->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (r->fd < 0) {
		snprintf(r->error, sizeof(r->error), "%s", strerror(errno));
		return REGISTRY_E_IO;
	}
	if (flock(r->fd, LOCK_EX | LOCK_NB) != 0)
		return REGISTRY_E_LOCKED;
	if (geteuid() == 0 && owner != (uid_t)-1 && fchown(r->fd, owner, group) != 0) {
		snprintf(r->error, sizeof(r->error), "chown: %s", strerror(errno));
		return REGISTRY_E_IO;
	}
	return REGISTRY_OK;
}

static void describe(const struct registry *r, const char *path, enum registry_status rc, char *err,
	size_t err_size)
{
	switch (rc) {
	case REGISTRY_E_CORRUPT:
		snprintf(err, err_size,
			"registry %s: corrupt (%s): restore it from a backup, or move it away to "
			"begin "
			"with an empty one",
			path, r->error);
		break;
	case REGISTRY_E_FOREIGN:
		snprintf(err, err_size, "registry %s: a database of some other program", path);
		break;
	case REGISTRY_E_LOCKED:
		snprintf(err, err_size, "registry %s: locked by another sluiced", path);
		break;
	case REGISTRY_OK:
	case REGISTRY_E_NEWER:
	case REGISTRY_E_IO:
	default:
		snprintf(err, err_size, "registry %s: %s", path, r->error);
	}
}

enum registry_status registry_open(const char *path, uid_t owner, gid_t group,
	struct registry **out, char *err, size_t err_size)
{
	struct registry *r = calloc(1, sizeof(*r));
	enum registry_status rc = REGISTRY_OK;

	*out = NULL;
	if (!r) {
		snprintf(err, err_size, "registry: out of memory");
		return REGISTRY_E_IO;
	}
	r->fd = -1;
	if (path)
		rc = lock_file(r, path, owner, group);
	if (rc == REGISTRY_OK) {
		int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;

		if (sqlite3_open_v2(path ? path : ":memory:", &r->db, flags, NULL) != SQLITE_OK)
			rc = db_fail(r, "open");
		else
			rc = prepare(r);
	}
	if (rc != REGISTRY_OK) {
		describe(r, path ? path : ":memory:", rc, err, err_size);
		registry_close(r);
		return rc;
	}
	*out = r;
	return REGISTRY_OK;
}

void registry_close(struct registry *r)
{
	if (!r)
		return;
	sqlite3_close(r->db);
	/* Not earlier: closing any descriptor of the file drops SQLite's own locks on it. */
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

const char *registry_error(const struct registry *r)
{
	return r->error;
}

/* Binds `text` values to ?1, ?2, ... and runs to the end. */
static enum registry_status run_texts(
	struct registry *r, const char *sql, const char *const *text, int n)
{
	enum registry_status rc = REGISTRY_OK;
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(r->db, sql, -1, &st, NULL) != SQLITE_OK)
		return db_fail(r, sql);
	for (int i = 0; i < n; i++)
		sqlite3_bind_text(st, i + 1, text[i] ? text[i] : "", -1, SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_DONE)
		rc = db_fail(r, sql);
	sqlite3_finalize(st);
	return rc;
}

int registry_meta_get(struct registry *r, const char *key, char *value, size_t size)
{
	sqlite3_stmt *st;
	int rc;

	if (sqlite3_prepare_v2(r->db, "SELECT value FROM meta WHERE key=?1", -1, &st, NULL) !=
		SQLITE_OK)
		return db_fail(r, "meta");
	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		snprintf(value, size, "%s", (const char *)sqlite3_column_text(st, 0));
		rc = 1;
	} else {
		rc = rc == SQLITE_DONE ? 0 : (int)db_fail(r, "meta");
	}
	sqlite3_finalize(st);
	return rc;
}

enum registry_status registry_meta_set(struct registry *r, const char *key, const char *value)
{
	const char *const v[] = {key, value};

	return run_texts(r, "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", v, 2);
}

enum registry_status registry_meta_decide(
	struct registry *r, const char *key, const char *value, const struct audit_row *audit)
{
	enum registry_status rc = db_begin(r);

	if (rc != REGISTRY_OK)
		return rc;
	rc = registry_meta_set(r, key, value);
	return db_finish(r, rc == REGISTRY_OK ? db_insert_audit(r, audit) : rc);
}

enum registry_status db_insert_audit(struct registry *r, const struct audit_row *row)
{
	static const char sql[] =
		"INSERT INTO audit (what, target, before, after, who, uid, pid, time_ns)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
	const char *const text[] = {row->what, row->target, row->before, row->after, row->who};
	enum registry_status rc = REGISTRY_OK;
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(r->db, sql, -1, &st, NULL) != SQLITE_OK)
		return db_fail(r, "audit");
	for (int i = 0; i < 5; i++)
		sqlite3_bind_text(st, i + 1, text[i] ? text[i] : "", -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 6, (sqlite3_int64)row->uid);
	sqlite3_bind_int64(st, 7, (sqlite3_int64)row->pid);
	sqlite3_bind_int64(st, 8, (sqlite3_int64)row->time_ns);
	if (sqlite3_step(st) != SQLITE_DONE)
		rc = db_fail(r, "audit");
	sqlite3_finalize(st);
	if (rc == REGISTRY_OK) {
		char del[96];

		snprintf(del, sizeof(del), "DELETE FROM audit WHERE id <= %lld",
			(long long)sqlite3_last_insert_rowid(r->db) - REGISTRY_MAX_AUDIT);
		rc = db_run(r, del);
	}
	return rc;
}

enum registry_status registry_audit_add(struct registry *r, const struct audit_row *row)
{
	return registry_audit_add_many(r, row, 1);
}

enum registry_status registry_audit_add_many(
	struct registry *r, const struct audit_row *rows, unsigned n)
{
	enum registry_status rc = db_begin(r);

	if (rc != REGISTRY_OK)
		return rc;
	for (unsigned i = 0; i < n && rc == REGISTRY_OK; i++)
		rc = db_insert_audit(r, &rows[i]);
	return db_finish(r, rc);
}

enum registry_status registry_audit_list(
	struct registry *r, int64_t before_id, unsigned limit, audit_fn fn, void *ctx)
{
	static const char sql[] = "SELECT id, time_ns, who, uid, pid, what, target, before, after"
				  " FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
	sqlite3_stmt *st;
	int rc;

	if (sqlite3_prepare_v2(r->db, sql, -1, &st, NULL) != SQLITE_OK)
		return db_fail(r, "audit");
	sqlite3_bind_int64(st, 1, before_id > 0 ? before_id : INT64_MAX);
	sqlite3_bind_int64(st, 2, limit);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct audit_row row = {
			.id = sqlite3_column_int64(st, 0),
			.time_ns = (uint64_t)sqlite3_column_int64(st, 1),
			.who = db_column(st, 2),
			.uid = (uid_t)sqlite3_column_int64(st, 3),
			.pid = (pid_t)sqlite3_column_int64(st, 4),
			.what = db_column(st, 5),
			.target = db_column(st, 6),
			.before = db_column(st, 7),
			.after = db_column(st, 8),
		};

		fn(ctx, &row);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? REGISTRY_OK : db_fail(r, "audit");
}

enum registry_status registry_settings(struct registry *r, setting_fn fn, void *ctx)
{
	sqlite3_stmt *st;
	int rc;

	if (sqlite3_prepare_v2(r->db, "SELECT name, value, who, time_ns FROM settings", -1, &st,
		    NULL) != SQLITE_OK)
		return db_fail(r, "settings");
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct setting_row row = {
			.name = db_column(st, 0),
			.value = db_column(st, 1),
			.who = db_column(st, 2),
			.time_ns = (uint64_t)sqlite3_column_int64(st, 3),
		};

		fn(ctx, &row);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? REGISTRY_OK : db_fail(r, "settings");
}

enum registry_status registry_setting_set(
	struct registry *r, const char *name, const char *value, const struct audit_row *audit)
{
	static const char sql[] = "INSERT OR REPLACE INTO settings (name, value, who, time_ns)"
				  " VALUES (?1, ?2, ?3, CAST(?4 AS INTEGER))";
	enum registry_status rc = db_begin(r);
	char when[24];

	if (rc != REGISTRY_OK)
		return rc;
	snprintf(when, sizeof(when), "%llu", (unsigned long long)audit->time_ns);
	rc = run_texts(r, sql, (const char *const[]){name, value, audit->who, when}, 4);
	return db_finish(r, rc == REGISTRY_OK ? db_insert_audit(r, audit) : rc);
}
