/*
 * Repairing a segment that was not closed. Its end is in doubt in two ways. What was written and
 * not synced when sluiced died is in the page cache and may never reach the disk; and after a sync
 * that failed the kernel forgets what it could not write, goes on showing it, and says of the next
 * sync that all is well. So the blocks that no later frame says were durable are written once more,
 * the same bytes in the same place, and synced, before anybody is told that they are durable.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/journal/recover.h"

/* The bytes of `from` from off to end, into another file or (at == off) into the same place. */
static int copy_range(struct recovery *r, struct segment *from, uint64_t off, uint64_t end, int to,
	uint64_t to_off)
{
	const struct journal_fs *fs = r->j->fs;
	size_t step = 1u << 20;
	uint8_t *buf = malloc(step);
	uint64_t at = off;
	int rc = buf ? 0 : -ENOMEM;

	while (rc == 0 && at < end) {
		size_t want = end - at < step ? (size_t)(end - at) : step;
		int64_t n = journal_fs_read(fs, from->fd, buf, want, at);

		if (n <= 0) {
			rc = n < 0 ? (int)n : -EIO;
			break;
		}
		rc = journal_fs_write(fs, to, buf, (size_t)n, to_off + (at - off));
		at += (uint64_t)n;
	}
	free(buf);
	return rc;
}

/* Everything from the cut on moves to torn/<segment>.<offset>, never over an older one. */
static int move_torn(struct recovery *r, struct old_segment *s, uint64_t cut)
{
	const struct journal_fs *fs = r->j->fs;
	char dir[JOURNAL_PATH_MAX];
	char path[JOURNAL_PATH_MAX + 64];
	int fd = -EEXIST;
	int rc;

	journal_path(dir, r->j->cfg.dir, "torn");
	rc = fs->mkdir(fs->ctx, dir, 0750);
	if (rc < 0 && rc != -EEXIST)
		return rc;
	for (unsigned i = 0; i < 1000 && fd == -EEXIST; i++) {
		snprintf(path, sizeof(path), "%s/%016" PRIx64 ".%" PRIx64 ".%u", dir,
			s->info.first_block, cut, i);
		fd = fs->open(fs->ctx, path, O_WRONLY | O_CREAT | O_EXCL, 0640);
	}
	if (fd < 0)
		return fd;
	rc = copy_range(r, &s->file, cut, s->file.size, fd, 0);
	if (rc == 0)
		rc = fs->fdatasync(fs->ctx, fd);
	fs->close(fs->ctx, fd);
	if (rc == 0)
		rc = fs->fsync_dir(fs->ctx, dir);
	if (rc < 0)
		fs->unlink(fs->ctx, path);
	return rc;
}

static int close_segment(struct recovery *r, struct old_segment *s, uint64_t end, int fd)
{
	struct journal *j = r->j;
	uint64_t size;
	int rc;

	rc = segment_write_index(j->fs, fd, j->id, s->info.first_block, r->durable_upto, &r->index,
		end, j->presser.z, &size);
	if (rc < 0)
		return rc;
	s->info.bytes = size;
	s->info.first_ns = r->index.first_ns;
	s->info.last_ns = r->index.last_ns;
	s->info.raw_bytes = r->index.raw_bytes;
	s->info.finished = true;
	return 0;
}

static bool no_space(int rc)
{
	return rc == -ENOSPC || rc == -EDQUOT;
}

/* Makes durable what nothing says to have been. `end`: behind the last good block. */
static int settle(struct recovery *r, struct old_segment *s, uint64_t end, int fd)
{
	const struct journal_fs *fs = r->j->fs;
	int rc;

	/* Of a segment with another behind it all was durable when that one was begun. */
	for (size_t i = 0; s->newest && i < s->map.count; i++) {
		const struct segment_item *it = &s->map.items[i];

		if (it->verdict != VERDICT_GOOD || it->f.last_block <= r->durable_upto)
			continue;
		rc = copy_range(r, &s->file, it->offset, end, fd, it->offset);
		return rc < 0 ? rc : fs->fdatasync(fs->ctx, fd);
	}
	return 0;
}

/*
 * What is about to be cut off may be all that says that a lost block was durable: then the segment
 * behind is begun first, whose name says so as well. 0 or -errno.
 */
static int keep_evidence(struct recovery *r, const struct old_segment *s)
{
	struct journal *j = r->j;
	int rc;

	if (!s->newest || r->durable_upto <= s->info.last_block)
		return 0;
	rc = segment_create(&j->w, r->durable_upto + 1, j->fold, j->presser.z);
	segment_abandon(&j->w);
	return rc;
}

static int cut_off(struct recovery *r, struct old_segment *s, uint64_t cut, int fd)
{
	struct journal *j = r->j;
	int rc = keep_evidence(r, s);

	if (s->judgement.torn && !s->map.has_index) {
		r->out->torn_bytes += s->file.size - cut;
		r->out->torn_files++;
	}
	if (rc == 0 && !s->map.has_index) /* an index says nothing that its blocks do not */
		rc = move_torn(r, s, cut);
	if (rc == 0)
		rc = j->fs->truncate(j->fs->ctx, fd, cut);
	return rc < 0 ? rc : j->fs->fdatasync(j->fs->ctx, fd);
}

int recover_repair(struct recovery *r, struct old_segment *s)
{
	struct journal *j = r->j;
	uint64_t cut = s->judgement.cut;
	uint64_t end = s->file.size < cut ? s->file.size : cut;
	char path[JOURNAL_PATH_MAX];
	int rc;
	int fd;

	if (s->map.closed && cut == UINT64_MAX)
		return JOURNAL_OK; /* damaged since it was closed: reported, never touched */
	journal_segment_path(path, j->cfg.dir, s->info.first_block);
	fd = j->fs->open(j->fs->ctx, path, O_RDWR, 0);
	if (fd < 0)
		return recover_fail(
			r, JOURNAL_E_IO, fd, s->info.first_block, "cannot be opened to repair it");
	rc = settle(r, s, end, fd);
	if (rc < 0) {
		j->fs->close(j->fs->ctx, fd);
		return recover_fail(r, no_space(rc) ? JOURNAL_E_NO_SPACE : JOURNAL_E_IO, rc,
			s->info.first_block, "what was found in it cannot be made durable");
	}
	if (end < s->file.size)
		rc = cut_off(r, s, cut, fd);
	if (rc == 0 && r->index.count > 0)
		rc = close_segment(r, s, end, fd);
	j->fs->close(j->fs->ctx, fd);
	if (rc < 0 && !no_space(rc))
		return recover_fail(r, JOURNAL_E_IO, rc, s->info.first_block, "cannot be repaired");
	return JOURNAL_OK;
}
