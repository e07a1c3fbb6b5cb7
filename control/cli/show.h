/* Answers of sluiced for people. Each takes the result object; what is missing in it is left out.
 */
#ifndef SLUICE_CLI_SHOW_H
#define SLUICE_CLI_SHOW_H

#include "control/cli/cli.h"
#include "control/cli/table.h"

void show_status(struct cli *cli, const json_t *r);
void show_top(struct cli *cli, const json_t *r);
void show_ports(struct cli *cli, const json_t *r);
void show_sessions(struct cli *cli, const json_t *r);
void show_killed(struct cli *cli, const json_t *r);
void show_accounts(struct cli *cli, const json_t *r);
void show_account(struct cli *cli, const json_t *r);
void show_gaps(struct cli *cli, const json_t *r);
void show_devices(struct cli *cli, const json_t *r);
void show_device(struct cli *cli, const json_t *r);
void show_forgotten(struct cli *cli, const json_t *r);
void show_device_set(struct cli *cli, const json_t *r);
void show_user(struct cli *cli, const json_t *r);
void show_users(struct cli *cli, const json_t *r);
void show_certs(struct cli *cli, const json_t *r);
void show_cert(struct cli *cli, const json_t *r);
void show_cert_check(struct cli *cli, const json_t *r);
void show_cert_request(struct cli *cli, const json_t *r);
/* {file, kind} of cert.export, {file, device} of cert.issue: what the file is for. */
void show_pkcs12(struct cli *cli, const json_t *r);
void show_cert_deleted(struct cli *cli, const json_t *r);
void show_cert_use(struct cli *cli, const json_t *r);
void show_cert_expiring(struct cli *cli, const json_t *r);
void show_tls(struct cli *cli, const json_t *r);
void show_refusals(struct cli *cli, const json_t *r);
void show_settings(struct cli *cli, const json_t *r);
void show_setting(struct cli *cli, const json_t *r);
void show_audit(struct cli *cli, const json_t *r);
void show_config(struct cli *cli, const json_t *r);
void show_config_check(struct cli *cli, const json_t *r);
void show_reload(struct cli *cli, const json_t *r);
void show_journal_list(struct cli *cli, const json_t *r);
void show_journal_verify(struct cli *cli, const json_t *r);
void show_journal_status(struct cli *cli, const json_t *r);
void show_journal_resume(struct cli *cli, const json_t *r);
/* The changes of a reload or a check, and the errors of a file, where `r` has any. */
void show_changes(const json_t *changes, FILE *out);
void show_config_errors(const char *file, const json_t *errors, FILE *out);

/* ---- members of an object (json.c) -------------------------------------------------------- */

/* "a.b" goes into object a. Absent or of another type: NULL, 0, "-". */
const json_t *get(const json_t *o, const char *path);
uint64_t get_uint(const json_t *o, const char *path);
double get_number(const json_t *o, const char *path);
const char *get_text(const json_t *o, const char *path);
bool get_bool(const json_t *o, const char *path);

/* A list of the result. NULL: there is none under this name, and all of the result is printed as it
 * is, for an answer of another version must not look like an empty one. */
const json_t *get_list(struct cli *cli, const json_t *r, const char *name);

/* Cells of a table. A time is cut to seconds; a null is "-". */
void cell_text(struct table *t, const json_t *o, const char *path);
void cell_count(struct table *t, const json_t *o, const char *path);
void cell_bytes(struct table *t, const json_t *o, const char *path);
void cell_rate(struct table *t, const json_t *o, const char *path);
void cell_time(struct table *t, const json_t *o, const char *path);

/* "a 5, b 7": the members that are not 0 of an object of numbers; "" where there is none. */
void list_counts(const json_t *counts, char *text, size_t size);
uint64_t sum_counts(const json_t *counts);
/* "name           value" in a line, unless it is no text. */
void put_member(const json_t *r, const char *name, const char *path, FILE *out);
/* Text made safe for a terminal. */
void put_text(const char *text, FILE *out);

#endif
