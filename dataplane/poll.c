/*
 * The loop of a polling lcore, and how it sleeps.
 *
 * `poll: busy` never sleeps and makes no system call. `poll: adaptive` sleeps after a while without
 * work: it says so (waker), looks at every ring once more, goes offline for RCU and waits for an
 * rx interrupt, a wake-up by another thread or its next timer; where a port has no interrupts it
 * waits IDLE_SLEEP_US at most. `poll: shared` does that too, and looks away after a few rounds
 * without work, for as long as its rings bear at the rate of late (nap.h), or yields where that is
 * not worth it: a compressor, the committer or the kernel's own threads behind a sync may wait for
 * this very CPU.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_interrupts.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include "dataplane/desk.h"

#define IDLE_ROUNDS   256u
#define YIELD_ROUNDS  4u
#define IDLE_SLEEP_US 200u
#define SLEEP_MAX_US  100000u /* the watchdog sees a heartbeat at least this often */
#define CALL_WAIT_US  2000000u
#define MAX_POLL_FDS  (MAX_QUEUES_RX + 1)

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

bool lcore_pass(struct lcore *from, struct lcore *to, struct rte_mbuf *m)
{
	if (rte_ring_sp_enqueue(to->in_ring[from->index], m) != 0)
		return false;
	waker_wake(&to->waker);
	return true;
}

static bool run_call(struct lcore *l)
{
	struct lcore_call *c = atomic_load_explicit(&l->call, memory_order_relaxed);

	if (__builtin_expect(!c, 1))
		return false;
	c = atomic_exchange_explicit(&l->call, NULL, memory_order_acquire);
	if (!c)
		return false;
	c->fn(l, c->arg);
	atomic_store_explicit(&c->done, true, memory_order_release);
	return true;
}

int lcore_run(struct lcore *l, void (*fn)(struct lcore *l, void *arg), void *arg)
{
	struct lcore_call c = {.fn = fn, .arg = arg};
	const struct timespec nap = {0, 20000};
	struct lcore_call *mine = &c;
	uint64_t start = clock_ns(CLOCK_MONOTONIC);

	atomic_init(&c.done, false);
	atomic_store_explicit(&l->call, &c, memory_order_release);
	waker_wake(&l->waker);
	while (!atomic_load_explicit(&c.done, memory_order_acquire)) {
		if (clock_ns(CLOCK_MONOTONIC) - start > CALL_WAIT_US * 1000ull &&
			atomic_compare_exchange_strong(&l->call, &mine, NULL))
			return -1; /* taken back; had it begun, it would end */
		mine = &c;
		nanosleep(&nap, NULL);
	}
	return 0;
}

static uint64_t next_deadline(struct lcore *l)
{
	uint64_t at = intake_deadline(&l->in);
	uint64_t t;

	if (l->is_rx && (t = rx_deadline(l)) < at)
		at = t;
	if (l->worker && (t = worker_deadline(l->worker)) < at)
		at = t;
	return at;
}

struct sleep_fds {
	struct pollfd v[MAX_POLL_FDS];
	bool counter[MAX_POLL_FDS]; /* an eventfd, to be emptied after the wait */
	nfds_t n;
};

