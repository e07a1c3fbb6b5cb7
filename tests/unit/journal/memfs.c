/* The journal's table of file operations over a disk in memory. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/journal/memfs_internal.h"

static struct inode *inode_of(struct memfs *m, int fd)
{
	assert(fd >= 0 && fd < MAX_FD && m->fd[fd].used);
	return &m->disk.inodes[m->fd[fd].inode];
}

static int m_open(void *ctx, const char *path, int flags, unsigned mode)
{
	struct memfs *m = ctx;
	int inode = disk_lookup(&m->disk.now, path);
	int rc = memfs_strike(m, (flags & O_CREAT) && inode < 0 ? TAKES_SPACE : READS, NULL);
	int fd;

	(void)mode;
	if (rc < 0)
		return rc;
	if ((flags & O_DIRECT) && m->direct == MEMFS_NO_DIRECT_OPEN)
		return -EINVAL;
	if (inode < 0 && !(flags & O_CREAT))
		return -ENOENT;
	if (inode >= 0 && (flags & O_EXCL))
		return -EEXIST;
	if (inode < 0) {
		inode = disk_inode_new(&m->disk, false);
		disk_name_set(&m->disk.now, path, inode);
		disk_op_add(&m->disk, path, NULL, inode);
	}
	for (fd = 0; m->fd[fd].used; fd++)
		assert(fd + 1 < MAX_FD);
	m->fd[fd].used = true;
	m->fd[fd].holds_lock = false;
	m->fd[fd].direct = flags & O_DIRECT;
	m->fd[fd].inode = inode;
	if ((flags & O_TRUNC) && m->disk.inodes[inode].now.len > 0)
		disk_change_add(&m->disk.inodes[inode], &(struct change){.truncate = true});
	return fd;
}

static int m_close(void *ctx, int fd)
{
	struct memfs *m = ctx;

	if (m->fd[fd].holds_lock)
		inode_of(m, fd)->locked = false;
	m->fd[fd].used = false;
	return 0;
}

static int64_t m_pread(void *ctx, int fd, void *buf, size_t len, uint64_t off)
{
	struct memfs *m = ctx;
	struct inode *f = inode_of(m, fd);
	int rc = memfs_strike(m, READS, NULL);

	if (rc < 0)
		return rc;
	if (off >= f->now.len)
		return 0;
	if (len > f->now.len - off)
		len = (size_t)(f->now.len - off);
	memcpy(buf, f->now.p + off, len);
	return (int64_t)len;
}

int64_t memfs_write_now(
	struct memfs *m, int fd, const void *buf, size_t len, uint64_t off, bool half)
{
	struct change c = {.off = off, .len = half ? (len + 1) / 2 : len};

	c.data = malloc(c.len + 1);
	assert(c.data);
	if (buf && c.len)
		memcpy(c.data, buf, c.len);
	disk_change_add(inode_of(m, fd), &c);
	return (int64_t)c.len;
}

/* Overwriting takes no more space. */
static enum kind kind_of_write(struct memfs *m, int fd, uint64_t end)
{
	return end > inode_of(m, fd)->now.len ? TAKES_SPACE : CHANGES;
}

static int64_t m_pwrite(void *ctx, int fd, const void *buf, size_t len, uint64_t off)
{
	struct memfs *m = ctx;
	bool half = false;
	int rc = memfs_strike(m, kind_of_write(m, fd, off + len), &half);

	return rc < 0 ? rc : memfs_write_now(m, fd, buf, len, off, half);
}

/* What `by` did after `c` is not undone, should c reach the disk after all. */
static void supersede(struct change *c, const struct change *by)
{
	uint64_t from = c->off > by->off ? c->off : by->off;
	uint64_t end = c->off + c->len;

	if (by->truncate) {
		if (end > by->len)
			c->len = by->len > c->off ? by->len - c->off : 0;
		return;
	}
	if (end > by->off + by->len)
		end = by->off + by->len;
	if (from < end)
		memcpy(c->data + (from - c->off), by->data + (from - by->off), end - from);
}

int memfs_sync_now(struct memfs *m, int fd)
{
	struct inode *f = inode_of(m, fd);
	int rc = memfs_strike(m, CHANGES, NULL);
	unsigned kept = 0;

	for (unsigned i = 0; i < f->change_count; i++) {
		struct change *c = &f->changes[i];

		/* Of a failed sync nobody knows what reached the disk, and the next one forgets;
		 * but the length is the inode's, which the next one writes. */
		if (rc < 0)
			c->doubtful = !c->truncate;
		if (rc < 0 || c->doubtful)
			continue;
		disk_change_apply(&f->durable, c);
		for (unsigned k = 0; k < i; k++)
			if (f->changes[k].doubtful)
				supersede(&f->changes[k], c);
	}
	for (unsigned i = 0; i < f->change_count; i++) {
		if (rc < 0 || f->changes[i].doubtful)
			f->changes[kept++] = f->changes[i];
		else
			disk_change_free(&f->changes[i]);
	}
	f->change_count = kept;
	return rc;
}

