/* cert.delete: what cannot be had again, and who would be refused, is told before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "tests/unit/control/certs.h"
#include "tests/unit/tls/pki.h"

/* A device comes with a certificate of this issuer, whose chain ends at the anchor of this name;
 * NULL: as a registry of before schema 3 has it. */
static void comes(struct harness *h, const char *serial, const char *issuer, const char *anchor)
{
	struct auth_event ev = {.kind = AUTH_EV_PENDING, .time_ns = 1};

	snprintf(ev.serial, sizeof(ev.serial), "%s", serial);
	snprintf(ev.fingerprint, sizeof(ev.fingerprint), "%s", "00ff");
	snprintf(ev.issuer, sizeof(ev.issuer), "%s", issuer);
	if (anchor)
		snprintf(ev.anchor, sizeof(ev.anchor), "%s",
			certstore_find(&h->c->trust.certs, anchor)->facts.anchor);
	devices_event(&h->c->devices, &ev);
}

static const char *subject_of(struct harness *h, const char *name)
{
	return certstore_find(&h->c->trust.certs, name)->facts.subject;
}

static void import_pem(struct harness *h, const char *name, const char *pem)
{
	json_decref(certs_import(h, name, pem, strlen(pem), true));
}

static json_t *ask(struct harness *h, const char *name, bool sure, bool fine)
{
	return certs_with(
		h, "cert.delete", json_pack("{s:s,s:b}", "name", name, "sure", sure), fine);
}

/* It is asked about, for so many devices, in words that have `says` in them; and it is there. */
static void asks(struct harness *h, const char *name, int devices, const char *says)
{
	json_t *r = ask(h, name, false, false);

	assert_reason(r, "not_sure");
	assert_number(r, "data.devices", devices);
	assert_contains(json_string_value(at(r, "message")), says);
	assert_non_null(certstore_find(&h->c->trust.certs, name));
	json_decref(r);
}

static void goes(struct harness *h, const char *name, bool sure)
{
	json_decref(ask(h, name, sure, true));
	assert_null(certstore_find(&h->c->trust.certs, name));
}

static void the_authority_of_our_own_is_deleted_by_who_is_sure(void **state)
{
	struct harness *h = *state;
	const struct stored *node;

	json_decref(certs_with(h, "cert.ca-init", json_pack("{s:s}", "key", "p-256"), true));
	asks(h, "ca", 0, "No registered device has come with a certificate of it.");
	comes(h, "FGT60F0000000001", subject_of(h, "ca"), "ca");
	asks(h, "ca", 1, ". 1 device would be refused as wrong_ca: FGT60F0000000001. Not if ");
	asks(h, "ca", 1, "this node's certificate");
	asks(h, "ca", 1, "cert export ca");
	comes(h, "FGT60F0000000002", subject_of(h, "ca"), "ca");
	asks(h, "ca", 2,
		"2 devices would be refused as wrong_ca: FGT60F0000000001, "
		"FGT60F0000000002. Not if its certificate is imported under another name "
		"before.");
	goes(h, "ca", true);
	node = certstore_find(&h->c->trust.certs, "node");
	assert_string_equal(node->facts.issuer, node->facts.subject);
}

/* As the docs tell to do: its certificate is an anchor under another name by then. */
static void who_is_trusted_by_another_name_is_not_told_to_be_refused(void **state)
{
	struct harness *h = *state;
	char *pem;

	json_decref(certs_with(h, "cert.ca-init", json_pack("{s:s}", "key", "p-256"), true));
	comes(h, "FGT60F0000000001", subject_of(h, "ca"), "ca");
	pem = strdup(certstore_find(&h->c->trust.certs, "ca")->pem);
	import_pem(h, "former", pem);
	asks(h, "ca", 0, "are let in on, as \"former\" is trusted.");
	/* The anchor alone may go as well, without a question, but not both. */
	goes(h, "former", false);
	import_pem(h, "former", pem);
	goes(h, "ca", true);
	/* Another authority of the same name, by which nobody has come. */
	json_decref(certs_with(h, "cert.ca-init", json_pack("{s:s}", "key", "p-256"), true));
	asks(h, "ca", 0, "No registered device has come with a certificate of it.");
	asks(h, "former", 1,
		"without \"former\" 1 device would be refused as wrong_ca: "
		"FGT60F0000000001.");
	free(pem);
}

