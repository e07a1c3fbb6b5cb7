/* Senders that speak no OFTP: RELP with a window, lines or counted frames over TCP, datagrams. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/whole/sim.h"

#define LOG_HEAD   11u /* "<13>R00042 " */
#define LOG_MOST   1200u
#define FRAME_MOST (LOG_MOST + 32u)
#define BEHIND	   64u /* logs that RELP may be behind with; then it makes none */

static const char letters[PLAIN_KINDS] = {'R', 'T', 'U'};

/* How far TCP has it: these logs are the server's. */
static void note_acked(struct plain *p)
{
	uint64_t acked = p->written - p->peer.out_len;

	/* A connection that is not there yet has nothing of the one before it. */
	if (p->kind != PLAIN_TCP || (p->peer.state != PEER_OPEN && p->peer.state != PEER_ENDED))
		return;
	while (p->first < p->n_ends && p->ends[p->first] <= acked) {
		p->first++;
		p->owed += p->life == p->w->met.lives;
	}
}

static void connected(void *user)
{
	struct plain *p = user;

	p->life = p->w->met.lives;
	p->written = 0;
	p->first = p->n_ends = 0;
	if (p->kind == PLAIN_RELP)
		relp_connected(p);
}

static void bytes(void *user, const uint8_t *data, uint32_t n)
{
	struct plain *p = user;

	if (p->kind == PLAIN_RELP)
		relp_bytes(p, data, n);
}

static void lost(void *user)
{
	struct plain *p = user;

	note_acked(p);
	p->retry_us = p->w->mono_us + p->w->retry_us;
}

void plain_init(struct world *w, enum plain_kind kind)
{
	static const struct peer_user calls = {connected, bytes, lost};
	struct plain *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	w->plain[kind] = p;
	p->w = w;
	p->kind = kind;
	p->counted = rng_one_in(&w->rng, 2);
	p->peer = (struct peer){.w = w, .host = SIM_DEVICES + kind, .calls = &calls, .user = p};
}

void plain_text(const struct plain *p, uint32_t n, uint8_t *to)
{
	char head[16];

	snprintf(head, sizeof(head), "<13>%c%05u ", letters[p->kind], n);
	for (uint32_t i = 0; i < p->made[n].len; i++)
		to[i] = i < LOG_HEAD ? (uint8_t)head[i] : (uint8_t)('a' + (n * 11 + i) % 26);
}

void plain_make_log(struct plain *p)
{
	uint8_t text[LOG_MOST];
	uint32_t n = p->n_made;

	if (n == SIM_LOGS || (p->kind == PLAIN_RELP && n - p->acked == BEHIND))
		return;
	p->made[n].len = (uint16_t)(LOG_HEAD + rng_below(&p->w->rng, LOG_MOST - LOG_HEAD));
	p->n_made++;
	p->w->met.plain_logs++;
	if (p->kind != PLAIN_UDP)
		return;
	plain_text(p, n, text);
	wire_datagram(p->w, p->peer.host, 514, text, p->made[n].len);
}

void plain_arrived(struct plain *p, const uint8_t *text, uint32_t len)
{
	unsigned n = 0;

	if (len < LOG_HEAD || sscanf((const char *)text + 5, "%5u", &n) != 1 || n >= p->n_made)
		sim_fail("a datagram that nobody sent", n, len);
	p->made[n].sent++;
	p->begun++;
}

/* A line, or a counted frame, as long as TCP takes them whole. */
static void say_lines(struct plain *p)
{
	uint8_t frame[FRAME_MOST];

	while (p->acked < p->n_made && PEER_OUT - p->peer.out_len >= FRAME_MOST) {
		uint32_t len = p->made[p->acked].len, at = 0;

		if (p->counted)
			at = (uint32_t)sprintf((char *)frame, "%u ", len);
		plain_text(p, p->acked, frame + at);
		if (!p->counted)
			frame[at + len++] = '\n';
		p->made[p->acked++].sent++;
		p->begun += p->life == p->w->met.lives;
		p->written += at + len;
		p->ends[p->n_ends++] = p->written;
		peer_write(&p->peer, frame, at + len);
	}
}

void plain_tick(struct plain *p)
{
	struct world *w = p->w;

	if (p->kind == PLAIN_UDP)
		return;
	if ((p->peer.state == PEER_CLOSED || p->peer.state == PEER_ENDED) &&
		w->mono_us >= p->retry_us)
		peer_open(&p->peer, ++w->next_port);
	peer_tick(&p->peer);
	if (p->peer.state != PEER_OPEN)
		return;
	if (p->kind == PLAIN_TCP)
		say_lines(p);
	else if (!relp_say(p))
		plain_cut(p);
	note_acked(p);
}

void plain_cut(struct plain *p)
{
	if (p->kind == PLAIN_UDP)
		return;
	note_acked(p);
	peer_drop(&p->peer, rng_one_in(&p->w->rng, 2));
	lost(p);
}

bool plain_at_rest(const struct plain *p)
{
	return p->kind == PLAIN_UDP ||
	       (p->peer.state == PEER_OPEN && p->acked == p->n_made && p->peer.out_len == 0);
}
