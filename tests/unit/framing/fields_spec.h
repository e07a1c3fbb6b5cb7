/* What the tests of fields share: lines given as literals, values shown as C strings. */
#ifndef SLUICE_TEST_FIELDS_SPEC_H
#define SLUICE_TEST_FIELDS_SPEC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/framing/walk.h"

/* As a C string, "(absent)" where it is. */
static inline const char *shown(struct text t)
{
	static char buf[4][256];
	static unsigned turn;
	char *to = buf[turn++ % 4];

	if (!t.at)
		return "(absent)";
	snprintf(to, sizeof(buf[0]), "%.*s", (int)t.len, t.at);
	return to;
}

#define find(line, key) shown(fields_find(line, sizeof(line) - 1, key))
#define devid_of(line)	shown(fields_devid(line, sizeof(line) - 1))
#define vdom_of(line)	shown(fields_vdom(line, sizeof(line) - 1))

/* All fields as "key=value;". */
static inline const char *all_fields(const char *line, size_t len)
{
	static char text[2048];
	struct fields_iter it;
	struct text key, value;
	char *to = text;

	*to = '\0';
	fields_begin(&it, line, len);
	while (fields_next(&it, &key, &value))
		to += sprintf(to, "%.*s=%.*s;", (int)key.len, key.at, (int)value.len, value.at);
	return text;
}

#define fields_of(line) all_fields(line, sizeof(line) - 1)

#endif
