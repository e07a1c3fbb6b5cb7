#include "dataplane/journal/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/crc32c.h"
#include "dataplane/journal/dir.h"

int segment_open(struct segment *s, const struct journal_fs *fs, const char *dir,
	uint64_t first_block, const uint64_t id[2])
{
	char path[JOURNAL_PATH_MAX];
	int rc;

	memset(s, 0, sizeof(*s));
	s->fs = fs;
	s->first_block = first_block;
	s->id[0] = id[0];
	s->id[1] = id[1];
	journal_segment_path(path, dir, first_block);
	s->fd = fs->open(fs->ctx, path, O_RDONLY, 0);
	if (s->fd < 0)
		return s->fd;
	rc = segment_refresh(s);
	if (rc < 0)
		segment_close(s);
	return rc;
}

void segment_close(struct segment *s)
{
	if (s->fd >= 0)
		s->fs->close(s->fs->ctx, s->fd);
	s->fd = -1;
}

int segment_refresh(struct segment *s)
{
	return s->fs->size(s->fs->ctx, s->fd, &s->size);
}

size_t segment_bytes(struct segment *s, void *buf, size_t len, uint64_t off)
{
	int64_t n = journal_fs_read(s->fs, s->fd, buf, len, off);

	if (n < 0) {
		if (!s->unreadable) {
			s->unreadable = (int)n;
			s->unreadable_at = off;
		}
		return 0;
	}
	s->bytes_read += (uint64_t)n;
	return (size_t)n;
}

bool segment_frame(struct segment *s, uint64_t off, union journal_frame *f)
{
	uint8_t fixed[FRAME_FIXED_MAX];
	size_t want = BLOCK_FIXED; /* nearly always what it is */
	size_t n;
	uint64_t len;
	int rc;

	if (off >= s->size)
		return false;
	n = segment_bytes(s, fixed, want, off);
	rc = journal_frame_decode(f, fixed, n);
	if (rc == FRAME_SHORT && n == want) {
		n += segment_bytes(s, fixed + n, sizeof(fixed) - n, off + n);
		rc = journal_frame_decode(f, fixed, n);
	}
	if (rc != FRAME_OK && rc != FRAME_NEWER)
		return false;
	/* A log may hold anything that looks like a frame, but not this journal's id: only what
	 * begins the file can tell that all of it is another's. */
	if (f->p.id[0] != s->id[0] || f->p.id[1] != s->id[1]) {
		s->foreign |= off == 0;
		return false;
	}
	if (rc == FRAME_NEWER) {
		s->newer = true;
		return false;
	}
	len = f->p.frame_len;
	if (f->p.kind == FRAME_BLOCK)
		len += f->block.data_len;
	return f->p.segment == s->first_block && len <= s->size - off;
}

int segment_buffers_init(struct segment_buffers *b)
{
	memset(b, 0, sizeof(*b));
	b->z = zread_new();
	return b->z ? 0 : -1;
}

void segment_buffers_free(struct segment_buffers *b)
{
	zread_free(b->z);
	bytes_buf_free(&b->stored);
	bytes_buf_free(&b->columns);
	bytes_buf_free(&b->raw);
	columns_arena_free(&b->arena);
	b->z = NULL;
}

static int load(struct segment *s, uint64_t off, uint32_t len, uint32_t crc, struct bytes_buf *to)
{
	uint8_t *at;

	to->len = 0;
	at = bytes_buf_room(to, len);
	if (!at && len) {
		to->failed = false;
		return SEGMENT_NO_MEMORY;
	}
	if (len && segment_bytes(s, at, len, off) != len)
		return SEGMENT_DAMAGED;
	return crc32c(0, at, len) == crc ? SEGMENT_OK : SEGMENT_DAMAGED;
}

static int inflate_to(struct segment_buffers *b, uint32_t raw_len, struct bytes_buf *to)
{
	uint8_t *at;

	to->len = 0;
	at = bytes_buf_room(to, raw_len ? raw_len : 1);
	if (!at) {
		to->failed = false;
		return SEGMENT_NO_MEMORY;
	}
	to->len = raw_len;
	if (zread_frame(b->z, b->stored.data, b->stored.len, at, raw_len) != 0)
		return SEGMENT_DAMAGED;
	return SEGMENT_OK;
}

