/* Answers to requests that were put off. */
#include "control/method.h"

void pending_result(struct pending *p, json_t *result)
{
	struct text line = {0};

	if (p->client && p->id) {
		rpc_write_result(&line, p->id, result);
		client_send(p->client, &line);
		text_free(&line);
	}
	json_decref(result);
	pending_done(p);
}

void pending_error(struct pending *p, struct rpc_error *error)
{
	struct text line = {0};

	if (p->client && p->id) {
		rpc_write_error(&line, p->id, error);
		client_send(p->client, &line);
		text_free(&line);
	}
	rpc_error_free(error);
	pending_done(p);
}
