/*
 * Compression at intake. Any free compressor takes the oldest block that waits; the committer never
 * waits for one that has not been begun when it is due, but stores it raw.
 *
 * Due, when the disk has nothing else to do: a block of an acknowledged source (or one in front of
 * it, as commits go in the order of numbers) after commit-interval, another after
 * commit-interval-unacked. And when half of the pool waits, whatever comes next, as much as the
 * disk writes in 20 ms, to be written along with what was begun: raw blocks take what the disk has
 * to spare, never the place of compressed ones, or a slow disk would become slower the more there
 * is to do.
 */
#include <assert.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/journal/internal.h"
#include "dataplane/journal/memory.h"

#define RAW_AT_ONCE 8u	   /* blocks that one round of the committer stores raw */
#define RAW_DISK_US 20000u /* of writing that raw blocks may add to a commit under pressure */

/*
 * Behind the lcores and the committer where these share a CPU with it, as senders wait for both; a
 * quarter of the CPU is left to it even then. With less (10 and up) answers come later again, as a
 * block whose compression was begun is waited for.
 */
#define COMPRESSOR_NICE 5 /* more than the rest of us */

int presser_init(struct presser *p)
{
	p->z = zpress_new();
	p->columns = memory_map(COLUMNS_BOUND);
	p->last = calloc(BLOCK_MAX_DEVICES, sizeof(*p->last));
	p->seq = calloc(BLOCK_MAX_STREAMS, sizeof(*p->seq));
	return p->z && p->columns && p->last && p->seq ? 0 : -1;
}

void presser_free(struct presser *p)
{
	zpress_free(p->z);
	memory_unmap(p->columns, COLUMNS_BOUND);
	free(p->last);
	free(p->seq);
	memset(p, 0, sizeof(*p));
}

static void times_of(const struct block *b, uint64_t *first, uint64_t *last)
{
	uint64_t lo = b->row_count ? b->rows[0].time_ns : 0;
	uint64_t hi = lo;

	for (uint32_t i = 1; i < b->row_count; i++) {
		uint64_t t = b->rows[i].time_ns;

		lo = t < lo ? t : lo;
		hi = t > hi ? t : hi;
	}
	*first = lo;
	*last = hi;
}

/* A raw block's length is known before it is made: it may be made so that it needs no copying to be
 * written past the page cache. Any other's header is left room for what padding it may get. */
static void place_data(const struct presser *pr, struct pending *p, bool stored)
{
	uint64_t len = (uint64_t)BLOCK_FIXED + p->frame.payload.len;
	uint64_t all = len + zpress_raw_len(p->block->raw_len);

	p->whole = stored && pr->whole_least && all >= pr->whole_least;
	p->pad = p->whole ? frame_padding(all) : 0;
	p->out->data = p->out->head + len + (p->whole ? p->pad : FRAME_PAD_MOST);
}

void press_block(struct presser *pr, struct pending *p, int level)
{
	const struct block *b = p->block;
	struct block_frame *f = &p->frame;
	struct journal_part part;
	struct journal_records r = records_of_block(b, &part);
	size_t columns = columns_encode(&r, pr->last, pr->seq, pr->columns, COLUMNS_BOUND);
	bool stored = level == zpress_raw_level();
	struct output *o = p->out;
	size_t data;

	assert(columns > 0); /* block.h bounds what a block can hold: COLUMNS_BOUND is more */
	memset(f, 0, sizeof(*f));
	f->first_block = f->last_block = b->number;
	f->rows = b->row_count;
	f->raw_len = b->raw_len;
	f->lcore = b->lcore;
	f->flags = stored ? BLOCK_FLAG_RAW : 0;
	times_of(b, &f->first_ns, &f->last_ns);
	if ((stored ? zpress_payload_raw : zpress_payload)(pr->z, pr->columns, columns,
		    o->head + BLOCK_FIXED, o->cap - BLOCK_FIXED, &f->payload) != 0)
		abort(); /* room is there: only memory can have run out */
	place_data(pr, p, stored);
	data = zpress_data(pr->z, level, b->raw, b->raw_len, o->data,
		o->cap - (size_t)(o->data - o->head), &f->data_crc);
	if (data == 0)
		abort();
	f->data_len = (uint32_t)data;
}

void press_queue(struct journal *j, struct pending *p)
{
	struct press_pool *q = &j->press;
	bool wanted;

	if (q->threads == 0)
		return;
	p->next = NULL;
	pthread_mutex_lock(&q->mutex);
	if (q->tail)
		q->tail->next = p;
	else
		q->head = p;
	q->tail = p;
	wanted = crowd_next(j, p->taken_us) != NULL;
	pthread_mutex_unlock(&q->mutex);
	if (wanted)
		pthread_cond_signal(&q->cond);
}

