/* EC CF records to send. */
#include <lz4.h>

#include "dataplane/base/bytes.h"
#include "dataplane/framing/eccf.h"

#define FIXED 18u
#define WORD  65535u

static size_t size_of(size_t texts, uint32_t n, uint32_t raw)
{
	return FIXED + texts + 2u * (size_t)n + (size_t)LZ4_COMPRESSBOUND(raw);
}

static void put_text(struct byte_writer *w, struct text t)
{
	byte_writer_bytes(w, t.at, t.len);
}

static void put_be16(struct byte_writer *w, uint32_t v)
{
	byte_writer_u8(w, (uint8_t)(v >> 8));
	byte_writer_u8(w, (uint8_t)v);
}

size_t eccf_build(const struct eccf *head, const uint8_t *logs, const uint32_t *lengths, uint32_t n,
	uint8_t *to, size_t size, uint32_t *took)
{
	const size_t texts = (size_t)head->devid.len + head->devname.len + head->vdom.len;
	struct byte_writer w = byte_writer_init(to, size);
	uint32_t raw = 0, k = 0;
	int packed;

	*took = 0;
	if (head->devid.len > 255 || head->devname.len > 255 || head->vdom.len > 255)
		return 0;
	while (k < n && lengths[k] <= WORD - raw && k < WORD &&
		size_of(texts, k + 1, raw + lengths[k]) <= size)
		raw += lengths[k++];
	if (k == 0 || LZ4_COMPRESSBOUND(raw) > (int)WORD)
		return 0;
	put_be16(&w, 0xeccf);
	byte_writer_bytes(&w, "\0\0", 3);
	byte_writer_u8(&w, (uint8_t)head->devid.len);
	byte_writer_u8(&w, (uint8_t)head->devname.len);
	byte_writer_u8(&w, (uint8_t)head->vdom.len);
	put_be16(&w, k);
	w.at += 2; /* comp_len, below */
	put_be16(&w, raw);
	put_be16(&w, head->time_s >> 16);
	put_be16(&w, head->time_s);
	put_text(&w, head->devid);
	put_text(&w, head->devname);
	put_text(&w, head->vdom);
	for (uint32_t i = 0; i < k; i++)
		put_be16(&w, lengths[i]);
	packed = LZ4_compress_default(
		(const char *)logs, (char *)w.at, (int)raw, (int)(w.end - w.at));
	if (packed <= 0 || packed > (int)WORD)
		return 0;
	store_be16(to + 10, (uint16_t)packed);
	*took = k;
	return (size_t)(w.at - to) + (size_t)packed;
}
