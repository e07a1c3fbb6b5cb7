/*
 * Logging in by user and password (settings legacy-user, legacy-password): what the client asks for
 * as struct client_sasl, by SCRAM-SHA-256-PLUS bound to the connection's TLS.
 */
#ifndef SLUICE_SEND_LEGACY_H
#define SLUICE_SEND_LEGACY_H

#include "send/link.h"
#include "dataplane/client/client.h"
#include "tls/scram_client.h"
#include "tls/secret.h"

struct legacy {
	const struct settings *settings;
	const struct link *link;
	struct client_sasl sasl;
	struct scram_client exchange;
	char password[SECRET_MAX];
};

/*
 * 0, or -1 with a line in `err`: no password can be had. Where no user is set nothing is done, and
 * cfg->sasl stays NULL; else it is l->sasl. `serial`: of our certificate, empty without. What is
 * pointed at is to outlive the client.
 */
int legacy_init(struct legacy *l, const struct settings *s, const struct link *link,
	const char *serial, struct client_config *cfg, char *err, size_t size);
/* Forgets the password. */
void legacy_fini(struct legacy *l);

#endif
