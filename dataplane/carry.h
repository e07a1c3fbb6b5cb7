/*
 * Plaintext that a session has not consumed yet: an unfinished log's beginning. TCP keeps such
 * bytes in the buffers they came in; what was decrypted has to lie somewhere else. One pool a
 * worker, reserved at the start and touched when used; a session holds buffers only while it holds
 * bytes.
 */
#ifndef SLUICE_CARRY_H
#define SLUICE_CARRY_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/framing/framing.h"

#define CARRY_DATA 2032u

struct carry_buf {
	struct carry_buf *next;
	uint32_t from, to; /* the bytes of `data` that are in use */
	uint8_t data[CARRY_DATA];
};
_Static_assert(sizeof(struct carry_buf) == 2048, "two a page");

struct carry_pool {
	struct carry_buf *all, *free;
	uint32_t size, touched, used; /* buffers */
	uint64_t bytes;		      /* that are carried now */
};

struct carry {
	struct carry_buf *head, *tail;
	uint32_t len; /* bytes */
};

/* Room for `buffers`. 0, or -1 when out of memory. */
int carry_pool_init(struct carry_pool *p, uint32_t buffers);
void carry_pool_fini(struct carry_pool *p);
/* Can `bytes` more be carried by one session? */
bool carry_room(const struct carry_pool *p, uint32_t bytes);

/* Fills up to `n` spans, oldest first; returns how many. */
unsigned carry_spans(const struct carry *c, struct framing_span *v, unsigned n);
/* Appends; carry_room() has said yes. */
void carry_add(struct carry_pool *p, struct carry *c, const uint8_t *data, uint32_t len);
/* Takes up to `len` bytes off the front; returns how many there were. */
uint32_t carry_take(struct carry_pool *p, struct carry *c, uint32_t len);

#endif