int segment_payload(struct segment *s, uint64_t off, const struct frame_prologue *p,
	const struct frame_payload *payload, struct segment_buffers *b)
{
	int rc = load(s, off + p->fixed_len, payload->len, payload->crc, &b->stored);

	if (rc != SEGMENT_OK)
		return rc;
	b->stored.len = zread_unpadded(b->stored.data, b->stored.len);
	return inflate_to(b, payload->raw_len, &b->columns);
}

static bool times_match(const struct block_frame *f, const struct journal_records *r)
{
	uint64_t first = r->row_count ? UINT64_MAX : 0;
	uint64_t last = 0;

	for (uint32_t i = 0; i < r->row_count; i++) {
		first = r->rows[i].time_ns < first ? r->rows[i].time_ns : first;
		last = r->rows[i].time_ns > last ? r->rows[i].time_ns : last;
	}
	return first == f->first_ns && last == f->last_ns;
}

int segment_columns(struct segment *s, uint64_t off, const struct block_frame *f,
	struct segment_buffers *b, struct journal_records *r)
{
	int rc = segment_payload(s, off, &f->p, &f->payload, b);

	if (rc != SEGMENT_OK)
		return rc;
	rc = columns_decode(b->columns.data, b->columns.len, f->first_block, f->last_block, f->rows,
		f->raw_len, &b->arena, r);
	if (rc == -2)
		return SEGMENT_NO_MEMORY;
	return rc == 0 && times_match(f, r) ? SEGMENT_OK : SEGMENT_DAMAGED;
}

int segment_data_check(
	struct segment *s, uint64_t off, const struct block_frame *f, struct segment_buffers *b)
{
	return load(s, off + f->p.frame_len, f->data_len, f->data_crc, &b->stored);
}

int segment_data(
	struct segment *s, uint64_t off, const struct block_frame *f, struct segment_buffers *b)
{
	int rc = segment_data_check(s, off, f, b);

	return rc == SEGMENT_OK ? inflate_to(b, f->raw_len, &b->raw) : rc;
}

bool segment_rows_match(const struct journal_records *r, const uint8_t *raw)
{
	size_t at = 0;

	for (uint32_t i = 0; i < r->row_count; i++) {
		at += r->rows[i].len;
		if (raw[at++] != '\n')
			return false;
	}
	return true;
}

bool segment_tail(struct segment *s, struct index_frame *f, uint64_t *index_off)
{
	uint8_t footer[SEEK_ENTRY + SEEK_FOOTER];
	uint8_t begin[8];
	union journal_frame frame;
	int64_t frames;
	uint64_t table;

	if (s->size < sizeof(footer) + sizeof(begin) ||
		segment_bytes(s, footer, sizeof(footer), s->size - sizeof(footer)) !=
			sizeof(footer))
		return false;
	frames = seek_table_frames(footer + SEEK_ENTRY);
	if (frames < 1 || seek_table_len((uint64_t)frames) > s->size)
		return false;
	table = s->size - seek_table_len((uint64_t)frames);
	if (segment_bytes(s, begin, sizeof(begin), table) != sizeof(begin) ||
		load_le32(begin) != FRAME_SEEK_TABLE ||
		load_le32(begin + 4) != s->size - table - 8 || load_le32(footer) > table)
		return false;
	*index_off = table - load_le32(footer);
	if (!segment_frame(s, *index_off, &frame) || frame.p.kind != FRAME_INDEX ||
		frame.p.frame_len != load_le32(footer))
		return false;
	*f = frame.index;
	return true;
}

int segment_index(struct segment *s, const struct index_frame *f, uint64_t index_off,
	struct segment_buffers *b, struct index *x)
{
	int rc = segment_payload(s, index_off, &f->p, &f->payload, b);

	if (rc != SEGMENT_OK)
		return rc;
	rc = index_decode(x, f, b->columns.data, b->columns.len, index_off);
	return rc == 0 ? SEGMENT_OK : rc == -2 ? SEGMENT_NO_MEMORY : SEGMENT_DAMAGED;
}

int segment_seek_table_check(struct segment *s, const struct index_frame *f, uint64_t index_off,
	struct segment_buffers *b)
{
	uint64_t off = index_off + f->p.frame_len;

	if (off >= s->size || s->size - off > UINT32_MAX)
		return SEGMENT_DAMAGED;
	return load(s, off, (uint32_t)(s->size - off), f->seek_table_crc, &b->stored);
}
