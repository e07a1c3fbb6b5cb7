/*
 * Blocks in memory: a bounded pool, of which each port holds a few (LIFO, so that the block filled
 * next is warm in its lcore's cache) and the committer the rest. All traffic between an lcore and
 * the committer goes over SPSC rings, each as large as the whole pool: no enqueue ever fails.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "dataplane/journal/memory.h"

#define KEEP_MOST   16u	   /* blocks that a port has at hand */
#define HEAD_LIKELY 65536u /* bytes of a full block's header and columns */
/* From one block that goes early to the next: a commit and its sync cost 0.1 ms of CPU whatever
 * they hold, and one began whenever the one before had ended. */
#define EARLY_US 1000u

static struct rte_ring *ring_new(unsigned entries)
{
	unsigned size = 2;
	struct rte_ring *r;
	size_t bytes;

	while (size <= entries)
		size *= 2;
	bytes = ((size_t)rte_ring_get_memsize(size) + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
	r = aligned_alloc(CACHE_LINE, bytes);
	if (r && rte_ring_init(r, "journal", size, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
		free(r);
		return NULL;
	}
	return r;
}

static void ring_put(struct rte_ring *r, void *what)
{
	int rc = rte_ring_sp_enqueue(r, what);

	assert(rc == 0);
	(void)rc;
}

static int port_init(struct journal *j, struct journal_port *p, unsigned index)
{
	unsigned n = j->cfg.pool_blocks;

	p->j = j;
	p->index = index;
	p->keep = n / (2 * j->port_count);
	if (p->keep > KEEP_MOST)
		p->keep = KEEP_MOST;
	p->free_stack = calloc(n, sizeof(void *));
	p->to_journal = ring_new(n);
	p->done = ring_new(n);
	p->granted = ring_new(n);
	return p->free_stack && p->to_journal && p->done && p->granted ? 0 : -1;
}

/* One mapping for all: apart, each would be one of the few that a process may have. */
static int outputs_alloc(struct journal *j, unsigned n)
{
	size_t cap = BLOCK_FIXED + zpress_bound(COLUMNS_BOUND) + FRAME_PAD_MOST +
		     zpress_bound(j->cfg.block_size);

	j->output_stride = (cap + MEMORY_HUGE - 1) & ~(size_t)(MEMORY_HUGE - 1);
	j->outputs_mem = memory_map_aligned(n * j->output_stride);
	if (!j->outputs_mem)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		struct output *o = &j->outputs[i];

		o->head = j->outputs_mem + i * j->output_stride;
		o->cap = cap;
		o->next = j->output_free;
		j->output_free = o;
	}
	return 0;
}

static int pool_alloc(struct journal *j)
{
	unsigned n = j->cfg.pool_blocks;

	j->ports = aligned_alloc(CACHE_LINE, j->port_count * sizeof(*j->ports));
	j->blocks = calloc(n, sizeof(void *));
	j->pendings = calloc(n, sizeof(*j->pendings));
	j->outputs = calloc(n, sizeof(*j->outputs));
	j->shared = calloc(n, sizeof(void *));
	j->queue = calloc(n, sizeof(void *));
	if (j->ports)
		memset(j->ports, 0, j->port_count * sizeof(*j->ports));
	if (!j->ports || !j->blocks || !j->pendings || !j->outputs || !j->shared || !j->queue)
		return -1;
	for (unsigned i = 0; i < j->port_count; i++)
		if (port_init(j, &j->ports[i], i) != 0)
			return -1;
	if (outputs_alloc(j, n) != 0)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		j->blocks[i] = block_new(j->cfg.block_size);
		if (!j->blocks[i])
			return -1;
		j->pendings[i].block = j->blocks[i];
		j->blocks[i]->journal_priv = &j->pendings[i];
		j->shared[j->shared_count++] = j->blocks[i];
	}
	return 0;
}

/* As many as the ports have blocks at hand are used first, before any other. */
void pool_populate(struct journal *j)
{
	size_t likely = HEAD_LIKELY + zpress_bound(j->cfg.block_size);
	struct output *o = j->output_free;

	for (unsigned i = 0; i < j->port_count; i++)
		for (unsigned k = 0; k < j->ports[i].keep && o; k++, o = o->next) {
			if (likely >= MEMORY_HUGE / 2) /* else most of one would be for nothing */
				memory_be_huge(o->head, likely);
			memory_populate(o->head, likely);
		}
}

