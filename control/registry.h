/*
 * registry.db: what is decided while running and must outlive a restart, with who decided it. An
 * SQLite database in WAL mode with synchronous=FULL: what a function here has reported as done is
 * on disk. One thread. Other programs may read it while sluiced runs (`sqlite3 -readonly`).
 *
 * Tables: meta (this node's own facts), settings, audit; since schema 2 devices, users,
 * certificates and contexts, whose functions are in registry_devices.h and registry_trust.h; since
 * schema 3 a device's anchor. A registry of an older schema is brought to ours when it is opened;
 * there is no way back.
 */
#ifndef SLUICE_CONTROL_REGISTRY_H
#define SLUICE_CONTROL_REGISTRY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define REGISTRY_SCHEMA	   3	      /* PRAGMA user_version */
#define REGISTRY_APP_ID	   0x534c5543 /* "SLUC", PRAGMA application_id */
#define REGISTRY_MAX_AUDIT 100000     /* rows; the oldest go */

struct registry;

enum registry_status {
	REGISTRY_OK = 0,
	REGISTRY_E_IO = -1,	 /* cannot be opened, read or written */
	REGISTRY_E_CORRUPT = -2, /* not a database, or a damaged one */
	REGISTRY_E_FOREIGN = -3, /* a database, but not one of Sluice */
	REGISTRY_E_NEWER = -4,	 /* of a newer schema */
	REGISTRY_E_LOCKED = -5,	 /* another sluiced has it */
};

/*
 * Opens or creates `path` (0640; its directory must exist) and checks it whole; NULL: in memory.
 * `owner`, `group`: who shall own a file that root creates, -1: leave it. REGISTRY_OK or an error
 * with a line in `err` that names the file.
 */
enum registry_status registry_open(const char *path, uid_t owner, gid_t group,
	struct registry **out, char *err, size_t err_size);
void registry_close(struct registry *r);

/* What the last function that failed failed at. */
const char *registry_error(const struct registry *r);

/* 1: found (cut to fit), 0: no such key, or an error. */
int registry_meta_get(struct registry *r, const char *key, char *value, size_t size);
enum registry_status registry_meta_set(struct registry *r, const char *key, const char *value);

struct audit_row;
/* The same with its audit, both or neither. */
enum registry_status registry_meta_decide(
	struct registry *r, const char *key, const char *value, const struct audit_row *audit);

/* A row of the audit. Strings are never NULL in rows read; empty and NULL are the same when added.
 */
struct audit_row {
	int64_t id; /* rising; set by the registry */
	uint64_t time_ns;
	const char *who; /* name of the user */
	uid_t uid;
	pid_t pid;
	const char *what;   /* method: "settings.set" */
	const char *target; /* what it was done to */
	const char *before, *after;
};

enum registry_status registry_audit_add(struct registry *r, const struct audit_row *row);

/* Several in one transaction. */
enum registry_status registry_audit_add_many(
	struct registry *r, const struct audit_row *rows, unsigned n);

typedef void (*audit_fn)(void *ctx, const struct audit_row *row);
/* Newest first, at most `limit`, only rows with a smaller id than `before_id` (0: all). */
enum registry_status registry_audit_list(
	struct registry *r, int64_t before_id, unsigned limit, audit_fn fn, void *ctx);

struct setting_row {
	const char *name, *value, *who;
	uint64_t time_ns;
};
typedef void (*setting_fn)(void *ctx, const struct setting_row *row);
enum registry_status registry_settings(struct registry *r, setting_fn fn, void *ctx);

/* Sets it and adds `audit` in one transaction: neither happens without the other. */
enum registry_status registry_setting_set(
	struct registry *r, const char *name, const char *value, const struct audit_row *audit);

#endif
