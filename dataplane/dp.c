/* The data plane's start and stop, its policy, and sluiced's own events. */
#include "dataplane/dp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_malloc.h>
#include <rte_pause.h>
#include <rte_lcore.h>

#include "dataplane/desk.h"
#include "dataplane/tell.h"
#include "dataplane/ties.h"
#include "tls/tls.h"

#define SCRATCH_SIZE  65600u
#define MBUF_CACHE    256u
#define MBUF_ROOM_MIN 2048u

static uint64_t mono_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static uint64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static unsigned lcores_wanted(const struct dp_config *cfg)
{
	if (cfg->cores.rx_count == 1 && cfg->cores.workers_count == 1 &&
		cfg->cores.rx[0] == cfg->cores.workers[0])
		return 1;
	return cfg->cores.rx_count + cfg->cores.workers_count;
}

/* Half of the memory becomes packet buffers, each large enough for a frame of the largest MTU. */
static int make_pool(struct dp *d, struct dp_error *err)
{
	uint32_t room = MBUF_ROOM_MIN, size, count;
	/* Lcores may share a CPU: one that is preempted inside of the common ring must not keep
	 * others spinning, so its tails are synchronised the relaxed way. */
	const char *ops = "ring_mt_rts";

	for (unsigned i = 0; i < d->cfg.ports_count; i++)
		if (d->cfg.ports[i].mtu + 64u > room)
			room = d->cfg.ports[i].mtu + 64u;
	room += RTE_PKTMBUF_HEADROOM;
	size = room + (uint32_t)sizeof(struct rte_mbuf) + (uint32_t)sizeof(struct pkt_meta) + 64;
	count = d->cfg.eal.memory_mib * (1024u * 1024u / 2u) / size;
	if (count < 4096 || room > UINT16_MAX) {
		snprintf(err->text, sizeof(err->text),
			"eal.memory: %u MiB are too few for packet buffers of %u bytes",
			d->cfg.eal.memory_mib, room);
		return -1;
	}
	d->pool = rte_pktmbuf_pool_create_by_ops("sluice", count, MBUF_CACHE,
		sizeof(struct pkt_meta), (uint16_t)room, SOCKET_ID_ANY, ops);
	if (!d->pool) {
		snprintf(err->text, sizeof(err->text),
			"eal.memory: no room for %u packet buffers: %s", count,
			rte_strerror(rte_errno));
		return -1;
	}
	return 0;
}

static int make_rings(struct dp *d, struct dp_error *err)
{
	for (unsigned to = 0; to < d->lcores_count; to++) {
		for (unsigned from = 0; from < d->lcores_count; from++) {
			char name[RTE_RING_NAMESIZE];

			if (from == to)
				continue;
			snprintf(name, sizeof(name), "lcore%u-%u", from, to);
			d->lcores[to]->in_ring[from] = rte_ring_create(
				name, RING_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
			if (!d->lcores[to]->in_ring[from]) {
				snprintf(err->text, sizeof(err->text),
					"eal.memory: no room for rings: %s",
					rte_strerror(rte_errno));
				return -1;
			}
		}
	}
	return 0;
}

static void policy_ref(const struct dp_policy *p)
{
	if (p->tls)
		tls_set_ref(p->tls);
	if (p->auth)
		auth_snapshot_ref(p->auth);
	if (p->ties)
		ties_ref(p->ties);
}

static void policy_free(struct dp_policy *p)
{
	if (!p)
		return;
	tls_set_unref(p->tls);
	auth_snapshot_unref(p->auth);
	ties_unref(p->ties);
	free(p);
}

static int make_policy(struct dp *d)
{
	size_t size = rte_rcu_qsbr_get_memsize(d->lcores_count);

	d->qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN(size, RTE_CACHE_LINE_SIZE));
	d->policy_owned = malloc(sizeof(*d->policy_owned));
	if (!d->qsbr || !d->policy_owned || rte_rcu_qsbr_init(d->qsbr, d->lcores_count) != 0)
		return -1;
	*d->policy_owned = d->cfg.policy;
	d->policy_owned->number = 1;
	policy_ref(d->policy_owned);
	atomic_init(&d->policy, d->policy_owned);
	return 0;
}

