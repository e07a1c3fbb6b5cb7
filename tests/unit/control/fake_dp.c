#include "tests/unit/control/fake_dp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct dp *fake_dp_new(void)
{
	struct dp *d = calloc(1, sizeof(*d));
	struct dp_port_info *p = &d->ports[0];

	pthread_mutex_init(&d->journal.mutex, NULL);
	pthread_cond_init(&d->journal.verify_go, NULL);
	d->journal.efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	d->journal.segments = 2;

	d->ports_count = 1;
	snprintf(p->name, sizeof(p->name), "%s", "data0");
	snprintf(p->driver, sizeof(p->driver), "%s", "net_fake");
	snprintf(p->devargs, sizeof(p->devargs), "%s", "net_fake0");
	p->up = true;
	p->mtu = 1500;
	p->vlan = NET_VLAN_NONE;
	p->rx_queues = p->tx_queues = 1;
	p->addresses_count = 2;
	ip_addr_parse(&p->addresses[0].addr.addr, "192.0.2.2");
	p->addresses[0].addr.prefix_len = 120;
	p->addresses[0].state = "valid";
	ip_addr_parse(&p->addresses[1].addr.addr, "2001:db8::2");
	p->addresses[1].addr.prefix_len = 64;
	p->addresses[1].state = "valid";

	d->lcores_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		d->lcores[i].lcore = i + 1;
		d->lcores[i].cpu = i;
		d->lcores[i].sleeping = true;
		d->lcores[i].total_ns = 2000000000;
		d->lcores[i].busy_ns = 1000000000;
		snprintf(d->lcores[i].roles, sizeof(d->lcores[i].roles), "%s", i ? "worker" : "rx");
	}

	fake_account(d, "FGT-A", 100);
	fake_account(d, "192.0.2.7", 20);
	d->wire = (struct dp_wire){.packets = 30, .bytes = 3000, .accepted = 28};
	d->wire.rejected[WIRE_bad_checksum] = 2;

	d->sessions_count = 1;
	d->sessions[0].id = 41;
	snprintf(d->sessions[0].device, sizeof(d->sessions[0].device), "%s", "FGT-A");
	ip_addr_parse(&d->sessions[0].flow.src, "192.0.2.7");
	ip_addr_parse(&d->sessions[0].flow.dst, "192.0.2.2");
	d->sessions[0].flow.src_port = 40000;
	d->sessions[0].flow.dst_port = 514;
	d->sessions[0].kind = "lines";
	d->sessions[0].tcp_state = "established";
	d->lcores[1].sessions = 1;
	return d;
}

void fake_dp_free(struct dp *d)
{
	for (unsigned i = 0; i < d->events_count; i++)
		free(d->events[i]);
	for (unsigned i = 0; i < d->journal.count; i++)
		free(d->journal.v[i].log);
	free(d->journal.v);
	close(d->journal.efd);
	pthread_cond_destroy(&d->journal.verify_go);
	pthread_mutex_destroy(&d->journal.mutex);
	free(d);
}

struct dp_account *fake_account(struct dp *d, const char *device, uint64_t received)
{
	struct dp_account *a = &d->accounts[d->accounts_count++];

	snprintf(a->device, sizeof(a->device), "%s", device);
	a->received = received;
	a->stored = received - received / 10;
	a->dropped[DROP_no_block] = received / 10;
	a->bytes = received * 100;
	a->first_seen_ns = 1735689600000000000;
	a->last_seen_ns = 1735689601000000001;
	return a;
}

struct fake_log *fake_log_put(struct dp *d, const char *device, const void *log, size_t len)
{
	struct journal *j = &d->journal;
	struct fake_log *l;

	pthread_mutex_lock(&j->mutex);
	if (j->count == j->cap) {
		j->cap = j->cap ? j->cap * 2 : 64;
		j->v = realloc(j->v, j->cap * sizeof(*j->v));
	}
	l = &j->v[j->count++];
	memset(l, 0, sizeof(*l));
	l->block = ++j->block;
	l->time_ns = 1735689600000000000 + j->logs;
	j->logs++;
	snprintf(l->device, sizeof(l->device), "%s", device);
	l->transport = TRANSPORT_UDP;
	l->log = malloc(len ? len : 1);
	memcpy(l->log, log, len);
	l->len = (uint32_t)len;
	pthread_mutex_unlock(&j->mutex);
	return l;
}

