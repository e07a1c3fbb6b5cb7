#include "dataplane/journal/format.h"

#include <assert.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/crc32c.h"

#define PAD_MAGIC  0x184D2A50u /* of a skippable frame that says nothing */
#define PAD_HEADER 8u

static const char frame_magic[4] = {'S', 'L', 'J', 'F'};

static struct byte_writer prologue_begin(const struct frame_prologue *p, uint8_t kind,
	uint16_t fixed_len, uint64_t frame_len, uint8_t *out)
{
	struct byte_writer w = byte_writer_init(out, fixed_len);

	assert(frame_len >= fixed_len && frame_len <= UINT32_MAX);
	memset(out, 0, fixed_len);
	byte_writer_le32(&w, FRAME_SKIPPABLE);
	byte_writer_le32(&w, (uint32_t)frame_len - 8);
	byte_writer_bytes(&w, frame_magic, sizeof(frame_magic));
	byte_writer_u8(&w, kind);
	byte_writer_u8(&w, JOURNAL_FORMAT_VERSION);
	byte_writer_le16(&w, fixed_len);
	byte_writer_le64(&w, p->id[0]);
	byte_writer_le64(&w, p->id[1]);
	byte_writer_le64(&w, p->segment);
	byte_writer_le64(&w, p->durable_upto);
	return w;
}

static void payload_encode(struct byte_writer *w, const struct frame_payload *p)
{
	byte_writer_le32(w, p->raw_len);
	byte_writer_le32(w, p->len);
	byte_writer_le32(w, p->crc);
}

static void prologue_end(struct byte_writer *w, uint8_t *out, uint16_t fixed_len)
{
	assert(!w->failed && w->at <= out + fixed_len - 4);
	store_le32(out + fixed_len - 4, crc32c(0, out, fixed_len - 4u));
}

void checkpoint_frame_encode(const struct checkpoint_frame *f, uint8_t *out)
{
	struct byte_writer w = prologue_begin(&f->p, FRAME_CHECKPOINT, CHECKPOINT_FIXED,
		(uint64_t)CHECKPOINT_FIXED + f->payload.len, out);

	byte_writer_le64(&w, f->created_ns);
	byte_writer_le64(&w, f->logs);
	byte_writer_le64(&w, f->raw_bytes);
	byte_writer_le32(&w, f->generation);
	byte_writer_le32(&w, f->devices);
	byte_writer_le32(&w, f->streams);
	payload_encode(&w, &f->payload);
	prologue_end(&w, out, CHECKPOINT_FIXED);
}

void block_frame_encode(const struct block_frame *f, uint8_t *out)
{
	struct byte_writer w = prologue_begin(
		&f->p, FRAME_BLOCK, BLOCK_FIXED, (uint64_t)BLOCK_FIXED + f->payload.len, out);

	byte_writer_le64(&w, f->first_block);
	byte_writer_le64(&w, f->last_block);
	byte_writer_le64(&w, f->first_ns);
	byte_writer_le64(&w, f->last_ns);
	byte_writer_le32(&w, f->rows);
	byte_writer_le32(&w, f->raw_len);
	byte_writer_le32(&w, f->data_len);
	byte_writer_le32(&w, f->data_crc);
	byte_writer_u8(&w, f->lcore);
	byte_writer_u8(&w, f->flags);
	byte_writer_le16(&w, 0);
	payload_encode(&w, &f->payload);
	prologue_end(&w, out, BLOCK_FIXED);
}

void index_frame_encode(const struct index_frame *f, uint8_t *out)
{
	struct byte_writer w = prologue_begin(
		&f->p, FRAME_INDEX, INDEX_FIXED, (uint64_t)INDEX_FIXED + f->payload.len, out);

	byte_writer_le64(&w, f->first_block);
	byte_writer_le64(&w, f->last_block);
	byte_writer_le64(&w, f->first_ns);
	byte_writer_le64(&w, f->last_ns);
	byte_writer_le64(&w, f->logs);
	byte_writer_le64(&w, f->raw_bytes);
	byte_writer_le32(&w, f->entries);
	byte_writer_le32(&w, f->seek_table_crc);
	payload_encode(&w, &f->payload);
	prologue_end(&w, out, INDEX_FIXED);
}

static bool payload_decode(struct byte_reader *r, struct frame_payload *p,
	const struct frame_prologue *pro, uint32_t max_raw)
{
	p->raw_len = byte_reader_le32(r);
	p->len = byte_reader_le32(r);
	p->crc = byte_reader_le32(r);
	return p->raw_len <= max_raw && pro->frame_len == (uint64_t)pro->fixed_len + p->len;
}

static int checkpoint_decode(struct checkpoint_frame *f, struct byte_reader *r)
{
	f->created_ns = byte_reader_le64(r);
	f->logs = byte_reader_le64(r);
	f->raw_bytes = byte_reader_le64(r);
	f->generation = byte_reader_le32(r);
	f->devices = byte_reader_le32(r);
	f->streams = byte_reader_le32(r);
	if (!payload_decode(r, &f->payload, &f->p, FORMAT_MAX_CHECKPOINT))
		return FRAME_INVALID;
	return FRAME_OK;
}

