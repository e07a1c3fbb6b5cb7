#include "dataplane/journal/segment_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/crc32c.h"
#include "dataplane/journal/bytes_buf.h"
#include "dataplane/journal/dir.h"

/* `bytes` ends with the checkpoint's payload. */
static bool align(struct bytes_buf *bytes, struct frame_payload *p)
{
	uint32_t pad = frame_padding(bytes->len);
	uint8_t *at = bytes_buf_room(bytes, pad);

	if (pad && at)
		frame_payload_pad(p, at, pad);
	return pad == 0 || at;
}

/* The checkpoint frame, whole. */
static int checkpoint_bytes(const struct segment_writer *w, uint64_t first_block,
	const struct fold *state, struct zpress *z, struct bytes_buf *out)
{
	struct checkpoint_frame f = {
		.p = {.id = {w->id[0], w->id[1]},
			.segment = first_block,
			.durable_upto = first_block - 1},
		.created_ns = w->fs->wall_ns(w->fs->ctx),
		.logs = fold_logs(state),
		.raw_bytes = fold_raw_bytes(state),
		.devices = fold_device_count(state),
		.streams = fold_stream_count(state),
	};
	struct bytes_buf payload = {0};
	int rc = -ENOMEM;

	fold_encode(state, &payload);
	if (bytes_buf_room(out, CHECKPOINT_FIXED) &&
		zpress_payload_buf(z, &payload, out, &f.payload) == 0 &&
		(!w->aligned || align(out, &f.payload))) {
		checkpoint_frame_encode(&f, out->data);
		rc = 0;
	}
	bytes_buf_free(&payload);
	return rc;
}

static int create_file(
	struct segment_writer *w, uint64_t first_block, const struct bytes_buf *bytes)
{
	const struct journal_fs *fs = w->fs;
	char tmp[JOURNAL_PATH_MAX + 8];
	char path[JOURNAL_PATH_MAX];
	int rc;

	journal_segment_path(path, w->dir, first_block);
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	w->fd = fs->open(fs->ctx, tmp, O_RDWR | O_CREAT | O_TRUNC, 0640);
	if (w->fd < 0)
		return w->fd;
	rc = journal_fs_write(fs, w->fd, bytes->data, bytes->len, 0);
	if (rc == 0)
		rc = fs->fdatasync(fs->ctx, w->fd);
	if (rc == 0)
		rc = fs->rename(fs->ctx, tmp, path);
	if (rc == 0) {
		rc = fs->fsync_dir(fs->ctx, w->dir);
	} else {
		fs->unlink(fs->ctx, tmp);
	}
	if (rc < 0) {
		fs->close(fs->ctx, w->fd);
		w->fd = -1;
	}
	return rc;
}

int segment_create(
	struct segment_writer *w, uint64_t first_block, const struct fold *state, struct zpress *z)
{
	struct bytes_buf bytes = {0};
	int rc = checkpoint_bytes(w, first_block, state, z, &bytes);

	w->fd = -1;
	w->direct_fd = SEGMENT_DIRECT_UNTRIED;
	if (rc == 0)
		rc = create_file(w, first_block, &bytes);
	if (rc == 0) {
		w->first_block = first_block;
		w->last_block = first_block - 1;
		w->begin = w->end = w->allocated = bytes.len;
		w->created_us = w->fs->mono_us(w->fs->ctx);
		w->index_broken = false;
		index_reset(&w->index);
	}
	bytes_buf_free(&bytes);
	return rc;
}

void segment_close_direct(struct segment_writer *w)
{
	if (w->direct_fd >= 0)
		w->fs->close(w->fs->ctx, w->direct_fd);
	w->direct_fd = SEGMENT_DIRECT_IMPOSSIBLE;
}

bool segment_open_direct(struct segment_writer *w)
{
	char path[JOURNAL_PATH_MAX];

	if (w->direct_fd == SEGMENT_DIRECT_UNTRIED) {
		journal_segment_path(path, w->dir, w->first_block);
		w->direct_fd = w->fs->open(w->fs->ctx, path, O_WRONLY | O_DIRECT, 0);
		if (w->direct_fd < 0 || w->fs->is_same(w->fs->ctx, w->fd, path) != 1)
			segment_close_direct(w); /* or somebody else has its name */
	}
	return w->direct_fd >= 0;
}

static void close_files(struct segment_writer *w)
{
	segment_close_direct(w);
	w->fs->close(w->fs->ctx, w->fd);
	w->fd = -1;
}

int segment_reserve(struct segment_writer *w, uint64_t len, uint64_t step)
{
	const struct journal_fs *fs = w->fs;
	uint64_t least;
	uint64_t more;
	int rc;

	if (w->end + len <= w->allocated)
		return 0;
	least = w->end + len - w->allocated;
	more = least < step ? step : least;
	rc = fs->allocate(fs->ctx, w->fd, w->allocated, more);
	if (rc == -ENOSPC && least < more) { /* the last of the disk is used too */
		more = least;
		rc = fs->allocate(fs->ctx, w->fd, w->allocated, more);
	}
	if (rc < 0 && rc != -EOPNOTSUPP && rc != -ENOSYS)
		return rc;
	w->allocated += more;
	return 0;
}