void fake_announce(struct dp *d)
{
	uint64_t one = 1;

	(void)!write(d->journal.efd, &one, sizeof(one));
}

void fake_log_add(struct dp *d, const char *device, const void *log, size_t len)
{
	fake_log_put(d, device, log, len);
	fake_announce(d);
}

unsigned fake_events(const struct dp *d, const char *text)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->events_count; i++)
		n += strstr(d->events[i], text) != NULL;
	return n;
}

/* ---- dp.h --------------------------------------------------------------------------------- */

void dp_config_defaults(struct dp_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
}

void dp_policy_publish(struct dp *d, const struct dp_policy *policy)
{
	d->policy = *policy;
	d->policy_count++;
}

struct journal *dp_journal(struct dp *d)
{
	return &d->journal;
}

unsigned dp_accounts(struct dp *d, dp_account_fn fn, void *ctx)
{
	for (unsigned i = 0; i < d->accounts_count; i++)
		fn(ctx, &d->accounts[i]);
	for (unsigned i = 0; i < d->many; i++) {
		struct dp_account a = {.received = i, .stored = i, .first_seen_ns = 1};

		snprintf(a.device, sizeof(a.device), "many-%06u", i);
		fn(ctx, &a);
	}
	return d->accounts_count + d->many;
}

bool dp_account_get(struct dp *d, const char *device, struct dp_account *a)
{
	for (unsigned i = 0; i < d->accounts_count; i++) {
		if (strcmp(d->accounts[i].device, device) == 0) {
			*a = d->accounts[i];
			return true;
		}
	}
	return false;
}

static void total_add(void *ctx, const struct dp_account *a)
{
	struct dp_account *t = ctx;

	t->received += a->received;
	t->stored += a->stored;
	t->pending += a->pending;
	t->bytes += a->bytes;
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		t->dropped[i] += a->dropped[i];
}

void dp_account_total(struct dp *d, struct dp_account *a)
{
	memset(a, 0, sizeof(*a));
	dp_accounts(d, total_add, a);
}

void dp_wire(struct dp *d, struct dp_wire *w)
{
	*w = d->wire;
}

unsigned dp_ports(struct dp *d, struct dp_port_info *v, unsigned n)
{
	for (unsigned i = 0; i < d->ports_count && i < n; i++)
		v[i] = d->ports[i];
	return d->ports_count;
}

unsigned dp_lcores(struct dp *d, struct dp_lcore_info *v, unsigned n)
{
	for (unsigned i = 0; i < d->lcores_count && i < n; i++)
		v[i] = d->lcores[i];
	return d->lcores_count;
}

int dp_sessions(struct dp *d, dp_session_fn fn, void *ctx)
{
	if (d->workers_dead)
		return -1;
	for (unsigned i = 0; i < d->sessions_count; i++)
		fn(ctx, &d->sessions[i]);
	return (int)d->sessions_count;
}

int dp_session_kill(struct dp *d, uint64_t id)
{
	for (unsigned i = 0; i < d->sessions_count; i++) {
		if (d->sessions[i].id == id) {
			d->sessions[i] = d->sessions[--d->sessions_count];
			return 0;
		}
	}
	return -1;
}

void dp_counters(struct dp *d, dp_counter_fn fn, void *ctx)
{
	(void)d;
	fn(ctx, "tcp_retransmits", "Segments sent again.", false, 7);
	fn(ctx, "net_neighbours", "Neighbours known.", true, 2);
}

void dp_refusals(struct dp *d, uint64_t counts[REFUSAL_REASON_COUNT])
{
	memcpy(counts, d->refusals, sizeof(d->refusals));
}

bool dp_own_log(struct dp *d, const char *text, size_t len)
{
	if (d->refuse_events || d->events_count == FAKE_EVENTS)
		return false;
	d->events[d->events_count++] = strndup(text, len);
	return true;
}

