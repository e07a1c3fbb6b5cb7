/*
 * The loop. Open loop: log n is due at start + n / rate, whatever the receiver does; what comes
 * late is sent as soon as it goes, and its lateness (and latency) counts from when it was due, so
 * that a stall is seen in full (no coordinated omission). Closed loop: as fast as flows take it.
 */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/load/load.h"

#define FINISH_S  30.0
#define SLEEP_MIN 60000u /* ns: below this the loop turns instead of sleeping */
/* Flows are listened to so often, whosever turn it is: an answer counts from when it is there. */
#define HEAR_NS 100000u

static const struct load_transport *const transports[] = {
	&load_udp, &load_tcp, &load_counted, &load_relp, &load_oftp};

uint64_t load_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static double thread_cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void *progress_main(void *arg)
{
	struct load *l = arg;
	uint64_t before = 0, bytes_before = 0;
	uint64_t last = load_now_ns(), begun = last;

	while (!atomic_load(&l->done)) {
		struct timespec tick = {.tv_nsec = 100000000};
		uint64_t now, sent, bytes;
		double s;

		nanosleep(&tick, NULL);
		now = load_now_ns();
		if (now - last < 1000000000u)
			continue;
		sent = atomic_load(&l->sent);
		bytes = atomic_load(&l->bytes);
		s = (double)(now - last) / 1e9;
		fprintf(stderr, "%6.1f s  %12llu sent  %10.0f logs/s  %8.1f MB/s  %llu blocked\n",
			(double)(now - begun) / 1e9, (unsigned long long)sent,
			(double)(sent - before) / s, (double)(bytes - bytes_before) / s / 1e6,
			(unsigned long long)atomic_load(&l->blocked));
		before = sent;
		bytes_before = bytes;
		last = now;
	}
	return NULL;
}

static void note_lag(struct load *l, uint64_t first, uint32_t n)
{
	uint64_t now = load_now_ns();

	for (uint32_t i = 0; i < n; i++) {
		uint64_t due = load_due_ns(l, first + i);

		histogram_add(&l->lag, now > due ? (now - due) / 1000 : 0, 1);
	}
}

static void sleep_until(uint64_t ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void flow_failed(struct load *l, struct load_flow *f)
{
	fprintf(stderr, "sluice-load: flow %u failed after %llu logs\n", f->index,
		(unsigned long long)f->next);
	f->failed = true;
	l->failed++;
	atomic_fetch_add(&l->errors, 1);
}

static void hear(struct load *l, const struct load_transport *t, uint64_t now)
{
	uint64_t took;

	if (!t->hear || now < l->hear_ns)
		return;
	load_spoken(l, l->spoken);
	for (uint32_t i = 0; i < l->o->plan.flows; i++)
		if (l->spoken[i] && t->hear(l, &l->flows[i]) != 0)
			flow_failed(l, &l->flows[i]);
	/* Of ten thousand flows not more than half of the time. */
	took = load_now_ns() - now;
	l->hear_ns = now + took + (took > HEAR_NS ? took : HEAR_NS);
}

/* How many are due now; sleeps while there is none. */
static uint64_t due_now(struct load *l, const struct load_transport *t, uint64_t sent)
{
	for (;;) {
		uint64_t now = load_now_ns();
		uint64_t next = load_due_ns(l, sent);
		uint64_t n = due_count(l->start_ns, l->o->rate, sent, now);

		hear(l, t, now);
		if (n > 0)
			return n;
		native_send_off();
		if (next - now > SLEEP_MIN) {
			uint64_t wake = next - SLEEP_MIN / 2;

			if (t->hear && l->hear_ns < wake)
				wake = l->hear_ns;
			sleep_until(wake);
		}
	}
}

static void loop(struct load *l, const struct load_transport *t)
{
	const struct load_options *o = l->o;
	uint64_t end =
		o->duration_s > 0 ? l->start_ns + (uint64_t)(o->duration_s * 1e9) : UINT64_MAX;
	uint64_t most = o->count ? o->count : UINT64_MAX;
	uint32_t flow = 0, refused = 0;
	uint64_t sent = 0;

	if (o->rate > 0 && o->duration_s > 0 && floor(o->duration_s * o->rate) < (double)most)
		most = (uint64_t)(o->duration_s * o->rate);
	while (sent < most && l->failed < o->plan.flows) {
		struct load_flow *f = &l->flows[flow];
		uint64_t n = most - sent;
		int got;

		if (o->rate <= 0 && load_now_ns() >= end)
			break;
		if (o->rate > 0) {
			uint64_t due = due_now(l, t, sent);

			n = due < n ? due : n;
		}
		flow = flow + 1 == o->plan.flows ? 0 : flow + 1;
		l->at = sent;
		got = f->failed ? 0 : t->send(l, f, n < o->batch ? (uint32_t)n : o->batch);
		if (got < 0)
			flow_failed(l, f);
		if (got <= 0 && refused == 0)
			l->refused_ns = load_now_ns();
		if (got > 0) {
			refused = 0;
			if (o->rate > 0)
				note_lag(l, sent, (uint32_t)got);
			sent += (uint64_t)got;
			atomic_store_explicit(&l->sent, sent, memory_order_relaxed);
		} else if (++refused >= o->plan.flows) {
			refused = 0;
			atomic_fetch_add_explicit(&l->blocked, 1, memory_order_relaxed);
			if (t->wait)
				t->wait(l, 1000);
		}
	}
}

static void pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		fprintf(stderr, "sluice-load: cannot run on CPU %d\n", cpu);
}