static void seek_add(struct bytes_buf *out, uint64_t stored, uint32_t inflated, uint32_t *frames)
{
	while (stored > 0) { /* a damaged place may be longer than an entry can say */
		uint32_t n = stored > UINT32_MAX ? UINT32_MAX : (uint32_t)stored;
		uint8_t *at = bytes_buf_room(out, SEEK_ENTRY);

		if (at)
			seek_table_entry(at, n, inflated);
		stored -= n;
		++*frames;
	}
}

static void seek_table_bytes(
	const struct index *x, uint64_t end, uint32_t index_len, struct bytes_buf *out)
{
	uint32_t frames = 0;
	uint64_t at = 0;
	uint8_t *place;

	bytes_buf_room(out, 8);
	for (uint32_t i = 0; i < x->count; i++) {
		const struct index_entry *e = &x->entries[i];

		seek_add(out, e->offset - at, 0, &frames);
		seek_add(out, e->head_len, 0, &frames);
		seek_add(out, e->data_len, e->raw_len, &frames);
		at = e->offset + e->head_len + e->data_len;
	}
	seek_add(out, end - at, 0, &frames);
	seek_add(out, index_len, 0, &frames);
	place = bytes_buf_room(out, SEEK_FOOTER);
	if (place) {
		seek_table_footer(place, frames);
		seek_table_begin(out->data, frames);
	}
}

static int index_bytes(const uint64_t id[2], uint64_t first_block, uint64_t durable_upto,
	const struct index *x, uint64_t end, struct zpress *z, struct bytes_buf *out,
	struct bytes_buf *table)
{
	struct index_frame f = {
		.p = {.id = {id[0], id[1]}, .segment = first_block, .durable_upto = durable_upto},
		.first_block = x->count ? x->entries[0].first_block : 0,
		.last_block = x->count ? x->entries[x->count - 1].last_block : 0,
		.first_ns = x->first_ns,
		.last_ns = x->last_ns,
		.logs = x->logs,
		.raw_bytes = x->raw_bytes,
		.entries = x->count,
	};
	struct bytes_buf payload = {0};
	int rc = -ENOMEM;

	index_encode(x, &payload);
	if (bytes_buf_room(out, INDEX_FIXED) &&
		zpress_payload_buf(z, &payload, out, &f.payload) == 0) {
		seek_table_bytes(x, end, (uint32_t)out->len, table);
		if (!table->failed) {
			f.seek_table_crc = crc32c(0, table->data, table->len);
			index_frame_encode(&f, out->data);
			rc = 0;
		}
	}
	bytes_buf_free(&payload);
	return rc;
}

int segment_write_index(const struct journal_fs *fs, int fd, const uint64_t id[2],
	uint64_t first_block, uint64_t durable_upto, const struct index *x, uint64_t end,
	struct zpress *z, uint64_t *size)
{
	struct bytes_buf bytes = {0};
	struct bytes_buf table = {0};
	int rc = index_bytes(id, first_block, durable_upto, x, end, z, &bytes, &table);

	/* A seek table is only ever seen behind an index that is durable: so whoever finds a
	 * damaged index knows whether it was torn. */
	if (rc == 0)
		rc = journal_fs_write(fs, fd, bytes.data, bytes.len, end);
	if (rc == 0)
		rc = fs->fdatasync(fs->ctx, fd);
	if (rc == 0)
		rc = journal_fs_write(fs, fd, table.data, table.len, end + bytes.len);
	*size = end + bytes.len + table.len;
	if (rc == 0)
		rc = fs->truncate(fs->ctx, fd, *size); /* the reserved rest goes back */
	if (rc == 0)
		rc = fs->fdatasync(fs->ctx, fd);
	bytes_buf_free(&bytes);
	bytes_buf_free(&table);
	return rc;
}

int segment_finish(struct segment_writer *w, struct zpress *z)
{
	uint64_t size = w->end;
	int rc = -ENOMEM;

	if (!w->index_broken)
		rc = segment_write_index(w->fs, w->fd, w->id, w->first_block, w->last_block,
			&w->index, w->end, z, &size);
	if (rc < 0) {
		segment_abandon(w);
		return rc;
	}
	close_files(w);
	w->end = size;
	return 0;
}

void segment_abandon(struct segment_writer *w)
{
	if (w->fd < 0)
		return;
	/* If this fails: blocks behind the end are superseded by the segment that begins with their
	 * numbers. */
	w->fs->truncate(w->fs->ctx, w->fd, w->end);
	close_files(w);
}
