#include "dataplane/journal/names.h"

#include <string.h>

void names_init(struct names *n, const struct siphash_key *key)
{
	memset(n, 0, sizeof(*n));
	n->key = *key;
}

void names_free(struct names *n)
{
	bytes_buf_free(&n->bytes);
	free(n->entries);
	free(n->slots);
	memset(n, 0, sizeof(*n));
}

static uint32_t find_slot(const struct names *n, const void *name, uint16_t len, uint32_t hash)
{
	uint32_t at = hash & n->mask;

	for (; n->slots[at] != 0; at = (at + 1) & n->mask) {
		const struct names_entry *e = &n->entries[n->slots[at] - 1];

		if (e->hash == hash && e->len == len &&
			(len == 0 || memcmp(n->bytes.data + e->off, name, len) == 0))
			break;
	}
	return at;
}

uint32_t names_find(const struct names *n, const void *name, uint16_t len)
{
	uint32_t at;

	if (n->count == 0)
		return NAMES_NONE;
	at = find_slot(n, name, len, (uint32_t)siphash13(&n->key, name, len));
	return n->slots[at] ? n->slots[at] - 1 : NAMES_NONE;
}

/* Twice the room, at most three quarters full. */
static int grow(struct names *n)
{
	uint32_t slots_len = n->mask ? (n->mask + 1) * 2 : 64;
	uint32_t cap = slots_len / 4 * 3;
	struct names_entry *entries = realloc(n->entries, cap * sizeof(*entries));
	uint32_t *slots = calloc(slots_len, sizeof(*slots));

	if (entries)
		n->entries = entries;
	if (!entries || !slots) {
		free(slots);
		return -1;
	}
	free(n->slots);
	n->slots = slots;
	n->mask = slots_len - 1;
	n->cap = cap;
	for (uint32_t i = 0; i < n->count; i++) {
		uint32_t at = n->entries[i].hash & n->mask;

		while (n->slots[at] != 0)
			at = (at + 1) & n->mask;
		n->slots[at] = i + 1;
	}
	return 0;
}

uint32_t names_add(struct names *n, const void *name, uint16_t len)
{
	uint32_t hash = (uint32_t)siphash13(&n->key, name, len);
	uint32_t at;

	if (n->count == n->cap && grow(n) != 0)
		return NAMES_NONE;
	at = find_slot(n, name, len, hash);
	if (n->slots[at])
		return n->slots[at] - 1;
	n->entries[n->count] = (struct names_entry){.off = n->bytes.len, .hash = hash, .len = len};
	bytes_buf_add(&n->bytes, name, len);
	if (n->bytes.failed)
		return NAMES_NONE;
	n->slots[at] = ++n->count;
	return n->count - 1;
}
