#include "dataplane/session.h"

#include "dataplane/framing/fields.h"

#include <string.h>

/* framing.h and tcp.h name the same thing, so that neither room knows the other. */
_Static_assert(sizeof(struct framing_span) == sizeof(struct tcp_span) &&
		       offsetof(struct framing_span, data) == offsetof(struct tcp_span, data) &&
		       offsetof(struct framing_span, len) == offsetof(struct tcp_span, len),
	"spans are passed on as they are");

void session_init(struct session *s, struct lcore *l, struct tcp_conn *conn, uint64_t id)
{
	struct tcp_info info;

	memset(s, 0, sizeof(*s));
	tcp_info(conn, &info);
	s->conn = conn;
	s->id = id;
	s->kind = STREAM_UNDECIDED;
	s->src.addr = info.flow.src;
	s->src.port = info.flow.src_port;
	s->src.transport = TRANSPORT_TCP;
	s->src.device = device_by_addr(l->in.devices, &info.flow.src, l->now_ns);
	s->opened_ns = l->now_ns;
	s->active_us = l->now_us;
}

bool session_permitted(const struct session *s, const struct lcore *l, enum refusal_reason *why)
{
	const struct dp_policy *pol = l->policy;

	*why = REFUSAL_address_not_allowed;
	if (!prefixes_have(pol->allow, pol->allow_count, &s->src.addr))
		return false;
	*why = REFUSAL_cleartext_forbidden;
	return s->kind == STREAM_UNDECIDED || (pol->cleartext & DP_CLEAR_TCP_SYSLOG);
}

const char *session_kind_name(const struct session *s)
{
	switch ((enum stream_kind)s->kind) {
	case STREAM_LINES:
		return "lines";
	case STREAM_COUNTED:
		return "counted";
	case STREAM_TLS:
		return "tls";
	case STREAM_RELP:
		return "relp";
	case STREAM_OFTP:
		return "oftp";
	case STREAM_UNDECIDED:
		break;
	}
	return "detecting";
}

static size_t gather(const struct tcp_span *v, unsigned n, uint8_t *to, size_t max)
{
	size_t len = 0;

	for (unsigned i = 0; i < n && len < max; i++) {
		size_t k = v[i].len < max - len ? v[i].len : max - len;

		memcpy(to + len, v[i].data, k);
		len += k;
	}
	return len;
}

/* What does it speak? 1: decided and served; 0: more bytes are needed; -1: refused. */
static int detect(struct session *s, struct lcore *l, const struct tcp_span *v, unsigned n)
{
	uint8_t first[STREAM_DETECT_MAX];
	size_t len = gather(v, n, first, sizeof(first));

	s->kind = (uint8_t)stream_detect(first, len, s->peer_closed);
	switch ((enum stream_kind)s->kind) {
	case STREAM_UNDECIDED:
		return 0;
	case STREAM_LINES:
	case STREAM_COUNTED:
		if (!(l->policy->cleartext & DP_CLEAR_TCP_SYSLOG)) {
			l->refusals[REFUSAL_cleartext_forbidden]++;
			return -1;
		}
		framer_init(&s->framer, s->kind, l->policy->message_size);
		return 1;
	case STREAM_OFTP:
		/* The profile is spoken inside of TLS only. */
		l->refusals[REFUSAL_cleartext_forbidden]++;
		return -1;
	case STREAM_TLS:
	case STREAM_RELP:
		break; /* not served by this version */
	}
	l->refusals[REFUSAL_protocol_error]++;
	return -1;
}

/* The device of a log that came through a relay whose devid we trust. */
static uint32_t relayed_device(
	struct session *s, struct lcore *l, const struct framing_span *v, const struct frame *f)
{
	const char *at = (const char *)v->data + f->skip;
	struct text devid;

	if (v->len < f->skip + f->len) {
		/* The log lies in several buffers: the beginning, where devid stands, is enough. */
		uint32_t n = f->len < 2048 ? f->len : 2048, done = 0, skip = f->skip;

		for (; done < n; v++) {
			uint32_t k;

			if (skip >= v->len) {
				skip -= v->len;
				continue;
			}
			k = v->len - skip < n - done ? v->len - skip : n - done;
			memcpy(l->scratch + done, v->data + skip, k);
			done += k;
			skip = 0;
		}
		devid = fields_devid((const char *)l->scratch, n);
	} else {
		devid = fields_devid(at, f->len);
	}
	if (devid.at && devid.len)
		return device_by_name(l->in.devices, devid.at, devid.len, l->now_ns);
	return s->src.device;
}

