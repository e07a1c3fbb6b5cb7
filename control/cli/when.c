#include "control/cli/when.h"

#include <stdbool.h>
#include <string.h>

#include "control/config/units.h"

#define NS_PER_S  1000000000ull
#define NS_PER_US 1000ull
#define US_PER_S  1000000ull
#define DAY_S	  86400
#define LATEST_NS ((uint64_t)INT64_MAX) /* in the year 2262: what JSON numbers carry exactly */
#define MAX_SPAN  (365ull * DAY_S * US_PER_S)

/* Exactly `n` digits. */
static bool digits(const char **p, unsigned n, unsigned *value)
{
	*value = 0;
	for (; n; n--, ++*p) {
		if (**p < '0' || **p > '9')
			return false;
		*value = *value * 10 + (unsigned)(**p - '0');
	}
	return true;
}

static bool literal(const char **p, char c)
{
	if (**p != c)
		return false;
	++*p;
	return true;
}

/* What is behind a '.': any number of digits, those beyond `unit` (a power of ten) without weight.
 */
static bool fraction(const char **p, uint64_t unit, uint64_t *value)
{
	*value = 0;
	if (!literal(p, '.'))
		return true;
	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; ++*p) {
		unit /= 10;
		*value += unit * (uint64_t)(**p - '0');
	}
	return true;
}

static unsigned days_in(unsigned year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* Since 1970-01-01, of the Gregorian calendar; a year that begins in March has its leap day last.
 */
static int64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t m = (int64_t)month + (month <= 2 ? 9 : -3);

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + (int64_t)day - 1 - 719468;
}

/* RFC 3339 section 5.6, with a blank instead of 'T' as its section allows. */
static int parse_rfc3339(const char *p, uint64_t *ns)
{
	unsigned year, month, day, hour, minute, second, off_hour = 0, off_minute = 0;
	int64_t seconds, offset;
	uint64_t frac;
	bool west;

	if (!digits(&p, 4, &year) || !literal(&p, '-') || !digits(&p, 2, &month) ||
		!literal(&p, '-') || !digits(&p, 2, &day))
		return -1;
	if (*p != 'T' && *p != 't' && *p != ' ')
		return -1;
	p++;
	if (!digits(&p, 2, &hour) || !literal(&p, ':') || !digits(&p, 2, &minute) ||
		!literal(&p, ':') || !digits(&p, 2, &second) || !fraction(&p, NS_PER_S, &frac))
		return -1;
	west = *p == '-';
	if (*p == 'Z' || *p == 'z') {
		p++;
	} else if (*p == '+' || *p == '-') {
		p++;
		if (!digits(&p, 2, &off_hour) || !literal(&p, ':') || !digits(&p, 2, &off_minute))
			return -1;
	} else {
		return -1;
	}
	/* Second 60 is a leap second. */
	if (*p != '\0' || month < 1 || month > 12 || day < 1 || day > days_in(year, month) ||
		hour > 23 || minute > 59 || second > 60 || off_hour > 23 || off_minute > 59)
		return -1;
	offset = ((int64_t)off_hour * 60 + off_minute) * 60;
	seconds = days_since_1970(year, month, day) * DAY_S + (int64_t)hour * 3600 + minute * 60 +
		  second + (west ? offset : -offset);
	if (seconds < 0 || (uint64_t)seconds > LATEST_NS / NS_PER_S - 1)
		return -1;
	*ns = (uint64_t)seconds * NS_PER_S + frac;
	return 0;
}

/* Digits with an optional fraction, in 1/unit seconds. */
static int parse_decimal(const char *text, uint64_t unit, uint64_t *value)
{
	uint64_t whole = 0, frac;
	const char *p = text;

	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(whole, 10, &whole) ||
			__builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
			return -1;
	}
	if (!fraction(&p, unit, &frac) || *p != '\0' || whole > LATEST_NS / unit - 1)
		return -1;
	*value = whole * unit + frac;
	return 0;
}

int when_parse(const char *text, uint64_t now_ns, uint64_t *ns)
{
	uint64_t us;

	if (strcmp(text, "now") == 0) {
		*ns = now_ns;
		return 0;
	}
	if (parse_decimal(text, NS_PER_S, ns) == 0 || parse_rfc3339(text, ns) == 0)
		return 0;
	if (unit_parse_duration(text, &us) != UNIT_OK || us > now_ns / NS_PER_US)
		return -1;
	*ns = now_ns - us * NS_PER_US;
	return 0;
}

int when_parse_span(const char *text, uint64_t *us)
{
	if (parse_decimal(text, US_PER_S, us) != 0 && unit_parse_duration(text, us) != UNIT_OK)
		return -1;
	return *us <= MAX_SPAN ? 0 : -1;
}
