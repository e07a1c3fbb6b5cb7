/*
 * Reading a journal directory: while sluiced writes it, or without sluiced. Never writes, takes no
 * lock that a writer would notice. Uses the segments' indexes to skip what cannot match.
 */
#ifndef SLUICE_JOURNAL_READER_H
#define SLUICE_JOURNAL_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/journal/journal.h"

struct journal_reader;

/* A bound that is none: everything that is whole. For a journal that nobody writes. */
#define JOURNAL_UNBOUNDED UINT64_MAX

struct journal_query {
	const char *device;	     /* exact name; NULL: all */
	uint64_t since_ns, until_ns; /* receive time, inclusive; 0 and UINT64_MAX: open */
	const char *grep;	     /* regular expression over the log (grep.h); NULL: all */
	uint64_t after_block;	     /* only blocks with a greater number (0: all) */
	/* Only up to this block: with a live writer, its durable block, or what is read may never
	 * have been. 0: nothing yet; JOURNAL_UNBOUNDED: see there. */
	uint64_t max_block;
	/* Asked for each block and each log that the expression is tried on: true ends the reading,
	 * journal_reader_next() returns 0 from then on. NULL: nobody is asked. */
	bool (*stop)(void *arg);
	void *stop_arg;
};

/* A log found; pointers are valid until the next call. */
struct journal_log {
	uint64_t block, time_ns, seq_no, epoch;
	uint32_t conn_id;
	const char *device;
	uint32_t device_len;
	const char *vdom; /* from the row, else from the log's text; NULL: none */
	uint32_t vdom_len;
	bool has_source, has_stream;
	struct ip_addr source;
	uint16_t source_port;
	uint8_t transport, flags;
	const uint8_t *log;
	uint32_t len;
};
const char *journal_transport_name(uint8_t transport); /* "udp", "tcp", "tls", "relp", ... */
/* Names of the set flags ("cut", "lf", "crlf", "nul", "counted", "late", "partial", "batch"), up to
 * n. */
unsigned journal_flag_names(uint8_t flags, const char **names, unsigned n);

/* JOURNAL_OK or an error with `fault` (missing directory, no journal, newer format, bad regex). */
int journal_reader_open(const char *dir, const struct journal_query *q, struct journal_reader **out,
	struct journal_fault *fault);
/* The same over another table of file operations (fs.h); NULL: the real one. */
struct journal_fs;
int journal_reader_open_fs(const struct journal_fs *fs, const char *dir,
	const struct journal_query *q, struct journal_reader **out, struct journal_fault *fault);
/* 1: a log in *log; 0: none for now (call again later to follow, after journal_reader_extend());
 * negative: an error that ends the reading. Corrupt blocks are skipped and counted, and so are logs
 * on which the expression took too many steps; JOURNAL_E_COSTLY: it did on many. */
int journal_reader_next(struct journal_reader *r, struct journal_log *log);
/* For following: reads may now go up to this block. */
void journal_reader_extend(struct journal_reader *r, uint64_t max_block);
struct journal_reader_stats {
	uint64_t blocks_read, blocks_skipped, corrupt_blocks, logs, bytes_read;
	uint64_t undecided; /* logs left out because the expression took too many steps */
};
void journal_reader_stats(const struct journal_reader *r, struct journal_reader_stats *st);
void journal_reader_close(struct journal_reader *r);

/* ---- list and verify -------------------------------------------------------------------- */

struct journal_segment_info {
	char name[64]; /* "0000000000000001.zst" */
	uint64_t bytes, first_block, last_block, blocks, logs, raw_bytes, first_ns, last_ns;
	bool finished; /* closed with an index and a seek table */
};
typedef void (*journal_segment_fn)(void *ctx, const struct journal_segment_info *info);
int journal_list(const char *dir, journal_segment_fn fn, void *ctx, struct journal_fault *fault);
int journal_list_fs(const struct journal_fs *fs, const char *dir, journal_segment_fn fn, void *ctx,
	struct journal_fault *fault);

enum journal_finding_kind { FINDING_TORN_TAIL, FINDING_CORRUPTION };
struct journal_finding {
	enum journal_finding_kind kind;
	char segment[64];
	uint64_t offset, length;	  /* in the file */
	uint64_t first_block, last_block; /* concerned; 0: none, or not known */
	uint64_t logs;			  /* concerned */
	bool logs_known;
	char text[200];
};
typedef void (*journal_finding_fn)(void *ctx, const struct journal_finding *f);
struct journal_verify_totals {
	uint64_t segments, blocks, logs, bytes, torn, corrupt;
};
/* Reads everything. JOURNAL_OK even when there are findings; `max_block` as in journal_query: with
 * a bound, what lies behind it is being written, and no finding. */
int journal_verify(const char *dir, uint64_t max_block, journal_finding_fn fn, void *ctx,
	struct journal_verify_totals *totals, struct journal_fault *fault);
int journal_verify_fs(const struct journal_fs *fs, const char *dir, uint64_t max_block,
	journal_finding_fn fn, void *ctx, struct journal_verify_totals *totals,
	struct journal_fault *fault);

#endif
