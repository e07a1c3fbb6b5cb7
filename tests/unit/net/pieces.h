/* Datagrams that come in pieces, for the suites of reassembly. */
#ifndef SLUICE_TESTS_NET_PIECES_H
#define SLUICE_TESTS_NET_PIECES_H

#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"

/* Both families: `for_each_family(v6)` runs the block with v6 false, then true. */
#define for_each_family(v6) for (unsigned v6 = 0; v6 < 2; v6++)

/* A frame with `len` bytes of `whole` at `off`; more: others follow. True where it is accepted. */
bool feed_piece(
	struct lab *lab, const struct craft_whole *whole, uint32_t off, uint32_t len, bool more);
/* The same, that must be refused for this reason. */
void refuse_piece(struct lab *lab, const struct craft_whole *whole, uint32_t off, uint32_t len,
	bool more, enum wire_reason reason);
/* The last frame fed completed `whole`, which came in `frames` frames. */
void is_whole(const struct lab *lab, const struct craft_whole *whole, uint32_t frames);

#endif
