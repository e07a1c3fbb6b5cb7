/*
 * Settings: what an operator changes while sluiced runs, kept in registry.db, so that no reload of
 * the configuration file reverts it. The table in settings.c is the list of all that there are.
 */
#ifndef SLUICE_CONTROL_SETTINGS_H
#define SLUICE_CONTROL_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "control/registry.h"

enum setting_id {
	SETTING_EVENT_LEVEL,	  /* own events below it are not written */
	SETTING_LCORE_WATCHDOG,	  /* seconds without a heartbeat until the alarm */
	SETTING_DEVICE_SILENT,	  /* seconds without a log until the alarm; 0: none */
	SETTING_DUPLICATE_STANDS, /* seconds that the alarm duplicate_serial stands */
	SETTING_SKEW_EVERY,	  /* seconds between two looks at devices' clocks; 0: none */
	SETTING_LEGACY_AUTH_MODE, /* the OFTP login by user and password */
	SETTING_COUNT
};

enum setting_result { SETTING_OK, SETTING_INVALID, SETTING_NOT_AVAILABLE };

struct setting_spec {
	const char *name, *standard;
	const char *expected; /* what a value may be, for people */
	/* The number that `value` stands for, or -1 where it is no legal value. */
	int64_t (*parse)(const char *value);
	bool available; /* false: its part is not built yet, only the default can be set */
};

#define SETTING_VALUE 64
#define SETTING_WHO   64

struct settings {
	struct {
		char value[SETTING_VALUE];
		int64_t number;
		uint64_t time_ns; /* 0: never set, it is the default */
		char who[SETTING_WHO];
	} v[SETTING_COUNT];
};

const struct setting_spec *setting_spec(unsigned id);
/* The number of a name, or -1. */
int setting_find(const char *name);

void settings_defaults(struct settings *s);
/* Takes over what the registry holds. Names and values that this version does not know are left
 * alone there and counted in *unknown. */
enum registry_status settings_load(struct settings *s, struct registry *r, unsigned *unknown);

/* May this value be set? */
enum setting_result setting_check(unsigned id, const char *value);
/* The value must have been checked and be in the registry. */
void setting_apply(
	struct settings *s, unsigned id, const char *value, const char *who, uint64_t time_ns);

#endif
