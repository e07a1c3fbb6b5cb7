/* What tests of cert.* ask for again and again. */
#ifndef SLUICE_TESTS_CERTS_H
#define SLUICE_TESTS_CERTS_H

#include "tests/unit/control/harness.h"
#include "tls/ca.h"

/* Takes `params`. The result of the method where it shall be `fine`, else its error. */
json_t *certs_with(struct harness *h, const char *method, json_t *params, bool fine);
json_t *certs_import(struct harness *h, const char *name, const void *data, size_t len, bool fine);
/* By who is sure that those who need the anchor of this name may be refused. */
json_t *certs_import_surely(struct harness *h, const char *name, const void *data, size_t len);
/* By a client that knows nothing of `sure`. */
json_t *certs_import_unasked(struct harness *h, const char *name, const void *data, size_t len);
/* An authority's certificate, or a server's by `by` (NULL: by itself). */
struct ca_pair certs_make(const char *cn, bool authority, const struct ca_pair *by);

#endif
