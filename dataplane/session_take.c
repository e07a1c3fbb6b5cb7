/* A log that a protocol has found: into the block, under its device. */
#include "dataplane/session_protocol.h"

#include <string.h>

#include "dataplane/admit.h"

bool session_is_relay(const struct session *s, const struct lcore *l)
{
	const struct dp_policy *pol = l->policy;

	return !s->proven && pol->trust_devid_count > 0 &&
	       prefixes_have(pol->trust_devid, pol->trust_devid_count, &s->src.addr);
}

/* The devid in a log that came through a relay whose word we take. */
static struct text relayed_devid(
	struct lcore *l, const struct framing_span *v, const struct frame *f)
{
	uint32_t n = f->len < 2048 ? f->len : 2048, done = 0, skip = f->skip;

	if (v->len >= f->skip + f->len)
		return fields_devid((const char *)v->data + f->skip, f->len);
	/* The log lies in several buffers: the beginning, where devid stands, is enough. */
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
	return fields_devid((const char *)l->scratch, n);
}

bool session_take_log(struct session *s, struct lcore *l, const struct framing_span *v,
	const struct frame *f, bool relay)
{
	struct intake_source src = s->src;

	if (relay && !admit_clear(l, &src.addr, src.port, src.transport, relayed_devid(l, v, f), 1,
			     &src.device))
		return true;
	if (!admit_rate(l, src.device, s->proven ? RATE_PROVEN : RATE_CLEAR, 1) && !s->closed)
		return false;
	intake_append(&l->in, &src, v, f->skip, f->len, f->flags, NULL, 0);
	s->logs++;
	s->bytes += f->len;
	s->last_log_ns = l->now_ns;
	return true;
}

void session_advance(struct session_input *in, uint32_t len)
{
	in->consumed += len;
	while (in->n > 0 && len >= in->v->len) {
		len -= in->v->len;
		in->v++;
		in->n--;
	}
	if (len) {
		in->v->data += len;
		in->v->len -= len;
	}
}
