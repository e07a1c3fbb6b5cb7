/* What a client of OpenSSL's in memory has said, as one of our servers reads it. */
#ifndef SLUICE_MICRO_UPWARD_H
#define SLUICE_MICRO_UPWARD_H

#include <openssl/ssl.h>

#include "tls/tls.h"

struct upward {
	SSL *client;		     /* the caller's, over memory BIOs */
	uint8_t bytes[128u * 1024u]; /* unread from `at` on */
	uint32_t at, len;
};

/* Its ctx is a struct upward; what the server says goes to the client at once. */
extern const struct tls_transport upward_transport;

/* Takes what the client has said since. */
void upward_fill(struct upward *u);

#endif
