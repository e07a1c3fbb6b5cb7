#include "control/registry_devices.h"

#include <string.h>

#include "control/registry_db.h"

static const char *const state_names[] = {
	[AUTH_UNKNOWN] = "unknown",
	[AUTH_PENDING] = "pending",
	[AUTH_AUTHORIZED] = "authorized",
	[AUTH_DENIED] = "denied",
};

const char *auth_state_name(enum auth_state state)
{
	return state_names[state];
}

/* What a word in the database means; one of a later version lets nobody in. */
static enum auth_state state_from(const char *name)
{
	if (strcmp(name, state_names[AUTH_AUTHORIZED]) == 0)
		return AUTH_AUTHORIZED;
	return strcmp(name, state_names[AUTH_PENDING]) == 0 ? AUTH_PENDING : AUTH_DENIED;
}

#define COLUMNS                                                                                    \
	"serial, state, legacy, rate, psk, decided_ns, decided_by, first_ns, up, since_ns,"        \
	" contact_ns, address, version, subject, issuer, fingerprint, not_after_s, refusal,"       \
	" refusal_ns, refusal_address, refusal_detail, anchor"

static uint64_t number(sqlite3_stmt *st, int i)
{
	return (uint64_t)sqlite3_column_int64(st, i);
}

static void give(sqlite3_stmt *st, device_fn fn, void *ctx)
{
	const struct device_row row = {
		.serial = db_column(st, 0),
		.state = state_from(db_column(st, 1)),
		.legacy = number(st, 2) != 0,
		.rate = (uint32_t)number(st, 3),
		.psk = db_column(st, 4),
		.decided_ns = number(st, 5),
		.decided_by = db_column(st, 6),
		.first_ns = number(st, 7),
		.up = number(st, 8) != 0,
		.since_ns = number(st, 9),
		.contact_ns = number(st, 10),
		.address = db_column(st, 11),
		.version = db_column(st, 12),
		.subject = db_column(st, 13),
		.issuer = db_column(st, 14),
		.fingerprint = db_column(st, 15),
		.not_after_s = (int64_t)number(st, 16),
		.refusal = db_column(st, 17),
		.refusal_ns = number(st, 18),
		.refusal_address = db_column(st, 19),
		.refusal_detail = db_column(st, 20),
		.anchor = db_column(st, 21),
	};

	fn(ctx, &row);
}

enum registry_status registry_devices(struct registry *r, device_fn fn, void *ctx)
{
	sqlite3_stmt *st = db_prepare(r, "SELECT " COLUMNS " FROM devices ORDER BY serial");
	int step;

	if (!st)
		return REGISTRY_E_IO;
	while ((step = sqlite3_step(st)) == SQLITE_ROW)
		give(st, fn, ctx);
	return db_ended(r, st, step, "devices");
}

int registry_device(struct registry *r, const char *serial, device_fn fn, void *ctx)
{
	sqlite3_stmt *st = db_prepare(r, "SELECT " COLUMNS " FROM devices WHERE serial=?1");
	int step, found;

	if (!st)
		return REGISTRY_E_IO;
	db_text(st, 1, serial);
	step = sqlite3_step(st);
	found = step == SQLITE_ROW;
	if (found) {
		give(st, fn, ctx);
		step = sqlite3_step(st);
	}
	return db_ended(r, st, step, "devices") == REGISTRY_OK ? found : (int)REGISTRY_E_IO;
}

enum registry_status registry_device_decide(
	struct registry *r, const struct device_row *row, const struct audit_row *audit)
{
	static const char sql[] =
		"INSERT INTO devices (serial, state, legacy, rate, psk, decided_ns, decided_by,"
		" first_ns) VALUES (?1, ?2, ?3, ?4, ?5, iif(?2=?8, 0, ?6), iif(?2=?8, '', ?7), ?6)"
		" ON CONFLICT (serial) DO UPDATE SET state=?2, legacy=?3, rate=?4, psk=?5,"
		" decided_ns=iif(state=?2, decided_ns, ?6), decided_by=iif(state=?2, decided_by, "
		"?7)";
	enum registry_status rc = db_begin(r);
	sqlite3_stmt *st;

