#include "control/settings.h"

#include <stdio.h>
#include <string.h>

#include "control/config/units.h"
#include "control/events.h"

static int64_t parse_level(const char *value)
{
	return event_level_from_name(value);
}

static int64_t parse_watchdog(const char *value)
{
	uint64_t us;

	if (unit_parse_duration(value, &us) != UNIT_OK || us < 1000000u || us > 300000000u ||
		us % 1000000u)
		return -1;
	return (int64_t)(us / 1000000u);
}

static int64_t parse_seconds(const char *value)
{
	uint64_t us;

	if (unit_parse_duration(value, &us) != UNIT_OK || us < 1000000u ||
		us > 30u * 86400u * 1000000ull || us % 1000000u)
		return -1;
	return (int64_t)(us / 1000000u);
}

static int64_t parse_seconds_or_none(const char *value)
{
	return strcmp(value, "none") == 0 ? 0 : parse_seconds(value);
}

static int64_t parse_switch(const char *value)
{
	if (strcmp(value, "enable") == 0)
		return 1;
	return strcmp(value, "disable") == 0 ? 0 : -1;
}

static const struct setting_spec specs[SETTING_COUNT] = {
	[SETTING_EVENT_LEVEL] = {"event-level", "information",
		"debug, information, notice, warning, error or critical", parse_level, true},
	[SETTING_LCORE_WATCHDOG] = {"lcore-watchdog", "5s", "whole seconds from 1s to 300s",
		parse_watchdog, true},
	[SETTING_DEVICE_SILENT] = {"device-silent", "1h", "none, or whole seconds from 1s to 30d",
		parse_seconds_or_none, true},
	[SETTING_DUPLICATE_STANDS] = {"duplicate-serial-stands", "10m",
		"whole seconds from 1s to 30d", parse_seconds, true},
	[SETTING_SKEW_EVERY] = {"clock-skew-every", "5m", "none, or whole seconds from 1s to 30d",
		parse_seconds_or_none, true},
	[SETTING_LEGACY_AUTH_MODE] = {"legacy-auth-mode", "disable", "enable or disable",
		parse_switch, true},
};

const struct setting_spec *setting_spec(unsigned id)
{
	return &specs[id];
}

int setting_find(const char *name)
{
	for (int i = 0; i < SETTING_COUNT; i++)
		if (strcmp(specs[i].name, name) == 0)
			return i;
	return -1;
}

void settings_defaults(struct settings *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < SETTING_COUNT; i++) {
		snprintf(s->v[i].value, sizeof(s->v[i].value), "%s", specs[i].standard);
		s->v[i].number = specs[i].parse(specs[i].standard);
	}
}

struct load {
	struct settings *s;
	unsigned unknown;
};

static void load_one(void *ctx, const struct setting_row *row)
{
	struct load *l = ctx;
	int id = setting_find(row->name);

	if (id < 0 || setting_check((unsigned)id, row->value) != SETTING_OK) {
		l->unknown++;
		return;
	}
	setting_apply(l->s, (unsigned)id, row->value, row->who, row->time_ns);
}

enum registry_status settings_load(struct settings *s, struct registry *r, unsigned *unknown)
{
	struct load l = {.s = s};
	enum registry_status rc;

	settings_defaults(s);
	rc = registry_settings(r, load_one, &l);
	*unknown = l.unknown;
	return rc;
}

enum setting_result setting_check(unsigned id, const char *value)
{
	if (strlen(value) >= SETTING_VALUE || specs[id].parse(value) < 0)
		return SETTING_INVALID;
	if (!specs[id].available && strcmp(value, specs[id].standard) != 0)
		return SETTING_NOT_AVAILABLE;
	return SETTING_OK;
}

void setting_apply(
	struct settings *s, unsigned id, const char *value, const char *who, uint64_t time_ns)
{
	snprintf(s->v[id].value, sizeof(s->v[id].value), "%s", value);
	snprintf(s->v[id].who, sizeof(s->v[id].who), "%s", who);
	s->v[id].number = specs[id].parse(value);
	s->v[id].time_ns = time_ns;
}
