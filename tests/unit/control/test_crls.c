/* CRLs in the control plane: when they are read, when they are judged, whether there is room. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "tests/unit/control/certs.h"
#include "tests/unit/tls/pki.h"

/* An authority with a CRL of so many entries. */
struct listed {
	struct pki_cert ca;
	char *pem, *crl;
};

static struct listed list_of(const char *cn, unsigned entries)
{
	struct listed l = {
		.ca = pki_issue(NULL,
			&(struct pki_options){
				.cn = cn, .o = "Works", .ca = true, .lasting_s = 90 * 86400})};
	const struct pki_cert **v = calloc(entries, sizeof(struct pki_cert *));

	for (unsigned i = 0; i < entries; i++)
		v[i] = &l.ca; /* the same number each time */
	l.pem = pki_pem((const struct pki_cert *[]){&l.ca}, 1);
	l.crl = pki_crl_pem(&l.ca, v, entries);
	free(v);
	return l;
}

static void list_free(struct listed *l)
{
	pki_free(&l->ca);
	free(l->pem);
	free(l->crl);
}

/* Who may read may ask on and on: it is judged once. */
static void a_crl_is_judged_again_when_something_has_changed(void **state)
{
	struct harness *h = *state;
	struct listed l = list_of("their", 2), large = list_of("large", 6000);
	const uint64_t *judged = &h->c->trust.judged_crls;
	struct audit_row audit = {
		.time_ns = 1, .who = "x", .what = "x", .target = "x", .before = "", .after = ""};
	struct store_order order = {
		.name = "large", .kind = STORE_CRL, .who = "x", .audit = &audit};
	json_t *r;

	json_decref(certs_import(h, "their-list", l.crl, strlen(l.crl), true));
	for (unsigned i = 0; i < 3; i++) {
		r = harness_result(h, "cert.show", "{\"name\":\"their-list\"}");
		assert_text(r, "findings.0.reason", "crl_of_unknown_issuer");
		assert_contains(json_string_value(at(r, "pem")), "BEGIN X509 CRL");
		json_decref(r);
	}
	assert_int_equal(*judged, 1);
	json_decref(certs_import(h, "their", l.pem, strlen(l.pem), true));
	for (unsigned i = 0; i < 3; i++) {
		r = harness_result(h, "cert.show", "{\"name\":\"their-list\"}");
		assert_int_equal(json_array_size(at(r, "findings")), 0);
		json_decref(r);
	}
	assert_int_equal(*judged, 2);
	/* And not for ever: there are dates. */
	certstore_find(&h->c->trust.certs, "their-list")->report_s -= 3600;
	json_decref(harness_result(h, "cert.show", "{\"name\":\"their-list\"}"));
	assert_int_equal(*judged, 3);
	/* A large one is not given to everybody who may read. */
	assert_true(strlen(large.crl) > CERT_MAX_BYTES);
	order.pem = large.crl; /* more than goes through a socket at once */
	assert_int_equal(certstore_put(&h->c->trust.certs, &order), 0);
	r = harness_result(h, "cert.show", "{\"name\":\"large\"}");
	assert_text(r, "kind", "crl");
	assert_null(json_object_get(r, "pem"));
	json_decref(r);
	list_free(&l);
	list_free(&large);
}

static void crls_are_read_when_they_change_and_else_shared(void **state)
{
	struct harness *h = *state;
	struct listed l = list_of("their", 2);
	const struct tls_crls *was;
	uint64_t generation;

	assert_null(h->c->trust.crls);
	json_decref(certs_import(h, "their-list", l.crl, strlen(l.crl), true));
	was = h->c->trust.crls;
	assert_non_null(was);
	generation = h->c->trust.generation;
	json_decref(harness_result(h, "device.deny", "{\"device\":\"FGT60F0000000001\"}"));
	json_decref(certs_import(h, "their", l.pem, strlen(l.pem), true));
	assert_true(h->c->trust.generation > generation); /* a new set, of the same CRLs */
	assert_ptr_equal(h->c->trust.crls, was);
	json_decref(certs_with(h, "cert.delete", json_pack("{s:s}", "name", "their-list"), true));
	assert_null(h->c->trust.crls);
	list_free(&l);
}

/* An authority and its CRL in a file: both, or none. */
static void a_file_whose_crl_has_no_room_changes_nothing(void **state)
{
	struct harness *h = *state;
	struct listed l = list_of("their", 2);
	const uint64_t generation = h->c->trust.generation;
	const size_t size = CERTSTORE_CRLS - strlen(l.crl) + 1;
	struct audit_row audit = {
		.time_ns = 1, .who = "x", .what = "x", .target = "x", .before = "", .after = ""};
	struct store_order filler = {
		.name = "much", .kind = STORE_CRL, .who = "x", .audit = &audit};
	char *much = calloc(1, size + 1), both[8000];
	json_t *r;

	memset(much, '#', size);
	filler.pem = much;
	assert_int_equal(certstore_put(&h->c->trust.certs, &filler), 0);
	snprintf(both, sizeof(both), "%s%s", l.pem, l.crl);
	r = certs_import(h, "their", both, strlen(both), false);
	assert_contains(json_string_value(at(r, "message")), "nothing is changed: CRLs");
	json_decref(r);
	assert_null(certstore_find(&h->c->trust.certs, "their"));
	assert_int_equal(h->c->trust.generation, generation);
	/* With as much room as they need they are in. */
	much[size - 1] = '\0';
	assert_int_equal(certstore_put(&h->c->trust.certs, &filler), 0);
	json_decref(certs_import(h, "their", both, strlen(both), true));
	assert_non_null(certstore_find(&h->c->trust.certs, "their"));
	assert_non_null(certstore_find(&h->c->trust.certs, "their.crl"));
	assert_int_equal(h->c->trust.generation, generation + 1);
	/* The same once more takes the place of what there is. */
	json_decref(certs_import(h, "their", both, strlen(both), true));
	free(much);
	list_free(&l);
}

