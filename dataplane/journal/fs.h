/*
 * Everything the journal asks of the world outside: files, clocks, random bytes. One table, so that
 * a power-cut simulator, a fault injector and a test clock run the real code. Every function gives
 * 0 or a positive result, or -errno; paths are whole; `ctx` is the table's own.
 */
#ifndef SLUICE_JOURNAL_FS_H
#define SLUICE_JOURNAL_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct journal_fs_space {
	uint64_t total, available; /* bytes of the file system; available: to an ordinary user */
};

struct journal_fs_info {
	uint64_t size, disk; /* length; bytes that it takes on disk */
	bool is_dir;
};

/* Asynchronous writing: what was started, and how it ended. */
struct journal_io_done {
	uint64_t tag;
	int64_t result; /* bytes written (perhaps fewer than asked for), 0 for a sync, or -errno */
};

typedef int (*journal_fs_name_fn)(void *arg, const char *name); /* not 0 ends the listing */

struct journal_io; /* one thread's queue of asynchronous writes */

struct journal_fs {
	void *ctx;
	int (*open)(void *ctx, const char *path, int flags, unsigned mode);
	int (*close)(void *ctx, int fd);
	int64_t (*pread)(void *ctx, int fd, void *buf, size_t len, uint64_t off);
	int64_t (*pwrite)(void *ctx, int fd, const void *buf, size_t len, uint64_t off);
	int (*fdatasync)(void *ctx, int fd);
	int (*fsync_dir)(void *ctx, const char *path);
	int (*truncate)(void *ctx, int fd, uint64_t size);
	/* Reserves room past the end without changing the file's length; -EOPNOTSUPP is no error.
	 */
	int (*allocate)(void *ctx, int fd, uint64_t off, uint64_t len);
	int (*info)(void *ctx, const char *path, struct journal_fs_info *info);
	int (*size)(void *ctx, int fd, uint64_t *size);
	/* Does the path name this open file? 1, or 0: it is gone, or another has its name. */
	int (*is_same)(void *ctx, int fd, const char *path);
	int (*rename)(void *ctx, const char *from, const char *to);
	int (*unlink)(void *ctx, const char *path);
	int (*mkdir)(void *ctx, const char *path, unsigned mode);
	int (*list)(void *ctx, const char *path, journal_fs_name_fn fn, void *arg);
	/* An exclusive lock of the open file; -EAGAIN: somebody else has it. Ends with close. */
	int (*lock)(void *ctx, int fd);
	int (*space)(void *ctx, const char *path, struct journal_fs_space *space);

	/* A queue for up to `depth` operations at a time. `efd`: an eventfd to be made readable at
	 * every completion, or -1. `what`: a static text that says how it is done. */
	int (*io_open)(
		void *ctx, unsigned depth, int efd, struct journal_io **io, const char **what);
	void (*io_close)(void *ctx, struct journal_io *io);
	/* Starts a write or a sync; the iovec array and the bytes stay valid until it is done.
	 * After an error nothing of it is under way, nor of what was started before it: their ends
	 * are not told any more. */
	int (*io_writev)(void *ctx, struct journal_io *io, int fd, const struct iovec *iov,
		unsigned n, uint64_t off, uint64_t tag);
	int (*io_sync)(void *ctx, struct journal_io *io, int fd, uint64_t tag);
	/* What has ended by now, up to n. `wait`: at least one that was started, however long.
	 * -errno: as with an error above. */
	int (*io_reap)(
		void *ctx, struct journal_io *io, struct journal_io_done *v, unsigned n, bool wait);

	uint64_t (*mono_us)(void *ctx);
	uint64_t (*wall_ns)(void *ctx);
	int (*random)(void *ctx, void *buf, size_t len);
};

/* The real thing: POSIX files; io_uring, or pwritev and fdatasync where it is forbidden. */
extern const struct journal_fs journal_fs_real;

/* All of it, over short reads: `len`, fewer at the end of the file, or -errno. */
int64_t journal_fs_read(const struct journal_fs *fs, int fd, void *buf, size_t len, uint64_t off);
/* All of it, over short writes: 0 or -errno. */
int journal_fs_write(
	const struct journal_fs *fs, int fd, const void *buf, size_t len, uint64_t off);

#endif
