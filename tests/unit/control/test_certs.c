/* cert.* and tls.show, and what comes of them: keys on disk, TLS contexts, generations. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>

#include "tests/unit/control/certs.h"

static unsigned keys(const struct harness *h)
{
	DIR *d = opendir(h->tls);
	const struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		struct stat st;
		char path[512];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", h->tls, e->d_name);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		n++;
	}
	closedir(d);
	return n;
}

static void the_node_has_a_certificate_with_its_serial_from_the_first_start(void **state)
{
	struct harness *h = *state;
	char serial[64], fingerprint[80];
	struct stat st;
	json_t *r = harness_result(h, "status", NULL);

	snprintf(serial, sizeof(serial), "%s", json_string_value(at(r, "node.serial")));
	json_decref(r);
	r = harness_result(h, "cert.list", NULL);
	assert_int_equal(json_array_size(at(r, "certificates")), 1);
	assert_text(r, "certificates.0.name", "node");
	assert_text(r, "certificates.0.kind", "identity");
	assert_text(r, "certificates.0.common_name", serial);
	assert_text(r, "certificates.0.used_by.0", "default");
	assert_true(json_is_true(at(r, "certificates.0.private_key")));
	snprintf(fingerprint, sizeof(fingerprint), "%s",
		json_string_value(at(r, "certificates.0.fingerprint")));
	json_decref(r);
	assert_int_equal(keys(h), 1);
	assert_int_equal(stat(h->tls, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_non_null(h->dp->policy.tls);
	assert_non_null(h->dp->policy.auth);
	/* The same at every start. */
	harness_stop(h);
	harness_start(h);
	r = harness_result(h, "cert.show", "{\"name\":\"node\"}");
	assert_text(r, "fingerprint", fingerprint);
	assert_text(r, "common_name", serial);
	assert_int_equal(json_array_size(at(r, "findings")), 0);
	json_decref(r);
	assert_int_equal(keys(h), 1);
}

static void another_serial_in_the_configuration_makes_another_certificate(void **state)
{
	struct harness *h = *state;

	harness_stop(h);
	harness_config(h, "# the serial, too\n");
	{
		FILE *f = fopen(h->config_file, "w");

		fprintf(f,
			"ports: [{name: data0, devargs: net_fake0, addresses: [192.0.2.2/24]}]\n"
			"node: {name: test-node, serial: SLUICE-0001}\n"
			"control: {socket: %s}\nmetrics: {listen: none}\n",
			h->socket);
		fclose(f);
	}
	harness_start(h);
	harness_says(h, "cert.show", "{\"name\":\"node\"}", "common_name", "SLUICE-0001");
	assert_int_equal(keys(h), 1); /* the old one's is gone */
}

static void an_authority_of_our_own_issues_what_a_device_imports(void **state)
{
	struct harness *h = *state;
	const uint64_t generation = h->c->trust.generation;
	struct cert_bundle b;
	struct cert_facts f;
	unsigned char der[16384];
	const char *p12;
	char err[200], *all;
	json_t *r = certs_with(h, "cert.issue",
		json_pack("{s:s,s:s}", "device", "FGT60F0000000001", "password", "open sesame"),
		false);

	assert_reason(r, "not_found");
	assert_contains(json_string_value(at(r, "message")), "ca-init");
	json_decref(r);
	r = certs_with(h, "cert.ca-init", json_pack("{s:s}", "key", "p-256"), true);
	assert_text(r, "kind", "ca");
	assert_contains(json_string_value(at(r, "pem")), "BEGIN CERTIFICATE");
	json_decref(r);
	/* Whom we believe has changed, and the node's own is of that authority now. */
	assert_int_equal(h->c->trust.generation, generation + 1);
	r = harness_result(h, "cert.show", "{\"name\":\"node\"}");
	assert_contains(json_string_value(at(r, "issuer")), "Sluice CA");
	json_decref(r);
	harness_refused(h, "cert.ca-init", NULL, "busy", NULL);

	r = certs_with(h, "cert.issue",
		json_pack("{s:s,s:s,s:s}", "device", "FGT60F0000000001", "password", "open sesame",
			"key", "p-256"),
		true);
	p12 = json_string_value(at(r, "pkcs12"));
	assert_true(strlen(p12) < sizeof(der));
	int len = EVP_DecodeBlock(der, (const unsigned char *)p12, (int)strlen(p12));

	len -= (p12[strlen(p12) - 1] == '=') + (p12[strlen(p12) - 2] == '=');
	if (cert_bundle_read(&b, der, (size_t)len, "open sesame", err, sizeof(err)) != CERT_OK)
		fail_msg("%s", err);
	assert_non_null(b.key);
	assert_int_equal(b.chain_count, 2);
	cert_bundle_facts(&b, 0, &f);
	assert_string_equal(f.cn, "FGT60F0000000001");
	assert_true(f.client_auth && !f.server_auth);
	cert_bundle_free(&b);
	json_decref(r);
	/* Its key is nowhere but in that file, and that it left is in the audit. */
	assert_int_equal(keys(h), 2);
	r = harness_result(h, "audit.list", "{\"limit\":1}");
	assert_text(r, "audit.0.what", "cert.issue");
	assert_text(r, "audit.0.target", "FGT60F0000000001");
	all = json_dumps(r, 0);
	assert_null(strstr(all, "sesame"));
	free(all);
	json_decref(r);
	r = certs_with(h, "cert.issue",
		json_pack("{s:s,s:s}", "device", "FortiGate", "password", "open sesame"), false);
	assert_reason(r, "invalid");
	assert_contains(json_string_value(at(r, "message")), "no_legal_sn");
	json_decref(r);
}

