#include "dataplane/journal/block.h"

#include <stdlib.h>

#define ALIGN 64u

static size_t part(size_t *total, size_t count, size_t size)
{
	size_t at = *total;

	*total += (count * size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	return at;
}

struct block *block_new(uint32_t raw_size)
{
	size_t total = 0;
	size_t self = part(&total, 1, sizeof(struct block));
	size_t rows = part(&total, BLOCK_MAX_ROWS, sizeof(struct block_row));
	size_t devices = part(&total, BLOCK_MAX_DEVICES, sizeof(struct block_device));
	size_t sources = part(&total, BLOCK_MAX_SOURCES, sizeof(struct block_source));
	size_t vdoms = part(&total, BLOCK_MAX_VDOMS, sizeof(struct block_vdom));
	size_t streams = part(&total, BLOCK_MAX_STREAMS, sizeof(struct block_stream));
	size_t gaps = part(&total, BLOCK_MAX_GAPS, sizeof(struct block_gap));
	size_t deltas = part(&total, BLOCK_MAX_DELTAS, sizeof(struct block_delta));
	size_t names = part(&total, BLOCK_NAME_BYTES, 1);
	size_t raw = part(&total, raw_size, 1);
	uint8_t *mem;
	struct block *b;

	if (raw_size < (64u << 10) || raw_size > (16u << 20))
		return NULL;
	/* Not cleared: pages that no log ever reaches need no memory. */
	mem = aligned_alloc(ALIGN, total);
	if (!mem)
		return NULL;
	b = (struct block *)(mem + self);
	memset(b, 0, sizeof(*b));
	b->raw = mem + raw;
	b->raw_size = raw_size;
	b->rows = (struct block_row *)(mem + rows);
	b->devices = (struct block_device *)(mem + devices);
	b->sources = (struct block_source *)(mem + sources);
	b->vdoms = (struct block_vdom *)(mem + vdoms);
	b->streams = (struct block_stream *)(mem + streams);
	b->gaps = (struct block_gap *)(mem + gaps);
	b->deltas = (struct block_delta *)(mem + deltas);
	b->names = mem + names;
	return b;
}

void block_free(struct block *b)
{
	free(b);
}
