/*
 * The appliance without its threads: what dp.c makes of a worker lcore is made here, and its rounds
 * are turns in this thread. Between any two of them anything may happen.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_random.h>

#include "dataplane/desk.h"
#include "dataplane/journal/internal.h"
#include "dataplane/tell.h"
#include "tests/sim/whole/sim.h"

#define BUFFERS	 8191u
#define SESSIONS 32u
#define SCRATCH	 65600u
#define STALL_US 1500000u
#define CROSSING 64u /* packets under way from one lcore to another */

static struct rte_mempool *pool;
/* What is told to control, who does not listen: they outlive the server, since EAL clears memory.
 */
static struct rte_ring *events[SIM_WORKERS], *lines[SIM_WORKERS];
/* Between lcores: [to][from]. */
static struct rte_ring *crossing[SIM_WORKERS][SIM_WORKERS];

static void make_rings(void)
{
	for (unsigned to = 0; to < SIM_WORKERS; to++)
		for (unsigned from = 0; from < SIM_WORKERS; from++) {
			char name[RTE_RING_NAMESIZE];

			snprintf(name, sizeof(name), "cross-%u-%u", to, from);
			crossing[to][from] = rte_ring_create(
				name, CROSSING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
			if (!crossing[to][from])
				sim_fail("no ring", to, from);
		}
}

void server_eal(void)
{
	char *args[] = {"sim", "--no-huge", "-m", "128", "--no-pci", "--no-telemetry",
		"--lcores=0@0", "--iova-mode=va", "--log-level=lib.*:error", "--no-shconf", NULL};

	cpu_set_t cpus;

	/* EAL binds this thread to one CPU; two of these programs run beside one another. */
	if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0 || rte_eal_init(10, args) < 0 ||
		sched_setaffinity(0, sizeof(cpus), &cpus) != 0)
		sim_fail("no EAL", (uint64_t)rte_errno, 0);
	pool = rte_pktmbuf_pool_create("sluice", BUFFERS, 0, sizeof(struct pkt_meta),
		2048 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	if (!pool)
		sim_fail("no packet buffers", (uint64_t)rte_errno, 0);
	make_rings();
}

void server_init(struct world *w)
{
	struct server *v = &w->server;

	journal_config_defaults(&v->cfg);
	snprintf(v->cfg.dir, sizeof(v->cfg.dir), "/j");
	v->cfg.block_size = 64u << 10;
	v->cfg.pool_blocks = 12;
	v->cfg.min_free = 0;
	v->cfg.retention_age_s = 0;
	v->cfg.retention_percent = 0;
	v->cfg.segment_size = 64u << 10 << rng_below(&w->rng, 3);
	v->cfg.compressors = 0;
	v->cfg.compaction_level = rng_one_in(&w->rng, 2) ? 1 : 0;
	v->cfg.compression_level = 1;
	v->fs = memfs_new();
	memfs_set_delay(v->fs, rng_below(&w->rng, 6));
}

static void set_clock(struct world *w)
{
	memfs_set_time(w->server.fs, w->mono_us, w->wall_ns);
}

/* ---- a life ---- */

static struct dp_policy *new_policy(struct world *w)
{
	static char set; /* tls.c has no use for one */
	struct dp_policy *pol = malloc(sizeof(*pol));
	struct dp_config defaults;
	struct auth_device v[SIM_DEVICES];
	unsigned n = (w->n_devices + 1) / 2;
	char err[128];

	dp_config_defaults(&defaults);
	*pol = defaults.policy;
	pol->number = 1;
	pol->sessions = SESSIONS;
	pol->cleartext = DP_CLEAR_UDP_SYSLOG | DP_CLEAR_TCP_SYSLOG | DP_CLEAR_RELP;
	pol->tls = (struct tls_set *)&set;
	memset(v, 0, sizeof(v));
	for (unsigned i = 0; i < n; i++) {
		snprintf(v[i].serial, sizeof(v[i].serial), "FGTSIM%u", i);
		v[i].state = AUTH_AUTHORIZED;
	}
	pol->auth = auth_snapshot_new(v, n, "FGTSIM[0-9]+", false, err, sizeof(err));
	if (!pol->auth)
		sim_fail(err, 0, 0);
	return pol;
}

static struct lcore *new_lcore(struct world *w, struct dp *d, unsigned index)
{
	struct lcore *l = rte_zmalloc("lcore", sizeof(*l), RTE_CACHE_LINE_SIZE);

	if (!l)
		abort();
	l->dp = d;
	l->index = index;
	l->is_worker = l->is_rx = true;
	l->pool = pool;
	l->scratch = malloc(SCRATCH);
	l->waker.fd = -1;
	l->now_us = w->mono_us;
	l->now_ns = w->wall_ns;
	l->policy = d->policy_owned;
	if (!l->scratch ||
		intake_init(&l->in, d->journal, index, d->cfg.limits.devices, &d->shard_key) != 0 ||
		desk_init(l) != 0 || (!events[index] && tell_init(l) != 0))
		abort();
	if (events[index]) {
		l->events = events[index];
		l->lines = lines[index];
	}
	events[index] = l->events;
	lines[index] = l->lines;
	for (unsigned from = 0; from < SIM_WORKERS; from++)
		if (from != index)
			l->in_ring[from] = crossing[index][from];
	d->lcores[index] = d->workers[index] = d->rxs[index] = l;
	d->lcores_count = d->workers_count = d->rx_count = index + 1;
	return l;
}

static struct dp *new_dp(struct world *w)
{
	struct dp *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	dp_config_defaults(&d->cfg);
	d->cfg.limits.sessions = SESSIONS;
	d->cfg.limits.devices = 64;
	d->cfg.limits.half_open = d->cfg.limits.time_wait = 64;
	d->cfg.journal = w->server.cfg;
	d->pool = pool;
	d->journal = w->server.j;
	d->shard_key = (struct siphash_key){rng_next(&w->rng), rng_next(&w->rng)};
	d->listen[0] = 514;
	d->listen_count = 1;
	d->ports_count = 1;
	d->ports[0].cfg.mtu = 1500;
	d->ports[0].cfg.addresses_count = 1;
	d->ports[0].cfg.addresses[0].addr = wire_server_addr();
	d->own_waker.fd = -1;
	d->policy_owned = new_policy(w);
	atomic_init(&d->policy, d->policy_owned);
	atomic_init(&d->phase, DP_RUN);
	if (rates_init(&d->rates, RATE_WAYS * d->cfg.limits.devices) != 0 || desk_open(d) != 0 ||
		intake_init(&d->own, d->journal, SIM_WORKERS, 16, &d->shard_key) != 0)
		abort();
	return d;
}

bool server_start(struct world *w)
{
	struct server *v = &w->server;
	struct journal_fault fault = {0};
	struct journal_recovery recovery;
	int rc;

	set_clock(w);
	v->cfg.fs = memfs_table(v->fs);
	rc = journal_open(&v->cfg, SIM_WORKERS + 1, &v->j, &recovery, &fault);
	if (rc != JOURNAL_OK) {
		v->j = NULL;
		if (rc != JOURNAL_E_IO && rc != JOURNAL_E_NO_SPACE)
			sim_fail(fault.text, (uint64_t)-rc, 0);
		return false;
	}
	if (recovery.corrupt_blocks)
		sim_fail("recovery calls it corruption", recovery.corrupt_blocks, 0);
	journal_compact(v->j);
	rte_srand(rng_next(&w->rng));
	w->dead = false;
	v->d = new_dp(w);
	for (unsigned i = 0; i < SIM_WORKERS; i++) {
		struct lcore *l = new_lcore(w, v->d, i);

		/* It shares TCP's memory out among all workers. */
		v->d->workers_count = v->d->rx_count = SIM_WORKERS;
		l->worker = worker_new(l);
		if (!l->worker)
			abort();
	}
	w->met.lives++;
	return true;
}

/* As dp_stop() does it. What the dead do is seen by nobody: the world has its picture. */
static void take_apart(struct world *w)
{
	struct server *v = &w->server;
	struct dp *d = v->d;

	dp_settle(d);
	desk_close(d);
	for (unsigned i = 0; i < d->lcores_count; i++) {
		struct lcore *l = d->lcores[i];

		worker_free(l->worker);
		intake_fini(&l->in);
		rte_ring_reset(l->events);
		rte_ring_reset(l->lines);
		desk_fini(l);
		free(l->scratch);
		rte_free(l);
	}
	intake_fini(&d->own);
	journal_close(v->j);
	auth_snapshot_unref(d->policy_owned->auth);
	free(d->policy_owned);
	rates_fini(&d->rates);
	free(d);
	v->d = NULL;
	v->j = NULL;
	if (rte_mempool_avail_count(pool) != BUFFERS)
		sim_fail("packet buffers are lost", rte_mempool_avail_count(pool), BUFFERS);
}

void server_end(struct world *w, enum server_death how)
{
	struct server *v = &w->server;
	uint64_t seed = rng_next(&w->rng);
	struct memfs *left = how == DEATH_POWER	   ? memfs_crash(v->fs, seed)
			     : how == DEATH_KILLED ? memfs_kill(v->fs)
						   : NULL;

	check_promises(w);
	w->dead = how != DEATH_STOPPED;
	take_apart(w);
	w->dead = true;
	if (left) {
		memfs_free(v->fs);
		v->fs = left;
		memfs_set_delay(v->fs, rng_below(&w->rng, 6));
	}
}

void server_restore(struct world *w)
{
	struct server *v = &w->server;

	memfs_free(v->fs);
	v->fs = v->snapshot;
	v->snapshot = NULL;
	set_clock(w);
	w->met.restored_servers++;
}

void server_resume(struct world *w)
{
	struct journal_fault fault;

	w->met.failed++;
	set_clock(w);
	journal_resume(w->server.j, &fault);
}

void server_fini(struct world *w)
{
	struct server *v = &w->server;

	if (v->d)
		server_end(w, DEATH_STOPPED);
	memfs_free(v->fs);
	if (v->snapshot)
		memfs_free(v->snapshot);
}

/* ---- turns ---- */

static void begin_round(struct world *w, struct lcore *l)
{
	l->now_us = l->in.now_us = w->mono_us;
	l->now_ns = l->in.now_ns = w->wall_ns;
}

static void one_turn(struct world *w, unsigned whose)
{
	struct dp *d = w->server.d;
	bool stops = atomic_load(&d->phase) == DP_DRAIN;

	if (whose < SIM_WORKERS) {
		begin_round(w, d->lcores[whose]);
		if (stops)
			lcore_drain_round(d->lcores[whose]);
		else
			lcore_round(d->lcores[whose]);
	} else if (whose == SIM_WORKERS) {
		if (!stops)
			desk_round(d, w->mono_us);
	} else {
		journal_step(w->server.j, w->mono_us);
		if (rng_one_in(&w->rng, 200))
			compacting_step(w->server.j);
	}
}

void server_run(struct world *w, bool all)
{
	struct server *v = &w->server;

	set_clock(w);
	for (unsigned i = 0; i < SIM_TURNS; i++) {
		unsigned whose = all ? i : rng_below(&w->rng, SIM_TURNS);

		/* A thread that is not run for a while, or a disk that takes its time. */
		if (!all && rng_one_in(&w->rng, 800))
			v->stalled_us[whose] = w->mono_us + rng_below(&w->rng, STALL_US);
		if (all || w->mono_us >= v->stalled_us[whose])
			one_turn(w, whose);
	}
}

void server_stop(struct world *w)
{
	set_clock(w);
	dp_drain_begin(w->server.d, w->mono_us);
}

bool server_stopped(const struct world *w)
{
	return dp_drain_over(w->server.d, w->mono_us);
}

static struct rte_mbuf *received(const struct packet *p)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (!m)
		sim_fail("no packet buffer", 0, 0);
	memcpy(rte_pktmbuf_append(m, p->len), p->bytes, p->len);
	memset(pkt_meta(m), 0, sizeof(*pkt_meta(m)));
	return m;
}