uint64_t dp_control_round(struct dp *d, uint64_t now_us)
{
	(void)now_us;
	d->rounds++;
	return UINT64_MAX;
}

unsigned dp_auth_events(struct dp *d, unsigned max, auth_event_fn fn, void *ctx)
{
	unsigned n = 0;

	for (; n < max && d->told_at < d->told_count; n++)
		fn(ctx, &d->told[d->told_at++]);
	return n;
}

void dp_trace_set(struct dp *d, unsigned level, const struct ip_addr *addr)
{
	d->trace_level = level;
	d->trace_all = addr == NULL;
	if (addr)
		d->trace_addr = *addr;
}

unsigned dp_trace_lines(struct dp *d, unsigned max, dp_trace_fn fn, void *ctx)
{
	unsigned n = 0;

	for (; n < max && d->trace_lines; n++, d->trace_lines--) {
		fn(ctx, "[T1:tls :192.0.2.7] VERIFY OK: depth=0, /CN=FGT60F0000000001",
			d->trace_lost);
		d->trace_lost = 0;
	}
	return n;
}

void dp_judge_set(struct dp *d, dp_judge_fn fn, void *ctx)
{
	d->judge = fn;
	d->judge_ctx = ctx;
}

void dp_login_answer(struct dp *d, struct login *g)
{
	g->next = d->answered;
	d->answered = g;
}

int dp_control_fd(struct dp *d)
{
	(void)d;
	return -1;
}

/* ---- journal.h ---------------------------------------------------------------------------- */

const char *journal_error_text(int error)
{
	return error == JOURNAL_OK ? "fine" : "broken";
}

void journal_config_defaults(struct journal_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
}

const char *journal_state_name(enum journal_state s)
{
	static const char *const names[] = {"running", "hold", "failed", "stopped"};

	return names[s];
}

enum journal_state journal_state(const struct journal *j)
{
	return j->state;
}

uint64_t journal_streams_displaced(struct journal *j)
{
	return j->streams_displaced;
}

uint64_t journal_streams_expired(struct journal *j)
{
	return j->streams_expired;
}

void journal_status(struct journal *j, struct journal_status *st)
{
	memset(st, 0, sizeof(*st));
	st->state = j->state;
	st->durable_block = j->block;
	st->durable_logs = j->logs;
	st->bytes = 12345;
	st->free_bytes = 1 << 30;
	st->segments = j->segments;
	st->pool_blocks = 64;
	st->pool_free = 60;
	st->commit_us_p50 = 900;
	st->commit_us_p99 = 2500;
	snprintf(st->last_error, sizeof(st->last_error), "%s", j->last_error);
}

int journal_resume(struct journal *j, struct journal_fault *fault)
{
	if (j->refuse_resume) {
		snprintf(fault->text, sizeof(fault->text), "/x/journal: Input/output error");
		return JOURNAL_E_IO;
	}
	j->state = JOURNAL_RUNNING;
	return JOURNAL_OK;
}

int journal_reconfigure(
	struct journal *j, const struct journal_config *cfg, struct journal_fault *fault)
{
	if (j->refuse_reconfigure) {
		snprintf(fault->text, sizeof(fault->text), "/x/journal: cannot be changed");
		return JOURNAL_E_CONFIG;
	}
	j->reconfigured = *cfg;
	j->reconfigure_count++;
	return JOURNAL_OK;
}

int journal_watch(struct journal *j)
{
	return j->efd;
}

void journal_durable(struct journal *j, uint64_t *block, uint64_t *logs)
{
	pthread_mutex_lock(&j->mutex);
	*block = j->block;
	*logs = j->logs;
	pthread_mutex_unlock(&j->mutex);
}

void journal_each_stream(struct journal *j, journal_stream_fn fn, void *ctx)
{
	j->stream.gaps = j->gaps;
	if (j->gaps)
		fn(ctx, j->life[0].name, strlen(j->life[0].name), &j->stream);
}

void journal_each_device(struct journal *j, journal_device_fn fn, void *ctx)
{
	for (unsigned i = 0; i < j->life_count; i++)
		fn(ctx, j->life[i].name, strlen(j->life[i].name), &j->life[i].d);
}
