#include "control/registry_trust.h"

#include "control/registry_db.h"

/* One statement with texts for ?1, ?2, ... and the time of the audit for the one behind them, and
 * the audit, in a transaction. */
static enum registry_status change(struct registry *r, const char *sql, const char *const *text,
	int n, const struct audit_row *audit)
{
	enum registry_status rc = db_begin(r);
	sqlite3_stmt *st;

	if (rc != REGISTRY_OK)
		return rc;
	st = db_prepare(r, sql);
	for (int i = 0; st && i < n; i++)
		db_text(st, i + 1, text[i]);
	if (st && sqlite3_bind_parameter_count(st) > n)
		sqlite3_bind_int64(st, n + 1, (sqlite3_int64)audit->time_ns);
	rc = db_done(r, st, sql);
	return db_finish(r, rc == REGISTRY_OK ? db_insert_audit(r, audit) : rc);
}

enum registry_status registry_users(struct registry *r, user_fn fn, void *ctx)
{
	sqlite3_stmt *st =
		db_prepare(r, "SELECT name, verifier, time_ns, who FROM users ORDER BY name");
	int step;

	if (!st)
		return REGISTRY_E_IO;
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		const struct user_row row = {
			.name = db_column(st, 0),
			.verifier = db_column(st, 1),
			.time_ns = (uint64_t)sqlite3_column_int64(st, 2),
			.who = db_column(st, 3),
		};

		fn(ctx, &row);
	}
	return db_ended(r, st, step, "users");
}

enum registry_status registry_user_put(
	struct registry *r, const struct user_row *row, const struct audit_row *audit)
{
	return change(r,
		"INSERT OR REPLACE INTO users (name, verifier, who, time_ns)"
		" VALUES (?1, ?2, ?3, ?4)",
		(const char *const[]){row->name, row->verifier, audit->who}, 3, audit);
}

enum registry_status registry_user_delete(
	struct registry *r, const char *name, const struct audit_row *audit)
{
	return change(r, "DELETE FROM users WHERE name=?1", &name, 1, audit);
}

enum registry_status registry_certs(struct registry *r, cert_fn fn, void *ctx)
{
	sqlite3_stmt *st = db_prepare(r, "SELECT name, kind, pem, key_file, time_ns, who"
					 " FROM certificates ORDER BY name");
	int step;

	if (!st)
		return REGISTRY_E_IO;
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		const struct cert_row row = {
			.name = db_column(st, 0),
			.kind = db_column(st, 1),
			.pem = db_column(st, 2),
			.key_file = db_column(st, 3),
			.time_ns = (uint64_t)sqlite3_column_int64(st, 4),
			.who = db_column(st, 5),
		};

		fn(ctx, &row);
	}
	return db_ended(r, st, step, "certificates");
}

enum registry_status registry_cert_put(
	struct registry *r, const struct cert_row *row, const struct audit_row *audit)
{
	return change(r,
		"INSERT OR REPLACE INTO certificates (name, kind, pem, key_file, who, time_ns)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
		(const char *const[]){row->name, row->kind, row->pem, row->key_file, row->who}, 5,
		audit);
}

enum registry_status registry_cert_delete(
	struct registry *r, const char *name, const struct audit_row *audit)
{
	return change(r, "DELETE FROM certificates WHERE name=?1", &name, 1, audit);
}

enum registry_status registry_contexts(struct registry *r, context_fn fn, void *ctx)
{
	sqlite3_stmt *st = db_prepare(r, "SELECT sni, identities FROM contexts ORDER BY sni");
	int step;

	if (!st)
		return REGISTRY_E_IO;
	while ((step = sqlite3_step(st)) == SQLITE_ROW)
		fn(ctx, db_column(st, 0), db_column(st, 1));
	return db_ended(r, st, step, "contexts");
}

enum registry_status registry_context_put(
	struct registry *r, const char *sni, const char *identities, const struct audit_row *audit)
{
	if (!identities)
		return change(r, "DELETE FROM contexts WHERE sni=?1", &sni, 1, audit);
	return change(r, "INSERT OR REPLACE INTO contexts (sni, identities) VALUES (?1, ?2)",
		(const char *const[]){sni, identities}, 2, audit);
}
