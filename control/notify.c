#include "control/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/loop.h"

static uint64_t watchdog_period(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");

	if (!usec || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	return strtoull(usec, NULL, 10);
}

int notify_open(struct notify *n)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	socklen_t len;

	*n = (struct notify){.fd = -1};
	if (!path || !*path)
		return 0;
	if (strlen(path) >= sizeof(sa.sun_path) || (path[0] != '/' && path[0] != '@')) {
		errno = EINVAL;
		return -1;
	}
	memcpy(sa.sun_path, path, strlen(path));
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '@')
		sa.sun_path[0] = '\0';
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd < 0)
		return -1;
	if (connect(n->fd, (struct sockaddr *)&sa, len) != 0) {
		int err = errno;

		notify_close(n);
		errno = err;
		return -1;
	}
	n->watchdog_us = watchdog_period();
	return 0;
}

void notify_close(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

void notify_send(struct notify *n, const char *state)
{
	if (n->fd >= 0)
		(void)!send(n->fd, state, strlen(state), MSG_NOSIGNAL);
}

void notify_ready(struct notify *n, const char *status)
{
	char s[256];

	snprintf(s, sizeof(s), "READY=1\nSTATUS=%s", status);
	notify_send(n, s);
}

void notify_reloading(struct notify *n)
{
	char s[96];

	snprintf(s, sizeof(s), "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)clock_mono_us());
	notify_send(n, s);
}

void notify_stopping(struct notify *n)
{
	notify_send(n, "STOPPING=1");
}

uint64_t notify_watchdog(struct notify *n, uint64_t now_us, bool healthy)
{
	if (n->fd < 0 || n->watchdog_us == 0)
		return UINT64_MAX;
	if (now_us >= n->next_watchdog_us) {
		if (healthy)
			notify_send(n, "WATCHDOG=1");
		n->next_watchdog_us = now_us + n->watchdog_us / 2;
	}
	return n->next_watchdog_us;
}
