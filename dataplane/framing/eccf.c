#include "dataplane/framing/eccf.h"

#include <assert.h>
#include <lz4.h>
#include <string.h>

#include "dataplane/base/bytes.h"

#define ECCF_FLAG_EXTRA 0x04 /* nlogs more times two bytes, of unknown meaning */

bool eccf_is_magic(const uint8_t *data, size_t len)
{
	return len >= 2 && data[0] == 0xec && data[1] == 0xcf;
}

static struct text take_text(struct byte_reader *r, uint8_t len)
{
	const uint8_t *p = byte_reader_take(r, len);

	return (struct text){p && len ? (const char *)p : NULL, p ? len : 0};
}

static uint32_t sum_of_lengths(const struct eccf *rec)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < rec->nlogs; i++)
		sum += load_be16(rec->lengths + 2 * i);
	return sum;
}

int eccf_parse(struct eccf *rec, const uint8_t *data, size_t len)
{
	struct byte_reader r = byte_reader_init(data, len);
	uint8_t flags, devid_len, devname_len, vdom_len;
	uint32_t sum;

	if (!eccf_is_magic(data, len))
		return ECCF_NOT_ECCF;
	memset(rec, 0, sizeof(*rec));
	byte_reader_take(&r, 2);
	flags = byte_reader_u8(&r);
	byte_reader_take(&r, 2);
	devid_len = byte_reader_u8(&r);
	devname_len = byte_reader_u8(&r);
	vdom_len = byte_reader_u8(&r);
	rec->nlogs = byte_reader_be16(&r);
	rec->comp_len = byte_reader_be16(&r);
	rec->raw_len = byte_reader_be16(&r);
	rec->time_s = byte_reader_be32(&r);
	rec->devid = take_text(&r, devid_len);
	rec->devname = take_text(&r, devname_len);
	rec->vdom = take_text(&r, vdom_len);
	rec->lengths = byte_reader_take(&r, (size_t)rec->nlogs * 2);
	if (flags & ECCF_FLAG_EXTRA)
		byte_reader_take(&r, (size_t)rec->nlogs * 2);
	rec->compressed = byte_reader_take(&r, rec->comp_len);
	if (r.failed)
		return ECCF_TRUNCATED;
	rec->record_len = (uint32_t)(r.at - data);
	if (rec->nlogs == 0 || rec->raw_len == 0)
		return ECCF_EMPTY;
	if (rec->devid.at && !fields_devid_legal(rec->devid.at, rec->devid.len))
		return ECCF_BAD_DEVID;
	sum = sum_of_lengths(rec);
	if (rec->nlogs > 1 && (sum + 1 < rec->raw_len || sum > rec->raw_len + 1u))
		return ECCF_BAD_LENGTHS;
	return ECCF_OK;
}

int eccf_inflate(const struct eccf *rec, uint8_t *raw, size_t room)
{
	uint32_t sum;
	int n;

	assert(room >= rec->raw_len + 1u);
	n = LZ4_decompress_safe(
		(const char *)rec->compressed, (char *)raw, rec->comp_len, rec->raw_len + 1);
	if (n < (int)rec->raw_len)
		return ECCF_BAD_LZ4;
	if (rec->nlogs == 1)
		return n;
	sum = sum_of_lengths(rec);
	if (sum == (uint32_t)n)
		return n;
	/* One byte behind the last log is the trailer that was not counted; more would be lost. */
	if (sum + 1 == (uint32_t)n && (raw[n - 1] == '\0' || raw[n - 1] == '\n'))
		return n;
	return ECCF_BAD_LENGTHS;
}

bool eccf_next(const struct eccf *rec, const uint8_t *raw, uint32_t raw_len, uint32_t *off,
	uint32_t *index, struct text *log)
{
	uint32_t len;

	if (*index >= rec->nlogs || *off > raw_len)
		return false;
	len = rec->nlogs == 1 ? raw_len : load_be16(rec->lengths + 2 * (size_t)*index);
	if (len > raw_len - *off)
		return false;
	*log = (struct text){(const char *)raw + *off, len};
	*off += len;
	++*index;
	return true;
}

const char *eccf_error_text(int error)
{
	switch (error) {
	case ECCF_OK:
		return "no error";
	case ECCF_NOT_ECCF:
		return "no EC CF record";
	case ECCF_TRUNCATED:
		return "record is truncated";
	case ECCF_BAD_LENGTHS:
		return "log lengths do not add up";
	case ECCF_BAD_LZ4:
		return "compressed logs are corrupt";
	case ECCF_EMPTY:
		return "record holds no logs";
	case ECCF_BAD_DEVID:
		return "device id has illegal characters";
	default:
		return "unknown error";
	}
}
