#include "control/config/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* From small to large. */
static const struct unit sizes[] = {{"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20},
	{"GiB", 1ull << 30}, {"TiB", 1ull << 40}};
static const struct unit durations[] = {{"us", 1}, {"ms", 1000}, {"s", 1000000ull},
	{"m", 60 * 1000000ull}, {"h", 3600 * 1000000ull}, {"d", 86400 * 1000000ull}};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The digits at *text; moves behind them. */
static int take_digits(const char **text, uint64_t *value)
{
	const char *p = *text;
	uint64_t v = 0;

	if (*p < '0' || *p > '9')
		return UNIT_E_NUMBER;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return UNIT_E_RANGE;
	}
	*text = p;
	*value = v;
	return UNIT_OK;
}

int unit_parse_number(const char *text, uint64_t *value)
{
	int rc = take_digits(&text, value);

	if (rc == UNIT_OK && *text != '\0')
		rc = UNIT_E_NUMBER;
	return rc;
}

static int parse(const char *text, const struct unit *units, size_t n, uint64_t *value)
{
	uint64_t v;
	int rc = take_digits(&text, &v);

	if (rc != UNIT_OK)
		return rc;
	if (*text == '\0') {
		*value = 0;
		return v == 0 ? UNIT_OK : UNIT_E_MISSING;
	}
	if (*text == '.' || *text == ',')
		return UNIT_E_NUMBER;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text, units[i].name) == 0)
			return __builtin_mul_overflow(v, units[i].factor, value) ? UNIT_E_RANGE
										 : UNIT_OK;
	}
	return UNIT_E_UNKNOWN;
}

int unit_parse_size(const char *text, uint64_t *bytes)
{
	return parse(text, sizes, COUNT(sizes), bytes);
}

int unit_parse_duration(const char *text, uint64_t *us)
{
	return parse(text, durations, COUNT(durations), us);
}

static void format(uint64_t value, const struct unit *units, size_t n, char *text)
{
	size_t i = n - 1;

	while (i > 0 && (value == 0 || value % units[i].factor != 0))
		i--;
	snprintf(text, UNIT_TEXT, "%" PRIu64 "%s", value / units[i].factor, units[i].name);
}

void unit_format_size(uint64_t bytes, char text[UNIT_TEXT])
{
	format(bytes, sizes, COUNT(sizes), text);
}

void unit_format_duration(uint64_t us, char text[UNIT_TEXT])
{
	if (us == 0)
		snprintf(text, UNIT_TEXT, "0s");
	else
		format(us, durations, COUNT(durations), text);
}
