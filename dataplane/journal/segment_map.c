#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/journal/segment.h"

#define SEARCH_WINDOW (64u << 10)

static struct segment_item *item_add(
	struct segment_map *m, enum item_kind kind, uint64_t offset, uint64_t length)
{
	struct segment_item *it;

	if (m->count == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 64;

		it = realloc(m->items, cap * sizeof(*it));
		if (!it)
			return NULL;
		m->items = it;
		m->cap = cap;
	}
	it = &m->items[m->count++];
	memset(it, 0, sizeof(*it));
	it->kind = kind;
	it->offset = offset;
	it->length = length;
	return it;
}

void segment_map_free(struct segment_map *m)
{
	free(m->items);
	memset(m, 0, sizeof(*m));
}

static void note_durable(struct segment_map *m, const struct frame_prologue *p)
{
	if (p->durable_upto > m->durable_upto)
		m->durable_upto = p->durable_upto;
}

/* A block or index that continues the segment: numbers rise. */
static bool continues(struct segment *s, uint64_t off, uint64_t next_block, union journal_frame *f)
{
	if (!segment_frame(s, off, f))
		return false;
	if (f->p.kind == FRAME_BLOCK)
		return f->block.first_block >= next_block;
	return f->p.kind == FRAME_INDEX;
}

/*
 * The next frame behind a damaged place, or the end of the file. Only there is the file searched
 * byte by byte; what looks like a frame but is a log's text has not this journal's random id.
 */
static uint64_t search(struct segment *s, uint64_t off, uint64_t next_block)
{
	uint8_t *window = malloc(SEARCH_WINDOW);
	uint8_t magic[4];
	union journal_frame f;

	if (!window)
		return s->size;
	store_le32(magic, FRAME_SKIPPABLE);
	while (off < s->size) {
		size_t want =
			s->size - off < SEARCH_WINDOW ? (size_t)(s->size - off) : SEARCH_WINDOW;
		size_t n = segment_bytes(s, window, want, off);
		const uint8_t *at = window;

		if (n < want) { /* unreadable: try behind it */
			off += want < 4096 ? want : 4096;
			continue;
		}
		if (n < 12)
			break;
		while ((at = memmem(at, (size_t)(window + n - at), magic, 4)) != NULL) {
			uint64_t here = off + (uint64_t)(at - window);

			if (continues(s, here, next_block, &f)) {
				free(window);
				return here;
			}
			at++;
		}
		off += n - 3;
	}
	free(window);
	return s->size;
}

static bool block_intact(
	struct segment *s, uint64_t off, const struct block_frame *f, struct segment_buffers *b)
{
	struct journal_records r;

	return segment_columns(s, off, f, b, &r) == SEGMENT_OK &&
	       segment_data_check(s, off, f, b) == SEGMENT_OK;
}

/* Is there a whole seek table at the end of the file? Only a finished segment ever had one. */
static uint64_t seek_table_at(struct segment *s)
{
	uint8_t begin[8];
	uint8_t footer[SEEK_FOOTER];
	int64_t frames;
	uint64_t at;

	if (s->size < sizeof(begin) + sizeof(footer) ||
		segment_bytes(s, footer, sizeof(footer), s->size - sizeof(footer)) !=
			sizeof(footer))
		return s->size;
	frames = seek_table_frames(footer);
	if (frames < 0 || seek_table_len((uint64_t)frames) > s->size)
		return s->size;
	at = s->size - seek_table_len((uint64_t)frames);
	if (segment_bytes(s, begin, sizeof(begin), at) != sizeof(begin) ||
		load_le32(begin) != FRAME_SEEK_TABLE || load_le32(begin + 4) != s->size - at - 8)
		return s->size;
	return at;
}

static int map_checkpoint(struct segment *s, struct segment_map *m)
{
	union journal_frame f;
	uint64_t found;

	m->next_block = s->first_block;
	if (segment_frame(s, 0, &f) && f.p.kind == FRAME_CHECKPOINT) {
		m->checkpoint = f.checkpoint;
		m->checkpoint_ok = true;
		m->end = f.p.frame_len;
		note_durable(m, &f.p);
		return 0;
	}
	found = search(s, 0, s->first_block);
	if (!item_add(m, ITEM_REGION, 0, found)) /* even where the file is empty */
		return -1;
	m->end = found;
	return 0;
}

static int map_region(struct segment *s, struct segment_map *m)
{
	uint64_t found = search(s, m->end + 1, m->next_block);

	if (found > s->size)
		found = s->size;
	if (!item_add(m, ITEM_REGION, m->end, found - m->end))
		return -1;
	m->end = found;
	return 0;
}

static int map_block(struct segment *s, enum map_depth depth, struct segment_buffers *b,
	struct segment_map *m, const struct block_frame *f)
{
	uint64_t len = (uint64_t)f->p.frame_len + f->data_len;
	bool ok = depth == MAP_FRAMES || block_intact(s, m->end, f, b);
	struct segment_item *it = item_add(m, ok ? ITEM_BLOCK : ITEM_DAMAGED, m->end, len);

	if (!it)
		return -1;
	it->f = *f;
	note_durable(m, &f->p);
	m->end += len;
	m->next_block = f->last_block + 1;
	return 0;
}

/* What follows an intact index frame. */
static int map_close(struct segment *s, struct segment_buffers *b, struct segment_map *m)
{
	uint64_t tail = m->end + m->index.p.frame_len;

	m->finished = segment_seek_table_check(s, &m->index, m->end, b) == SEGMENT_OK;
	m->closed |= m->finished;
	if (!m->finished && tail < s->size && !item_add(m, ITEM_REGION, tail, s->size - tail))
		return -1;
	return 0;
}

int segment_map(
	struct segment *s, enum map_depth depth, struct segment_buffers *b, struct segment_map *m)
{
	uint64_t table = seek_table_at(s);
	union journal_frame f;

	m->closed = table < s->size;
	if (!m->begun && map_checkpoint(s, m) != 0)
		return -1;
	m->begun = true;
	while (m->end < s->size && !m->has_index) {
		if (!continues(s, m->end, m->next_block, &f)) {
			if (map_region(s, m) != 0)
				return -1;
		} else if (f.p.kind == FRAME_BLOCK) {
			if (map_block(s, depth, b, m, &f.block) != 0)
				return -1;
		} else {
			m->index = f.index;
			m->has_index = true;
			note_durable(m, &f.p);
			if (map_close(s, b, m) != 0)
				return -1;
		}
	}
	return 0;
}
