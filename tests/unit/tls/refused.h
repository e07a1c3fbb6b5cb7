/* Handshakes that must fail, or must not, for test files about refusals. */
#ifndef TESTS_TLS_REFUSED_H
#define TESTS_TLS_REFUSED_H

#include "tests/unit/tls/stage.h"

/* What the detail must name, where it is about a chain; NULL: whatever. */
extern const char *issued_by;
/* A handshake that must fail so; by both versions if the options name none. */
void refused(const struct world *w, const struct tls_client_options *o, enum refusal_reason reason,
	int alert12, int alert13);
/* One that must not. With a trace and without: a CRL is judged for the trace alone, which has this
 * warning, or none. */
void let_in(const struct world *w, const struct tls_client_options *o, const char *warning);

#endif
