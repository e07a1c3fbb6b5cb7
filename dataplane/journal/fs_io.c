#include "dataplane/journal/fs_io.h"

#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * io_uring where the kernel and the container let us; else each operation is done at once and its
 * result kept until it is asked for.
 *
 * A submission that fails leaves its entry in the ring, where the next one would send it along,
 * long after its bytes are somebody else's. So the ring is torn down then, with all that is in it,
 * and the next operation opens another.
 */
struct journal_io {
	struct io_uring ring;
	bool async, open;
	int efd;
	unsigned depth, started; /* operations under way, or done and not reaped */
	struct journal_io_done *kept;
};

#define SUBMIT_TRIES 1000u

static int ring_open(struct journal_io *io)
{
	int rc = io_uring_queue_init(io->depth, &io->ring, 0);

	if (rc < 0)
		return rc;
	if (io->efd >= 0) {
		rc = io_uring_register_eventfd(&io->ring, io->efd);
		if (rc < 0) {
			io_uring_queue_exit(&io->ring);
			return rc;
		}
	}
	io->open = true;
	return 0;
}

static void ring_close(struct journal_io *io)
{
	if (io->open)
		io_uring_queue_exit(&io->ring);
	io->open = false;
	io->started = 0;
}

int journal_io_open(void *ctx, unsigned depth, int efd, struct journal_io **out, const char **what)
{
	struct journal_io *io = calloc(1, sizeof(*io));

	(void)ctx;
	if (!io)
		return -ENOMEM;
	io->depth = depth;
	io->efd = efd;
	io->async = ring_open(io) == 0;
	if (!io->async) {
		io->kept = calloc(depth, sizeof(*io->kept));
		if (!io->kept) {
			free(io);
			return -ENOMEM;
		}
	}
	*what = io->async ? "io_uring" : "pwritev and fdatasync (io_uring is not permitted here)";
	*out = io;
	return 0;
}

void journal_io_close(void *ctx, struct journal_io *io)
{
	(void)ctx;
	ring_close(io);
	free(io->kept);
	free(io);
}

/* An entry to fill; a ring that was torn down is opened anew. */
static int entry(struct journal_io *io, struct io_uring_sqe **sqe)
{
	if (!io->open) {
		int rc = ring_open(io);

		if (rc < 0)
			return rc;
	}
	*sqe = io_uring_get_sqe(&io->ring);
	return *sqe ? 0 : -EAGAIN;
}

static int start(struct journal_io *io, struct io_uring_sqe *sqe, uint64_t tag)
{
	int rc = -EAGAIN;

	io_uring_sqe_set_data64(sqe, tag);
	for (unsigned i = 0; i < SUBMIT_TRIES && (rc == -EINTR || rc == -EAGAIN); i++)
		rc = io_uring_submit(&io->ring);
	if (rc != 1) {
		ring_close(io);
		return rc < 0 ? rc : -EIO;
	}
	io->started++;
	return 0;
}

static void keep(struct journal_io *io, uint64_t tag, int64_t res)
{
	uint64_t one = 1;

	io->kept[io->started++] = (struct journal_io_done){.tag = tag, .result = res};
	if (io->efd >= 0 && write(io->efd, &one, sizeof(one)) < 0)
		return; /* it is readable already */
}

int journal_io_writev(void *ctx, struct journal_io *io, int fd, const struct iovec *iov, unsigned n,
	uint64_t off, uint64_t tag)
{
	struct io_uring_sqe *sqe;
	int rc;

	(void)ctx;
	assert(io->started < io->depth);
	if (!io->async) {
		ssize_t res = pwritev(fd, iov, (int)n, (off_t)off);

		keep(io, tag, res < 0 ? -errno : res);
		return 0;
	}
	rc = entry(io, &sqe);
	if (rc < 0)
		return rc;
	io_uring_prep_writev(sqe, fd, iov, n, off);
	return start(io, sqe, tag);
}

int journal_io_sync(void *ctx, struct journal_io *io, int fd, uint64_t tag)
{
	struct io_uring_sqe *sqe;
	int rc;

	(void)ctx;
	assert(io->started < io->depth);
	if (!io->async) {
		keep(io, tag, fdatasync(fd) < 0 ? -errno : 0);
		return 0;
	}
	rc = entry(io, &sqe);
	if (rc < 0)
		return rc;
	io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
	return start(io, sqe, tag);
}

int journal_io_reap(
	void *ctx, struct journal_io *io, struct journal_io_done *v, unsigned n, bool wait)
{
	unsigned got = 0;

	(void)ctx;
	if (!io->async) {
		for (; got < n && got < io->started; got++)
			v[got] = io->kept[got];
		for (unsigned i = got; i < io->started; i++)
			io->kept[i - got] = io->kept[i];
		io->started -= got;
		return (int)got;
	}
	while (got < n && io->started > 0) {
		struct io_uring_cqe *cqe;
		int rc = wait && got == 0 ? io_uring_wait_cqe(&io->ring, &cqe)
					  : io_uring_peek_cqe(&io->ring, &cqe);

		if (rc == -EINTR)
			continue;
		if (rc == -EAGAIN)
			break;
		if (rc < 0) {
			ring_close(io);
			return rc;
		}
		v[got++] = (struct journal_io_done){.tag = cqe->user_data, .result = cqe->res};
		io_uring_cqe_seen(&io->ring, cqe);
		io->started--;
	}
	return (int)got;
}
