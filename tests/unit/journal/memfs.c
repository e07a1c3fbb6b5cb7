#include "tests/unit/journal/memfs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR	    512u
#define MAX_FD	    64
#define MAX_IO	    16
#define SLOW_ROUNDS 100u

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
		bool used, holds_lock;
	} fd[MAX_FD];
	uint64_t calls, fail_at, cut_at;
	enum memfs_fault fault;
	bool struck, refuse_truncate, slow;
	uint64_t mono_us, wall_ns, random;
	uint64_t total, available;
	unsigned delay;
	struct journal_io io;
};

/* ---- bytes, disks ------------------------------------------------------------------------- */

static void bytes_size(struct bytes *b, uint64_t len)
{
	if (len > b->cap) {
		b->cap = len + len / 2 + 4096;
		b->p = realloc(b->p, b->cap);
		assert(b->p);
	}
	if (len > b->len)
		memset(b->p + b->len, 0, len - b->len);
	b->len = len;
}

static void bytes_write(struct bytes *b, uint64_t off, const void *data, uint64_t len)
{
	if (off + len > b->len)
		bytes_size(b, off + len);
	if (len && b->p)
		memcpy(b->p + off, data, len);
}

static void bytes_copy(struct bytes *to, const struct bytes *from)
{
	*to = (struct bytes){NULL, 0, 0};
	bytes_write(to, 0, from->p, from->len);
}

static int name_find(const struct names *n, const char *path)
{
	for (unsigned i = 0; i < n->n; i++)
		if (strcmp(n->v[i].path, path) == 0)
			return (int)i;
	return -1;
}

static int lookup(const struct names *n, const char *path)
{
	int i = name_find(n, path);

	return i < 0 ? -1 : n->v[i].inode;
}

static void name_set(struct names *n, const char *path, int inode)
{
	int i = name_find(n, path);

	if (inode < 0) {
		if (i >= 0)
			n->v[i] = n->v[--n->n];
		return;
	}
	if (i < 0) {
		n->v = realloc(n->v, ((size_t)n->n + 1) * sizeof(*n->v));
		assert(n->v);
		i = (int)n->n++;
		snprintf(n->v[i].path, sizeof(n->v[i].path), "%s", path);
	}
	n->v[i].inode = inode;
}

static int inode_new(struct disk *d, bool is_dir)
{
	d->inodes = realloc(d->inodes, (d->inode_count + 1) * sizeof(*d->inodes));
	assert(d->inodes);
	memset(&d->inodes[d->inode_count], 0, sizeof(*d->inodes));
	d->inodes[d->inode_count].is_dir = is_dir;
	return (int)d->inode_count++;
}

static void change_free(struct change *c)
{
	free(c->data);
}

static void change_apply(struct bytes *b, const struct change *c)
{
	if (c->truncate)
		bytes_size(b, c->len);
	else
		bytes_write(b, c->off, c->data, c->len);
}

static void disk_free(struct disk *d)
{
	for (unsigned i = 0; i < d->inode_count; i++) {
		for (unsigned k = 0; k < d->inodes[i].change_count; k++)
			change_free(&d->inodes[i].changes[k]);
		free(d->inodes[i].changes);
		free(d->inodes[i].now.p);
		free(d->inodes[i].durable.p);
	}
	free(d->inodes);
	free(d->now.v);
	free(d->durable.v);
	free(d->ops);
	memset(d, 0, sizeof(*d));
}

static void names_copy(struct names *to, const struct names *from)
{
	to->n = from->n;
	to->v = malloc(((size_t)from->n + 1) * sizeof(*to->v));
	assert(to->v);
	if (from->n)
		memcpy(to->v, from->v, from->n * sizeof(*to->v));
}

static struct disk *disk_copy(const struct disk *d)
{
	struct disk *c = calloc(1, sizeof(*c));

	assert(c);
	c->inodes = calloc(d->inode_count + 1, sizeof(*c->inodes));
	c->ops = calloc(d->op_count + 1, sizeof(*c->ops));
	assert(c->inodes && c->ops);
	c->inode_count = d->inode_count;
	c->op_count = d->op_count;
	if (d->op_count)
		memcpy(c->ops, d->ops, d->op_count * sizeof(*c->ops));
	names_copy(&c->now, &d->now);
	names_copy(&c->durable, &d->durable);
	for (unsigned i = 0; i < d->inode_count; i++) {
		const struct inode *f = &d->inodes[i];
		struct inode *t = &c->inodes[i];

		t->is_dir = f->is_dir;
		bytes_copy(&t->now, &f->now);
		bytes_copy(&t->durable, &f->durable);
		t->change_count = f->change_count;
		t->changes = calloc(f->change_count + 1, sizeof(*t->changes));
		assert(t->changes);
		for (unsigned k = 0; k < f->change_count; k++) {
			t->changes[k] = f->changes[k];
			if (f->changes[k].data) {
				t->changes[k].data = malloc(f->changes[k].len + 1);
				assert(t->changes[k].data);
				memcpy(t->changes[k].data, f->changes[k].data, f->changes[k].len);
			}
		}
	}
	return c;
}

