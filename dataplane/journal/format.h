/*
 * The frames of a segment file, byte by byte (docs/journal.md says the same in prose). Pure: bytes
 * in, structures out; every length is checked before it is believed.
 *
 * A segment is a valid zstd file: a checkpoint frame, then for each block a header frame and a data
 * frame; a finished segment closes with an index frame and a seek table. All frames but the data
 * frames are zstd skippable frames; ours share a prologue:
 *
 *    0  u32  FRAME_SKIPPABLE            little-endian throughout
 *    4  u32  bytes that follow this field
 *    8  4    "SLJF"
 *   12  u8   kind
 *   13  u8   format version
 *   14  u16  length of the fixed part, from offset 0, its CRC included
 *   16  16   journal id
 *   32  u64  segment: the first block number, as in the file's name
 *   40  u64  durable_upto: the newest block that was durable when this was written
 *   48  ...  by kind
 *   end-4    CRC32C of the fixed part before it
 */
#ifndef SLUICE_JOURNAL_FORMAT_H
#define SLUICE_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_FORMAT_VERSION 1

#define FRAME_SKIPPABLE	       0x184D2A53u
#define FRAME_SEEK_TABLE       0x184D2A5Eu /* fixed by the seekable format */
#define SEEKABLE_MAGIC	       0x8F92EAB1u
#define FRAME_PROLOGUE	       48u
#define FRAME_FIXED_MAX	       512u /* a later version's fixed part is read up to this length */

#define CHECKPOINT_FIXED       100u
#define BLOCK_FIXED	       116u
#define INDEX_FIXED	       120u

/* What a reader accepts; intake stays far below (block.h). */
#define FORMAT_MAX_BLOCK      (UINT64_MAX / 2)
#define FORMAT_MAX_RAW	      (64u << 20)
#define FORMAT_MAX_COLUMNS    (64u << 20)
#define FORMAT_MAX_ROWS	      (1u << 20)
#define FORMAT_MAX_DICTIONARY 65534u
#define FORMAT_MAX_CHECKPOINT (512u << 20)
#define FORMAT_MAX_INDEX      (256u << 20)

enum frame_kind { FRAME_CHECKPOINT = 1, FRAME_BLOCK = 2, FRAME_INDEX = 3 };

/* A zstd-compressed payload inside of a frame. */
struct frame_payload {
	uint32_t raw_len; /* inflated */
	uint32_t len;	  /* as stored */
	uint32_t crc;	  /* CRC32C of the stored bytes */
};

struct frame_prologue {
	uint8_t kind, version;
	uint16_t fixed_len;
	uint32_t frame_len; /* the whole skippable frame, its 8 bytes of magic and size included */
	uint64_t id[2];
	uint64_t segment;
	uint64_t durable_upto;
};

struct checkpoint_frame {
	struct frame_prologue p;
	uint64_t created_ns; /* wall clock */
	uint64_t logs;	     /* stored in all blocks before this segment, since the journal began */
	uint64_t raw_bytes;  /* of these logs, newlines included */
	uint32_t generation; /* 0 at intake, one more at each rewriting */
	uint32_t devices, streams;
	struct frame_payload payload; /* state_codec.c */
};

#define BLOCK_FLAG_RAW	  0x01 /* not compressed in time at intake: worth rewriting */
#define BLOCK_LCORE_MIXED 255

struct block_frame {
	struct frame_prologue p;
	uint64_t first_block, last_block; /* equal at intake, a range once rewritten */
	uint64_t first_ns, last_ns;	  /* least and greatest receive time; 0 without rows */
	uint32_t rows;
	uint32_t raw_len;  /* the data frame, inflated */
	uint32_t data_len; /* the data frame, which follows directly */
	uint32_t data_crc; /* CRC32C of it */
	uint8_t lcore, flags;
	struct frame_payload payload; /* columns.c */
};

struct index_frame {
	struct frame_prologue p;
	uint64_t first_block, last_block;
	uint64_t first_ns, last_ns;
	uint64_t logs, raw_bytes;
	uint32_t entries;
	uint32_t seek_table_crc;      /* CRC32C of the whole seek table frame that follows */
	struct frame_payload payload; /* index.c */
};

union journal_frame {
	struct frame_prologue p;
	struct checkpoint_frame checkpoint;
	struct block_frame block;
	struct index_frame index;
};

enum frame_error {
	FRAME_OK = 0,
	FRAME_SHORT = -1, /* `len` bytes are not enough to tell */
	FRAME_INVALID = -2,
	FRAME_NEWER = -3, /* intact, but of a format version unknown to this program */
};

/* Fixed parts; `out` has room for the kind's *_FIXED bytes; the prologue's lengths are filled in.
 */
void checkpoint_frame_encode(const struct checkpoint_frame *f, uint8_t *out);
void block_frame_encode(const struct block_frame *f, uint8_t *out);
void index_frame_encode(const struct index_frame *f, uint8_t *out);

/*
 * Reads the fixed part of any of our frames from the first `len` bytes of it (FRAME_FIXED_MAX
 * always suffice; less do where the frame is shorter). FRAME_OK or an error.
 */
int journal_frame_decode(union journal_frame *f, const uint8_t *data, size_t len);

/*
 * What is written past the page cache ends where FRAME_ALIGN divides the offset, which any disk and
 * file system is content with: a payload is padded by a skippable frame behind it, which counts as
 * a part of what is stored.
 */
#define FRAME_ALIGN    4096u
#define FRAME_PAD_MOST (FRAME_ALIGN + 7u)

/* The bytes of padding, its own header included, that bring `end` there; 0: it is there. */
uint32_t frame_padding(uint64_t end);
/* Puts them at `end`, which is the payload's, and makes them a part of it. */
void frame_payload_pad(struct frame_payload *p, uint8_t *end, uint32_t pad);

/* ---- seek table (Zstandard Seekable Format 0.1.0), without checksums --------------------------
 */

#define SEEK_ENTRY  8u
#define SEEK_FOOTER 9u

static inline uint64_t seek_table_len(uint64_t frames)
{
	return 8 + frames * SEEK_ENTRY + SEEK_FOOTER;
}

void seek_table_begin(uint8_t out[8], uint32_t frames);
void seek_table_entry(uint8_t out[SEEK_ENTRY], uint32_t stored, uint32_t inflated);
void seek_table_footer(uint8_t out[SEEK_FOOTER], uint32_t frames);
/* The number of frames of a footer, or -1 where these are none of ours. */
int64_t seek_table_frames(const uint8_t footer[SEEK_FOOTER]);

#endif
