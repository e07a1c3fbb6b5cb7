/* The certificates that the tests need, and a spec that uses them. */
#ifndef TESTS_TLS_WORLD_H
#define TESTS_TLS_WORLD_H

#include "tests/unit/tls/pki.h"
#include "tls/tls.h"

#define WORLD_SERIAL "FGVM010000123456"

struct world {
	struct pki_cert root, sub, other_root; /* authorities */
	struct pki_cert server_ec, server_rsa; /* ours */
	struct pki_cert device, device_of_sub; /* good ones */
	char *server_ec_pem, *server_ec_key, *server_rsa_pem, *server_rsa_key;
	char *root_pem, *other_root_pem;
	struct tls_spec spec; /* one context "default", anchor `root`, certificate required */
};

void world_make(struct world *w);
void world_free(struct world *w);
/* A set of the world's spec, as it is now; fails the test where it cannot be made. */
struct tls_set *world_set(const struct world *w);

#endif