/* true: every queue of this lcore can wake it. */
static bool interrupts_on(struct lcore *l, struct sleep_fds *s)
{
	bool all = true;

	for (unsigned i = 0; i < l->rx_count; i++) {
		struct port *p = l->rx[i].port;
		int fd = p->rx_intr ? rte_eth_dev_rx_intr_ctl_q_get_fd(p->eth, l->rx[i].queue) : -1;

		if (fd < 0) {
			all = false;
			continue;
		}
		if (!p->intr_is_file)
			rte_eth_dev_rx_intr_enable(p->eth, l->rx[i].queue);
		s->counter[s->n] = !p->intr_is_file;
		s->v[s->n++] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	return all;
}

static void interrupts_off(struct lcore *l, const struct sleep_fds *s)
{
	for (unsigned i = 0; i < l->rx_count; i++) {
		struct port *p = l->rx[i].port;

		if (p->rx_intr && !p->intr_is_file)
			rte_eth_dev_rx_intr_disable(p->eth, l->rx[i].queue);
	}
	for (nfds_t i = 1; i < s->n; i++) {
		uint64_t count;

		if (s->v[i].revents && s->counter[i] && read(s->v[i].fd, &count, sizeof(count)) < 0)
			continue; /* emptied already */
	}
}

/* A frame between the last burst and the switching on of interrupts raises none: look once more. */
static bool came_meanwhile(struct lcore *l)
{
	return l->is_rx && rx_round(l);
}

/* Until the next timer. */
static uint64_t until_deadline(struct lcore *l)
{
	uint64_t deadline = next_deadline(l);

	return deadline > l->now_us ? deadline - l->now_us : 0;
}

/* For any of these, for the next timer, and not longer than `wait` microseconds; if there is
 * nothing to do. */
static void wait_for(struct lcore *l, struct sleep_fds *fds, uint64_t wait)
{
	uint64_t until = until_deadline(l);
	struct timespec ts;

	if (until == 0)
		return;
	if (until < wait)
		wait = until;
	if (lcore_rings_empty(l) && desk_idle(l) &&
		!atomic_load_explicit(&l->call, memory_order_relaxed) && !intake_round(&l->in) &&
		!came_meanwhile(l)) {
		rte_rcu_qsbr_thread_offline(l->dp->qsbr, l->index);
		ts.tv_sec = 0;
		ts.tv_nsec = (long)wait * 1000;
		if (ppoll(fds->v, fds->n, &ts, NULL) < 0 && errno != EINTR)
			abort(); /* our own descriptors */
		rte_rcu_qsbr_thread_online(l->dp->qsbr, l->index);
	}
}

static struct sleep_fds sleep_begin(struct lcore *l)
{
	struct sleep_fds fds = {.v = {{.fd = l->waker.fd, .events = POLLIN}}, .n = 1};

	waker_prepare(&l->waker);
	return fds;
}

static void idle_sleep(struct lcore *l)
{
	struct sleep_fds fds = sleep_begin(l);

	wait_for(l, &fds, interrupts_on(l, &fds) ? SLEEP_MAX_US : IDLE_SLEEP_US);
	interrupts_off(l, &fds);
	waker_done(&l->waker);
}

/* Of the smallest of its rings. */
static uint32_t room_of(const struct lcore *l)
{
	uint32_t room = l->rx_count ? NAP_FRAMES_MOST : NAP_FRAMES;

	for (unsigned i = 0; i < l->rx_count; i++)
		if (nap_room(l->rx[i].port->rx_ring) < room)
			room = nap_room(l->rx[i].port->rx_ring);
	return room;
}

/* Who has no sessions of its own may take in frames for those who do. */
static bool has_answers(const struct lcore *l)
{
	return !l->worker || worker_session_count(l->worker) > 0;
}

/* Frames do not wake it: it comes back before a ring can be full. */
static void let_others_run(struct lcore *l)
{
	uint64_t frames = atomic_load_explicit(&l->told_packets, memory_order_relaxed) + l->handed;
	uint64_t wait = nap_us(&l->nap, frames, has_answers(l), l->now_us);
	struct sleep_fds fds;

	if (!wait || until_deadline(l) < NAP_LEAST_US) {
		sched_yield();
		return;
	}
	fds = sleep_begin(l);
	wait_for(l, &fds, wait);
	waker_done(&l->waker);
}

static void tell(_Atomic uint64_t *to, uint64_t v)
{
	atomic_store_explicit(to, v, memory_order_relaxed);
}

/* What others may read at any time. */
static void tell_counts(struct lcore *l)
{
	uint64_t packets = 0;

	for (unsigned i = 0; i < l->dp->ports_count; i++)
		packets += l->wire[i].packets;
	tell(&l->told_packets, packets);
	tell(&l->told_logs, l->in.logs);
	tell(&l->told_sessions, l->worker ? worker_session_count(l->worker) : 0);
	tell(&l->told_ring_full, l->ring_full);
	tell(&l->told_crossed, l->crossed);
}

int lcore_main(void *arg)
{
	struct lcore *l = arg;
	struct dp *d = l->dp;
	/* Whoever launched us has published all of `d` with this. */
	int phase = atomic_load_explicit(&d->phase, memory_order_acquire);
	const bool adaptive = d->cfg.cores.poll != DP_POLL_BUSY;
	const bool shared = d->cfg.cores.poll == DP_POLL_SHARED;
	unsigned idle = 0;
	uint64_t last;

	if (shared)
		prctl(PR_SET_TIMERSLACK, 1000UL); /* it comes back when it said */
	l->nap.room = room_of(l);
	journal_port_populate(l->in.port);
	last = clock_ns(CLOCK_MONOTONIC);
	rte_rcu_qsbr_thread_register(d->qsbr, l->index);
	rte_rcu_qsbr_thread_online(d->qsbr, l->index);
	atomic_store_explicit(&l->started_ns, last, memory_order_relaxed);
	for (; phase != DP_EXIT; phase = atomic_load_explicit(&d->phase, memory_order_acquire)) {
		uint64_t now;
		bool any;

		now = clock_ns(CLOCK_MONOTONIC);
		l->now_us = now / 1000;
		l->now_ns = clock_ns(CLOCK_REALTIME);
		l->in.now_us = l->now_us;
		l->in.now_ns = l->now_ns;
		rte_rcu_qsbr_quiescent(d->qsbr, l->index);
		l->policy = atomic_load_explicit(&d->policy, memory_order_acquire);
		if (run_call(l))
			now = clock_ns(CLOCK_MONOTONIC); /* control's time, not that of logs */
		atomic_store_explicit(&l->heartbeat,
			atomic_load_explicit(&l->heartbeat, memory_order_relaxed) + 1,
			memory_order_relaxed);
		any = phase == DP_RUN ? lcore_round(l) : lcore_drain_round(l);
		tell_counts(l);
		if (any) {
			uint64_t end = clock_ns(CLOCK_MONOTONIC);

			atomic_store_explicit(&l->busy_ns,
				atomic_load_explicit(&l->busy_ns, memory_order_relaxed) + end - now,
				memory_order_relaxed);
			idle = 0;
			continue;
		}
		if (!adaptive) {
			rte_pause();
			continue;
		}
		if (++idle < IDLE_ROUNDS) {
			if (shared && idle % YIELD_ROUNDS == 0)
				let_others_run(l);
			else
				rte_pause();
			continue;
		}
		idle_sleep(l);
	}
	rte_rcu_qsbr_thread_offline(d->qsbr, l->index);
	rte_rcu_qsbr_thread_unregister(d->qsbr, l->index);
	atomic_store_explicit(&l->ended, true, memory_order_release);
	return 0;
}
