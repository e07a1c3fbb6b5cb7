/* The newest logs and what they say of their time. (framing's `struct text` is another than
 * control's, so this file knows nothing of control.) */
#include <stdlib.h>
#include <string.h>

#include "control/skew.h"
#include "dataplane/framing/fields.h"
#include "dataplane/journal/reader.h"

static void note(struct skew_scan *s, const struct journal_log *log, int64_t skew_ns)
{
	unsigned i = 0;

	while (i < s->count && (strlen(s->v[i].device) != log->device_len ||
				       memcmp(s->v[i].device, log->device, log->device_len) != 0))
		i++;
	if (i == SKEW_DEVICES || log->device_len > DP_DEVICE_NAME)
		return;
	if (i == s->count) {
		s->count++;
		memcpy(s->v[i].device, log->device, log->device_len);
		s->v[i].least_ns = skew_ns;
	}
	if (llabs(skew_ns) < llabs(s->v[i].least_ns))
		s->v[i].least_ns = skew_ns;
}

void skew_scan(struct skew_scan *s, bool (*cancelled)(void *ctx), void *ctx)
{
	const struct journal_query q = {
		.until_ns = UINT64_MAX,
		.after_block = s->after,
		.max_block = s->durable,
	};
	struct journal_fault fault = {0};
	struct journal_reader *reader;
	struct journal_log log;

	if (journal_reader_open(s->dir, &q, &reader, &fault) != JOURNAL_OK)
		return;
	for (unsigned n = 0;
		n < SKEW_LOGS && !cancelled(ctx) && journal_reader_next(reader, &log) == 1; n++) {
		int64_t said_ns;

		if (fields_event_time((const char *)log.log, log.len, &said_ns))
			note(s, &log, said_ns - (int64_t)log.time_ns);
	}
	journal_reader_close(reader);
}
