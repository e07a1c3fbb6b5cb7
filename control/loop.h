/*
 * The control thread's event loop over epoll. One thread. A watch may be removed at any time, by
 * any callback, also its own: events that the kernel had already delivered for it are dropped.
 */
#ifndef SLUICE_CONTROL_LOOP_H
#define SLUICE_CONTROL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop_watch;
/* `events`: EPOLLIN, EPOLLOUT, EPOLLHUP, ... */
typedef void (*loop_fn)(void *ctx, uint32_t events);

struct loop;
/* NULL with errno. */
struct loop *loop_new(void);
void loop_free(struct loop *l);

/* Level-triggered; the descriptor stays the caller's, who removes the watch before closing it.
 * NULL with errno. */
struct loop_watch *loop_add(struct loop *l, int fd, uint32_t events, loop_fn fn, void *ctx);
/* 0, or -1 with errno. */
int loop_modify(struct loop *l, struct loop_watch *w, uint32_t events);
void loop_remove(struct loop *l, struct loop_watch *w);

/* Waits at most until `deadline_us` (monotonic, microseconds; UINT64_MAX: no limit) and calls back
 * for what is ready. Returns the number of events, 0 after a timeout or a signal, -1 with errno. */
int loop_once(struct loop *l, uint64_t deadline_us);

/* CLOCK_MONOTONIC in microseconds; CLOCK_REALTIME in nanoseconds. */
uint64_t clock_mono_us(void);
uint64_t clock_wall_ns(void);

#endif
