/* Certificates that we issue, and what is said of them: for tests of what operators handle. */
#ifndef SLUICE_TESTS_ISSUED_H
#define SLUICE_TESTS_ISSUED_H

#include <openssl/bio.h>

#include "tests/unit/control/harness.h"
#include "tls/ca.h"
#include "tls/cert.h"

/* Made by make_all(), a group's setup: an authority, a device's and a node's certificate. */
extern struct ca_pair ca, device, node;
extern int64_t now;   /* by which all is judged; seconds since 1970 */
extern char err[400]; /* for whoever fails */

int make_all(void **state);
int drop_all(void **state);

/* For 90 days, P-256. */
struct ca_order order(const char *cn, bool client, bool server);
/* What two texts one after the other hold; fails the test where they cannot be read. */
struct cert_bundle read_pem(const char *a, const char *b);

/* For struct cert_judge: a name of eight or more capitals and digits; or, by `ctx` (a bool), a host
 * name. As a listener goes about it. */
bool is_named(void *ctx, const struct tls_peer *peer);
/* The slugs of what is said, "a b c". */
const char *said(const struct cert_bundle *b, enum cert_role role, const char *anchors);
const char *said_beside(
	const struct cert_bundle *b, enum cert_role role, const char *anchors, const char *crls);
const char *said_by(const struct cert_bundle *b, const struct cert_judge *j);
extern bool refused; /* one of what was said last is an error */

/* What was written into a memory BIO, for free(). */
char *text_of(BIO *bio);

#endif
