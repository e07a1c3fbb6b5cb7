/*
 * A connection's timers. The wheel knows one per connection, and it may ring too early: setting or
 * clearing a timer writes a number, and only what makes the earliest one earlier moves the wheel's.
 */
#include "dataplane/tcp/tcp_priv.h"

void tcp_timer_set(struct tcp_conn *c, enum tcp_timer which, uint64_t when)
{
	c->due[which] = when;
	if (!wheel_armed(&c->timer) || when < c->timer.expires)
		wheel_arm(&c->stack->wheel, &c->timer, when);
}

void tcp_timers_start(struct tcp_conn *c, uint64_t now)
{
	for (unsigned i = 0; i < TCP_TIMERS; i++)
		c->due[i] = TCP_NEVER;
	if (c->stack->cfg.keepalive_idle_us)
		tcp_timer_set(c, TMR_KEEP, now + c->stack->cfg.keepalive_idle_us);
}

static void on_delack(struct tcp_conn *c, uint64_t now)
{
	c->stack->n.delayed_acks++;
	tcp_send_ack(c, now);
}

/* Probes go on for ever; their delay stops growing long before this does. */
static void back_off(struct tcp_conn *c)
{
	if (c->backoff < UINT8_MAX)
		c->backoff++;
}

/* Retransmission (RFC 6298 section 5) and window probes (RFC 9293 section 3.8.6.1). */
static void on_rto(struct tcp_conn *c, uint64_t now)
{
	struct tcp_stack *s = c->stack;

	if (c->retries >= s->cfg.data_retries) {
		tcp_conn_end(c, TCP_CLOSED_TIMEOUT);
		return;
	}
	c->retries++;
	assert((c->flags & CF_PERSIST) || c->tx_head);
	if (c->flags & CF_PERSIST) {
		tcp_send_probe(c, now);
	} else if (c->snd_wnd == 0) {
		/* The window closed over what was sent: no sign of congestion. */
		c->flags |= CF_ZERO_FIRED;
		tcp_send_probe_again(c, now);
	} else {
		s->n.rto_fired++;
		tcp_pmtu_timeout(c);
		tcp_recovery_timeout(c, now);
		back_off(c);
		tcp_output(c, now);
		c->flags &= ~(uint32_t)CF_REO;
		c->rto_at = now + tcp_rto(c);
		tcp_timer_set(c, TMR_RTX, c->rto_at);
		return;
	}
	back_off(c);
	tcp_timer_set(c, TMR_RTX, now + tcp_rto(c));
}

/* The same timer rings earlier for what RFC 8985 knows better than the timeout. */
static void on_rtx(struct tcp_conn *c, uint64_t now)
{
	bool by_time = c->flags & CF_REO;
	bool probe = c->flags & CF_PTO;

	if (c->state == TCPS_SYN_SENT || c->state == TCPS_SYN_RECEIVED) {
		tcp_open_timeout(c, now);
		return;
	}

	c->flags &= ~(uint32_t)(CF_REO | CF_PTO);
	if (by_time && c->snd_wnd > 0) {
		tcp_recovery_by_time(c, now);
		tcp_output(c, now);
	} else if (probe && tcp_tlp_may(c)) {
		tcp_tlp_probe(c, now);
		c->rto_at = now + tcp_rto(c);
		tcp_timer_set(c, TMR_RTX, c->rto_at);
	} else if ((probe || by_time) && c->rto_at > now) {
		tcp_timer_set(c, TMR_RTX, c->rto_at);
	} else {
		on_rto(c, now);
	}
}

static void on_keepalive(struct tcp_conn *c, uint64_t now)
{
	const struct tcp_config *cfg = &c->stack->cfg;

	if (now - c->last_in_us < cfg->keepalive_idle_us || c->tx_head) {
		/* It lives, or the retransmission timer will find out. */
		uint64_t since = c->tx_head ? now : c->last_in_us;

		c->keep_probes = 0;
		tcp_timer_set(c, TMR_KEEP, since + cfg->keepalive_idle_us);
		return;
	}
	if (c->keep_probes >= cfg->keepalive_probes) {
		tcp_send_rst(c, now);
		tcp_conn_end(c, TCP_CLOSED_TIMEOUT);
		return;
	}
	c->keep_probes++;
	tcp_send_keepalive(c, now);
	tcp_timer_set(c, TMR_KEEP, now + cfg->keepalive_interval_us);
}

static void on_fin_wait_2(struct tcp_conn *c, uint64_t now)
{
	uint64_t until = c->last_in_us + c->stack->cfg.fin_wait2_us;

	if (now < until) {
		tcp_timer_set(c, TMR_KEEP, until);
		return;
	}
	tcp_send_rst(c, now);
	tcp_conn_end(c, TCP_CLOSED_TIMEOUT);
}

static void on_keep(struct tcp_conn *c, uint64_t now)
{
	switch (c->state) {
	case TCPS_ESTABLISHED:
	case TCPS_CLOSE_WAIT:
		on_keepalive(c, now);
		break;
	case TCPS_FIN_WAIT_2:
		on_fin_wait_2(c, now);
		break;
	case TCPS_UNREAD:
		tcp_conn_end(c, TCP_CLOSED_NORMALLY);
		break;
	default:
		break; /* our FIN is out: the retransmission timer watches */
	}
}

static bool rings(struct tcp_conn *c, enum tcp_timer which, uint64_t now)
{
	if (c->state == TCPS_CLOSED || c->due[which] > now)
		return false;
	tcp_timer_clear(c, which);
	return true;
}

void tcp_timers_run(struct tcp_conn *c, uint64_t now)
{
	uint64_t next = TCP_NEVER;

	if (rings(c, TMR_DELACK, now))
		on_delack(c, now);
	if (rings(c, TMR_RTX, now))
		on_rtx(c, now);
	if (rings(c, TMR_KEEP, now))
		on_keep(c, now);
	if (c->state == TCPS_CLOSED)
		return;
	for (unsigned i = 0; i < TCP_TIMERS; i++)
		next = c->due[i] < next ? c->due[i] : next;
	if (next != TCP_NEVER)
		wheel_arm(&c->stack->wheel, &c->timer, next);
}
