/*
 * The worker: TCP on one side (worker_tcp.c), sessions on the other, served in turn. Segments come
 * from rx (another lcore's ring, or the same round).
 */
#include <stdlib.h>
#include <string.h>

#include <rte_random.h>

#include "dataplane/session_protocol.h"
#include "dataplane/tell.h"

#define SESSIONS_A_ROUND 256u
#define TIMERS_A_ROUND	 256u
#define CARRY_BUFFERS	 8192u	/* besides one for each session */
#define ACK_MARKS	 65536u /* 2 MiB; a block leaves one a session */

/* ---- sessions ---- */

/* The circle that it stands in by its stage; NULL: none. */
static struct session **circle(struct worker *w, const struct session *s)
{
	/* Whoever is held over TLS is looked at once: it may have a key of its own, or a login that
	 * wants an answer. */
	if (s->stage == SESSION_OPEN ||
		(session_is_held(s) && s->tls && !s->protocol && !s->looked))
		return &w->ready;
	return s->stage == SESSION_SHAKING ? &w->shaking : NULL;
}

void worker_ready(struct worker *w, struct session *s)
{
	struct session **head = circle(w, s);

	if (s->queued || !head)
		return;
	s->queued = true;
	s->circle = head;
	s->queued_round = w->round;
	if (!*head) {
		s->next = s->prev = s;
		*head = s;
		return;
	}
	s->next = *head;
	s->prev = (*head)->prev;
	s->prev->next = s;
	s->next->prev = s;
}

void worker_unqueue(struct worker *w, struct session *s)
{
	struct session **head = s->circle;

	(void)w;
	if (!s->queued)
		return;
	s->queued = false;
	if (s->next == s) {
		*head = NULL;
		return;
	}
	s->prev->next = s->next;
	s->next->prev = s->prev;
	if (*head == s)
		*head = s->next;
}

static void accepted(struct worker *w, struct tcp_conn *conn)
{
	struct lcore *l = w->l;
	struct tcp_info info;
	struct session *s;

	if (l->draining) { /* its SYN came before the end */
		tcp_set_user(conn, NULL);
		tcp_abort(conn, l->now_us);
		return;
	}
	if (w->free_count == 0 || atomic_fetch_add_explicit(&l->dp->sessions, 1,
					  memory_order_relaxed) >= l->policy->sessions) {
		if (w->free_count > 0)
			atomic_fetch_sub_explicit(&l->dp->sessions, 1, memory_order_relaxed);
		tcp_info(conn, &info);
		tell_refused(l, &info.flow.src, info.flow.src_port, TRANSPORT_TCP, false,
			REFUSAL_session_limit);
		tcp_set_user(conn, NULL);
		tcp_abort(conn, l->now_us);
		return;
	}
	s = &w->sessions[w->free_slots[--w->free_count]];
	session_init(s, w, conn, ((uint64_t)l->index << 48) | ++w->next_id);
	s->slot = (uint32_t)(s - w->sessions);
	if (s->slot >= w->top)
		w->top = s->slot + 1;
	s->quantum = SESSION_QUANTUM;
	w->count++;
	tcp_set_user(conn, s);
}

static void ended(struct worker *w, struct session *s)
{
	/* What the peer had sent before the end is still a log, if it was let in. */
	s->closed = true;
	if (s->stage == SESSION_SLOWED)
		session_leave_line(s);
	s->closing |= s->stage != SESSION_OPEN;
	s->cut_off = !s->peer_closed;
	s->peer_closed = true;
	while (!s->closing && session_read(s, w) == SESSION_AGAIN)
		;
	worker_unqueue(w, s);
	worker_answer_never(s);
	session_fini(s);
	tcp_set_user(s->conn, NULL);
	s->conn = NULL;
	w->free_slots[w->free_count++] = s->slot;
	w->count--;
	atomic_fetch_sub_explicit(&w->l->dp->sessions, 1, memory_order_relaxed);
}

