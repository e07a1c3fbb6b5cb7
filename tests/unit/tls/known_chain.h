/*
 * For tests of chains that were verified before: a device below an intermediate, a set that knows
 * their chain, and who is let in by it. Included by one file each.
 */
#ifndef SLUICE_KNOWN_CHAIN_H
#define SLUICE_KNOWN_CHAIN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "tests/unit/tls/link.h"
#include "tests/unit/tls/world.h"
#include "tls/internal.h"

static struct world world;
static struct link link;
static struct pki_cert sub, device; /* a day of an intermediate, whose device lasts longer */
static int64_t clock_s;

static inline int64_t test_now(void)
{
	return clock_s;
}

static inline int setup(void **state)
{
	(void)state;
	world_make(&world);
	sub = pki_issue(&world.root,
		&(struct pki_options){.cn = "sub", .o = "Works", .ca = true, .lasting_s = 86400});
	device = pki_issue(&sub, &(struct pki_options){.cn = WORLD_SERIAL, .o = "Site"});
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	world_free(&world);
	pki_free(&sub);
	pki_free(&device);
	return 0;
}

static inline bool shows(
	struct tls_set *set, const struct pki_cert *cert, const struct pki_cert *via)
{
	const struct tls_client_options o = {.cert = cert, .via = via};

	link_open(&link, set, &o, false);
	return link_handshake(&link);
}

/* A full handshake that must go well; returns whether its chain was known. */
static inline bool let_in(
	struct tls_set *set, const struct pki_cert *cert, const struct pki_cert *via)
{
	bool known;

	assert_true(shows(set, cert, via));
	assert_true(tls_conn_verified(link.server));
	assert_false(tls_conn_resumed(link.server));
	known = tls_conn_chain_known(link.server);
	link_close(&link);
	return known;
}

/* The other way round, and nothing is remembered of it. */
static inline void refused(struct tls_set *set, const struct pki_cert *cert,
	const struct pki_cert *via, enum refusal_reason reason)
{
	const unsigned known = known_count(set->known);
	struct tls_failure f;

	assert_false(shows(set, cert, via));
	tls_conn_failure(link.server, &f);
	assert_string_equal(refusal_reason_slug(f.reason), refusal_reason_slug(reason));
	assert_false(tls_conn_chain_known(link.server));
	link_close(&link);
	assert_int_equal(known_count(set->known), known);
}

/* A set of this world that knows the chain of `device` through `sub`. */
static inline struct tls_set *knowing_set(const struct world *w)
{
	struct tls_set *set = world_set(w);

	assert_false(let_in(set, &device, &sub));
	assert_true(let_in(set, &device, &sub));
	assert_int_equal(known_count(set->known), 1);
	return set;
}

#endif
