/*
 * A block while it is being filled: about 1 MiB of logs of one lcore, with a row for each log and
 * the dictionaries that make it self-contained. Filled by one thread without locks, system calls
 * or allocation; then handed over whole (journal.h). Pure.
 *
 * `raw` holds the logs as they will be inflated from disk: each followed by one '\n'.
 */
#ifndef SLUICE_JOURNAL_BLOCK_H
#define SLUICE_JOURNAL_BLOCK_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/base/addr.h"

#define BLOCK_MAX_ROWS	  16384u
#define BLOCK_MAX_DEVICES 8192u
#define BLOCK_MAX_SOURCES 16384u
#define BLOCK_MAX_STREAMS 4096u
#define BLOCK_MAX_VDOMS	  4096u
#define BLOCK_MAX_DELTAS  8192u
#define BLOCK_MAX_GAPS	  8192u
#define BLOCK_NAME_BYTES  (256u * 1024u)
#define BLOCK_NONE	  0xffffu /* no vdom, no stream, no source */

enum block_transport {		/* numbers are on disk */
	TRANSPORT_INTERNAL = 0, /* sluiced's own events */
	TRANSPORT_UDP = 1,
	TRANSPORT_TCP = 2,
	TRANSPORT_TLS = 3,
	TRANSPORT_RELP = 4,
	TRANSPORT_RELP_TLS = 5,
	TRANSPORT_OFTP = 6,
	TRANSPORT_ECCF = 7, /* EC CF record on UDP */
};

/* One log. */
struct block_row {
	uint64_t time_ns; /* wall clock at receipt, since 1970 */
	uint64_t seq_no;  /* 0 where there is no stream */
	uint32_t len;	  /* without the newline */
	uint16_t device;  /* indexes of this block's dictionaries */
	uint16_t source;
	uint16_t vdom; /* BLOCK_NONE: not known at intake; readers look into the log's text */
	uint16_t stream;
	uint8_t transport;
	uint8_t flags; /* enum log_flag, framing.h */
	uint16_t reserved;
};
_Static_assert(sizeof(struct block_row) == 32, "two rows a cache line");

struct block_device {
	uint32_t name_off; /* in `names`; not NUL-terminated */
	uint16_t name_len;
	uint16_t reserved;
	uint32_t table_index; /* of the owner's device table: for the owner only, not stored */
	uint32_t logs;	      /* rows of this device in this block */
	uint64_t bytes;	      /* of log, without newlines */
};

struct block_source {
	struct ip_addr addr;
	uint16_t port; /* host order; 0: none */
};

struct block_vdom {
	uint32_t name_off;
	uint16_t name_len;
	uint16_t reserved;
};

/* A stream that has rows in this block, with its state after this block. */
struct block_stream {
	uint64_t epoch;
	uint64_t first_seq, last_seq; /* of this block's items */
	uint64_t confirmed; /* every seq_no up to it is durable or a recorded gap, once this
			       block is durable */
	uint32_t conn_id;
	uint16_t device;
	uint16_t reserved;
	uint32_t table_index; /* for the owner only, not stored */
	uint8_t digest[16];   /* of item `confirmed` */
};

enum block_gap_kind { GAP_OPENED = 0, GAP_CLOSED = 1 };

/* A range of seq_nos that became a gap in this block, or was taken off the list by a late item. */
struct block_gap {
	uint64_t first, last; /* inclusive */
	uint16_t stream;      /* index into `streams` */
	uint8_t kind;
	uint8_t reserved[5];
};

/*
 * What happened to a device's logs since this lcore's previous block and left no row. `counter` is
 * a drop reason (reason.h) or one of these.
 */
enum {
	DELTA_DUPLICATE = 0x100,
	DELTA_LATE = 0x101,
	DELTA_CLIENT_DROPPED = 0x102,
	DELTA_CONFLICT = 0x103
};

struct block_delta {
	uint64_t n;
	uint16_t device;
	uint16_t counter;
	uint32_t reserved;
};

struct block {
	/* Set by the owner while filling. */
	uint8_t *raw;
	uint32_t raw_size; /* capacity */
	uint32_t raw_len;  /* used, newlines included */
	uint32_t row_count;
	uint32_t generation; /* changes at every reset: tells whether a cached index is of this
				block */
	uint16_t device_count, source_count, vdom_count, stream_count, gap_count, delta_count;
	uint32_t names_len;
	bool acked;	   /* holds rows of an acknowledged source (OFTP, RELP): commit at once */
	uint8_t lcore;	   /* index of the producing port, set by the journal */
	uint64_t first_us; /* monotonic time of the first row; 0: empty */
	struct block_row *rows;
	struct block_device *devices;
	struct block_source *sources;
	struct block_vdom *vdoms;
	struct block_stream *streams;
	struct block_gap *gaps;
	struct block_delta *deltas;
	uint8_t *names;