static void an_anchor_that_devices_need_is_asked_about(void **state)
{
	struct harness *h = *state;
	struct ca_pair theirs = certs_make("Their CA", true, NULL),
		       others = certs_make("Other CA", true, NULL);

	import_pem(h, "theirs", theirs.cert_pem);
	import_pem(h, "others", others.cert_pem);
	/* One of the root itself, one of an intermediate that nobody here has. */
	comes(h, "FGT60F0000000001", subject_of(h, "theirs"), "theirs");
	comes(h, "FGT60F0000000002", "/O=Sluice/CN=Issuing 2", "theirs");
	goes(h, "others", false);
	asks(h, "theirs", 2, "wrong_ca: FGT60F0000000001, FGT60F0000000002. Nothing else");
	/* Who is denied does not need it. */
	json_decref(harness_result(h, "device.deny", "{\"device\":\"FGT60F0000000001\"}"));
	asks(h, "theirs", 1, "1 device would be refused as wrong_ca: FGT60F0000000002.");
	goes(h, "theirs", true);
	ca_pair_free(&theirs);
	ca_pair_free(&others);
}

static void an_intermediate_is_an_anchor_of_its_own(void **state)
{
	const struct pki_options root_is = {.cn = "Root", .ca = true, .lasting_s = 90 * 86400},
				 sub_is = {.cn = "Sub", .ca = true, .lasting_s = 90 * 86400};
	struct harness *h = *state;
	struct pki_cert root = pki_issue(NULL, &root_is), sub = pki_issue(&root, &sub_is);
	char *root_pem = pki_pem((const struct pki_cert *[]){&root}, 1),
	     *sub_pem = pki_pem((const struct pki_cert *[]){&sub}, 1);

	import_pem(h, "root", root_pem);
	import_pem(h, "sub", sub_pem);
	comes(h, "FGT60F0000000001", subject_of(h, "sub"), "root");
	/* The root stays, and a device may show the intermediate itself: who knows. */
	asks(h, "sub", 1, "refused as missing_intermediate unless");
	/* And where the intermediate stays, chains may end there: if it is this one. Its authority
	 * may have been given another key since, and be another of the same name. */
	asks(h, "root", 1, "refused as wrong_ca unless of an intermediate that stays: FGT60F");
	goes(h, "root", true);
	asks(h, "sub", 1, "FGT60F0000000001");
	free(root_pem);
	free(sub_pem);
	pki_free(&root);
	pki_free(&sub);
}

#define DAYS(n) ((n)*86400)

static char *pem_of(const struct pki_cert *by, const struct pki_options *o, struct pki_cert *made)
{
	*made = pki_issue(by, o);
	return pki_pem((const struct pki_cert *[]){made}, 1);
}

/* An expired one lets nobody in, and one of the future nobody yet. */
static void what_is_not_valid_stands_for_nothing(void **state)
{
	const struct pki_options past = {.cn = "Past",
					 .ca = true,
					 .from_s = -9000,
					 .lasting_s = 8000},
				 today = {.cn = "Today", .ca = true, .lasting_s = DAYS(90)};
	struct pki_options next = {
		.cn = "Today", .ca = true, .from_s = 7200, .lasting_s = DAYS(90)};
	struct harness *h = *state;
	struct pki_cert v[3];
	char *pem[3] = {pem_of(NULL, &past, &v[0]), pem_of(NULL, &today, &v[1]), NULL};

	next.key_of = &v[1];
	pem[2] = pem_of(NULL, &next, &v[2]);
	import_pem(h, "past", pem[0]);
	import_pem(h, "today", pem[1]);
	import_pem(h, "next", pem[2]);
	comes(h, "FGT60F0000000001", subject_of(h, "past"), "past");
	comes(h, "FGT60F0000000002", subject_of(h, "today"), "today");
	goes(h, "past", false);
	asks(h, "today", 1, "wrong_ca: FGT60F0000000002.");
	for (unsigned i = 0; i < 3; i++) {
		free(pem[i]);
		pki_free(&v[i]);
	}
}