int pool_open(struct journal *j, struct journal_fault *fault)
{
	if (pool_alloc(j) != 0)
		return journal_fault_set(fault, JOURNAL_E_NO_MEMORY, 0,
			"no memory for %u blocks of %" PRIu32 " bytes", j->cfg.pool_blocks,
			j->cfg.block_size);
	for (unsigned i = 0; i < j->port_count; i++) {
		struct journal_port *p = &j->ports[i];

		while (p->free_count < p->keep && j->shared_count > 0)
			p->free_stack[p->free_count++] = j->shared[--j->shared_count];
		atomic_store(&p->free_shown, p->free_count);
	}
	atomic_store(&j->shared_shown, j->shared_count);
	return JOURNAL_OK;
}

void pool_close(struct journal *j)
{
	for (unsigned i = 0; j->ports && i < j->port_count; i++) {
		free(j->ports[i].free_stack);
		free(j->ports[i].to_journal);
		free(j->ports[i].done);
		free(j->ports[i].granted);
	}
	for (unsigned i = 0; j->blocks && i < j->cfg.pool_blocks; i++)
		block_free(j->blocks[i]);
	memory_unmap(j->outputs_mem, j->cfg.pool_blocks * j->output_stride);
	free(j->ports);
	free(j->blocks);
	free(j->pendings);
	free(j->outputs);
	free(j->shared);
	free(j->queue);
}

/* ---- the lcore's side --------------------------------------------------------------------- */

struct journal_port *journal_port(struct journal *j, unsigned index)
{
	assert(index < j->port_count);
	return &j->ports[index];
}

void journal_port_set_waker(struct journal_port *p, struct waker *w)
{
	p->waker = w;
}

static void wake_committer(struct journal *j)
{
	if (!j->cfg.busy_poll)
		waker_wake(&j->waker);
}

/* Counters with one writer, so that others may look without touching a ring. */
static void bump(_Atomic uint32_t *c, uint32_t n)
{
	atomic_store_explicit(
		c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_release);
}

static void show_free(struct journal_port *p)
{
	atomic_store_explicit(&p->free_shown, p->free_count, memory_order_relaxed);
}

static void hand_over(struct journal_port *p, struct block *b)
{
	ring_put(p->to_journal, b);
	bump(&p->handed, 1);
}

uint32_t journal_port_free(const struct journal_port *p)
{
	return p->free_count + rte_ring_count(p->granted) +
	       atomic_load_explicit(&p->j->shared_shown, memory_order_relaxed);
}

void journal_port_populate(struct journal_port *p)
{
	for (unsigned i = 0; i < p->free_count; i++)
		block_populate(p->free_stack[i]);
}

/* Beneath those at hand, which are warm, and whose memory is there. */
static void take_granted(struct journal_port *p)
{
	void *got[KEEP_MOST];
	unsigned n = rte_ring_sc_dequeue_burst(p->granted, got, p->keep - p->free_count, NULL);

	memmove(p->free_stack + n, p->free_stack, p->free_count * sizeof(void *));
	memcpy(p->free_stack, got, n * sizeof(void *));
	p->free_count += n;
	bump(&p->got, n);
}

struct block *journal_block_get(struct journal_port *p)
{
	struct block *b = NULL;

	if (p->free_count <= p->keep / 2) {
		take_granted(p);
		if (p->free_count <= p->keep / 2 &&
			!atomic_load_explicit(&p->want, memory_order_relaxed)) {
			atomic_store_explicit(&p->want, 1, memory_order_release);
			wake_committer(p->j);
		}
	}
	if (p->free_count == 0) {
		count(&p->no_block, 1);
		return NULL;
	}
	b = p->free_stack[--p->free_count];
	show_free(p);
	block_reset(b);
	b->lcore = (uint8_t)p->index;
	return b;
}

void journal_block_put(struct journal_port *p, struct block *b)
{
	struct pending *pend = b->journal_priv;

	if (p->free_count < p->keep) {
		p->free_stack[p->free_count++] = b;
		show_free(p);
		return;
	}
	pend->op = PEND_RETURN;
	pend->port = p;
	hand_over(p, b);
}

static uint64_t interval_end(const struct journal_port *p, const struct block *b)
{
	const struct journal *j = p->j;

	return b->first_us +
	       atomic_load_explicit(
		       b->acked ? &j->interval_us : &j->interval_unacked_us, memory_order_relaxed);
}

/* But for the distance that it keeps. Blocks that wait for others are in nobody's way. */
static bool may_go_early(const struct journal_port *p, const struct block *b)
{
	return b->acked && (atomic_load_explicit(&p->j->grouping, memory_order_relaxed) ||
				   (p->outstanding == 0 && !atomic_load_explicit(&p->j->busy,
								   memory_order_relaxed)));
}