static json_t *checked(struct harness *h, const char *pem)
{
	unsigned char *base64 = malloc(strlen(pem) * 2 + 8);
	json_t *r;

	EVP_EncodeBlock(base64, (const unsigned char *)pem, (int)strlen(pem));
	r = certs_with(h, "cert.check", json_pack("{s:s}", "data", (char *)base64), true);
	free(base64);
	return r;
}

static void a_crl_is_checked_as_a_crl(void **state)
{
	struct harness *h = *state;
	struct listed l = list_of("their", 2);
	char *newer = pki_crl_pem_newer(&l.ca, NULL, 0);
	json_t *r = checked(h, l.crl);

	assert_text(r, "kind", "crl");
	assert_text(r, "issuer", "/C=US/O=Works/CN=their");
	assert_text(r, "findings.0.reason", "crl_of_unknown_issuer");
	assert_true(json_is_true(at(r, "usable")));
	json_decref(r);
	json_decref(certs_import(h, "their", l.pem, strlen(l.pem), true));
	json_decref(certs_import(h, "their-list", newer, strlen(newer), true));
	/* Nothing would refuse it, and it does harm. */
	r = checked(h, l.crl);
	assert_text(r, "findings.0.reason", "crl_older");
	assert_true(json_is_false(at(r, "usable")));
	json_decref(r);
	r = checked(h, newer);
	assert_int_equal(json_array_size(at(r, "findings")), 0);
	assert_true(json_is_true(at(r, "usable")));
	json_decref(r);
	/* So it is asked about, and done for who is sure. */
	r = certs_import(h, "their-list", l.crl, strlen(l.crl), false);
	assert_reason(r, "not_sure");
	assert_text(r, "data.findings.0.reason", "crl_older");
	json_decref(r);
	r = harness_result(h, "cert.show", "{\"name\":\"their-list\"}");
	assert_int_equal(json_array_size(at(r, "findings")), 0);
	json_decref(r);
	json_decref(certs_import_surely(h, "their-list", l.crl, strlen(l.crl)));
	json_decref(certs_import(h, "their-list", newer, strlen(newer), true));
	/* An authority is what no device shows. */
	r = checked(h, l.pem);
	assert_text(r, "kind", "device");
	assert_true(json_is_false(at(r, "usable")));
	json_decref(r);
	free(newer);
	list_free(&l);
}

/* As it always did: with the finding, and what the older one does not name is let in again. */
static void an_older_crl_is_imported_for_who_knows_nothing_of_sure(void **state)
{
	struct harness *h = *state;
	struct listed l = list_of("their", 2);
	char *newer = pki_crl_pem_newer(&l.ca, NULL, 0), *both;
	json_t *r;

	json_decref(certs_import(h, "their", l.pem, strlen(l.pem), true));
	json_decref(certs_import(h, "their-list", newer, strlen(newer), true));
	r = certs_import_unasked(h, "their-list", l.crl, strlen(l.crl));
	assert_text(r, "kind", "crl");
	assert_text(r, "findings.0.reason", "crl_older");
	json_decref(r);
	r = harness_result(h, "cert.show", "{\"name\":\"their-list\"}");
	assert_text(r, "pem", l.crl);
	json_decref(r);
	/* One that comes with its authority is no other case. */
	json_decref(certs_import(h, "their-list", newer, strlen(newer), true));
	assert_true(asprintf(&both, "%s%s", l.pem, l.crl) > 0);
	r = certs_import(h, "their", both, strlen(both), false);
	assert_reason(r, "not_sure");
	assert_text(r, "data.findings.0.reason", "crl_older");
	json_decref(r);
	assert_null(certstore_find(&h->c->trust.certs, "their.crl"));
	r = certs_import_unasked(h, "their", both, strlen(both));
	assert_text(r, "findings.0.reason", "crl_older");
	json_decref(r);
	assert_non_null(certstore_find(&h->c->trust.certs, "their.crl"));
	free(both);
	free(newer);
	list_free(&l);
}

/* Which of two it was, and what became of it. */
static void the_audit_tells_one_crl_from_the_next(void **state)
{
	struct harness *h = *state;
	struct listed l = list_of("their", 2);
	char *newer = pki_crl_pem_newer(&l.ca, NULL, 0);
	const char *before, *after;
	json_t *r;

	json_decref(certs_import(h, "their-list", l.crl, strlen(l.crl), true));
	json_decref(certs_import(h, "their-list", newer, strlen(newer), true));
	r = harness_result(h, "audit.list", "{\"limit\":1}");
	before = json_string_value(at(r, "audit.0.before"));
	after = json_string_value(at(r, "audit.0.after"));
	assert_contains(before, "crl /C=US/O=Works/CN=their ");
	assert_contains(before, "2 revoked");
	assert_contains(after, "0 revoked");
	assert_contains(after, "Z, ");
	assert_string_not_equal(before, after);
	json_decref(r);
	free(newer);
	list_free(&l);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_crl_is_judged_again_when_something_has_changed),
		T(crls_are_read_when_they_change_and_else_shared),
		T(a_crl_is_checked_as_a_crl),
		T(an_older_crl_is_imported_for_who_knows_nothing_of_sure),
		T(the_audit_tells_one_crl_from_the_next),
		T(a_file_whose_crl_has_no_room_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
