/*
 * Numbers with a unit, as the configuration and the command line write them: sizes in bytes
 * (`64KiB`), durations in microseconds (`1ms`, `90d`). Whole numbers only. Pure.
 */
#ifndef SLUICE_CONFIG_UNITS_H
#define SLUICE_CONFIG_UNITS_H

#include <stddef.h>
#include <stdint.h>

enum unit_error {
	UNIT_OK = 0,
	UNIT_E_NUMBER = -1,  /* does not begin with a whole number, or goes on behind the unit */
	UNIT_E_MISSING = -2, /* a number other than 0 without a unit */
	UNIT_E_UNKNOWN = -3, /* no such unit */
	UNIT_E_RANGE = -4,   /* does not fit into 64 bits */
};

#define UNIT_SIZES     "B, KiB, MiB, GiB, TiB"
#define UNIT_DURATIONS "us, ms, s, m, h, d"

/* Decimal digits only; UNIT_E_NUMBER or UNIT_E_RANGE. */
int unit_parse_number(const char *text, uint64_t *value);
/* Bytes. */
int unit_parse_size(const char *text, uint64_t *bytes);
/* Microseconds. */
int unit_parse_duration(const char *text, uint64_t *us);

#define UNIT_TEXT 32

/* With the largest unit that leaves a whole number: parses back to the same value. */
void unit_format_size(uint64_t bytes, char text[UNIT_TEXT]);
void unit_format_duration(uint64_t us, char text[UNIT_TEXT]);

#endif
