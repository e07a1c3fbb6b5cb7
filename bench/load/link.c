/* A flow's connection over the kernel's TCP, or over ours on a ring (native.c), plain or TLS.
 * Nothing here blocks but where a time is given. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "bench/load/load.h"

#define HANDSHAKE_S 30u

bool link_wait(struct load_flow *f, short events, uint64_t end_ns)
{
	struct pollfd p = {.fd = f->fd, .events = events};
	uint64_t now = load_now_ns();

	if (f->on_ring)
		return native_wait(f, events, end_ns);

	return now < end_ns && poll(&p, 1, (int)((end_ns - now) / 1000000) + 1) > 0;
}

/* What poll should wait for before the call is made again; 0: it has failed. */
static short wanted(const SSL *ssl, int rc)
{
	switch (SSL_get_error(ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return POLLIN;
	case SSL_ERROR_WANT_WRITE:
		return POLLOUT;
	default:
		return 0;
	}
}

/* To clear a queue that is empty costs as much as a short record. */
static void errors_begin(void)
{
	if (ERR_peek_error())
		ERR_clear_error();
}

static int shake_hands(struct load_flow *f)
{
	uint64_t end = load_now_ns() + (uint64_t)HANDSHAKE_S * 1000000000u;
	char why[256];

	for (;;) {
		short events;
		int rc;

		errors_begin();
		rc = SSL_connect(f->ssl);
		if (rc == 1)
			return 0;
		events = wanted(f->ssl, rc);
		if (events == 0) {
			fprintf(stderr, "sluice-load: flow %u: TLS: %s\n", f->index,
				load_tls_error(f->ssl, rc, why, sizeof(why)));
			return -1;
		}
		if (!link_wait(f, events, end)) {
			fprintf(stderr, "sluice-load: flow %u: no TLS handshake within %u s\n",
				f->index, HANDSHAKE_S);
			return -1;
		}
	}
}

static int ring_bio_write(BIO *b, const char *data, int len)
{
	ssize_t n = native_write(BIO_get_data(b), data, (size_t)len);

	BIO_clear_retry_flags(b);
	if (n == LINK_NOTHING)
		BIO_set_retry_write(b);
	return n > 0 ? (int)n : -1;
}

static int ring_bio_read(BIO *b, char *to, int size)
{
	ssize_t n = native_read(BIO_get_data(b), to, (size_t)size);

	BIO_clear_retry_flags(b);
	if (n == LINK_NOTHING)
		BIO_set_retry_read(b);
	return n > 0 ? (int)n : n == LINK_END ? 0 : -1;
}

static long ring_bio_ctrl(BIO *b, int command, long arg, void *p)
{
	(void)b;
	(void)arg;
	(void)p;
	return command == BIO_CTRL_FLUSH;
}

/* OpenSSL on the ring's connection. */
static bool set_ring_bio(struct load_flow *f)
{
	static BIO_METHOD *method; /* of the one thread that sends */
	BIO *b;

	if (!method) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ring");
		if (!method || !BIO_meth_set_write(method, ring_bio_write) ||
			!BIO_meth_set_read(method, ring_bio_read) ||
			!BIO_meth_set_ctrl(method, ring_bio_ctrl))
			return false;
	}
	b = BIO_new(method);
	if (!b)
		return false;
	BIO_set_data(b, f);
	BIO_set_init(b, 1);
	SSL_set_bio(f->ssl, b, b);
	return true;
}

int link_open(struct load *l, struct load_flow *f)
{
	f->on_ring = l->o->vhost != NULL;
	if (f->on_ring) {
		if (native_connect(l, f) != 0)
			return -1;
	} else {
		f->fd = load_socket(l->o, f->index, SOCK_STREAM);
		if (f->fd < 0)
			return -1;
	}
	if (!l->tls)
		return 0;
	f->ssl = load_tls_client(l->tls, plan_first(&l->o->plan, f->index), f->fd);
	if (!f->ssl || (f->on_ring && !set_ring_bio(f)))
		return -1;
	return shake_hands(f);
}