static void take_log(struct session *s, struct lcore *l, const struct framing_span *v,
	const struct frame *f, bool relay)
{
	struct intake_source src = s->src;
	uint8_t flags = f->flags;

	/* Without its end from a peer that had not finished: it is not known to be all. */
	if (s->cut_off && !(flags & (LOG_FLAG_LF | LOG_FLAG_CRLF | LOG_FLAG_NUL | LOG_FLAG_CUT |
					    LOG_FLAG_COUNTED)))
		flags |= LOG_FLAG_PARTIAL;
	if (relay)
		src.device = relayed_device(s, l, v, f);
	intake_append(&l->in, &src, v, f->skip, f->len, flags, NULL, 0);
	s->logs++;
	s->bytes += f->len;
	s->last_log_ns = l->now_ns;
}

enum session_result session_read(struct session *s, struct lcore *l, struct tcp_span *spans)
{
	struct framing_span *const all = (struct framing_span *)spans;
	struct framing_span *v = all;
	enum session_result result = SESSION_WAIT;
	bool relay =
		l->policy->trust_devid_count > 0 &&
		prefixes_have(l->policy->trust_devid, l->policy->trust_devid_count, &s->src.addr);
	unsigned n = tcp_peek(s->conn, spans, SESSION_SPANS);
	uint32_t consumed = 0;
	bool eof;

	s->active_us = l->now_us;
	if (s->kind == STREAM_UNDECIDED && (n > 0 || s->peer_closed)) {
		int rc = n == 0 ? 0 : detect(s, l, spans, n);

		if (rc < 0)
			return SESSION_ABORT;
		if (rc == 0) {
			if (n > 0 && s->partial_us == 0)
				s->partial_us = l->now_us;
			return s->peer_closed ? SESSION_DONE : SESSION_WAIT;
		}
	}
	/* Only when the last unread byte is in sight may the end of the stream be believed. */
	eof = s->peer_closed && n < SESSION_SPANS;
	for (;;) {
		struct framer before = s->framer;
		struct frame f;

		if (s->quantum == 0 && !s->closed) {
			result = SESSION_AGAIN;
			break;
		}
		switch (framer_next(&s->framer, v, n, eof, &f)) {
		case FRAME_LOG:
			if (!intake_room(&l->in, f.len, 1)) {
				if (!s->closed) {
					/* Not consumed, so it must be found again. */
					s->framer = before;
					result = SESSION_NO_ROOM;
					goto out;
				}
				/* The connection is gone: what was not stored now never will be. */
				intake_drop(
					&l->in, s->src.device, intake_no_room_reason(&l->in), 1);
				break;
			}
			take_log(s, l, v, &f, relay);
			break;
		case FRAME_SKIP:
			break;
		case FRAME_BROKEN:
			l->refusals[REFUSAL_protocol_error]++;
			result = SESSION_ABORT;
			goto out;
		case FRAME_MORE:
			if (eof) {
				result = SESSION_DONE;
			} else if (v == all && n == SESSION_SPANS) {
				/* TCP holds no log in more buffers than that: the receive buffer's
				 * bound is by true size. Were it otherwise, this would wait for
				 * ever. */
				l->refusals[REFUSAL_protocol_error]++;
				result = SESSION_ABORT;
			}
			goto out;
		}
		consumed += f.total;
		s->quantum -= f.total < s->quantum ? f.total : s->quantum;
		while (n > 0 && f.total >= v->len) {
			f.total -= v->len;
			v++;
			n--;
		}
		if (f.total) {
			v->data += f.total;
			v->len -= f.total;
		}
		if (n == 0 && !eof)
			break;
	}
out:
	if (consumed)
		tcp_consume(s->conn, consumed, l->now_us);
	if (tcp_unread(s->conn) == 0)
		s->partial_us = 0;
	else if (consumed || s->partial_us == 0)
		s->partial_us = l->now_us;
	return result;
}
