/*
 * The rx lcore: frames in. It parses, answers what is not a log, takes UDP logs itself and hands
 * each TCP segment to the worker that owns the flow.
 */
#include <string.h>

#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include "dataplane/framing/eccf.h"
#include "dataplane/framing/fields.h"
#include "dataplane/admit.h"
#include "dataplane/tell.h"
#include "dataplane/lcore.h"
#include "dataplane/ties.h"

#define SCRATCH_SIZE 65600u
/* Frames of a burst that are fetched before their turn: first what describes them, then they. */
#define AHEAD_HEADER 8u
#define AHEAD_FRAME  4u
#define AHEAD_BYTES  2048u

/*
 * "None" means: the checksum in the packet is not filled in, but the data is known to be intact (a
 * virtual machine on the same host sent it). That is good; only "bad" is bad.
 */
static enum net_csum ip_csum(const struct rte_mbuf *m)
{
	switch (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) {
	case RTE_MBUF_F_RX_IP_CKSUM_GOOD:
	case RTE_MBUF_F_RX_IP_CKSUM_NONE:
		return NET_CSUM_GOOD;
	case RTE_MBUF_F_RX_IP_CKSUM_BAD:
		return NET_CSUM_BAD;
	default:
		return NET_CSUM_UNKNOWN;
	}
}

static enum net_csum l4_csum(const struct port *p, const struct rte_mbuf *m)
{
	switch (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) {
	case RTE_MBUF_F_RX_L4_CKSUM_GOOD:
	case RTE_MBUF_F_RX_L4_CKSUM_NONE:
		return NET_CSUM_GOOD;
	case RTE_MBUF_F_RX_L4_CKSUM_BAD:
		return NET_CSUM_BAD;
	default:
		return p->partial_csum ? NET_CSUM_PARTIAL : NET_CSUM_UNKNOWN;
	}
}

/* At the end nobody listens any more. */
static bool takes_udp(const struct lcore *l, uint16_t port)
{
	return !l->draining && dp_listens(l->dp, port);
}

static bool may_speak_for_others(const struct lcore *l, const struct ip_addr *src)
{
	const struct dp_policy *pol = l->policy;

	return pol->trust_devid_count > 0 &&
	       prefixes_have(pol->trust_devid, pol->trust_devid_count, src);
}

/* Is it from where a device has logged in with `reliable disable`? Then the record is its. */
static bool eccf_of_login(
	struct lcore *l, const struct eccf *rec, const struct ip_flow *flow, uint32_t *device)
{
	const char *serial = ties_find(l->policy->ties, &flow->src, rec->devid);

	if (serial)
		*device = device_by_name(l->in.devices, serial, strlen(serial), l->now_ns);
	return serial != NULL;
}

static void take_eccf(
	struct lcore *l, const struct ip_flow *flow, const uint8_t *data, uint32_t len)
{
	struct eccf rec;
	struct text none = {NULL, 0}, log;
	struct intake_source src = {
		.addr = flow->src, .port = flow->src_port, .transport = TRANSPORT_ECCF};
	uint32_t off = 0, index = 0;
	int raw_len;

	l->eccf_records++;
	if (eccf_parse(&rec, data, len) != ECCF_OK ||
		(raw_len = eccf_inflate(&rec, l->scratch, SCRATCH_SIZE)) < 0) {
		l->eccf_errors++;
		intake_drop(
			&l->in, device_known_by_addr(l->in.devices, &flow->src), DROP_malformed, 1);
		return;
	}
	if (!(l->policy->ties && eccf_of_login(l, &rec, flow, &src.device)) &&
		!admit_clear(l, &flow->src, flow->src_port, TRANSPORT_ECCF,
			may_speak_for_others(l, &flow->src) ? rec.devid : none, rec.nlogs,
			&src.device))
		return;
	if (rec.nlogs > BLOCK_MAX_ROWS ||
		(uint32_t)raw_len + rec.nlogs > l->dp->cfg.journal.block_size) {
		intake_drop(&l->in, src.device, DROP_oversize_item, rec.nlogs);
		return;
	}
	if (!intake_admit(&l->in, src.device, (uint32_t)raw_len) ||
		!intake_room(&l->in, (uint32_t)raw_len, rec.nlogs)) {
		intake_drop(&l->in, src.device, intake_no_room_reason(&l->in), rec.nlogs);
		return;
	}
	while (eccf_next(&rec, l->scratch, (uint32_t)raw_len, &off, &index, &log)) {
		struct framing_span v = {(const uint8_t *)log.at, log.len};
		uint8_t flags = datagram_trim(v.data, &v.len, l->policy->message_size);

		if (rec.nlogs > 1)
			flags |= LOG_FLAG_BATCH;
		if (v.len == 0 || !admit_rate(l, src.device, RATE_DATAGRAM, 1)) {
			intake_drop(&l->in, src.device,
				v.len == 0 ? DROP_malformed : DROP_rate_limit, 1);
			continue;
		}
		intake_append(&l->in, &src, &v, 0, v.len, flags, rec.vdom.len ? rec.vdom.at : NULL,
			rec.vdom.len);
	}
}

