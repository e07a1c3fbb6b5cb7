/*
 * RELP's client: a window of logs that are kept until they are answered, and sent again on the next
 * connection. What is answered it forgets.
 */
#include <stdio.h>
#include <string.h>

#include "bench/load/relp_answer.h"
#include "tests/sim/whole/sim.h"

#define WINDOW	   16u
#define FRAME_MOST 1300u
#define SILENCE_US 5000000u

static const char offers[] = "relp_version=0\ncommands=syslog";

void relp_connected(struct plain *p)
{
	char frame[128];
	int n = snprintf(frame, sizeof(frame), "1 open %zu %s\n", strlen(offers), offers);

	p->opened = false;
	p->next = p->acked;
	p->txnr = 1;
	p->in_len = 0;
	p->heard_us = p->w->mono_us;
	peer_write(&p->peer, frame, (uint32_t)n);
}

bool relp_say(struct plain *p)
{
	uint8_t frame[FRAME_MOST];

	if (p->opened && p->next == p->acked)
		p->heard_us = p->w->mono_us;
	if (p->w->mono_us - p->heard_us > SILENCE_US)
		return false;
	while (p->opened && p->next < p->n_made && p->next - p->acked < WINDOW &&
		PEER_OUT - p->peer.out_len >= FRAME_MOST) {
		uint32_t len = p->made[p->next].len;
		int head =
			sprintf((char *)frame, "%u syslog %u ", p->txnr + p->next - p->acked, len);

		plain_text(p, p->next, frame + head);
		frame[(uint32_t)head + len] = '\n';
		p->made[p->next++].sent++;
		peer_write(&p->peer, frame, (uint32_t)head + len + 1);
	}
	return true;
}

static void answered(struct plain *p, uint32_t txnr)
{
	if (txnr != p->txnr)
		sim_fail("RELP: answered out of order", txnr, p->txnr);
	p->txnr++;
	p->heard_us = p->w->mono_us;
	if (!p->opened) {
		p->opened = true;
		return;
	}
	if (p->acked == p->next)
		sim_fail("RELP: answered what was not sent", p->acked, txnr);
	p->acked++;
}

/* It says so before it ends the session; nothing comes behind it. */
static bool says_goodbye(const uint8_t *in, uint32_t len)
{
	static const char hint[] = "0 serverclose 0\n";
	const size_t n = len < sizeof(hint) - 1 ? len : sizeof(hint) - 1;

	return memcmp(in, hint, n) == 0;
}

void relp_bytes(struct plain *p, const uint8_t *data, uint32_t n)
{
	uint32_t at = 0, txnr, total;
	enum relp_answer a;

	if (n > sizeof(p->in) - p->in_len)
		sim_fail("RELP: more than there is to answer", n, p->in_len);
	memcpy(p->in + p->in_len, data, n);
	p->in_len += n;
	while ((a = relp_answer_read(p->in + at, p->in_len - at, &txnr, &total)) ==
		RELP_ANSWER_OK) {
		answered(p, txnr);
		at += total;
	}
	if (a != RELP_ANSWER_NONE && !says_goodbye(p->in + at, p->in_len - at))
		sim_fail("RELP: no answer at all", at, p->in_len);
	memmove(p->in, p->in + at, p->in_len - at);
	p->in_len -= at;
}
