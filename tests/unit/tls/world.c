#include "tests/unit/tls/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void world_make(struct world *w)
{
	const struct pki_cert *v[1];

	memset(w, 0, sizeof(*w));
	w->root = pki_issue(NULL, &(struct pki_options){.cn = "root", .o = "Works", .ca = true});
	w->sub = pki_issue(&w->root, &(struct pki_options){.cn = "sub", .o = "Works", .ca = true});
	w->other_root =
		pki_issue(NULL, &(struct pki_options){.cn = "root", .o = "Others", .ca = true});
	w->server_ec = pki_issue(&w->root, &(struct pki_options){.cn = "SLUICE0001"});
	w->server_rsa =
		pki_issue(&w->root, &(struct pki_options){.cn = "SLUICE0001", .rsa_bits = 2048});
	w->device = pki_issue(&w->root,
		&(struct pki_options){.cn = WORLD_SERIAL, .o = "Site", .eku = "clientAuth"});
	w->device_of_sub =
		pki_issue(&w->sub, &(struct pki_options){.cn = "FGVM010000777777", .o = "Site"});
	v[0] = &w->server_ec;
	w->server_ec_pem = pki_pem(v, 1);
	v[0] = &w->server_rsa;
	w->server_rsa_pem = pki_pem(v, 1);
	v[0] = &w->root;
	w->root_pem = pki_pem(v, 1);
	v[0] = &w->other_root;
	w->other_root_pem = pki_pem(v, 1);
	w->server_ec_key = pki_key_pem(&w->server_ec);
	w->server_rsa_key = pki_key_pem(&w->server_rsa);
	w->spec = (struct tls_spec){
		.contexts_count = 1,
		.contexts = {{.sni = "default",
			.identities_count = 2,
			.identities = {{w->server_ec_pem, w->server_ec_key},
				{w->server_rsa_pem, w->server_rsa_key}}}},
		.anchors_pem = w->root_pem,
		.min_version = TLS_1_2,
		.algorithm = TLS_ALG_HIGH,
		.require_certificate = true,
		.generation = 1,
		.ticket_secret = {1, 2, 3},
	};
}

void world_free(struct world *w)
{
	struct pki_cert *certs[] = {&w->root, &w->sub, &w->other_root, &w->server_ec,
		&w->server_rsa, &w->device, &w->device_of_sub};

	for (unsigned i = 0; i < sizeof(certs) / sizeof(certs[0]); i++)
		pki_free(certs[i]);
	free(w->server_ec_pem);
	free(w->server_rsa_pem);
	free(w->root_pem);
	free(w->other_root_pem);
	free(w->server_ec_key);
	free(w->server_rsa_key);
}

struct tls_set *world_set(const struct world *w)
{
	struct tls_set *s = NULL;
	char err[256];

	if (tls_set_new(&w->spec, &s, err, sizeof(err)) == 0)
		return s;
	fprintf(stderr, "set: %s\n", err);
	abort();
}
