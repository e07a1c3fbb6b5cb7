/* session.list|kill */
#include <stdio.h>
#include <string.h>

#include "control/method.h"
#include "control/shapes.h"

struct listing {
	struct text *t;
	const char *device; /* NULL: all */
	uint64_t limit, listed, skipped;
};

static void add_number(struct text *t, const char *key, uint64_t v)
{
	text_json_key(t, key);
	text_u64(t, v);
}

static void add_endpoint(struct text *t, const char *key, const char *port_key,
	const struct ip_addr *a, uint16_t port)
{
	char addr[IP_ADDR_TEXT];

	ip_addr_format(a, addr);
	text_json_key(t, key);
	text_json_string(t, addr, strlen(addr));
	add_number(t, port_key, port);
}

static void add_string(struct text *t, const char *key, const char *s)
{
	text_json_key(t, key);
	text_json_string(t, s, strlen(s));
}

static void add_session(struct text *t, const struct dp_session_info *s)
{
	add_number(t, "id", s->id);
	add_string(t, "device", s->device);
	add_endpoint(t, "peer", "peer_port", &s->flow.src, s->flow.src_port);
	add_endpoint(t, "local", "local_port", &s->flow.dst, s->flow.dst_port);
	add_string(t, "kind", s->kind);
	add_string(t, "tcp_state", s->tcp_state);
	text_json_key(t, "opened");
	text_json_time(t, s->opened_ns);
	add_number(t, "logs", s->logs);
	add_number(t, "bytes", s->bytes);
	text_json_key(t, "last_log");
	text_json_time(t, s->last_log_ns);
	add_number(t, "lcore", s->lcore);
	add_number(t, "srtt_us", s->srtt_us);
	add_number(t, "unread_bytes", s->unread);
	add_number(t, "window_bytes", s->rcv_wnd);
	add_number(t, "retransmits", s->retransmits);
}

static void list_one(void *ctx, const struct dp_session_info *s)
{
	struct listing *l = ctx;

	if (l->device && strcmp(l->device, s->device) != 0)
		return;
	if (l->listed >= l->limit) {
		l->skipped++;
		return;
	}
	text_str(l->t, l->listed++ ? ",{" : "{");
	add_session(l->t, s);
	text_char(l->t, '}');
}

void m_session_list(struct call *call)
{
	struct listing l = {
		.t = &call->text,
		.device = call_string(call, "device", NULL),
		.limit = call_uint(call, "limit", UINT64_MAX),
	};

	text_str(l.t, "{\"schema\":1,\"sessions\":[");
	if (dp_sessions(call->c->dp, list_one, &l) < 0) {
		call_fail(call, REASON_TIMEOUT, "a worker did not answer in time");
		return;
	}
	text_char(l.t, ']');
	add_number(l.t, "skipped", l.skipped);
	text_char(l.t, '}');
}

struct wanted {
	uint64_t id;
	bool found;
	char text[160];
};

static void describe(void *ctx, const struct dp_session_info *s)
{
	struct wanted *w = ctx;
	char addr[IP_ADDR_TEXT];

	if (s->id != w->id)
		return;
	ip_addr_format(&s->flow.src, addr);
	w->found = true;
	snprintf(w->text, sizeof(w->text), "device %s, peer %s port %u", s->device, addr,
		s->flow.src_port);
}

void m_session_kill(struct call *call)
{
	struct control *c = call->c;
	struct wanted w = {.id = call_uint(call, "id", 0)};
	char target[32];
	int rc = dp_sessions(c->dp, describe, &w) < 0 ? -2 : dp_session_kill(c->dp, w.id);

	if (rc == -2) {
		call_fail(call, REASON_TIMEOUT, "its worker did not answer in time");
		return;
	}
	if (rc != 0) {
		call_fail(call, REASON_NOT_FOUND, "no session %llu", (unsigned long long)w.id);
		return;
	}
	snprintf(target, sizeof(target), "%llu", (unsigned long long)w.id);
	control_audit(c, call->who, call->method->name, target, w.text, "ended");
	event_begin(&c->events, EVENT_NOTICE, "session-kill");
	event_add(&c->events, "session", "%s", target);
	event_add(&c->events, "uid", "%u", (unsigned)call->who->uid);
	event_add(&c->events, "msg", "ended by an operator: %s", w.text);
	event_end(&c->events);
	call_result(
		call, json_pack("{s:i,s:I,s:b}", "schema", 1, "id", (json_int_t)w.id, "killed", 1));
}
