/*
 * Inside of the registry: the database and what its files (registry.c, registry_*.c) share. An
 * error is kept as text in registry_error() and comes back as a status.
 */
#ifndef SLUICE_CONTROL_REGISTRY_DB_H
#define SLUICE_CONTROL_REGISTRY_DB_H

#include <sqlite3.h>

#include "control/registry.h"

struct registry {
	sqlite3 *db;
	int fd; /* holds the lock by which a second sluiced is refused */
	char error[256];
};

/* What SQLite's last error means, with `what` failed before its text. */
enum registry_status db_fail(struct registry *r, const char *what);
/* Runs statements without values. */
enum registry_status db_run(struct registry *r, const char *sql);

enum registry_status db_begin(struct registry *r);
/* Commits where `rc` is fine, else rolls back; what came of it. */
enum registry_status db_finish(struct registry *r, enum registry_status rc);

/* NULL after an error. */
sqlite3_stmt *db_prepare(struct registry *r, const char *sql);
/* NULL is bound as "". The text must live until the statement has run. */
void db_text(sqlite3_stmt *st, int i, const char *text);
/* Runs a statement that gives no rows, and ends it; NULL: it could not be prepared. */
enum registry_status db_done(struct registry *r, sqlite3_stmt *st, const char *what);
/* Ends a statement whose rows were read: `step` is what sqlite3_step() said last. */
enum registry_status db_ended(struct registry *r, sqlite3_stmt *st, int step, const char *what);
/* Never NULL. */
const char *db_column(sqlite3_stmt *st, int i);

/* Inside of a transaction. */
enum registry_status db_insert_audit(struct registry *r, const struct audit_row *row);

#endif