/* Before somebody types a password; and nothing comes of having asked. */
static void whether_a_key_would_leave_can_be_asked(void **state)
{
	static const char *const refused[][3] = {
		{"cert.issue", "{\"device\":\"FortiGate\",\"check\":true}", "no_legal_sn"},
		{"cert.issue", "{\"device\":\"FGT60F0000000001\",\"key\":\"p-1\",\"check\":true}",
			"rsa-2048"},
		{"cert.issue", "{\"device\":\"FGT60F0000000001\"}", "password"},
		{"cert.export", "{\"name\":\"none\",\"check\":true}", "none"},
		{"cert.export", "{\"name\":\"ca\"}", "password"},
	};
	struct harness *h = *state;
	json_t *r, *before;

	r = harness_error(h, "cert.issue", "{\"device\":\"FGT60F0000000001\",\"check\":true}");
	assert_contains(json_string_value(at(r, "message")), "cert ca-init");
	json_decref(r);
	json_decref(certs_with(h, "cert.ca-init", json_pack("{s:s}", "key", "p-256"), true));
	before = harness_result(h, "audit.list", "{\"limit\":1}");
	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		r = harness_error(h, refused[i][0], refused[i][1]);
		assert_contains(json_string_value(at(r, "message")), refused[i][2]);
		json_decref(r);
	}
	r = harness_result(h, "cert.issue", "{\"device\":\"FGT60F0000000001\",\"check\":true}");
	assert_text(r, "device", "FGT60F0000000001");
	assert_true(json_is_true(at(r, "would_be_done")));
	assert_null(json_object_get(r, "pkcs12"));
	json_decref(r);
	r = harness_result(h, "cert.export", "{\"name\":\"ca\",\"check\":true}");
	assert_true(json_is_true(at(r, "would_be_done")));
	assert_null(json_object_get(r, "pkcs12"));
	json_decref(r);
	r = harness_result(h, "audit.list", "{\"limit\":1}");
	assert_true(json_equal(r, before));
	json_decref(r);
	json_decref(before);
}

static void anchors_start_a_generation_and_identities_do_not(void **state)
{
	struct harness *h = *state;
	const uint64_t generation = h->c->trust.generation;
	struct ca_pair ca = certs_make("Their CA", true, NULL),
		       id = certs_make("logs.example.org", false, &ca);
	char both[8000];
	json_t *r = certs_import(h, "theirs", ca.cert_pem, strlen(ca.cert_pem), true);

	assert_text(r, "kind", "anchor");
	assert_int_equal(json_array_size(at(r, "findings")), 0);
	json_decref(r);
	assert_int_equal(h->c->trust.generation, generation + 1);

	snprintf(both, sizeof(both), "%s%s", id.cert_pem, id.key_pem);
	r = certs_import(h, "bought", both, strlen(both), true);
	assert_text(r, "kind", "identity");
	assert_text(r, "findings.0.reason", "not_our_serial");
	assert_int_equal(json_array_size(at(r, "used_by")), 0);
	json_decref(r);
	assert_int_equal(h->c->trust.generation, generation + 1);
	assert_int_equal(keys(h), 2);

	json_decref(certs_with(h, "cert.use", json_pack("{s:s}", "name", "node bought"), true));
	json_decref(certs_with(h, "cert.use",
		json_pack("{s:s,s:s}", "name", "bought", "sni", "logs.example.org"), true));
	r = harness_result(h, "tls.show", NULL);
	assert_true(json_is_true(at(r, "enabled")));
	assert_text(r, "contexts.0.sni", "default");
	assert_text(r, "contexts.0.identities.1", "bought");
	assert_text(r, "contexts.1.sni", "logs.example.org");
	assert_text(r, "contexts.1.by", "registry");
	assert_text(r, "anchors.0", "theirs");
	json_decref(r);
	r = certs_with(h, "cert.delete", json_pack("{s:s}", "name", "bought"), false);
	assert_reason(r, "busy");
	json_decref(r);
	json_decref(certs_with(h, "cert.use", json_pack("{s:s}", "name", "configured"), true));
	json_decref(certs_with(h, "cert.use",
		json_pack("{s:s,s:s}", "name", "configured", "sni", "logs.example.org"), true));
	json_decref(certs_with(h, "cert.delete", json_pack("{s:s}", "name", "bought"), true));
	assert_int_equal(keys(h), 1);
	ca_pair_free(&ca);
	ca_pair_free(&id);
}