static int make_lcore(struct dp *d, struct lcore *l, struct dp_error *err)
{
	bool adaptive = d->cfg.cores.poll != DP_POLL_BUSY;

	l->pool = d->pool;
	l->scratch = malloc(SCRATCH_SIZE);
	l->policy = d->policy_owned;
	l->now_us = mono_us();
	l->now_ns = wall_ns();
	if (!l->scratch || (adaptive && waker_init(&l->waker) != 0) ||
		intake_init(&l->in, d->journal, l->index, d->cfg.limits.devices, &d->shard_key) !=
			0 ||
		tell_init(l) != 0 || desk_init(l) != 0) {
		snprintf(err->text, sizeof(err->text), "lcore %u: out of memory", l->lcore_id);
		return -1;
	}
	l->in.now_us = l->now_us;
	l->in.now_ns = l->now_ns;
	if (adaptive)
		journal_port_set_waker(l->in.port, &l->waker);
	if (l->is_worker) {
		l->worker = worker_new(l);
		if (!l->worker) {
			snprintf(err->text, sizeof(err->text),
				"lcore %u: out of memory for %u sessions", l->lcore_id,
				d->cfg.limits.sessions);
			return -1;
		}
	}
	return 0;
}

static int make_own(struct dp *d, struct dp_error *err)
{
	if (waker_init(&d->own_waker) != 0 ||
		rates_init(&d->rates, RATE_WAYS * d->cfg.limits.devices) != 0 ||
		intake_init(&d->own, d->journal, d->lcores_count, 16, &d->shard_key) != 0) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return -1;
	}
	journal_port_set_waker(d->own.port, &d->own_waker);
	d->own.now_us = mono_us();
	d->own.now_ns = wall_ns();
	d->own_device = device_by_name(
		d->own.devices, d->cfg.node_name, strlen(d->cfg.node_name), d->own.now_ns);
	return 0;
}

int dp_run(struct dp *d, struct dp_error *err)
{
	atomic_store_explicit(&d->phase, DP_RUN, memory_order_release);
	journal_compact(d->journal); /* root is given up by now */
	for (unsigned i = 0; i < d->lcores_count; i++) {
		int rc = rte_eal_remote_launch(lcore_main, d->lcores[i], d->lcores[i]->lcore_id);

		if (rc != 0) {
			snprintf(err->text, sizeof(err->text), "lcore %u: cannot start: %s",
				d->lcores[i]->lcore_id, rte_strerror(-rc));
			return -1;
		}
	}
	return 0;
}

int dp_start(const struct dp_config *cfg, struct dp **out, struct journal_recovery *recovery,
	char *notes, size_t notes_size, struct dp_error *err)
{
	struct dp *d = calloc(1, sizeof(*d));
	struct journal_fault fault = {0};
	int rc;

	if (notes && notes_size)
		notes[0] = '\0';
	if (!d || getrandom(&d->shard_key, sizeof(d->shard_key), 0) != sizeof(d->shard_key)) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		free(d);
		return -1;
	}
	d->cfg = *cfg;
	d->started_ns = wall_ns();
	d->listen_count = cfg->listen_count;
	memcpy(d->listen, cfg->listen_ports, sizeof(d->listen));
	placement(&d->cfg);
	d->cfg.journal.busy_poll = d->cfg.cores.poll == DP_POLL_BUSY;
	d->cfg.journal.compressors = (uint32_t)d->cfg.cores.compressors;

	/* The journal first: what is wrong with it is said before devices are touched. */
	rc = journal_open(
		&d->cfg.journal, lcores_wanted(&d->cfg) + 1, &d->journal, recovery, &fault);
	if (rc != JOURNAL_OK) {
		snprintf(err->text, sizeof(err->text), "journal: %s",
			fault.text[0] ? fault.text : journal_error_text(rc));
		free(d);
		return -1;
	}
	if (eal_start(d, notes, notes_size, err) != 0 || make_pool(d, err) != 0 ||
		make_rings(d, err) != 0)
		return -1;
	if (make_policy(d) != 0) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return -1;
	}
	for (unsigned i = 0; i < d->cfg.ports_count; i++) {
		d->ports[i].index = (uint8_t)i;
		if (port_start(d, &d->ports[i], &d->cfg.ports[i], err) != 0)
			return -1;
		d->ports_count++;
	}
	for (unsigned i = 0; i < d->lcores_count; i++)
		if (make_lcore(d, d->lcores[i], err) != 0)
			return -1;
	if (make_own(d, err) != 0)
		return -1;
	if (desk_open(d) != 0) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return -1;
	}
	rc = journal_start(d->journal, &fault);
	if (rc != JOURNAL_OK) {
		snprintf(err->text, sizeof(err->text), "journal: %s", fault.text);
		return -1;
	}
	*out = d;
	return 0;
}