static int block_decode(struct block_frame *f, struct byte_reader *r)
{
	f->first_block = byte_reader_le64(r);
	f->last_block = byte_reader_le64(r);
	f->first_ns = byte_reader_le64(r);
	f->last_ns = byte_reader_le64(r);
	f->rows = byte_reader_le32(r);
	f->raw_len = byte_reader_le32(r);
	f->data_len = byte_reader_le32(r);
	f->data_crc = byte_reader_le32(r);
	f->lcore = byte_reader_u8(r);
	f->flags = byte_reader_u8(r);
	byte_reader_le16(r);
	if (!payload_decode(r, &f->payload, &f->p, FORMAT_MAX_COLUMNS))
		return FRAME_INVALID;
	if (f->first_block < f->p.segment || f->last_block < f->first_block ||
		f->last_block > FORMAT_MAX_BLOCK || f->raw_len > FORMAT_MAX_RAW ||
		f->rows > FORMAT_MAX_ROWS || f->rows > f->raw_len || f->first_ns > f->last_ns)
		return FRAME_INVALID;
	return FRAME_OK;
}

static int index_decode(struct index_frame *f, struct byte_reader *r)
{
	f->first_block = byte_reader_le64(r);
	f->last_block = byte_reader_le64(r);
	f->first_ns = byte_reader_le64(r);
	f->last_ns = byte_reader_le64(r);
	f->logs = byte_reader_le64(r);
	f->raw_bytes = byte_reader_le64(r);
	f->entries = byte_reader_le32(r);
	f->seek_table_crc = byte_reader_le32(r);
	if (!payload_decode(r, &f->payload, &f->p, FORMAT_MAX_INDEX))
		return FRAME_INVALID;
	return FRAME_OK;
}

static int kind_decode(union journal_frame *f, struct byte_reader *r)
{
	static const uint16_t least[] = {
		[FRAME_CHECKPOINT] = CHECKPOINT_FIXED,
		[FRAME_BLOCK] = BLOCK_FIXED,
		[FRAME_INDEX] = INDEX_FIXED,
	};

	if (f->p.kind < FRAME_CHECKPOINT || f->p.kind > FRAME_INDEX ||
		f->p.fixed_len < least[f->p.kind])
		return FRAME_INVALID;
	switch (f->p.kind) {
	case FRAME_CHECKPOINT:
		return checkpoint_decode(&f->checkpoint, r);
	case FRAME_BLOCK:
		return block_decode(&f->block, r);
	default:
		return index_decode(&f->index, r);
	}
}

int journal_frame_decode(union journal_frame *f, const uint8_t *data, size_t len)
{
	struct byte_reader r = byte_reader_init(data, len);
	uint32_t size;

	memset(f, 0, sizeof(*f));
	if (len < FRAME_PROLOGUE)
		return FRAME_SHORT;
	if (byte_reader_le32(&r) != FRAME_SKIPPABLE)
		return FRAME_INVALID;
	size = byte_reader_le32(&r);
	if (memcmp(byte_reader_take(&r, 4), frame_magic, 4) != 0)
		return FRAME_INVALID;
	f->p.kind = byte_reader_u8(&r);
	f->p.version = byte_reader_u8(&r);
	f->p.fixed_len = byte_reader_le16(&r);
	if (size > UINT32_MAX - 8 || f->p.fixed_len < FRAME_PROLOGUE + 4 ||
		f->p.fixed_len > FRAME_FIXED_MAX || f->p.fixed_len > size + 8)
		return FRAME_INVALID;
	f->p.frame_len = size + 8;
	if (len < f->p.fixed_len)
		return FRAME_SHORT;
	if (load_le32(data + f->p.fixed_len - 4) != crc32c(0, data, f->p.fixed_len - 4u))
		return FRAME_INVALID;
	f->p.id[0] = byte_reader_le64(&r);
	f->p.id[1] = byte_reader_le64(&r);
	f->p.segment = byte_reader_le64(&r);
	f->p.durable_upto = byte_reader_le64(&r);
	if (f->p.version > JOURNAL_FORMAT_VERSION)
		return FRAME_NEWER;
	if (f->p.segment > FORMAT_MAX_BLOCK || f->p.durable_upto > FORMAT_MAX_BLOCK)
		return FRAME_INVALID;
	return kind_decode(f, &r);
}

uint32_t frame_padding(uint64_t end)
{
	uint32_t pad = (uint32_t)(-end % FRAME_ALIGN);

	return pad == 0 || pad >= PAD_HEADER ? pad : pad + FRAME_ALIGN;
}

void frame_payload_pad(struct frame_payload *p, uint8_t *end, uint32_t pad)
{
	assert(pad >= PAD_HEADER);
	store_le32(end, PAD_MAGIC);
	store_le32(end + 4, pad - PAD_HEADER);
	memset(end + PAD_HEADER, 0, pad - PAD_HEADER);
	p->crc = crc32c(p->crc, end, pad);
	p->len += pad;
}

void seek_table_begin(uint8_t out[8], uint32_t frames)
{
	uint64_t len = seek_table_len(frames);

	assert(len - 8 <= UINT32_MAX);
	store_le32(out, FRAME_SEEK_TABLE);
	store_le32(out + 4, (uint32_t)(len - 8));
}

void seek_table_entry(uint8_t out[SEEK_ENTRY], uint32_t stored, uint32_t inflated)
{
	store_le32(out, stored);
	store_le32(out + 4, inflated);
}

void seek_table_footer(uint8_t out[SEEK_FOOTER], uint32_t frames)
{
	store_le32(out, frames);
	out[4] = 0;
	store_le32(out + 5, SEEKABLE_MAGIC);
}

int64_t seek_table_frames(const uint8_t footer[SEEK_FOOTER])
{
	if (load_le32(footer + 5) != SEEKABLE_MAGIC || footer[4] != 0)
		return -1;
	return load_le32(footer);
}
