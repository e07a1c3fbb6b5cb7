#include "dataplane/journal/index.h"

#include <string.h>

#include "dataplane/base/bytes.h"

enum { LIST_NUMBERS = 0, LIST_BITMAP = 1 };

#define ENTRY_LEAST 10u /* bytes an entry takes at least in the payload */

void index_init(struct index *x, const struct siphash_key *key)
{
	memset(x, 0, sizeof(*x));
	names_init(&x->names, key);
}

void index_free(struct index *x)
{
	names_free(&x->names);
	bytes_buf_free(&x->lists);
	free(x->entries);
	free(x->bits);
	memset(x, 0, sizeof(*x));
}

void index_reset(struct index *x)
{
	struct siphash_key key = x->names.key;

	names_free(&x->names);
	names_init(&x->names, &key);
	x->lists.len = 0;
	x->count = 0;
	x->first_ns = x->last_ns = 0;
	x->logs = x->raw_bytes = 0;
}

static int entry_room(struct index *x)
{
	if (x->count == x->cap) {
		uint32_t cap = x->cap ? x->cap * 2 : 256;
		struct index_entry *e = realloc(x->entries, cap * sizeof(*e));

		if (!e)
			return -1;
		x->entries = e;
		x->cap = cap;
	}
	return 0;
}

/* The set of the block's devices, as bits over the segment's names. Returns how many, -1: memory.
 */
static int64_t mark_devices(struct index *x, const struct journal_records *r, size_t *words)
{
	int64_t n = 0;

	*words = 0;
	for (uint32_t i = 0; i < r->device_count; i++) {
		uint32_t id = names_add(
			&x->names, r->names + r->devices[i].name_off, r->devices[i].name_len);
		size_t word = id / 64;

		if (id == NAMES_NONE)
			return -1;
		if (word >= x->bits_cap) {
			size_t cap = word * 2 + 16;
			uint64_t *bits = realloc(x->bits, cap * sizeof(*bits));

			if (!bits)
				return -1;
			memset(bits + x->bits_cap, 0, (cap - x->bits_cap) * sizeof(*bits));
			x->bits = bits;
			x->bits_cap = cap;
		}
		n += !(x->bits[word] >> id % 64 & 1);
		x->bits[word] |= 1ull << id % 64;
		if (word >= *words)
			*words = word + 1;
	}
	return n;
}

/* Writes the set in the shorter form, and clears it. */
static void put_list(struct index *x, uint64_t n, size_t words)
{
	uint64_t before = 0;

	if (n > words * 8) {
		bytes_buf_u8(&x->lists, LIST_BITMAP);
		bytes_buf_varint(&x->lists, words * 8);
		bytes_buf_add(&x->lists, x->bits, words * 8);
	} else {
		bytes_buf_u8(&x->lists, LIST_NUMBERS);
		bytes_buf_varint(&x->lists, n);
		for (size_t w = 0; w < words; w++) {
			for (uint64_t v = x->bits[w]; v != 0; v &= v - 1) {
				uint64_t id = w * 64 + (unsigned)__builtin_ctzll(v);

				bytes_buf_varint(&x->lists, id - before);
				before = id;
			}
		}
	}
	if (words)
		memset(x->bits, 0, words * 8);
}

static void add_totals(struct index *x, const struct index_entry *e)
{
	if (e->rows) {
		if (x->logs == 0 || e->first_ns < x->first_ns)
			x->first_ns = e->first_ns;
		if (e->last_ns > x->last_ns)
			x->last_ns = e->last_ns;
	}
	x->logs += e->rows;
	x->raw_bytes += e->raw_len;
}

int index_add(struct index *x, uint64_t offset, const struct block_frame *f,
	const struct journal_records *r)
{
	struct index_entry *e;
	size_t words;
	int64_t n;

	if (entry_room(x) != 0)
		return -1;
	n = mark_devices(x, r, &words);
	if (n < 0)
		return -1;
	e = &x->entries[x->count];
	*e = (struct index_entry){
		.offset = offset,
		.head_len = f->p.frame_len,
		.data_len = f->data_len,
		.first_block = f->first_block,
		.last_block = f->last_block,
		.first_ns = f->first_ns,
		.last_ns = f->last_ns,
		.rows = f->rows,
		.raw_len = f->raw_len,
		.devices = x->lists.len,
	};
	put_list(x, (uint64_t)n, words);
	if (x->lists.failed)
		return -1;
	x->count++;
	add_totals(x, e);
	return 0;
}

void index_encode(const struct index *x, struct bytes_buf *out)
{
	const struct index_entry *e = x->entries;
	uint64_t at = 0;
	uint64_t block = 0;
	uint64_t ns = 0;

	for (uint32_t i = 0; i < x->count; i++) {
		bytes_buf_varint(out, e[i].offset - at);
		at = e[i].offset + e[i].head_len + e[i].data_len;
	}
	for (uint32_t i = 0; i < x->count; i++)
		bytes_buf_varint(out, e[i].head_len);
	for (uint32_t i = 0; i < x->count; i++)
		bytes_buf_varint(out, e[i].data_len);
	for (uint32_t i = 0; i < x->count; i++) {
		bytes_buf_varint(out, e[i].first_block - block);
		block = e[i].last_block;
	}
	for (uint32_t i = 0; i < x->count; i++)
		bytes_buf_varint(out, e[i].last_block - e[i].first_block);
	for (uint32_t i = 0; i < x->count; i++)
		bytes_buf_varint(out, e[i].rows);
	for (uint32_t i = 0; i < x->count; i++)
		bytes_buf_varint(out, e[i].raw_len);
	for (uint32_t i = 0; i < x->count; i++) {
		uint64_t d = e[i].first_ns - ns;

		bytes_buf_varint(out, (d << 1) ^ (0 - (d >> 63)));
		ns = e[i].first_ns;
	}
	for (uint32_t i = 0; i < x->count; i++)
		bytes_buf_varint(out, e[i].last_ns - e[i].first_ns);
	bytes_buf_varint(out, x->names.count);
	for (uint32_t i = 0; i < x->names.count; i++) {
		uint16_t len;
		const uint8_t *name = names_at(&x->names, i, &len);

		bytes_buf_varint(out, len);
		bytes_buf_add(out, name, len);
	}
	bytes_buf_add(out, x->lists.data, x->lists.len);
}

