#include "dataplane/journal/compact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/crc32c.h"
#include "dataplane/journal/dir.h"
#include "dataplane/journal/merge.h"
#include "dataplane/journal/segment.h"
#include "dataplane/journal/segment_write.h"

#define PAYLOAD_LEVEL 9
#define MOST_ROWS     65536u /* of a block that is written here: bounds a reader's memory */

struct compactor {
	struct zpress *z;
	struct segment_buffers in;
	struct merge merge;
	struct index old, index;
	struct bytes_buf raw, columns, head, data, again;
	/* of the block that is being filled */
	uint64_t first_block, last_block, first_ns, last_ns;
	bool mixed;
	uint8_t lcore;
};

struct rewriting {
	struct compactor *c;
	struct compact_job *job;
	struct segment file;
	struct index_frame f;
	uint64_t index_off;
	int fd;
	uint64_t end;
};

struct compactor *compactor_new(const struct siphash_key *key)
{
	struct compactor *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	merge_init(&c->merge, key);
	index_init(&c->old, key);
	index_init(&c->index, key);
	c->z = zpress_new();
	if (!c->z || segment_buffers_init(&c->in) != 0) {
		compactor_free(c);
		return NULL;
	}
	zpress_set_payload_level(c->z, PAYLOAD_LEVEL);
	return c;
}

void compactor_free(struct compactor *c)
{
	if (!c)
		return;
	zpress_free(c->z);
	segment_buffers_free(&c->in);
	merge_free(&c->merge);
	index_free(&c->old);
	index_free(&c->index);
	bytes_buf_free(&c->raw);
	bytes_buf_free(&c->columns);
	bytes_buf_free(&c->head);
	bytes_buf_free(&c->data);
	bytes_buf_free(&c->again);
	free(c);
}

/* ---- a block of the new file -------------------------------------------------------------- */

/* Room for exactly n bytes. */
static uint8_t *fresh(struct bytes_buf *b, size_t n)
{
	b->len = 0;
	return bytes_buf_room(b, n);
}

static void describe(struct rewriting *w, struct block_frame *f)
{
	struct compactor *c = w->c;

	f->p.id[0] = w->job->id[0];
	f->p.id[1] = w->job->id[1];
	f->p.segment = w->job->first_block;
	f->p.durable_upto = w->f.p.durable_upto;
	f->p.fixed_len = BLOCK_FIXED;
	f->p.frame_len = BLOCK_FIXED + f->payload.len;
	f->first_block = c->first_block;
	f->last_block = c->last_block;
	f->first_ns = f->rows ? c->first_ns : 0;
	f->last_ns = c->last_ns;
	f->raw_len = (uint32_t)c->raw.len;
	f->lcore = c->mixed ? BLOCK_LCORE_MIXED : c->lcore;
}

/* The frames of what was put together, in c->head and c->data. 0 or -errno. */
static int press(struct rewriting *w, const struct journal_records *r, struct block_frame *f)
{
	struct compactor *c = w->c;
	struct columns_last *last = malloc((r->device_count + 1) * sizeof(*last));
	uint64_t *seq = malloc((r->stream_count + 1) * sizeof(*seq));
	size_t bound = columns_bound(r);
	uint8_t *columns = fresh(&c->columns, bound);
	size_t n = 0;

	if (last && seq && columns)
		n = columns_encode(r, last, seq, columns, bound);
	free(last);
	free(seq);
	c->columns.len = n;
	if (n == 0 || !fresh(&c->head, BLOCK_FIXED) ||
		zpress_payload_buf(c->z, &c->columns, &c->head, &f->payload) != 0)
		return -ENOMEM;
	bound = zpress_bound(c->raw.len);
	if (!fresh(&c->data, bound) || !fresh(&c->again, c->raw.len + 1))
		return -ENOMEM;
	n = zpress_data(
		c->z, w->job->level, c->raw.data, c->raw.len, c->data.data, bound, &f->data_crc);
	if (n == 0)
		return -ENOMEM;
	c->data.len = n;
	f->data_len = (uint32_t)n;
	/* The old file goes: what takes its place is looked at once more. */
	if (zread_frame(c->in.z, c->data.data, n, c->again.data, c->raw.len) != 0 ||
		memcmp(c->again.data, c->raw.data, c->raw.len) != 0)
		return -EIO;
	return 0;
}

