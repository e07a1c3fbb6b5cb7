/*
 * Receiving: memory (chunk.c), the bytes in order (rcvbuf.c) and beyond (ooo.c, reassembly.c), the
 * window we announce (window.c). Private to this room.
 */
#ifndef SLUICE_TCP_RCV_H
#define SLUICE_TCP_RCV_H

#include "dataplane/tcp/tcp_priv.h"

/* chunk.c. Where a run is out of order (`ooo`), `end` is the number after its last byte. */

/* No run is charged less, whatever its buffer: so their number has a bound too. */
#define TCP_MIN_CHARGE 128U

static inline uint32_t tcp_chunk_end(const struct tcp_chunk *k)
{
	return k->seq + k->len;
}

/* The run in the buffer that it came in; NULL where that has been taken, or memory forbids it. */
struct tcp_chunk *tcp_chunk_keep(struct tcp_conn *c, struct tcp_seg *g, const uint8_t *data,
	uint32_t len, bool ooo, uint32_t end);
/* A pack with room for `least` bytes, or NULL; whoever takes it begins a run in it. */
struct tcp_pack *tcp_pack_new(struct tcp_conn *c, uint32_t least, bool ooo, uint32_t end);
/* A new run with a copy of the bytes, for which there must be room. */
struct tcp_chunk *tcp_pack_begin(
	struct tcp_conn *c, struct tcp_pack *p, const uint8_t *data, uint32_t len);
/* How many bytes can still be copied in behind this run (NULL: 0); then does so. */
uint32_t tcp_chunk_room(const struct tcp_chunk *k);
void tcp_chunk_extend(struct tcp_conn *c, struct tcp_chunk *k, const uint8_t *data, uint32_t len);
void tcp_chunk_free(struct tcp_conn *c, struct tcp_chunk *k);

/* reassembly.c: the bytes and the FIN of an acceptable segment; raises events. */
void tcp_data(struct tcp_conn *c, struct tcp_seg *g, uint64_t now);

/* rcvbuf.c */

/* Appends at rcv_nxt; false where memory bounds forbid it. `last`: the buffer may be kept. */
bool tcp_rcv_append(
	struct tcp_conn *c, struct tcp_seg *g, const uint8_t *data, uint32_t len, bool last);
/* Moves what has come into order. */
void tcp_rcv_pull(struct tcp_conn *c);
/* Gives back all that is held. */
void tcp_rcv_free(struct tcp_conn *c);

/* ooo.c */

/* Begins to hold what is out of order; false where there is no memory for it. */
bool tcp_ooo_begin(struct tcp_conn *c);
/* Gives up what is held, and what it takes to hold it. */
void tcp_ooo_drop(struct tcp_conn *c);
/*
 * A run beyond rcv_nxt, after `prev` (NULL: first); the last chunk of it, or NULL where (at least
 * the end of) it was refused.
 */
struct tcp_chunk *tcp_ooo_insert(struct tcp_conn *c, struct tcp_seg *g, struct tcp_chunk *prev,
	uint32_t seq, const uint8_t *data, uint32_t len, bool last);
/* A run that ends at `seq` or before it, so that the list can be walked from there; NULL: its head.
 */
struct tcp_chunk *tcp_ooo_before(const struct tcp_conn *c, uint32_t seq);
/* The list's first run is taken from it; it stays the caller's. */
struct tcp_chunk *tcp_ooo_shift(struct tcp_conn *c);
/* Small runs side by side, from the one after `from` (NULL: the first) to `upto`, become one. */
void tcp_ooo_join(struct tcp_conn *c, struct tcp_chunk *from, uint32_t upto);
/* Takes the bytes of the small run `n`, which follows `k` (NULL: nothing does), into its room. */
bool tcp_ooo_absorb(struct tcp_conn *c, struct tcp_chunk *k, struct tcp_chunk *n);

/* window.c */

/* Brings rcv_adv up to date (never back) and returns the window field. */
uint16_t tcp_rcv_announce(struct tcp_conn *c);
/* The window by which a new connection is greeted. */
uint32_t tcp_rcv_first_window(const struct tcp_stack *s);
/* Tells those who were held short, where there is room again. */
void tcp_rcv_unstarve(struct tcp_stack *s, uint64_t now);

/* Has the window opened by so much that the peer should hear of it unasked? */
void tcp_rcv_update_window(struct tcp_conn *c, uint64_t now);

#endif
