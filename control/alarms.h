/*
 * What is wrong right now. An alarm is raised once, stands until its cause is gone, and is told as
 * an own event both times; it is listed by `status` and counted by a metric.
 */
#ifndef SLUICE_CONTROL_ALARMS_H
#define SLUICE_CONTROL_ALARMS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "control/events.h"

#define ALARMS_MAX 128

struct alarm {
	char name[32];	  /* a slug: "lcore_stuck" */
	char subject[64]; /* what it is about: "lcore 3"; "" where there is but one */
	char text[256];
	uint64_t since_ns; /* wall clock */
};

struct alarms {
	struct events *events;
	unsigned count;
	uint64_t raised, overflow; /* overflow: not listed, because the table was full */
	struct alarm v[ALARMS_MAX];
};

/* Raises it, or changes the text of one that stands. */
__attribute__((format(printf, 4, 5))) void alarm_raise(
	struct alarms *a, const char *name, const char *subject, const char *fmt, ...);
void alarm_clear(struct alarms *a, const char *name, const char *subject);
/* `on`: raise with this text, else clear. */
void alarm_set(struct alarms *a, bool on, const char *name, const char *subject, const char *text);
bool alarm_stands(const struct alarms *a, const char *name);
/* [{name, subject, text, since}] */
json_t *alarms_json(const struct alarms *a);

#endif