/* A whole datagram for a port of ours, from a source that this lcore owns. */
static void take_udp(struct lcore *l, const struct ip_flow *flow, const uint8_t *data, uint32_t len)
{
	const struct dp_policy *pol = l->policy;
	struct intake_source src = {
		.addr = flow->src, .port = flow->src_port, .transport = TRANSPORT_UDP};
	struct framing_span v = {data, len};
	struct text devid = {NULL, 0};
	uint8_t flags;

	l->udp_logs++;
	if (!(pol->cleartext & DP_CLEAR_UDP_SYSLOG)) {
		tell_refused(l, &flow->src, flow->src_port, TRANSPORT_UDP, true,
			REFUSAL_cleartext_forbidden);
		intake_drop(&l->in, DEVICE_OTHER, DROP_unauthorized, 1);
		return;
	}
	if (!prefixes_have(pol->allow, pol->allow_count, &flow->src)) {
		/* Not by address: anybody can write any source into a datagram, and would fill the
		 * device table. */
		tell_refused(l, &flow->src, flow->src_port, TRANSPORT_UDP, true,
			REFUSAL_address_not_allowed);
		intake_drop(&l->in, DEVICE_OTHER, DROP_unknown_source, 1);
		return;
	}
	if (eccf_is_magic(data, len)) {
		take_eccf(l, flow, data, len);
		return;
	}
	if (may_speak_for_others(l, &flow->src))
		devid = fields_devid((const char *)data, len);
	flags = datagram_trim(data, &len, pol->message_size);
	if (len == 0) {
		intake_drop(
			&l->in, device_known_by_addr(l->in.devices, &flow->src), DROP_malformed, 1);
		return;
	}
	if (!admit_clear(l, &flow->src, flow->src_port, TRANSPORT_UDP, devid, 1, &src.device))
		return;
	if (!admit_rate(l, src.device, RATE_DATAGRAM, 1)) {
		intake_drop(&l->in, src.device, DROP_rate_limit, 1);
		return;
	}
	if (!intake_admit(&l->in, src.device, len) || !intake_room(&l->in, len, 1)) {
		intake_drop(&l->in, src.device, intake_no_room_reason(&l->in), 1);
		return;
	}
	intake_append(&l->in, &src, &v, 0, len, flags, NULL, 0);
}

static void meta_set(
	struct rte_mbuf *m, const struct port *p, enum pkt_kind kind, const struct net_pkt *pkt)
{
	struct pkt_meta *meta = pkt_meta(m);

	meta->kind = (uint8_t)kind;
	meta->port = p->index;
	if (!pkt)
		return;
	meta->flow = pkt->flow;
	meta->payload_off = (uint16_t)(pkt->payload - rte_pktmbuf_mtod(m, const uint8_t *));
	meta->payload_len = pkt->payload_len;
	meta->ecn = pkt->ecn;
}

/* Passes on, or counts the loss; the frame was already counted as accepted. */
static void cross(struct lcore *l, struct lcore *to, struct rte_mbuf *m, uint8_t port)
{
	l->crossed++;
	if (lcore_pass(l, to, m))
		return;
	l->ring_full++;
	wire_unaccept(l, port, WIRE_ring_full);
	rte_pktmbuf_free(m);
}

static void give_tcp(struct lcore *l, struct rte_mbuf *m)
{
	struct pkt_meta *meta = pkt_meta(m);
	struct lcore *to = shard_tcp(l->dp, &meta->flow);

	if (to == l)
		worker_segment(l->worker, m);
	else
		cross(l, to, m, meta->port);
}

static void no_listener(struct lcore *l, struct port *p, const uint8_t *frame, uint32_t len,
	const struct net_pkt *pkt)
{
	struct tx_ctx tc = {l, p};
	struct net_out out;

	/* The answer's rate limit is the owner's, and an error message is no duty; a sender that
	 * meets a restart is to go on. */
	if (p->owner != l || l->draining)
		return;
	tx_net_out(&tc, &out);
	net_port_unreachable(p->net, frame, len, pkt, &out, l->now_us);
}

/* All frames of a reassembled datagram were accepted, and are not any more. */
static void unaccept_all(struct lcore *l, uint8_t port, unsigned frames, enum wire_reason reason)
{
	for (unsigned i = 0; i < frames; i++)
		wire_unaccept(l, port, reason);
}

