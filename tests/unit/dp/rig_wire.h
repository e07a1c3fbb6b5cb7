/* Between the files of the rig. */
#ifndef TESTS_DP_RIG_WIRE_H
#define TESTS_DP_RIG_WIRE_H

#include "tests/unit/dp/rig.h"

struct rte_mbuf;

/* Ends the process. */
_Noreturn void rig_die(const char *what);
/* Ethernet and IP in front of `len` bytes of layer 4, whose place is returned. */
uint8_t *rig_ip_frame(
	struct rig *r, uint8_t host, uint8_t proto, uint32_t len, struct rte_mbuf **out);
void rig_l4_sum(uint8_t host, uint8_t proto, uint8_t *l4, uint32_t len, unsigned off);
/* On the wire; takes it over. */
void rig_put(struct rig *r, struct rte_mbuf *m);

/* rig_tcp.c: a segment for one of the clients; what was not acknowledged is sent again. */
void rig_tcp_take(struct rig *r, uint8_t host, const uint8_t *t, uint32_t len);
void rig_tcp_again(struct rig *r);

#endif
