/*
 * Streams over the kernel's TCP, RFC 6587: newline framing or octet counting. Logs are rendered
 * into a buffer of the flow, which the kernel takes as fast as the peer reads.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/load.h"

#define FRAME_MAX (LINES_MAX + 8u) /* a count of up to 4 digits and a space, or a newline */

static int stream_open(struct load *l, struct load_flow *f)
{
	f->fd = load_socket(l->o, f->index, SOCK_STREAM);
	f->out = malloc((size_t)l->o->write_bytes + FRAME_MAX);
	return f->fd >= 0 && f->out ? 0 : -1;
}

/* false: failed. */
static bool drain(struct load_flow *f)
{
	while (f->out_at < f->out_len) {
		ssize_t n = send(f->fd, f->out + f->out_at, f->out_len - f->out_at, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		f->out_at += (uint32_t)n;
	}
	f->out_at = f->out_len = 0;
	return true;
}

static uint32_t frame(struct load *l, struct load_flow *f, uint8_t *to, bool counted)
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
	atomic_fetch_add_explicit(&l->bytes, len, memory_order_relaxed);
	if (!counted)
		to[head++ + len] = '\n';
	return head + len;
}

/* A log counts as handed over when it is rendered: finish() sees to it that all have left. */
static int stream_send(struct load *l, struct load_flow *f, uint32_t n, bool counted)
{
	int sent = 0;

	if (!drain(f))
		return -1;
	if (f->out_len > 0)
		return 0;
	for (uint32_t i = 0; i < n && f->out_len < l->o->write_bytes; i++) {
		f->out_len += frame(l, f, f->out + f->out_len, counted);
		f->next++;
		sent++;
	}
	return drain(f) ? sent : -1;
}

static int lines_send(struct load *l, struct load_flow *f, uint32_t n)
{
	return stream_send(l, f, n, false);
}

static int counted_send(struct load *l, struct load_flow *f, uint32_t n)
{
	return stream_send(l, f, n, true);
}

static bool wait_for(struct load_flow *f, short events, uint64_t end_ns)
{
	struct pollfd p = {.fd = f->fd, .events = events};
	uint64_t now = load_now_ns();

	return now < end_ns && poll(&p, 1, (int)((end_ns - now) / 1000000) + 1) > 0;
}

/* The peer has read all when it has seen our end and closed its own. */
static bool stream_finish(struct load *l, struct load_flow *f, double timeout_s)
{
	uint64_t end = load_now_ns() + (uint64_t)(timeout_s * 1e9);
	char rest[512];

	(void)l;
	while (f->out_len > 0) {
		if (!drain(f))
			return false;
		if (f->out_len > 0 && !wait_for(f, POLLOUT, end))
			return false;
	}
	if (shutdown(f->fd, SHUT_WR) != 0)
		return false;
	for (;;) {
		ssize_t n = recv(f->fd, rest, sizeof(rest), 0);

		if (n == 0)
			return true;
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0 && !wait_for(f, POLLIN, end))
			return false;
	}
}

static void stream_wait(struct load *l, uint64_t timeout_us)
{
	struct pollfd p[1024];
	struct timespec ts = {
		.tv_sec = (time_t)(timeout_us / 1000000),
		.tv_nsec = (long)(timeout_us % 1000000) * 1000,
	};
	nfds_t n = 0;

	for (uint32_t f = 0; f < l->o->plan.flows && n < 1024; f++)
		if (!l->flows[f].failed)
			p[n++] = (struct pollfd){.fd = l->flows[f].fd, .events = POLLOUT};
	ppoll(p, n, &ts, NULL);
}

static void stream_close(struct load *l, struct load_flow *f)
{
	(void)l;
	if (f->fd >= 0)
		close(f->fd);
	free(f->out);
}

const struct load_transport load_tcp = {
	.name = "tcp",
	.open = stream_open,
	.send = lines_send,
	.finish = stream_finish,
	.wait = stream_wait,
	.close = stream_close,
};

const struct load_transport load_counted = {
	.name = "counted",
	.open = stream_open,
	.send = counted_send,
	.finish = stream_finish,
	.wait = stream_wait,
	.close = stream_close,
};
