/*
 * A set of names that gives each a small number, in the order of their coming. Names are chosen by
 * peers, so the hash is keyed.
 */
#ifndef SLUICE_JOURNAL_NAMES_H
#define SLUICE_JOURNAL_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/siphash.h"
#include "dataplane/journal/bytes_buf.h"

#define NAMES_NONE UINT32_MAX

struct names_entry {
	size_t off;
	uint32_t hash;
	uint16_t len;
};

struct names {
	struct siphash_key key;
	struct bytes_buf bytes;
	struct names_entry *entries;
	uint32_t *slots; /* number + 1; 0: free */
	uint32_t count, cap, mask;
};

void names_init(struct names *n, const struct siphash_key *key);
void names_free(struct names *n);
/* Its number, or NAMES_NONE. */
uint32_t names_find(const struct names *n, const void *name, uint16_t len);
/* Its number, new or old; NAMES_NONE where memory is out. */
uint32_t names_add(struct names *n, const void *name, uint16_t len);

static inline const uint8_t *names_at(const struct names *n, uint32_t i, uint16_t *len)
{
	*len = n->entries[i].len;
	return n->bytes.data + n->entries[i].off;
}

#endif
