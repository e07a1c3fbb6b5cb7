/* Certificates for operators: what we make, and what is said of any. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/control/issued.h"
#include "tests/unit/tls/pki.h"
#include "tls/tls.h"

static void what_we_issue_has_nothing_to_be_said_about(void **state)
{
	struct cert_bundle b = read_pem(device.cert_pem, device.key_pem);
	struct cert_facts f;

	(void)state;
	assert_string_equal(said(&b, CERT_ROLE_DEVICE, ca.cert_pem), "");
	cert_bundle_facts(&b, 0, &f);
	assert_string_equal(f.cn, "FGT60F0000000001");
	assert_string_equal(f.names, "DNS:FGT60F0000000001");
	assert_string_equal(f.subject, "/O=Sluice/CN=FGT60F0000000001");
	assert_string_equal(f.issuer, "/O=Sluice/CN=Test CA");
	assert_string_equal(f.key, "P-256");
	assert_true(f.client_auth && !f.server_auth && !f.authority);
	assert_int_equal(f.not_after_s, now + 90 * 86400);
	cert_bundle_free(&b);
	b = read_pem(node.cert_pem, node.key_pem);
	assert_string_equal(said(&b, CERT_ROLE_NODE, ca.cert_pem), "");
	cert_bundle_free(&b);
	b = read_pem(ca.cert_pem, "");
	assert_string_equal(said(&b, CERT_ROLE_ANCHOR, NULL), "");
	cert_bundle_free(&b);
}

static void nothing_is_valid_longer_than_its_authority(void **state)
{
	struct ca_order o = order("FGT60F0000000002", true, false);
	struct ca_pair long_one;
	struct cert_bundle b;
	struct cert_facts f;

	(void)state;
	o.days = 9999;
	assert_int_equal(ca_issue(&ca, &o, &long_one, err, sizeof(err)), 0);
	b = read_pem(long_one.cert_pem, "");
	cert_bundle_facts(&b, 0, &f);
	assert_int_equal(f.not_after_s, now + 400 * 86400);
	cert_bundle_free(&b);
	ca_pair_free(&long_one);
}

/* A certificate with something wrong, signed by the CA. */
static char *odd(const struct pki_options *o)
{
	struct cert_bundle b = read_pem(ca.cert_pem, ca.key_pem);
	const struct pki_cert issuer = {b.certs[0], b.key};
	/* There is no MD5 with ECDSA. */
	const struct pki_options of_rsa = {.cn = "Old Root", .rsa_bits = 2048, .ca = true};
	struct pki_cert rsa = o->md5 ? pki_issue(NULL, &of_rsa) : (struct pki_cert){0};
	struct pki_cert made = pki_issue(o->md5 ? &rsa : &issuer, o);
	const struct pki_cert *one = &made;
	char *pem = pki_pem(&one, 1);

	pki_free(&rsa);
	pki_free(&made);
	cert_bundle_free(&b);
	return pem;
}

