/*
 * Streams over the kernel's TCP, plain or TLS, RFC 6587: newline framing or octet counting. Logs
 * are rendered into a buffer of the flow, which the kernel takes as fast as the peer reads.
 */
#include <poll.h>
#include <stdlib.h>

#include "bench/load/load.h"

#define STREAM_FRAME_MAX                                                                           \
	(LINES_MAX + 8u) /* with a count of up to 4 digits and a space, or a newline */

static int stream_open(struct load *l, struct load_flow *f)
{
	f->out = malloc((size_t)l->o->write_bytes + STREAM_FRAME_MAX);
	f->events = POLLOUT;
	return f->out ? link_open(l, f) : -1;
}

static uint32_t stream_frame(
	const struct load *l, const struct load_flow *f, uint8_t *to, bool counted, uint64_t *bytes)
{
	uint32_t head = 0, len;

	if (counted) {
		uint32_t run;

		len = lines_len(l->lines, f->index, f->next, &run);
		for (uint32_t div = len >= 1000 ? 1000 : 100; div > 0; div /= 10)
			to[head++] = (uint8_t)('0' + len / div % 10);
		to[head++] = ' ';
	}
	len = lines_write(l->lines, f->index, f->next, (char *)to + head);
	*bytes += len;
	if (!counted)
		to[head++ + len] = '\n';
	return head + len;
}

/* A log counts as handed over when it is rendered: finish() sees to it that all have left. */
static int stream_send(struct load *l, struct load_flow *f, uint32_t n, bool counted)
{
	uint64_t bytes = 0;
	int sent = 0;

	if (!link_drain(f))
		return -1;
	if (f->out_len > 0)
		return 0;
	/* A write, and so a TLS record, holds whole logs, and at least one. */
	for (uint32_t i = 0;
		i < n && (f->out_len == 0 || f->out_len + STREAM_FRAME_MAX <= l->o->write_bytes);
		i++) {
		f->out_len += stream_frame(l, f, f->out + f->out_len, counted, &bytes);
		f->next++;
		sent++;
	}
	atomic_fetch_add_explicit(&l->bytes, bytes, memory_order_relaxed);
	return link_drain(f) ? sent : -1;
}

static int lines_send(struct load *l, struct load_flow *f, uint32_t n)
{
	return stream_send(l, f, n, false);
}

static int counted_send(struct load *l, struct load_flow *f, uint32_t n)
{
	return stream_send(l, f, n, true);
}

/* The peer has read all when it has seen our end and closed its own. */
static bool stream_finish(struct load *l, struct load_flow *f, double timeout_s)
{
	uint64_t end = load_now_ns() + (uint64_t)(timeout_s * 1e9);
	char rest[512];

	(void)l;
	if (!link_drain_until(f, end) || !link_end(f, end))
		return false;
	for (;;) {
		ssize_t n = link_read(f, rest, sizeof(rest));

		if (n == LINK_END)
			return true;
		if (n == LINK_FAILED)
			return false;
		if (n == LINK_NOTHING && !link_wait(f, POLLIN, end))
			return false;
	}
}

static void stream_close(struct load *l, struct load_flow *f)
{
	(void)l;
	link_close(f);
	free(f->out);
}

const struct load_transport load_tcp = {
	.name = "tcp",
	.open = stream_open,
	.send = lines_send,
	.finish = stream_finish,
	.wait = load_wait,
	.close = stream_close,
};

const struct load_transport load_counted = {
	.name = "counted",
	.open = stream_open,
	.send = counted_send,
	.finish = stream_finish,
	.wait = load_wait,
	.close = stream_close,
};
