/*
 * `reliable disable`: logs leave as EC CF records over UDP, from the session's address, by which
 * the server knows them, while it is open.
 */
#ifndef SLUICE_SEND_DATAGRAMS_H
#define SLUICE_SEND_DATAGRAMS_H

#include "dataplane/client/client.h"
#include "send/link.h"

#define DATAGRAM_BYTES 65000u

struct datagrams {
	int epoll;
	struct watch watch; /* fd -1: there is none */
	uint8_t buffer[DATAGRAM_BYTES];
};

void datagrams_init(struct datagrams *d);
/* To the server and from the address of this link. 0 or -1. */
int datagrams_open(struct datagrams *d, const struct link *l);
/* Fine if there is none. */
void datagrams_close(struct datagrams *d);
/* Sends what may go, as far as the socket has room. true: there is more. */
bool datagrams_write(struct datagrams *d, struct client *c, uint64_t now);

#endif
