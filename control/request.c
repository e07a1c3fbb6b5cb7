/* From a request line to a method and back: the one way in, without a socket. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/config/nearest.h"
#include "control/method.h"

void call_result(struct call *call, json_t *result)
{
	if (result)
		call->result = result;
	else
		call_fail(call, REASON_FAILED, "out of memory");
}

void call_fail(struct call *call, const char *reason, const char *fmt, ...)
{
	va_list ap;

	call->error.code = RPC_FAILED;
	call->error.reason = reason;
	va_start(ap, fmt);
	vsnprintf(call->error.message, sizeof(call->error.message), fmt, ap);
	va_end(ap);
}

void call_invalid(struct call *call, const char *param, const char *fmt, ...)
{
	char what[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	rpc_error_set(
		&call->error, RPC_INVALID_PARAMS, REASON_INVALID, "parameter %s: %s", param, what);
	call->error.data = json_pack("{s:s}", "param", param);
}

bool call_later(struct call *call, struct pending *p)
{
	if (!call->client) {
		call_fail(call, REASON_INVALID, "%s needs a connection that stays",
			call->method->name);
		return false;
	}
	if (!client_add_pending(call->client, p, call->id)) {
		call_fail(call, REASON_BUSY, "more than %d requests of this connection wait",
			SERVER_MAX_PENDING);
		return false;
	}
	call->later = true;
	return true;
}

const char *call_string(const struct call *call, const char *name, const char *fallback)
{
	const json_t *v = json_object_get(call->params, name);

	return v ? json_string_value(v) : fallback;
}

uint64_t call_uint(const struct call *call, const char *name, uint64_t fallback)
{
	const json_t *v = json_object_get(call->params, name);

	return v ? (uint64_t)json_integer_value(v) : fallback;
}

double call_number(const struct call *call, const char *name, double fallback)
{
	const json_t *v = json_object_get(call->params, name);

	return v ? json_number_value(v) : fallback;
}

bool call_bool(const struct call *call, const char *name, bool fallback)
{
	const json_t *v = json_object_get(call->params, name);

	return v ? json_is_true(v) : fallback;
}

static bool param_fits(const struct param *p, const json_t *v)
{
	switch (p->type) {
	case PARAM_STRING:
		return json_is_string(v) && json_string_length(v) <= p->max;
	case PARAM_UINT:
		return json_is_integer(v) && json_integer_value(v) >= 0 &&
		       (uint64_t)json_integer_value(v) <= p->max;
	case PARAM_NUMBER:
		return json_is_number(v) && json_number_value(v) >= 0 &&
		       json_number_value(v) <= (double)p->max;
	case PARAM_BOOL:
		return json_is_boolean(v);
	case PARAM_ID:
	default:
		return json_is_string(v) || json_is_number(v);
	}
}

static const struct param *param_find(const struct method *m, const char *name)
{
	for (const struct param *p = m->params; p && p->name; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static void param_unknown(struct call *call, const char *name)
{
	struct nearest n = {.word = name};
	const char *near;

	for (const struct param *p = call->method->params; p && p->name; p++)
		nearest_offer(&n, p->name);
	near = nearest_word(&n);
	if (!call->method->params)
		call_invalid(call, name, "%s takes no parameters", call->method->name);
	else if (near)
		call_invalid(call, name, "%s has none of this name; did you mean %s?",
			call->method->name, near);
	else
		call_invalid(call, name, "%s has none of this name", call->method->name);
}

static bool params_check(struct call *call)
{
	const char *name;
	json_t *value;

	json_object_foreach(call->params, name, value)
	{
		const struct param *p = param_find(call->method, name);
		char shown[64];

		if (!p) {
			snprintf(shown, sizeof(shown), "%s", name);
			param_unknown(call, shown);
			return false;
		}
		if (!param_fits(p, value)) {
			call_invalid(call, name, "expected %s", p->expected);
			return false;
		}
	}
	for (const struct param *p = call->method->params; p && p->name; p++) {
		if (p->required && !json_object_get(call->params, p->name)) {
			call_invalid(call, p->name, "is missing: expected %s", p->expected);
			return false;
		}
	}
	return true;
}

static void no_method(struct call *call, const char *name)
{
	const char *near = method_nearest(name);

	if (near)
		rpc_error_set(&call->error, RPC_NO_METHOD, REASON_INVALID,
			"no method \"%.64s\"; did you mean %s?", name, near);
	else
		rpc_error_set(&call->error, RPC_NO_METHOD, REASON_INVALID,
			"no method \"%.64s\"; method.list names all", name);
	if (near)
		call->error.data = json_pack("{s:s}", "nearest", near);
}

static void dispatch(struct call *call, const struct rpc_request *req)
{
	call->method = method_find(req->method);
	if (!call->method) {
		no_method(call, req->method);
		return;
	}
	if (call->who->role < call->method->role) {
		call_fail(call, REASON_NO_RIGHT,
			"%s changes things: only root and members of the group %s may", req->method,
			PEER_ADMIN_GROUP);
		return;
	}
	if (!call->method->fn) {
		call_fail(call, REASON_NOT_AVAILABLE, "%s: not available yet", call->method->name);
		return;
	}
	if (!params_check(call))
		return;
	if (!call->c->dp) {
		call_fail(call, REASON_BUSY, "sluiced is stopping");
		return;
	}
	call->method->fn(call);
}

static void answer(struct call *call, const json_t *id, struct text *out)
{
	if (call->error.code)
		rpc_write_error(out, id, &call->error);
	else if (call->result)
		rpc_write_result(out, id, call->result);
	else
		rpc_write_result_text(out, id, &call->text);
}

void control_request(struct control *c, struct client *client, const struct peer *who,
	const char *line, size_t len, struct text *out)
{
	struct call call = {.c = c, .client = client, .who = who};
	struct rpc_request req;
	int rc = rpc_parse(line, len, &req, &call.error);

	if (who->role == ROLE_NONE) {
		/* Who has no right learns nothing else. */
		rpc_error_free(&call.error);
		call_fail(&call, REASON_NO_RIGHT,
			"user %u has no right here: root, and members of the groups %s and %s have",
			(unsigned)who->uid, PEER_ADMIN_GROUP, PEER_READ_GROUP);
		answer(&call, req.id, out);
	} else if (rc != 0) {
		/* Even a broken request gets an answer, with a null id if it has none. */
		answer(&call, req.id, out);
	} else {
		call.id = req.id;
		call.params = req.params ? json_incref(req.params) : json_object();
		dispatch(&call, &req);
		if (req.id && !call.later)
			answer(&call, req.id, out);
		json_decref(call.params);
	}
	if (call.error.code)
		c->counters.errors++;
	json_decref(call.result);
	text_free(&call.text);
	rpc_error_free(&call.error);
	rpc_request_free(&req);
}
