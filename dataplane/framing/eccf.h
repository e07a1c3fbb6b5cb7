/*
 * EC CF records (fortinet-formats 2.1) as a UDP payload on port 514: several logs, LZ4-compressed
 * as one block, with device id, name and vdom in the header. Pure; every bound is checked before
 * inflating.
 */
#ifndef SLUICE_ECCF_H
#define SLUICE_ECCF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/framing/fields.h"

struct eccf {
	struct text devid, devname, vdom;
	uint32_t time_s;
	uint16_t nlogs;
	uint16_t raw_len, comp_len;
	const uint8_t *lengths; /* nlogs big-endian u16 */
	const uint8_t *compressed;
	uint32_t record_len; /* the whole record, without any trailer */
};

enum eccf_error {
	ECCF_OK = 0,
	ECCF_NOT_ECCF = -1,    /* no magic */
	ECCF_TRUNCATED = -2,   /* lengths run past the end */
	ECCF_BAD_LENGTHS = -3, /* log lengths do not add up to raw_len */
	ECCF_BAD_LZ4 = -4,
	ECCF_EMPTY = -5, /* nlogs or raw_len is 0 */
	ECCF_BAD_DEVID = -6,
};
const char *eccf_error_text(int error);

bool eccf_is_magic(const uint8_t *data, size_t len);

/*
 * Decodes header and length array, inflates nothing. ECCF_OK or an error. devid is absent (NULL)
 * when it has no bytes, else legal as of fields_devid_legal(); devname and vdom are any bytes. What
 * is behind record_len is not looked at. Of a single log the length is not looked at, since it is
 * the whole buffer; those of several add up to raw_len, give or take the one byte that a trailing
 * NUL or LF may be.
 */
int eccf_parse(struct eccf *rec, const uint8_t *data, size_t len);

/*
 * Inflates into `raw`; `room` is at least raw_len + 1, since records are seen that inflate to one
 * byte more than they say. Returns the inflated size, or an error.
 */
int eccf_inflate(const struct eccf *rec, uint8_t *raw, size_t room);

/*
 * The next log: *off and *index start at 0; `raw_len` is what eccf_inflate() returned; false when
 * there are no more. A log may be empty, and may end in a LF or NUL: datagram_trim() is for it.
 */
bool eccf_next(const struct eccf *rec, const uint8_t *raw, uint32_t raw_len, uint32_t *off,
	uint32_t *index, struct text *log);

/*
 * Makes a record of `n` logs (`lengths` of each), which lie one after the other at `logs`. As many
 * of them as go into `size` bytes whatever they compress to, at least one: *took is how many. 0:
 * not even the first does (then *took is 0), or devid, devname or vdom is longer than 255 bytes.
 */
size_t eccf_build(const struct eccf *head, const uint8_t *logs, const uint32_t *lengths, uint32_t n,
	uint8_t *to, size_t size, uint32_t *took);

#endif
