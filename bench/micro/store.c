/* From a log to the disk and back: blocks, their columns, compression, search. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lz4.h>

#include "bench/micro/corpus.h"
#include "bench/micro/micro.h"
#include "dataplane/base/crc32c.h"
#include "dataplane/journal/block.h"
#include "dataplane/journal/columns.h"
#include "dataplane/journal/grep.h"
#include "dataplane/journal/memory.h"
#include "dataplane/journal/zframe.h"

#define BLOCK_BYTES (1u << 20)
#define DEVICES	    100u

struct store_ctx {
	struct micro_ctx m;
	struct corpus c;
	struct block *b;
	struct zpress *z;
	struct grep g;
	int level;
	uint8_t *out;
	size_t cap;
	struct columns_last last[BLOCK_MAX_DEVICES];
	uint64_t seq[BLOCK_MAX_STREAMS];
};

static void store_free(struct micro_ctx *ctx)
{
	struct store_ctx *c = (struct store_ctx *)ctx;

	corpus_free(&c->c);
	block_free(c->b);
	zpress_free(c->z);
	grep_free(&c->g);
	free(c->out);
	free(c);
}

/* Fills the block with the corpus, as intake does once device and source are known. */
static void fill(struct store_ctx *c)
{
	struct block *b = c->b;

	block_reset(b);
	for (uint32_t d = 0; d < DEVICES; d++) {
		const uint8_t four[4] = {10, 0, 0, (uint8_t)d};
		struct ip_addr a = ip_addr_v4(four);
		char name[17];

		snprintf(name, sizeof(name), "FGT60FTK%08u", d);
		block_device_add(b, name, 16, d);
		block_source_add(b, &a, 514);
	}
	for (uint32_t i = 0; i < c->c.logs && block_has_room(b, c->c.log_len[i], 1, 0); i++) {
		struct block_row row = {
			.time_ns = 1795255200000000000u + i * 1000u,
			.len = c->c.log_len[i],
			.device = (uint16_t)(i % DEVICES),
			.source = (uint16_t)(i % DEVICES),
			.vdom = BLOCK_NONE,
			.stream = BLOCK_NONE,
			.transport = TRANSPORT_UDP,
		};

		memcpy(block_append(b, &row), c->c.bytes + c->c.at[i], row.len);
	}
	b->number = 1;
}

static struct store_ctx *store_setup(void)
{
	struct store_ctx *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->b = block_new(BLOCK_BYTES);
	c->z = zpress_new();
	c->cap = zpress_bound(BLOCK_BYTES) > COLUMNS_BOUND ? zpress_bound(BLOCK_BYTES)
							   : COLUMNS_BOUND;
	c->out = malloc(c->cap);
	if (!c->b || !c->z || !c->out || corpus_make(&c->c, BLOCK_BYTES, CORPUS_BARE) != 0) {
		store_free(&c->m);
		return NULL;
	}
	fill(c);
	c->m.items = c->b->row_count;
	c->m.bytes = c->b->raw_len;
	return c;
}

static struct micro_ctx *block_setup(int64_t arg)
{
	struct store_ctx *c = store_setup();

	(void)arg;
	return c ? &c->m : NULL;
}

static void block_once(struct micro_ctx *ctx)
{
	fill((struct store_ctx *)ctx);
}

/* What copying alone costs. */
static void memcpy_once(struct micro_ctx *ctx)
{
	struct store_ctx *c = (struct store_ctx *)ctx;

	memcpy(c->b->raw, c->c.bytes, c->b->raw_len);
	micro_keep(c->b->raw[77]);
}

static void columns_once(struct micro_ctx *ctx)
{
	struct store_ctx *c = (struct store_ctx *)ctx;
	struct journal_part part;
	struct journal_records r = records_of_block(c->b, &part);

	if (columns_encode(&r, c->last, c->seq, c->out, c->cap) == 0)
		abort();
}

