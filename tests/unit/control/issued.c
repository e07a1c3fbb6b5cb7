#include "tests/unit/control/issued.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/auth.h"

struct ca_pair ca, device, node;
int64_t now;
char err[400];

struct ca_order order(const char *cn, bool client, bool server)
{
	return (struct ca_order){.cn = cn,
		.kind = "p-256",
		.days = 90,
		.now_s = now,
		.client = client,
		.server = server};
}

int make_all(void **state)
{
	struct ca_order o;

	(void)state;
	now = (int64_t)time(NULL);
	o = order("Test CA", false, false);
	o.days = 400;
	assert_int_equal(ca_make(&o, &ca, err, sizeof(err)), 0);
	o = order("FGT60F0000000001", true, false);
	assert_int_equal(ca_issue(&ca, &o, &device, err, sizeof(err)), 0);
	o = order("SL-0123456789ABCDEF", false, true);
	assert_int_equal(ca_issue(&ca, &o, &node, err, sizeof(err)), 0);
	return 0;
}

int drop_all(void **state)
{
	(void)state;
	ca_pair_free(&ca);
	ca_pair_free(&device);
	ca_pair_free(&node);
	return 0;
}

struct cert_bundle read_pem(const char *a, const char *b)
{
	struct cert_bundle bundle;
	char *both = malloc(strlen(a) + strlen(b) + 1);

	sprintf(both, "%s%s", a, b);
	if (cert_bundle_read(&bundle, both, strlen(both), NULL, err, sizeof(err)) != CERT_OK)
		fail_msg("%s", err);
	free(both);
	return bundle;
}

bool is_named(void *ctx, const struct tls_peer *peer)
{
	const bool *dns = ctx;
	struct auth_snapshot *auth =
		auth_snapshot_new(NULL, 0, "[A-Z0-9-]{8,}", false, err, sizeof(err));
	bool named;

	assert_non_null(auth);
	named = auth_name(auth, true, dns && *dns, peer) != NULL;
	auth_snapshot_unref(auth);
	return named;
}

bool refused;

const char *said_by(const struct cert_bundle *b, const struct cert_judge *j)
{
	static char slugs[400];
	struct cert_report r;

	cert_explain(b, j, &r);
	refused = cert_report_has_errors(&r);
	slugs[0] = '\0';
	for (unsigned i = 0; i < r.count; i++) {
		size_t n = strlen(slugs);

		assert_true(strlen(r.v[i].text) > 20);
		snprintf(slugs + n, sizeof(slugs) - n, "%s%s", n ? " " : "", r.v[i].slug);
	}
	return slugs;
}

const char *said_beside(
	const struct cert_bundle *b, enum cert_role role, const char *anchors, const char *crls)
{
	const struct cert_judge j = {.role = role,
		.now_s = now,
		.named = is_named,
		.serial = "SL-0123456789ABCDEF",
		.anchors_pem = anchors,
		.crls_pem = crls};

	return said_by(b, &j);
}

const char *said(const struct cert_bundle *b, enum cert_role role, const char *anchors)
{
	return said_beside(b, role, anchors, NULL);
}

char *text_of(BIO *bio)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);

	return strndup(data, (size_t)n);
}
