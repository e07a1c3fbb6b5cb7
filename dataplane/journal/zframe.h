/*
 * The zstd side of the format: data frames (content checksum and size, no dictionary: any zstdcat
 * reads them) and payloads of our own frames. Pure; contexts are reused from block to block.
 */
#ifndef SLUICE_JOURNAL_ZFRAME_H
#define SLUICE_JOURNAL_ZFRAME_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/journal/bytes_buf.h"
#include "dataplane/journal/format.h"

struct zpress; /* compresses */
struct zread;  /* inflates */

struct zpress *zpress_new(void);
void zpress_free(struct zpress *z);
size_t zpress_bound(size_t len);

/* The level of payloads, 1 unless told: columns are small, a few percent of a block's time. */
void zpress_set_payload_level(struct zpress *z, int level);

/* The level that stores: for blocks that no compressor took in time. */
int zpress_raw_level(void);

/* What a data frame of so many bytes takes at that level. */
size_t zpress_raw_len(size_t len);

/* A data frame of `len` bytes, and its CRC32C; its length, or 0 where `cap` is too small or memory
 * is out. */
size_t zpress_data(struct zpress *z, int level, const void *raw, size_t len, void *out, size_t cap,
	uint32_t *crc);

/* Compresses a payload into `out` and fills `p`; 0 or -1 as above. */
int zpress_payload(struct zpress *z, const void *raw, size_t len, void *out, size_t cap,
	struct frame_payload *p);
/* The same, stored: it goes with a data frame that is. -1: `cap` is too small. */
int zpress_payload_raw(struct zpress *z, const void *raw, size_t len, void *out, size_t cap,
	struct frame_payload *p);
/* A compressed one, appended to `out`. */
int zpress_payload_buf(struct zpress *z, const struct bytes_buf *raw, struct bytes_buf *out,
	struct frame_payload *p);

struct zread *zread_new(void);
void zread_free(struct zread *z);

/* The length without the skippable frame at the end of these `len` bytes, or `len`: behind the zstd
 * frame that they begin with is no such frame, or something else too. */
size_t zread_unpadded(const void *data, size_t len);

/*
 * Inflates exactly one zstd frame of `len` bytes that must hold exactly `raw_len`, into `out` (room
 * for raw_len). 0, or -1 where it is not so.
 */
int zread_frame(struct zread *z, const void *data, size_t len, void *out, size_t raw_len);

#endif