static void each_thing_that_would_stumble_is_named(void **state)
{
#define DAYS(n) ((n)*86400)
	const struct {
		struct pki_options o;
		enum cert_role role;
		const char *says;
		bool refused; /* else it is but a warning */
	} v[] = {
		/* The article's case: a web server's certificate. */
		{{.cn = "FGT60F0000000001", .eku = "serverAuth", .lasting_s = DAYS(90)},
			CERT_ROLE_DEVICE, "no_client_auth_purpose", true},
		{{.cn = "FGT60F0000000001", .lasting_s = DAYS(90)}, CERT_ROLE_DEVICE, "", false},
		{{.cn = "FortiGate", .eku = "clientAuth", .lasting_s = DAYS(90)}, CERT_ROLE_DEVICE,
			"no_legal_sn", true},
		{{.cn = "FGT60F0000000001", .sha1 = true, .lasting_s = DAYS(90)}, CERT_ROLE_DEVICE,
			"sha1_signature", true},
		{{.cn = "FGT60F0000000001", .md5 = true, .lasting_s = DAYS(90)}, CERT_ROLE_DEVICE,
			"missing_intermediate md5_signature", true},
		{{.cn = "FGT60F0000000001", .strange_key = true, .lasting_s = DAYS(90)},
			CERT_ROLE_DEVICE, "unknown_key", true},
		{{.cn = "FGT60F0000000001", .rsa_bits = 1024, .lasting_s = DAYS(90)},
			CERT_ROLE_DEVICE, "weak_key", true},
		{{.cn = "FGT60F0000000001", .from_s = -9000, .lasting_s = 8000}, CERT_ROLE_DEVICE,
			"expired", true},
		{{.cn = "FGT60F0000000001", .from_s = -9000, .lasting_s = DAYS(1)},
			CERT_ROLE_DEVICE, "expires_soon", false},
		{{.cn = "FGT60F0000000001", .from_s = 7200, .lasting_s = DAYS(90)},
			CERT_ROLE_DEVICE, "not_yet_valid", true},
		{{.cn = "SL-0123456789ABCDEF", .eku = "clientAuth", .lasting_s = DAYS(90)},
			CERT_ROLE_NODE, "no_server_auth_purpose", false},
		{{.cn = "logs.example.org", .eku = "serverAuth", .lasting_s = DAYS(90)},
			CERT_ROLE_NODE, "not_our_serial", false},
		{{.cn = "FGT60F0000000001", .lasting_s = DAYS(90)}, CERT_ROLE_ANCHOR,
			"not_an_authority", true},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *pem = odd(&v[i].o);
		struct cert_bundle b = read_pem(pem, "");

		assert_string_equal(said(&b, v[i].role, ca.cert_pem), v[i].says);
		assert_int_equal(refused, v[i].refused);
		cert_bundle_free(&b);
		free(pem);
	}
}

static void chains_are_followed_and_sorted(void **state)
{
	/* Root, intermediate, leaf, given in the wrong order, with a stranger among them. */
	struct ca_order o = order("Other Root", false, false);
	struct ca_pair root, stranger;
	struct cert_bundle b;
	char *text;

	(void)state;
	assert_int_equal(ca_make(&o, &root, err, sizeof(err)), 0);
	assert_int_equal(ca_make(&o, &stranger, err, sizeof(err)), 0);
	text = malloc(20000);
	sprintf(text, "%s%s%s%s", stranger.cert_pem, ca.cert_pem, device.key_pem, device.cert_pem);
	b = read_pem(text, "");
	assert_int_equal(b.certs_count, 3);
	assert_int_equal(b.chain_count, 2);
	assert_string_equal(said(&b, CERT_ROLE_DEVICE, ca.cert_pem), "not_in_chain");
	cert_bundle_free(&b);
	/* The issuer is neither there nor trusted. */
	b = read_pem(device.cert_pem, "");
	assert_string_equal(said(&b, CERT_ROLE_DEVICE, root.cert_pem), "missing_intermediate");
	cert_bundle_free(&b);
	/* It is there, and its root is not trusted. */
	b = read_pem(device.cert_pem, ca.cert_pem);
	assert_string_equal(said(&b, CERT_ROLE_DEVICE, root.cert_pem), "wrong_ca");
	cert_bundle_free(&b);
	/* A key that belongs to another. */
	b = read_pem(device.cert_pem, node.key_pem);
	assert_string_equal(said(&b, CERT_ROLE_DEVICE, ca.cert_pem), "key_mismatch");
	cert_bundle_free(&b);
	free(text);
	ca_pair_free(&root);
	ca_pair_free(&stranger);
}

/* More anchors than a file may hold certificates: all of them are trusted. */
static void anchors_are_as_many_as_there_are(void **state)
{
	struct ca_order o = order("Other Root", false, false);
	struct cert_bundle b = read_pem(device.cert_pem, device.key_pem);
	struct ca_pair other;
	size_t one, used = 0;
	char *pem;

	(void)state;
	assert_int_equal(ca_make(&o, &other, err, sizeof(err)), 0);
	one = strlen(other.cert_pem);
	pem = malloc((CERT_MAX_CHAIN + 1) * one + strlen(ca.cert_pem) + 1);
	for (unsigned i = 0; i <= CERT_MAX_CHAIN; i++, used += one)
		memcpy(pem + used, other.cert_pem, one);
	strcpy(pem + used, ca.cert_pem);
	assert_string_equal(said(&b, CERT_ROLE_DEVICE, pem), "");
	free(pem);
	ca_pair_free(&other);
	cert_bundle_free(&b);
}