	/* Set by the journal. */
	uint64_t number; /* block number, from 1 without holes, given at intake */
	int error;	 /* 0: durable; else a negative journal error: not stored */
	void *journal_priv;
};

/* One allocation for all of it; NULL when out of memory. raw_size: 64 KiB to 16 MiB. */
struct block *block_new(uint32_t raw_size);
/* Takes from the system what a full block is likely to need, which it else does bit by bit when a
 * block is filled as far as never before. */
void block_populate(struct block *b);
void block_free(struct block *b);

/* Empties it. */
static inline void block_reset(struct block *b)
{
	b->raw_len = 0;
	b->row_count = 0;
	b->device_count = b->source_count = b->vdom_count = 0;
	b->stream_count = b->gap_count = b->delta_count = 0;
	b->names_len = 0;
	b->acked = false;
	b->first_us = 0;
	b->number = 0;
	b->error = 0;
}

static inline bool block_empty(const struct block *b)
{
	return b->row_count == 0 && b->delta_count == 0 && b->gap_count == 0;
}

/* Is there room for `rows` more logs of `bytes` in total (newlines not counted), each with a new
 * device, source, vdom and stream and `name_bytes` of names? */
static inline bool block_has_room(
	const struct block *b, uint32_t bytes, uint32_t rows, uint32_t name_bytes)
{
	return b->raw_size - b->raw_len >= (uint64_t)bytes + rows &&
	       BLOCK_MAX_ROWS - b->row_count >= rows &&
	       BLOCK_MAX_DEVICES - b->device_count >= rows &&
	       BLOCK_MAX_SOURCES - b->source_count >= rows &&
	       BLOCK_MAX_VDOMS - b->vdom_count >= rows &&
	       BLOCK_MAX_STREAMS - b->stream_count >= rows &&
	       BLOCK_NAME_BYTES - b->names_len >= name_bytes;
}

static inline uint32_t block_name_add(struct block *b, const void *name, uint16_t len)
{
	uint32_t off = b->names_len;

	assert(BLOCK_NAME_BYTES - off >= len);
	memcpy(b->names + off, name, len);
	b->names_len += len;
	return off;
}

/* Adds a device and returns its index; the caller has checked the room and remembers the index
 * together with b->generation. */
static inline uint16_t block_device_add(
	struct block *b, const void *name, uint16_t len, uint32_t table_index)
{
	assert(b->device_count < BLOCK_MAX_DEVICES);
	b->devices[b->device_count] = (struct block_device){
		.name_off = block_name_add(b, name, len),
		.name_len = len,
		.table_index = table_index,
	};
	return b->device_count++;
}

static inline uint16_t block_source_add(struct block *b, const struct ip_addr *addr, uint16_t port)
{
	assert(b->source_count < BLOCK_MAX_SOURCES);
	b->sources[b->source_count].addr = *addr;
	b->sources[b->source_count].port = port;
	return b->source_count++;
}

static inline uint16_t block_vdom_add(struct block *b, const void *name, uint16_t len)
{
	assert(b->vdom_count < BLOCK_MAX_VDOMS);
	b->vdoms[b->vdom_count] =
		(struct block_vdom){.name_off = block_name_add(b, name, len), .name_len = len};
	return b->vdom_count++;
}

static inline uint16_t block_stream_add(struct block *b, const struct block_stream *s)
{
	assert(b->stream_count < BLOCK_MAX_STREAMS);
	b->streams[b->stream_count] = *s;
	return b->stream_count++;
}

static inline void block_gap_add(
	struct block *b, uint16_t stream, enum block_gap_kind kind, uint64_t first, uint64_t last)
{
	assert(b->gap_count < BLOCK_MAX_GAPS && stream < b->stream_count);
	b->gaps[b->gap_count++] = (struct block_gap){
		.first = first, .last = last, .stream = stream, .kind = (uint8_t)kind};
}

/*
 * Appends a row and gives the place for its `row->len` bytes of log, which the caller fills; the
 * newline behind it is written here. The caller has checked the room.
 */
static inline uint8_t *block_append(struct block *b, const struct block_row *row)
{
	uint8_t *at = b->raw + b->raw_len;

	assert(b->row_count < BLOCK_MAX_ROWS);
	assert(row->device < b->device_count);
	assert(row->len < b->raw_size - b->raw_len);
	b->rows[b->row_count++] = *row;
	b->raw_len += row->len + 1;
	at[row->len] = '\n';
	b->devices[row->device].logs++;
	b->devices[row->device].bytes += row->len;
	return at;
}

static inline bool block_delta_add(struct block *b, uint16_t device, uint16_t counter, uint64_t n)
{
	if (b->delta_count >= BLOCK_MAX_DELTAS)
		return false;
	b->deltas[b->delta_count++] =
		(struct block_delta){.n = n, .device = device, .counter = counter};
	return true;
}

#endif
