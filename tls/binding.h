/* The channel binding `tls-exporter` (RFC 9266) of a connection whose handshake is done. */
#ifndef SLUICE_TLS_BINDING_H
#define SLUICE_TLS_BINDING_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#define TLS_BINDING 32 /* bytes */

/* false: there is none, which is so in TLS 1.2 without the extended master secret. */
bool tls_binding(SSL *ssl, uint8_t to[TLS_BINDING]);

#endif
