/*
 * top: what happens now. Rates are taken between two samples at least a second apart, which all
 * who ask share; whoever asks again sooner gets the same ones.
 */
#include <stdlib.h>
#include <string.h>

#include "control/method.h"
#include "control/roster.h"
#include "control/shapes.h"

#define SAMPLE_US 1000000u
#define STALE_US  10000000u /* an older sample says nothing about now */

struct top_device {
	char device[DP_DEVICE_NAME + 1];
	uint64_t received, stored, dropped, bytes, last_seen_ns;
	double logs_per_s, bytes_per_s;
};

struct top_sample {
	uint64_t taken_us;
	double seconds; /* that the rates are about; 0: there are none yet */
	struct dp_account total;
	struct dp_wire wire;
	double logs_per_s, bytes_per_s, packets_per_s, dropped_per_s;
	unsigned lcores_count;
	struct dp_lcore_info lcores[DP_MAX_LCORES];
	double busy[DP_MAX_LCORES];
	struct top_device *devices; /* by name */
	unsigned devices_count;
};

static void sample_free(struct top_sample *s)
{
	if (s)
		free(s->devices);
	free(s);
}

void top_free(struct control *c)
{
	sample_free(c->top);
	c->top = NULL;
}

static uint64_t dropped(const struct dp_account *a)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		n += a->dropped[i];
	return n;
}

static double rate(uint64_t now, uint64_t before, double seconds)
{
	return seconds > 0 && now > before ? (double)(now - before) / seconds : 0;
}

static int take_devices(struct top_sample *s, struct dp *dp)
{
	struct roster r;

	if (roster_take(&r, dp) != 0)
		return -1;
	s->devices = calloc(r.count ? r.count : 1, sizeof(*s->devices));
	for (unsigned i = 0; s->devices && i < r.count; i++) {
		struct top_device *d = &s->devices[i];

		memcpy(d->device, r.v[i].device, sizeof(d->device));
		d->received = r.v[i].run.received;
		d->stored = r.v[i].run.stored;
		d->dropped = dropped(&r.v[i].run);
		d->bytes = r.v[i].run.bytes;
		d->last_seen_ns = r.v[i].run.last_seen_ns;
	}
	s->devices_count = r.count;
	roster_free(&r);
	return s->devices ? 0 : -1;
}

/* Both are by name; a device never goes. */
static void device_rates(struct top_sample *s, const struct top_sample *before)
{
	unsigned b = 0;

	for (unsigned i = 0; i < s->devices_count; i++) {
		struct top_device *d = &s->devices[i];
		const struct top_device *was = NULL;

		while (b < before->devices_count &&
			strcmp(before->devices[b].device, d->device) < 0)
			b++;
		if (b < before->devices_count && strcmp(before->devices[b].device, d->device) == 0)
			was = &before->devices[b];
		d->logs_per_s = rate(d->received, was ? was->received : 0, s->seconds);
		d->bytes_per_s = rate(d->bytes, was ? was->bytes : 0, s->seconds);
	}
}

static void rates(struct top_sample *s, const struct top_sample *before)
{
	s->seconds = (double)(s->taken_us - before->taken_us) / 1e6;
	s->logs_per_s = rate(s->total.received, before->total.received, s->seconds);
	s->bytes_per_s = rate(s->total.bytes, before->total.bytes, s->seconds);
	s->dropped_per_s = rate(dropped(&s->total), dropped(&before->total), s->seconds);
	s->packets_per_s = rate(s->wire.packets, before->wire.packets, s->seconds);
	for (unsigned i = 0; i < s->lcores_count && i < before->lcores_count; i++) {
		const struct dp_lcore_info *now = &s->lcores[i], *was = &before->lcores[i];

		if (now->total_ns > was->total_ns && now->busy_ns >= was->busy_ns)
			s->busy[i] = (double)(now->busy_ns - was->busy_ns) /
				     (double)(now->total_ns - was->total_ns);
	}
	device_rates(s, before);
}

