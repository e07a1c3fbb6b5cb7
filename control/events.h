/*
 * sluiced's own events: one line each of key=value, as the devices themselves write them, to
 * stderr and into the journal, where sluiced is a device like any other. Control thread only.
 */
#ifndef SLUICE_CONTROL_EVENTS_H
#define SLUICE_CONTROL_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/text.h"

enum event_level {
	EVENT_DEBUG,
	EVENT_INFORMATION,
	EVENT_NOTICE,
	EVENT_WARNING,
	EVENT_ERROR,
	EVENT_CRITICAL,
};
const char *event_level_name(enum event_level level);
/* -1 where there is no such level. */
int event_level_from_name(const char *name);

struct events {
	const char *node; /* devid= of each line */
	enum event_level least;
	bool quiet; /* not to stderr */
	/* Where lines go besides stderr; NULL: they are held. False: it was lost. */
	bool (*sink)(void *ctx, const char *line, size_t len);
	void *sink_ctx;
	struct text held; /* lines from before there was a sink, newlines between them */
	struct text line; /* of the event being built */
	enum event_level level;
	uint64_t written, lost;
};
void events_init(struct events *ev, const char *node);
void events_free(struct events *ev);
/* Gives it what was held, and from now on each line; NULL: none any more. */
void events_set_sink(
	struct events *ev, bool (*sink)(void *ctx, const char *line, size_t len), void *ctx);

/* An event is begun, gets its pairs, and is ended, which writes it. `action` is the stable word
 * that a search looks for ("start", "alarm", "session-kill"). */
void event_begin(struct events *ev, enum event_level level, const char *action);
/* key="value"; what would break the line is escaped or replaced. */
__attribute__((format(printf, 3, 4))) void event_add(
	struct events *ev, const char *key, const char *fmt, ...);
void event_end(struct events *ev);

/* All in one: begin, msg="...", end. */
__attribute__((format(printf, 4, 5))) void event(
	struct events *ev, enum event_level level, const char *action, const char *fmt, ...);

#endif
