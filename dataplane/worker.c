/*
 * The worker: TCP on one side, sessions on the other. Segments come from rx (another lcore's ring,
 * or the same round), answers go out by this lcore's own queue.
 */
#include <stdlib.h>
#include <string.h>

#include <rte_random.h>

#include "dataplane/base/bytes.h"
#include "dataplane/session.h"

#define SESSIONS_A_ROUND 256u
#define SWEEP_SLOTS	 256u
#define SWEEP_US	 10000u
#define EVICT_US	 10000u
#define CHECK_SLOTS	 1024u
#define TIMERS_A_ROUND	 256u
#define IPPROTO_TCP_NO	 6u
#define L4_HEADER_MAX	 60u

struct worker {
	struct lcore *l;
	struct tcp_stack *tcp;
	struct session *sessions; /* limits.sessions of them, untouched until used */
	uint32_t *free_slots;
	uint32_t free_count, slots;
	uint32_t count;	       /* sessions in use */
	struct session *ready; /* head of the circle of those with something to read */
	bool no_room;	       /* the last read of this round found no block */
	uint64_t next_id;
	uint32_t swept; /* next slot that is looked at for idleness */
	uint64_t swept_us, evicted_us;
	uint64_t rcv_total;	/* bound of TCP's receive buffers, by true size */
	uint64_t policy_number; /* all sessions before `checked` were held against this one */
	uint32_t checked;
	struct tcp_span spans[SESSION_SPANS];
};

/* ---- what TCP asks of us ---- */

static struct port *port_of(struct dp *d, const struct ip_addr *ours)
{
	for (unsigned i = 0; i < d->ports_count; i++) {
		struct port *p = &d->ports[i];

		for (unsigned k = 0; k < p->cfg.addresses_count; k++)
			if (ip_addr_equal(&p->cfg.addresses[k].addr, ours))
				return p;
		if (ip_addr_equal(&p->link_local, ours))
			return p;
	}
	return NULL;
}

static int output(void *ctx, const struct tcp_tx *seg)
{
	struct worker *w = ctx;
	struct lcore *l = w->l;
	struct port *p = port_of(l->dp, &seg->flow.src);
	uint32_t l4_len = seg->hdr_len + seg->payload_len;
	uint8_t l2[NET_L2_MAX], ip[40];
	unsigned l2_len, ip_len;
	struct rte_mbuf *m;
	uint8_t *at, *tcp;
	uint16_t sum;

	if (!p)
		return -1;
	l2_len = net_port_l2(p->net, &seg->flow.dst, l2);
	ip_len = net_build_ip(ip, &seg->flow.src, &seg->flow.dst, IPPROTO_TCP_NO, l4_len);
	m = tx_alloc(l, l2_len + ip_len + l4_len);
	if (!m)
		return -1;
	at = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(at, l2, l2_len);
	memcpy(at + l2_len, ip, ip_len);
	tcp = at + l2_len + ip_len;
	memcpy(tcp, seg->hdr, seg->hdr_len);
	if (seg->payload_len)
		memcpy(tcp + seg->hdr_len, seg->payload, seg->payload_len);
	sum = net_l4_checksum(&seg->flow.src, &seg->flow.dst, IPPROTO_TCP_NO, tcp, l4_len);
	memcpy(tcp + 16, &sum, sizeof(sum));
	if (l2_len > 0) {
		tx_frame(l, p, m);
		return 0;
	}
	/* The neighbour is not resolved: the port's owner asks, and holds the packet meanwhile. */
	if (p->owner == l) {
		struct tx_ctx tc = {l, p};
		struct net_out out;

		tx_net_out(&tc, &out);
		net_port_send_ip(p->net, at, ip_len + l4_len, &out, l->now_us);
		rte_pktmbuf_free(m);
		return 0;
	}
	pkt_meta(m)->kind = PKT_IP;
	pkt_meta(m)->port = p->index;
	if (lcore_pass(l, p->owner, m))
		return 0;
	rte_pktmbuf_free(m);
	return -1;
}

static void buf_free(void *ctx, void *buf)
{
	(void)ctx;
	rte_pktmbuf_free(buf);
}

static void *buf_alloc(void *ctx, uint8_t **data, uint32_t *capacity, uint32_t *buf_size)
{
	struct worker *w = ctx;
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->l->pool);

	if (!m)
		return NULL;
	*data = rte_pktmbuf_mtod(m, uint8_t *);
	*capacity = rte_pktmbuf_tailroom(m);
	*buf_size = m->buf_len + (uint32_t)sizeof(*m);
	return m;
}

