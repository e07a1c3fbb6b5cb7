#include "send/datagrams.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DATAGRAMS 256u /* sent in one round */

/* It has room again, or the answer to a datagram was an error, which is nobody's. */
static void ready(void *ctx, uint32_t events)
{
	struct datagrams *d = ctx;
	socklen_t len = sizeof(int);
	int error;

	(void)events;
	(void)getsockopt(d->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len);
}

void datagrams_init(struct datagrams *d)
{
	d->watch = (struct watch){.ready = ready, .ctx = d, .fd = -1};
}

int datagrams_open(struct datagrams *d, const struct link *l)
{
	struct sockaddr_storage to, from;
	unsigned len, from_len;
	int fd;

	if (address_parse(l->address, l->settings->port, &to, &len) != 0)
		return -1;
	fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	from_len = sizeof(from);
	if (fd >= 0 && getsockname(l->fd, (struct sockaddr *)&from, &from_len) == 0) {
		((struct sockaddr_in *)&from)->sin_port = 0;
		(void)bind(fd, (struct sockaddr *)&from, from_len);
	}
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, len) == 0 &&
		watch_add(d->epoll, &d->watch, fd, 0) == 0)
		return 0;
	if (fd >= 0)
		close(fd);
	return -1;
}

void datagrams_close(struct datagrams *d)
{
	const int fd = d->watch.fd;

	watch_remove(d->epoll, &d->watch);
	if (fd >= 0)
		close(fd);
}

/* What is made counts as sent: only while it goes. Then any datagram does (socket(7)'s SO_SNDBUF).
 */
static bool has_room(struct datagrams *d)
{
	struct pollfd p = {.fd = d->watch.fd, .events = POLLOUT};
	const bool room = poll(&p, 1, 0) == 1;

	watch_want(d->epoll, &d->watch, room ? 0 : EPOLLOUT);
	return room;
}

bool datagrams_write(struct datagrams *d, struct client *c, uint64_t now)
{
	if (d->watch.fd < 0)
		return false;
	for (unsigned i = 0; i < DATAGRAMS; i++) {
		size_t n;

		if (!has_room(d))
			return false;
		n = client_datagram(c, d->buffer, sizeof(d->buffer), (uint32_t)time(NULL), now);
		if (n == 0)
			return false;
		(void)send(d->watch.fd, d->buffer, n, 0);
	}
	return true;
}
