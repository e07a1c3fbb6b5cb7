/* The stack as a whole: its memory, its clock of deadlines, its round. */
#include <stdlib.h>
#include <string.h>

#include "dataplane/tcp/rcv.h"

void tcp_config_defaults(struct tcp_config *cfg)
{
	*cfg = (struct tcp_config){
		.max_conns = 20000,
		.max_half_open = 16384,
		.max_time_wait = 16384,
		.max_spent_cookies = 65536,
		.rcv_buf = 256U << 10,
		.rcv_buf_total = 256ULL << 20,
		.snd_buf = 64U << 10,
		.snd_buf_total = 64ULL << 20,
		.snd_block = 2048,
		.delayed_ack_us = 40000,
		.rto_min_us = 300000,
		.rto_max_us = 60000000,
		.syn_retries = 5,
		.connect_retries = 7,
		.data_retries = 10,
		.time_wait_us = 60000000,
		.keepalive_idle_us = 7200000000,
		.keepalive_interval_us = 75000000,
		.keepalive_probes = 9,
		.fin_wait2_us = 60000000,
		.challenge_acks = 10,
		.replies_per_s = 1000,
	};
}

static int slabs_init(struct tcp_stack *s)
{
	const struct tcp_config *cfg = &s->cfg;
	uint64_t chunks = cfg->rcv_buf_total / TCP_MIN_CHARGE + 1;
	uint64_t blocks =
		cfg->snd_buf_total / (cfg->snd_block ? cfg->snd_block : 1) + cfg->max_conns;
	uint64_t segs = cfg->snd_buf_total / 512 + cfg->max_conns;
	/* The bound counts; an eighth more is for flows that come back from TIME-WAIT. */
	uint64_t half_open = (uint64_t)cfg->max_half_open + cfg->max_half_open / 8 + 16;
	uint64_t flows = cfg->max_conns + half_open + cfg->max_time_wait;

	if (chunks > UINT32_MAX || blocks > UINT32_MAX || segs > UINT32_MAX || flows >= 1U << 29 ||
		cfg->max_conns == 0 || cfg->snd_block < 64 || cfg->snd_block > UINT16_MAX ||
		cfg->snd_block % 8 != 0)
		return -1;
	if (slab_init(&s->conns, sizeof(struct tcp_conn), cfg->max_conns) != 0 ||
		slab_init(&s->ooos, sizeof(struct tcp_ooo), cfg->max_conns) != 0 ||
		slab_init(&s->chunks, sizeof(struct tcp_chunk), (uint32_t)chunks) != 0 ||
		slab_init(&s->packs, sizeof(struct tcp_pack), (uint32_t)chunks) != 0 ||
		slab_init(&s->txsegs, sizeof(struct tcp_txseg), (uint32_t)segs) != 0 ||
		slab_init(&s->sblocks, cfg->snd_block, (uint32_t)blocks) != 0 ||
		slab_init(&s->syns, sizeof(struct tcp_syn), (uint32_t)half_open) != 0 ||
		slab_init(&s->tws, sizeof(struct tcp_tw), cfg->max_time_wait) != 0)
		return -1;
	s->scratch = malloc(UINT16_MAX + 1);
	if (tcp_spent_init(&s->spent, cfg->max_spent_cookies) != 0)
		return -1;
	return s->scratch ? tcp_table_init(&s->table, flows) : -1;
}

struct tcp_stack *tcp_stack_new(const struct tcp_config *cfg, const struct tcp_ops *ops, void *ctx)
{
	struct tcp_stack *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->cfg = *cfg;
	if (s->cfg.data_retries > UINT8_MAX)
		s->cfg.data_retries = UINT8_MAX; /* what a connection counts in */
	s->ops = *ops;
	s->ctx = ctx;
	s->cookie_sent_us = TCP_NEVER;
	s->replies.tokens = cfg->replies_per_s;
	link_init(&s->flush);
	link_init(&s->ooo_holders);
	link_init(&s->starved);
	link_init(&s->tw_queue);
	for (unsigned i = 0; i < TCP_MAX_SYN_STAGES; i++)
		link_init(&s->syn_stage[i]);
	wheel_init(&s->wheel, 0);
	tcp_keys_derive(s, &cfg->key);

	s->rcv_max_wnd = cfg->rcv_buf / 2;
	while (s->rcv_wscale < TCP_MAX_WSCALE && s->rcv_max_wnd >> s->rcv_wscale > UINT16_MAX)
		s->rcv_wscale++;
	if (s->rcv_max_wnd >> s->rcv_wscale > UINT16_MAX)
		s->rcv_max_wnd = (uint32_t)UINT16_MAX << s->rcv_wscale;
	if (slabs_init(s) != 0) {
		tcp_stack_free(s);
		return NULL;
	}
	return s;
}

