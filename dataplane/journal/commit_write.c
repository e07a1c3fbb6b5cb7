/*
 * The bytes of a commit, and how they get into the segment. Through the page cache each page costs
 * several microseconds of CPU, to be had, filled, written and given back; so a large commit goes
 * past it, by O_DIRECT, which wants the file's offset, the length and the memory aligned. For that
 * it is copied into one piece of memory, and its last block's header is padded, so that its end is
 * aligned, and with it the next one's beginning. A small one is not worth padding; behind it, or
 * behind a short write, what is missing to a page goes through the page cache, and the rest past
 * it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "dataplane/journal/memory.h"

#define PIECE (4u << 20) /* of one direct write */

_Static_assert(PIECE % FRAME_ALIGN == 0, "a piece leaves the next one aligned");

static uint64_t block_len(const struct pending *p)
{
	return (uint64_t)BLOCK_FIXED + p->frame.payload.len + p->frame.data_len;
}

uint64_t commit_len(const struct journal *j, unsigned n)
{
	uint64_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += block_len(queue_at(j, i));
	return len;
}

/* Frames as they stand in this segment; p->frame.payload stays without padding, for the next one.
 */
static void encode_block(struct journal *j, struct pending *p, uint32_t pad)
{
	struct block_frame f = p->frame;

	f.p.id[0] = j->id[0];
	f.p.id[1] = j->id[1];
	f.p.segment = j->w.first_block;
	f.p.durable_upto = atomic_load_explicit(&j->durable_block, memory_order_relaxed);
	f.p.fixed_len = BLOCK_FIXED;
	if (pad)
		frame_payload_pad(&f.payload, p->out->head + BLOCK_FIXED + f.payload.len, pad);
	f.p.frame_len = BLOCK_FIXED + f.payload.len;
	block_frame_encode(&f, p->out->head);
	p->frame.p = f.p;
}

static bool have_piece(struct journal *j)
{
	if (!j->piece)
		j->piece = memory_map(PIECE);
	return j->piece != NULL;
}

void commit_write_populate(struct journal *j)
{
	if (j->cfg.direct_least && have_piece(j))
		memory_populate(j->piece, PIECE);
}

/* The segment past the page cache, opened when the first large commit comes. */
static bool can_be_direct(struct journal *j)
{
	return have_piece(j) && segment_open_direct(&j->w);
}

void commit_encode(struct journal *j, unsigned n)
{
	struct commit *c = &j->commit;
	uint64_t len = commit_len(j, n);
	bool large = j->cfg.direct_least && len >= j->cfg.direct_least && can_be_direct(j);
	uint32_t pad = large ? frame_padding(j->w.end + len) : 0;

	for (unsigned i = 0; i < n; i++) {
		struct pending *p = queue_at(j, i);

		encode_block(j, p, i == n - 1 ? pad : 0);
		c->iov[2 * i] = (struct iovec){p->out->head, p->frame.p.frame_len};
		c->iov[2 * i + 1] = (struct iovec){p->out->data, p->frame.data_len};
	}
	c->blocks = n;
	c->iov_first = 0;
	c->iov_count = 2 * n;
	c->off = j->w.end;
	c->left = c->len = len + pad;
	c->direct = large;
}

static size_t gather(const struct commit *c, uint8_t *out, size_t room)
{
	size_t len = 0;

	for (unsigned i = 0; i < c->iov_count && len < room; i++) {
		const struct iovec *v = &c->iov[c->iov_first + i];
		size_t n = v->iov_len < room - len ? v->iov_len : room - len;

		memcpy(out + len, v->iov_base, n);
		len += n;
	}
	return len;
}

int commit_write_on(struct journal *j)
{
	struct commit *c = &j->commit;
	size_t to_page = -c->off % FRAME_ALIGN;

	c->tag++;
	if (!c->direct)
		return j->fs->io_writev(j->fs->ctx, j->io, j->w.fd, c->iov + c->iov_first,
			c->iov_count, c->off, c->tag);
	c->piece = (struct iovec){j->piece, gather(c, j->piece, to_page ? to_page : PIECE)};
	assert((c->off + c->piece.iov_len) % FRAME_ALIGN == 0);
	return j->fs->io_writev(j->fs->ctx, j->io, to_page ? j->w.fd : j->w.direct_fd, &c->piece, 1,
		c->off, c->tag);
}

bool commit_not_direct(struct journal *j, int64_t res)
{
	if (!j->commit.direct || (res != -EINVAL && res != -EOPNOTSUPP))
		return false;
	segment_close_direct(&j->w);
	j->commit.direct = false;
	return true;
}

void commit_advance(struct commit *c, uint64_t n)
{
	c->off += n;
	c->left -= n;
	while (n > 0) {
		struct iovec *v = &c->iov[c->iov_first];

		if (n < v->iov_len) {
			v->iov_base = (uint8_t *)v->iov_base + n;
			v->iov_len -= n;
			return;
		}
		n -= v->iov_len;
		c->iov_first++;
		c->iov_count--;
	}
}

void commit_write_free(struct journal *j)
{
	memory_unmap(j->piece, PIECE);
}