/* Moves the private key of an identity away, or back. */
static void move_key(const struct harness *h, const char *name, bool away)
{
	const struct stored *s = certstore_find(&h->c->trust.certs, name);
	char there[512], gone[512];

	snprintf(there, sizeof(there), "%s/%s", h->tls, s->key_file);
	snprintf(gone, sizeof(gone), "%s/%s.away", h->dir, name);
	assert_int_equal(away ? rename(there, gone) : rename(gone, there), 0);
}

/* Contexts are made anew, as for any change of anchors. */
static void make_anew(struct harness *h)
{
	trust_changed(h->c, TRUST_GENERATION);
}

static void an_identity_that_is_gone_is_an_alarm_and_tls_goes_on(void **state)
{
	struct harness *h = *state;
	struct ca_pair id = certs_make("logs.example.org", false, NULL);
	const struct tls_set *was;
	char both[8000];

	snprintf(both, sizeof(both), "%s%s", id.cert_pem, id.key_pem);
	json_decref(certs_import(h, "bought", both, strlen(both), true));
	json_decref(certs_with(h, "cert.use",
		json_pack("{s:s,s:s}", "name", "bought", "sni", "logs.example.org"), true));
	/* One of two contexts: the other is served. */
	move_key(h, "bought", true);
	was = h->c->trust.tls;
	make_anew(h);
	assert_true(alarm_is(h, "tls_identity", "logs.example.org"));
	assert_false(alarm_is(h, "tls_failed", ""));
	assert_ptr_not_equal(h->c->trust.tls, was);
	/* The default too: all stays as it was. */
	move_key(h, "node", true);
	was = h->c->trust.tls;
	make_anew(h);
	assert_true(alarm_is(h, "tls_failed", "is as it was before the last change"));
	assert_ptr_equal(h->c->trust.tls, was);
	assert_non_null(h->dp->policy.tls);
	move_key(h, "node", false);
	move_key(h, "bought", false);
	make_anew(h);
	assert_false(alarm_is(h, "tls_identity", ""));
	assert_false(alarm_is(h, "tls_failed", ""));
	ca_pair_free(&id);
}

static void a_change_to_one_device_rebuilds_no_tls_context(void **state)
{
	struct harness *h = *state;
	const uint64_t builds = h->c->trust.builds, generation = h->c->trust.generation;
	const struct tls_set *set = h->dp->policy.tls;

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT60F0000000001\"}"));
	json_decref(harness_result(h, "device.set",
		"{\"device\":\"FGT60F0000000001\",\"key\":\"legacy\",\"value\":\"enable\"}"));
	assert_int_equal(h->c->trust.builds, builds);
	assert_ptr_equal(h->dp->policy.tls, set);
	/* In effect when it is answered. */
	assert_int_equal(auth_find(h->dp->policy.auth, "FGT60F0000000001")->state, AUTH_AUTHORIZED);
	assert_true(auth_find(h->dp->policy.auth, "FGT60F0000000001")->legacy);
	/* A denial voids tickets. */
	json_decref(harness_result(h, "device.deny", "{\"device\":\"FGT60F0000000001\"}"));
	assert_int_equal(h->c->trust.generation, generation + 1);
	assert_int_equal(tls_set_generation(h->dp->policy.tls), generation + 1);
	assert_int_equal(auth_find(h->dp->policy.auth, "FGT60F0000000001")->state, AUTH_DENIED);
}

