/*
 * Items made of single logs: as many as fit, of one category and one vdom, which are read from
 * FortiOS key=value logs (fortinet-formats 5.3); other logs are of category 1 (event). Pure.
 */
#ifndef SLUICE_CLIENT_BATCH_H
#define SLUICE_CLIENT_BATCH_H

#include "dataplane/client/client.h"

#define BATCH_VDOM 64u

struct batch {
	void (*item)(void *ctx, const struct client_item *item);
	void *ctx;
	const char *fixed_vdom; /* NULL: what the log says */
	uint8_t type;
	/* the item in the making */
	uint8_t category;
	uint32_t vdom_len, count, used;
	char vdom[BATCH_VDOM];
	uint32_t lengths[OFTP_ITEM_LOGS_MAX];
	uint8_t logs[OFTP_ITEM_RAW_MAX];
};

/* The category that a log's type= and subtype= name. */
uint8_t batch_category(const char *log, size_t len);

/* A log of 1 to OFTP_ITEM_RAW_MAX bytes; first, if it does not fit in there, batch_flush(). */
void batch_add(struct batch *b, const uint8_t *log, uint32_t len);
/* What there is becomes an item. */
void batch_flush(struct batch *b);

#endif