/* One of them stays in another entry: not the other. */
static void each_authority_of_a_name_is_looked_at(void **state)
{
	const struct pki_options root_is = {.cn = "Root", .ca = true, .lasting_s = DAYS(90)},
				 sub_is = {.cn = "Sub", .ca = true, .lasting_s = DAYS(90)};
	struct harness *h = *state;
	struct pki_cert root, a, b;
	char *root_pem = pem_of(NULL, &root_is, &root), *a_pem = pem_of(&root, &sub_is, &a),
	     *b_pem = pem_of(&root, &sub_is, &b),
	     *both = pki_pem((const struct pki_cert *[]){&a, &b}, 2);

	import_pem(h, "root", root_pem);
	import_pem(h, "subs", both);
	import_pem(h, "former", a_pem);
	comes(h, "FGT60F0000000001", subject_of(h, "former"), "root");
	asks(h, "subs", 1, "refused as missing_intermediate unless showing it, too: FGT60F");
	import_pem(h, "present", b_pem);
	goes(h, "subs", false);
	free(root_pem);
	free(a_pem);
	free(b_pem);
	free(both);
	pki_free(&root);
	pki_free(&a);
	pki_free(&b);
}

/* In its place comes what is imported under its name. */
static void an_anchor_that_devices_need_is_not_replaced_unasked(void **state)
{
	const struct pki_options theirs_is = {.cn = "Their CA", .ca = true, .lasting_s = DAYS(9)},
				 other_is = {.cn = "Other CA", .ca = true, .lasting_s = DAYS(90)};
	struct pki_options renewed_is = theirs_is;
	struct harness *h = *state;
	struct pki_cert v[3];
	char *theirs = pem_of(NULL, &theirs_is, &v[0]), *other = pem_of(NULL, &other_is, &v[1]),
	     *renewed;
	char was[33];
	json_t *r;

	renewed_is.key_of = &v[0];
	renewed_is.lasting_s = DAYS(90);
	renewed = pem_of(NULL, &renewed_is, &v[2]);
	import_pem(h, "company", theirs);
	snprintf(was, sizeof(was), "%s",
		certstore_find(&h->c->trust.certs, "company")->facts.anchor);
	/* Nobody needs it yet; then one does, and the same one renewed will do for it. */
	import_pem(h, "company", other);
	import_pem(h, "company", theirs);
	comes(h, "FGT60F0000000001", subject_of(h, "company"), "company");
	import_pem(h, "company", renewed);
	r = certs_import(h, "company", other, strlen(other), false);
	assert_reason(r, "not_sure");
	assert_number(r, "data.devices", 1);
	assert_contains(json_string_value(at(r, "message")),
		"without the former \"company\" 1 device would be refused as wrong_ca: "
		"FGT60F0000000001. Nothing else");
	json_decref(r);
	assert_string_equal(certstore_find(&h->c->trust.certs, "company")->facts.anchor, was);
	json_decref(certs_import_surely(h, "company", other, strlen(other)));
	assert_string_not_equal(certstore_find(&h->c->trust.certs, "company")->facts.anchor, was);
	/* Who does not say that he may be asked is not. */
	comes(h, "FGT60F0000000001", subject_of(h, "company"), "company");
	json_decref(harness_result(h, "cert.delete", "{\"name\":\"company\"}"));
	assert_null(certstore_find(&h->c->trust.certs, "company"));
	for (unsigned i = 0; i < 3; i++)
		pki_free(&v[i]);
	free(theirs);
	free(other);
	free(renewed);
}