bool journal_should_submit(struct journal_port *p, const struct block *b, uint64_t now_us)
{
	bool full = b->raw_size - b->raw_len < b->raw_size / 16 ||
		    b->row_count >= BLOCK_MAX_ROWS - BLOCK_MAX_ROWS / 16;

	if (!full && now_us < interval_end(p, b) && (now_us < p->early_us || !may_go_early(p, b)))
		return false;
	p->early_us = now_us + EARLY_US;
	return true;
}

uint64_t journal_submit_deadline(
	const struct journal_port *p, const struct block *b, uint64_t now_us)
{
	uint64_t end = interval_end(p, b);

	return now_us < p->early_us && p->early_us < end && may_go_early(p, b) ? p->early_us : end;
}

void journal_submit(struct journal_port *p, struct block *b)
{
	struct pending *pend = b->journal_priv;

	pend->op = PEND_SUBMIT;
	pend->port = p;
	p->outstanding++;
	hand_over(p, b);
	wake_committer(p->j);
}

unsigned journal_completed(struct journal_port *p, struct block **v, unsigned n)
{
	unsigned got = rte_ring_sc_dequeue_burst(p->done, (void **)v, n, NULL);

	p->outstanding -= got;
	return got;
}

/* ---- the committer's side ----------------------------------------------------------------- */

static void take(struct journal *j, struct block *b, uint64_t now_us)
{
	struct pending *p = b->journal_priv;

	if (p->op == PEND_RETURN) {
		j->shared[j->shared_count++] = b;
		return;
	}
	assert(j->queue_len < j->cfg.pool_blocks && j->output_free);
	b->number = ++j->last_number;
	b->error = 0;
	p->taken_us = now_us;
	p->state = PEND_QUEUED;
	p->out = j->output_free;
	j->output_free = p->out->next;
	j->queue[(j->queue_head + j->queue_len++) % j->cfg.pool_blocks] = p;
	press_queue(j, p);
}

static void grant(struct journal *j, struct journal_port *p)
{
	if (!atomic_load_explicit(&p->want, memory_order_acquire) || j->shared_count == 0)
		return;
	for (unsigned n = (p->keep + 1) / 2; n > 0 && j->shared_count > 0; n--) {
		ring_put(p->granted, j->shared[--j->shared_count]);
		bump(&p->given, 1);
	}
	atomic_store_explicit(&p->want, 0, memory_order_release);
	if (p->waker)
		waker_wake(p->waker); /* it may wait for nothing else */
}

bool pool_drain(struct journal *j, uint64_t now_us)
{
	bool any = false;

	for (unsigned i = 0; i < j->port_count; i++) {
		void *v[32];
		unsigned n = rte_ring_sc_dequeue_burst(j->ports[i].to_journal, v, 32, NULL);

		for (unsigned k = 0; k < n; k++)
			take(j, v[k], now_us);
		j->ports[i].taken += n;
		any |= n > 0;
	}
	for (unsigned i = 0; i < j->port_count; i++)
		grant(j, &j->ports[i]);
	atomic_store_explicit(&j->shared_shown, j->shared_count, memory_order_relaxed);
	return any;
}

bool pool_has_work(struct journal *j)
{
	for (unsigned i = 0; i < j->port_count; i++) {
		struct journal_port *p = &j->ports[i];

		if (atomic_load_explicit(&p->handed, memory_order_acquire) != p->taken ||
			(atomic_load_explicit(&p->want, memory_order_acquire) && j->shared_count))
			return true;
	}
	return false;
}

unsigned pool_free_blocks(struct journal *j)
{
	unsigned n = atomic_load_explicit(&j->shared_shown, memory_order_relaxed);

	for (unsigned i = 0; i < j->port_count; i++) {
		struct journal_port *p = &j->ports[i];

		n += atomic_load_explicit(&p->free_shown, memory_order_relaxed) +
		     atomic_load_explicit(&p->given, memory_order_relaxed) -
		     atomic_load_explicit(&p->got, memory_order_relaxed);
	}
	return n;
}

void pool_complete(struct journal *j, unsigned n, int error)
{
	for (unsigned i = 0; i < n; i++) {
		struct pending *p = j->queue[j->queue_head];
		struct journal_port *port = p->port;

		j->queue_head = (j->queue_head + 1) % j->cfg.pool_blocks;
		j->queue_len--;
		p->out->next = j->output_free;
		j->output_free = p->out;
		p->out = NULL;
		p->block->error = error;
		ring_put(port->done, p->block);
		port->wake = 1;
	}
	for (unsigned i = 0; i < j->port_count; i++) {
		if (j->ports[i].wake && j->ports[i].waker)
			waker_wake(j->ports[i].waker);
		j->ports[i].wake = 0;
	}
}
