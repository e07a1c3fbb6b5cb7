/* What bytes of a stream or a log mean: kinds of streams, frames, fields, RELP, EC CF records. */
#include <stdlib.h>
#include <string.h>

#include <lz4.h>

#include "bench/micro/corpus.h"
#include "bench/micro/micro.h"
#include "dataplane/base/bytes.h"
#include "dataplane/framing/eccf.h"
#include "dataplane/framing/fields.h"
#include "dataplane/framing/framing.h"
#include "dataplane/framing/relp.h"

#define STREAM_BYTES (128u * 1024u)

struct text_ctx {
	struct micro_ctx m;
	struct corpus c;
};

static void text_free(struct micro_ctx *ctx)
{
	struct text_ctx *c = (struct text_ctx *)ctx;

	corpus_free(&c->c);
	free(c);
}

static struct micro_ctx *text_setup(uint32_t bytes, enum corpus_framing framing)
{
	struct text_ctx *c = calloc(1, sizeof(*c));

	if (!c || corpus_make(&c->c, bytes, framing) != 0) {
		free(c);
		return NULL;
	}
	c->m.items = c->c.logs;
	c->m.bytes = c->c.len;
	return &c->m;
}

static struct micro_ctx *lines_setup(int64_t arg)
{
	(void)arg;
	return text_setup(STREAM_BYTES, CORPUS_LINES);
}

static struct micro_ctx *counted_setup(int64_t arg)
{
	(void)arg;
	return text_setup(STREAM_BYTES, CORPUS_COUNTED);
}

static struct micro_ctx *relp_setup(int64_t arg)
{
	(void)arg;
	return text_setup(STREAM_BYTES, CORPUS_RELP);
}

static struct micro_ctx *bare_setup(int64_t arg)
{
	(void)arg;
	return text_setup(32u * 1024u, CORPUS_BARE);
}

static void split(struct text_ctx *c, enum stream_kind kind)
{
	struct framing_span rest = {c->c.bytes, c->c.len};
	struct framer f;
	struct frame frame;
	uint32_t logs = 0;

	framer_init(&f, kind, 65536);
	while (framer_next(&f, &rest, 1, false, &frame) == FRAME_LOG) {
		logs++;
		rest.data += frame.total;
		rest.len -= frame.total;
	}
	if (logs != c->c.logs)
		abort();
}

static void lines_once(struct micro_ctx *ctx)
{
	split((struct text_ctx *)ctx, STREAM_LINES);
}

static void counted_once(struct micro_ctx *ctx)
{
	split((struct text_ctx *)ctx, STREAM_COUNTED);
}

static void relp_once(struct micro_ctx *ctx)
{
	struct text_ctx *c = (struct text_ctx *)ctx;
	struct framing_span rest = {c->c.bytes, c->c.len};
	struct relp r;
	struct frame frame;
	enum relp_result got;
	uint32_t logs = 0;

	relp_init(&r, 65536);
	while ((got = relp_next(&r, &rest, 1, &frame)) == RELP_LOG || got == RELP_SKIP) {
		logs += got == RELP_LOG;
		rest.data += frame.total;
		rest.len -= frame.total;
	}
	if (logs != c->c.logs)
		abort();
}

static void detect_once(struct micro_ctx *ctx)
{
	struct text_ctx *c = (struct text_ctx *)ctx;

	for (uint32_t i = 0; i < c->c.logs; i++)
		micro_keep(stream_detect(c->c.bytes + c->c.at[i], STREAM_DETECT_MAX, false));
}

static void identity_once(struct micro_ctx *ctx)
{
	struct text_ctx *c = (struct text_ctx *)ctx;

	for (uint32_t i = 0; i < c->c.logs; i++) {
		struct text devid, vdom;

		fields_identity((char *)c->c.bytes + c->c.at[i], c->c.log_len[i], &devid, &vdom);
		micro_keep(devid.len + vdom.len);
	}
}