/* The last that came may be the one that needs it: without the registry nobody can say so. */
static void nothing_is_deleted_while_the_registry_cannot_say_who_needs_it(void **state)
{
	struct harness *h = *state;
	struct ca_pair theirs = certs_make("Their CA", true, NULL);
	sqlite3 *db;
	json_t *r;

	import_pem(h, "theirs", theirs.cert_pem);
	assert_int_equal(sqlite3_open(h->registry, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				 "CREATE TRIGGER no BEFORE INSERT ON devices BEGIN "
				 "SELECT RAISE(ABORT, 'no room'); END",
				 NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	comes(h, "FGT60F0000000001", subject_of(h, "theirs"), "theirs");
	r = ask(h, "theirs", false, false);
	assert_reason(r, "failed");
	assert_contains(json_string_value(at(r, "message")), "no room");
	json_decref(r);
	assert_non_null(certstore_find(&h->c->trust.certs, "theirs"));
	ca_pair_free(&theirs);
}

/* Their chains were not remembered then: better one question too many. */
static void devices_of_an_older_registry_may_need_any_anchor(void **state)
{
	struct harness *h = *state;
	struct ca_pair theirs = certs_make("Their CA", true, NULL),
		       others = certs_make("Other CA", true, NULL);

	import_pem(h, "theirs", theirs.cert_pem);
	import_pem(h, "others", others.cert_pem);
	comes(h, "FGT60F0000000001", subject_of(h, "others"), NULL);
	goes(h, "theirs", false);
	import_pem(h, "theirs", theirs.cert_pem);
	comes(h, "FGT60F0000000002", "/O=Sluice/CN=Issuing 2", NULL);
	asks(h, "theirs", 1, "FGT60F0000000002");
	asks(h, "others", 2, "FGT60F0000000001, FGT60F0000000002");
	ca_pair_free(&theirs);
	ca_pair_free(&others);
}

/* What is told of many devices with long names fits, to its end. */
static void who_depends_on_the_authority_is_named_as_far_as_there_is_room(void **state)
{
	struct harness *h = *state;
	char cn[65], serial[AUTH_SERIAL];

	memset(cn, 'C', sizeof(cn) - 1);
	cn[sizeof(cn) - 1] = '\0';
	json_decref(certs_with(h, "cert.ca-init",
		json_pack("{s:s,s:s}", "key", "p-256", "common_name", cn), true));
	memset(serial, 'A', sizeof(serial) - 1);
	serial[sizeof(serial) - 1] = '\0';
	for (unsigned i = 0; i < 30; i++) {
		serial[sizeof(serial) - 2] = (char)('A' + i % 26);
		serial[0] = (char)('A' + i / 26);
		comes(h, serial, subject_of(h, "ca"), "ca");
	}
	/* The shortest comes last: it is one of those that are left out. */
	comes(h, "B", subject_of(h, "ca"), "ca");
	asks(h, "ca", 31,
		"A and 30 more. Not if its certificate is imported under another name "
		"before.");
}

static const struct alarm *alarm_of(const struct harness *h, const char *subject)
{
	for (unsigned i = 0; i < h->c->alarms.count; i++)
		if (strcmp(h->c->alarms.v[i].name, "tls_failed") == 0 &&
			strcmp(h->c->alarms.v[i].subject, subject) == 0)
			return &h->c->alarms.v[i];
	return NULL;
}

/* It was told and forgotten in one breath: contexts can be built of what is there. */
static void a_node_certificate_that_cannot_be_made_is_an_alarm_until_it_is(void **state)
{
	struct harness *h = *state;
	char away[160];
	json_t *r;

	json_decref(certs_with(h, "cert.ca-init", json_pack("{s:s}", "key", "p-256"), true));
	assert_null(alarm_of(h, "node"));
	snprintf(away, sizeof(away), "%s/away", h->dir);
	assert_int_equal(rename(h->tls, away), 0); /* no key can be written */
	r = certs_with(h, "cert.delete", json_pack("{s:s,s:b}", "name", "ca", "sure", 1), true);
	assert_contains(json_string_value(at(r, "problem")), "the node's own certificate");
	json_decref(r);
	assert_non_null(alarm_of(h, "node"));
	assert_int_equal(rename(away, h->tls), 0);
	trust_changed(h->c, TRUST_GENERATION);
	assert_null(alarm_of(h, ""));	      /* contexts are fine, */
	assert_non_null(alarm_of(h, "node")); /* and it is still signed by who is gone */
	r = certs_with(h, "cert.ca-init", json_pack("{s:s}", "key", "p-256"), true);
	assert_null(json_object_get(r, "problem"));
	json_decref(r);
	assert_null(alarm_of(h, "node"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_authority_of_our_own_is_deleted_by_who_is_sure),
		T(who_is_trusted_by_another_name_is_not_told_to_be_refused),
		T(an_anchor_that_devices_need_is_asked_about),
		T(an_intermediate_is_an_anchor_of_its_own),
		T(what_is_not_valid_stands_for_nothing),
		T(each_authority_of_a_name_is_looked_at),
		T(an_anchor_that_devices_need_is_not_replaced_unasked),
		T(nothing_is_deleted_while_the_registry_cannot_say_who_needs_it),
		T(devices_of_an_older_registry_may_need_any_anchor),
		T(who_depends_on_the_authority_is_named_as_far_as_there_is_room),
		T(a_node_certificate_that_cannot_be_made_is_an_alarm_until_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
