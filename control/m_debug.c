/*
 * debug.start: a live trace of what handshakes and logins do, in the words of the vendor's. One
 * watcher at a time; lcores make no lines while there is none. A watcher that does not read loses
 * lines, which are counted, and slows nobody.
 */
#include <stdlib.h>
#include <string.h>

#include "control/method.h"

#define LINES_A_ROUND 256

struct debug_watch {
	struct pending pending;
	struct control *c;
	uint64_t lines, lost;
};

static void end_watch(struct pending *p)
{
	struct debug_watch *d = (struct debug_watch *)p;

	dp_trace_set(d->c->dp, 0, NULL);
	d->c->debug = NULL;
	pending_done(p);
	free(d);
}

void m_debug_start(struct call *call)
{
	struct control *c = call->c;
	const char *address = call_string(call, "address", NULL);
	const uint64_t level = call_uint(call, "level", 0);
	struct ip_addr addr;
	struct debug_watch *d;

	if (strcmp(call_string(call, "what", ""), "oftpd") != 0) {
		call_invalid(call, "what", "expected oftpd");
		return;
	}
	if (level < 1 || level > 255) {
		call_invalid(call, "level", "expected a level from 1 to 255");
		return;
	}
	if (address && ip_addr_parse(&addr, address) != 0) {
		call_invalid(call, "address", "\"%.60s\" is no address", address);
		return;
	}
	if (c->debug) {
		call_fail(call, REASON_BUSY, "somebody is watching already");
		return;
	}
	d = calloc(1, sizeof(*d));
	if (!d) {
		call_fail(call, REASON_FAILED, "out of memory");
		return;
	}
	d->c = c;
	d->pending.abandon = end_watch;
	if (!call_later(call, &d->pending)) {
		free(d);
		return;
	}
	/* Answered at once; what is pending only ties the trace to its client. */
	call->later = false;
	json_decref(d->pending.id);
	d->pending.id = NULL;
	c->debug = d;
	dp_trace_set(c->dp, (unsigned)level, address ? &addr : NULL);
	call_result(call, json_pack("{s:i,s:b}", "schema", 1, "watching", 1));
}

void m_debug_stop(struct call *call)
{
	struct debug_watch *d = call->c->debug;
	json_t *result;

	if (!d || d->pending.client != call->client) {
		call_fail(call, REASON_NOT_FOUND, "this connection watches nothing");
		return;
	}
	result = json_pack("{s:i,s:I,s:I}", "schema", 1, "lines", (json_int_t)d->lines, "lost",
		(json_int_t)d->lost);
	end_watch(&d->pending);
	call_result(call, result);
}

static void on_line(void *ctx, const char *line, uint64_t lost)
{
	struct debug_watch *d = ctx;
	struct text params = {0}, out = {0};

	d->lost += lost;
	if (client_backlog(d->pending.client) >= SERVER_HIGH_WATER) {
		d->lost++;
		return;
	}
	d->lines++;
	text_str(&params, "{\"schema\":1,\"line\":");
	text_json_string(&params, line, strlen(line));
	text_printf(&params, ",\"lost\":%llu}", (unsigned long long)d->lost);
	rpc_write_notification(&out, "debug.line", params.data, params.len);
	out.failed |= params.failed;
	client_send(d->pending.client, &out);
	text_free(&params);
	text_free(&out);
}

static void to_nobody(void *ctx, const char *line, uint64_t lost)
{
	(void)ctx;
	(void)line;
	(void)lost;
}

uint64_t debug_round(struct control *c, uint64_t now_us)
{
	const unsigned n =
		dp_trace_lines(c->dp, LINES_A_ROUND, c->debug ? on_line : to_nobody, c->debug);

	return n == LINES_A_ROUND ? now_us : UINT64_MAX;
}
