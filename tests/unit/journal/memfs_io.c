/* Writes and syncs that end some rounds later: what a ring of the kernel's does. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/journal/memfs_internal.h"

#define SLOW_ROUNDS  100u
#define DIRECT_ALIGN 4096u

static void forget(struct started *s)
{
	free(s->iov);
	free(s->was);
	s->iov = NULL;
	s->was = NULL;
	s->iovs = 0;
}

void memfs_io_forget(struct memfs *m)
{
	for (unsigned i = 0; i < m->io.n; i++)
		forget(&m->io.v[i]);
	m->io.n = 0;
}

static int io_open(void *ctx, unsigned depth, int efd, struct journal_io **io, const char **what)
{
	struct memfs *m = ctx;

	(void)efd;
	assert(depth <= MAX_IO);
	memfs_io_forget(m);
	*io = &m->io;
	*what = "memory";
	return 0;
}

static void io_close(void *ctx, struct journal_io *io)
{
	(void)io;
	memfs_io_forget(ctx);
}

/* What a file system makes of a write past the page cache: its length, or an error. */
static int64_t direct(struct memfs *m, const struct iovec *iov, unsigned n, uint64_t off)
{
	uint64_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		assert((uintptr_t)iov[i].iov_base % DIRECT_ALIGN == 0);
		assert(iov[i].iov_len % DIRECT_ALIGN == 0);
		len += iov[i].iov_len;
	}
	assert(off % DIRECT_ALIGN == 0);
	if (m->direct == MEMFS_NO_DIRECT_WRITE)
		return -EINVAL;
	m->direct_writes++;
	return (int64_t)(m->direct == MEMFS_DIRECT_SHORT ? (len / 2 + 511) & ~511ull : len);
}

/* Whoever writes past the page cache keeps the memory as it is until the end of the write is told.
 */
static void is_unchanged(struct started *s)
{
	const uint8_t *was = s->was;

	for (unsigned i = 0; i < s->iovs; was += s->iov[i++].iov_len)
		assert(memcmp(s->iov[i].iov_base, was, s->iov[i].iov_len) == 0);
	forget(s);
}

static void keep(struct started *s, const struct iovec *iov, unsigned n, struct bytes *all)
{
	s->iov = malloc(n * sizeof(*iov));
	assert(s->iov);
	memcpy(s->iov, iov, n * sizeof(*iov));
	s->iovs = n;
	s->was = all->p;
	all->p = NULL;
}

static int io_writev(void *ctx, struct journal_io *io, int fd, const struct iovec *iov, unsigned n,
	uint64_t off, uint64_t tag)
{
	struct memfs *m = ctx;
	struct bytes all = {NULL, 0, 0};
	bool half = false;
	int64_t res = memfs_strike(m, TAKES_SPACE, &half);

	for (unsigned i = 0; i < n; i++)
		disk_bytes_write(&all, all.len, iov[i].iov_base, iov[i].iov_len);
	if (res == 0 && m->fd[fd].direct) {
		res = direct(m, iov, n, off);
		all.len = res > 0 ? (uint64_t)res : all.len;
		res = res > 0 ? 0 : res;
	}
	if (res == 0)
		res = memfs_write_now(m, fd, all.p, all.len, off, half);
	assert(io->n < MAX_IO);
	io->v[io->n] = (struct started){
		.fd = fd, .tag = tag, .result = res, .delay = m->slow ? SLOW_ROUNDS : m->delay};
	if (m->fd[fd].direct)
		keep(&io->v[io->n], iov, n, &all);
	io->n++;
	free(all.p);
	m->slow = false;
	return 0;
}

static int io_sync(void *ctx, struct journal_io *io, int fd, uint64_t tag)
{
	struct memfs *m = ctx;

	assert(io->n < MAX_IO);
	io->v[io->n++] = (struct started){.sync = true, .fd = fd, .tag = tag, .delay = m->delay};
	return 0;
}

static int io_reap(
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
			s->result = memfs_sync_now(m, s->fd);
		if (s->sync && m->slow) { /* done, and not told yet */
			m->slow = false;
			s->sync = false;
			s->delay = SLOW_ROUNDS;
			io->v[kept++] = *s;
			continue;
		}
		is_unchanged(s);
		v[got++] = (struct journal_io_done){.tag = s->tag, .result = s->result};
	}
	io->n = kept;
	return (int)got;
}

void memfs_io_table(struct journal_fs *table)
{
	table->io_open = io_open;
	table->io_close = io_close;
	table->io_writev = io_writev;
	table->io_sync = io_sync;
	table->io_reap = io_reap;
}