/*
 * A datagram or segment that came whole out of reassembly: it lies in the port's buffer. A datagram
 * is taken here, whoever owns its source (docs/decisions.md).
 */
static void take_reassembled(struct lcore *l, struct port *p, const struct net_control_result *res)
{
	const struct net_pkt *pkt = &res->pkt;
	struct rte_mbuf *m;

	if (pkt->verdict == NET_UDP) {
		if (takes_udp(l, pkt->flow.dst_port)) {
			take_udp(l, &pkt->flow, pkt->payload, pkt->payload_len);
			return;
		}
		unaccept_all(l, p->index, res->frames, WIRE_no_listener);
		no_listener(l, p, res->frame, res->frame_len, pkt);
		return;
	}
	if (pkt->payload_len + RTE_PKTMBUF_HEADROOM > rte_pktmbuf_data_room_size(l->pool)) {
		/* Larger than any segment that our MSS permits. */
		unaccept_all(l, p->index, res->frames, WIRE_unsupported);
		return;
	}
	m = tx_alloc(l, pkt->payload_len);
	if (!m) {
		unaccept_all(l, p->index, res->frames, WIRE_no_mbuf);
		return;
	}
	memcpy(rte_pktmbuf_mtod(m, void *), pkt->payload, pkt->payload_len);
	meta_set(m, p, PKT_TCP, NULL);
	pkt_meta(m)->flow = pkt->flow;
	pkt_meta(m)->payload_off = 0;
	pkt_meta(m)->payload_len = pkt->payload_len;
	pkt_meta(m)->ecn = pkt->ecn;
	give_tcp(l, m);
}

/* ICMP about a segment of ours: a small message to the worker that owns the flow. */
static void give_icmp(struct lcore *l, struct port *p, const struct net_icmp_tcp *icmp)
{
	struct ip_flow theirs = {.src = icmp->flow.dst,
		.dst = icmp->flow.src,
		.src_port = icmp->flow.dst_port,
		.dst_port = icmp->flow.src_port};
	struct lcore *to = shard_tcp(l->dp, &theirs);
	struct rte_mbuf *m;
	struct pkt_meta local = {.flow = icmp->flow,
		.kind = PKT_ICMP_TCP,
		.port = p->index,
		.quoted_seq = icmp->seq,
		.quoted_mtu = icmp->mtu,
		.hard = icmp->hard};

	if (to == l) {
		worker_icmp(l->worker, &local);
		return;
	}
	m = tx_alloc(l, 1);
	if (!m)
		return; /* it may be lost on the way just as well */
	*pkt_meta(m) = local;
	if (!lcore_pass(l, to, m))
		rte_pktmbuf_free(m);
}

/* Frames that reassembly had kept and could not use: they were accepted, and are not any more. */
static void move_frag_counts(struct lcore *l, struct port *p)
{
	const struct net_counters *c = net_port_counters(p->net);

	for (unsigned r = 0; r < WIRE_REASON_COUNT; r++) {
		uint64_t n = c->frames_moved[r] - p->frames_moved[r];

		p->frames_moved[r] += n;
		l->wire[p->index].accepted -= n;
		l->wire[p->index].rejected[r] += n;
	}
}

static void control_frame(
	struct lcore *l, struct port *p, const uint8_t *frame, uint32_t len, enum net_csum csum)
{
	struct tx_ctx tc = {l, p};
	struct net_control_result res;
	struct net_out out;

	tx_net_out(&tc, &out);
	net_control(p->net, frame, len, csum, &out, l->now_us, &res);
	if (!res.accepted)
		wire_unaccept(l, p->index, res.reason);
	else if (res.datagram)
		take_reassembled(l, p, &res);
	else if (res.icmp.valid)
		give_icmp(l, p, &res.icmp);
	move_frag_counts(l, p);
}

void rx_datagram(struct lcore *l, struct port *p, struct rte_mbuf *m, const struct net_pkt *pkt)
{
	struct lcore *to = shard_udp(l->dp, &pkt->flow.src);

	if (!takes_udp(l, pkt->flow.dst_port)) {
		wire_reject(l, p->index, WIRE_no_listener);
		no_listener(
			l, p, rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_data_len(m), pkt);
	} else if (to != l) {
		l->wire[p->index].accepted++;
		meta_set(m, p, PKT_UDP, pkt);
		cross(l, to, m, p->index);
		return;
	} else {
		l->wire[p->index].accepted++;
		take_udp(l, &pkt->flow, pkt->payload, pkt->payload_len);
	}
	rte_pktmbuf_free(m);
}

void rx_segment(struct lcore *l, struct port *p, struct rte_mbuf *m, const struct net_pkt *pkt)
{
	l->wire[p->index].accepted++;
	meta_set(m, p, PKT_TCP, pkt);
	give_tcp(l, m);
}