void worker_event(void *ctx, struct tcp_conn *conn, enum tcp_event ev)
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
		worker_ready(w, s);
		break;
	case TCP_EV_PEER_FIN:
		s->peer_closed = true;
		worker_ready(w, s);
		break;
	case TCP_EV_CLOSED:
		ended(w, s);
		break;
	case TCP_EV_WRITABLE:
		worker_answer_soon(w, s);
		if (s->stage == SESSION_SHAKING)
			worker_ready(w, s); /* its flight may have been cut short */
		break;
	case TCP_EV_ACCEPTED:
	case TCP_EV_CONNECTED: /* a worker opens none */
		break;
	}
}

void worker_close(struct worker *w, struct session *s)
{
	worker_unqueue(w, s);
	session_leave_line(s);
	s->transport->finish(s, w);
	s->stage = SESSION_OPEN;
	s->closing = true;
	s->stage_us = w->l->now_us;
	tcp_close(s->conn, w->l->now_us);
}

/* One turn of one session; false: there is no block, so nobody else need try. */
static bool serve(struct worker *w, struct session *s)
{
	struct lcore *l = w->l;

	switch (session_read(s, w)) {
	case SESSION_WAIT:
	case SESSION_PAUSE:
		worker_unqueue(w, s);
		s->quantum = SESSION_QUANTUM;
		return true;
	case SESSION_AGAIN:
		s->quantum = SESSION_QUANTUM;
		s->queued_round = w->round;
		if (w->ready == s)
			w->ready = s->next;
		return true;
	case SESSION_NO_ROOM:
		return false;
	case SESSION_HELD:
		return true;
	case SESSION_ABORT:
		s->closing = true;
		tcp_abort(s->conn, l->now_us);
		return true;
	case SESSION_REFUSED:
	case SESSION_DONE:
		worker_close(w, s);
		return true;
	}
	return true;
}

bool worker_serve(struct worker *w)
{
	bool any = false, held_up = w->no_room;

	w->no_room = false;
	for (uint32_t i = 0; i < SESSIONS_A_ROUND && w->ready; i++) {
		/* What came in the last round, or in this one before the turns, is read in this. */
		w->turns_late += !held_up && w->round - w->ready->queued_round > 1;
		if (!serve(w, w->ready)) {
			w->no_room = true;
			break;
		}
		any = true;
	}
	return any;
}

/* Handshakes get on, at most one step that costs a round, and none until what the last one cost is
 * paid for; how many do nothing is bounded too. */
static bool shake_hands(struct worker *w)
{
	bool any = false;

	if (w->step_debt > HANDSHAKE_PAID) {
		w->step_debt -= HANDSHAKE_PAID;
		return true;
	}
	w->step_debt = 0;
	for (uint32_t i = 0; i < HANDSHAKE_LOOK && w->shaking; i++) {
		any = true;
		if (session_tls_step(w->shaking, w))
			break;
	}
	return any;
}

/* ---- the worker's door ---- */

