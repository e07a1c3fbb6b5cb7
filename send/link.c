#include "send/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "send/resolve.h"

#define DSCP_LOWER_EFFORT 0x20 /* CS1, as the TOS byte (RFC 8622 names what came after it) */

void link_init(struct link *l, const struct settings *s, SSL_CTX *tls, int epoll)
{
	memset(l, 0, sizeof(*l));
	l->settings = s;
	l->tls = tls;
	l->epoll = epoll;
	l->fd = l->watch.fd = -1;
	l->judge = true;
}

void link_close(struct link *l)
{
	if (l->ssl && l->state == LINK_OPEN)
		SSL_shutdown(l->ssl);
	ERR_clear_error();
	watch_remove(l->epoll, &l->watch);
	resolver_drop(l->resolver);
	SSL_free(l->ssl);
	if (l->fd >= 0)
		close(l->fd);
	l->resolver = NULL;
	l->ssl = NULL;
	l->fd = -1;
	l->state = LINK_IDLE;
	l->wants_write = false;
}

static void down(struct link *l, const char *what, const char *why)
{
	snprintf(l->why, sizeof(l->why), "%s%s%s", what, why[0] ? ": " : "", why);
	link_close(l);
	l->event(l->ctx, LINK_DOWN);
}

int address_parse(const char *text, uint32_t port, struct sockaddr_storage *to, unsigned *len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
	char host[64];
	const char *colon = strrchr(text, ':');
	size_t n = strlen(text);

	memset(to, 0, sizeof(*to));
	if (port == 0) {
		char *end;
		unsigned long p = colon ? strtoul(colon + 1, &end, 10) : 0;

		if (!colon || *end || p == 0 || p > 65535)
			return -1;
		port = (uint32_t)p;
		n = (size_t)(colon - text);
		if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
			text++;
			n -= 2;
		}
	}
	if (n >= sizeof(host))
		return -1;
	memcpy(host, text, n);
	host[n] = '\0';
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*len = sizeof(*v4);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		*len = sizeof(*v6);
		return 0;
	}
	return -1;
}

static int bind_source(const struct link *l, int fd)
{
	struct sockaddr_storage from;
	unsigned len;

	if (!l->settings->source_ip[0])
		return 0;
	/* Port 0 is any. */
	if (address_parse(l->settings->source_ip, 1, &from, &len) != 0) {
		errno = EINVAL;
		return -1;
	}
	((struct sockaddr_in *)&from)->sin_port = 0;
	return bind(fd, (struct sockaddr *)&from, len);
}

static void connect_to(struct link *l, const struct sockaddr_storage *to, unsigned len)
{
	const int on = 1, tos = DSCP_LOWER_EFFORT, class = DSCP_LOWER_EFFORT;

	if (to->ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)to)->sin_addr, l->address,
			sizeof(l->address));
	else
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)to)->sin6_addr, l->address,
			sizeof(l->address));
	l->fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || bind_source(l, l->fd) != 0) {
		down(l, "No socket", strerror(errno));
		return;
	}
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (l->settings->priority) {
		setsockopt(l->fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
		setsockopt(l->fd, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof(class));
	}
	if (connect(l->fd, (const struct sockaddr *)to, len) != 0 && errno != EINPROGRESS) {
		down(l, "No connection", strerror(errno));
		return;
	}
	l->state = LINK_CONNECTING;
	if (watch_add(l->epoll, &l->watch, l->fd, EPOLLOUT) != 0)
		down(l, "No connection", "epoll");
}

static void resolved(struct link *l)
{
	const struct addrinfo *list, *a;
	struct sockaddr_storage to;
	int rc = resolver_result(l->resolver, &list);
	unsigned n = 0, len;

	watch_remove(l->epoll, &l->watch);
	for (a = list; a; a = a->ai_next)
		n++;
	if (rc != 0 || n == 0) {
		down(l, "No address", rc ? gai_strerror(rc) : "the name has none");
		return;
	}
	n = l->attempt++ % n;
	for (a = list; n > 0; n--)
		a = a->ai_next;
	memcpy(&to, a->ai_addr, a->ai_addrlen);
	len = a->ai_addrlen;
	resolver_drop(l->resolver);
	l->resolver = NULL;
	connect_to(l, &to, len);
}

