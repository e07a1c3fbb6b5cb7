/* A log that a protocol has found: into the block, under its device. */
#include "dataplane/session_protocol.h"

#include "dataplane/framing/fields.h"

#include <string.h>

bool session_is_relay(const struct session *s, const struct lcore *l)
{
	const struct dp_policy *pol = l->policy;

	return pol->trust_devid_count > 0 &&
	       prefixes_have(pol->trust_devid, pol->trust_devid_count, &s->src.addr);
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

void session_take_log(struct session *s, struct lcore *l, const struct framing_span *v,
	const struct frame *f, bool relay)
{
	struct intake_source src = s->src;

	if (relay)
		src.device = relayed_device(s, l, v, f);
	intake_append(&l->in, &src, v, f->skip, f->len, f->flags, NULL, 0);
	s->logs++;
	s->bytes += f->len;
	s->last_log_ns = l->now_ns;
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
