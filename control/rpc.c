#include "control/rpc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void rpc_error_set(struct rpc_error *e, int code, const char *reason, const char *fmt, ...)
{
	va_list ap;

	e->code = code;
	e->reason = reason;
	va_start(ap, fmt);
	vsnprintf(e->message, sizeof(e->message), fmt, ap);
	va_end(ap);
}

void rpc_error_free(struct rpc_error *e)
{
	json_decref(e->data);
	*e = (struct rpc_error){0};
}

static const char *type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
	default:
		return "null";
	}
}

static int invalid(struct rpc_error *error, const char *what, const char *expected, const json_t *v)
{
	if (v)
		rpc_error_set(error, RPC_INVALID_REQUEST, REASON_INVALID,
			"invalid request: %s must be %s, not %s", what, expected, type_name(v));
	else
		rpc_error_set(error, RPC_INVALID_REQUEST, REASON_INVALID,
			"invalid request: no %s: it must be %s", what, expected);
	return -1;
}

static int check_members(const json_t *root, struct rpc_error *error)
{
	static const char *const known[] = {"jsonrpc", "method", "params", "id"};
	const char *key;
	json_t *value;

	/* cppcheck does not see that json_object_foreach sets `key`. */
	json_object_foreach((json_t *)root, key, value)
	{
		bool found = false;

		for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			found = found || strcmp(key, known[i]) == 0;
		if (!found) {
			rpc_error_set(error, RPC_INVALID_REQUEST, REASON_INVALID,
				"invalid request: no member \"%.64s\" is known: a request has "
				"jsonrpc, "
				"id, method and params",
				key);
			return -1;
		}
	}
	return 0;
}

static int read_request(struct rpc_request *req, struct rpc_error *error)
{
	const json_t *root = req->root;
	const json_t *version = json_object_get(root, "jsonrpc");
	const json_t *method = json_object_get(root, "method");
	json_t *id = json_object_get(root, "id");
	json_t *params = json_object_get(root, "params");

	if (id && (json_is_string(id) || json_is_number(id) || json_is_null(id)))
		req->id = id;
	else if (id)
		return invalid(error, "id", "a string or a number", id);
	if (!json_is_string(version))
		return invalid(error, "jsonrpc", "the string \"2.0\"", version);
	if (strcmp(json_string_value(version), "2.0") != 0) {
		rpc_error_set(error, RPC_INVALID_REQUEST, REASON_INVALID,
			"invalid request: jsonrpc must be \"2.0\", not \"%.32s\"",
			json_string_value(version));
		return -1;
	}
	if (!json_is_string(method))
		return invalid(error, "method", "a string like \"noun.verb\"", method);
	req->method = json_string_value(method);
	if (check_members(root, error) != 0)
		return -1;
	if (params && !json_is_object(params)) {
		rpc_error_set(error, RPC_INVALID_PARAMS, REASON_INVALID,
			"params must be an object of named values, not %s", type_name(params));
		return -1;
	}
	req->params = params;
	return 0;
}

static int not_json(struct rpc_error *error, const char *why, int position)
{
	rpc_error_set(error, RPC_PARSE_ERROR, REASON_INVALID,
		"not JSON: %s, at byte %d of the line", why, position);
	error->data = json_pack("{s:i}", "position", position);
	return -1;
}

int rpc_parse(const char *line, size_t len, struct rpc_request *req, struct rpc_error *error)
{
	const char *nul = memchr(line, '\0', len);
	json_error_t je;

	*req = (struct rpc_request){0};
	/* jansson 2.14 reads over a NUL behind a number. */
	if (nul)
		return not_json(error, "a NUL", (int)(nul - line) + 1);
	req->root = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
	if (!req->root)
		return not_json(error,
			strstr(je.text, "JSON_ALLOW_NUL") ? "\\u0000 in a name or value" : je.text,
			je.position);
	if (json_is_array(req->root)) {
		rpc_error_set(error, RPC_INVALID_REQUEST, REASON_INVALID,
			"invalid request: batches (arrays) are not supported: send one object a "
			"line");
		return -1;
	}
	if (!json_is_object(req->root))
		return invalid(error, "a request", "an object", req->root);
	return read_request(req, error);
}

void rpc_request_free(struct rpc_request *req)
{
	json_decref(req->root);
	*req = (struct rpc_request){0};
}

static void begin(struct text *out, const json_t *id)
{
	text_str(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	if (id)
		text_json(out, id);
	else
		text_str(out, "null");
}

void rpc_write_result(struct text *out, const json_t *id, const json_t *result)
{
	begin(out, id);
	text_str(out, ",\"result\":");
	text_json(out, result);
	text_str(out, "}\n");
}

void rpc_write_result_text(struct text *out, const json_t *id, const struct text *result)
{
	begin(out, id);
	text_str(out, ",\"result\":");
	text_add(out, result->data, result->len);
	out->failed |= result->failed;
	text_str(out, "}\n");
}

void rpc_write_error(struct text *out, const json_t *id, const struct rpc_error *error)
{
	json_t *data = error->data ? json_copy(error->data) : json_object();

	json_object_set_new(data, "schema", json_integer(1));
	json_object_set_new(data, "reason", json_string(error->reason));
	begin(out, id);
	text_printf(out, ",\"error\":{\"code\":%d,\"message\":", error->code);
	text_json_string(out, error->message, strlen(error->message));
	text_str(out, ",\"data\":");
	text_json(out, data);
	text_str(out, "}}\n");
	json_decref(data);
}

void rpc_write_notification(struct text *out, const char *method, const char *params, size_t len)
{
	text_str(out, "{\"jsonrpc\":\"2.0\",\"method\":");
	text_json_string(out, method, strlen(method));
	text_str(out, ",\"params\":");
	text_add(out, params, len);
	text_str(out, "}\n");
}