/* What SSL_get_error() says after a call that did nothing; true: only wait. */
static bool waits(struct link *l, int rc, const char *doing)
{
	const int saved = errno;
	const char *why;

	switch (SSL_get_error(l->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		watch_want(l->epoll, &l->watch, EPOLLIN | (l->wants_write ? EPOLLOUT : 0u));
		return true;
	case SSL_ERROR_WANT_WRITE:
		watch_want(l->epoll, &l->watch, EPOLLIN | EPOLLOUT);
		return true;
	case SSL_ERROR_ZERO_RETURN:
		why = "the server has closed";
		break;
	case SSL_ERROR_SYSCALL:
		why = saved ? strerror(saved) : "the connection is gone";
		break;
	default:
		why = ERR_reason_error_string(ERR_peek_error());
		break;
	}
	ERR_clear_error();
	l->state = LINK_SHAKING; /* no close_notify into what failed */
	down(l, doing, why ? why : "TLS failed");
	return false;
}

static void shake(struct link *l)
{
	char why[300];
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(l->ssl);
	if (rc != 1) {
		waits(l, rc, "TLS");
		return;
	}
	server_identify(l->ssl, &l->server);
	if (l->judge && server_judge(l->settings, &l->server, why, sizeof(why)) != 0) {
		down(l, "Not the server", why);
		return;
	}
	l->state = LINK_OPEN;
	watch_want(l->epoll, &l->watch, EPOLLIN);
	l->event(l->ctx, LINK_UP);
}

static void connected(struct link *l)
{
	int failure = 0;
	socklen_t len = sizeof(failure);

	getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &failure, &len);
	if (failure) {
		down(l, "No connection", strerror(failure));
		return;
	}
	l->ssl = SSL_new(l->tls);
	if (!l->ssl || SSL_set_fd(l->ssl, l->fd) != 1) {
		down(l, "TLS", "out of memory");
		return;
	}
	SSL_set_connect_state(l->ssl);
	l->state = LINK_SHAKING;
	shake(l);
}

static void ready(void *ctx, uint32_t events)
{
	struct link *l = ctx;

	switch (l->state) {
	case LINK_IDLE:
		break;
	case LINK_RESOLVING:
		resolved(l);
		break;
	case LINK_CONNECTING:
		connected(l);
		break;
	case LINK_SHAKING:
		shake(l);
		break;
	case LINK_OPEN:
		if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			l->event(l->ctx, LINK_READ);
		if (l->state == LINK_OPEN && (events & EPOLLOUT))
			l->event(l->ctx, LINK_WRITE);
		break;
	}
}

void link_open(struct link *l, const char *server)
{
	struct sockaddr_storage to;
	char port[8];
	unsigned len;
	int family = AF_UNSPEC;

	l->watch.ready = ready;
	l->watch.ctx = l;
	l->why[0] = l->address[0] = '\0';
	memset(&l->server, 0, sizeof(l->server));
	if (address_parse(server, l->settings->port, &to, &len) == 0) {
		connect_to(l, &to, len);
		return;
	}
	if (l->settings->source_ip[0])
		family = strchr(l->settings->source_ip, ':') ? AF_INET6 : AF_INET;
	snprintf(port, sizeof(port), "%u", l->settings->port);
	l->resolver = resolver_start(server, port, family);
	if (!l->resolver ||
		watch_add(l->epoll, &l->watch, resolver_fd(l->resolver), EPOLLIN) != 0) {
		down(l, "No address", "out of memory");
		return;
	}
	l->state = LINK_RESOLVING;
}

ssize_t link_read(struct link *l, void *to, size_t size)
{
	size_t n = 0;
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_read_ex(l->ssl, to, size, &n);
	if (rc == 1)
		return (ssize_t)n;
	return waits(l, rc, "Connection lost") ? 0 : -1;
}

ssize_t link_write(struct link *l, const void *data, size_t len)
{
	size_t n = 0;
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_write_ex(l->ssl, data, len, &n);
	if (rc == 1)
		return (ssize_t)n;
	return waits(l, rc, "Connection lost") ? 0 : -1;
}

void link_want_write(struct link *l, bool want)
{
	l->wants_write = want;
	if (l->state == LINK_OPEN)
		watch_want(l->epoll, &l->watch, EPOLLIN | (want ? EPOLLOUT : 0u));
}
