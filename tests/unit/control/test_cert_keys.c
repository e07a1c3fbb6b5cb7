/* Private keys stay where their certificates come and go: chains that are completed, requests that
 * are asked for again, the node's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/control/certs.h"
#include "tests/unit/tls/pki.h"

static json_t *delete_it(struct harness *h, const char *name, bool fine)
{
	return certs_with(h, "cert.delete", json_pack("{s:s,s:b}", "name", name, "sure", 1), fine);
}

static json_t *import_chain(struct harness *h, const struct pki_cert *a, const struct pki_cert *b,
	const struct pki_cert *with_key, bool fine)
{
	const struct pki_cert *const v[] = {a, b};
	char *pem = pki_pem(v, b ? 2 : 1), *key = with_key ? pki_key_pem(with_key) : NULL;
	char text[8000];
	const int n = snprintf(text, sizeof(text), "%s%s", pem, key ? key : "");

	free(pem);
	free(key);
	return certs_import(h, "logs", text, (size_t)n, fine);
}

static char *key_of_logs(struct harness *h)
{
	struct certstore *s = &h->c->trust.certs;

	return certstore_key(s, certstore_find(s, "logs"));
}

static void assert_still(struct harness *h, const char *key)
{
	char *now = key_of_logs(h);

	assert_string_equal(now, key);
	cert_wipe(now);
}

static void a_chain_is_completed_and_the_key_stays(void **state)
{
	struct harness *h = *state;
	struct pki_cert root = pki_issue(NULL, &(struct pki_options){.cn = "Root", .ca = true});
	struct pki_cert mid = pki_issue(&root, &(struct pki_options){.cn = "Mid", .ca = true});
	struct pki_cert id = pki_issue(&mid, &(struct pki_options){.cn = "logs.example.org"});
	struct pki_cert renewed =
		pki_issue(&mid, &(struct pki_options){.cn = "logs.example.org", .key_of = &id});
	struct pki_cert other = pki_issue(&mid, &(struct pki_options){.cn = "logs.example.org"});
	char *key, was[80];
	json_t *r = import_chain(h, &id, NULL, &id, true);

	assert_int_equal(json_integer_value(at(r, "certificates")), 1);
	json_decref(r);
	json_decref(certs_with(h, "cert.use", json_pack("{s:s}", "name", "logs"), true));
	key = key_of_logs(h);

	r = import_chain(h, &id, &mid, NULL, true);
	assert_text(r, "kind", "identity");
	assert_text(r, "used_by.0", "default");
	assert_true(json_array_size(at(r, "findings")) > 0); /* as of any import */
	assert_int_equal(json_integer_value(at(r, "certificates")), 2);
	assert_true(json_is_true(at(r, "private_key")));
	snprintf(was, sizeof(was), "%s", json_string_value(at(r, "fingerprint")));
	json_decref(r);
	assert_still(h, key);
	r = harness_result(h, "audit.list", "{\"limit\":1}");
	assert_text(r, "audit.0.what", "cert.import");
	assert_text(r, "audit.0.target", "logs");
	json_decref(r);
	/* A renewal on the same key. */
	r = import_chain(h, &renewed, &mid, NULL, true);
	assert_string_not_equal(json_string_value(at(r, "fingerprint")), was);
	snprintf(was, sizeof(was), "%s", json_string_value(at(r, "fingerprint")));
	json_decref(r);

	/* Of another key. */
	r = import_chain(h, &other, &mid, NULL, false);
	assert_reason(r, "invalid");
	assert_text(r, "data.findings.0.reason", "key_mismatch");
	json_decref(r);
	/* An authority is meant to be trusted: nobody is told to delete a key for it. */
	r = import_chain(h, &root, NULL, NULL, false);
	assert_reason(r, "busy");
	assert_contains(json_string_value(at(r, "message")), "--name");
	assert_null(strstr(json_string_value(at(r, "message")), "delete"));
	json_decref(r);
	harness_says(h, "cert.show", "{\"name\":\"logs\"}", "fingerprint", was);
	assert_still(h, key);
	cert_wipe(key);
	pki_free(&root);
	pki_free(&mid);
	pki_free(&id);
	pki_free(&renewed);
	pki_free(&other);
}

static json_t *request(struct harness *h, const char *dns, const char *key, bool fine)
{
	return certs_with(h, "cert.request",
		json_pack("{s:s,s:s,s:s*}", "name", "logs", "dns", dns, "key", key), fine);
}