static void a_request_waits_for_its_certificate(void **state)
{
	struct harness *h = *state;
	struct ca_pair ca = certs_make("Their CA", true, NULL),
		       other = certs_make("other", false, &ca);
	json_t *r = certs_with(h, "cert.request",
		json_pack("{s:s,s:s,s:s}", "name", "bought", "key", "p-256", "dns",
			"logs.example.org"),
		true);

	assert_contains(json_string_value(at(r, "request")), "BEGIN CERTIFICATE REQUEST");
	assert_text(r, "common_name", h->c->serial);
	json_decref(r);
	/* Somebody else's certificate does not fit its key. */
	r = certs_import(h, "bought", other.cert_pem, strlen(other.cert_pem), false);
	assert_contains(json_string_value(at(r, "message")), "key_mismatch");
	assert_text(r, "data.findings.0.reason", "key_mismatch");
	json_decref(r);
	harness_says(h, "cert.show", "{\"name\":\"bought\"}", "kind", "request");
	/* A host's certificate under a name without a request is no anchor. */
	r = certs_import(h, "stray", other.cert_pem, strlen(other.cert_pem), false);
	assert_contains(json_string_value(at(r, "message")), "not_an_authority");
	json_decref(r);
	ca_pair_free(&ca);
	ca_pair_free(&other);
}

static void a_key_leaves_only_encrypted_audited_and_by_who_may_write(void **state)
{
	struct harness *h = *state;
	json_t *r = certs_with(h, "cert.export",
		json_pack("{s:s,s:s}", "name", "node", "password", "short"), false);
	char *all;

	assert_reason(r, "invalid");
	json_decref(r);
	r = certs_with(h, "cert.export",
		json_pack("{s:s,s:s}", "name", "node", "password", "open sesame"), true);
	assert_true(json_string_length(at(r, "pkcs12")) > 500);
	json_decref(r);
	harness_says(h, "audit.list", "{\"limit\":1}", "audit.0.what", "cert.export");
	h->role = ROLE_READ;
	r = certs_with(h, "cert.export",
		json_pack("{s:s,s:s}", "name", "node", "password", "open sesame"), false);
	assert_reason(r, "no_right");
	json_decref(r);
	r = harness_result(h, "cert.show", "{\"name\":\"node\"}");
	all = json_dumps(r, 0);
	assert_null(strstr(all, "PRIVATE"));
	free(all);
	json_decref(r);
}

static void what_cannot_be_read_is_refused_by_name(void **state)
{
	struct harness *h = *state;
	json_t *r = certs_import(h, "x", "hello", 5, false);

	assert_reason(r, "invalid");
	json_decref(r);
	r = certs_with(
		h, "cert.import", json_pack("{s:s,s:s}", "name", "x", "data", "no base64!"), false);
	assert_reason(r, "invalid");
	json_decref(r);
	r = certs_with(
		h, "cert.import", json_pack("{s:s,s:s}", "name", "../x", "data", "aGVs"), false);
	assert_reason(r, "invalid");
	json_decref(r);
	r = certs_with(h, "cert.use", json_pack("{s:s}", "name", "nobody"), false);
	assert_reason(r, "not_found");
	json_decref(r);
	r = certs_with(h, "cert.show", json_pack("{s:s}", "name", "nobody"), false);
	assert_reason(r, "not_found");
	json_decref(r);
}

static void what_expires_is_listed(void **state)
{
	struct harness *h = *state;
	struct auth_event ev = {.kind = AUTH_EV_PENDING, .time_ns = 1};
	json_t *r;

	snprintf(ev.serial, sizeof(ev.serial), "%s", "FGT60F0000000001");
	ev.not_after_s = (int64_t)(clock_wall_ns() / 1000000000u) + 86400;
	devices_event(&h->c->devices, &ev);
	r = harness_result(h, "cert.expiring", NULL);
	assert_int_equal(json_array_size(at(r, "expiring")), 1);
	assert_text(r, "expiring.0.device", "FGT60F0000000001");
	json_decref(r);
	r = harness_result(h, "cert.expiring", "{\"days\":4000}");
	assert_int_equal(json_array_size(at(r, "expiring")), 2);
	assert_text(r, "expiring.0.name", "node");
	json_decref(r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_node_has_a_certificate_with_its_serial_from_the_first_start),
		T(another_serial_in_the_configuration_makes_another_certificate),
		T(an_authority_of_our_own_issues_what_a_device_imports),
		T(whether_a_key_would_leave_can_be_asked),
		T(anchors_start_a_generation_and_identities_do_not),
		T(an_identity_that_is_gone_is_an_alarm_and_tls_goes_on),
		T(a_change_to_one_device_rebuilds_no_tls_context),
		T(a_request_waits_for_its_certificate),
		T(a_key_leaves_only_encrypted_audited_and_by_who_may_write),
		T(what_cannot_be_read_is_refused_by_name),
		T(what_expires_is_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