void tcp_stack_free(struct tcp_stack *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->conns.fresh; i++) {
		struct tcp_conn *c = slab_at(&s->conns, i);

		if (c->state != TCPS_CLOSED)
			tcp_rcv_free(c);
	}
	slab_destroy(&s->conns);
	slab_destroy(&s->ooos);
	slab_destroy(&s->chunks);
	slab_destroy(&s->packs);
	slab_destroy(&s->txsegs);
	slab_destroy(&s->sblocks);
	slab_destroy(&s->syns);
	slab_destroy(&s->tws);
	tcp_table_destroy(&s->table);
	tcp_spent_destroy(&s->spent);
	free(s->scratch);
	free(s);
}

uint64_t tcp_next_deadline(const struct tcp_stack *s)
{
	uint64_t next = wheel_next(&s->wheel);
	uint64_t syn = tcp_syn_next(s);

	if (syn < next)
		next = syn;
	if (!link_empty(&s->tw_queue)) {
		uint64_t tw = LINK_OWNER(s->tw_queue.next, struct tcp_tw, link)->due;

		next = tw < next ? tw : next;
	}
	if (!link_empty(&s->flush) && s->flush_since < next)
		next = s->flush_since;
	return next;
}

unsigned tcp_expire(struct tcp_stack *s, uint64_t now, unsigned budget)
{
	unsigned moves = 4 * budget + 64;
	/* A flood of one kind must not starve the others: each table has a quarter for sure. */
	unsigned ran = tcp_syn_expire(s, now, (budget + 3) / 4);
	struct wheel_timer *t;

	if (ran < budget)
		ran += tcp_tw_expire(s, now, (budget - ran + 2) / 3);
	while (ran < budget && (t = wheel_pop(&s->wheel, now, &moves)) != NULL) {
		struct tcp_conn *c = LINK_OWNER(t, struct tcp_conn, timer);

		tcp_hold(c);
		tcp_timers_run(c, now);
		tcp_release(c);
		ran++;
	}
	tcp_flush(s, now);
	return ran;
}

void tcp_flush(struct tcp_stack *s, uint64_t now)
{
	tcp_rcv_unstarve(s, now);
	while (!link_empty(&s->flush)) {
		struct tcp_conn *c = LINK_OWNER(s->flush.next, struct tcp_conn, flush);

		link_remove(&c->flush);
		if (c->state == TCPS_UNREAD) {
			if (c->unread == 0)
				tcp_conn_end(c, TCP_CLOSED_NORMALLY);
			continue;
		}
		if (c->flags & CF_OUTPUT)
			tcp_output(c, now);
		if (c->flags & CF_ACK_NOW)
			tcp_send_ack(c, now);
	}
}

void tcp_info(const struct tcp_conn *c, struct tcp_info *info)
{
	*info = (struct tcp_info){
		.flow = c->flow,
		.bytes_in = c->bytes_in,
		.bytes_out = c->bytes_out,
		.retransmits = c->retransmits,
		.opened_us = c->opened_us,
		.last_in_us = c->last_in_us,
		.srtt_us = c->srtt,
		.rto_us = (uint32_t)tcp_rto(c),
		.cwnd = c->cwnd,
		.mss = c->mss,
		.rcv_wnd = c->rcv_adv - c->rcv_nxt,
		.rcv_held = c->rcv_held,
		.unread = c->unread,
		.state = c->state,
		.sack = c->flags & CF_SACK,
		.timestamps = c->flags & CF_TS,
		.wscale = c->flags & CF_WSCALE,
		.unreachable = c->flags & CF_UNREACHABLE,
		.why = (enum tcp_close_reason)c->why,
	};
}

const char *tcp_state_name(uint8_t state)
{
	static const char *const names[] = {
		[TCPS_CLOSED] = "closed",
		[TCPS_SYN_SENT] = "syn-sent",
		[TCPS_SYN_RECEIVED] = "syn-received",
		[TCPS_ESTABLISHED] = "established",
		[TCPS_FIN_WAIT_1] = "fin-wait-1",
		[TCPS_FIN_WAIT_2] = "fin-wait-2",
		[TCPS_CLOSE_WAIT] = "close-wait",
		[TCPS_CLOSING] = "closing",
		[TCPS_LAST_ACK] = "last-ack",
		[TCPS_TIME_WAIT] = "time-wait",
		[TCPS_UNREAD] = "unread",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

const struct tcp_counters *tcp_counters(const struct tcp_stack *s)
{
	return &s->n;
}