static uint32_t mtu(void *ctx, const struct ip_addr *dst)
{
	struct worker *w = ctx;
	uint32_t least = 65535;

	(void)dst;
	for (unsigned i = 0; i < w->l->dp->ports_count; i++)
		if (w->l->dp->ports[i].cfg.mtu < least)
			least = w->l->dp->ports[i].cfg.mtu;
	return least;
}

static bool listening(void *ctx, const struct ip_flow *flow, bool *drop)
{
	struct worker *w = ctx;
	struct lcore *l = w->l;

	*drop = false;
	if (atomic_load_explicit(&l->dp->phase, memory_order_relaxed) != DP_RUN)
		return false;
	if (!dp_listens(l->dp, flow->dst_port))
		return false;
	if (!prefixes_have(l->policy->allow, l->policy->allow_count, &flow->src)) {
		l->refusals[REFUSAL_address_not_allowed]++;
		*drop = true; /* do not tell strangers that something listens here */
		return false;
	}
	return true;
}

static uint64_t random64(void *ctx)
{
	(void)ctx;
	return rte_rand();
}

/* ---- sessions ---- */

static void queue_ready(struct worker *w, struct session *s)
{
	if (s->queued)
		return;
	s->queued = true;
	if (!w->ready) {
		s->next = s->prev = s;
		w->ready = s;
		return;
	}
	s->next = w->ready;
	s->prev = w->ready->prev;
	s->prev->next = s;
	s->next->prev = s;
}

static void unqueue(struct worker *w, struct session *s)
{
	if (!s->queued)
		return;
	s->queued = false;
	if (s->next == s) {
		w->ready = NULL;
		return;
	}
	s->prev->next = s->next;
	s->next->prev = s->prev;
	if (w->ready == s)
		w->ready = s->next;
}

static void accepted(struct worker *w, struct tcp_conn *conn)
{
	struct lcore *l = w->l;
	struct session *s;

	if (w->free_count == 0 || atomic_fetch_add_explicit(&l->dp->sessions, 1,
					  memory_order_relaxed) >= l->policy->sessions) {
		if (w->free_count > 0)
			atomic_fetch_sub_explicit(&l->dp->sessions, 1, memory_order_relaxed);
		l->refusals[REFUSAL_session_limit]++;
		tcp_set_user(conn, NULL);
		tcp_abort(conn, l->now_us);
		return;
	}
	s = &w->sessions[w->free_slots[--w->free_count]];
	session_init(s, l, conn, ((uint64_t)l->index << 48) | ++w->next_id);
	s->slot = (uint32_t)(s - w->sessions);
	s->quantum = SESSION_QUANTUM;
	w->count++;
	tcp_set_user(conn, s);
}

static void ended(struct worker *w, struct session *s)
{
	/* What the peer had sent before the end is still a log. */
	s->closed = true;
	s->cut_off = !s->peer_closed;
	s->peer_closed = true;
	while (!s->closing && session_read(s, w->l, w->spans) == SESSION_AGAIN)
		;
	unqueue(w, s);
	tcp_set_user(s->conn, NULL);
	s->conn = NULL;
	w->free_slots[w->free_count++] = s->slot;
	w->count--;
	atomic_fetch_sub_explicit(&w->l->dp->sessions, 1, memory_order_relaxed);
}

static void event(void *ctx, struct tcp_conn *conn, enum tcp_event ev)
{
	struct worker *w = ctx;
	struct session *s;

	if (ev == TCP_EV_ACCEPTED) {
		accepted(w, conn);
		return;
	}
	s = tcp_user(conn);
	if (!s)
		return; /* refused when it came */
	switch (ev) {
	case TCP_EV_READABLE:
		queue_ready(w, s);
		break;
	case TCP_EV_PEER_FIN:
		s->peer_closed = true;
		queue_ready(w, s);
		break;
	case TCP_EV_CLOSED:
		ended(w, s);
		break;
	case TCP_EV_ACCEPTED:
	case TCP_EV_WRITABLE:
		break;
	}
}

/* One turn of one session; false: there is no block, so nobody else need try. */
static bool serve(struct worker *w, struct session *s)
{
	struct lcore *l = w->l;

	switch (session_read(s, l, w->spans)) {
	case SESSION_WAIT:
		unqueue(w, s);
		s->quantum = SESSION_QUANTUM;
		return true;
	case SESSION_AGAIN:
		s->quantum = SESSION_QUANTUM;
		if (w->ready == s)
			w->ready = s->next;
		return true;
	case SESSION_NO_ROOM:
		return false;
	case SESSION_ABORT:
		s->closing = true;
		tcp_abort(s->conn, l->now_us);
		return true;
	case SESSION_DONE:
		unqueue(w, s);
		s->closing = true;
		tcp_close(s->conn, l->now_us);
		return true;
	}
	return true;
}

