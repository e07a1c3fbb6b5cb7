#include "control/journal_json.h"

#include <string.h>

struct listing {
	struct text *out;
	unsigned listed, most, omitted;
};

static void number(struct text *t, const char *key, uint64_t v)
{
	text_json_key(t, key);
	text_u64(t, v);
}

static void known_number(struct text *t, const char *key, bool known, uint64_t v)
{
	text_json_key(t, key);
	if (known)
		text_u64(t, v);
	else
		text_str(t, "null");
}

static void string(struct text *t, const char *key, const char *s)
{
	text_json_key(t, key);
	text_json_string(t, s, strlen(s));
}

static void add_segment(void *ctx, const struct journal_segment_info *s)
{
	struct listing *l = ctx;
	struct text *t = l->out;

	text_str(t, l->listed++ ? ",{" : "{");
	string(t, "name", s->name);
	number(t, "bytes", s->bytes);
	number(t, "first_block", s->first_block);
	number(t, "last_block", s->last_block);
	number(t, "blocks", s->blocks);
	number(t, "logs", s->logs);
	number(t, "raw_bytes", s->raw_bytes);
	text_json_key(t, "first");
	text_json_time(t, s->first_ns);
	text_json_key(t, "last");
	text_json_time(t, s->last_ns);
	text_json_key(t, "finished");
	text_str(t, s->finished ? "true}" : "false}");
}

int journal_json_list(struct text *out, const char *dir, struct journal_fault *fault)
{
	struct listing l = {.out = out};
	int rc;

	text_str(out, "{\"schema\":1,\"segments\":[");
	rc = journal_list(dir, add_segment, &l, fault);
	text_str(out, "]}");
	return rc;
}

static void add_finding(void *ctx, const struct journal_finding *f)
{
	struct listing *l = ctx;
	struct text *t = l->out;

	if (l->listed == l->most) {
		l->omitted++;
		return;
	}
	text_str(t, l->listed++ ? ",{" : "{");
	string(t, "kind", f->kind == FINDING_TORN_TAIL ? "torn_tail" : "corruption");
	string(t, "segment", f->segment);
	number(t, "offset", f->offset);
	number(t, "length_bytes", f->length);
	known_number(t, "first_block", f->first_block != 0, f->first_block);
	known_number(t, "last_block", f->last_block != 0, f->last_block);
	known_number(t, "logs", f->logs_known, f->logs);
	string(t, "text", f->text);
	text_char(t, '}');
}

int journal_json_verify(struct text *out, const char *dir, uint64_t max_block, unsigned most,
	struct journal_fault *fault)
{
	struct listing l = {.out = out, .most = most};
	struct journal_verify_totals totals = {0};
	int rc;

	text_str(out, "{\"schema\":1,\"findings\":[");
	rc = journal_verify(dir, max_block, add_finding, &l, &totals, fault);
	text_char(out, ']');
	number(out, "omitted", l.omitted);
	number(out, "segments", totals.segments);
	number(out, "blocks", totals.blocks);
	number(out, "logs", totals.logs);
	number(out, "bytes", totals.bytes);
	number(out, "torn", totals.torn);
	number(out, "corrupt", totals.corrupt);
	text_char(out, '}');
	return rc;
}
