/* What logs say of their time. (framing's `struct text` is another than control's, so this file
 * knows nothing of control.) */
#include <stdlib.h>
#include <string.h>

#include "control/skew.h"
#include "dataplane/framing/fields.h"
#include "dataplane/journal/reader.h"

/* Its slot, a free one for a device not seen before; NULL: there is no place for it. */
static struct skew_seen *slot(struct skew_scan *s, const char *device, uint32_t len)
{
	uint64_t i = siphash13(&s->key, device, len);
	struct skew_seen *e;

	if (len == 0 || len > DP_DEVICE_NAME)
		return NULL;
	for (;; i++) {
		e = &s->slots[i % SKEW_SLOTS];
		if (!e->device[0])
			return s->count < SKEW_SLOTS / 2 ? e : NULL;
		if (strlen(e->device) == len && memcmp(e->device, device, len) == 0)
			return e;
	}
}

static void note(struct skew_scan *s, const struct journal_log *log)
{
	struct skew_seen *e;
	int64_t skew_ns;

	if (!fields_event_time((const char *)log->log, log->len, &skew_ns))
		return;
	e = slot(s, log->device, log->device_len);
	if (!e)
		return;
	skew_ns -= (int64_t)log->time_ns;
	if (!e->device[0]) {
		memcpy(e->device, log->device, log->device_len);
		e->least_ns = skew_ns;
		s->count++;
	}
	if (llabs(skew_ns) < llabs(e->least_ns))
		e->least_ns = skew_ns;
	if (log->time_ns > e->newest_ns) {
		e->newest_ns = log->time_ns;
		e->block = log->block;
	}
}

static void look(struct skew_scan *s, const struct journal_query *q)
{
	struct journal_fault fault = {0};
	struct journal_reader *reader;
	struct journal_log log;

	if (journal_reader_open(s->dir, q, &reader, &fault) != JOURNAL_OK)
		return;
	for (unsigned n = 0; n < SKEW_PART_LOGS && journal_reader_next(reader, &log) == 1; n++)
		note(s, &log);
	journal_reader_close(reader);
}

void skew_scan(struct skew_scan *s, bool (*cancelled)(void *ctx), void *ctx)
{
	const uint64_t blocks = s->durable - s->after;
	struct journal_query q = {.max_block = s->durable, .stop = cancelled, .stop_arg = ctx};

	/* First, so that there is place for them. No other block than that of the instant is read.
	 */
	for (unsigned i = 0; i < s->named_count && !cancelled(ctx); i++) {
		q.device = s->named[i].device;
		q.after_block = s->named[i].after;
		q.since_ns = q.until_ns = s->named[i].last_ns;
		look(s, &q);
	}
	q.device = NULL;
	q.since_ns = 0;
	q.until_ns = UINT64_MAX;
	for (unsigned i = 0; i < SKEW_PARTS && !cancelled(ctx); i++) {
		q.after_block = s->after + blocks * i / SKEW_PARTS;
		q.max_block = s->after + blocks * (i + 1) / SKEW_PARTS;
		if (q.max_block > q.after_block)
			look(s, &q);
	}
}