static void drain(struct dp *d)
{
	const struct timespec nap = {0, 1000000};

	dp_drain_begin(d, mono_us());
	while (!dp_drain_over(d, mono_us()))
		nanosleep(&nap, NULL);
}

void dp_halt(struct dp *d)
{
	bool ran = atomic_load_explicit(&d->phase, memory_order_relaxed) != DP_STARTING;

	if (ran)
		drain(d);
	atomic_store_explicit(&d->phase, DP_EXIT, memory_order_release);
	dp_wake_all(d);
	rte_eal_mp_wait_lcore();
	for (unsigned i = 0; i < d->lcores_count; i++)
		while (ran && !atomic_load_explicit(&d->lcores[i]->ended, memory_order_acquire))
			rte_pause();
	dp_settle(d);
	d->halted = true;
}

void dp_stop(struct dp *d)
{
	if (!d->halted)
		dp_halt(d);
	desk_close(d);
	for (unsigned i = 0; i < d->lcores_count; i++) {
		struct lcore *l = d->lcores[i];

		worker_free(l->worker);
		intake_fini(&l->in);
		waker_destroy(&l->waker);
		tell_fini(l);
		desk_fini(l);
		free(l->scratch);
		free(d->last_counts[i]);
	}
	intake_fini(&d->own);
	waker_destroy(&d->own_waker);
	journal_close(d->journal);
	for (unsigned i = 0; i < d->ports_count; i++)
		port_stop(&d->ports[i]);
	for (unsigned to = 0; to < d->lcores_count; to++) {
		for (unsigned from = 0; from < d->lcores_count; from++)
			rte_ring_free(d->lcores[to]->in_ring[from]);
		rte_free(d->lcores[to]);
	}
	rte_mempool_free(d->pool);
	rates_fini(&d->rates);
	free(d->qsbr);
	policy_free(d->policy_owned);
	free(d);
	rte_eal_cleanup();
}

void dp_policy_swap(struct dp *d, struct dp_policy *next)
{
	struct dp_policy *old = d->policy_owned;

	policy_ref(next);
	atomic_store_explicit(&d->policy, next, memory_order_release);
	d->policy_owned = next;
	dp_wake_all(d);
	/* Not rte_rcu_qsbr_synchronize(): TSan would not see that the readers are through. */
	rte_rcu_qsbr_check(d->qsbr, rte_rcu_qsbr_start(d->qsbr), true);
	policy_free(old);
}

void dp_policy_publish(struct dp *d, const struct dp_policy *policy)
{
	const struct dp_policy *old = d->policy_owned;
	struct dp_policy *next = malloc(sizeof(*next));

	if (!next)
		abort(); /* a few KiB: the machine is out of memory */
	*next = *policy;
	next->number = old->number + 1;
	next->trace_level = old->trace_level;
	next->trace_all = old->trace_all;
	next->trace_addr = old->trace_addr;
	next->ties = old->ties;
	journal_limit_streams(d->journal, next->device_streams);
	dp_policy_swap(d, next);
}

struct journal *dp_journal(struct dp *d)
{
	return d->journal;
}

bool dp_own_log(struct dp *d, const char *text, size_t len)
{
	struct intake_source src = {.device = d->own_device, .transport = TRANSPORT_INTERNAL};
	struct framing_span v = {(const uint8_t *)text, 0};
	uint8_t flags = 0;

	if (len > d->policy_owned->message_size) {
		len = d->policy_owned->message_size;
		flags = LOG_FLAG_CUT;
	}
	v.len = (uint32_t)len;
	d->own.now_us = mono_us();
	d->own.now_ns = wall_ns();
	if (!intake_room(&d->own, v.len, 1)) {
		intake_drop(&d->own, d->own_device, intake_no_room_reason(&d->own), 1);
		return false;
	}
	intake_append(&d->own, &src, &v, 0, v.len, flags, NULL, 0);
	return true;
}

uint64_t dp_control_round(struct dp *d, uint64_t now_us)
{
	waker_done(&d->own_waker);
	d->own.now_us = now_us;
	d->own.now_ns = wall_ns();
	do {
		while (intake_round(&d->own))
			;
		waker_prepare(&d->own_waker);
	} while (desk_round(d, now_us) || intake_round(&d->own));
	return intake_deadline(&d->own);
}

int dp_control_fd(struct dp *d)
{
	return d->own_waker.fd;
}
