/*
 * The table of chains whose signatures were verified (known.c), by what identifies them: bounded,
 * the one of its row that was used least lately makes room. Any thread; nobody waits for another,
 * so that what is there may not be found and what is added may not be kept. What is found was
 * added.
 */
#ifndef SLUICE_TLS_KNOWN_TABLE_H
#define SLUICE_TLS_KNOWN_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tls/internal.h"

#define KNOWN_WAYS 4u
#define KNOWN_ROWS (KNOWN_CHAINS / KNOWN_WAYS)

/* A hash, of which any bits are as good as others. */
struct chain_id {
	uint8_t b[32];
};

struct known_table {
	/* Nobody waits for it: who finds it taken finds nothing, and adds nothing. */
	atomic_flag busy;
	/* The last one used is the first of its row. */
	struct chain_id rows[KNOWN_ROWS][KNOWN_WAYS];
};

/* Of zeroed memory. */
void known_table_init(struct known_table *t);
/* Was it added? Then it is used now. */
bool known_table_has(struct known_table *t, const struct chain_id *id);
void known_table_add(struct known_table *t, const struct chain_id *id);
/* While no other thread adds. */
unsigned known_table_count(const struct known_table *t);

#endif
