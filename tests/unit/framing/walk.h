/*
 * What fields_identity() has to say, by going through all fields one after the other; for the tests
 * and the fuzz target. Aborts where fields_next() leaves the text or goes backwards.
 */
#ifndef SLUICE_TEST_WALK_H
#define SLUICE_TEST_WALK_H

#include <stdlib.h>
#include <string.h>

#include "dataplane/framing/fields.h"

static inline bool walk_is(struct text t, const char *word)
{
	return t.len == strlen(word) && memcmp(t.at, word, t.len) == 0;
}

static inline bool walk_is_vd(struct text key, bool cef)
{
	static const char *const keys[] = {
		"vd", "ad.vd", "FTNTFGTvd", "FortinetFortiGatevd", "cefvd"};

	for (unsigned i = 0; i < (cef ? 5u : 1u); i++)
		if (walk_is(key, keys[i]))
			return true;
	return false;
}

static inline void walk(const char *log, size_t len, struct text *devid, struct text *vdom)
{
	const char *last = log;
	struct fields_iter it;
	struct text key, value;

	*devid = *vdom = (struct text){NULL, 0};
	fields_begin(&it, log, len);
	while (fields_next(&it, &key, &value)) {
		if (key.at < last || value.at <= key.at || key.at + key.len >= value.at ||
			value.at + value.len > log + len || it.at < value.at + value.len ||
			it.at > log + len)
			abort();
		last = it.at;
		if ((walk_is(key, "devid") || walk_is(key, "device_id") ||
			    walk_is(key, "deviceExternalId")) &&
			!devid->at && fields_devid_legal(value.at, value.len))
			*devid = value;
		if (!vdom->at && walk_is_vd(key, it.cef))
			*vdom = value;
	}
}

static inline bool walk_same(struct text a, struct text b)
{
	return a.at == b.at && a.len == b.len;
}

#endif