/* ---- faults ------------------------------------------------------------------------------- */

enum kind { READS, TAKES_SPACE, CHANGES };

/* The number of this call decides: 0, or -errno. *half: write only a part. */
static int strike(struct memfs *m, enum kind kind, bool *half)
{
	uint64_t n = ++m->calls;
	bool here = m->fail_at && n == m->fail_at;
	bool on = m->fail_at && n >= m->fail_at;

	if (m->cut_at && n >= m->cut_at) {
		if (!m->picture)
			m->picture = disk_copy(&m->disk);
		return -EIO;
	}
	if (here)
		m->struck = true;
	switch (m->fault) {
	case MEMFS_EIO:
		return here ? -EIO : 0;
	case MEMFS_ENOSPC:
		return here ? (kind == TAKES_SPACE ? -ENOSPC : -EIO) : 0;
	case MEMFS_SHORT:
		if (half)
			*half = here;
		return 0;
	case MEMFS_SLOW:
		m->slow = here;
		return 0;
	case MEMFS_EIO_ON:
		return on && kind != READS ? -EIO : 0;
	case MEMFS_ENOSPC_ON:
		return on && kind == TAKES_SPACE ? -ENOSPC : 0;
	case MEMFS_READ_ONLY_ON:
		return on && kind != READS ? -EROFS : 0;
	case MEMFS_POWER_CUT:
		if (here && !m->picture)
			m->picture = disk_copy(&m->disk);
		return on ? -EIO : 0;
	case MEMFS_EIO_DEATH:
		if (on && !here && !m->picture)
			m->picture = disk_copy(&m->disk);
		return on ? -EIO : 0;
	default:
		return 0;
	}
}

/* ---- the table ---------------------------------------------------------------------------- */

static void dir_of(const char *path, char dir[200])
{
	const char *slash = strrchr(path, '/');

	snprintf(dir, 200, "%.*s", slash ? (int)(slash - path) : 0, path);
}

static void op_add(struct disk *d, const char *path, const char *from, int inode)
{
	struct op *o;

	d->ops = realloc(d->ops, (d->op_count + 1) * sizeof(*d->ops));
	assert(d->ops);
	o = &d->ops[d->op_count++];
	memset(o, 0, sizeof(*o));
	dir_of(path, o->dir);
	snprintf(o->path, sizeof(o->path), "%s", path);
	if (from)
		snprintf(o->from, sizeof(o->from), "%s", from);
	o->inode = inode;
}

static void op_apply(struct names *n, const struct op *o)
{
	if (o->from[0])
		name_set(n, o->from, -1);
	name_set(n, o->path, o->inode);
}

static struct inode *inode_of(struct memfs *m, int fd)
{
	assert(fd >= 0 && fd < MAX_FD && m->fd[fd].used);
	return &m->disk.inodes[m->fd[fd].inode];
}

static void change_add(struct inode *f, const struct change *c)
{
	f->changes = realloc(f->changes, (f->change_count + 1) * sizeof(*f->changes));
	assert(f->changes);
	f->changes[f->change_count++] = *c;
	change_apply(&f->now, c);
}

static int m_open(void *ctx, const char *path, int flags, unsigned mode)
{
	struct memfs *m = ctx;
	int inode = lookup(&m->disk.now, path);
	int rc = strike(m, (flags & O_CREAT) && inode < 0 ? TAKES_SPACE : READS, NULL);
	int fd;

	(void)mode;
	if (rc < 0)
		return rc;
	if (inode < 0 && !(flags & O_CREAT))
		return -ENOENT;
	if (inode >= 0 && (flags & O_EXCL))
		return -EEXIST;
	if (inode < 0) {
		inode = inode_new(&m->disk, false);
		name_set(&m->disk.now, path, inode);
		op_add(&m->disk, path, NULL, inode);
	}
	for (fd = 0; m->fd[fd].used; fd++)
		assert(fd + 1 < MAX_FD);
	m->fd[fd].used = true;
	m->fd[fd].holds_lock = false;
	m->fd[fd].inode = inode;
	if ((flags & O_TRUNC) && m->disk.inodes[inode].now.len > 0)
		change_add(&m->disk.inodes[inode], &(struct change){.truncate = true});
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
	int rc = strike(m, READS, NULL);

	if (rc < 0)
		return rc;
	if (off >= f->now.len)
		return 0;
	if (len > f->now.len - off)
		len = (size_t)(f->now.len - off);
	memcpy(buf, f->now.p + off, len);
	return (int64_t)len;
}

