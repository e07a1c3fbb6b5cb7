/* What the files of the disk in memory share: memfs_disk.c (bytes and names, and what of them is
 * durable), memfs_faults.c (which call fails), memfs.c and memfs_io.c (the table), memfs_crash.c.
 */
#ifndef JOURNAL_TEST_MEMFS_INTERNAL_H
#define JOURNAL_TEST_MEMFS_INTERNAL_H

#include "tests/unit/journal/memfs.h"

#define MAX_FD 64
#define MAX_IO 16

/* A change of a file's bytes that no sync has made durable. */
struct change {
	bool truncate;
	bool doubtful; /* a sync failed after it: no later one vouches for it */
	uint64_t off, len;
	uint8_t *data;
};

struct bytes {
	uint8_t *p;
	uint64_t len, cap;
};

struct inode {
	bool is_dir;
	struct bytes now, durable;
	struct change *changes;
	unsigned change_count;
	bool locked;
};

struct name {
	char path[200];
	int inode; /* -1: none */
};

struct names {
	struct name *v;
	unsigned n;
};

/* A change of names that no sync of the directory has made durable. */
struct op {
	char dir[200];
	char path[200], from[200]; /* from: of a rename */
	int inode;		   /* -1: unlink */
};

struct disk {
	struct inode *inodes;
	unsigned inode_count;
	struct names now, durable;
	struct op *ops;
	unsigned op_count;
};

struct started {
	bool sync;
	int fd;
	uint64_t tag;
	int64_t result;
	unsigned delay;
	struct iovec *iov; /* of a write past the page cache: a disk reads them until it is told */
	unsigned iovs;
	uint8_t *was; /* what these held */
};

struct journal_io {
	struct started v[MAX_IO];
	unsigned n;
};

struct memfs {
	struct journal_fs table;
	struct disk disk;
	struct disk *picture; /* at the power cut */
	struct {
		int inode;
		bool used, holds_lock, direct;
	} fd[MAX_FD];
	uint64_t calls, fail_at, cut_at;
	enum memfs_fault fault;
	bool struck, refuse_truncate, slow;
	enum memfs_direct direct;
	uint64_t direct_writes;
	uint64_t mono_us, wall_ns, random;
	uint64_t total, available;
	unsigned delay;
	struct journal_io io;
};

/* ---- memfs_disk.c ------------------------------------------------------------------------- */

void disk_bytes_size(struct bytes *b, uint64_t len);
void disk_bytes_write(struct bytes *b, uint64_t off, const void *data, uint64_t len);
void disk_bytes_copy(struct bytes *to, const struct bytes *from);
/* The inode of this name, or -1; and gives it one (-1: takes the name away). */
int disk_lookup(const struct names *n, const char *path);
void disk_name_set(struct names *n, const char *path, int inode);
void disk_names_copy(struct names *to, const struct names *from);
int disk_inode_new(struct disk *d, bool is_dir);
/* A change of bytes: done now, to be made durable by a sync. */
void disk_change_add(struct inode *f, const struct change *c);
void disk_change_apply(struct bytes *b, const struct change *c);
void disk_change_free(struct change *c);
/* A change of names, in the same way. */
void disk_op_add(struct disk *d, const char *path, const char *from, int inode);
void disk_op_apply(struct names *n, const struct op *o);
struct disk *disk_copy(const struct disk *d);
void disk_free(struct disk *d);

/* ---- memfs_faults.c ----------------------------------------------------------------------- */

enum kind { READS, TAKES_SPACE, CHANGES };

/* The number of this call decides: 0, or -errno. *half: write only a part. */
int memfs_strike(struct memfs *m, enum kind kind, bool *half);

/* ---- memfs.c ------------------------------------------------------------------------------ */

int64_t memfs_write_now(
	struct memfs *m, int fd, const void *buf, size_t len, uint64_t off, bool half);
int memfs_sync_now(struct memfs *m, int fd);

/* ---- memfs_io.c: operations that end later ------------------------------------------------ */

void memfs_io_table(struct journal_fs *table);
void memfs_io_forget(struct memfs *m); /* what is under way */

static inline uint64_t memfs_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

#endif
