/* A TLS client on the rig's TCP. */
#ifndef TESTS_DP_RIG_TLS_H
#define TESTS_DP_RIG_TLS_H

#include "tests/unit/dp/rig.h"
#include "tests/unit/tls/client.h"

struct rig_tls {
	struct rig_tcp tcp;
	struct tls_client client;
	char in[8192]; /* what the peer sent, until the client has it */
	int rc;	       /* of the handshake: 1 complete, 0 under way, -1 failed */
};

/* Connects, and has its ClientHello ready, for several of them to come at one moment. */
void rig_tls_connect(struct rig *r, struct rig_tls *t, uint8_t host, uint16_t port,
	const struct tls_client_options *o);
void rig_tls_hello(struct rig *r, struct rig_tls *t);
/* Connects, and begins a handshake: its ClientHello is away. */
void rig_tls_begin(struct rig *r, struct rig_tls *t, uint8_t host, uint16_t port,
	const struct tls_client_options *o);
/* Does what can be done now. true: the handshake is over, or the connection. */
bool rig_tls_step(struct rig *r, struct rig_tls *t);
/* The whole of it. true: complete (in TLS 1.3 we may still be refused). */
bool rig_tls_open(struct rig *r, struct rig_tls *t, uint8_t host, uint16_t port,
	const struct tls_client_options *o);
/* One record or more. */
void rig_tls_send(struct rig *r, struct rig_tls *t, const void *data, uint32_t len);
/* `n` records of these lengths, at once: they come in one segment if they fit into it. */
void rig_tls_send_apart(
	struct rig *r, struct rig_tls *t, const void *data, const uint32_t *len, unsigned n);
/* What came and was not taken yet, as far as it is here; how many bytes. */
uint32_t rig_tls_take(struct rig_tls *t, void *to, uint32_t size);
/* Until the peer has closed or reset; takes what it said before. */
void rig_tls_wait_end(struct rig *r, struct rig_tls *t);
/* close_notify and FIN. */
void rig_tls_close(struct rig *r, struct rig_tls *t);
void rig_tls_free(struct rig *r, struct rig_tls *t);

#endif
