#include "dataplane/session_oftp.h"
#include "tls/tls.h"

#include <string.h>

/* framing.h and tcp.h name the same thing, so that neither room knows the other. */
_Static_assert(sizeof(struct framing_span) == sizeof(struct tcp_span) &&
		       offsetof(struct framing_span, data) == offsetof(struct tcp_span, data) &&
		       offsetof(struct framing_span, len) == offsetof(struct tcp_span, len),
	"spans are passed on as they are");

/* ---- plain TCP: read in place, in the buffers that the segments came in ---- */

static enum session_result plain_peek(struct session *s, struct worker *w, struct session_input *in)
{
	in->v = w->spans;
	in->n = tcp_peek(s->conn, (struct tcp_span *)w->spans, SESSION_SPANS);
	/* Only when the last unread byte is in sight may the end of the stream be believed. */
	in->whole = in->n < SESSION_SPANS;
	in->more = false;
	in->eof = s->peer_closed && in->whole;
	return SESSION_WAIT;
}

static bool plain_consume(struct session *s, struct worker *w, const struct session_input *in)
{
	if (in->consumed)
		tcp_consume(s->conn, in->consumed, w->l->now_us);
	return tcp_unread(s->conn) > 0;
}

static uint32_t plain_write(struct session *s, struct worker *w, const void *data, uint32_t n)
{
	return tcp_write(s->conn, data, n, w->l->now_us);
}

static void plain_finish(struct session *s, struct worker *w)
{
	(void)s, (void)w;
}

const struct session_transport session_plain = {
	.peek = plain_peek,
	.consume = plain_consume,
	.write = plain_write,
	.finish = plain_finish,
};

/* ---- the session ---- */

void session_init(struct session *s, struct worker *w, struct tcp_conn *conn, uint64_t id)
{
	struct lcore *l = w->l;
	struct tcp_info info;

	memset(s, 0, sizeof(*s));
	tcp_info(conn, &info);
	s->worker = w;
	s->conn = conn;
	s->id = id;
	s->transport = &session_plain;
	s->kind = STREAM_UNDECIDED;
	s->src.addr = info.flow.src;
	s->src.port = info.flow.src_port;
	s->src.transport = TRANSPORT_TCP;
	/* An account of its address, if it has one already: it may turn out to be somebody else. */
	s->src.device = device_known_by_addr(l->in.devices, &info.flow.src);
	device_hold(device_at(l->in.devices, s->src.device));
	s->opened_ns = l->now_ns;
	s->active_us = l->now_us;
}

void session_fini(struct session *s)
{
	struct worker *w = s->worker;

	session_leave_line(s);
	if (s->protocol && s->protocol->end)
		s->protocol->end(s, w);
	session_waits_no_more(s);
	session_down(s);
	tls_conn_free(s->tls);
	s->tls = NULL;
	carry_take(&w->carry, &s->carry, s->carry.len);
	device_release(device_at(w->l->in.devices, s->src.device));
}

bool session_permitted(const struct session *s, const struct lcore *l, enum refusal_reason *why)
{
	const struct dp_policy *pol = l->policy;

	*why = REFUSAL_address_not_allowed;
	if (!prefixes_have(pol->allow, pol->allow_count, &s->src.addr))
		return false;
	if (!session_identity_permitted(s, l, why))
		return false;
	return !s->protocol || s->protocol->permitted(s, l, why);
}

const char *session_kind_name(const struct session *s)
{
	switch ((enum session_stage)s->stage) {
	case SESSION_WAITING:
	case SESSION_SHAKING:
		return "handshake";
	case SESSION_PENDING:
		return "pending";
	case SESSION_DENIED:
		return "denied";
	case SESSION_SLOWED:
	case SESSION_OPEN:
	case SESSION_STAGES:
		break;
	}
	if (s->oftp)
		return oftp_kind_name(s);
	return s->protocol ? s->protocol->name : "detecting";
}

