#include "dataplane/net/frag.h"

#include "dataplane/base/bytes.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/port.h"

#define UNIT	    8u

#define ECN_NOT_ECT 0
#define ECN_CE	    3

static uint64_t *counter_of(struct net_port *p, enum wire_reason reason)
{
	switch (reason) {
	case WIRE_fragment_timeout:
		return &p->count.frag_timeout;
	case WIRE_fragment_overflow:
		return &p->count.frag_overflow;
	default:
		return &p->count.frag_overlap;
	}
}

/* What has come of it counts as accepted, and is worthless now. */
static void move_frames(struct net_port *p, struct frag_datagram *d, enum wire_reason reason)
{
	p->count.frames_moved[reason] += d->frames;
	*counter_of(p, reason) += d->frames;
	d->frames = 0;
}

static void drop(struct net_port *p, uint32_t i, enum wire_reason reason)
{
	move_frames(p, &p->frag.d[i], reason);
	frag_remove(&p->frag, i);
}

static enum frag_result reject(struct net_port *p, struct net_ip *ip, enum wire_reason reason)
{
	++*counter_of(p, reason);
	ip->reason = reason;
	return FRAG_REJECTED;
}

/* The datagram can never become whole; what follows of it is refused until its time is over. */
static enum frag_result kill(
	struct net_port *p, struct frag_datagram *d, struct net_ip *ip, enum wire_reason reason)
{
	move_frames(p, d, reason);
	frag_free_pages(&p->frag, d);
	d->dead = true;
	d->why = (uint8_t)reason;
	return reject(p, ip, reason);
}

/* Bytes of headers that a whole IPv6 packet counts in its length, or an IPv4 one. */
static uint32_t counted_header(const struct net_ip *ip)
{
	return ip->v6 ? ip->frag_hdr_off - IP6_LEN : ip->l4_off - ip->l3_off;
}

static bool bad(struct net_ip *ip, const uint8_t *data, uint8_t code, uint32_t pointer)
{
	ip->reason = WIRE_bad_header;
	if (ip->v6 && !(ip->frag_off == 0 && net_ip6_icmp_error(data, ip->l4_len, ip->proto)))
		net_decode_owed(ip, WIRE_bad_header, ICMP6_PARAMETER, code, pointer);
	return false;
}

/* Does the fragment make sense by itself (RFC 8200 section 4.5)? */
static bool plausible(const uint8_t *frame, struct net_ip *ip)
{
	const uint8_t *data = frame + ip->l4_off;

	if (ip->l4_len == 0) {
		ip->reason = WIRE_bad_header;
		return false;
	}
	if (ip->more && ip->l4_len % UNIT != 0)
		return bad(ip, data, ICMP6_BAD_FIELD, 4);
	if (counted_header(ip) + ip->frag_off + ip->l4_len > IP_MAX)
		return bad(ip, data, ICMP6_BAD_FIELD, ip->frag_hdr_off + 2);
	if (!ip->v6 || ip->frag_off > 0)
		return true;
	if (!net_ip6_chain_complete(data, ip->l4_len, ip->proto)) {
		ip->reason = WIRE_bad_header;
		net_decode_owed(ip, WIRE_bad_header, ICMP6_PARAMETER, ICMP6_INCOMPLETE_CHAIN, 0);
		return false;
	}
	if (ip->frag_hdr_off + IP6_FRAG_LEN > FRAG_HDR_MAX) {
		ip->reason = WIRE_unsupported;
		return false;
	}
	return true;
}

/* The datagram of this fragment, made where there is none. FRAG_NONE: the table has no room at all.
 */
static uint32_t datagram_of(struct net_port *p, const struct net_ip *ip, uint64_t now)
{
	struct frag_table *t = &p->frag;
	struct frag_key key = {ip->src, ip->dst, ip->frag_id, ip->v6 ? 0 : ip->proto};
	uint32_t i = frag_find(t, &key);
	uint32_t full;

	if (i != FRAG_NONE)
		return i;
	/*
	 * The oldest gives way, not the newest: fragments of one datagram come together, so what
	 * has waited longest has lost one. Whoever fills the table then delays nobody.
	 */
	full = frag_source_full(t, &key.src);
	if (full == FRAG_NONE && t->free == FRAG_NONE)
		full = t->oldest;
	if (full != FRAG_NONE)
		drop(p, full, WIRE_fragment_overflow);
	if (t->free == FRAG_NONE)
		return FRAG_NONE;
	i = frag_create(t, &key, now + p->cfg.reassembly_timeout_us);
	t->d[i].v6 = ip->v6;
	return i;
}