static uint64_t rejected(const struct lcore *l)
{
	uint64_t n = 0;

	for (unsigned r = 0; r < WIRE_REASON_COUNT; r++)
		n += l->wire[0].rejected[r];
	return n;
}

/* Some lcore has polled it, and net_parse() has said what it is: from here on it is rx.c's. */
void server_segment(struct world *w, const struct packet *p)
{
	struct dp *d = w->server.d;
	struct net_pkt pkt = {.verdict = p->udp ? NET_UDP : NET_TCP,
		.flow = {.src = wire_host_addr(p->host),
			.dst = wire_server_addr(),
			.src_port = p->port,
			.dst_port = 514},
		.payload_len = p->len};
	uint64_t accepted, refused, crossed, full;
	struct rte_mbuf *m;
	struct lcore *at;

	if (!d)
		return; /* nobody is there */
	at = d->lcores[rng_below(&w->rng, SIM_WORKERS)];
	m = received(p);
	pkt.payload = rte_pktmbuf_mtod(m, const uint8_t *);
	accepted = at->wire[0].accepted;
	refused = rejected(at);
	crossed = at->crossed;
	full = at->ring_full;
	begin_round(w, at);
	(p->udp ? rx_datagram : rx_segment)(at, &d->ports[0], m, &pkt);
	refused = rejected(at) - refused;
	if (at->wire[0].accepted - accepted + refused != 1)
		sim_fail("a packet is not counted once", at->wire[0].accepted - accepted, refused);
	full = at->ring_full - full;
	w->met.ring_full += full;
	w->met.crossed += at->crossed - crossed - full;
	if (!p->udp)
		return;
	if (!refused)
		plain_arrived(w->plain[p->host - SIM_DEVICES], p->bytes, p->len);
	else if (!full && !at->draining)
		sim_fail("a datagram is refused for no reason", p->host, p->port);
	w->met.refused += refused;
}