/* The sample to answer from: c->top, renewed if it is older than a second. */
static const struct top_sample *sample(struct control *c)
{
	uint64_t now = clock_mono_us();
	struct top_sample *s;

	if (c->top && now < c->top->taken_us + SAMPLE_US)
		return c->top;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->taken_us = now;
	dp_account_total(c->dp, &s->total);
	dp_wire(c->dp, &s->wire);
	s->lcores_count = dp_lcores(c->dp, s->lcores, DP_MAX_LCORES);
	if (s->lcores_count > DP_MAX_LCORES)
		s->lcores_count = DP_MAX_LCORES;
	if (take_devices(s, c->dp) != 0) {
		sample_free(s);
		return NULL;
	}
	if (c->top && now < c->top->taken_us + STALE_US)
		rates(s, c->top);
	sample_free(c->top);
	c->top = s;
	return s;
}

static json_t *lcores_json(const struct top_sample *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < s->lcores_count; i++) {
		const struct dp_lcore_info *l = &s->lcores[i];

		json_array_append_new(
			list, json_pack("{s:i,s:i,s:s,s:f,s:b,s:I,s:I,s:I,s:I,s:I}", "lcore",
				      (int)l->lcore, "cpu", (int)l->cpu, "roles", l->roles, "busy",
				      s->busy[i], "sleeping", l->sleeping, "logs",
				      (json_int_t)l->logs, "packets", (json_int_t)l->packets,
				      "sessions", (json_int_t)l->sessions, "ring_full",
				      (json_int_t)l->ring_full, "crossed", (json_int_t)l->crossed));
	}
	return list;
}

static int busiest_first(const void *a, const void *b)
{
	const struct top_device *x = *(const struct top_device *const *)a;
	const struct top_device *y = *(const struct top_device *const *)b;

	if (x->logs_per_s != y->logs_per_s)
		return x->logs_per_s < y->logs_per_s ? 1 : -1;
	if (x->received != y->received)
		return x->received < y->received ? 1 : -1;
	return strcmp(x->device, y->device);
}

static json_t *devices_json(const struct top_sample *s, uint64_t limit)
{
	const struct top_device **order = calloc(s->devices_count + 1, sizeof(struct top_device *));
	json_t *list = json_array();

	if (!order)
		return list;
	for (unsigned i = 0; i < s->devices_count; i++)
		order[i] = &s->devices[i];
	qsort(order, s->devices_count, sizeof(struct top_device *), busiest_first);
	for (unsigned i = 0; i < s->devices_count && i < limit; i++) {
		const struct top_device *d = order[i];

		json_array_append_new(list,
			json_pack("{s:o,s:f,s:f,s:I,s:I,s:I,s:o}", "device",
				text_json_value(d->device, strlen(d->device)), "logs_per_s",
				d->logs_per_s, "bytes_per_s", d->bytes_per_s, "received",
				(json_int_t)d->received, "stored", (json_int_t)d->stored, "dropped",
				(json_int_t)d->dropped, "last_seen", time_json(d->last_seen_ns)));
	}
	free(order);
	return list;
}

void m_top(struct call *call)
{
	struct control *c = call->c;
	const struct top_sample *s = sample(c);
	struct journal_status st;

	if (!s) {
		call_fail(call, REASON_FAILED, "out of memory");
		return;
	}
	journal_status(dp_journal(c->dp), &st);
	call_result(call,
		json_pack("{s:i,s:o,s:s,s:I,s:f,s:f,s:f,s:f,s:f,s:{s:I,s:I,s:I,s:I},s:o,s:o,s:o,"
			  "s:{s:s,s:I,s:I,s:I,s:I,s:I}}",
			"schema", 1, "time", time_json(clock_wall_ns()), "state", control_state(c),
			"uptime_s", (json_int_t)((clock_mono_us() - c->start_us) / 1000000u),
			"interval_s", s->seconds, "logs_per_s", s->logs_per_s, "bytes_per_s",
			s->bytes_per_s, "packets_per_s", s->packets_per_s, "dropped_per_s",
			s->dropped_per_s, "total", "received", (json_int_t)s->total.received,
			"stored", (json_int_t)s->total.stored, "pending",
			(json_int_t)s->total.pending, "dropped", (json_int_t)dropped(&s->total),
			"wire", shape_wire(&s->wire), "lcores", lcores_json(s), "devices",
			devices_json(s, call_uint(call, "limit", 20)), "journal", "state",
			journal_state_name(st.state), "durable_block", (json_int_t)st.durable_block,
			"pool_blocks", (json_int_t)st.pool_blocks, "pool_free",
			(json_int_t)st.pool_free, "commit_p50_us", (json_int_t)st.commit_us_p50,
			"commit_p99_us", (json_int_t)st.commit_us_p99));
}
