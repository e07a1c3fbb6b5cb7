#include "control/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define LOOP_BATCH 64

struct loop_watch {
	int fd;
	bool dead;
	loop_fn fn;
	void *ctx;
	struct loop_watch *next_dead;
};

struct loop {
	int epoll, timer;
	uint64_t armed_us;	 /* what the timer is set to */
	struct loop_watch *dead; /* removed: freed when no delivered event can name them */
};

uint64_t clock_mono_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

uint64_t clock_wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

struct loop *loop_new(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->armed_us = UINT64_MAX;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	/* data.ptr NULL stands for the timer: a timerfd, because epoll_wait() knows milliseconds
	 * only. */
	if (l->epoll < 0 || l->timer < 0 ||
		epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->timer, &ev) != 0) {
		int err = errno;

		loop_free(l);
		errno = err;
		return NULL;
	}
	return l;
}

static void bury(struct loop *l)
{
	while (l->dead) {
		struct loop_watch *w = l->dead;

		l->dead = w->next_dead;
		free(w);
	}
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	bury(l);
	if (l->timer >= 0)
		close(l->timer);
	if (l->epoll >= 0)
		close(l->epoll);
	free(l);
}

struct loop_watch *loop_add(struct loop *l, int fd, uint32_t events, loop_fn fn, void *ctx)
{
	struct loop_watch *w = calloc(1, sizeof(*w));
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (!w)
		return NULL;
	*w = (struct loop_watch){.fd = fd, .fn = fn, .ctx = ctx};
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) != 0) {
		free(w);
		return NULL;
	}
	return w;
}

int loop_modify(struct loop *l, struct loop_watch *w, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	return epoll_ctl(l->epoll, EPOLL_CTL_MOD, w->fd, &ev);
}

void loop_remove(struct loop *l, struct loop_watch *w)
{
	if (!w || w->dead)
		return;
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->dead = true;
	w->next_dead = l->dead;
	l->dead = w;
}

static void arm(struct loop *l, uint64_t deadline_us)
{
	struct itimerspec its = {0};

	if (deadline_us == l->armed_us)
		return;
	if (deadline_us != UINT64_MAX) {
		/* An absolute zero would disarm it. */
		uint64_t us = deadline_us ? deadline_us : 1;

		its.it_value.tv_sec = (time_t)(us / 1000000u);
		its.it_value.tv_nsec = (long)(us % 1000000u) * 1000;
	}
	timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &its, NULL);
	l->armed_us = deadline_us;
}

static void drain_timer(struct loop *l)
{
	uint64_t n;

	if (read(l->timer, &n, sizeof(n)) == (ssize_t)sizeof(n))
		l->armed_us = UINT64_MAX; /* it has fired, and is not armed any more */
}

int loop_once(struct loop *l, uint64_t deadline_us)
{
	struct epoll_event ev[LOOP_BATCH];
	int n, done = 0;

	arm(l, deadline_us);
	n = epoll_wait(l->epoll, ev, LOOP_BATCH, -1);
	if (n < 0)
		return errno == EINTR ? 0 : -1;
	for (int i = 0; i < n; i++) {
		struct loop_watch *w = ev[i].data.ptr;

		if (!w) {
			drain_timer(l);
			continue;
		}
		if (w->dead)
			continue;
		w->fn(w->ctx, ev[i].events);
		done++;
	}
	bury(l);
	return done;
}
