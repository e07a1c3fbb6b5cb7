/*
 * The bytes of a commit, and how they get into the segment. Through the page cache each page costs
 * several microseconds of CPU, to be had, filled, written and given back; so a large commit goes
 * past it, by O_DIRECT, which wants the file's offset, the length and the memory aligned. A raw
 * block is made so (`whole`: header, padding and data in one piece of pages); what was compressed,
 * whose length nobody knew beforehand, is copied together into one piece of memory, and the last
 * header before a whole block or the commit's end is padded, so that what follows begins a page. A
 * small commit is not worth padding; behind it, or behind a short write, what is missing to a page
 * goes through the page cache, and the rest past it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "dataplane/journal/memory.h"

#define PIECE	       (4u << 20) /* of what is copied for a direct write */
#define DIRECT_AT_ONCE (6u << 20) /* of all of it, about */

_Static_assert(PIECE % FRAME_ALIGN == 0, "a piece leaves the next one aligned");

static uint64_t block_len(const struct pending *p)
{
	return (uint64_t)BLOCK_FIXED + p->frame.payload.len + p->pad + p->frame.data_len;
}

static uint64_t commit_len(const struct journal *j, unsigned n)
{
	uint64_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += block_len(queue_at(j, i));
	return len;
}

uint64_t commit_room(const struct journal *j, unsigned n)
{
	uint64_t len = commit_len(j, n);
	unsigned pads = 1; /* the last one's, and before each whole one */

	if (!j->cfg.direct_least || len < j->cfg.direct_least)
		return len;
	for (unsigned i = 0; i < n; i++)
		pads += queue_at(j, i)->whole;
	return len + (uint64_t)pads * FRAME_PAD_MOST;
}

/* The header as it stands in this segment, `pad` bytes of padding counted, which are put there;
 * p->frame.payload stays without, for the next one. */
static void encode_head(struct journal *j, struct pending *p, uint8_t *pad_at, uint32_t pad)
{
	struct block_frame f = p->frame;

	f.p.id[0] = j->id[0];
	f.p.id[1] = j->id[1];
	f.p.segment = j->w.first_block;
	f.p.durable_upto = atomic_load_explicit(&j->durable_block, memory_order_relaxed);
	f.p.fixed_len = BLOCK_FIXED;
	if (pad)
		frame_payload_pad(&f.payload, pad_at, pad);
	f.p.frame_len = BLOCK_FIXED + f.payload.len;
	block_frame_encode(&f, p->out->head);
	p->frame.p = f.p;
}

static void add_iov(struct commit *c, uint8_t *at, size_t len)
{
	if (len == 0)
		return;
	assert(c->iov_count < COMMIT_MAX_IOVS);
	c->iov[c->iov_count++] = (struct iovec){at, len};
	c->len += len;
}

/*
 * A block's frames behind what the commit has already. A whole one is one iovec where a page begins
 * (or nothing is direct); elsewhere, which only a commit's first one can be, its own padding is
 * left out for another, in c->pad. `align`: its end is to be a page's.
 */
static void encode_block(struct journal *j, struct pending *p, bool align)
{
	struct commit *c = &j->commit;
	uint32_t head = BLOCK_FIXED + p->frame.payload.len;
	uint64_t end = c->off + c->len + head + p->frame.data_len;
	uint8_t *behind = p->out->head + head;
	uint32_t pad;

	if (p->whole && !(align && (c->off + c->len) % FRAME_ALIGN)) {
		encode_head(j, p, behind, p->pad);
		add_iov(c, p->out->head, head + p->pad + p->frame.data_len);
		return;
	}
	pad = align ? frame_padding(end) : 0;
	encode_head(j, p, p->whole ? c->pad : behind, pad);
	add_iov(c, p->out->head, p->whole ? head : head + pad);
	add_iov(c, c->pad, p->whole ? pad : 0);
	add_iov(c, p->out->data, p->frame.data_len);
}

