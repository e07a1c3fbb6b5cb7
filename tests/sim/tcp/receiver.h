/* A client that only receives, and what an ideal sender would have made of the same way. */
#ifndef SLUICE_SIM_TCP_RECEIVER_H
#define SLUICE_SIM_TCP_RECEIVER_H

#include <stdint.h>

struct client;
struct world;

/* How many bytes the server is to send; before the world begins. */
void receiver_wants(struct client *c, uint32_t bytes);
/* When the last byte came. */
uint64_t receiver_finished(const struct client *c);

/* ideal.c: Reno that knows what has arrived; the same from its first segment to the last's coming.
 */
uint64_t ideal_took_us(struct world *w, uint32_t bytes);

#endif
