/* What fields.c, identity.c and event_time.c share. */
#ifndef SLUICE_FIELDS_INTERNAL_H
#define SLUICE_FIELDS_INTERNAL_H

#include <string.h>

#include "dataplane/framing/fields.h"

#define text_is(t, literal)                                                                        \
	((t).len == sizeof(literal) - 1 && memcmp((t).at, literal, sizeof(literal) - 1) == 0)

/* The value that begins at `v`, not of CEF; it->at and it->glued go behind it. */
struct text fields_plain_value(struct fields_iter *it, const char *v);

/* How many backslashes stand directly before `p`, not before `from`. */
static inline size_t backslashes(const char *from, const char *p)
{
	const char *q = p;

	while (q > from && q[-1] == '\\')
		q--;
	return (size_t)(p - q);
}

static inline bool escaped(const char *from, const char *p)
{
	return backslashes(from, p) % 2 == 1;
}

/* A CEF key without what FortiOS and FortiAnalyzer put before a key of their own. */
static inline struct text strip_prefix(struct text key)
{
	static const struct text prefixes[] = {
		{"FTNTFGT", 7}, {"FortinetFortiGate", 17}, {"ad.", 3}, {"cef", 3}};

	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (key.len > prefixes[i].len &&
			memcmp(key.at, prefixes[i].at, prefixes[i].len) == 0)
			return (struct text){key.at + prefixes[i].len, key.len - prefixes[i].len};
	return key;
}

#endif
