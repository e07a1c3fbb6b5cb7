#include "dataplane/client/batch.h"

#include <assert.h>
#include <string.h>

/* As the vendor numbers them. */
static const struct {
	const char *word;
	uint8_t category;
} categories[] = {{"traffic", 0}, {"event", 1}, {"virus", 2}, {"webfilter", 3}, {"ips", 4},
	{"attack", 4}, {"emailfilter", 5}, {"spam", 5}, {"anomaly", 7}, {"voip", 8}, {"dlp", 9},
	{"app-ctrl", 10}, {"waf", 12}, {"gtp", 14}, {"dns", 15}, {"ssh", 16}, {"ssl", 17},
	{"file-filter", 19}, {"icap", 20}};

#define EVENT 1u

static int category_of(struct text word)
{
	for (size_t i = 0; word.at && i < sizeof(categories) / sizeof(categories[0]); i++)
		if (strlen(categories[i].word) == word.len &&
			memcmp(categories[i].word, word.at, word.len) == 0)
			return categories[i].category;
	return -1;
}

uint8_t batch_category(const char *log, size_t len)
{
	int c = category_of(fields_find(log, len, "type"));

	if (c < 0) /* type="utm" */
		c = category_of(fields_find(log, len, "subtype"));
	return c < 0 ? EVENT : (uint8_t)c;
}

static struct text vdom_of(const struct batch *b, const char *log, uint32_t len)
{
	struct text v;

	if (b->fixed_vdom)
		return (struct text){b->fixed_vdom, (uint32_t)strlen(b->fixed_vdom)};
	v = fields_find(log, len, "vd");
	if (!v.at || v.len > BATCH_VDOM)
		return (struct text){NULL, 0};
	for (uint32_t i = 0; i < v.len; i++)
		if ((unsigned char)v.at[i] < ' ' || v.at[i] == 0x7f)
			return (struct text){NULL, 0};
	return v;
}

void batch_flush(struct batch *b)
{
	const struct client_item item = {.logs = b->logs,
		.lengths = b->lengths,
		.count = (uint16_t)b->count,
		.type = b->type,
		.category = b->category,
		.vdom = {b->vdom_len ? b->vdom : NULL, b->vdom_len}};

	if (b->count == 0)
		return;
	b->count = b->used = 0;
	b->item(b->ctx, &item);
}

void batch_add(struct batch *b, const uint8_t *log, uint32_t len)
{
	const uint8_t category = batch_category((const char *)log, len);
	const struct text vdom = vdom_of(b, (const char *)log, len);

	assert(len >= 1 && len <= OFTP_ITEM_RAW_MAX);
	if (b->count == OFTP_ITEM_LOGS_MAX || len > OFTP_ITEM_RAW_MAX - b->used ||
		b->category != category || b->vdom_len != vdom.len ||
		memcmp(b->vdom, vdom.len ? vdom.at : "", vdom.len) != 0)
		batch_flush(b);
	if (b->count == 0) {
		b->category = category;
		b->vdom_len = vdom.len;
		memcpy(b->vdom, vdom.len ? vdom.at : "", vdom.len);
	}
	memcpy(b->logs + b->used, log, len);
	b->used += len;
	b->lengths[b->count++] = len;
}