/* A key alone; a CA's certificate for a host; an issuer of the right name and another key. */
static void what_else_would_stumble_is_named(void **state)
{
	const struct pki_options authority = {.cn = "same", .ca = true, .lasting_s = DAYS(90)};
	struct pki_cert right = pki_issue(NULL, &authority), wrong = pki_issue(NULL, &authority);
	struct pki_cert leaf = pki_issue(
		&right, &(struct pki_options){.cn = "FGT60F0000000001", .lasting_s = DAYS(90)});
	char *both = pki_pem((const struct pki_cert *[]){&leaf, &wrong}, 2);
	char *anchor = pki_pem((const struct pki_cert *[]){&wrong}, 1);
	struct cert_bundle b = read_pem("", device.key_pem);

	(void)state;
	assert_string_equal(said(&b, CERT_ROLE_DEVICE, ca.cert_pem), "no_certificate");
	cert_bundle_free(&b);
	b = read_pem(ca.cert_pem, ca.key_pem);
	assert_string_equal(said(&b, CERT_ROLE_NODE, NULL), "is_authority not_our_serial");
	cert_bundle_free(&b);
	b = read_pem(both, "");
	assert_string_equal(said(&b, CERT_ROLE_DEVICE, anchor), "bad_signature");
	cert_bundle_free(&b);
	free(both);
	free(anchor);
	pki_free(&right);
	pki_free(&wrong);
	pki_free(&leaf);
}

/* By more than names: as a handshake with what is trusted here would go. */
static void a_device_s_certificate_is_judged_as_by_a_handshake(void **state)
{
	const struct pki_options root_is = {.cn = "same", .ca = true, .lasting_s = DAYS(90)},
				 weak_is = {.cn = "FGT60F0000000001",
					 .rsa_bits = 1024,
					 .lasting_s = DAYS(90)},
				 host_is = {.cn = "web1", .san = "DNS:web1", .lasting_s = DAYS(90)};
	struct pki_cert root = pki_issue(NULL, &root_is), other = pki_issue(NULL, &root_is),
			weak = pki_issue(&root, &weak_is), host = pki_issue(&root, &host_is);
	const struct pki_cert *const leaf[] = {&weak};
	char *root_pem = pki_pem((const struct pki_cert *[]){&root}, 1),
	     *other_pem = pki_pem((const struct pki_cert *[]){&other}, 1),
	     *weak_pem = pki_pem(leaf, 1),
	     *host_pem = pki_pem((const struct pki_cert *[]){&host}, 1),
	     *crl = pki_crl_pem(&root, leaf, 1);
	bool by_dns = false;
	struct cert_judge j = {.role = CERT_ROLE_DEVICE,
		.now_s = now,
		.named = is_named,
		.ctx = &by_dns,
		.anchors_pem = root_pem};
	struct cert_bundle b = read_pem(weak_pem, "");
	struct tls_crls *revoked;

	(void)state;
	assert_string_equal(said_by(&b, &j), "weak_key");
	assert_true(refused);
	/* Where that is taken, it is but a warning. */
	j.weak_taken = true;
	assert_string_equal(said_by(&b, &j), "weak_key");
	assert_false(refused);
	/* An anchor of the right name, and of another key. */
	j.anchors_pem = other_pem;
	said_by(&b, &j);
	assert_true(refused);
	/* Who is on a CRL. */
	j.anchors_pem = root_pem;
	assert_int_equal(tls_crls_new(crl, &revoked, err, sizeof(err)), 0);
	j.revoked = revoked;
	assert_non_null(strstr(said_by(&b, &j), "revoked"));
	assert_true(refused);
	cert_bundle_free(&b);
	/* A host name will do where the listener says so. */
	b = read_pem(host_pem, "");
	assert_string_equal(said_by(&b, &j), "no_legal_sn");
	assert_true(refused);
	/* Or it logs in as one that has no certificate. */
	j.passwords = true;
	assert_string_equal(said_by(&b, &j), "no_legal_sn");
	assert_false(refused);
	j.passwords = false;
	by_dns = true;
	assert_string_equal(said_by(&b, &j), "");
	assert_false(refused);
	cert_bundle_free(&b);
	tls_crls_unref(revoked);
	free(root_pem);
	free(other_pem);
	free(weak_pem);
	free(host_pem);
	free(crl);
	pki_free(&root);
	pki_free(&other);
	pki_free(&weak);
	pki_free(&host);
}

