/* The real disk, which a test can let stand still or fail. */
#ifndef TESTS_DP_DISK_H
#define TESTS_DP_DISK_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/eventfd.h>

#include "dataplane/journal/fs.h"

static _Atomic bool disk_stalled, disk_broken;
static _Atomic int disk_efd = -1; /* of the committer's queue, the newest that has one */

static inline int disk_io_open(
	void *ctx, unsigned depth, int efd, struct journal_io **io, const char **what)
{
	if (efd >= 0)
		atomic_store(&disk_efd, efd);
	return journal_fs_real.io_open(ctx, depth, efd, io, what);
}

/* It goes on: whoever waits for what ended meanwhile is woken. */
static inline void disk_goes_on(void)
{
	atomic_store(&disk_stalled, false);
	if (atomic_load(&disk_efd) >= 0)
		eventfd_write(atomic_load(&disk_efd), 1);
}

static inline int disk_reap(
	void *ctx, struct journal_io *io, struct journal_io_done *v, unsigned n, bool wait)
{
	int done;

	if (atomic_load(&disk_stalled) && !wait)
		return 0;
	done = journal_fs_real.io_reap(ctx, io, v, n, wait);
	for (int i = 0; i < done && atomic_load(&disk_broken); i++)
		v[i].result = -EIO;
	return done;
}

static inline const struct journal_fs *disk_fs(void)
{
	static struct journal_fs fs;

	fs = journal_fs_real;
	fs.io_open = disk_io_open;
	fs.io_reap = disk_reap;
	return &fs;
}

#endif
