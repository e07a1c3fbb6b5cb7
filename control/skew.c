#include "control/skew.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/control.h"

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
	struct control *c = s->c;

	c->skew = NULL;
	if (c->settings.v[SETTING_SKEW_EVERY].number) {
		skew_known_learn(c, &s->scan);
		skew_known_refresh(c, clock_wall_ns());
		skew_known_tell(c);
	}
	free(s);
}

static void begin(struct control *c)
{
	struct skew_job *s = calloc(1, sizeof(*s));

	if (!s)
		return;
	s->c = c;
	s->scan.after = c->skew_block;
	s->scan.durable = c->durable_block;
	s->scan.key = c->devices.key;
	snprintf(s->scan.dir, sizeof(s->scan.dir), "%s", c->config.journal.dir);
	skew_known_name(&c->skew_known, &s->scan);
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

void skew_tick(struct control *c, uint64_t now_us)
{
	const uint64_t every_s = (uint64_t)c->settings.v[SETTING_SKEW_EVERY].number;

	if (every_s == 0) { /* nobody looks any more */
		c->skew_known.count = 0;
		alarm_clear(&c->alarms, "clock_skew", "");
		return;
	}
	if (c->skew || now_us < c->next_skew_us)
		return;
	c->next_skew_us = now_us + every_s * 1000000u;
	skew_known_refresh(c, clock_wall_ns());
	skew_known_tell(c);
	if (c->durable_block != c->skew_block)
		begin(c);
}
