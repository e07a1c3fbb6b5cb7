#include "control/skew.h"

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

static void finished(struct job *job)
{
	struct skew_job *s = (struct skew_job *)job;
	char names[160] = "", text[300];
	unsigned wrong = 0;

	for (unsigned i = 0; i < s->scan.count; i++) {
		const int64_t skew_s = s->scan.v[i].least_ns / NS_PER_S;
		const size_t n = strlen(names);

		if (llabs(skew_s) <= SKEW_LIMIT_S)
			continue;
		/* The first few by name. */
		if (wrong++ < 3)
			snprintf(names + n, sizeof(names) - n, "%s%.30s by %+lld s", n ? ", " : "",
				s->scan.v[i].device, (long long)skew_s);
	}
	snprintf(text, sizeof(text),
		wrong == 1
			? "the clock of %u device differs from this node's: %s%s: check NTP and "
			  "time zone"
			: "the clocks of %u devices differ from this node's: %s%s: check NTP and "
			  "time zone",
		wrong, names, wrong > 3 ? ", ..." : "");
	/* Where nobody logged, nobody has set a clock right. */
	if (s->scan.count)
		alarm_set(&s->c->alarms, wrong > 0, "clock_skew", "", text);
	s->c->skew = NULL;
	free(s);
}

void skew_tick(struct control *c, uint64_t now_us)
{
	struct skew_job *s;

	if (c->skew || now_us < c->next_skew_us || c->durable_block == c->skew_block)
		return;
	c->next_skew_us = now_us + SKEW_EVERY_US;
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	s->c = c;
	s->scan.durable = c->skew_block = c->durable_block;
	snprintf(s->scan.dir, sizeof(s->scan.dir), "%s", c->config.journal.dir);
	s->job.run = run;
	s->job.finished = finished;
	s->job.wake = wake;
	/* As many readers as there may be are at work: the next time. */
	if (job_start(c->jobs, &s->job) == 0)
		c->skew = s;
	else
		free(s);
}