static void get_entries(struct index *x, struct byte_reader *in, uint64_t end)
{
	struct index_entry *e = x->entries;
	uint64_t at = 0;
	uint64_t block = 0;
	uint64_t ns = 0;
	uint32_t n = x->count;

	for (uint32_t i = 0; i < n; i++)
		e[i].offset = byte_reader_varint(in); /* a distance, until the lengths are known */
	for (uint32_t i = 0; i < n; i++)
		e[i].head_len = (uint32_t)byte_reader_varint(in);
	for (uint32_t i = 0; i < n; i++) {
		e[i].data_len = (uint32_t)byte_reader_varint(in);
		if (e[i].offset > end - at ||
			end - at - e[i].offset < (uint64_t)e[i].head_len + e[i].data_len)
			in->failed = true;
		if (in->failed)
			return;
		e[i].offset += at;
		at = e[i].offset + e[i].head_len + e[i].data_len;
	}
	for (uint32_t i = 0; i < n; i++)
		e[i].first_block = byte_reader_varint(in);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t more = byte_reader_varint(in);

		if (e[i].first_block == 0 || e[i].first_block > UINT64_MAX - block ||
			more > UINT64_MAX - block - e[i].first_block)
			in->failed = true;
		if (in->failed)
			return;
		e[i].first_block += block;
		block = e[i].last_block = e[i].first_block + more;
	}
	for (uint32_t i = 0; i < n; i++)
		e[i].rows = (uint32_t)byte_reader_varint(in);
	for (uint32_t i = 0; i < n; i++)
		e[i].raw_len = (uint32_t)byte_reader_varint(in);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t v = byte_reader_varint(in);

		ns += (v >> 1) ^ (0 - (v & 1));
		e[i].first_ns = ns;
	}
	for (uint32_t i = 0; i < n; i++) {
		e[i].last_ns = e[i].first_ns + byte_reader_varint(in);
		if (e[i].last_ns < e[i].first_ns)
			in->failed = true;
		add_totals(x, &e[i]);
	}
}

static int get_names(struct index *x, struct byte_reader *in)
{
	uint64_t n = byte_reader_varint(in);

	for (uint64_t i = 0; i < n && !in->failed; i++) {
		uint64_t len = byte_reader_varint(in);
		const uint8_t *name = byte_reader_take(in, len);

		if (!name || len > UINT16_MAX)
			return -1;
		if (names_add(&x->names, name, (uint16_t)len) == NAMES_NONE)
			return -2;
		if (x->names.count != i + 1)
			return -1;
	}
	return in->failed ? -1 : 0;
}

/* Checks every list, so that index_has_device() may read them blindly. */
static int get_lists(struct index *x, struct byte_reader *in)
{
	const uint8_t *begin = in->at;

	for (uint32_t i = 0; i < x->count; i++) {
		uint8_t form;
		uint64_t n;
		uint64_t id = 0;

		x->entries[i].devices = (size_t)(in->at - begin);
		form = byte_reader_u8(in);
		n = byte_reader_varint(in);
		if (form == LIST_BITMAP) {
			byte_reader_take(in, n);
			continue;
		}
		if (form != LIST_NUMBERS)
			return -1;
		for (; n > 0 && !in->failed; n--) {
			uint64_t d = byte_reader_varint(in);

			if (d >= x->names.count - id)
				return -1;
			id += d;
		}
	}
	if (in->failed)
		return -1;
	/* What may follow is a later version's. */
	bytes_buf_add(&x->lists, begin, (size_t)(in->at - begin));
	return x->lists.failed ? -2 : 0;
}

int index_decode(
	struct index *x, const struct index_frame *f, const uint8_t *data, size_t len, uint64_t end)
{
	struct byte_reader in = byte_reader_init(data, len);
	int rc;

	index_reset(x);
	if (f->entries > len / ENTRY_LEAST)
		return -1;
	while (x->cap < f->entries) {
		x->count = x->cap;
		if (entry_room(x) != 0)
			return -2;
	}
	x->count = f->entries;
	get_entries(x, &in, end);
	if (in.failed)
		return -1;
	rc = get_names(x, &in);
	if (rc == 0)
		rc = get_lists(x, &in);
	if (rc != 0)
		return rc;
	if (x->count && (x->entries[0].first_block != f->first_block ||
				x->entries[x->count - 1].last_block != f->last_block))
		return -1;
	if (x->logs != f->logs || x->raw_bytes != f->raw_bytes)
		return -1;
	return 0;
}

bool index_has_device(const struct index *x, const struct index_entry *e, uint32_t device)
{
	struct byte_reader in =
		byte_reader_init(x->lists.data + e->devices, x->lists.len - e->devices);
	uint8_t form = byte_reader_u8(&in);
	uint64_t n = byte_reader_varint(&in);
	uint64_t id = 0;

	if (form == LIST_BITMAP)
		return device / 8 < n && (in.at[device / 8] >> device % 8 & 1);
	for (; n > 0; n--) {
		id += byte_reader_varint(&in);
		if (id >= device)
			return id == device;
	}
	return false;
}
