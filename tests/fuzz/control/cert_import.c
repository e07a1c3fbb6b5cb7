/* A file that somebody imports: PEM, DER or PKCS#12, with a password before it; what is read is
 * explained and written again. */
#include <stdlib.h>
#include <string.h>

#include "tls/cert.h"
#include "tls/tls.h"

static bool named(void *ctx, const struct tls_peer *peer)
{
	(void)ctx;
	return strlen(peer->names) >= 8;
}

/* `password NUL file`; without a NUL in the first 32 bytes all of it is the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, 0, size < 32 ? size : 32);
	const char *password = nul ? (const char *)data : NULL;
	struct cert_bundle b;
	struct cert_report report;
	char err[256];

	if (nul) {
		size -= (size_t)(nul - data) + 1;
		data = nul + 1;
	}
	if (cert_bundle_read(&b, data, size, password, err, sizeof(err)) != CERT_OK) {
		if (strlen(err) == 0)
			abort(); /* a refusal without a word */
		return 0;
	}
	for (enum cert_role role = CERT_ROLE_NODE; role <= CERT_ROLE_CRL; role++) {
		char *chain = cert_bundle_chain_pem(&b), *crls = cert_bundle_crls_pem(&b);
		const struct cert_judge j = {.role = role,
			.now_s = 1795312800,
			.named = named,
			.serial = "SL-0123456789ABCDEF",
			.anchors_pem = chain,
			.crls_pem = crls};

		cert_explain(&b, &j, &report);
		free(chain);
		free(crls);
	}
	for (unsigned i = 0; i < b.certs_count; i++) {
		struct cert_facts f;

		cert_bundle_facts(&b, i, &f);
	}
	for (unsigned i = 0; i < b.crls_count; i++) {
		struct cert_facts f;

		cert_crl_facts(&b, i, &f);
	}
	free(cert_bundle_crls_pem(&b));
	cert_wipe(cert_bundle_key_pem(&b));
	cert_bundle_free(&b);
	return 0;
}
