/*
 * Waking a thread that may be asleep, without a system call when it is not.
 *
 * The sleeper: waker_prepare(); look at every source of work once more; if there is none, wait on
 * `fd` (poll, epoll, with or without other descriptors); then waker_done(). The producer: publish
 * the work (ring, flag), then waker_wake(). The two full fences make one of them see the other
 * (store-buffer litmus test), so no wake-up is lost.
 */
#ifndef SLUICE_BASE_WAKER_H
#define SLUICE_BASE_WAKER_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct waker {
	_Atomic uint32_t sleeping;
	int fd; /* an eventfd, non-blocking, or -1: the thread never sleeps and is never woken */
};

/* 0, or -1 with errno. */
static inline int waker_init(struct waker *w)
{
	atomic_init(&w->sleeping, 0);
	w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return w->fd < 0 ? -1 : 0;
}

static inline void waker_destroy(struct waker *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

static inline void waker_prepare(struct waker *w)
{
	atomic_store_explicit(&w->sleeping, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

static inline void waker_done(struct waker *w)
{
	uint64_t n;

	atomic_store_explicit(&w->sleeping, 0, memory_order_relaxed);
	if (read(w->fd, &n, sizeof(n)) < 0)
		return; /* nobody had written: woken by something else */
}

static inline void waker_wake(struct waker *w)
{
	uint64_t one = 1;

	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&w->sleeping, memory_order_relaxed) && w->fd >= 0 &&
		atomic_exchange_explicit(&w->sleeping, 0, memory_order_relaxed) &&
		write(w->fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: it is readable, which is all that matters */
}

#endif
