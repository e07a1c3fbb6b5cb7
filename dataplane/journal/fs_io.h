/* The real table's asynchronous writes (fs_io.c): see struct journal_fs for what they promise. */
#ifndef SLUICE_JOURNAL_FS_IO_H
#define SLUICE_JOURNAL_FS_IO_H

#include "dataplane/journal/fs.h"

int journal_io_open(void *ctx, unsigned depth, int efd, struct journal_io **io, const char **what);
void journal_io_close(void *ctx, struct journal_io *io);
int journal_io_writev(void *ctx, struct journal_io *io, int fd, const struct iovec *iov, unsigned n,
	uint64_t off, uint64_t tag);
int journal_io_sync(void *ctx, struct journal_io *io, int fd, uint64_t tag);
int journal_io_reap(
	void *ctx, struct journal_io *io, struct journal_io_done *v, unsigned n, bool wait);

#endif