/* Out of the queue; q->mutex held. */
static void unqueue(struct press_pool *q, struct pending *p)
{
	struct pending **at = &q->head;
	struct pending *before = NULL;

	for (; *at && *at != p; at = &(*at)->next)
		before = *at;
	assert(*at == p);
	*at = p->next;
	if (q->tail == p)
		q->tail = before;
}

static int level_of(struct journal *j)
{
	return atomic_load_explicit(&j->level, memory_order_relaxed);
}

static void *compressor_main(void *arg)
{
	struct journal *j = arg;
	struct press_pool *q = &j->press;
	struct presser *pr;

	(void)!nice(COMPRESSOR_NICE); /* of this thread, from what the process has */
	pthread_mutex_lock(&q->mutex);
	pr = &q->presser[q->taken++];
	for (;;) {
		uint64_t begun_us = j->fs->mono_us(j->fs->ctx), now_us;
		struct pending *p = crowd_next(j, begun_us);
		uint64_t cpu_ns;

		if (!p) {
			if (q->stop)
				break;
			pthread_cond_wait(&q->cond, &q->mutex);
			continue;
		}
		unqueue(q, p);
		p->state = PEND_COMPRESSING;
		crowd_tries(&q->speed, p->block->raw_len, begun_us);
		pthread_mutex_unlock(&q->mutex);
		cpu_ns = thread_cpu_ns(pthread_self());
		press_block(pr, p, level_of(j));
		cpu_ns = thread_cpu_ns(pthread_self()) - cpu_ns;
		now_us = j->fs->mono_us(j->fs->ctx);
		pthread_mutex_lock(&q->mutex);
		crowd_note(&q->speed, p->frame.raw_len, now_us - begun_us, cpu_ns / 1000, now_us);
		count(&j->pressed_ns, cpu_ns);
		p->state = PEND_READY;
		waker_wake(&j->waker);
	}
	pthread_mutex_unlock(&q->mutex);
	return NULL;
}

int press_start(struct journal *j, struct journal_fault *fault)
{
	struct press_pool *q = &j->press;
	unsigned n = j->cfg.compressors;

	for (unsigned i = 0; i < n; i++) {
		char name[16];
		int rc = presser_init(&q->presser[i]) != 0 ? ENOMEM : 0;

		if (rc == 0)
			rc = pthread_create(&q->thread[i], NULL, compressor_main, j);
		if (rc != 0) {
			presser_free(&q->presser[i]);
			press_stop(j);
			return journal_fault_set(fault, JOURNAL_E_NO_MEMORY, rc,
				"compressor %u cannot be started: %s", i, strerror(rc));
		}
		pthread_mutex_lock(&q->mutex);
		q->threads++;
		pthread_mutex_unlock(&q->mutex);
		snprintf(name, sizeof(name), "sluice-zstd-%u", i % 100);
		pthread_setname_np(q->thread[i], name);
		if (j->cfg.compressor_cpus) {
			cpu_set_t set;

			CPU_ZERO(&set);
			for (unsigned c = 0; c < 64; c++)
				if (j->cfg.compressor_cpus >> c & 1)
					CPU_SET(c, &set);
			pthread_setaffinity_np(q->thread[i], sizeof(set), &set);
		}
	}
	return JOURNAL_OK;
}

static uint64_t cpu_ns_locked(const struct press_pool *q)
{
	uint64_t ns = 0;

	for (unsigned i = 0; i < q->threads; i++)
		ns += thread_cpu_ns(q->thread[i]);
	return ns;
}

uint64_t press_cpu_ns(struct journal *j)
{
	uint64_t ns;

	pthread_mutex_lock(&j->press.mutex);
	ns = counted(&j->compressor_cpu_ns) + cpu_ns_locked(&j->press);
	pthread_mutex_unlock(&j->press.mutex);
	return ns;
}

void press_stop(struct journal *j)
{
	struct press_pool *q = &j->press;
	unsigned n;

	pthread_mutex_lock(&q->mutex);
	count(&j->compressor_cpu_ns, cpu_ns_locked(q));
	n = q->threads;
	q->threads = 0;
	q->stop = true;
	pthread_mutex_unlock(&q->mutex);
	pthread_cond_broadcast(&q->cond);
	for (unsigned i = 0; i < n; i++) {
		pthread_join(q->thread[i], NULL);
		presser_free(&q->presser[i]);
	}
}

/* The last of the queue that is due, counted from 1; 0: none. */
static unsigned due(struct journal *j, uint64_t now_us)
{
	uint64_t acked = atomic_load_explicit(&j->interval_us, memory_order_relaxed);
	uint64_t unacked = atomic_load_explicit(&j->interval_unacked_us, memory_order_relaxed);

	if (atomic_load(&j->stopping))
		return j->queue_len;
	if (crowd_waits(j, now_us))
		acked = 0;
	for (unsigned i = j->queue_len; i > 0; i--) {
		const struct pending *p = queue_at(j, i - 1);

		if (now_us - p->taken_us >= (p->block->acked ? acked : unacked))
			return i;
	}
	return 0;
}

