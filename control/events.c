#include "control/events.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "control/loop.h"

#define EVENT_VALUE 2048  /* bytes of one value; longer ones are cut */
#define EVENTS_HELD 32768 /* bytes of lines from before there is a sink */

static const char *const level_names[] = {
	[EVENT_DEBUG] = "debug",
	[EVENT_INFORMATION] = "information",
	[EVENT_NOTICE] = "notice",
	[EVENT_WARNING] = "warning",
	[EVENT_ERROR] = "error",
	[EVENT_CRITICAL] = "critical",
};
#define LEVELS (int)(sizeof(level_names) / sizeof(level_names[0]))

const char *event_level_name(enum event_level level)
{
	return level_names[level];
}

int event_level_from_name(const char *name)
{
	for (int i = 0; i < LEVELS; i++)
		if (strcmp(level_names[i], name) == 0)
			return i;
	return -1;
}

void events_init(struct events *ev, const char *node)
{
	*ev = (struct events){.node = node, .least = EVENT_INFORMATION};
}

void events_free(struct events *ev)
{
	text_free(&ev->line);
	text_free(&ev->held);
}

static void to_sink(struct events *ev, const char *line, size_t len)
{
	if (!ev->sink(ev->sink_ctx, line, len))
		ev->lost++;
}

void events_set_sink(
	struct events *ev, bool (*sink)(void *ctx, const char *line, size_t len), void *ctx)
{
	size_t at = 0;

	ev->sink = sink;
	ev->sink_ctx = ctx;
	if (!sink)
		return;
	while (at < ev->held.len) {
		const char *line = ev->held.data + at;
		const char *end = memchr(line, '\n', ev->held.len - at);

		to_sink(ev, line, (size_t)(end - line));
		at += (size_t)(end - line) + 1;
	}
	text_free(&ev->held);
}

static void add_value(struct text *t, const char *s)
{
	text_char(t, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			text_char(t, '\\');
		text_char(t, (unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
	}
	text_char(t, '"');
}

void event_begin(struct events *ev, enum event_level level, const char *action)
{
	uint64_t now = clock_wall_ns();
	time_t s = (time_t)(now / 1000000000u);
	char when[64];
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(when, sizeof(when), "date=%Y-%m-%d time=%H:%M:%S", &tm);
	ev->level = level;
	text_clear(&ev->line);
	text_printf(
		&ev->line, "%s eventtime=%llu tz=\"+0000\" devid=", when, (unsigned long long)now);
	add_value(&ev->line, ev->node);
	text_printf(&ev->line, " type=\"event\" subtype=\"system\" level=\"%s\" action=\"%s\"",
		event_level_name(level), action);
}

__attribute__((format(printf, 3, 0))) static void event_vadd(
	struct events *ev, const char *key, const char *fmt, va_list ap)
{
	char value[EVENT_VALUE];

	vsnprintf(value, sizeof(value), fmt, ap);
	text_char(&ev->line, ' ');
	text_str(&ev->line, key);
	text_char(&ev->line, '=');
	add_value(&ev->line, value);
}

void event_add(struct events *ev, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	event_vadd(ev, key, fmt, ap);
	va_end(ap);
}

void event_end(struct events *ev)
{
	if (ev->level < ev->least)
		return;
	if (ev->line.failed) {
		ev->lost++;
		return;
	}
	if (!ev->quiet)
		fprintf(stderr, "%.*s\n", (int)ev->line.len, ev->line.data);
	ev->written++;
	if (ev->sink) {
		to_sink(ev, ev->line.data, ev->line.len);
	} else if (ev->held.len + ev->line.len < EVENTS_HELD) {
		text_add(&ev->held, ev->line.data, ev->line.len);
		text_char(&ev->held, '\n');
	} else {
		ev->lost++;
	}
}

void event(struct events *ev, enum event_level level, const char *action, const char *fmt, ...)
{
	va_list ap;

	event_begin(ev, level, action);
	va_start(ap, fmt);
	event_vadd(ev, "msg", fmt, ap);
	va_end(ap);
	event_end(ev);
}
