/* A connection that peer-host opens: random bytes for an echo, all of which must come back. */
#ifndef SLUICE_PEER_CALL_H
#define SLUICE_PEER_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/tcp/tcp.h"

struct call {
	struct tcp_conn *conn;
	uint64_t tx, rx; /* states of the two ends' dice */
	uint32_t size, sent, got;
	bool open, fin, closed, wrong, over;
};

/* `size` bytes out of `seed`; the first byte on the wire asks for an echo. */
void call_begin(struct call *c, uint32_t size, uint64_t seed);
/* Something has happened: reads what is there, writes what goes, closes behind the last byte. */
void call_event(struct call *c, enum tcp_event ev, uint64_t now);
/* It has ended in peace, and all bytes came back as they were sent. */
bool call_good(const struct call *c);

#endif