struct account server_account(const struct world *w, unsigned host)
{
	const struct ip_addr addr = wire_host_addr(host);
	struct account a = {0};

	for (unsigned i = 0; i < w->server.d->lcores_count; i++) {
		struct device_table *t = w->server.d->lcores[i]->in.devices;
		const struct device *v = device_at(t, device_known_by_addr(t, &addr));

		if (device_known_by_addr(t, &addr) == DEVICE_OTHER)
			continue;
		a.received += v->received;
		a.stored += v->stored;
		a.pending += device_pending(v);
		a.duplicate += v->duplicate;
		for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
			a.dropped += v->dropped[r];
	}
	return a;
}

bool server_at_rest(const struct world *w)
{
	const struct dp *d = w->server.d;

	for (unsigned i = 0; i < d->lcores_count; i++) {
		const struct intake *in = &d->lcores[i]->in;

		if (!lcore_rings_empty(d->lcores[i]) || !intake_settled(in) ||
			(in->block && in->block->row_count > 0) || device_any_dirty(in->devices))
			return false;
	}
	return w->server.j->queue_len == 0;
}

bool server_knows(const struct world *w, const struct peer *p, bool *ending)
{
	const struct ip_addr addr = wire_host_addr(p->host);

	for (unsigned i = 0; i < w->server.d->lcores_count; i++) {
		struct dp_session_info v[SESSIONS];
		uint32_t at = 0;
		unsigned n = worker_sessions(w->server.d->lcores[i]->worker, &at, v, SESSIONS);

		for (unsigned k = 0; k < n; k++) {
			if (v[k].flow.src_port != p->port || !ip_addr_equal(&v[k].flow.src, &addr))
				continue;
			*ending = strcmp(v[k].tcp_state, "established") != 0;
			return true;
		}
	}
	return false;
}

uint32_t server_sessions(const struct world *w)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < w->server.d->lcores_count; i++)
		n += worker_session_count(w->server.d->lcores[i]->worker);
	return n;
}
