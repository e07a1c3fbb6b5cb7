#include "send/watch.h"

#include <errno.h>
#include <stddef.h>

static int control(int epoll, int what, struct watch *w)
{
	struct epoll_event e = {.events = w->events, .data.ptr = w};

	return epoll_ctl(epoll, what, w->fd, &e) == 0 ? 0 : -errno;
}

int watch_add(int epoll, struct watch *w, int fd, uint32_t events)
{
	int rc;

	w->fd = fd;
	w->events = events;
	rc = control(epoll, EPOLL_CTL_ADD, w);
	if (rc != 0)
		w->fd = -1;
	return rc;
}

int watch_want(int epoll, struct watch *w, uint32_t events)
{
	if (w->fd < 0 || w->events == events)
		return 0;
	w->events = events;
	return control(epoll, EPOLL_CTL_MOD, w);
}

void watch_remove(int epoll, struct watch *w)
{
	if (w->fd >= 0)
		epoll_ctl(epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->fd = -1;
}
