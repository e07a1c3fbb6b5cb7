#include <fcntl.h>
#include <string.h>

#include "tests/sim/journal/sim.h"

static const struct journal_fs *real;
static struct journal_fs table;
static int owed = -1;	/* a descriptor whose sync has been promised and not done */
static bool is_new[64]; /* of a segment that is being created */

int mutant_by_name(const char *name)
{
	static const char *const names[] = {
		[MUTANT_NO_SYNC] = "no-sync",
		[MUTANT_EARLY_ACK] = "early-ack",
		[MUTANT_EARLY_UNLINK] = "early-unlink",
	};

	for (int i = 1; i < (int)(sizeof(names) / sizeof(names[0])); i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

/* An operation that ends well and does nothing. */
static int nothing(void *ctx, struct journal_io *io, int fd, uint64_t tag)
{
	static const struct iovec none;

	return real->io_writev(ctx, io, fd, &none, 1, 0, tag);
}

static int no_sync(void *ctx, int fd)
{
	(void)ctx;
	(void)fd;
	return 0;
}

static int early_ack(void *ctx, struct journal_io *io, int fd, uint64_t tag)
{
	owed = fd;
	return nothing(ctx, io, fd, tag);
}

static int writev_after_what_is_owed(void *ctx, struct journal_io *io, int fd,
	const struct iovec *iov, unsigned n, uint64_t off, uint64_t tag)
{
	if (owed >= 0)
		real->fdatasync(ctx, owed);
	owed = -1;
	return real->io_writev(ctx, io, fd, iov, n, off, tag);
}

static int close_after_what_is_owed(void *ctx, int fd)
{
	if (owed == fd) {
		real->fdatasync(ctx, owed);
		owed = -1;
	}
	return real->close(ctx, fd);
}

static int open_noting_new(void *ctx, const char *path, int flags, unsigned mode)
{
	int fd = real->open(ctx, path, flags, mode);

	if (fd >= 0)
		is_new[fd] = strstr(path, ".zst.tmp") != NULL;
	return fd;
}

static int sync_unless_new(void *ctx, int fd)
{
	return is_new[fd] ? 0 : real->fdatasync(ctx, fd);
}

const struct journal_fs *mutant_table(enum mutant m, struct memfs *fs)
{
	real = memfs_table(fs);
	table = *real;
	owed = -1;
	memset(is_new, 0, sizeof(is_new));
	switch (m) {
	case MUTANT_NO_SYNC:
		table.fdatasync = no_sync;
		table.io_sync = nothing;
		break;
	case MUTANT_EARLY_ACK:
		table.io_sync = early_ack;
		table.io_writev = writev_after_what_is_owed;
		table.close = close_after_what_is_owed;
		break;
	case MUTANT_EARLY_UNLINK:
		table.open = open_noting_new;
		table.fdatasync = sync_unless_new;
		break;
	default:
		return real;
	}
	return &table;
}