static void all_fields_once(struct micro_ctx *ctx)
{
	struct text_ctx *c = (struct text_ctx *)ctx;

	for (uint32_t i = 0; i < c->c.logs; i++) {
		struct fields_iter it;
		struct text key, value;

		fields_begin(&it, (char *)c->c.bytes + c->c.at[i], c->c.log_len[i]);
		while (fields_next(&it, &key, &value))
			micro_keep(value.len);
	}
}

static void event_time_once(struct micro_ctx *ctx)
{
	struct text_ctx *c = (struct text_ctx *)ctx;

	for (uint32_t i = 0; i < c->c.logs; i++) {
		int64_t ns = 0;

		micro_keep(
			fields_event_time((char *)c->c.bytes + c->c.at[i], c->c.log_len[i], &ns) +
			(uint64_t)ns);
	}
}

/* ---- an EC CF record of 20 logs, decoded, inflated and split ---- */

struct eccf_ctx {
	struct micro_ctx m;
	uint32_t len;
	uint8_t record[16384], raw[16384];
};

static void eccf_free(struct micro_ctx *ctx)
{
	free(ctx);
}

static struct micro_ctx *eccf_setup(int64_t arg)
{
	static const char names[] = "FGT60FTK00000007fw-7root";
	struct eccf_ctx *c = calloc(1, sizeof(*c));
	struct corpus lines;
	uint8_t *at;
	uint32_t n = (uint32_t)arg, raw = 0;
	int packed;

	if (!c || corpus_make(&lines, n * 1100u, CORPUS_BARE) != 0) {
		free(c);
		return NULL;
	}
	at = c->record;
	store_be16(at, 0xeccf);
	at[5] = 16;
	at[6] = 4;
	at[7] = 4;
	store_be16(at + 8, (uint16_t)n);
	store_be32(at + 14, 1795255200);
	memcpy(at + 18, names, sizeof(names) - 1);
	at += 18 + sizeof(names) - 1;
	for (uint32_t i = 0; i < n; i++) {
		store_be16(at, (uint16_t)lines.log_len[i]);
		at += 2;
		raw += lines.log_len[i];
	}
	packed = LZ4_compress_default((char *)lines.bytes, (char *)at, (int)raw,
		(int)(c->record + sizeof(c->record) - at));
	corpus_free(&lines);
	if (packed <= 0) {
		free(c);
		return NULL;
	}
	store_be16(c->record + 10, (uint16_t)packed);
	store_be16(c->record + 12, (uint16_t)raw);
	c->len = (uint32_t)(at - c->record) + (uint32_t)packed;
	c->m.items = n;
	c->m.bytes = raw;
	return &c->m;
}

static void eccf_once(struct micro_ctx *ctx)
{
	struct eccf_ctx *c = (struct eccf_ctx *)ctx;
	struct eccf rec;
	struct text log;
	uint32_t off = 0, index = 0;
	int raw = -1;

	if (eccf_parse(&rec, c->record, c->len) == ECCF_OK)
		raw = eccf_inflate(&rec, c->raw, sizeof(c->raw));
	if (raw < 0)
		abort();
	while (eccf_next(&rec, c->raw, (uint32_t)raw, &off, &index, &log))
		micro_keep(log.len);
}

static const struct micro cases[] = {
	{"framing/detect", NULL, {0}, 0, bare_setup, detect_once, text_free, true},
	{"framing/split_lines", NULL, {0}, 0, lines_setup, lines_once, text_free, true},
	{"framing/split_counted", NULL, {0}, 0, counted_setup, counted_once, text_free, true},
	{"framing/relp", NULL, {0}, 0, relp_setup, relp_once, text_free, true},
	{"framing/eccf", "logs", {1, 20}, 2, eccf_setup, eccf_once, eccf_free, true},
	{"fields/identity", NULL, {0}, 0, bare_setup, identity_once, text_free, true},
	{"fields/all", NULL, {0}, 0, bare_setup, all_fields_once, text_free, true},
	{"fields/event_time", NULL, {0}, 0, bare_setup, event_time_once, text_free, true},
};
const struct micro_list micro_text = {cases, sizeof(cases) / sizeof(cases[0])};
