/* What the files of the running journal share: pool.c, press.c, commit.c, rotate.c, recover.c,
 * repair.c, retention.c, journal.c. */
#ifndef SLUICE_JOURNAL_INTERNAL_H
#define SLUICE_JOURNAL_INTERNAL_H

#include <pthread.h>
#include <rte_ring.h>
#include <stdatomic.h>

#include "dataplane/journal/columns.h"
#include "dataplane/journal/compact.h"
#include "dataplane/journal/dir.h"
#include "dataplane/journal/format.h"
#include "dataplane/journal/fs.h"
#include "dataplane/journal/journal.h"
#include "dataplane/journal/segment.h"
#include "dataplane/journal/segment_write.h"
#include "dataplane/journal/state.h"
#include "dataplane/journal/zframe.h"

#define CACHE_LINE	     64
#define COMMIT_MAX_BLOCKS    256u			 /* of one commit */
#define COMMIT_MAX_IOVS	     (2 * COMMIT_MAX_BLOCKS + 1) /* IOV_MAX is 1024 */
#define SEGMENT_MAX_BLOCKS   (1u << 18)
#define SEGMENT_RESERVE_STEP (16u << 20)
#define COMPRESSORS_MAX	     64u

enum pend_op { PEND_SUBMIT, PEND_RETURN };
enum pend_state { PEND_QUEUED, PEND_COMPRESSING, PEND_READY };

/* Where a block's frames are made. LIFO, so that under low load a warm one is used again. */
struct output {
	uint8_t *head; /* BLOCK_FIXED bytes for the committer, the columns' payload, padding, data;
			  its beginning is a huge page's */
	size_t cap;
	uint8_t *data; /* where in it */
	struct output *next;
};

/* The journal's side of a block (block->journal_priv). */
struct pending {
	struct block *block;
	struct journal_port *port;
	enum pend_op op;
	enum pend_state state; /* under press.mutex while compressors run */
	struct pending *next;  /* in the compressors' queue */
	uint64_t taken_us;
	struct output *out;
	bool whole;   /* data follows directly, so that all of it is pages: commit_write.c's */
	uint32_t pad; /* ... because of so many bytes behind the payload, not counted in it */
	struct block_frame frame;
};

struct journal_port {
	/* the lcore's */
	_Alignas(CACHE_LINE) struct journal *j;
	struct block **free_stack;
	struct waker *waker;
	struct rte_ring *to_journal, *done, *granted;
	_Atomic uint64_t no_block;
	unsigned free_count, keep;
	unsigned outstanding; /* submitted, not completed */
	uint64_t early_us;    /* from when on a block may go before its interval is over */
	unsigned index;
	_Atomic uint32_t free_shown; /* free_count for journal_status() */
	_Atomic uint32_t handed;     /* blocks put into to_journal so far */
	_Atomic uint32_t got;	     /* blocks taken from granted so far */
	uint8_t pad[2 * CACHE_LINE - 96];
	/* the committer's */
	_Atomic uint32_t want;	/* set by the lcore, cleared by the committer */
	_Atomic uint32_t given; /* blocks put into granted so far */
	uint32_t taken;		/* blocks taken from to_journal so far */
	uint32_t wake;
	uint8_t pad2[CACHE_LINE - 16];
};
_Static_assert(offsetof(struct journal_port, want) == 2 * CACHE_LINE, "a line of its own");
_Static_assert(sizeof(struct journal_port) == 3 * CACHE_LINE, "ports do not share lines");

/* A compressor's memory; the committer has one too. */
struct presser {
	struct zpress *z;
	uint64_t whole_least; /* a raw block is made whole from so many bytes on; 0: none is */
	uint8_t *columns;
	struct columns_last *last;
	uint64_t *seq;
};

/* What compressing costs those who wait for it, of late: sums that fade. */
struct press_speed {
	uint64_t bytes, wall_us, cpu_us;
	uint64_t noted_us;  /* when these were last added to */
	uint64_t tried_us;  /* when a compressor last took a block that tells something; ... */
	uint64_t try_us;    /* ... how long after it the next one is tried; ... */
	uint64_t rarer_us;  /* ... when that was made longer */
	uint64_t disk_rate; /* as the committer knows it, bytes per microsecond */
	bool pressed;	    /* half of the pool waits: press.c has rules for that */
};

struct press_pool {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	struct pending *head, *tail; /* queued, in order */
	struct press_speed speed;
	bool stop;
	unsigned threads, taken;
	pthread_t thread[COMPRESSORS_MAX];
	struct presser presser[COMPRESSORS_MAX];
};

/* A segment as the writer knows it. */
struct seg {
	uint64_t first_block, last_block; /* last_block < first_block: no blocks */
	uint64_t bytes, blocks, logs, raw_bytes, first_ns, last_ns;
	bool finished;
	bool settled;	   /* rewritten, or looked at and left as it is */
	uint64_t again_us; /* not rewritten before then: memory was out */
};

enum commit_phase { COMMIT_IDLE, COMMIT_WRITING, COMMIT_SYNCING };

