
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/control.h"

#define NS_PER_S 1000000000

struct skew_job {
	struct job job;
	struct control *c;
	struct skew_scan scan;
};

static bool cancelled(void *job)
{
	return job_cancelled(job);
}

static void run(struct job *job)
{
	struct skew_job *s = (struct skew_job *)job;

	skew_scan(&s->scan, cancelled, job);
}

static void wake(struct job *job)
{
	(void)job; /* it looks by itself, log by log */
}

static void forget(struct skew_known *k, unsigned i)
{
	memmove(&k->v[i], &k->v[i + 1], (--k->count - i) * sizeof(k->v[0]));
}

/* What was found of a device; one of which nothing was found stays as it was known. */
static void learn(struct skew_known *k, const char *device, int64_t skew_s, uint64_t now_us)
{
	const bool wrong = llabs(skew_s) > SKEW_LIMIT_S;
	unsigned i = 0;

	while (i < k->count && strcmp(k->v[i].device, device) != 0)
		i++;
	if (!wrong && i < k->count)
		forget(k, i);
	if (!wrong || i == SKEW_DEVICES)
		return;
	if (i == k->count)
		snprintf(k->v[k->count++].device, sizeof(k->v[i].device), "%s", device);
	k->v[i].skew_s = skew_s;
	k->v[i].seen_us = now_us;
}

static void tell(struct control *c)
{
	const struct skew_known *k = &c->skew_known;
	char names[160] = "", text[300];

	/* The first few by name. */
	for (unsigned i = 0; i < k->count && i < 3; i++) {
		const size_t n = strlen(names);

		snprintf(names + n, sizeof(names) - n, "%s%.30s by %+lld s", n ? ", " : "",
			k->v[i].device, (long long)k->v[i].skew_s);
	}
	snprintf(text, sizeof(text),
		k->count == 1
			? "the clock of %u device differs from this node's: %s%s: check NTP and "
			  "time zone"
			: "the clocks of %u devices differ from this node's: %s%s: check NTP and "
			  "time zone",
		k->count, names, k->count > 3 ? ", ..." : "");
	alarm_set(&c->alarms, k->count > 0, "clock_skew", "", text);
}

static void finished(struct job *job)
{
	struct skew_job *s = (struct skew_job *)job;
	struct skew_known *k = &s->c->skew_known;
	const uint64_t now_us = clock_mono_us();

	for (unsigned i = 0; i < s->scan.count; i++)
		learn(k, s->scan.v[i].device, s->scan.v[i].least_ns / NS_PER_S, now_us);
	for (unsigned i = 0; i < k->count;) {
		if (now_us - k->v[i].seen_us > SKEW_FORGET_US)
			forget(k, i);
		else
			i++;
	}
	if (s->c->settings.v[SETTING_SKEW_EVERY].number)
		tell(s->c);
	s->c->skew = NULL;
	free(s);
}

void skew_tick(struct control *c, uint64_t now_us)
{
	const uint64_t every_s = (uint64_t)c->settings.v[SETTING_SKEW_EVERY].number;
	struct skew_job *s;

	if (every_s == 0) { /* nobody looks any more */
		c->skew_known.count = 0;
		alarm_clear(&c->alarms, "clock_skew", "");
		return;
	}
	if (c->skew || now_us < c->next_skew_us || c->durable_block == c->skew_block)
		return;
	c->next_skew_us = now_us + every_s * 1000000u;
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	s->c = c;
	s->scan.after = c->skew_block;
	s->scan.durable = c->durable_block;
	if (s->scan.durable - s->scan.after > SKEW_BLOCKS)
		s->scan.after = s->scan.durable - SKEW_BLOCKS;
	snprintf(s->scan.dir, sizeof(s->scan.dir), "%s", c->config.journal.dir);
	s->job.run = run;
	s->job.finished = finished;
	s->job.wake = wake;
	/* As many readers as there may be are at work: the next time. */
	if (job_start(c->jobs, &s->job) == 0) {
		c->skew = s;
		c->skew_block = s->scan.durable;
	} else {
		free(s);
	}
}