static void a_request_is_the_same_until_its_certificate_has_come(void **state)
{
	struct harness *h = *state;
	json_t *first = request(h, "logs.example.org", "p-256", true), *r;
	char *key = key_of_logs(h);

	assert_null(json_object_get(first, "open_since"));
	r = request(h, "logs.example.org", NULL, true);
	assert_string_equal(
		json_string_value(at(r, "request")), json_string_value(at(first, "request")));
	assert_true(json_is_string(at(r, "open_since")));
	json_decref(r);
	json_decref(request(h, "logs.example.org", "p-256", true));
	/* What another one would be. */
	r = request(h, "other.example.org", "p-256", false);
	assert_reason(r, "busy");
	assert_contains(json_string_value(at(r, "message")), "open request");
	json_decref(r);
	json_decref(request(h, "logs.example.org", "rsa-2048", false));
	r = certs_with(h, "cert.request",
		json_pack("{s:s,s:s,s:s}", "name", "logs", "dns", "logs.example.org", "common_name",
			"other"),
		false);
	assert_reason(r, "busy");
	json_decref(r);
	assert_still(h, key);
	cert_wipe(key);
	/* It is no certificate. */
	r = certs_import(h, "logs", json_string_value(at(first, "request")),
		json_string_length(at(first, "request")), false);
	assert_contains(json_string_value(at(r, "message")), "this is a signing request");
	json_decref(r);
	json_decref(delete_it(h, "logs", true));
	json_decref(request(h, "other.example.org", "p-256", true));
	json_decref(first);
	r = request(h, "bad name", "p-256", false);
	assert_contains(json_string_value(at(r, "message")), "parameter dns");
	json_decref(r);
}

static void the_nodes_own_is_made_anew_at_once(void **state)
{
	struct harness *h = *state;
	struct ca_pair id = certs_make("FGT60F0000000001", false, NULL);
	char text[8000];
	json_t *r;

	json_decref(certs_with(h, "cert.ca-init", json_pack("{s:s}", "key", "p-256"), true));
	snprintf(text, sizeof(text), "%s%s", id.cert_pem, id.key_pem);
	json_decref(certs_import(h, "other", text, strlen(text), true));
	json_decref(certs_import(h, "node", text, strlen(text), true));
	/* It serves, and there is another at once. */
	r = delete_it(h, "node", true);
	assert_true(json_is_true(at(r, "made_anew")));
	json_decref(r);
	r = harness_result(h, "cert.show", "{\"name\":\"node\"}");
	assert_text(r, "common_name", h->c->serial);
	assert_contains(json_string_value(at(r, "issuer")), "Sluice CA");
	assert_text(r, "used_by.0", "default");
	json_decref(r);
	assert_false(alarm_is(h, "tls_identity", ""));
	/* One of our own that serves stays, */
	json_decref(delete_it(h, "node", false));
	/* and is made anew when it does not. */
	json_decref(certs_with(h, "cert.use", json_pack("{s:s}", "name", "other"), true));
	json_decref(delete_it(h, "node", true));
	r = certs_with(h, "cert.use", json_pack("{s:s}", "name", "configured"), true);
	assert_text(r, "identities", "node");
	json_decref(r);
	assert_non_null(certstore_find(&h->c->trust.certs, "node"));
	assert_false(alarm_is(h, "tls_identity", ""));
	ca_pair_free(&id);
}

static void one_authority_after_another_has_another_name(void **state)
{
	json_t *first = harness_result(*state, "cert.ca-init", "{\"key\":\"p-256\"}"), *second;

	json_decref(delete_it(*state, "ca", true));
	second = harness_result(*state, "cert.ca-init", "{\"key\":\"p-256\"}");
	assert_string_not_equal(
		json_string_value(at(first, "subject")), json_string_value(at(second, "subject")));
	json_decref(first);
	json_decref(second);
}

static void no_context_of_a_name_that_there_is_not(void **state)
{
	json_t *r = certs_with(*state, "cert.use",
		json_pack("{s:s,s:s}", "name", "configured", "sni", "nosuch.example"), false);

	assert_reason(r, "not_found");
	assert_contains(json_string_value(at(r, "message")), "nosuch.example");
	json_decref(r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_chain_is_completed_and_the_key_stays),
		T(a_request_is_the_same_until_its_certificate_has_come),
		T(the_nodes_own_is_made_anew_at_once),
		T(one_authority_after_another_has_another_name),
		T(no_context_of_a_name_that_there_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