static int64_t write_now(
	struct memfs *m, int fd, const void *buf, size_t len, uint64_t off, bool half)
{
	struct change c = {.off = off, .len = half ? (len + 1) / 2 : len};

	c.data = malloc(c.len + 1);
	assert(c.data);
	if (buf && c.len)
		memcpy(c.data, buf, c.len);
	change_add(inode_of(m, fd), &c);
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
	int rc = strike(m, kind_of_write(m, fd, off + len), &half);

	return rc < 0 ? rc : write_now(m, fd, buf, len, off, half);
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

static int sync_now(struct memfs *m, int fd)
{
	struct inode *f = inode_of(m, fd);
	int rc = strike(m, CHANGES, NULL);
	unsigned kept = 0;

	for (unsigned i = 0; i < f->change_count; i++) {
		struct change *c = &f->changes[i];

		/* Of a failed sync nobody knows what reached the disk, and the next one forgets;
		 * but the length is the inode's, which the next one writes. */
		if (rc < 0)
			c->doubtful = !c->truncate;
		if (rc < 0 || c->doubtful)
			continue;
		change_apply(&f->durable, c);
		for (unsigned k = 0; k < i; k++)
			if (f->changes[k].doubtful)
				supersede(&f->changes[k], c);
	}
	for (unsigned i = 0; i < f->change_count; i++) {
		if (rc < 0 || f->changes[i].doubtful)
			f->changes[kept++] = f->changes[i];
		else
			change_free(&f->changes[i]);
	}
	f->change_count = kept;
	return rc;
}

static int m_fdatasync(void *ctx, int fd)
{
	return sync_now(ctx, fd);
}

static int m_fsync_dir(void *ctx, const char *path)
{
	struct memfs *m = ctx;
	int rc = strike(m, CHANGES, NULL);
	unsigned kept = 0;

	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < m->disk.op_count; i++) {
		if (strcmp(m->disk.ops[i].dir, path) == 0)
			op_apply(&m->disk.durable, &m->disk.ops[i]);
		else
			m->disk.ops[kept++] = m->disk.ops[i];
	}
	m->disk.op_count = kept;
	return 0;
}

static int m_truncate(void *ctx, int fd, uint64_t size)
{
	struct memfs *m = ctx;
	int rc = strike(m, CHANGES, NULL);

	if (rc < 0)
		return rc;
	if (m->refuse_truncate && size < inode_of(m, fd)->now.len)
		return -EIO;
	if (size != inode_of(m, fd)->now.len)
		change_add(inode_of(m, fd), &(struct change){.truncate = true, .len = size});
	return 0;
}

static int m_allocate(void *ctx, int fd, uint64_t off, uint64_t len)
{
	(void)fd;
	(void)off;
	(void)len;
	return strike(ctx, TAKES_SPACE, NULL);
}

static int m_info(void *ctx, const char *path, struct journal_fs_info *info)
{
	struct memfs *m = ctx;
	int inode = lookup(&m->disk.now, path);
	int rc = strike(m, READS, NULL);

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
	int rc = strike(ctx, READS, NULL);

	if (rc == 0)
		*size = inode_of(ctx, fd)->now.len;
	return rc;
}

static int m_is_same(void *ctx, int fd, const char *path)
{
	struct memfs *m = ctx;
	int rc = strike(m, READS, NULL);

	return rc < 0 ? rc : lookup(&m->disk.now, path) == m->fd[fd].inode;
}

static int m_rename(void *ctx, const char *from, const char *to)
{
	struct memfs *m = ctx;
	int inode = lookup(&m->disk.now, from);
	int rc = strike(m, TAKES_SPACE, NULL);

	if (rc < 0)
		return rc;
	if (inode < 0)
		return -ENOENT;
	op_add(&m->disk, to, from, inode);
	op_apply(&m->disk.now, &m->disk.ops[m->disk.op_count - 1]);
	return 0;
}