void link_nodelay(struct load_flow *f)
{
	int one = 1;

	if (!f->on_ring)
		setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

ssize_t link_write(struct load_flow *f, const void *data, size_t len)
{
	size_t written;
	ssize_t n;

	if (f->ssl) {
		errors_begin();
		if (SSL_write_ex(f->ssl, data, len, &written) == 1)
			return (ssize_t)written;
		return wanted(f->ssl, 0) ? LINK_NOTHING : LINK_FAILED;
	}
	if (f->on_ring)
		return native_write(f, data, len);
	n = send(f->fd, data, len, MSG_NOSIGNAL);
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? LINK_NOTHING : LINK_FAILED;
}

ssize_t link_read(struct load_flow *f, void *to, size_t size)
{
	size_t got;
	ssize_t n;

	if (f->ssl) {
		/* OpenSSL takes half a microsecond to find that there is nothing. */
		if (f->on_ring && !SSL_has_pending(f->ssl) && native_silent(f))
			return LINK_NOTHING;
		errors_begin();
		if (SSL_read_ex(f->ssl, to, size, &got) == 1)
			return (ssize_t)got;
		if (wanted(f->ssl, 0))
			return LINK_NOTHING;
		/* A FIN without close_notify is an end, too, once we have said ours. */
		return SSL_get_error(f->ssl, 0) == SSL_ERROR_ZERO_RETURN ||
				       (SSL_get_shutdown(f->ssl) & SSL_SENT_SHUTDOWN)
			       ? LINK_END
			       : LINK_FAILED;
	}
	if (f->on_ring)
		return native_read(f, to, size);
	n = recv(f->fd, to, size, 0);
	if (n > 0)
		return n;
	if (n == 0)
		return LINK_END;
	return errno == EAGAIN || errno == EINTR ? LINK_NOTHING : LINK_FAILED;
}

bool link_drain(struct load_flow *f)
{
	while (f->out_at < f->out_len) {
		ssize_t n = link_write(f, f->out + f->out_at, f->out_len - f->out_at);

		if (n == LINK_FAILED)
			return false;
		if (n == LINK_NOTHING)
			return true;
		f->out_at += (uint32_t)n;
	}
	f->out_at = f->out_len = 0;
	return true;
}

bool link_drain_until(struct load_flow *f, uint64_t end_ns)
{
	while (f->out_len > 0) {
		if (!link_drain(f))
			return false;
		if (f->out_len > 0 && !link_wait(f, POLLOUT, end_ns))
			return false;
	}
	return true;
}

bool link_end(struct load_flow *f, uint64_t end_ns)
{
	while (f->ssl) {
		int rc;

		errors_begin();
		rc = SSL_shutdown(f->ssl);
		if (rc >= 0)
			break;
		if (wanted(f->ssl, rc) != POLLOUT)
			return false;
		if (!link_wait(f, POLLOUT, end_ns))
			return false;
	}
	return f->on_ring ? native_end(f, end_ns) : shutdown(f->fd, SHUT_WR) == 0;
}

void link_close(struct load_flow *f)
{
	SSL_free(f->ssl);
	f->ssl = NULL;
	if (f->on_ring)
		native_close(f);
	f->on_ring = false;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* Room for each flow's, of the one thread that sends; NULL: there is no memory. */
static struct pollfd *poll_room(const struct load *l)
{
	static struct pollfd *p;
	static uint32_t room;

	if (room < l->o->plan.flows) {
		struct pollfd *more = realloc(p, l->o->plan.flows * sizeof(*p));

		if (!more)
			return NULL;
		p = more;
		room = l->o->plan.flows;
	}
	return p;
}

void load_wait(struct load *l, uint64_t timeout_us)
{
	struct timespec ts = {
		.tv_sec = (time_t)(timeout_us / 1000000),
		.tv_nsec = (long)(timeout_us % 1000000) * 1000,
	};
	struct pollfd *p;
	nfds_t n = 0;

	if (l->o->vhost) {
		native_idle(l);
		return;
	}
	p = poll_room(l);
	if (!p)
		return; /* it turns instead */
	for (uint32_t f = 0; f < l->o->plan.flows; f++)
		if (!l->flows[f].failed)
			p[n++] =
				(struct pollfd){.fd = l->flows[f].fd, .events = l->flows[f].events};
	ppoll(p, n, &ts, NULL);
}

void load_spoken(struct load *l, bool *spoken)
{
	const struct timespec at_once = {0};
	struct pollfd *p = l->o->vhost ? NULL : poll_room(l);

	for (uint32_t i = 0; i < l->o->plan.flows; i++) {
		const struct load_flow *f = &l->flows[i];

		/* Without room to ask for all, each is asked. */
		spoken[i] = !f->failed && (l->o->vhost ? f->on_ring && !native_silent(f) : !p);
		if (p)
			p[i] = (struct pollfd){.fd = f->failed ? -1 : f->fd, .events = POLLIN};
	}
	if (!p || ppoll(p, l->o->plan.flows, &at_once, NULL) <= 0)
		return;
	for (uint32_t i = 0; i < l->o->plan.flows; i++)
		spoken[i] = p[i].revents != 0;
}