static const struct load_transport *transport_of(const struct load_options *o)
{
	if (o->vhost && strcmp(o->protocol, "udp") == 0)
		return &load_vhost;
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		if (strcmp(transports[i]->name, o->protocol) == 0)
			return transports[i];
	fprintf(stderr, "sluice-load: no protocol %s\n", o->protocol);
	return NULL;
}

/* true: all flows are open. */
static bool open_flows(struct load *l, const struct load_transport *t)
{
	for (uint32_t f = 0; f < l->o->plan.flows; f++) {
		l->flows[f] = (struct load_flow){.index = f, .fd = -1};
	}
	for (uint32_t f = 0; f < l->o->plan.flows; f++)
		if (t->open(l, &l->flows[f]) != 0)
			return false;
	return true;
}

static void close_all(struct load *l, const struct load_transport *t)
{
	for (uint32_t f = 0; l->flows && f < l->o->plan.flows; f++)
		if (t->close)
			t->close(l, &l->flows[f]);
	free(l->flows);
	free(l->spoken);
	lines_free((struct lines *)l->lines);
	load_tls_free(l->tls);
	free(l);
}

int load_run(const struct load_options *o, json_t **result)
{
	const struct load_transport *t = transport_of(o);
	struct load *l = t ? calloc(1, sizeof(*l)) : NULL;
	struct durable *durable = NULL;
	struct histogram *latency = NULL;
	pthread_t watcher;
	json_t *tcp;
	double cpu, elapsed;
	bool watched = false;
	int status = 1;

	if (!l)
		return 1;
	l->o = o;
	if (o->tls && !(l->tls = load_tls_new(o)))
		goto out;
	l->lines = lines_new(o->seed, o->templates, &o->plan);
	l->flows = calloc(o->plan.flows, sizeof(*l->flows));
	l->spoken = calloc(o->plan.flows, sizeof(*l->spoken));
	if (!l->lines || !l->flows || !l->spoken || !open_flows(l, t))
		goto out;
	if (o->durable) {
		latency = calloc(1, sizeof(*latency));
		durable = latency ? durable_start(l, o->durable) : NULL;
		if (!durable)
			goto out;
	}
	if (!o->quiet)
		watched = pthread_create(&watcher, NULL, progress_main, l) == 0;
	pin(o->cpu);
	cpu = thread_cpu_s();
	l->start_ns = load_now_ns();
	loop(l, t);
	for (uint32_t f = 0; f < o->plan.flows; f++)
		if (!l->flows[f].failed && !t->finish(l, &l->flows[f], FINISH_S)) {
			fprintf(stderr, "sluice-load: flow %u: the peer did not take it all\n", f);
			l->flows[f].failed = true;
			atomic_fetch_add(&l->errors, 1);
		}
	elapsed = (double)(load_now_ns() - l->start_ns) / 1e9;
	cpu = thread_cpu_s() - cpu;
	atomic_store(&l->done, true);
	if (watched)
		pthread_join(watcher, NULL);
	*result = load_report(l, elapsed, cpu);
	if ((tcp = native_report()))
		json_object_set_new(*result, "tcp", tcp);
	if (durable) {
		uint64_t n = durable_stop(durable, FINISH_S, latency);

		json_object_set_new(*result, "durable", json_integer((json_int_t)n));
		json_object_set_new(*result, "durable_latency_us", histogram_json(latency));
	}
	status = atomic_load(&l->errors) ? 1 : 0;
out:
	free(latency);
	close_all(l, t);
	return status;
}
