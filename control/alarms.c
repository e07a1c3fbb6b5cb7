#include "control/alarms.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/loop.h"
#include "control/text.h"

static struct alarm *find(struct alarms *a, const char *name, const char *subject)
{
	for (unsigned i = 0; i < a->count; i++)
		if (strcmp(a->v[i].name, name) == 0 && strcmp(a->v[i].subject, subject) == 0)
			return &a->v[i];
	return NULL;
}

static void tell(struct alarms *a, const struct alarm *al, bool on)
{
	event_begin(a->events, on ? EVENT_ERROR : EVENT_NOTICE, on ? "alarm" : "alarm-end");
	event_add(a->events, "alarm", "%s", al->name);
	if (al->subject[0])
		event_add(a->events, "subject", "%s", al->subject);
	if (on)
		event_add(a->events, "msg", "%s", al->text);
	else
		/* Its text was true while it stood. */
		event_add(a->events, "msg", "%s is over, after %llu s", al->name,
			(unsigned long long)((clock_wall_ns() - al->since_ns) / 1000000000u));
	event_end(a->events);
}

void alarm_raise(struct alarms *a, const char *name, const char *subject, const char *fmt, ...)
{
	struct alarm *al = find(a, name, subject);
	bool fresh = al == NULL;
	va_list ap;

	if (fresh) {
		if (a->count == ALARMS_MAX) {
			a->overflow++;
			return;
		}
		al = &a->v[a->count++];
		snprintf(al->name, sizeof(al->name), "%s", name);
		snprintf(al->subject, sizeof(al->subject), "%s", subject);
		al->since_ns = clock_wall_ns();
		a->raised++;
	}
	va_start(ap, fmt);
	vsnprintf(al->text, sizeof(al->text), fmt, ap);
	va_end(ap);
	if (fresh)
		tell(a, al, true);
}

void alarm_clear(struct alarms *a, const char *name, const char *subject)
{
	struct alarm *al = find(a, name, subject);

	if (!al)
		return;
	tell(a, al, false);
	*al = a->v[--a->count];
}

void alarm_set(struct alarms *a, bool on, const char *name, const char *subject, const char *text)
{
	if (on)
		alarm_raise(a, name, subject, "%s", text);
	else
		alarm_clear(a, name, subject);
}

bool alarm_stands(const struct alarms *a, const char *name)
{
	for (unsigned i = 0; i < a->count; i++)
		if (strcmp(a->v[i].name, name) == 0)
			return true;
	return false;
}

json_t *alarms_json(const struct alarms *a)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < a->count; i++)
		json_array_append_new(
			list, json_pack("{s:s,s:s,s:s,s:o}", "name", a->v[i].name, "subject",
				      a->v[i].subject, "text", a->v[i].text, "since",
				      time_json(a->v[i].since_ns)));
	return list;
}