static bool serve_ready(struct worker *w, uint32_t budget)
{
	bool any = false;

	w->no_room = false;
	for (uint32_t i = 0; i < budget && w->ready; i++) {
		if (!serve(w, w->ready)) {
			w->no_room = true;
			break;
		}
		any = true;
	}
	return any;
}

/* ---- the worker's door ---- */

struct worker *worker_new(struct lcore *l)
{
	static const struct tcp_ops ops = {
		.output = output,
		.event = event,
		.buf_free = buf_free,
		.buf_alloc = buf_alloc,
		.mtu = mtu,
		.listening = listening,
		.random = random64,
	};
	const struct dp *d = l->dp;
	struct worker *w = calloc(1, sizeof(*w));
	struct tcp_config cfg;
	uint64_t mbufs =
		d->pool->size > MBUF_RESERVE * 2 ? d->pool->size - MBUF_RESERVE : d->pool->size / 2;

	if (!w)
		return NULL;
	w->l = l;
	w->slots = d->cfg.limits.sessions;
	tcp_config_defaults(&cfg);
	cfg.max_conns = w->slots;
	/* The longest log that any policy allows, with room for more behind it: a log is taken out
	 * of this buffer in one piece. */
	cfg.rcv_buf = DP_MESSAGE_SIZE_MAX * 4;
	cfg.max_half_open = d->cfg.limits.half_open;
	/* Two thirds of what rx does not need for itself, shared by the workers. */
	cfg.rcv_buf_total = mbufs * 2 / 3 * d->pool->elt_size / d->workers_count;
	w->rcv_total = cfg.rcv_buf_total;
	cfg.key = (struct siphash_key){rte_rand(), rte_rand()};
	w->tcp = tcp_stack_new(&cfg, &ops, w);
	w->sessions = calloc(w->slots, sizeof(*w->sessions));
	w->free_slots = calloc(w->slots, sizeof(*w->free_slots));
	if (!w->tcp || !w->sessions || !w->free_slots) {
		worker_free(w);
		return NULL;
	}
	for (uint32_t i = 0; i < w->slots; i++)
		w->free_slots[w->free_count++] = w->slots - 1 - i;
	return w;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->tcp)
		tcp_stack_free(w->tcp);
	free(w->sessions);
	free(w->free_slots);
	free(w);
}

void worker_segment(struct worker *w, struct rte_mbuf *m)
{
	const struct pkt_meta *meta = pkt_meta(m);
	struct lcore *l = w->l;
	uint8_t port = meta->port;
	struct tcp_rx seg = {
		.flow = meta->flow,
		.hdr = rte_pktmbuf_mtod_offset(m, const uint8_t *, meta->payload_off),
		.len = meta->payload_len,
		.buf = m,
		.buf_size = m->buf_len + (uint32_t)sizeof(*m),
		.ce = meta->ecn == 3,
	};

	switch (tcp_input(w->tcp, &seg, l->now_us)) {
	case TCP_OK:
		break;
	case TCP_REJECT_HEADER:
		wire_unaccept(l, port, WIRE_bad_header);
		break;
	case TCP_REJECT_WINDOW:
		wire_unaccept(l, port, WIRE_tcp_out_of_window);
		break;
	case TCP_REJECT_NO_LISTENER:
		wire_unaccept(l, port, WIRE_no_listener);
		break;
	case TCP_REJECT_RESET:
		wire_unaccept(l, port, WIRE_tcp_reset);
		break;
	}
}

void worker_icmp(struct worker *w, const struct pkt_meta *meta)
{
	tcp_icmp(w->tcp, &meta->flow, meta->quoted_seq, meta->quoted_mtu, w->l->now_us);
}

static void refuse(struct worker *w, struct session *s, enum refusal_reason why)
{
	w->l->refusals[why]++;
	tcp_abort(s->conn, w->l->now_us);
}

/*
 * Ends sessions that have been silent for too long, and those that have held an unfinished log for
 * too long (a slow loris); some slots at a time.
 */
static void sweep(struct worker *w)
{
	struct lcore *l = w->l;
	const struct dp_policy *pol = l->policy;

	w->swept_us = l->now_us;
	for (uint32_t i = 0; i < SWEEP_SLOTS && w->count > 0; i++) {
		struct session *s = &w->sessions[w->swept];

		w->swept = w->swept + 1 < w->slots ? w->swept + 1 : 0;
		if (!s->conn || s->queued)
			continue;
		if ((pol->idle_timeout_us && l->now_us - s->active_us >= pol->idle_timeout_us) ||
			(s->partial_us && pol->unfinished_timeout_us &&
				l->now_us - s->partial_us >= pol->unfinished_timeout_us))
			refuse(w, s, REFUSAL_idle_timeout);
	}
}

