/*
 * Datagrams from the kernel's UDP: a run of lines of equal length by one call with GSO, which the
 * kernel cuts into single datagrams; or one call of sendmmsg.
 */
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/load.h"

static int udp_open(struct load *l, struct load_flow *f)
{
	f->fd = load_socket(l->o, f->index, SOCK_DGRAM);
	f->out = malloc((size_t)LOAD_BATCH_MAX * LINES_MAX);
	return f->fd >= 0 && f->out ? 0 : -1;
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == ENOBUFS;
}

/* `n` lines of `len` bytes each; returns how many left, or -1. */
static int send_gso(struct load_flow *f, uint32_t n, uint32_t len)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(uint16_t))];
	} control;
	struct iovec iov = {.iov_base = f->out, .iov_len = (size_t)n * len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	uint16_t segment = (uint16_t)len;

	if (n > 1) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof(segment));
		memcpy(CMSG_DATA(c), &segment, sizeof(segment));
	}
	if (sendmsg(f->fd, &msg, 0) < 0)
		return would_block() ? 0 : -1;
	return (int)n;
}

static int send_many(struct load_flow *f, uint32_t n, uint32_t len)
{
	struct mmsghdr msgs[LOAD_BATCH_MAX];
	struct iovec iov[LOAD_BATCH_MAX];
	int sent;

	memset(msgs, 0, n * sizeof(msgs[0]));
	for (uint32_t i = 0; i < n; i++) {
		iov[i] = (struct iovec){.iov_base = f->out + (size_t)i * len, .iov_len = len};
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	sent = sendmmsg(f->fd, msgs, n, 0);
	if (sent < 0)
		return would_block() ? 0 : -1;
	return sent;
}

static int udp_send(struct load *l, struct load_flow *f, uint32_t n)
{
	uint32_t run, len = lines_len(l->lines, f->index, f->next, &run);
	int sent;

	if (n > run)
		n = run;
	for (uint32_t i = 0; i < n; i++)
		lines_write(l->lines, f->index, f->next + i, (char *)f->out + (size_t)i * len);
	sent = l->o->gso ? send_gso(f, n, len) : send_many(f, n, len);
	/* An ICMP error about an earlier datagram is told to the next call, which sends nothing. */
	if (sent < 0 && errno == ECONNREFUSED) {
		atomic_fetch_add_explicit(&l->errors, 1, memory_order_relaxed);
		return 0;
	}
	if (sent > 0) {
		f->next += (uint64_t)sent;
		atomic_fetch_add_explicit(&l->bytes, (uint64_t)sent * len, memory_order_relaxed);
	}
	return sent;
}

static bool udp_finish(struct load *l, struct load_flow *f, double timeout_s)
{
	(void)l;
	(void)f;
	(void)timeout_s;
	return true;
}

static void udp_close(struct load *l, struct load_flow *f)
{
	(void)l;
	if (f->fd >= 0)
		close(f->fd);
	free(f->out);
}

const struct load_transport load_udp = {
	.name = "udp",
	.open = udp_open,
	.send = udp_send,
	.finish = udp_finish,
	.close = udp_close,
};
