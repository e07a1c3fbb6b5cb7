/*
 * fields_*() on any text: values lie in the text and one behind the other, all ways to find a field
 * agree, and a field put in front is found.
 */
#include <stdio.h>

#include "tests/unit/framing/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool ok)
{
	if (!ok)
		abort();
}

static void check(const char *log, size_t len)
{
	struct text devid, vdom, want_devid, want_vdom;
	uint32_t header = 0;
	int64_t ns;
	int pri = fields_pri(log, len, &header);

	expect(pri >= -1 && pri <= 191 && header <= len && (pri < 0) == (header == 0));
	walk(log, len, &want_devid, &want_vdom);
	fields_identity(log, len, &devid, &vdom);
	expect(walk_same(devid, want_devid) && walk_same(vdom, want_vdom));
	expect(walk_same(fields_devid(log, len), want_devid));
	expect(walk_same(fields_vdom(log, len), want_vdom));
	fields_find(log, len, "srcip");
	if (fields_event_time(log, len, &ns))
		expect(ns > -86400 * INT64_C(1000000000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char front[] = "<189>devid=\"FGTEST01\" vd=root eventtime=1714979289 ";
	struct text devid, vdom;
	int64_t ns;
	char *log;

	if (size > 8192)
		return 0;
	log = malloc(size ? size : 1); /* of this very size, for ASan */
	expect(log != NULL);
	memcpy(log, data, size);
	check(log, size);
	free(log);

	log = malloc(size + sizeof(front) - 1);
	expect(log != NULL);
	memcpy(log, front, sizeof(front) - 1);
	memcpy(log + sizeof(front) - 1, data, size);
	size += sizeof(front) - 1;
	fields_identity(log, size, &devid, &vdom);
	expect(walk_is(devid, "FGTEST01") && walk_is(vdom, "root"));
	expect(fields_event_time(log, size, &ns) && ns == 1714979289 * INT64_C(1000000000));
	free(log);
	return 0;
}
