/*
 * RELP as a client: a window of logs that wait for their `rsp`, which must come in order. How long
 * each waited counts from when it was due, or, in the closed loop, from when it was handed over.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/load.h"
#include "bench/load/relp_answer.h"

#define FRAME_MAX (LINES_MAX + 32u)
#define OPEN_S	  30u
#define TXNR_MAX  999999999u

static const char offers[] = "relp_version=0\nrelp_software=sluice-load\ncommands=syslog";

struct relp_flow {
	uint64_t sent, acked; /* logs */
	uint32_t txnr;	      /* of the last frame sent; ... */
	uint32_t next_rsp;    /* ... of the next answer */
	uint32_t in_len;
	bool closed; /* `close` was answered */
	uint8_t in[8192];
	uint64_t since[]; /* by log modulo window */
};

static uint32_t next_txnr(uint32_t n)
{
	return n == TXNR_MAX ? 1 : n + 1;
}

static void acknowledged(struct load *l, struct relp_flow *r)
{
	uint64_t now = load_now_ns(), since = r->since[r->acked % l->o->window];

	histogram_add(&l->acks, now > since ? (now - since) / 1000 : 0, 1);
	r->acked++;
	l->acked++;
}

/* All that the peer has said by now; false: it has ended it, or said what it must not. */
static bool take_answers(struct load *l, struct load_flow *f)
{
	struct relp_flow *r = f->relp;

	for (;;) {
		ssize_t n = link_read(f, r->in + r->in_len, sizeof(r->in) - r->in_len);
		uint32_t at = 0, txnr, total = 0;
		enum relp_answer a = RELP_ANSWER_NONE;

		if (n == LINK_NOTHING)
			return true;
		if (n < 0)
			return n == LINK_END && r->closed;
		r->in_len += (uint32_t)n;
		while (at < r->in_len && ((a = relp_answer_read(r->in + at, r->in_len - at, &txnr,
						   &total)) == RELP_ANSWER_OK ||
						 a == RELP_ANSWER_EMPTY)) {
			/* librelp answers `close` without a word. */
			if (txnr != r->next_rsp || (a == RELP_ANSWER_EMPTY && r->acked < r->sent))
				return false;
			at += total;
			r->next_rsp = next_txnr(txnr);
			if (r->acked < r->sent)
				acknowledged(l, r);
			else
				r->closed = txnr != 1;
		}
		if (a == RELP_ANSWER_BAD || (at == 0 && r->in_len == sizeof(r->in)))
			return false;
		memmove(r->in, r->in + at, r->in_len - at);
		r->in_len -= at;
	}
}

static void command(struct load_flow *f, const char *name, const char *data)
{
	struct relp_flow *r = f->relp;

	r->txnr = next_txnr(r->txnr);
	f->out_len += (uint32_t)snprintf((char *)f->out + f->out_len, FRAME_MAX, "%u %s %zu%s%s\n",
		r->txnr, name, strlen(data), *data ? " " : "", data);
}

static int relp_open(struct load *l, struct load_flow *f)
{
	uint64_t end = load_now_ns() + (uint64_t)OPEN_S * 1000000000u;

	f->out = malloc((size_t)l->o->write_bytes + 2 * FRAME_MAX);
	f->relp = calloc(1, sizeof(*f->relp) + l->o->window * sizeof(f->relp->since[0]));
	if (!f->out || !f->relp || link_open(l, f) != 0)
		return -1;
	link_nodelay(f);
	f->relp->next_rsp = 1;
	command(f, "open", offers);
	while (f->relp->next_rsp == 1)
		if (!link_drain(f) || !link_wait(f, f->out_len ? POLLOUT : POLLIN, end) ||
			!take_answers(l, f)) {
			fprintf(stderr, "sluice-load: flow %u: RELP `open` was not accepted\n",
				f->index);
			return -1;
		}
	return 0;
}

/* Its digits; how many. */
static uint32_t put_number(uint8_t *to, uint32_t v)
{
	uint8_t digits[10];
	uint32_t n = 0;

	do
		digits[n++] = (uint8_t)('0' + v % 10);
	while ((v /= 10) > 0);
	for (uint32_t i = 0; i < n; i++)
		to[i] = digits[n - 1 - i];
	return n;
}

static void render(struct load *l, struct load_flow *f, uint64_t since)
{
	struct relp_flow *r = f->relp;
	uint32_t run, len = lines_len(l->lines, f->index, f->next, &run);
	uint8_t *to = f->out + f->out_len;
	uint32_t head;

	r->txnr = next_txnr(r->txnr);
	head = put_number(to, r->txnr);
	head = (uint32_t)(stpcpy((char *)to + head, " syslog ") - (char *)to);
	head += put_number(to + head, len);
	to[head++] = ' ';
	lines_write(l->lines, f->index, f->next, (char *)to + head);
	to[head + len] = '\n';
	f->out_len += head + len + 1;
	r->since[r->sent++ % l->o->window] = since;
	f->next++;
	atomic_fetch_add_explicit(&l->bytes, len, memory_order_relaxed);
}

static int relp_send(struct load *l, struct load_flow *f, uint32_t n)
{
	struct relp_flow *r = f->relp;
	uint64_t now = load_now_ns();
	int sent = 0;

	if (!take_answers(l, f) || !link_drain(f))
		return -1;
	if (f->out_len == 0) {
		uint64_t room = l->o->window - (r->sent - r->acked);

		for (uint32_t i = 0; i < n && i < room &&
				     (i == 0 || f->out_len + FRAME_MAX <= l->o->write_bytes);
			i++, sent++)
			render(l, f, l->o->rate > 0 ? load_due_ns(l, l->at + (uint64_t)sent) : now);
		if (!link_drain(f))
			return -1;
	}
	f->events = (short)((f->out_len ? POLLOUT : 0) | (r->acked < r->sent ? POLLIN : 0));
	return sent;
}

static int relp_hear(struct load *l, struct load_flow *f)
{
	return take_answers(l, f) ? 0 : -1;
}

static bool relp_finish(struct load *l, struct load_flow *f, double timeout_s)
{
	uint64_t end = load_now_ns() + (uint64_t)(timeout_s * 1e9);
	struct relp_flow *r = f->relp;

	while (r->acked < r->sent)
		if (!link_drain(f) || !link_wait(f, f->out_len ? POLLIN | POLLOUT : POLLIN, end) ||
			!take_answers(l, f))
			return false;
	command(f, "close", "");
	while (!r->closed)
		if (!link_drain(f) || !link_wait(f, f->out_len ? POLLOUT : POLLIN, end) ||
			!take_answers(l, f))
			return r->closed;
	return link_end(f, end);
}

static void relp_close(struct load *l, struct load_flow *f)
{
	(void)l;
	link_close(f);
	free(f->out);
	free(f->relp);
}

const struct load_transport load_relp = {
	.name = "relp",
	.open = relp_open,
	.send = relp_send,
	.hear = relp_hear,
	.finish = relp_finish,
	.wait = load_wait,
	.close = relp_close,
};
