/*
 * Methods of the control socket: one table (methods.c) with name, required role and parameters;
 * a function each, in m_*.c by noun.
 */
#ifndef SLUICE_CONTROL_METHOD_H
#define SLUICE_CONTROL_METHOD_H

#include "control/control.h"
#include "control/rpc.h"

enum param_type { PARAM_STRING, PARAM_UINT, PARAM_NUMBER, PARAM_BOOL, PARAM_ID };

struct param {
	const char *name;
	enum param_type type;
	bool required;
	uint64_t max;	      /* of a number; of a string's bytes */
	const char *expected; /* for people: "the name of a device" */
};

struct call;
typedef void (*method_fn)(struct call *call);

struct method {
	const char *name;
	enum role role;
	method_fn fn;		    /* NULL: of a part that is not built yet */
	const struct param *params; /* up to a NULL name; NULL: none */
};

/* NULL ends it. */
extern const struct method methods[];
/* By name, "status.show" meaning the same as "status"; NULL: no such. */
const struct method *method_find(const char *name);
/* The name most like it, or NULL. */
const char *method_nearest(const char *name);

/* One request at work. A method ends by exactly one of call_result(), call_text(), call_fail(),
 * call_later(). */
struct call {
	struct control *c;
	struct client *client; /* NULL: none, so nothing can be answered later */
	const struct peer *who;
	const struct method *method;
	json_t *params; /* checked against the table; never NULL */
	json_t *id;	/* NULL: no answer is wanted */

	json_t *result;
	struct text text; /* a result that is JSON text already */
	bool later;
	struct rpc_error error;
};

/* Takes the reference; NULL (out of memory) becomes an error. */
void call_result(struct call *call, json_t *result);
__attribute__((format(printf, 3, 4))) void call_fail(
	struct call *call, const char *reason, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void call_invalid(
	struct call *call, const char *param, const char *fmt, ...);
/* Registers `p` with the client; false: refused, the error is set. */
bool call_later(struct call *call, struct pending *p);

/* Parameters; the fallback where they are not given. */
const char *call_string(const struct call *call, const char *name, const char *fallback);
uint64_t call_uint(const struct call *call, const char *name, uint64_t fallback);
double call_number(const struct call *call, const char *name, double fallback);
bool call_bool(const struct call *call, const char *name, bool fallback);

/* Answers to a request that was put off, then takes it from its client. */
void pending_result(struct pending *p, json_t *result);
void pending_error(struct pending *p, struct rpc_error *error);

/* m_status.c */
void m_status(struct call *call);
void m_version(struct call *call);
void m_port_list(struct call *call);
/* m_refusal.c */
void m_refusal_list(struct call *call);
/* m_ready.c */
void m_wait_ready(struct call *call);
/* To be called each round: answers those whose wait is over. Returns the next deadline. */
uint64_t ready_round(struct control *c, uint64_t now_us);
/* m_top.c */
void m_top(struct call *call);
void top_free(struct control *c);
/* m_account.c */
void m_account_list(struct call *call);
void m_account_show(struct call *call);
void m_gap_list(struct call *call);
/* m_device.c */
void m_device_list(struct call *call);
void m_device_show(struct call *call);
void m_device_authorize(struct call *call);
void m_device_deny(struct call *call);
void m_device_forget(struct call *call);
void m_device_set(struct call *call);
/* m_cert.c */
void m_cert_list(struct call *call);
void m_cert_show(struct call *call);
void m_cert_delete(struct call *call);
void m_cert_use(struct call *call);
void m_cert_expiring(struct call *call);
void m_tls_show(struct call *call);
/* m_cert_make.c */
void m_cert_import(struct call *call);
void m_cert_check(struct call *call);
void m_cert_request(struct call *call);
void m_cert_ca_init(struct call *call);
void m_cert_issue(struct call *call);
void m_cert_export(struct call *call);
/* m_debug.c */
void m_debug_start(struct call *call);
void m_debug_stop(struct call *call);
/* Each round: lines to who watches. Returns the next deadline. */
uint64_t debug_round(struct control *c, uint64_t now_us);
/* m_user.c */
void m_user_add(struct call *call);
void m_user_delete(struct call *call);
void m_user_list(struct call *call);
/* m_session.c */
void m_session_list(struct call *call);
void m_session_kill(struct call *call);
/* m_journal.c */
void m_journal_list(struct call *call);
void m_journal_verify(struct call *call);
void m_journal_resume(struct call *call);
void m_journal_status(struct call *call);
/* m_subscribe.c */
void m_journal_subscribe(struct call *call);
void m_journal_unsubscribe(struct call *call);
/* What has become durable, told to subscribers and to followers of logs. */
void journal_announce(struct control *c);
/* m_log.c */
void m_log_show(struct call *call);
void log_streams_durable(struct control *c, uint64_t block);
/* m_config.c */
void m_config_show(struct call *call);
void m_config_check(struct call *call);
void m_config_reload(struct call *call);
/* m_settings.c */
void m_settings_list(struct call *call);
void m_settings_get(struct call *call);
void m_settings_set(struct call *call);
void m_audit_list(struct call *call);
/* methods.c */
void m_request_cancel(struct call *call);
void m_method_list(struct call *call);

#endif
