#include "dataplane/client/spill_code.h"

#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/crc32c.h"

#define HEAD 8u /* length of what follows, CRC32C of the length and of it */

static const char magic[8] = {'S', 'L', 'S', 'P', 'I', 'L', 'L', '1'};

static uint64_t get_le64(struct byte_reader *r)
{
	const uint8_t *p = byte_reader_take(r, 8);

	return p ? load_le64(p) : 0;
}

/* ---- reading ---- */

static uint32_t sum(const uint8_t *length, const uint8_t *body, size_t n)
{
	return crc32c(crc32c(0, length, 4), body, n);
}

static bool read_begin(struct byte_reader *r, struct spill_record *out)
{
	const uint8_t *p = byte_reader_take(r, sizeof(magic));

	out->base = byte_reader_u8(r) != 0;
	out->number = get_le64(r);
	return p && memcmp(p, magic, sizeof(magic)) == 0;
}

static void read_inputs(struct byte_reader *r, struct spill_record *out, uint32_t n)
{
	out->n_inputs = n;
	for (uint32_t i = 0; i < n; i++) {
		out->inputs[i].dev = get_le64(r);
		out->inputs[i].ino = get_le64(r);
		out->inputs[i].offset = get_le64(r);
	}
}

static bool read_state(struct byte_reader *r, struct spill_record *out)
{
	struct client_mark *m = &out->mark;
	uint32_t n;

	m->head = get_le64(r);
	m->tail = get_le64(r);
	m->added = get_le64(r);
	m->dropped = get_le64(r);
	m->confirmed_logs = get_le64(r);
	m->dropped_unsent = get_le64(r);
	m->told_place = get_le64(r);
	m->told_dropped = byte_reader_le32(r);
	m->reserved = 0;
	for (unsigned i = 0; i < CLIENT_SERVERS; i++) {
		const uint8_t *digest;

		m->server[i].epoch = get_le64(r);
		m->server[i].epochs = get_le64(r);
		m->server[i].last_seq = get_le64(r);
		m->server[i].confirmed = get_le64(r);
		m->server[i].numbered = get_le64(r);
		digest = byte_reader_take(r, OFTP_DIGEST);
		if (digest)
			memcpy(m->server[i].digest, digest, OFTP_DIGEST);
	}
	n = byte_reader_u8(r);
	if (n > SPILL_INPUTS)
		return false;
	read_inputs(r, out, n);
	return true;
}

static bool read_item(struct byte_reader *r, struct spill_record *out)
{
	struct client_item *item = &out->item;
	uint64_t raw = 0;
	uint32_t vdom, n;

	*item = (struct client_item){.lengths = out->lengths};
	out->place = get_le64(r);
	item->type = byte_reader_u8(r);
	item->category = byte_reader_u8(r);
	vdom = byte_reader_u8(r);
	item->count = byte_reader_le16(r);
	n = byte_reader_u8(r);
	if (r->failed || n > 1 || item->count == 0 || item->count > OFTP_ITEM_LOGS_MAX || vdom > 64)
		return false;
	read_inputs(r, out, n);
	item->vdom.at = (const char *)byte_reader_take(r, vdom);
	item->vdom.len = vdom;
	if (vdom == 0)
		item->vdom.at = NULL;
	for (uint32_t i = 0; i < item->count; i++) {
		out->lengths[i] = byte_reader_le32(r);
		if (out->lengths[i] == 0)
			return false;
		raw += out->lengths[i];
	}
	if (raw > OFTP_ITEM_RAW_MAX)
		return false;
	item->logs = byte_reader_take(r, raw);
	return true;
}

static bool read_body(const uint8_t *body, size_t n, struct spill_record *out)
{
	struct byte_reader r = byte_reader_init(body, n);
	bool good = false;

	switch (byte_reader_u8(&r)) {
	case SPILL_BEGIN:
		out->kind = SPILL_BEGIN;
		good = read_begin(&r, out);
		break;
	case SPILL_STATE:
		out->kind = SPILL_STATE;
		good = read_state(&r, out);
		break;
	case SPILL_ITEM:
		out->kind = SPILL_ITEM;
		good = read_item(&r, out);
		break;
	default:
		break;
	}
	return good && !r.failed && byte_reader_left(&r) == 0;
}

