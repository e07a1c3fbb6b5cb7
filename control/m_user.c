/* user.add|delete|list: legacy logins. Passwords come in and never go out. */
#include <string.h>

#include "control/method.h"
#include "control/registry_trust.h"
#include "control/trust.h"
#include "tls/scram.h"

static void list_one(void *ctx, const struct user_row *row)
{
	json_array_append_new(ctx, json_pack("{s:s,s:o,s:s}", "user", row->name, "changed",
					   time_json(row->time_ns), "changed_by", row->who));
}

static void fail(struct call *call)
{
	call_fail(call, REASON_FAILED, "the registry: %s", registry_error(call->c->registry));
}

void m_user_list(struct call *call)
{
	json_t *list = json_array();

	if (registry_users(call->c->registry, list_one, list) == REGISTRY_OK) {
		call_result(call, json_pack("{s:i,s:o}", "schema", 1, "users", list));
		return;
	}
	json_decref(list);
	fail(call);
}

struct search {
	const char *name;
	unsigned count;
	bool found;
};

static void look(void *ctx, const struct user_row *row)
{
	struct search *s = ctx;

	s->count++;
	s->found = s->found || strcmp(s->name, row->name) == 0;
}

static bool search(struct call *call, struct search *s)
{
	if (registry_users(call->c->registry, look, s) == REGISTRY_OK)
		return true;
	fail(call);
	return false;
}

/* Audited, and written: sessions by a password that is none any more end. */
static void told(struct call *call, const char *name, const char *what, const char *who)
{
	struct events *ev = &call->c->events;

	event_begin(ev, EVENT_NOTICE, "user");
	event_add(ev, "user", "%s", name);
	event_add(ev, "msg", "%s", what);
	event_add(ev, "who", "%s", who);
	event_end(ev);
	trust_changed(call->c, TRUST_DEVICES);
	call_result(call, json_pack("{s:i,s:s,s:s}", "schema", 1, "user", name, "done", what));
}

/* RFC 5802 escapes ',' and '='; SASLprep leaves printable ASCII as it is. */
static bool legal(struct call *call, const char *name)
{
	const char *p = name;

	while (*p > 0x20 && *p < 0x7f)
		p++;
	if (p > name && *p == '\0' && p - name <= USER_MAX_NAME)
		return true;
	call_invalid(call, "user", "expected 1 to %d printable ASCII characters without blanks",
		USER_MAX_NAME);
	return false;
}

void m_user_add(struct call *call)
{
	const char *name = call_string(call, "user", "");
	const char *password = call_string(call, "password", "");
	const char *problem = scram_password_problem(password);
	struct search s = {.name = name};
	char verifier[SCRAM_TEXT], who[64];
	const struct user_row row = {.name = name, .verifier = verifier};
	struct audit_row audit;

	if (!legal(call, name))
		return;
	if (problem) {
		call_invalid(call, "password", "%s", problem);
		return;
	}
	if (!search(call, &s))
		return;
	if (!s.found && s.count >= USER_MAX) {
		call_fail(call, REASON_BUSY, "there are %d users already", USER_MAX);
		return;
	}
	if (scram_verifier_new(password, verifier) != 0) {
		call_fail(call, REASON_FAILED, "libcrypto made no verifier");
		return;
	}
	control_audit_row(&audit, who, call->who, call->method->name, name, s.found ? "exists" : "",
		s.found ? "exists (another password)" : "exists");
	if (registry_user_put(call->c->registry, &row, &audit) == REGISTRY_OK)
		told(call, name, s.found ? "changed" : "added", who);
	else
		fail(call);
}

void m_user_delete(struct call *call)
{
	const char *name = call_string(call, "user", "");
	struct search s = {.name = name};
	struct audit_row audit;
	char who[64];

	if (!search(call, &s))
		return;
	if (!s.found) {
		call_fail(call, REASON_NOT_FOUND, "no user \"%s\"", name);
		return;
	}
	control_audit_row(&audit, who, call->who, call->method->name, name, "exists", "");
	if (registry_user_delete(call->c->registry, name, &audit) == REGISTRY_OK)
		told(call, name, "deleted", who);
	else
		fail(call);
}