static void crc_once(struct micro_ctx *ctx)
{
	struct store_ctx *c = (struct store_ctx *)ctx;

	micro_keep(crc32c(0, c->b->raw, c->b->raw_len));
}

static struct micro_ctx *press_setup(int64_t level)
{
	struct store_ctx *c = store_setup();
	uint32_t crc;
	size_t len;

	if (!c)
		return NULL;
	c->level = level ? (int)level : zpress_raw_level();
	len = zpress_data(c->z, c->level, c->b->raw, c->b->raw_len, c->out, c->cap, &crc);
	if (len == 0)
		abort();
	snprintf(c->m.label, sizeof(c->m.label), "%.2f:1", (double)c->b->raw_len / (double)len);
	return &c->m;
}

static void press_once(struct micro_ctx *ctx)
{
	struct store_ctx *c = (struct store_ctx *)ctx;
	uint32_t crc;

	micro_keep(zpress_data(c->z, c->level, c->b->raw, c->b->raw_len, c->out, c->cap, &crc));
	micro_keep(crc);
}

static int lz4_once_len(struct store_ctx *c)
{
	return LZ4_compress_fast(
		(const char *)c->b->raw, (char *)c->out, (int)c->b->raw_len, (int)c->cap, c->level);
}

/* Not what the journal does: what the cheapest codec of all would save, and at which ratio. */
static struct micro_ctx *lz4_setup(int64_t acceleration)
{
	struct store_ctx *c = store_setup();
	int len;

	if (!c)
		return NULL;
	c->level = (int)acceleration;
	len = lz4_once_len(c);
	if (len <= 0)
		abort();
	snprintf(c->m.label, sizeof(c->m.label), "%.2f:1", (double)c->b->raw_len / len);
	return &c->m;
}

static void lz4_once(struct micro_ctx *ctx)
{
	micro_keep((uint64_t)lz4_once_len((struct store_ctx *)ctx));
}

/* 0: text that no log has; 1: text that a few have; 2: an expression with text; 3: one without. */
static struct micro_ctx *grep_setup(int64_t arg)
{
	static const char *const patterns[] = {"no such text", "Administrator admin",
		"status=\"failed\" reason=\"[a-z_]+\"", "srcport=4[0-9]+[02468] "};
	struct store_ctx *c = store_setup();
	char why[200];

	if (c && grep_compile(&c->g, patterns[arg], why) != 0)
		abort();
	return c ? &c->m : NULL;
}

/* As the reader does: from a place where a match may be to the log around it. */
static void grep_once(struct micro_ctx *ctx)
{
	struct store_ctx *c = (struct store_ctx *)ctx;
	const uint8_t *at = c->b->raw, *end = at + c->b->raw_len;
	uint32_t row = 0, found = 0;
	const uint8_t *log = at;

	while ((at = grep_seek(&c->g, at, end)) && at < end) {
		while (log + c->b->rows[row].len < at)
			log += c->b->rows[row++].len + 1;
		found += grep_confirm(&c->g, log, c->b->rows[row].len);
		log += c->b->rows[row++].len + 1;
		at = log;
	}
	micro_keep(found);
}

static const struct micro cases[] = {
	{"base/memcpy", NULL, {0}, 0, block_setup, memcpy_once, store_free, false},
	{"base/crc32c", NULL, {0}, 0, block_setup, crc_once, store_free, true},
	{"journal/block_append", NULL, {0}, 0, block_setup, block_once, store_free, true},
	{"journal/columns", NULL, {0}, 0, block_setup, columns_once, store_free, true},
	{"journal/zstd", "level", {0, -5, -1, 1, 3, 6, 9}, 7, press_setup, press_once, store_free,
		false},
	{"journal/lz4", "acceleration", {1, 8}, 2, lz4_setup, lz4_once, store_free, false},
	{"journal/grep", "pattern", {0, 1, 2, 3}, 4, grep_setup, grep_once, store_free, false},
};
const struct micro_list micro_store = {cases, sizeof(cases) / sizeof(cases[0])};
