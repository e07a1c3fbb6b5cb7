/* The journal's reader over the logs of a fake journal; the directory's name is the pointer. */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/control/fake_dp.h"
#include "tests/unit/control/fake_reader.h"

struct journal *fake_reader_journal;

struct journal_reader {
	struct journal *j;
	struct journal_query q;
	char *device, *log;
	regex_t re;
	unsigned at;
	struct journal_reader_stats stats;
};

const char *journal_transport_name(uint8_t transport)
{
	return transport == TRANSPORT_UDP ? "udp" : "internal";
}

unsigned journal_flag_names(uint8_t flags, const char **names, unsigned n)
{
	unsigned count = 0;

	if (flags & 1 && count < n)
		names[count++] = "cut";
	if (flags & 2 && count < n)
		names[count++] = "lf";
	return count;
}

int journal_reader_open(const char *dir, const struct journal_query *q, struct journal_reader **out,
	struct journal_fault *fault)
{
	struct journal_reader *r;

	if (fake_reader_journal->refuse_open) {
		snprintf(fault->text, sizeof(fault->text), "%s: no such directory", dir);
		return JOURNAL_E_MISSING;
	}
	r = calloc(1, sizeof(*r));
	r->j = fake_reader_journal;
	r->q = *q;
	if (q->grep && regcomp(&r->re, q->grep, REG_EXTENDED | REG_NOSUB) != 0) {
		snprintf(fault->text, sizeof(fault->text), "bad regular expression");
		free(r);
		return JOURNAL_E_CONFIG;
	}
	r->device = q->device ? strdup(q->device) : NULL;
	*out = r;
	return JOURNAL_OK;
}

static bool matches(const struct journal_reader *r, const struct fake_log *l)
{
	char *text;
	bool found;

	if (r->device && strcmp(r->device, l->device) != 0)
		return false;
	if (l->time_ns < r->q.since_ns || l->time_ns > r->q.until_ns ||
		l->block <= r->q.after_block)
		return false;
	if (!r->q.grep)
		return true;
	text = strndup((const char *)l->log, l->len);
	found = regexec(&r->re, text, 0, NULL, 0) == 0;
	free(text);
	return found;
}

int journal_reader_next(struct journal_reader *r, struct journal_log *log)
{
	int rc = 0;

	pthread_mutex_lock(&r->j->mutex);
	while (rc == 0 && r->at < r->j->count && r->j->v[r->at].block <= r->q.max_block) {
		const struct fake_log *l = &r->j->v[r->at++];

		r->stats.blocks_read++;
		if (!matches(r, l))
			continue;
		free(r->log);
		r->log = malloc(l->len + 1);
		memcpy(r->log, l->log, l->len);
		*log = (struct journal_log){
			.block = l->block,
			.time_ns = l->time_ns,
			.device = l->device,
			.device_len = (uint32_t)strlen(l->device),
			.transport = l->transport,
			.flags = l->flags,
			.log = (const uint8_t *)r->log,
			.len = l->len,
		};
		if (l->vdom) {
			log->vdom = "root";
			log->vdom_len = 4;
		}
		if (l->stream) {
			log->has_stream = log->has_source = true;
			log->conn_id = 3;
			log->epoch = 0xabcdef;
			log->seq_no = l->seq_no;
			ip_addr_parse(&log->source, "192.0.2.7");
			log->source_port = 514;
		}
		rc = 1;
	}
	pthread_mutex_unlock(&r->j->mutex);
	return rc;
}

void journal_reader_extend(struct journal_reader *r, uint64_t max_block)
{
	r->q.max_block = max_block;
}

void journal_reader_stats(const struct journal_reader *r, struct journal_reader_stats *st)
{
	*st = r->stats;
}

void journal_reader_close(struct journal_reader *r)
{
	if (r->q.grep)
		regfree(&r->re);
	free(r->device);
	free(r->log);
	free(r);
}

int journal_list(const char *dir, journal_segment_fn fn, void *ctx, struct journal_fault *fault)
{
	if (fake_reader_journal->refuse_open) {
		snprintf(fault->text, sizeof(fault->text), "%s: no such directory", dir);
		return JOURNAL_E_MISSING;
	}
	for (unsigned i = 0; i < fake_reader_journal->segments; i++) {
		struct journal_segment_info s = {
			.bytes = 1000, .first_block = i * 10 + 1, .last_block = i * 10 + 10};

		snprintf(s.name, sizeof(s.name), "%016x.zst", i * 10 + 1);
		s.finished = i + 1 < fake_reader_journal->segments;
		fn(ctx, &s);
	}
	return JOURNAL_OK;
}

int journal_verify(const char *dir, uint64_t max_block, journal_finding_fn fn, void *ctx,
	struct journal_verify_totals *totals, struct journal_fault *fault)
{
	struct journal *j = fake_reader_journal;

	(void)max_block;
	pthread_mutex_lock(&j->mutex);
	while (j->verify_waits)
		pthread_cond_wait(&j->verify_go, &j->mutex);
	pthread_mutex_unlock(&j->mutex);
	if (j->refuse_open) {
		snprintf(fault->text, sizeof(fault->text), "%s: no such directory", dir);
		return JOURNAL_E_MISSING;
	}
	for (unsigned i = 0; i < j->findings; i++) {
		struct journal_finding f = {
			.kind = i % 2 ? FINDING_CORRUPTION : FINDING_TORN_TAIL,
			.segment = "0000000000000001.zst",
			.offset = 4096,
			.text = "bad checksum",
		};

		fn(ctx, &f);
	}
	*totals = (struct journal_verify_totals){.segments = j->segments,
		.blocks = j->block,
		.logs = j->logs,
		.corrupt = j->findings / 2};
	return JOURNAL_OK;
}