static int m_fdatasync(void *ctx, int fd)
{
	return memfs_sync_now(ctx, fd);
}

static int m_fsync_dir(void *ctx, const char *path)
{
	struct memfs *m = ctx;
	int rc = memfs_strike(m, CHANGES, NULL);
	unsigned kept = 0;

	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < m->disk.op_count; i++) {
		if (strcmp(m->disk.ops[i].dir, path) == 0)
			disk_op_apply(&m->disk.durable, &m->disk.ops[i]);
		else
			m->disk.ops[kept++] = m->disk.ops[i];
	}
	m->disk.op_count = kept;
	return 0;
}

static int m_truncate(void *ctx, int fd, uint64_t size)
{
	struct memfs *m = ctx;
	int rc = memfs_strike(m, CHANGES, NULL);

	if (rc < 0)
		return rc;
	if (m->refuse_truncate && size < inode_of(m, fd)->now.len)
		return -EIO;
	if (size != inode_of(m, fd)->now.len)
		disk_change_add(inode_of(m, fd), &(struct change){.truncate = true, .len = size});
	return 0;
}

static int m_allocate(void *ctx, int fd, uint64_t off, uint64_t len)
{
	(void)fd;
	(void)off;
	(void)len;
	return memfs_strike(ctx, TAKES_SPACE, NULL);
}

static int m_info(void *ctx, const char *path, struct journal_fs_info *info)
{
	struct memfs *m = ctx;
	int inode = disk_lookup(&m->disk.now, path);
	int rc = memfs_strike(m, READS, NULL);

	if (rc < 0)
		return rc;
	if (inode < 0)
		return -ENOENT;
	info->size = info->disk = m->disk.inodes[inode].now.len;
	info->is_dir = m->disk.inodes[inode].is_dir;
	return 0;
}

static int m_size(void *ctx, int fd, uint64_t *size)
{
	int rc = memfs_strike(ctx, READS, NULL);

	if (rc == 0)
		*size = inode_of(ctx, fd)->now.len;
	return rc;
}

static int m_is_same(void *ctx, int fd, const char *path)
{
	struct memfs *m = ctx;
	int rc = memfs_strike(m, READS, NULL);

	return rc < 0 ? rc : disk_lookup(&m->disk.now, path) == m->fd[fd].inode;
}

static int m_rename(void *ctx, const char *from, const char *to)
{
	struct memfs *m = ctx;
	int inode = disk_lookup(&m->disk.now, from);
	int rc = memfs_strike(m, TAKES_SPACE, NULL);

	if (rc < 0)
		return rc;
	if (inode < 0)
		return -ENOENT;
	disk_op_add(&m->disk, to, from, inode);
	disk_op_apply(&m->disk.now, &m->disk.ops[m->disk.op_count - 1]);
	return 0;
}

static int m_unlink(void *ctx, const char *path)
{
	struct memfs *m = ctx;
	int rc = memfs_strike(m, CHANGES, NULL);

	if (rc < 0)
		return rc;
	if (disk_lookup(&m->disk.now, path) < 0)
		return -ENOENT;
	disk_op_add(&m->disk, path, NULL, -1);
	disk_name_set(&m->disk.now, path, -1);
	return 0;
}

static int m_mkdir(void *ctx, const char *path, unsigned mode)
{
	struct memfs *m = ctx;
	int rc = memfs_strike(m, TAKES_SPACE, NULL);

	(void)mode;
	if (rc < 0)
		return rc;
	if (disk_lookup(&m->disk.now, path) >= 0)
		return -EEXIST;
	rc = disk_inode_new(&m->disk, true);
	disk_name_set(&m->disk.now, path, rc);
	disk_op_add(&m->disk, path, NULL, rc);
	return 0;
}

static int m_list(void *ctx, const char *path, journal_fs_name_fn fn, void *arg)
{
	struct memfs *m = ctx;
	size_t len = strlen(path);
	int rc = memfs_strike(m, READS, NULL);
	struct names copy;

	if (rc < 0)
		return rc;
	if (disk_lookup(&m->disk.now, path) < 0)
		return -ENOENT;
	disk_names_copy(&copy, &m->disk.now);
	for (unsigned i = 0; i < copy.n && rc == 0; i++) {
		const char *p = copy.v[i].path;

		if (strncmp(p, path, len) == 0 && p[len] == '/' && !strchr(p + len + 1, '/'))
			rc = fn(arg, p + len + 1);
	}
	free(copy.v);
	return rc;
}

