/*
 * The journal's door for those who write: blocks out of a bounded pool, submission, group commit,
 * durable blocks back. (Reading: reader.h. The format: format.h and docs/journal.md.)
 *
 * Threads: one `journal_port` for each producing lcore, used by that lcore alone. The journal has
 * its own committer thread and compressor threads; an lcore meets them over SPSC rings only, makes
 * no system call and takes no lock (but for waking a committer that sleeps, in adaptive mode).
 */
#ifndef SLUICE_JOURNAL_H
#define SLUICE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/waker.h"
#include "dataplane/journal/block.h"

struct journal;
struct journal_port;

enum journal_error {
	JOURNAL_OK = 0,
	JOURNAL_E_IO = -1,	/* a system call failed: errno in journal_fault.sys */
	JOURNAL_E_MISSING = -2, /* no such directory */
	JOURNAL_E_READ_ONLY = -3,
	JOURNAL_E_FOREIGN = -4, /* not empty and not a journal */
	JOURNAL_E_LOCKED = -5,	/* another instance has it */
	JOURNAL_E_NEWER = -6,	/* of a newer format version */
	JOURNAL_E_CORRUPT = -7, /* ID or state unreadable */
	JOURNAL_E_NO_MEMORY = -8,
	JOURNAL_E_NO_SPACE = -9,
	JOURNAL_E_FAILED = -10, /* the journal has failed; see journal_resume() */
	JOURNAL_E_CONFIG = -11,
	JOURNAL_E_COSTLY = -12, /* an expression takes too many steps on too many logs */
};
const char *journal_error_text(int error);

/* What was wrong, for people: filled by functions that fail. */
struct journal_fault {
	int sys;	/* errno, 0: none */
	char text[512]; /* names the directory or file, e.g. "/x/journal: locked by process 412" */
};

struct journal_config {
	char dir[1024];
	uint32_t block_size;		     /* raw bytes of a block */
	uint32_t pool_blocks;		     /* bound of blocks in memory, all ports together */
	uint32_t commit_interval_us;	     /* acknowledged sources */
	uint32_t commit_interval_unacked_us; /* the others */
	uint32_t direct_least;		     /* bytes of a commit from which on it is written past
						the page cache; 0: never */
	uint64_t segment_size;		     /* bytes on disk */
	uint64_t segment_age_s;
	uint64_t min_free;	    /* bytes of the file system */
	uint64_t retention_age_s;   /* 0: none */
	uint64_t retention_bytes;   /* 0: none; or by percent: */
	uint32_t retention_percent; /* of the file system; 0: none */
	uint64_t stream_retention_s;
	uint32_t compressors;	     /* threads; 0: the committer compresses when idle, else raw */
	int compression_level;	     /* zstd, at intake; 1 */
	int compaction_level;	     /* zstd, at which finished segments are rewritten; 0: never */
	bool busy_poll;		     /* the committer polls with short sleeps and is never woken by
					system calls of an lcore */
	int committer_cpu;	     /* -1: anywhere */
	uint64_t compressor_cpus;    /* bit mask; 0: anywhere */
	const struct journal_fs *fs; /* file operations; NULL: the real ones (fs.h) */
};
void journal_config_defaults(struct journal_config *cfg);

/* What recovery found and did, and the state it leaves. */
struct journal_recovery {
	uint64_t segments, blocks, logs;
	uint64_t durable_block;		 /* the newest */
	uint64_t corrupt_blocks;	 /* reported, skipped, never truncated */
	uint64_t torn_bytes, torn_files; /* moved to torn/ */
	bool clean;			 /* the last run had closed it */
};

/*
 * Opens (creates in an empty directory), locks, recovers. JOURNAL_OK or an error with `fault`.
 * `ports` producing lcores, numbered from 0. No thread runs yet.
 */
int journal_open(const struct journal_config *cfg, unsigned ports, struct journal **out,
	struct journal_recovery *recovery, struct journal_fault *fault);
/* Starts committer and compressors. */
int journal_start(struct journal *j, struct journal_fault *fault);
/* Finished segments may be rewritten from now on: they belong to whoever the process is by now, so
 * one that gives up root does that before. */
void journal_compact(struct journal *j);
/* Makes everything submitted durable, stops the threads. Ports may still take their completions. */
void journal_stop(struct journal *j);
/* Closes the segment and frees all; blocks still with a port must have been put back. */
void journal_close(struct journal *j);

/* ---- per lcore ------------------------------------------------------------------------- */

struct journal_port *journal_port(struct journal *j, unsigned index);
/*
 * Takes from the system the memory of the blocks that this port uses first (journal.md, bounds),
 * which else is had page by page when a block is filled as far as never before. By the thread that
 * will fill them, so that it is near its CPU; some milliseconds.
 */
void journal_port_populate(struct journal_port *p);
/* The committer wakes it when a completion is ready. May stay unset (busy poll). */
void journal_port_set_waker(struct journal_port *p, struct waker *w);