enum spill_found spill_read(const uint8_t *data, size_t len, size_t *at, struct spill_record *r)
{
	const size_t left = len - *at;
	const uint8_t *p;
	uint32_t n;

	if (left == 0)
		return SPILL_END;
	if (left < HEAD)
		return SPILL_TORN;
	p = data + *at;
	n = load_le32(p);
	if (n > left - HEAD || n > SPILL_RECORD_MAX - HEAD ||
		load_le32(p + 4) != sum(p, p + HEAD, n) || !read_body(p + HEAD, n, r))
		return SPILL_TORN;
	*at += HEAD + n;
	return SPILL_FOUND;
}

/* ---- writing ---- */

static struct byte_writer begin(enum spill_kind kind, uint8_t *to, size_t size)
{
	struct byte_writer w = byte_writer_init(to, size);

	byte_writer_room(&w, HEAD);
	byte_writer_u8(&w, (uint8_t)kind);
	return w;
}

static size_t end(struct byte_writer *w, uint8_t *to)
{
	size_t n;

	if (w->failed)
		return 0;
	n = (size_t)(w->at - to) - HEAD;
	store_le32(to, (uint32_t)n);
	store_le32(to + 4, sum(to, to + HEAD, n));
	return HEAD + n;
}

static void put_inputs(struct byte_writer *w, const struct spill_input *inputs, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		byte_writer_le64(w, inputs[i].dev);
		byte_writer_le64(w, inputs[i].ino);
		byte_writer_le64(w, inputs[i].offset);
	}
}

size_t spill_write_begin(uint64_t number, bool base, uint8_t *to, size_t size)
{
	struct byte_writer w = begin(SPILL_BEGIN, to, size);

	byte_writer_bytes(&w, magic, sizeof(magic));
	byte_writer_u8(&w, base);
	byte_writer_le64(&w, number);
	return end(&w, to);
}

size_t spill_write_state(const struct client_mark *m, const struct spill_input *inputs,
	uint32_t n_inputs, uint8_t *to, size_t size)
{
	struct byte_writer w = begin(SPILL_STATE, to, size);

	byte_writer_le64(&w, m->head);
	byte_writer_le64(&w, m->tail);
	byte_writer_le64(&w, m->added);
	byte_writer_le64(&w, m->dropped);
	byte_writer_le64(&w, m->confirmed_logs);
	byte_writer_le64(&w, m->dropped_unsent);
	byte_writer_le64(&w, m->told_place);
	byte_writer_le32(&w, m->told_dropped);
	for (unsigned i = 0; i < CLIENT_SERVERS; i++) {
		byte_writer_le64(&w, m->server[i].epoch);
		byte_writer_le64(&w, m->server[i].epochs);
		byte_writer_le64(&w, m->server[i].last_seq);
		byte_writer_le64(&w, m->server[i].confirmed);
		byte_writer_le64(&w, m->server[i].numbered);
		byte_writer_bytes(&w, m->server[i].digest, OFTP_DIGEST);
	}
	byte_writer_u8(&w, (uint8_t)n_inputs);
	put_inputs(&w, inputs, n_inputs);
	return end(&w, to);
}

size_t spill_write_item(uint64_t place, const struct client_item *item,
	const struct spill_input *input, uint8_t *to, size_t size)
{
	struct byte_writer w = begin(SPILL_ITEM, to, size);
	const uint32_t vdom = item->vdom.at ? item->vdom.len : 0;
	size_t raw = 0;

	byte_writer_le64(&w, place);
	byte_writer_u8(&w, item->type);
	byte_writer_u8(&w, item->category);
	byte_writer_u8(&w, (uint8_t)vdom);
	byte_writer_le16(&w, item->count);
	byte_writer_u8(&w, input != NULL);
	if (input)
		put_inputs(&w, input, 1);
	byte_writer_bytes(&w, item->vdom.at, vdom);
	for (uint32_t i = 0; i < item->count; i++) {
		byte_writer_le32(&w, item->lengths[i]);
		raw += item->lengths[i];
	}
	byte_writer_bytes(&w, item->logs, raw);
	return end(&w, to);
}