static int m_unlink(void *ctx, const char *path)
{
	struct memfs *m = ctx;
	int rc = strike(m, CHANGES, NULL);

	if (rc < 0)
		return rc;
	if (lookup(&m->disk.now, path) < 0)
		return -ENOENT;
	op_add(&m->disk, path, NULL, -1);
	name_set(&m->disk.now, path, -1);
	return 0;
}

static int m_mkdir(void *ctx, const char *path, unsigned mode)
{
	struct memfs *m = ctx;
	int rc = strike(m, TAKES_SPACE, NULL);

	(void)mode;
	if (rc < 0)
		return rc;
	if (lookup(&m->disk.now, path) >= 0)
		return -EEXIST;
	rc = inode_new(&m->disk, true);
	name_set(&m->disk.now, path, rc);
	op_add(&m->disk, path, NULL, rc);
	return 0;
}

static int m_list(void *ctx, const char *path, journal_fs_name_fn fn, void *arg)
{
	struct memfs *m = ctx;
	size_t len = strlen(path);
	int rc = strike(m, READS, NULL);
	struct names copy;

	if (rc < 0)
		return rc;
	if (lookup(&m->disk.now, path) < 0)
		return -ENOENT;
	names_copy(&copy, &m->disk.now);
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

static int m_io_open(void *ctx, unsigned depth, int efd, struct journal_io **io, const char **what)
{
	struct memfs *m = ctx;

	(void)efd;
	assert(depth <= MAX_IO);
	m->io.n = 0;
	*io = &m->io;
	*what = "memory";
	return 0;
}

static void m_io_close(void *ctx, struct journal_io *io)
{
	(void)ctx;
	(void)io;
}

static int m_io_writev(void *ctx, struct journal_io *io, int fd, const struct iovec *iov,
	unsigned n, uint64_t off, uint64_t tag)
{
	struct memfs *m = ctx;
	struct bytes all = {NULL, 0, 0};
	bool half = false;
	int64_t res = strike(m, TAKES_SPACE, &half);

	for (unsigned i = 0; i < n; i++)
		bytes_write(&all, all.len, iov[i].iov_base, iov[i].iov_len);
	if (res == 0)
		res = write_now(m, fd, all.p, all.len, off, half);
	free(all.p);
	assert(io->n < MAX_IO);
	io->v[io->n++] = (struct started){
		.fd = fd, .tag = tag, .result = res, .delay = m->slow ? SLOW_ROUNDS : m->delay};
	m->slow = false;
	return 0;
}

static int m_io_sync(void *ctx, struct journal_io *io, int fd, uint64_t tag)
{
	struct memfs *m = ctx;

	assert(io->n < MAX_IO);
	io->v[io->n++] = (struct started){.sync = true, .fd = fd, .tag = tag, .delay = m->delay};
	return 0;
}

static int m_io_reap(
	void *ctx, struct journal_io *io, struct journal_io_done *v, unsigned n, bool wait)
{
	struct memfs *m = ctx;
	unsigned got = 0;
	unsigned kept = 0;

	for (unsigned i = 0; i < io->n; i++) {
		struct started *s = &io->v[i];

		if ((s->delay > 0 && !wait) || got == n) {
			s->delay -= s->delay > 0;
			io->v[kept++] = *s;
			continue;
		}
		if (s->sync) /* as late as can be */
			s->result = sync_now(m, s->fd);
		if (s->sync && m->slow) { /* done, and not told yet */
			m->slow = false;
			s->sync = false;
			s->delay = SLOW_ROUNDS;
			io->v[kept++] = *s;
			continue;
		}
		v[got++] = (struct journal_io_done){.tag = s->tag, .result = s->result};
	}
	io->n = kept;
	return (int)got;
}

static uint64_t m_mono(void *ctx)
{
	return ((struct memfs *)ctx)->mono_us;
}

static uint64_t m_wall(void *ctx)
{
	return ((struct memfs *)ctx)->wall_ns;
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static int m_random(void *ctx, void *buf, size_t len)
{
	struct memfs *m = ctx;

	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (uint8_t)(next_random(&m->random) >> 24);
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
		.io_open = m_io_open,
		.io_close = m_io_close,
		.io_writev = m_io_writev,
		.io_sync = m_io_sync,
		.io_reap = m_io_reap,
		.mono_us = m_mono,
		.wall_ns = m_wall,
		.random = m_random,
	};
	m->random = 88172645463325252ull;
	m->mono_us = 1000000;
	m->wall_ns = 1763762000000000000ull;
	m->total = 1ull << 40;
	m->available = 1ull << 39;
	name_set(&m->disk.now, "/j", inode_new(&m->disk, true));
	name_set(&m->disk.durable, "/j", 0);
	return m;
}

void memfs_free(struct memfs *m)
{
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

uint64_t memfs_calls(const struct memfs *m)
{
	return m->calls;
}

void memfs_fail(struct memfs *m, uint64_t at, enum memfs_fault fault)
{
	m->fail_at = at;
	m->fault = fault;
	m->struck = false;
}

void memfs_cut(struct memfs *m, uint64_t at)
{
	m->cut_at = at;
}

bool memfs_failed(const struct memfs *m)
{
	return m->struck;
}

void memfs_refuse_truncate(struct memfs *m)
{
	m->refuse_truncate = true;
}

void memfs_repair(struct memfs *m)
{
	m->refuse_truncate = false;
	m->fault = MEMFS_NO_FAULT;
	m->fail_at = 0;
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

/* ---- power cuts --------------------------------------------------------------------------- */

/*
 * Any subset of the changes, writes torn at sectors. Three tempers: nearly all of it arrived,
 * nearly nothing, or half.
 */
static void crash_file(struct inode *f, uint64_t *rnd)
{
	unsigned temper = (unsigned)(next_random(rnd) >> 20) % 3;
	unsigned odds = temper == 0 ? 250 : temper == 1 ? 6 : 128;

	for (unsigned i = 0; i < f->change_count; i++) {
		struct change *c = &f->changes[i];

		if (c->truncate) {
			if ((next_random(rnd) >> 24 & 255) < odds)
				change_apply(&f->durable, c);
			continue;
		}
		for (uint64_t at = c->off; at < c->off + c->len;) {
			uint64_t end = at / SECTOR * SECTOR + SECTOR;

			if (end > c->off + c->len)
				end = c->off + c->len;
			if ((next_random(rnd) >> 24 & 255) < odds)
				bytes_write(&f->durable, at, c->data + (at - c->off), end - at);
			at = end;
		}
	}
	for (unsigned i = 0; i < f->change_count; i++)
		change_free(&f->changes[i]);
	f->change_count = 0;
	free(f->now.p);
	bytes_copy(&f->now, &f->durable);
	f->locked = false;
}

/* A machine that goes on with this disk. */
static struct memfs *go_on(const struct memfs *m, struct disk *d, uint64_t rnd)
{
	struct memfs *c = memfs_new();

	disk_free(&c->disk);
	c->disk = *d;
	free(d);
	c->random = rnd | 1;
	c->mono_us = m->mono_us;
	c->wall_ns = m->wall_ns;
	return c;
}

struct memfs *memfs_kill(const struct memfs *m)
{
	return go_on(m, disk_copy(m->picture ? m->picture : &m->disk), m->random);
}

struct memfs *memfs_crash(const struct memfs *m, uint64_t seed)
{
	const struct disk *from = m->picture ? m->picture : &m->disk;
	struct disk *d = disk_copy(from);
	uint64_t rnd = seed * 0x9e3779b97f4a7c15ull + 88172645463325252ull;

	for (unsigned i = 0; i < d->inode_count; i++)
		crash_file(&d->inodes[i], &rnd);
	for (unsigned i = 0; i < d->op_count; i++)
		if (next_random(&rnd) >> 24 & 1)
			op_apply(&d->durable, &d->ops[i]);
	d->op_count = 0;
	free(d->now.v);
	names_copy(&d->now, &d->durable);
	return go_on(m, d, rnd);
}

uint8_t *memfs_data(struct memfs *m, const char *path, uint64_t *size)
{
	int inode = lookup(&m->disk.now, path);

	if (inode < 0)
		return NULL;
	*size = m->disk.inodes[inode].now.len;
	return m->disk.inodes[inode].now.p;
}

void memfs_put(struct memfs *m, const char *path, const void *data, uint64_t size)
{
	int inode = lookup(&m->disk.now, path);

	if (inode < 0) {
		inode = inode_new(&m->disk, false);
		name_set(&m->disk.now, path, inode);
		name_set(&m->disk.durable, path, inode);
	}
	bytes_size(&m->disk.inodes[inode].now, 0);
	bytes_write(&m->disk.inodes[inode].now, 0, data, size);
	bytes_size(&m->disk.inodes[inode].durable, 0);
	bytes_write(&m->disk.inodes[inode].durable, 0, data, size);
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
