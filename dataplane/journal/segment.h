/*
 * A segment file as it is read: its frames one by one, a map of all of it, and what the end says.
 * Bytes that are no frame of this segment are regions of the map, never an error: reading goes on
 * past them. Used by recovery, reader, list and verify alike.
 */
#ifndef SLUICE_JOURNAL_SEGMENT_H
#define SLUICE_JOURNAL_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/journal/bytes_buf.h"
#include "dataplane/journal/columns.h"
#include "dataplane/journal/format.h"
#include "dataplane/journal/fs.h"
#include "dataplane/journal/index.h"
#include "dataplane/journal/zframe.h"

struct segment {
	const struct journal_fs *fs;
	int fd;
	uint64_t first_block; /* its name */
	uint64_t id[2];
	uint64_t size;
	uint64_t bytes_read;
	int unreadable; /* -errno of the first read that failed; its place counts as damaged */
	uint64_t unreadable_at;
	bool newer;   /* an intact frame of a newer format was met */
	bool foreign; /* an intact frame of another journal was met */
};

/* 0 or -errno. */
int segment_open(struct segment *s, const struct journal_fs *fs, const char *dir,
	uint64_t first_block, const uint64_t id[2]);
void segment_close(struct segment *s);
/* The file may have grown: 0 or -errno. */
int segment_refresh(struct segment *s);

/* Reads up to `len` bytes; fewer at the end of the file or where it cannot be read. */
size_t segment_bytes(struct segment *s, void *buf, size_t len, uint64_t off);

/* A frame of this segment at `off`, wholly inside of the file (a block's with its data frame). */
bool segment_frame(struct segment *s, uint64_t off, union journal_frame *f);

/* Buffers of one who reads blocks. Start with zeros. */
struct segment_buffers {
	struct zread *z;
	struct bytes_buf stored, columns, raw;
	struct columns_arena arena;
};
int segment_buffers_init(struct segment_buffers *b); /* 0, or -1: out of memory */
void segment_buffers_free(struct segment_buffers *b);

enum segment_read { SEGMENT_OK = 0, SEGMENT_DAMAGED = -1, SEGMENT_NO_MEMORY = -2 };

/* The payload of the frame at `off`, inflated into b->columns. */
int segment_payload(struct segment *s, uint64_t off, const struct frame_prologue *p,
	const struct frame_payload *payload, struct segment_buffers *b);
/* The block's records, in b->arena. */
int segment_columns(struct segment *s, uint64_t off, const struct block_frame *f,
	struct segment_buffers *b, struct journal_records *r);
/* Do the stored bytes of its data frame match their CRC? */
int segment_data_check(
	struct segment *s, uint64_t off, const struct block_frame *f, struct segment_buffers *b);
/* Its logs, in b->raw. */
int segment_data(
	struct segment *s, uint64_t off, const struct block_frame *f, struct segment_buffers *b);
/* Does every row of `r` end with its newline in `raw`? The sum of lengths is known to match. */
bool segment_rows_match(const struct journal_records *r, const uint8_t *raw);

/* ---- the whole file ----------------------------------------------------------------------- */

enum item_kind {
	ITEM_BLOCK,
	ITEM_DAMAGED, /* a block whose header is intact, and something behind it is not */
	ITEM_REGION,  /* bytes that are no frame */
};

enum item_verdict {
	VERDICT_GOOD,
	VERDICT_CORRUPT,    /* was durable, is damaged: reported, skipped, left where it is */
	VERDICT_TORN,	    /* was never said to be durable: to be moved away */
	VERDICT_SUPERSEDED, /* written again, in the segment that begins with its number */
};

struct segment_item {
	enum item_kind kind;
	enum item_verdict verdict; /* segment_judge() */
	uint64_t offset, length;
	uint64_t missing_first, missing_last; /* block numbers lost here; 0: none */
	struct block_frame f;		      /* not of a region */
};

struct segment_map {
	bool begun;
	struct checkpoint_frame checkpoint;
	bool checkpoint_ok;
	struct segment_item *items; /* in the order of the file */
	size_t count, cap;
	uint64_t end;	       /* where the next block's frame would begin, or the index does */
	uint64_t next_block;   /* its number */
	uint64_t durable_upto; /* the largest of all intact frames */
	struct index_frame index;
	bool has_index; /* an intact index frame at `end` */
	bool closed;	/* a whole seek table at the end of the file: it was once finished */
	bool finished;	/* closed, and index and seek table match */
};

enum map_depth {
	MAP_FRAMES,  /* fixed parts only */
	MAP_CHECKED, /* CRCs of columns and data too */
};

/* 0, or -1: out of memory. May be continued on a file that has grown, from where it ended. */
int segment_map(
	struct segment *s, enum map_depth depth, struct segment_buffers *b, struct segment_map *m);
void segment_map_free(struct segment_map *m);

struct segment_context {
	uint64_t durable_upto; /* the largest of the whole journal, with a live writer its own word
				*/
	uint64_t next_segment; /* the first block of the segment behind, 0: this is the newest */
};

struct segment_judgement {
	uint64_t cut;	    /* from here on the file is torn or superseded; UINT64_MAX: nowhere */
	bool torn;	    /* ... and torn it is */
	uint64_t last_good; /* newest good block, 0: none */
	uint64_t missing_first,
		missing_last;  /* blocks that should be behind the last item; 0: none */
	uint64_t blocks, logs; /* good items and their rows */
	uint64_t corrupt;      /* items that are corrupt, missing ends counted */
};

/* Says of every item what it is (docs/journal.md, "Torn or corrupt"). */
void segment_judge(struct segment_map *m, uint64_t first_block, const struct segment_context *c,
	struct segment_judgement *out);

/*
 * The end of the file alone: is it finished? Then the index frame and its offset. The index is
 * believed by its CRC, the seek table by its length.
 */
bool segment_tail(struct segment *s, struct index_frame *f, uint64_t *index_off);
/* The index itself: SEGMENT_OK or an error. */
int segment_index(struct segment *s, const struct index_frame *f, uint64_t index_off,
	struct segment_buffers *b, struct index *x);
/* Do the bytes behind the index frame make the seek table that it describes? */
int segment_seek_table_check(struct segment *s, const struct index_frame *f, uint64_t index_off,
	struct segment_buffers *b);

#endif
