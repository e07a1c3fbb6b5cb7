/* TCP options (RFC 9293 section 3.2, RFC 7323, RFC 2018), and the header in front of them. */
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/tcp/tcp_priv.h"

enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_OK = 4,
	OPT_SACK = 5,
	OPT_TS = 8,
};

#define TS_ALIGNED 0x0101080aU /* NOP, NOP, timestamps: how nearly everybody writes it */

static void one_option(struct tcp_opts *o, const uint8_t *p, uint8_t kind, uint8_t len, bool syn)
{
	if (kind == OPT_TS && len == 10) {
		o->has_ts = true;
		o->tsval = load_be32(p);
		o->tsecr = load_be32(p + 4);
	} else if (kind == OPT_SACK && !syn && len >= 10 && (len - 2) % 8 == 0) {
		o->nsack = (uint8_t)((len - 2) / 8);
		o->sack = p;
	} else if (kind == OPT_MSS && syn && len == 4) {
		o->mss = load_be16(p);
	} else if (kind == OPT_WSCALE && syn && len == 3) {
		o->has_wscale = true;
		o->wscale = *p > TCP_MAX_WSCALE ? TCP_MAX_WSCALE : *p;
	} else if (kind == OPT_SACK_OK && syn && len == 2) {
		o->sack_ok = true;
	}
}

void tcp_options_parse(struct tcp_opts *o, const uint8_t *hdr, uint32_t hdr_len, bool syn)
{
	const uint8_t *p = hdr + TCP_HEADER;
	const uint8_t *end = hdr + hdr_len;

	memset(o, 0, sizeof(*o));
	if (hdr_len == TCP_HEADER + 12 && load_be32(p) == TS_ALIGNED) {
		o->has_ts = true;
		o->tsval = load_be32(p + 4);
		o->tsecr = load_be32(p + 8);
		return;
	}
	while (p < end && *p != OPT_END) {
		uint8_t len;

		if (*p == OPT_NOP) {
			p++;
			continue;
		}
		if (end - p < 2)
			return;
		len = p[1];
		if (len < 2 || len > end - p)
			return;
		one_option(o, p + 2, p[0], len, syn);
		p += len;
	}
}

uint32_t tcp_options_ts(uint8_t *p, uint32_t tsval, uint32_t tsecr)
{
	store_be32(p, TS_ALIGNED);
	store_be32(p + 4, tsval);
	store_be32(p + 8, tsecr);
	return 12;
}

uint32_t tcp_options_sack(uint8_t *p, const struct tcp_range *r, unsigned n)
{
	p[0] = OPT_NOP;
	p[1] = OPT_NOP;
	p[2] = OPT_SACK;
	p[3] = (uint8_t)(2 + 8 * n);
	for (unsigned i = 0; i < n; i++) {
		store_be32(p + 4 + 8UL * i, r[i].start);
		store_be32(p + 8 + 8UL * i, r[i].end);
	}
	return 4 + 8 * n;
}

uint32_t tcp_options_syn(uint8_t *p, uint16_t mss, const struct tcp_syn *e, uint32_t tsval)
{
	uint8_t *at = p;

	*at++ = OPT_MSS;
	*at++ = 4;
	store_be16(at, mss);
	at += 2;
	if (e->flags & CF_TS) {
		*at++ = e->flags & CF_SACK ? OPT_SACK_OK : OPT_NOP;
		*at++ = e->flags & CF_SACK ? 2 : OPT_NOP;
		*at++ = OPT_TS;
		*at++ = 10;
		store_be32(at, tsval);
		store_be32(at + 4, e->ts_recent);
		at += 8;
	} else if (e->flags & CF_SACK) {
		*at++ = OPT_NOP;
		*at++ = OPT_NOP;
		*at++ = OPT_SACK_OK;
		*at++ = 2;
	}
	if (e->flags & CF_WSCALE) {
		*at++ = OPT_NOP;
		*at++ = OPT_WSCALE;
		*at++ = 3;
		*at++ = e->rcv_wscale;
	}
	return (uint32_t)(at - p);
}

void tcp_header_write(uint8_t *hdr, const struct ip_flow *ours, uint32_t seq, uint32_t ack,
	uint32_t hdr_len, uint8_t flags, uint16_t wnd)
{
	store_be16(hdr, ours->src_port);
	store_be16(hdr + 2, ours->dst_port);
	store_be32(hdr + 4, seq);
	store_be32(hdr + 8, ack);
	hdr[12] = (uint8_t)(hdr_len / 4 << 4);
	hdr[13] = flags;
	store_be16(hdr + 14, wnd);
	store_be32(hdr + 16, 0);
}