/* Of the SAN: a serial number of 16 bytes, a NUL, "x". */
#define NUL_INSIDE "DER:30:14:82:12:46:47:54:36:30:46:30:30:30:30:30:30:30:30:30:31:00:78"
#define X8(x)	   x x x x x x x x

/* Not only by what there is room to show. */
static void a_device_is_named_as_the_handshake_reads_it(void **state)
{
	static const struct {
		const char *cn, *san;
		bool by_dns, refused;
	} v[] = {
		{"web1", "DNS:FGT60F0000000001", false, false},
		{"web1", "email:FGT60F0000000001", false, false},
		{"web1", "URI:FGT60F0000000001", false, false},
		{"web1", "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:FGT60F0000000001", false, false},
		/* The 260 bytes before it are more than are shown. */
		{"web1", X8("DNS:a.sixteen.bytes.a,DNS:b.sixteen.bytes.b,") "DNS:FGT60F0000000001",
			false, false},
		{"web1", "IP:192.0.2.1", false, true},
		{"web1", NUL_INSIDE, false, true},
		{"web1", NUL_INSIDE, true, true},
		{"web1", "DNS:web1.example.org", true, false},
		/* No room for it where devices are kept. */
		{"web1", "DNS:" X8("12345678"), true, true},
	};
	bool by_dns;
	struct cert_judge j = {.role = CERT_ROLE_DEVICE,
		.now_s = now,
		.named = is_named,
		.ctx = &by_dns,
		.anchors_pem = ca.cert_pem};

	(void)state;
	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const struct pki_options o = {
			.cn = v[i].cn, .san = v[i].san, .lasting_s = DAYS(90)};
		char *pem = odd(&o);
		struct cert_bundle b = read_pem(pem, "");

		by_dns = v[i].by_dns;
		assert_string_equal(said_by(&b, &j), v[i].refused ? "no_legal_sn" : "");
		assert_int_equal(refused, v[i].refused);
		cert_bundle_free(&b);
		free(pem);
	}
}

static void what_we_make_can_be_served(void **state)
{
	struct tls_spec spec = {.contexts_count = 1, .anchors_pem = ca.cert_pem};
	struct tls_set *set;

	(void)state;
	spec.contexts[0].sni = "default";
	spec.contexts[0].identities_count = 1;
	spec.contexts[0].identities[0] = (struct tls_identity){node.cert_pem, node.key_pem};
	if (tls_set_new(&spec, &set, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	tls_set_unref(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_we_issue_has_nothing_to_be_said_about),
		cmocka_unit_test(nothing_is_valid_longer_than_its_authority),
		cmocka_unit_test(each_thing_that_would_stumble_is_named),
		cmocka_unit_test(chains_are_followed_and_sorted),
		cmocka_unit_test(anchors_are_as_many_as_there_are),
		cmocka_unit_test(what_else_would_stumble_is_named),
		cmocka_unit_test(a_device_s_certificate_is_judged_as_by_a_handshake),
		cmocka_unit_test(a_device_is_named_as_the_handshake_reads_it),
		cmocka_unit_test(what_we_make_can_be_served),
	};

	return cmocka_run_group_tests(tests, make_all, drop_all);
}