static void take_frame(struct lcore *l, struct port *p, struct rte_mbuf *m)
{
	struct wire_count *w = &l->wire[p->index];
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t len = rte_pktmbuf_data_len(m);
	struct net_pkt pkt;

	w->packets++;
	w->bytes += rte_pktmbuf_pkt_len(m);
	if (__builtin_expect(m->nb_segs > 1, 0)) {
		if (rte_pktmbuf_linearize(m) != 0) {
			/* Larger than a buffer: no frame of this port's MTU. */
			wire_reject(l, p->index, WIRE_unsupported);
			rte_pktmbuf_free(m);
			return;
		}
		frame = rte_pktmbuf_mtod(m, const uint8_t *);
		len = rte_pktmbuf_data_len(m);
	}
	net_parse(p->net, frame, len, ip_csum(m), l4_csum(p, m), &pkt);
	switch (pkt.verdict) {
	case NET_UDP:
		rx_datagram(l, p, m, &pkt);
		return;
	case NET_TCP:
		rx_segment(l, p, m, &pkt);
		return;
	case NET_CONTROL:
		w->accepted++;
		if (p->owner != l) {
			meta_set(m, p, PKT_CONTROL, NULL);
			cross(l, p->owner, m, p->index);
			return;
		}
		control_frame(l, p, frame, len, ip_csum(m));
		break;
	case NET_REJECT:
		wire_reject(l, p->index, pkt.reason);
		break;
	}
	rte_pktmbuf_free(m);
}

/* All of it: each byte is summed and copied. */
static inline void prefetch_frame(const struct rte_mbuf *m)
{
	const char *p = rte_pktmbuf_mtod(m, const char *);
	uint32_t len = m->data_len < AHEAD_BYTES ? m->data_len : AHEAD_BYTES;

	for (uint32_t k = 0; k < len; k += RTE_CACHE_LINE_SIZE)
		rte_prefetch0(p + k);
}

bool rx_round(struct lcore *l)
{
	struct rte_mbuf *m[RX_BURST];
	bool any = false;

	for (unsigned q = 0; q < l->rx_count; q++) {
		struct port *p = l->rx[q].port;
		uint16_t n = rte_eth_rx_burst(p->eth, l->rx[q].queue, m, RX_BURST);

		for (uint16_t i = 0; i < n; i++) {
			if (i + AHEAD_HEADER < n)
				rte_prefetch0(m[i + AHEAD_HEADER]);
			if (i + AHEAD_FRAME < n)
				prefetch_frame(m[i + AHEAD_FRAME]);
			take_frame(l, p, m[i]);
		}
		any |= n > 0;
	}
	return any;
}

void rx_from_ring(struct lcore *l, struct rte_mbuf *m)
{
	const struct pkt_meta *meta = pkt_meta(m);
	struct port *p = &l->dp->ports[meta->port];
	struct tx_ctx tc = {l, p};
	struct net_out out;

	switch ((enum pkt_kind)meta->kind) {
	case PKT_UDP:
		take_udp(l, &meta->flow,
			rte_pktmbuf_mtod_offset(m, const uint8_t *, meta->payload_off),
			meta->payload_len);
		break;
	case PKT_CONTROL:
		control_frame(l, p, rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_data_len(m),
			ip_csum(m));
		break;
	case PKT_FRAME:
		tx_frame(l, p, m);
		return;
	case PKT_IP:
		tx_net_out(&tc, &out);
		net_port_send_ip(p->net, rte_pktmbuf_mtod(m, const uint8_t *),
			rte_pktmbuf_data_len(m), &out, l->now_us);
		break;
	case PKT_TCP:
	case PKT_ICMP_TCP:
		break; /* for workers: poll.c has given them to the worker */
	}
	rte_pktmbuf_free(m);
}

void rx_timers(struct lcore *l)
{
	for (unsigned i = 0; i < l->dp->ports_count; i++) {
		struct port *p = &l->dp->ports[i];
		struct tx_ctx tc = {l, p};
		struct net_out out;

		if (p->owner != l || net_port_next_deadline(p->net) > l->now_us)
			continue;
		tx_net_out(&tc, &out);
		net_port_expire(p->net, &out, l->now_us);
		move_frag_counts(l, p);
	}
}

uint64_t rx_deadline(const struct lcore *l)
{
	uint64_t at = UINT64_MAX;

	for (unsigned i = 0; i < l->dp->ports_count; i++) {
		const struct port *p = &l->dp->ports[i];

		if (p->owner == l && net_port_next_deadline(p->net) < at)
			at = net_port_next_deadline(p->net);
	}
	return at;
}
