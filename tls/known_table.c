#include "tls/known_table.h"

#include <string.h>

_Static_assert((KNOWN_ROWS & (KNOWN_ROWS - 1)) == 0, "a row is found by some bits of the id");

void known_table_init(struct known_table *t)
{
	atomic_flag_clear(&t->busy);
}

static struct chain_id *row_of(struct known_table *t, const struct chain_id *id)
{
	uint32_t bits;

	memcpy(&bits, id->b, sizeof(bits));
	return t->rows[bits & (KNOWN_ROWS - 1)];
}

/* Where it is, or else the last one, which makes room. */
static unsigned place_of(const struct chain_id *row, const struct chain_id *id)
{
	unsigned at = 0;

	while (at < KNOWN_WAYS - 1 && memcmp(&row[at], id, sizeof(*id)) != 0)
		at++;
	return at;
}

static void put_first(struct chain_id *row, unsigned at, const struct chain_id *id)
{
	memmove(row + 1, row, at * sizeof(*row));
	row[0] = *id;
}

bool known_table_has(struct known_table *t, const struct chain_id *id)
{
	struct chain_id *row = row_of(t, id);
	unsigned at;
	bool known;

	if (atomic_flag_test_and_set_explicit(&t->busy, memory_order_acquire))
		return false;
	at = place_of(row, id);
	known = memcmp(&row[at], id, sizeof(*id)) == 0;
	if (known)
		put_first(row, at, id);
	atomic_flag_clear_explicit(&t->busy, memory_order_release);
	return known;
}

void known_table_add(struct known_table *t, const struct chain_id *id)
{
	struct chain_id *row = row_of(t, id);

	if (atomic_flag_test_and_set_explicit(&t->busy, memory_order_acquire))
		return;
	put_first(row, place_of(row, id), id);
	atomic_flag_clear_explicit(&t->busy, memory_order_release);
}

unsigned known_table_count(const struct known_table *t)
{
	static const struct chain_id none;
	unsigned n = 0;

	for (unsigned row = 0; row < KNOWN_ROWS; row++)
		for (unsigned i = 0; i < KNOWN_WAYS; i++)
			n += memcmp(&t->rows[row][i], &none, sizeof(none)) != 0;
	return n;
}