static bool have_piece(struct journal *j)
{
	if (!j->piece)
		j->piece = memory_map_aligned(PIECE);
	return j->piece != NULL;
}

void commit_write_populate(struct journal *j)
{
	if (!j->cfg.direct_least || !have_piece(j))
		return;
	memory_be_huge(j->piece, PIECE);
	memory_populate(j->piece, PIECE);
}

/* The segment past the page cache, opened when the first large commit comes. */
static bool can_be_direct(struct journal *j)
{
	bool can = have_piece(j) && segment_open_direct(&j->w);

	j->presser.whole_least = can ? j->cfg.direct_least : 0;
	return can;
}

void commit_encode(struct journal *j, unsigned n)
{
	struct commit *c = &j->commit;
	uint64_t len = commit_len(j, n);

	c->direct = j->cfg.direct_least && len >= j->cfg.direct_least && can_be_direct(j);
	c->blocks = n;
	c->off = j->w.end;
	c->len = 0;
	c->iov_first = c->iov_count = 0;
	for (unsigned i = 0; i < n; i++) {
		struct pending *p = queue_at(j, i);

		encode_block(
			j, p, c->direct && (p->whole || i == n - 1 || queue_at(j, i + 1)->whole));
	}
	c->left = c->len;
}

/* As a direct write wants it where a page begins. */
static bool is_pages(const struct iovec *v)
{
	return ((uintptr_t)v->iov_base | v->iov_len) % FRAME_ALIGN == 0;
}

/* Copies what lies before the next whole block; up to `room`. */
static size_t gather(struct commit *c, size_t at, unsigned *i, uint8_t *out, size_t room)
{
	size_t len = 0;

	while (*i < c->iov_count && len < room) {
		const struct iovec *v = &c->iov[c->iov_first + *i];
		size_t n = v->iov_len < room - len ? v->iov_len : room - len;

		if ((c->off + at + len) % FRAME_ALIGN == 0 && is_pages(v))
			break;
		memcpy(out + len, v->iov_base, n);
		len += n;
		*i += n == v->iov_len; /* else there is no more room */
	}
	return len;
}

/* From a page's beginning on: whole blocks from where they are, the rest from j->piece. When that
 * is full, what is copied last may be a part: it ends there. */
static unsigned lay_out(struct journal *j)
{
	struct commit *c = &j->commit;
	size_t len = 0, copied = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < c->iov_count && len < DIRECT_AT_ONCE && copied < PIECE;) {
		struct iovec *v = &c->direct_iov[n++];

		if (is_pages(&c->iov[c->iov_first + i])) {
			*v = c->iov[c->iov_first + i++];
		} else {
			v->iov_base = j->piece + copied;
			v->iov_len = gather(c, len, &i, v->iov_base, PIECE - copied);
			copied += v->iov_len;
		}
		assert(v->iov_len % FRAME_ALIGN == 0);
		len += v->iov_len;
	}
	return n;
}

int commit_write_on(struct journal *j)
{
	struct commit *c = &j->commit;
	size_t to_page = -c->off % FRAME_ALIGN;
	unsigned first = 0;

	c->tag++;
	if (!c->direct)
		return j->fs->io_writev(j->fs->ctx, j->io, j->w.fd, c->iov + c->iov_first,
			c->iov_count, c->off, c->tag);
	if (!to_page)
		return j->fs->io_writev(j->fs->ctx, j->io, j->w.direct_fd, c->direct_iov,
			lay_out(j), c->off, c->tag);
	c->direct_iov[0] = (struct iovec){j->piece, gather(c, 0, &first, j->piece, to_page)};
	assert(c->direct_iov[0].iov_len == to_page);
	return j->fs->io_writev(j->fs->ctx, j->io, j->w.fd, c->direct_iov, 1, c->off, c->tag);
}

bool commit_not_direct(struct journal *j, int64_t res)
{
	if (!j->commit.direct || (res != -EINVAL && res != -EOPNOTSUPP))
		return false;
	segment_close_direct(&j->w);
	j->presser.whole_least = 0;
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