/* The first span that begins at `first` or later. Most often the end: fragments come in order. */
static unsigned span_position(const struct frag_datagram *d, uint32_t first)
{
	unsigned lo = 0, hi = d->spans;

	if (hi == 0 || first > d->span[hi - 1].first)
		return hi;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (d->span[mid].first < first)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Exactly what is there already: place, length, and bytes. */
static bool is_duplicate(const struct net_port *p, const struct frag_datagram *d, unsigned at,
	struct frag_span s, const uint8_t *data, const struct net_ip *ip)
{
	uint32_t end = ip->frag_off + ip->l4_len;
	bool last = d->total != 0 && at == d->spans - 1u;

	if (at == d->spans || d->span[at].first != s.first || d->span[at].end != s.end)
		return false;
	if (last ? ip->more || end != d->total : !ip->more)
		return false;
	return frag_equal(&p->frag, d, ip->frag_off, data, ip->l4_len);
}

/* Does it agree with the neighbouring spans, and on where the datagram ends? */
static bool agrees(
	const struct frag_datagram *d, unsigned at, struct frag_span s, const struct net_ip *ip)
{
	uint32_t end = ip->frag_off + ip->l4_len;

	if (at < d->spans && d->span[at].first < s.end)
		return false;
	if (at > 0 && d->span[at - 1].end > s.first)
		return false;
	if (ip->more)
		return d->total == 0 || end < d->total;
	return d->total == 0 && at == d->spans;
}

/* Pages for the fragment; the oldest datagrams give way. false: the pool is too small for it. */
static bool take_pages(struct net_port *p, uint32_t i, const struct net_ip *ip)
{
	struct frag_table *t = &p->frag;
	struct frag_datagram *d = &t->d[i];
	uint32_t last = (ip->frag_off + ip->l4_len - 1) / FRAG_PAGE;

	for (uint32_t k = ip->frag_off / FRAG_PAGE; k <= last; k++) {
		while (d->page[k] == FRAG_NONE && !frag_take_page(t, d, k)) {
			uint32_t victim = t->oldest == i ? d->newer : t->oldest;

			if (victim == FRAG_NONE)
				return false;
			drop(p, victim, WIRE_fragment_overflow);
		}
	}
	return true;
}

/* What the whole packet needs to know from its first fragment. */
static void keep_header(struct frag_datagram *d, const uint8_t *frame, const struct net_ip *ip)
{
	d->hdr_len = (uint16_t)(ip->l4_off - ip->l3_off);
	d->next_off = (uint16_t)ip->next_off;
	d->proto = ip->proto;
	memcpy(d->src_mac, frame + 6, sizeof(d->src_mac));
	memcpy(d->hdr, frame + ip->l3_off, d->hdr_len);
}

/* Writes the frame of the whole datagram; returns its length. */
static uint32_t build_whole(struct net_port *p, const struct frag_datagram *d)
{
	uint8_t *w = p->frag.whole;
	unsigned l2_len = send_l2(&p->cfg, p->cfg.mac, d->v6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4, w);
	uint8_t *h = w + l2_len;
	uint32_t hdr_len = d->v6 ? d->hdr_len - IP6_FRAG_LEN : d->hdr_len;

	memcpy(w + 6, d->src_mac, sizeof(d->src_mac));
	memcpy(h, d->hdr, hdr_len);
	/* RFC 3168 5.3: congestion that any fragment met is the datagram's. */
	if (d->ecn & 1 << ECN_CE)
		h[1] |= d->v6 ? 0x30 : 0x03;
	if (d->v6) {
		store_be16(h + 4, (uint16_t)(hdr_len - IP6_LEN + d->total));
		h[d->next_off] = d->proto;
	} else {
		uint16_t sum = 0;

		store_be16(h + 2, (uint16_t)(hdr_len + d->total));
		store_be16(h + 6, 0);
		memcpy(h + 10, &sum, 2);
		sum = (uint16_t)~net_sum_fold(net_sum(0, h, hdr_len));
		memcpy(h + 10, &sum, 2);
	}
	frag_read(&p->frag, d, 0, h + hdr_len, d->total);
	return l2_len + hdr_len + d->total;
}

static enum frag_result finish(
	struct net_port *p, uint32_t i, struct net_ip *ip, struct frag_whole *whole)
{
	struct frag_datagram *d = &p->frag.d[i];
	uint32_t counted = d->v6 ? d->hdr_len - IP6_FRAG_LEN - IP6_LEN : d->hdr_len;

	/* A first header longer than the others', or congestion marks on what cannot bear them. */
	if (counted + d->total > IP_MAX || (d->ecn & 1 << ECN_CE && d->ecn & 1 << ECN_NOT_ECT)) {
		drop(p, i, WIRE_bad_header);
		return reject(p, ip, WIRE_bad_header);
	}
	whole->frame = p->frag.whole;
	whole->len = build_whole(p, d);
	whole->frames = d->frames + 1;
	p->count.reassembled++;
	frag_remove(&p->frag, i);
	return FRAG_COMPLETE;
}

static enum frag_result add(struct net_port *p, uint32_t i, const uint8_t *frame, struct net_ip *ip,
	struct frag_whole *whole)
{
	struct frag_datagram *d = &p->frag.d[i];
	const uint8_t *data = frame + ip->l4_off;
	uint32_t end = ip->frag_off + ip->l4_len;
	struct frag_span s = {(uint16_t)(ip->frag_off / UNIT), (uint16_t)((end + UNIT - 1) / UNIT)};
	unsigned at;

	if (d->dead)
		return reject(p, ip, d->why);
	at = span_position(d, s.first);
	if (is_duplicate(p, d, at, s, data, ip)) {
		p->count.frag_duplicates++;
		d->frames++;
		return FRAG_KEPT;
	}
	if (!agrees(d, at, s, ip))
		return kill(p, d, ip, WIRE_bad_header);
	if (d->spans == NET_MAX_FRAGMENTS || !take_pages(p, i, ip))
		return kill(p, d, ip, WIRE_fragment_overflow);

	memmove(d->span + at + 1, d->span + at, (d->spans - at) * sizeof(d->span[0]));
	d->span[at] = s;
	d->spans++;
	frag_write(&p->frag, d, ip->frag_off, data, ip->l4_len);
	d->have += ip->l4_len;
	d->ecn |= (uint8_t)(1 << ip->ecn);
	if (!ip->more)
		d->total = end;
	if (ip->frag_off == 0)
		keep_header(d, frame, ip);
	if (d->have == d->total)
		return finish(p, i, ip, whole);
	d->frames++;
	return FRAG_KEPT;
}

enum frag_result frag_input(struct net_port *p, const uint8_t *frame, struct net_ip *ip,
	uint64_t now, struct frag_whole *whole)
{
	enum frag_result r;
	uint32_t i;

	p->count.fragments++;
	if (!plausible(frame, ip))
		return FRAG_REJECTED;
	i = datagram_of(p, ip, now);
	if (i == FRAG_NONE)
		return reject(p, ip, WIRE_fragment_overflow);
	r = add(p, i, frame, ip, whole);
	p->count.reassembly_bytes = (uint64_t)p->frag.pages_used * FRAG_PAGE;
	return r;
}

/* RFC 1122 3.3.2, RFC 8200 4.5: the sender is told, if the first fragment came. */
static void tell_timeout(
	struct net_port *p, const struct frag_datagram *d, const struct net_out *out, uint64_t now)
{
	struct net_ip ip = {.src = d->key.src, .dst = d->key.dst, .v6 = d->v6};
	uint8_t *quote = p->frag.whole;
	uint32_t len;

	if (d->hdr_len == 0 || d->dead)
		return;
	len = (d->span[0].end - d->span[0].first) * UNIT;
	if (len > d->have)
		len = d->have;
	memcpy(quote, d->hdr, d->hdr_len);
	frag_read(&p->frag, d, 0, quote + d->hdr_len, len);
	if (d->v6 ? net_ip6_icmp_error(quote + d->hdr_len, len, d->proto)
		  : net_ip4_icmp_error(quote + d->hdr_len, len, d->proto))
		return;
	icmp_error(p, &ip, quote, d->hdr_len + len,
		d->v6 ? ICMP6_TIME_EXCEEDED : ICMP4_TIME_EXCEEDED, ICMP6_REASSEMBLY, 0, out, now);
}

uint64_t frag_next_deadline(const struct net_port *p)
{
	return p->frag.oldest == FRAG_NONE ? NEVER : p->frag.d[p->frag.oldest].deadline;
}

void frag_expire(struct net_port *p, const struct net_out *out, uint64_t now)
{
	struct frag_table *t = &p->frag;

	for (unsigned n = 0; n < EXPIRE_BUDGET && frag_next_deadline(p) <= now; n++) {
		tell_timeout(p, &t->d[t->oldest], out, now);
		drop(p, t->oldest, WIRE_fragment_timeout);
	}
	p->count.reassembly_bytes = (uint64_t)p->frag.pages_used * FRAG_PAGE;
}