static int m_lock(void *ctx, int fd)
{
	struct memfs *m = ctx;

	if (inode_of(m, fd)->locked)
		return -EAGAIN;
	inode_of(m, fd)->locked = true;
	m->fd[fd].holds_lock = true;
	return 0;
}

static int m_space(void *ctx, const char *path, struct journal_fs_space *space)
{
	struct memfs *m = ctx;

	(void)path;
	space->total = m->total;
	space->available = m->available;
	return 0;
}

static uint64_t m_mono(void *ctx)
{
	return ((struct memfs *)ctx)->mono_us;
}

static uint64_t m_wall(void *ctx)
{
	return ((struct memfs *)ctx)->wall_ns;
}

static int m_random(void *ctx, void *buf, size_t len)
{
	struct memfs *m = ctx;

	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (uint8_t)(memfs_random(&m->random) >> 24);
	return 0;
}

struct memfs *memfs_new(void)
{
	struct memfs *m = calloc(1, sizeof(*m));

	assert(m);
	m->table = (struct journal_fs){
		.ctx = m,
		.open = m_open,
		.close = m_close,
		.pread = m_pread,
		.pwrite = m_pwrite,
		.fdatasync = m_fdatasync,
		.fsync_dir = m_fsync_dir,
		.truncate = m_truncate,
		.allocate = m_allocate,
		.info = m_info,
		.size = m_size,
		.is_same = m_is_same,
		.rename = m_rename,
		.unlink = m_unlink,
		.mkdir = m_mkdir,
		.list = m_list,
		.lock = m_lock,
		.space = m_space,
		.mono_us = m_mono,
		.wall_ns = m_wall,
		.random = m_random,
	};
	memfs_io_table(&m->table);
	m->random = 88172645463325252ull;
	m->mono_us = 1000000;
	m->wall_ns = 1763762000000000000ull;
	m->total = 1ull << 40;
	m->available = 1ull << 39;
	disk_name_set(&m->disk.now, "/j", disk_inode_new(&m->disk, true));
	disk_name_set(&m->disk.durable, "/j", 0);
	return m;
}

void memfs_free(struct memfs *m)
{
	memfs_io_forget(m);
	disk_free(&m->disk);
	if (m->picture)
		disk_free(m->picture);
	free(m->picture);
	free(m);
}

const struct journal_fs *memfs_table(struct memfs *m)
{
	return &m->table;
}

void memfs_set_time(struct memfs *m, uint64_t mono_us, uint64_t wall_ns)
{
	m->mono_us = mono_us;
	m->wall_ns = wall_ns;
}

void memfs_advance(struct memfs *m, uint64_t us)
{
	m->mono_us += us;
	m->wall_ns += us * 1000;
}

void memfs_set_space(struct memfs *m, uint64_t total, uint64_t available)
{
	m->total = total;
	m->available = available;
}

void memfs_set_delay(struct memfs *m, unsigned rounds)
{
	m->delay = rounds;
}

void memfs_set_direct(struct memfs *m, enum memfs_direct how)
{
	m->direct = how;
}

uint64_t memfs_direct_writes(const struct memfs *m)
{
	return m->direct_writes;
}

uint8_t *memfs_data(struct memfs *m, const char *path, uint64_t *size)
{
	int inode = disk_lookup(&m->disk.now, path);

	if (inode < 0)
		return NULL;
	*size = m->disk.inodes[inode].now.len;
	return m->disk.inodes[inode].now.p;
}

void memfs_put(struct memfs *m, const char *path, const void *data, uint64_t size)
{
	int inode = disk_lookup(&m->disk.now, path);

	if (inode < 0) {
		inode = disk_inode_new(&m->disk, false);
		disk_name_set(&m->disk.now, path, inode);
		disk_name_set(&m->disk.durable, path, inode);
	}
	disk_bytes_size(&m->disk.inodes[inode].now, 0);
	disk_bytes_write(&m->disk.inodes[inode].now, 0, data, size);
	disk_bytes_size(&m->disk.inodes[inode].durable, 0);
	disk_bytes_write(&m->disk.inodes[inode].durable, 0, data, size);
}

unsigned memfs_count(const struct memfs *m, const char *dir)
{
	size_t len = strlen(dir);
	unsigned n = 0;

	for (unsigned i = 0; i < m->disk.now.n; i++) {
		const char *p = m->disk.now.v[i].path;

		n += strncmp(p, dir, len) == 0 && p[len] == '/' && !strchr(p + len + 1, '/');
	}
	return n;
}
