#include "send/resolve.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct resolver {
	atomic_int users; /* the thread, and who asked */
	int fd, rc;
	struct addrinfo *list, hints;
	char name[256], port[8];
};

int resolver_fd(const struct resolver *r)
{
	return r->fd;
}

int resolver_result(const struct resolver *r, const struct addrinfo **list)
{
	*list = r->list;
	return r->rc;
}

void resolver_drop(struct resolver *r)
{
	if (!r || atomic_fetch_sub(&r->users, 1) != 1)
		return;
	if (r->list)
		freeaddrinfo(r->list);
	close(r->fd);
	free(r);
}

static void *ask(void *ctx)
{
	struct resolver *r = ctx;

	r->rc = getaddrinfo(r->name, r->port, &r->hints, &r->list);
	eventfd_write(r->fd, 1);
	resolver_drop(r);
	return NULL;
}

struct resolver *resolver_start(const char *name, const char *port, int family)
{
	struct resolver *r = calloc(1, sizeof(*r));
	pthread_t thread;

	if (!r)
		return NULL;
	r->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->hints = (struct addrinfo){.ai_family = family, .ai_socktype = SOCK_STREAM};
	snprintf(r->name, sizeof(r->name), "%s", name);
	snprintf(r->port, sizeof(r->port), "%s", port);
	atomic_init(&r->users, 2);
	if (r->fd < 0 || pthread_create(&thread, NULL, ask, r) != 0) {
		if (r->fd >= 0)
			close(r->fd);
		free(r);
		return NULL;
	}
	pthread_detach(thread);
	return r;
}