static size_t gather(const struct session_input *in, uint8_t *to, size_t max)
{
	size_t len = 0;

	for (unsigned i = 0; i < in->n && len < max; i++) {
		size_t k = in->v[i].len < max - len ? in->v[i].len : max - len;

		memcpy(to + len, in->v[i].data, k);
		len += k;
	}
	return len;
}

/* What does it speak? SESSION_AGAIN: decided, see s->protocol. */
static enum session_result detect(
	struct session *s, struct worker *w, const struct session_input *in)
{
	uint8_t first[STREAM_DETECT_MAX];
	size_t len = gather(in, first, sizeof(first));
	enum refusal_reason why = REFUSAL_protocol_error;
	const struct session_protocol *p = NULL;

	if (len == 0)
		return in->eof ? SESSION_DONE : SESSION_WAIT;
	s->kind = (uint8_t)stream_detect(first, len, in->eof);
	switch ((enum stream_kind)s->kind) {
	case STREAM_UNDECIDED:
		return SESSION_WAIT;
	case STREAM_LINES:
		p = &session_lines;
		break;
	case STREAM_COUNTED:
		p = &session_counted;
		break;
	case STREAM_OFTP:
		p = &session_oftp;
		break;
	case STREAM_TLS:
		if (!s->tls && w->l->policy->tls)
			return session_tls_begin(s, w);
		break;
	case STREAM_RELP:
		p = &session_relp;
		break;
	}
	if (s->denied && p != &session_oftp)
		return SESSION_REFUSED;
	if (s->nameless && p != &session_oftp) {
		session_refused(s, REFUSAL_no_legal_sn, "only a login could say who it is");
		return SESSION_ABORT;
	}
	if (!p || !p->permitted(s, w->l, &why)) {
		session_refused(s, why, "by its first bytes");
		return SESSION_ABORT;
	}
	if (s->stage == SESSION_PENDING && p != &session_oftp) {
		s->looked = true; /* read when it is authorized */
		worker_unqueue(w, s);
		return SESSION_HELD;
	}
	session_leave_line(s);
	s->protocol = p;
	p->begin(s, w);
	if (p == &session_oftp) {
		/* It was taken out of its circle with its line, and no event will come for what of
		 * its login lies in records that are here already. */
		worker_ready(w, s);
		return SESSION_AGAIN; /* its login says who it is */
	}
	return s->proven ? SESSION_AGAIN : session_identify_address(s, w);
}

static enum session_result read_input(struct session *s, struct worker *w, struct session_input *in)
{
	enum session_result r;

	if (!s->protocol) {
		r = detect(s, w, in);
		if (r == SESSION_WAIT && in->more)
			r = SESSION_AGAIN;
		if (!s->protocol || r != SESSION_AGAIN)
			return r;
	}
	r = s->protocol->read(s, w, in);
	if (r != SESSION_WAIT || (in->whole && !in->more))
		return r;
	if (in->consumed || in->whole)
		return SESSION_AGAIN; /* no event will come for what is out of sight */
	/* TCP holds no log in more buffers than that: the receive buffer's bound is by true size.
	 * Were it otherwise, this would wait for ever. */
	session_refused(s, REFUSAL_protocol_error, "nothing of it could be read");
	return SESSION_ABORT;
}

enum session_result session_read(struct session *s, struct worker *w)
{
	const struct session_transport *below = s->transport;
	struct session_input in = {0};
	enum session_result r;

	if (s->closing) {
		/* We have said our last word; what still comes is not read. */
		tcp_consume(s->conn, tcp_unread(s->conn), w->l->now_us);
		return SESSION_WAIT;
	}
	s->active_us = w->l->now_us;
	r = s->transport->peek(s, w, &in);
	if (r != SESSION_WAIT)
		return r;
	r = read_input(s, w, &in);
	s->blocked = r == SESSION_NO_ROOM || r == SESSION_HELD || r == SESSION_PAUSE;
	if (r == SESSION_HELD && s->transport != below)
		return r; /* TLS begins: its bytes stay where they are */
	if (!s->transport->consume(s, w, &in))
		s->partial_us = 0;
	else if (in.consumed || s->partial_us == 0)
		s->partial_us = w->l->now_us;
	return r;
}
