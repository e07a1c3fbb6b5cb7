/*
 * What a client's spill holds, as bytes (docs/sluice-send.md has the format): records one after the
 * other, each with its length and a checksum, so that a torn end shows. Pure. What is read is not
 * trusted.
 */
#ifndef SLUICE_CLIENT_SPILL_CODE_H
#define SLUICE_CLIENT_SPILL_CODE_H

#include "dataplane/client/client.h"

#define SPILL_INPUTS	 16u
#define SPILL_RECORD_MAX (OFTP_ITEM_RAW_MAX + 4u * OFTP_ITEM_LOGS_MAX + 1024u)

/* How far a file was read whose lines are in the spill. */
struct spill_input {
	uint64_t dev, ino, offset;
};

enum spill_kind { SPILL_BEGIN = 'B', SPILL_STATE = 'S', SPILL_ITEM = 'I' };

struct spill_record {
	enum spill_kind kind;
	/* SPILL_BEGIN: a file's first record. `base`: what is in files before it counts no more. */
	uint64_t number;
	bool base;
	/* SPILL_STATE */
	struct client_mark mark;
	uint32_t n_inputs;
	struct spill_input inputs[SPILL_INPUTS];
	/* SPILL_ITEM; the bytes stay where they were read. inputs[0] where n_inputs is 1. */
	uint64_t place;
	struct client_item item;
	uint32_t lengths[OFTP_ITEM_LOGS_MAX];
};

enum spill_found {
	SPILL_FOUND, /* *r is it */
	SPILL_END,   /* the data ends with a whole record */
	SPILL_TORN,  /* what is left is none, or a part of one */
};
/* The record at *at, which moves behind it. */
enum spill_found spill_read(const uint8_t *data, size_t len, size_t *at, struct spill_record *r);

/* Bytes written, at most SPILL_RECORD_MAX; 0 where `size` does not do. */
size_t spill_write_begin(uint64_t number, bool base, uint8_t *to, size_t size);
size_t spill_write_state(const struct client_mark *m, const struct spill_input *inputs,
	uint32_t n_inputs, uint8_t *to, size_t size);
/* `input` may be NULL. */
size_t spill_write_item(uint64_t place, const struct client_item *item,
	const struct spill_input *input, uint8_t *to, size_t size);

#endif
