/*
 * Any bytes as a file of a spill: what is read of it makes a client whose accounts add up, whose
 * state is written and read as it is, and which then goes on. Input: records without their sums,
 * each a length u16 little-endian and its body: they get their sums here, so that bodies matter;
 * the last byte says whether the file is torn.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/crc32c.h"
#include "dataplane/client/spill_code.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct spill_record r;

static uint64_t epoch(void *ctx)
{
	(void)ctx;
	return 7;
}

static size_t make_file(const uint8_t *data, size_t size, uint8_t *to)
{
	size_t used = 0;

	for (size_t at = 0; at + 2 <= size;) {
		uint16_t n = load_le16(data + at);

		at += 2;
		if (n > size - at)
			n = (uint16_t)(size - at);
		store_le32(to + used, n);
		memcpy(to + used + 8, data + at, n);
		store_le32(to + used + 4, crc32c(crc32c(0, to + used, 4), data + at, n));
		used += 8u + n;
		at += n;
	}
	return used;
}

static void check(const struct client *c)
{
	struct client_stats st;

	client_stats(c, &st);
	if (st.added != st.confirmed_logs + st.dropped + st.memory.logs + st.confirm.logs)
		abort();
}

/* Written, a record is read as it was. */
static void write_again(const uint8_t *file, size_t begin, size_t end)
{
	static uint8_t again[32768];
	size_t n;

	if (r.kind == SPILL_STATE)
		return; /* below */
	n = r.kind == SPILL_BEGIN ? spill_write_begin(r.number, r.base, again, sizeof(again))
				  : spill_write_item(r.place, &r.item,
					    r.n_inputs ? &r.inputs[0] : NULL, again, sizeof(again));
	/* `base` is any byte but 0. */
	if (n != end - begin || (r.kind == SPILL_ITEM && memcmp(again, file + begin, n) != 0))
		abort();
}

/* The newest mark is a client's; what follows from it goes on being one. */
static void restore(const uint8_t *file, size_t len, const struct client_mark *m)
{
	const struct client_config cfg = {
		.serial = "FGT1", .bound = 2 * OFTP_ITEM_RAW_MAX, .window = 4, .random = epoch};
	struct client *c = client_new(&cfg);
	struct client_mark after, before = {0};
	uint8_t state[1024];
	size_t at = 0, n;

	if (!c)
		abort();
	if (m && client_restore(c, m))
		before = *m;
	while (spill_read(file, len, &at, &r) == SPILL_FOUND)
		if (r.kind == SPILL_ITEM && r.place >= before.head && r.place < before.tail + 1000)
			client_restore_item(c, r.place, &r.item);
	client_restored(c);
	check(c);
	client_save(c, &after);
	n = spill_write_state(&after, NULL, 0, state, sizeof(state));
	at = 0;
	if (n == 0 || spill_read(state, n, &at, &r) != SPILL_FOUND || at != n ||
		memcmp(&r.mark, &after, sizeof(after)) != 0)
		abort();
	client_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client_mark mark;
	bool known = false;
	uint8_t *file;
	size_t len, at = 0;

	if (size < 1 || size > 16384)
		return 0;
	file = malloc(5 * size + 8);
	if (!file)
		abort();
	len = make_file(data, size - 1, file);
	len -= data[size - 1] % 8 < len ? data[size - 1] % 8 : len;
	for (size_t from = 0; spill_read(file, len, &at, &r) == SPILL_FOUND; from = at) {
		write_again(file, from, at);
		if (r.kind != SPILL_STATE)
			continue;
		mark = r.mark;
		known = true;
	}
	restore(file, len, known ? &mark : NULL);
	free(file);
	return 0;
}