/* Takes blocks from the compressors' queue that are to be stored raw now; q->mutex held. */
static unsigned choose_raw(struct journal *j, uint64_t now_us, unsigned ready, struct pending **raw)
{
	uint64_t budget = j->disk_rate * RAW_DISK_US; /* bytes per us, times us */
	unsigned late = ready ? 0 : due(j, now_us);
	bool pressure = j->queue_len * 2 >= j->cfg.pool_blocks;
	uint64_t bytes = 0;
	unsigned n = 0;

	for (unsigned i = ready; i < j->queue_len && n < RAW_AT_ONCE; i++) {
		struct pending *p = queue_at(j, i);

		if (i >= late && (!pressure || bytes > budget))
			break;
		if (p->state == PEND_QUEUED) {
			unqueue(&j->press, p);
			p->state = PEND_COMPRESSING;
			bytes += p->block->raw_len;
			raw[n++] = p;
		} else if (p->state == PEND_READY) {
			bytes += p->frame.data_len; /* behind one that was begun */
		} else if (i >= late && (!pressure || ready)) {
			break; /* what is behind it could not be written now */
		}
	}
	return n;
}

/* Without threads: compressed here while there is little to do, else stored. */
static unsigned ready_inline(struct journal *j)
{
	unsigned n = j->queue_len < COMMIT_MAX_BLOCKS ? j->queue_len : COMMIT_MAX_BLOCKS;
	unsigned ready = 0;

	for (; ready < n; ready++) {
		struct pending *p = queue_at(j, ready);

		if (p->state == PEND_QUEUED) {
			bool calm = j->queue_len <= j->port_count + 1 ||
				    j->queue_len * 4 <= j->cfg.pool_blocks;

			press_block(&j->presser, p, calm ? level_of(j) : zpress_raw_level());
			p->state = PEND_READY;
		}
	}
	return ready;
}

static unsigned count_ready(const struct journal *j)
{
	unsigned n = j->queue_len < COMMIT_MAX_BLOCKS ? j->queue_len : COMMIT_MAX_BLOCKS;
	unsigned ready = 0;

	while (ready < n && queue_at(j, ready)->state == PEND_READY)
		ready++;
	return ready;
}

/* What only the committer knows; q->mutex held. */
static void tell_crowd(struct journal *j)
{
	j->press.speed.disk_rate = j->disk_rate;
	j->press.speed.pressed = j->queue_len * 2 >= j->cfg.pool_blocks;
}

/* The first that waits behind the commit under way, if it is not to wait for a compressor. */
static struct pending *choose_ahead(struct journal *j, uint64_t now_us)
{
	if (!crowd_waits(j, now_us))
		return NULL;
	for (unsigned i = j->commit.blocks; i < j->queue_len; i++) {
		struct pending *p = queue_at(j, i);

		if (p->state == PEND_QUEUED)
			return p->block->acked ? p : NULL;
	}
	return NULL;
}

bool press_ahead(struct journal *j, uint64_t now_us)
{
	struct press_pool *q = &j->press;
	struct pending *p;

	if (q->threads == 0)
		return false;
	pthread_mutex_lock(&q->mutex);
	tell_crowd(j);
	p = choose_ahead(j, now_us);
	if (p) {
		unqueue(q, p);
		p->state = PEND_COMPRESSING;
	}
	pthread_mutex_unlock(&q->mutex);
	if (!p)
		return false;
	press_block(&j->presser, p, zpress_raw_level());
	pthread_mutex_lock(&q->mutex);
	p->state = PEND_READY;
	pthread_mutex_unlock(&q->mutex);
	return true;
}

unsigned press_ready(struct journal *j, uint64_t now_us)
{
	struct press_pool *q = &j->press;
	struct pending *raw[RAW_AT_ONCE];
	unsigned ready;
	unsigned n;

	if (q->threads == 0)
		return ready_inline(j);
	pthread_mutex_lock(&q->mutex);
	tell_crowd(j);
	ready = count_ready(j);
	n = choose_raw(j, now_us, ready, raw);
	pthread_mutex_unlock(&q->mutex);
	if (n == 0)
		return ready;
	for (unsigned i = 0; i < n; i++)
		press_block(&j->presser, raw[i], zpress_raw_level());
	pthread_mutex_lock(&q->mutex);
	for (unsigned i = 0; i < n; i++)
		raw[i]->state = PEND_READY;
	ready = count_ready(j);
	pthread_mutex_unlock(&q->mutex);
	return ready;
}