struct commit {
	enum commit_phase phase;
	uint64_t tag; /* of the operation under way: one of its own for each, so that the late end
			 of an earlier one is never taken for it */
	unsigned blocks; /* the first of the queue */
	struct iovec iov[COMMIT_MAX_IOVS];
	unsigned iov_first, iov_count;
	uint8_t pad[FRAME_PAD_MOST]; /* of a first block that is whole where no page begins */
	struct iovec direct_iov[COMMIT_MAX_IOVS]; /* what of these is written past the page cache */
	bool direct;				  /* it goes past it */
	uint64_t off, left;
	uint64_t len; /* in all */
	uint64_t started_us;
};

#define COMMIT_BUCKETS 256

/* How much of their time compressors have used of late. */
struct compact_watch {
	uint64_t at_us;	     /* when it was looked at last; 0: never */
	uint64_t pressed_ns; /* the CPU time that they had had by then */
	bool busy;
};

struct journal {
	/* what lcores look at */
	_Alignas(CACHE_LINE) _Atomic uint64_t interval_us, interval_unacked_us;
	struct journal_port *ports;
	const struct journal_fs *fs;
	_Atomic int state;     /* enum journal_state */
	_Atomic int level;     /* zstd, at intake */
	_Atomic bool busy;     /* a commit is under way or blocks wait for one */
	_Atomic bool grouping; /* they wait for others, not the other way round */
	_Atomic bool hurry;    /* journal_hurry() */
	_Atomic bool stopping;
	_Atomic bool poke; /* something to see to that no ring holds */
	_Atomic bool config_new;
	bool threads_run;
	bool poisoned;	   /* memory was out in the fold: only a restart helps */
	bool gave_up;	   /* no space even at the end */
	bool resume_asked; /* under `mutex` */
	unsigned port_count;
	int lock_fd;

	struct journal_config cfg;	/* the committer's, but for what never changes */
	struct journal_config next_cfg; /* under `mutex` */
	uint64_t id[2];

	/* the pool */
	struct block **blocks; /* all of them */
	struct pending *pendings;
	struct output *outputs;
	uint8_t *outputs_mem; /* of all of them, each `output_stride` bytes */
	size_t output_stride;
	struct output *output_free;
	struct block **shared; /* free blocks that no port holds */
	unsigned shared_count;
	_Atomic uint32_t shared_shown;

	/* the committer's queue: a ring of pool_blocks entries, in the order of block numbers */
	struct pending **queue;
	unsigned queue_head, queue_len;
	uint64_t last_number;
	struct commit commit;
	uint64_t group_until_us; /* its head waits for others until then; 0: it does not */
	uint8_t *piece;		 /* commit_write.c's; NULL: not needed yet */
	uint64_t disk_rate;	 /* bytes per microsecond, of recent commits that were large */
	struct journal_io *io;
	const char *io_what;
	uint64_t hold_until_us;
	uint64_t space_checked_us, space_checked_at;
	uint64_t available;
	struct presser presser;
	struct segment_writer w;
	uint64_t retention_us;	 /* when it is looked at next */
	int64_t clock_offset_ns; /* wall minus monotonic, when retention last looked */
	uint64_t paced_until_us, paced_next_us;

	pthread_t thread;
	struct waker waker;
	struct press_pool press;
	unsigned failures; /* since the last commit that succeeded */
	_Atomic int watch_fd;
	_Atomic uint64_t durable_block, durable_logs;

	/* the rewriting of finished segments */
	pthread_mutex_t files;	     /* held while a segment's file is removed or replaced */
	pthread_cond_t compact_cond; /* with `mutex` */
	pthread_t compact_thread;
	struct compactor *compactor;
	bool compact_runs;
	_Atomic bool far_behind; /* so much waits to be rewritten that room may get short */
	uint64_t compact_raw_seen, compact_all_seen; /* the compacting thread's */
	struct compact_watch compact_watch;	     /* the compacting thread's */
	_Atomic bool compact_may, compact_stop;
	_Atomic uint64_t compacted_segments, compacted_from, compacted_to; /* to, from: bytes */

	/* under `mutex`: read by any thread */
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	struct fold *fold;
	struct seg *segs;
	unsigned seg_count, seg_cap;
	char last_error[256];

	_Atomic uint64_t blocks_compressed, blocks_raw, commits, fsyncs, raw_bytes, disk_bytes;
	_Atomic uint64_t write_errors, sync_errors, retention_removed, streams_expired,
		streams_displaced;
	_Atomic uint32_t device_streams; /* that a device may have; 0: any number */
	_Atomic uint64_t total_bytes;
	_Atomic uint64_t committer_cpu_ns, compressor_cpu_ns; /* of threads that have ended */
	_Atomic uint64_t pressed_ns; /* CPU time of blocks that compressors have done */
	_Atomic uint64_t commit_us[COMMIT_BUCKETS];
	int resume_result; /* under `mutex` */
	uint32_t reserved;
};

