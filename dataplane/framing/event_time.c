/* When a log's event happened, of every vintage; see fields_event_time(). */
#include "dataplane/framing/fields.h"

#include <limits.h>
#include <string.h>

#include "dataplane/framing/fields_internal.h"

#define NS_PER_S INT64_C(1000000000)

/* A cursor over a text; a failed step leaves `ok` false for good. */
struct scan {
	const char *at, *end;
	bool ok;
};

static struct scan scan_of(struct text t)
{
	return (struct scan){t.at, t.at ? t.at + t.len : t.at, t.at != NULL};
}

static bool scan_char(struct scan *s, char c)
{
	if (!s->ok || s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static void scan_expect(struct scan *s, char c)
{
	s->ok = scan_char(s, c);
}

/* A number of `min` to `max` digits, from `low` to `high`. */
static int scan_number(struct scan *s, int min, int max, int low, int high)
{
	int n = 0, digits = 0;

	while (s->ok && digits < max && s->at < s->end && *s->at >= '0' && *s->at <= '9') {
		n = n * 10 + (*s->at++ - '0');
		digits++;
	}
	if (digits < min || n < low || n > high)
		s->ok = false;
	return n;
}

/* The begin of a date of the Gregorian calendar, which is counted in years from 1 March. */
static int64_t ns_of_date(const struct scan *s, int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int m = month <= 2 ? month + 9 : month - 3;
	int64_t days = INT64_C(365) * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;

	return s->ok ? (days - 719468) * 86400 * NS_PER_S : 0;
}

/* "2026-04-03"; years that have nanoseconds in 64 bits. */
static int64_t scan_date(struct scan *s)
{
	int year = scan_number(s, 4, 4, 1970, 2261), month, day;

	scan_expect(s, '-');
	month = scan_number(s, 2, 2, 1, 12);
	scan_expect(s, '-');
	day = scan_number(s, 2, 2, 1, 31);
	return ns_of_date(s, year, month, day);
}

/* "09:31:10" and perhaps ".123456": nanoseconds since midnight. A leap second is the next one. */
static int64_t scan_time(struct scan *s)
{
	int64_t ns, unit = NS_PER_S;
	int hour = scan_number(s, 1, 2, 0, 23), minute, second;

	scan_expect(s, ':');
	minute = scan_number(s, 2, 2, 0, 59);
	scan_expect(s, ':');
	second = scan_number(s, 2, 2, 0, 60);
	ns = (hour * INT64_C(3600) + minute * 60 + second) * NS_PER_S;
	if (scan_char(s, '.')) {
		while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
			unit /= 10;
			ns += (*s->at++ - '0') * unit;
		}
	}
	return ns;
}

static bool scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if (!s->ok || (size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
		return false;
	s->at += n;
	return true;
}

/*
 * Seconds to the east: "+0200", "-07:00", "UTC+2:00", "GMT+8", "Z", "UTC", "(GMT+8:00)Somewhere".
 */
static int64_t scan_zone(struct scan *s)
{
	bool paren = scan_char(s, '(');
	bool utc = scan_word(s, "UTC") || scan_word(s, "GMT") || scan_char(s, 'Z');
	int hours, minutes = 0;
	bool west = scan_char(s, '-');

	if (!west && !scan_char(s, '+')) {
		s->ok = s->ok && utc && (s->at == s->end || *s->at == ' ' || *s->at == ')');
		return 0;
	}
	hours = scan_number(s, 1, 2, 0, 14);
	if (scan_char(s, ':') || (s->ok && s->at < s->end && *s->at >= '0' && *s->at <= '9'))
		minutes = scan_number(s, 2, 2, 0, 59);
	if (paren)
		scan_expect(s, ')');
	return (hours * INT64_C(3600) + minutes * 60) * (west ? -1 : 1);
}

bool fields_zone(struct text t, int64_t *east_s)
{
	struct scan s = scan_of(t);

	*east_s = scan_zone(&s);
	return s.ok;
}

/* A count since 1970, in the unit that its magnitude says. */
static bool epoch_ns(struct text t, int64_t *ns)
{
	int64_t v = 0, unit;

	if (!t.at || t.len == 0)
		return false;
	for (uint32_t i = 0; i < t.len; i++) {
		if (t.at[i] < '0' || t.at[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, t.at[i] - '0', &v))
			return false;
	}
	unit = v < INT64_C(100000000000)	 ? NS_PER_S
	       : v < INT64_C(100000000000000)	 ? 1000000
	       : v < INT64_C(100000000000000000) ? 1000
						 : 1;
	return v > 0 && !__builtin_mul_overflow(v, unit, ns);
}

static bool date_time(struct text date, struct text time, int64_t *ns)
{
	struct scan d = scan_of(date), t = scan_of(time);

	*ns = scan_date(&d) + scan_time(&t);
	return d.ok && d.at == d.end && t.ok;
}

/* "Dec 08 2022 17:00:55" of CEF; the zone follows or comes from elsewhere. */
static bool cef_time(struct text t, int64_t east_s, int64_t *ns)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct scan s = scan_of(t);
	int month = 0, day, year;

	if (!s.ok)
		return false;
	while (month < 12 && !scan_word(&s, (char[4]){months[3 * month], months[3 * month + 1],
						    months[3 * month + 2], '\0'}))
		month++;
	s.ok = month < 12;
	scan_expect(&s, ' ');
	scan_char(&s, ' ');
	day = scan_number(&s, 1, 2, 1, 31);
	scan_expect(&s, ' ');
	year = scan_number(&s, 4, 4, 1970, 2261);
	scan_expect(&s, ' ');
	*ns = ns_of_date(&s, year, month + 1, day) + scan_time(&s);
	if (scan_char(&s, ' '))
		east_s = scan_zone(&s);
	*ns -= east_s * NS_PER_S;
	return s.ok;
}

/* "2026-04-03T00:31:09.976660+00:00", behind PRI and perhaps RFC 5424's version. */
static bool header_time(const char *log, size_t len, int64_t *ns)
{
	uint32_t pri = 0;
	struct scan s;

	fields_pri(log, len, &pri);
	s = (struct scan){log + pri, log + len, true};
	if (s.end - s.at > 2 && s.at[0] == '1' && s.at[1] == ' ')
		s.at += 2;
	*ns = scan_date(&s);
	scan_expect(&s, 'T');
	*ns += scan_time(&s);
	*ns -= scan_zone(&s) * NS_PER_S;
	return s.ok && (s.at == s.end || *s.at == ' ');
}

bool fields_event_time(const char *log, size_t len, int64_t *ns)
{
	struct text date = {0}, time = {0}, tz = {0}, timezone = {0}, stamp = {0}, rt = {0},
		    start = {0};
	struct fields_iter it;
	struct text key, value;
	int64_t east_s = 0, local;
	bool zoned, dated;

	fields_begin(&it, log, len);
	while (fields_next(&it, &key, &value)) {
		struct text *found = NULL;

		if (it.cef)
			key = strip_prefix(key);
		if (text_is(key, "eventtime") && epoch_ns(value, ns))
			return true;
		if (text_is(key, "date"))
			found = &date;
		else if (text_is(key, "time"))
			found = &time;
		else if (text_is(key, "tz"))
			found = &tz;
		else if (text_is(key, "timezone"))
			found = &timezone;
		else if (text_is(key, "timestamp"))
			found = &stamp;
		else if (it.cef && text_is(key, "rt"))
			found = &rt;
		else if (it.cef && text_is(key, "start"))
			found = &start;
		if (found && !found->at)
			*found = value;
	}
	zoned = fields_zone(tz, &east_s) || fields_zone(timezone, &east_s);
	dated = date_time(date, time, &local);
	if (dated && zoned) {
		*ns = local - east_s * NS_PER_S;
		return true;
	}
	if (epoch_ns(stamp, ns))
		return true;
	if (dated) {
		*ns = local;
		return true;
	}
	if (!zoned)
		east_s = 0;
	return epoch_ns(rt, ns) || cef_time(rt, east_s, ns) || epoch_ns(start, ns) ||
	       cef_time(start, east_s, ns) || header_time(log, len, ns);
}