	if (rc != REGISTRY_OK)
		return rc;
	st = db_prepare(r, sql);
	if (st) {
		db_text(st, 1, row->serial);
		db_text(st, 2, auth_state_name(row->state));
		sqlite3_bind_int(st, 3, row->legacy);
		sqlite3_bind_int64(st, 4, row->rate);
		db_text(st, 5, row->psk);
		sqlite3_bind_int64(st, 6, (sqlite3_int64)audit->time_ns);
		db_text(st, 7, audit->who);
		db_text(st, 8, auth_state_name(AUTH_PENDING));
	}
	rc = db_done(r, st, "devices");
	return db_finish(r, rc == REGISTRY_OK ? db_insert_audit(r, audit) : rc);
}

enum registry_status registry_device_forget(
	struct registry *r, const char *serial, const struct audit_row *audit)
{
	enum registry_status rc = db_begin(r);
	sqlite3_stmt *st;

	if (rc != REGISTRY_OK)
		return rc;
	st = db_prepare(r, "DELETE FROM devices WHERE serial=?1");
	if (st)
		db_text(st, 1, serial);
	rc = db_done(r, st, "devices");
	return db_finish(r, rc == REGISTRY_OK ? db_insert_audit(r, audit) : rc);
}

enum registry_status registry_facts_begin(struct registry *r)
{
	return db_begin(r);
}

/* SET column=the new text, unless that is empty. */
#define KEEP(column, n) column "=CASE WHEN ?" n "='' THEN " column " ELSE ?" n " END"

enum registry_status registry_facts_put(struct registry *r, const struct device_row *row)
{
	static const char sql[] =
		"INSERT INTO devices (serial, state, first_ns, up, since_ns, contact_ns, address,"
		" version, subject, issuer, fingerprint, not_after_s, refusal, refusal_ns,"
		" refusal_address, refusal_detail, anchor) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
		" ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) ON CONFLICT (serial) DO UPDATE SET "
		"up=?4,"
		" since_ns=max(since_ns, ?5), contact_ns=max(contact_ns, ?6), " KEEP(
			"address", "7") ", " KEEP("version", "8") ", " KEEP("subject",
			"9") ","
			     " " KEEP("issuer", "10") ", " KEEP("fingerprint",
				     "11") ","
					   " not_after_s=CASE WHEN ?12=0 THEN not_after_s ELSE ?12 "
					   "END,"
					   " refusal_detail=CASE WHEN ?13='' THEN refusal_detail "
					   "ELSE ?16 END,"
					   " " KEEP("refusal",
						   "13") ", refusal_ns=max(refusal_ns, "
							 "?14)," KEEP("refusal_address",
								 "15") ", " KEEP("anchor", "17");
	const char *const text[] = {
		row->address, row->version, row->subject, row->issuer, row->fingerprint};
	sqlite3_stmt *st = db_prepare(r, sql);

	if (!st)
		return REGISTRY_E_IO;
	db_text(st, 1, row->serial);
	db_text(st, 2, auth_state_name(row->state));
	sqlite3_bind_int64(st, 3, (sqlite3_int64)row->first_ns);
	sqlite3_bind_int(st, 4, row->up);
	sqlite3_bind_int64(st, 5, (sqlite3_int64)row->since_ns);
	sqlite3_bind_int64(st, 6, (sqlite3_int64)row->contact_ns);
	for (int i = 0; i < 5; i++)
		db_text(st, 7 + i, text[i]);
	sqlite3_bind_int64(st, 12, row->not_after_s);
	db_text(st, 13, row->refusal);
	sqlite3_bind_int64(st, 14, (sqlite3_int64)row->refusal_ns);
	db_text(st, 15, row->refusal_address);
	db_text(st, 16, row->refusal_detail);
	db_text(st, 17, row->anchor);
	return db_done(r, st, "devices");
}

enum registry_status registry_facts_end(struct registry *r, enum registry_status rc)
{
	return db_finish(r, rc);
}