/* An empty block, or NULL: none free (backpressure; counted by the journal). */
struct block *journal_block_get(struct journal_port *p);
/* How many blocks this port could get now, roughly: its own and those that nobody holds. */
uint32_t journal_port_free(const struct journal_port *p);
/* Gives a block back that was got and not submitted, or was completed. */
void journal_block_put(struct journal_port *p, struct block *b);

/* Should this non-empty block go now? Full enough, its interval over, or acknowledged rows in it,
 * no commit in flight, and the last yes of this port a millisecond ago. `now_us` monotonic. Who is
 * told yes submits it. */
bool journal_should_submit(struct journal_port *p, const struct block *b, uint64_t now_us);
/* The instant at which to ask again if nothing happens before. */
uint64_t journal_submit_deadline(
	const struct journal_port *p, const struct block *b, uint64_t now_us);

/* Hands a block over; never fails (the ring holds the whole pool). */
void journal_submit(struct journal_port *p, struct block *b);

/*
 * Blocks of this port that are finished, in the order submitted; returns how many (0..n). For each:
 * error == 0: durable; else it could not be stored. The caller settles its accounts by
 * devices[].logs and deltas, then journal_block_put().
 */
unsigned journal_completed(struct journal_port *p, struct block **v, unsigned n);

/* ---- any thread ------------------------------------------------------------------------ */

enum journal_state { JOURNAL_RUNNING, JOURNAL_HOLD_DISK_FULL, JOURNAL_FAILED, JOURNAL_STOPPED };
const char *journal_state_name(enum journal_state s);

struct journal_status {
	enum journal_state state;
	uint64_t id[2];
	uint64_t durable_block;
	uint64_t durable_logs; /* since this journal began */
	uint64_t bytes;	       /* on disk, all segments */
	uint64_t free_bytes;   /* of the file system */
	uint64_t segments;
	uint64_t oldest_ns, newest_ns; /* receive times */
	uint64_t blocks_compressed, blocks_raw, commits, fsyncs;
	uint64_t raw_bytes, disk_bytes;		      /* since start */
	uint64_t pool_blocks, pool_free, no_block;    /* times a port found none */
	uint64_t committer_cpu_ns, compressor_cpu_ns; /* thread CPU time */
	uint64_t commit_us_p50, commit_us_p99;
	uint64_t retention_removed_segments;
	uint64_t compacted_segments; /* rewritten since start, and their bytes before and after */
	uint64_t compacted_from_bytes, compacted_to_bytes;
	uint64_t write_errors, sync_errors;
	char last_error[256];
};
void journal_status(struct journal *j, struct journal_status *st);

/* Cheap, lock-free: is intake open? Acknowledging sources ask before logins. */
enum journal_state journal_state(const struct journal *j);

/* From now on no block waits for others: whoever stops waits for them all. Any thread. */
void journal_hurry(struct journal *j);
/* After repair: a failed journal tries again. */
int journal_resume(struct journal *j, struct journal_fault *fault);
/* Retention and commit intervals, live. */
int journal_reconfigure(
	struct journal *j, const struct journal_config *cfg, struct journal_fault *fault);

/*
 * The newest durable block and logs since the journal began; returns at once. With `efd` from
 * journal_watch(), control learns of changes: an eventfd made readable after each commit.
 */
int journal_watch(struct journal *j);
void journal_durable(struct journal *j, uint64_t *block, uint64_t *logs);

struct journal_state_device;
/* The life totals that are durable, device by device (the fold of all blocks, see state.h). The
 * callback runs with the journal's state mutex held: copy and return. */
typedef void (*journal_device_fn)(
	void *ctx, const char *device, size_t len, const struct journal_state_device *d);
void journal_each_device(struct journal *j, journal_device_fn fn, void *ctx);

struct journal_state_stream;
/* The same for streams: confirmed seq_no, digest and gaps, as a login needs them (state.h). */
typedef void (*journal_stream_fn)(
	void *ctx, const char *device, size_t len, const struct journal_state_stream *s);
void journal_each_stream(struct journal *j, journal_stream_fn fn, void *ctx);
/* The one stream, where there is one. */
void journal_find_stream(struct journal *j, const char *device, size_t len, uint32_t conn_id,
	uint64_t epoch, journal_stream_fn fn, void *ctx);

/* How many streams of the device are known. */
uint32_t journal_device_streams(struct journal *j, const char *device, size_t len);
/* Of these, how many make room for others: epochs that newer ones of the same connection id have
 * displaced, unseen for JOURNAL_DISPLACED_S. Looks at all streams, under the journal's lock. */
uint32_t journal_displaceable_streams(struct journal *j, const char *device, size_t len);
#define JOURNAL_DISPLACED_S 3600u
/* A device that comes to have more than `most` loses such ones; 0: any number is kept. */
void journal_limit_streams(struct journal *j, uint32_t most);
/* Lost so since start. Lock-free. */
uint64_t journal_streams_displaced(struct journal *j);

/* Streams forgotten since start, unseen for longer than stream_retention_s. Lock-free. */
uint64_t journal_streams_expired(struct journal *j);

/* How the journal writes: "io_uring", or what takes its place where it is not permitted. */
const char *journal_io_text(const struct journal *j);

#endif