static inline void count(_Atomic uint64_t *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

/* Epochs that newer ones have displaced may be forgotten if they were seen last before this. */
static inline uint64_t displaced_before(struct journal *j)
{
	uint64_t wall = j->fs->wall_ns(j->fs->ctx), age = JOURNAL_DISPLACED_S * 1000000000ull;

	return wall > age ? wall - age : 0;
}

static inline uint64_t counted(_Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/* pool.c: rings, ports and free blocks. */
int pool_open(struct journal *j, struct journal_fault *fault);
/* The committer's part of what journal_port_populate() does for a port: what blocks become. */
void pool_populate(struct journal *j);
void pool_close(struct journal *j);
/* Takes what the ports have handed over; serves their wishes. Did anything come? */
bool pool_drain(struct journal *j, uint64_t now_us);
bool pool_has_work(struct journal *j);
/* About how many are free, wherever they lie. Any thread. */
unsigned pool_free_blocks(struct journal *j);
/* Completes the first `n` of the queue, with their ports' wakers at the end. */
void pool_complete(struct journal *j, unsigned n, int error);
static inline struct pending *queue_at(const struct journal *j, unsigned i)
{
	return j->queue[(j->queue_head + i) % j->cfg.pool_blocks];
}

/* press.c */
int presser_init(struct presser *p);
void presser_free(struct presser *p);
/* Makes a block's frames in p->out. Level zpress_raw_level(): stored. */
void press_block(struct presser *pr, struct pending *p, int level);
int press_start(struct journal *j, struct journal_fault *fault);
void press_stop(struct journal *j);
uint64_t press_cpu_ns(struct journal *j);
void press_queue(struct journal *j, struct pending *p);
/* The number of finished ones at the queue's head; those that are late are stored raw here. */
unsigned press_ready(struct journal *j, uint64_t now_us);
/* While a commit is under way: stores one that the next will want raw (crowd.c). Was there any? */
bool press_ahead(struct journal *j, uint64_t now_us);

/* crowd.c: does storing raw serve better those who wait for an answer? press.mutex held. A block of
 * so many bytes goes to a compressor, and has been there. */
void crowd_tries(struct press_speed *s, uint64_t bytes, uint64_t now_us);
void crowd_note(
	struct press_speed *s, uint64_t bytes, uint64_t wall_us, uint64_t cpu_us, uint64_t now_us);
bool crowd_waits(struct journal *j, uint64_t now_us);
/* The block that a compressor should take now, or NULL. */
struct pending *crowd_next(struct journal *j, uint64_t now_us);

/* commit.c */
bool commit_step(struct journal *j, uint64_t now_us);
/* The next instant at which something is due without anybody's doing. */
uint64_t commit_deadline(const struct journal *j, uint64_t now_us);
void commit_error(struct journal *j, int sys, const char *what);

/* commit_write.c: the frames of the first `n` blocks of the queue, written in one or more pieces.
 */
/* The most bytes that they take. */
uint64_t commit_room(const struct journal *j, unsigned n);
/* Makes them ready for the segment that is open. */
void commit_encode(struct journal *j, unsigned n);
/* Writes what is left, or a piece of it: 0 or -errno. */
int commit_write_on(struct journal *j);
/* Was this the answer of a file system that cannot write past the page cache? Then the same goes
 * through it, and so does the rest of this segment. */
bool commit_not_direct(struct journal *j, int64_t res);
/* `n` bytes are written. */
void commit_advance(struct commit *c, uint64_t n);
/* Has the memory of direct writes at once. */
void commit_write_populate(struct journal *j);
void commit_write_free(struct journal *j);

/* rotate.c: segments of the running journal. 0 or -errno. */
int rotate_for(struct journal *j, uint64_t len, uint64_t now_us);
void rotate_abandon(struct journal *j);
int rotate_finish(struct journal *j);
void rotate_note(struct journal *j, const struct block_frame *f, uint64_t disk);
void rotate_age(struct journal *j, uint64_t now_us);
int seg_add(struct journal *j, const struct seg *s);

/* compacting.c: finished segments are rewritten when there is nothing better to do. */
int compacting_start(struct journal *j, struct journal_fault *fault);
void compacting_stop(struct journal *j);
/* Rewrites the oldest segment that is worth it. Did anything happen? Of a thread of its own; tests
 * may, instead of journal_start(). */
bool compacting_step(struct journal *j);
/* Does intake need what rewriting would take? The compacting thread asks, again and again. */
bool compacting_waits(struct journal *j);

/* retention.c */
void retention_begin(struct journal *j);
void retention_step(struct journal *j, uint64_t now_us);
/* Bytes that all segments may take by configuration; UINT64_MAX: any. */
uint64_t retention_limit(struct journal *j);

/* status.c: CPU time of a thread that runs; 0: it has ended. */
uint64_t thread_cpu_ns(pthread_t t);

/* recover.c */
int journal_recover(struct journal *j, struct journal_recovery *out, struct journal_fault *fault);

/*
 * One round of the committer: takes blocks, compresses where no thread does, commits, completes,
 * looks after segments and retention. Did anything happen? Threads call it; tests may, instead of
 * journal_start().
 */
bool journal_step(struct journal *j, uint64_t now_us);
bool journal_has_work(struct journal *j);

#endif