/*
 * Receive memory is nearly used up, and nobody has a whole log in it: it is held by unfinished logs
 * and by data out of order. Whoever holds most of it goes, so that the others' windows open again.
 */
static void evict(struct worker *w)
{
	struct session *most = NULL;
	uint32_t held = 0;

	w->evicted_us = w->l->now_us;
	for (uint32_t i = 0; i < w->slots; i++) {
		struct session *s = &w->sessions[i];
		struct tcp_info info;

		if (!s->conn)
			continue;
		tcp_info(s->conn, &info);
		if (info.rcv_held > held) {
			held = info.rcv_held;
			most = s;
		}
	}
	if (most)
		refuse(w, most, REFUSAL_session_limit);
}

/* A new policy: established sessions that it forbids end. false: all have been looked at. */
static bool check_policy(struct worker *w)
{
	struct lcore *l = w->l;

	if (w->policy_number != l->policy->number) {
		w->policy_number = l->policy->number;
		w->checked = 0;
	}
	if (w->checked == w->slots)
		return false;
	for (uint32_t i = 0; i < CHECK_SLOTS && w->checked < w->slots; i++) {
		struct session *s = &w->sessions[w->checked++];
		enum refusal_reason why;

		if (s->conn && !session_permitted(s, l, &why))
			refuse(w, s, why);
	}
	return true;
}

static void housekeeping(struct worker *w)
{
	uint64_t now = w->l->now_us;

	if (now - w->swept_us >= SWEEP_US)
		sweep(w);
	if (!w->ready && now - w->evicted_us >= EVICT_US &&
		tcp_counters(w->tcp)->rcv_bytes_held >= w->rcv_total / 4 * 3)
		evict(w);
}

bool worker_round(struct worker *w)
{
	uint64_t now = w->l->now_us;
	bool any = false;

	if (tcp_next_deadline(w->tcp) <= now)
		any |= tcp_expire(w->tcp, now, TIMERS_A_ROUND) > 0;
	if (w->ready)
		any |= serve_ready(w, SESSIONS_A_ROUND);
	any |= check_policy(w);
	housekeeping(w);
	tcp_flush(w->tcp, now);
	return any;
}

uint64_t worker_deadline(const struct worker *w)
{
	if (w->ready && !w->no_room)
		return 0;
	return tcp_next_deadline(w->tcp);
}

bool worker_drain(struct worker *w)
{
	if (w->ready && serve_ready(w, SESSIONS_A_ROUND))
		return false;
	if (w->no_room && journal_state(w->l->in.journal) == JOURNAL_RUNNING)
		return false; /* a block will come back */
	for (uint32_t i = 0; i < w->slots && w->count > 0; i++)
		if (w->sessions[i].conn)
			tcp_abort(w->sessions[i].conn, w->l->now_us);
	tcp_flush(w->tcp, w->l->now_us);
	return true;
}

const struct tcp_counters *worker_tcp_counters(const struct worker *w)
{
	return tcp_counters(w->tcp);
}

uint32_t worker_session_count(const struct worker *w)
{
	return w->count;
}

unsigned worker_sessions(
	const struct worker *w, uint32_t *at, struct dp_session_info *v, unsigned n)
{
	unsigned found = 0;

	for (; *at < w->slots && found < n; (*at)++) {
		const struct session *s = &w->sessions[*at];
		struct dp_session_info *i = &v[found];
		struct tcp_info info;

		if (!s->conn)
			continue;
		tcp_info(s->conn, &info);
		memset(i, 0, sizeof(*i));
		i->id = s->id;
		memcpy(i->device, device_at(w->l->in.devices, s->src.device)->name,
			sizeof(i->device));
		i->flow = info.flow;
		i->kind = session_kind_name(s);
		i->tcp_state = tcp_state_name(info.state);
		i->opened_ns = s->opened_ns;
		i->logs = s->logs;
		i->bytes = s->bytes;
		i->last_log_ns = s->last_log_ns;
		i->lcore = w->l->lcore_id;
		i->srtt_us = info.srtt_us;
		i->unread = info.unread;
		i->rcv_wnd = info.rcv_wnd;
		i->retransmits = info.retransmits;
		found++;
	}
	return found;
}

bool worker_kill(struct worker *w, uint64_t id)
{
	for (uint32_t i = 0; i < w->slots; i++)
		if (w->sessions[i].conn && w->sessions[i].id == id) {
			tcp_abort(w->sessions[i].conn, w->l->now_us);
			return true;
		}
	return false;
}
