#include "dataplane/journal/block.h"

#include "dataplane/journal/memory.h"

#define ALIGN	   64u
#define LOG_LIKELY 256u /* bytes: few have less */

/* Where the parts of a block lie in its memory. */
struct layout {
	size_t rows, devices, sources, vdoms, streams, gaps, deltas, names, raw, total;
};

static size_t part(size_t *total, size_t count, size_t size)
{
	size_t at = *total;

	*total += (count * size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	return at;
}

static struct layout layout_of(uint32_t raw_size)
{
	struct layout l = {.total = 0};

	part(&l.total, 1, sizeof(struct block));
	l.rows = part(&l.total, BLOCK_MAX_ROWS, sizeof(struct block_row));
	l.devices = part(&l.total, BLOCK_MAX_DEVICES, sizeof(struct block_device));
	l.sources = part(&l.total, BLOCK_MAX_SOURCES, sizeof(struct block_source));
	l.vdoms = part(&l.total, BLOCK_MAX_VDOMS, sizeof(struct block_vdom));
	l.streams = part(&l.total, BLOCK_MAX_STREAMS, sizeof(struct block_stream));
	l.gaps = part(&l.total, BLOCK_MAX_GAPS, sizeof(struct block_gap));
	l.deltas = part(&l.total, BLOCK_MAX_DELTAS, sizeof(struct block_delta));
	l.names = part(&l.total, BLOCK_NAME_BYTES, 1);
	l.raw = part(&l.total, raw_size, 1);
	return l;
}

struct block *block_new(uint32_t raw_size)
{
	struct layout l = layout_of(raw_size);
	uint8_t *mem;
	struct block *b;

	if (raw_size < (64u << 10) || raw_size > (16u << 20))
		return NULL;
	mem = memory_map(l.total);
	if (!mem)
		return NULL;
	b = (struct block *)mem;
	b->raw = mem + l.raw;
	b->raw_size = raw_size;
	b->rows = (struct block_row *)(mem + l.rows);
	b->devices = (struct block_device *)(mem + l.devices);
	b->sources = (struct block_source *)(mem + l.sources);
	b->vdoms = (struct block_vdom *)(mem + l.vdoms);
	b->streams = (struct block_stream *)(mem + l.streams);
	b->gaps = (struct block_gap *)(mem + l.gaps);
	b->deltas = (struct block_delta *)(mem + l.deltas);
	b->names = mem + l.names;
	return b;
}

void block_populate(struct block *b)
{
	struct layout l = layout_of(b->raw_size);
	size_t rows = b->raw_size / LOG_LIKELY;
	uint8_t *mem = (uint8_t *)b;

	rows = rows < BLOCK_MAX_ROWS ? rows : BLOCK_MAX_ROWS;
	memory_populate(mem + l.raw, b->raw_size);
	memory_populate(mem + l.rows, rows * sizeof(struct block_row));
	memory_populate(mem, 1);
	memory_populate(mem + l.devices, 1);
	memory_populate(mem + l.sources, 1);
	memory_populate(mem + l.vdoms, 1);
	memory_populate(mem + l.streams, 1);
	memory_populate(mem + l.names, 1);
}

void block_free(struct block *b)
{
	if (b)
		memory_unmap(b, layout_of(b->raw_size).total);
}