static int write_block(struct rewriting *w)
{
	struct compactor *c = w->c;
	const struct journal_fs *fs = w->job->fs;
	struct journal_records r;
	struct block_frame f;
	int rc;

	if (c->merge.part.count == 0)
		return 0;
	if (w->job->stop && w->job->stop(w->job->arg))
		return -ECANCELED;
	memset(&f, 0, sizeof(f));
	if (merge_records(&c->merge, &r) != 0)
		return -ENOMEM;
	f.rows = r.row_count;
	rc = press(w, &r, &f);
	if (rc < 0)
		return rc;
	describe(w, &f);
	block_frame_encode(&f, c->head.data);
	rc = journal_fs_write(fs, w->fd, c->head.data, c->head.len, w->end);
	if (rc == 0)
		rc = journal_fs_write(fs, w->fd, c->data.data, c->data.len, w->end + c->head.len);
	if (rc == 0 && index_add(&c->index, w->end, &f, &r) != 0)
		rc = -ENOMEM;
	w->end += c->head.len + c->data.len;
	w->job->blocks++;
	merge_reset(&c->merge);
	c->raw.len = 0;
	return rc;
}

/* ---- the old file ------------------------------------------------------------------------- */

static void begin_block(struct compactor *c, const struct block_frame *f)
{
	c->first_block = f->first_block;
	c->first_ns = UINT64_MAX;
	c->last_ns = 0;
	c->mixed = false;
	c->lcore = f->lcore;
}

/* Its logs and records behind those that wait. 0 or -errno; -EBADMSG: it is damaged. */
static int take_block(struct rewriting *w, uint64_t off, const struct block_frame *f)
{
	struct compactor *c = w->c;
	struct journal_records r;
	int rc = segment_columns(&w->file, off, f, &c->in, &r);

	if (rc == SEGMENT_OK)
		rc = segment_data(&w->file, off, f, &c->in);
	if (rc != SEGMENT_OK)
		return rc == SEGMENT_NO_MEMORY ? -ENOMEM : -EBADMSG;
	if (!segment_rows_match(&r, c->in.raw.data))
		return -EBADMSG;
	/* Numbers that were lost stay missing between two blocks, where readers see it. */
	if (c->merge.part.count > 0 && (c->raw.len + f->raw_len > w->job->block_size ||
					       f->first_block != c->last_block + 1 ||
					       !merge_has_room(&c->merge, &r, MOST_ROWS))) {
		rc = write_block(w);
		if (rc < 0)
			return rc;
	}
	if (c->merge.part.count == 0)
		begin_block(c, f);
	rc = merge_add(&c->merge, &r);
	bytes_buf_add(&c->raw, c->in.raw.data, c->in.raw.len);
	if (rc == -2 || c->raw.failed)
		return -ENOMEM;
	if (rc < 0)
		return -EBADMSG;
	c->last_block = f->last_block;
	c->mixed |= f->lcore != c->lcore;
	if (f->rows && f->first_ns < c->first_ns)
		c->first_ns = f->first_ns;
	if (f->rows && f->last_ns > c->last_ns)
		c->last_ns = f->last_ns;
	return 0;
}

static int take_blocks(struct rewriting *w)
{
	const struct index *old = &w->c->old;

	for (uint32_t i = 0; i < old->count; i++) {
		union journal_frame f;
		int rc;

		if (!segment_frame(&w->file, old->entries[i].offset, &f) || f.p.kind != FRAME_BLOCK)
			return -EBADMSG;
		rc = take_block(w, old->entries[i].offset, &f.block);
		if (rc < 0)
			return rc;
	}
	return write_block(w);
}