struct worker *worker_new(struct lcore *l)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->l = l;
	w->slots = l->dp->cfg.limits.sessions;
	w->tcp = worker_tcp_new(w);
	w->sessions = calloc(w->slots, sizeof(*w->sessions));
	w->free_slots = calloc(w->slots, sizeof(*w->free_slots));
	w->plain = malloc(PLAIN_BYTES);
	w->message = malloc(OFTP_HEADER + OFTP_BODY_MAX);
	w->item = malloc(OFTP_ITEM_RAW_MAX);
	w->sources = calloc(SOURCE_SLOTS, sizeof(*w->sources));
	w->source_key = (struct siphash_key){rte_rand(), rte_rand()};
	if (!w->tcp || !w->sessions || !w->free_slots || !w->plain || !w->message || !w->item ||
		!w->sources || carry_pool_init(&w->carry, CARRY_BUFFERS + w->slots) != 0 ||
		acks_init(&w->acks, ACK_MARKS) != 0) {
		worker_free(w);
		return NULL;
	}
	for (uint32_t i = 0; i < w->slots; i++)
		w->free_slots[w->free_count++] = w->slots - 1 - i;
	LIST_INIT(&w->answering);
	l->in.completed = worker_block_completed;
	l->in.completed_ctx = w;
	return w;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->tcp)
		tcp_stack_free(w->tcp);
	for (uint32_t i = 0; w->sessions && i < w->slots; i++) {
		struct session *s = &w->sessions[i];

		if (s->conn && s->protocol && s->protocol->end)
			s->protocol->end(s, w);
		tls_conn_free(s->tls);
	}
	carry_pool_fini(&w->carry);
	acks_fini(&w->acks);
	free(w->sessions);
	free(w->free_slots);
	free(w->sources);
	free(w->plain);
	free(w->message);
	free(w->item);
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
	const struct tcp_counters *n = tcp_counters(w->tcp);
	uint64_t dropped = n->syn_dropped;
	enum tcp_verdict verdict = tcp_input(w->tcp, &seg, l->now_us);

	if (n->syn_dropped != dropped)
		tell_refused(l, &seg.flow.src, seg.flow.src_port, TRANSPORT_TCP, true,
			REFUSAL_half_open_limit);
	switch (verdict) {
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
	if (meta->quoted_mtu)
		tcp_icmp(w->tcp, &meta->flow, meta->quoted_seq, meta->quoted_mtu, w->l->now_us);
	else
		tcp_unreachable(w->tcp, &meta->flow, meta->quoted_seq, meta->hard);
}

bool worker_timers(struct worker *w)
{
	uint64_t now = w->l->now_us;

	return tcp_next_deadline(w->tcp) <= now && tcp_expire(w->tcp, now, TIMERS_A_ROUND) > 0;
}

bool worker_round(struct worker *w)
{
	uint64_t now = w->l->now_us;
	bool any = false;

	w->round++;
	any |= worker_timers(w);
	any |= worker_hear_control(w);
	if (w->ready)
		any |= worker_serve(w);
	if (w->shaking)
		any |= shake_hands(w);
	any |= worker_care(w);
	worker_answer(w);
	tcp_flush(w->tcp, now);
	return any;
}

uint64_t worker_deadline(const struct worker *w)
{
	uint64_t at = tcp_next_deadline(w->tcp), care = worker_care_deadline(w);

	if ((w->ready && !w->no_room) || w->shaking || !LIST_EMPTY(&w->answering))
		return 0;
	return at < care ? at : care;
}

const struct tcp_counters *worker_tcp_counters(const struct worker *w)
{
	return tcp_counters(w->tcp);
}

void worker_tls_get(const struct worker *w, struct worker_tls *t)
{
	*t = (struct worker_tls){
		.handshakes = w->handshakes,
		.resumed = w->resumed,
		.failed = w->handshakes_failed,
		.steps = w->steps,
		.step_weight = w->step_weight,
		.turns_late = w->turns_late,
		.shaking = w->lines[SESSION_SHAKING].count,
		.waiting = w->lines[SESSION_WAITING].count,
		.pending = w->lines[SESSION_PENDING].count,
		.carried_bytes = w->carry.bytes,
		.carry_buffers = w->carry.used,
	};
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
		if (session_is_held(s)) /* it has no account yet */
			memcpy(i->device, s->serial, sizeof(s->serial));
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
		if (s->tls && s->stage != SESSION_SHAKING && s->stage != SESSION_WAITING) {
			i->tls_version = tls_conn_version(s->tls);
			i->tls_cipher = tls_conn_cipher(s->tls);
			i->tls_generation = tls_conn_generation(s->tls);
			i->tls_context = tls_conn_context(s->tls);
			i->tls_resumed = tls_conn_resumed(s->tls);
			i->tls_verified = tls_conn_verified(s->tls);
			i->certified = session_is_certified(s);
		}
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
