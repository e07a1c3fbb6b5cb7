/*
 * What `diagnose` prints, field by field as the device's `diagnose test application fgtlogd` does.
 * Pure but for the stream.
 */
#ifndef SLUICE_CLIENT_DIAG_H
#define SLUICE_CLIENT_DIAG_H

#include <stdio.h>

#include "dataplane/client/client.h"

#define DIAG_ENTRIES 1000u /* of a queue that are printed: the first half and the last */

struct diag {
	const struct client *client;
	uint64_t now;
	const char *server, *source_ip;
	uint64_t max; /* bytes of both queues */
	bool realtime, reliable, verified;
	uint32_t conn_id;
	uint64_t spill_bytes; /* UINT64_MAX: there is none */
};

/* `fgtlogd 1`: where to, how, and what the server has confirmed. */
void diag_status(const struct diag *d, FILE *to);
/* `fgtlogd 30`: what is in the queues. */
void diag_items(const struct diag *d, FILE *to);
/* `fgtlogd 41`: how much is in them. */
void diag_queues(const struct diag *d, FILE *to);

#endif
