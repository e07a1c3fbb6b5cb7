/*
 * JSON-RPC 2.0 (https://www.jsonrpc.org/specification), one object a line: reading a request,
 * writing answers. Pure. What is said in an error is meant for the person who typed the request.
 */
#ifndef SLUICE_CONTROL_RPC_H
#define SLUICE_CONTROL_RPC_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "control/text.h"

enum rpc_code {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_NO_METHOD = -32601,
	RPC_INVALID_PARAMS = -32602,
	RPC_FAILED = -32000, /* the request was fine; data.reason says why not */
};

/* data.reason of an error; slugs of base/reason.h are used beside these. */
#define REASON_INVALID	     "invalid"
#define REASON_NOT_FOUND     "not_found"
#define REASON_NO_RIGHT	     "no_right"
#define REASON_TIMEOUT	     "timeout"
#define REASON_BUSY	     "busy"
#define REASON_NOT_AVAILABLE "not_available"
#define REASON_FAILED	     "failed"
#define REASON_CANCELLED     "cancelled"
#define REASON_PASSWORD	     "password_needed" /* or it is wrong */
#define REASON_NEEDS_RESTART "needs_restart"
#define REASON_NOT_SURE	     "not_sure" /* it destroys much: to be said once more, with `sure` */

struct rpc_error {
	int code; /* enum rpc_code; 0: no error */
	const char *reason;
	char message[512];
	json_t *data; /* more members for `data`, or NULL; owned */
};
__attribute__((format(printf, 4, 5))) void rpc_error_set(
	struct rpc_error *e, int code, const char *reason, const char *fmt, ...);
void rpc_error_free(struct rpc_error *e);

struct rpc_request {
	json_t *root; /* owns the rest */
	const char *method;
	json_t *params; /* an object, or NULL */
	json_t *id;	/* a string, number or null; NULL: a notification, which gets no answer */
};

/*
 * 0, or -1 with `error`, and then `id` is still set where it could be read. The request must be
 * given back by rpc_request_free() either way.
 */
int rpc_parse(const char *line, size_t len, struct rpc_request *req, struct rpc_error *error);
void rpc_request_free(struct rpc_request *req);

/* Each writes one line with its newline. `id` NULL stands for null. */
void rpc_write_result(struct text *out, const json_t *id, const json_t *result);
void rpc_write_result_text(struct text *out, const json_t *id, const struct text *result);
void rpc_write_error(struct text *out, const json_t *id, const struct rpc_error *error);
/* A notification to the client; `params` is JSON. */
void rpc_write_notification(struct text *out, const char *method, const char *params, size_t len);

#endif