/* The same state, a generation later, without padding. */
static int copy_checkpoint(struct rewriting *w, struct checkpoint_frame *f)
{
	struct compactor *c = w->c;
	int rc = segment_payload(&w->file, 0, &f->p, &f->payload, &c->in);

	if (rc != SEGMENT_OK)
		return rc == SEGMENT_NO_MEMORY ? -ENOMEM : -EBADMSG;
	if (!fresh(&c->head, CHECKPOINT_FIXED))
		return -ENOMEM;
	f->generation++;
	f->payload.len = (uint32_t)c->in.stored.len;
	f->payload.crc = crc32c(0, c->in.stored.data, c->in.stored.len);
	bytes_buf_add(&c->head, c->in.stored.data, c->in.stored.len);
	if (c->head.failed)
		return -ENOMEM;
	checkpoint_frame_encode(f, c->head.data);
	w->end = c->head.len;
	return journal_fs_write(w->job->fs, w->fd, c->head.data, c->head.len, 0);
}

/* Nothing lies between its frames that nobody can read: what is damaged is never rewritten. */
static bool is_whole(const struct rewriting *w, const struct checkpoint_frame *f)
{
	const struct index *old = &w->c->old;
	uint64_t at = f->p.frame_len;

	for (uint32_t i = 0; i < old->count; i++) {
		if (old->entries[i].offset != at)
			return false;
		at += (uint64_t)old->entries[i].head_len + old->entries[i].data_len;
	}
	return at == w->index_off;
}

static int rewrite(struct rewriting *w, struct checkpoint_frame *checkpoint)
{
	struct compactor *c = w->c;
	struct compact_job *job = w->job;
	int rc = copy_checkpoint(w, checkpoint);

	merge_reset(&c->merge);
	index_reset(&c->index);
	c->raw.len = 0;
	if (rc == 0)
		rc = take_blocks(w);
	if (rc == 0 && (c->index.logs != w->f.logs || c->index.raw_bytes != w->f.raw_bytes))
		rc = -EBADMSG;
	if (rc == 0)
		rc = segment_write_index(job->fs, w->fd, job->id, job->first_block,
			w->f.p.durable_upto, &c->index, w->end, c->z, &job->bytes);
	job->raw_bytes = c->index.raw_bytes;
	return rc;
}

static int rewrite_to_tmp(struct rewriting *w, struct checkpoint_frame *checkpoint)
{
	const struct journal_fs *fs = w->job->fs;
	char tmp[JOURNAL_PATH_MAX + 8];
	char path[JOURNAL_PATH_MAX];
	int rc;

	journal_segment_path(path, w->job->dir, w->job->first_block);
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	w->fd = fs->open(fs->ctx, tmp, O_RDWR | O_CREAT | O_TRUNC, 0640);
	if (w->fd < 0)
		return w->fd;
	rc = rewrite(w, checkpoint);
	fs->close(fs->ctx, w->fd);
	if (rc < 0)
		fs->unlink(fs->ctx, tmp);
	return rc;
}

int compact_segment(struct compactor *c, struct compact_job *job)
{
	struct rewriting w = {.c = c, .job = job, .fd = -1};
	union journal_frame f;
	int rc = segment_open(&w.file, job->fs, job->dir, job->first_block, job->id);

	if (rc < 0)
		return rc;
	job->blocks = 0;
	rc = COMPACT_AS_IT_IS;
	if (segment_frame(&w.file, 0, &f) && f.p.kind == FRAME_CHECKPOINT &&
		f.checkpoint.generation == 0 && segment_tail(&w.file, &w.f, &w.index_off) &&
		segment_seek_table_check(&w.file, &w.f, w.index_off, &c->in) == SEGMENT_OK &&
		segment_index(&w.file, &w.f, w.index_off, &c->in, &c->old) == SEGMENT_OK &&
		is_whole(&w, &f.checkpoint))
		rc = rewrite_to_tmp(&w, &f.checkpoint);
	segment_close(&w.file);
	if (rc == -EBADMSG)
		return COMPACT_AS_IT_IS;
	return rc == -ECANCELED ? COMPACT_STOPPED : rc;
}
