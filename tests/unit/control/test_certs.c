/* cert.* and tls.show, and what comes of them: keys on disk, TLS contexts, generations. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>

#include "tests/unit/control/harness.h"
#include "tests/unit/tls/pki.h"
#include "tls/ca.h"

static json_t *with(struct harness *h, const char *method, json_t *params, bool fine)
{
	char *text = json_dumps(params, 0);
	json_t *v = fine ? harness_result(h, method, text) : harness_error(h, method, text);

	free(text);
	json_decref(params);
	return v;
}

static json_t *import(struct harness *h, const char *name, const void *data, size_t len, bool fine)
{
	unsigned char *base64 = malloc(len * 2 + 8);
	json_t *v;

	EVP_EncodeBlock(base64, data, (int)len);
	v = with(h, "cert.import", json_pack("{s:s,s:s}", "name", name, "data", (char *)base64),
		fine);
	free(base64);
	return v;
}

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
	json_t *r;

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
	r = harness_result(h, "cert.show", "{\"name\":\"node\"}");
	assert_text(r, "common_name", "SLUICE-0001");
	json_decref(r);
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
	json_t *r = with(h, "cert.issue",
		json_pack("{s:s,s:s}", "device", "FGT60F0000000001", "password", "open sesame"),
		false);

	assert_reason(r, "not_found");
	assert_contains(json_string_value(at(r, "message")), "ca-init");
	json_decref(r);
	r = with(h, "cert.ca-init", json_pack("{s:s}", "key", "p-256"), true);
	assert_text(r, "kind", "ca");
	assert_contains(json_string_value(at(r, "pem")), "BEGIN CERTIFICATE");
	json_decref(r);
	/* Whom we believe has changed, and the node's own is of that authority now. */
	assert_int_equal(h->c->trust.generation, generation + 1);
	r = harness_result(h, "cert.show", "{\"name\":\"node\"}");
	assert_contains(json_string_value(at(r, "issuer")), "Sluice CA");
	json_decref(r);
	r = harness_error(h, "cert.ca-init", NULL);
	assert_reason(r, "busy");
	json_decref(r);

	r = with(h, "cert.issue",
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
	r = with(h, "cert.issue",
		json_pack("{s:s,s:s}", "device", "FortiGate", "password", "open sesame"), false);
	assert_reason(r, "invalid");
	assert_contains(json_string_value(at(r, "message")), "no_legal_sn");
	json_decref(r);
}

static struct ca_pair make(const char *cn, bool authority, const struct ca_pair *by)
{
	const struct ca_order o = {.cn = cn,
		.kind = "p-256",
		.days = 90,
		.now_s = (int64_t)(clock_wall_ns() / 1000000000u),
		.server = true};
	struct ca_pair p;
	char err[200];

	assert_int_equal(authority ? ca_make(&o, &p, err, sizeof(err))
				   : ca_issue(by, &o, &p, err, sizeof(err)),
		0);
	return p;
}

static void anchors_start_a_generation_and_identities_do_not(void **state)
{
	struct harness *h = *state;
	const uint64_t generation = h->c->trust.generation;
	struct ca_pair ca = make("Their CA", true, NULL), id = make("logs.example.org", false, &ca);
	char both[8000];
	json_t *r = import(h, "theirs", ca.cert_pem, strlen(ca.cert_pem), true);

	assert_text(r, "kind", "anchor");
	assert_int_equal(json_array_size(at(r, "findings")), 0);
	json_decref(r);
	assert_int_equal(h->c->trust.generation, generation + 1);

	snprintf(both, sizeof(both), "%s%s", id.cert_pem, id.key_pem);
	r = import(h, "bought", both, strlen(both), true);
	assert_text(r, "kind", "identity");
	assert_text(r, "findings.0.reason", "not_our_serial");
	assert_int_equal(json_array_size(at(r, "used_by")), 0);
	json_decref(r);
	assert_int_equal(h->c->trust.generation, generation + 1);
	assert_int_equal(keys(h), 2);

	json_decref(with(h, "cert.use", json_pack("{s:s}", "name", "node bought"), true));
	json_decref(with(h, "cert.use",
		json_pack("{s:s,s:s}", "name", "bought", "sni", "logs.example.org"), true));
	r = harness_result(h, "tls.show", NULL);
	assert_true(json_is_true(at(r, "enabled")));
	assert_text(r, "contexts.0.sni", "default");
	assert_text(r, "contexts.0.identities.1", "bought");
	assert_text(r, "contexts.1.sni", "logs.example.org");
	assert_text(r, "contexts.1.by", "registry");
	assert_text(r, "anchors.0", "theirs");
	json_decref(r);
	r = with(h, "cert.delete", json_pack("{s:s}", "name", "bought"), false);
	assert_reason(r, "busy");
	json_decref(r);
	json_decref(with(h, "cert.use", json_pack("{s:s}", "name", "configured"), true));
	json_decref(with(h, "cert.use",
		json_pack("{s:s,s:s}", "name", "configured", "sni", "logs.example.org"), true));
	json_decref(with(h, "cert.delete", json_pack("{s:s}", "name", "bought"), true));
	assert_int_equal(keys(h), 1);
	ca_pair_free(&ca);
	ca_pair_free(&id);
}

/* What cannot be had again, and what depends on it, is told before it goes. */
static void the_authority_of_our_own_is_deleted_by_who_is_sure(void **state)
{
	struct harness *h = *state;
	const struct stored *node;
	struct auth_event *ev;
	const char *text;
	json_t *r;

	json_decref(with(h, "cert.ca-init", json_pack("{s:s}", "key", "p-256"), true));
	h->dp->told = calloc(1, sizeof(*h->dp->told));
	ev = &h->dp->told[h->dp->told_count++];
	ev->kind = AUTH_EV_PENDING;
	ev->time_ns = clock_wall_ns();
	snprintf(ev->serial, sizeof(ev->serial), "%s", "FGT60F0000000001");
	snprintf(ev->fingerprint, sizeof(ev->fingerprint), "%s", "00ff");
	snprintf(ev->issuer, sizeof(ev->issuer), "%s",
		certstore_find(&h->c->trust.certs, "ca")->facts.subject);
	harness_settle(h);
	r = with(h, "cert.delete", json_pack("{s:s}", "name", "ca"), false);
	assert_reason(r, "not_sure");
	assert_number(r, "data.devices", 1);
	text = json_string_value(at(r, "message"));
	assert_contains(text, "before: 1: FGT60F0000000001");
	assert_contains(text, "this node's certificate");
	assert_contains(text, "cert export ca");
	json_decref(r);
	json_decref(with(h, "cert.delete", json_pack("{s:s,s:b}", "name", "ca", "sure", 0), false));
	assert_non_null(certstore_find(&h->c->trust.certs, "ca"));
	json_decref(with(h, "cert.delete", json_pack("{s:s,s:b}", "name", "ca", "sure", 1), true));
	assert_null(certstore_find(&h->c->trust.certs, "ca"));
	node = certstore_find(&h->c->trust.certs, "node");
	assert_string_equal(node->facts.issuer, node->facts.subject);
	free(h->dp->told);
	h->dp->told = NULL;
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
	struct ca_pair id = make("logs.example.org", false, NULL);
	const struct tls_set *was;
	char both[8000];

	snprintf(both, sizeof(both), "%s%s", id.cert_pem, id.key_pem);
	json_decref(import(h, "bought", both, strlen(both), true));
	json_decref(with(h, "cert.use",
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

/* What is told of many devices with long names fits, to its end. */
static void who_depends_on_the_authority_is_named_as_far_as_there_is_room(void **state)
{
	struct harness *h = *state;
	char cn[65], serial[AUTH_SERIAL];
	const char *text;
	json_t *r;

	memset(cn, 'C', sizeof(cn) - 1);
	cn[sizeof(cn) - 1] = '\0';
	json_decref(with(h, "cert.ca-init",
		json_pack("{s:s,s:s}", "key", "p-256", "common_name", cn), true));
	h->dp->told = calloc(3, sizeof(*h->dp->told));
	for (unsigned i = 0; i < 3; i++) {
		struct auth_event *ev = &h->dp->told[h->dp->told_count++];

		ev->kind = AUTH_EV_PENDING;
		ev->time_ns = clock_wall_ns();
		memset(serial, 'A', sizeof(serial) - 1);
		serial[sizeof(serial) - 2] = (char)('1' + i);
		serial[sizeof(serial) - 1] = '\0';
		snprintf(ev->serial, sizeof(ev->serial), "%s", serial);
		snprintf(ev->fingerprint, sizeof(ev->fingerprint), "%s", "00ff");
		snprintf(ev->issuer, sizeof(ev->issuer), "%s",
			certstore_find(&h->c->trust.certs, "ca")->facts.subject);
	}
	harness_settle(h);
	r = with(h, "cert.delete", json_pack("{s:s}", "name", "ca"), false);
	assert_number(r, "data.devices", 3);
	text = json_string_value(at(r, "message"));
	assert_contains(text, "before: 3: AAAA");
	assert_string_equal(text + strlen(text) - 6, "1, ...");
	json_decref(r);
	free(h->dp->told);
	h->dp->told = NULL;
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

	json_decref(with(h, "cert.ca-init", json_pack("{s:s}", "key", "p-256"), true));
	assert_null(alarm_of(h, "node"));
	snprintf(away, sizeof(away), "%s/away", h->dir);
	assert_int_equal(rename(h->tls, away), 0); /* no key can be written */
	r = with(h, "cert.delete", json_pack("{s:s,s:b}", "name", "ca", "sure", 1), true);
	assert_contains(json_string_value(at(r, "problem")), "the node's own certificate");
	json_decref(r);
	assert_non_null(alarm_of(h, "node"));
	assert_int_equal(rename(away, h->tls), 0);
	trust_changed(h->c, TRUST_GENERATION);
	assert_null(alarm_of(h, ""));	      /* contexts are fine, */
	assert_non_null(alarm_of(h, "node")); /* and it is still signed by who is gone */
	r = with(h, "cert.ca-init", json_pack("{s:s}", "key", "p-256"), true);
	assert_null(json_object_get(r, "problem"));
	json_decref(r);
	assert_null(alarm_of(h, "node"));
}

/* ---- CRLs --------------------------------------------------------------------------------- */

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

	json_decref(import(h, "their-list", l.crl, strlen(l.crl), true));
	for (unsigned i = 0; i < 3; i++) {
		r = harness_result(h, "cert.show", "{\"name\":\"their-list\"}");
		assert_text(r, "findings.0.reason", "crl_of_unknown_issuer");
		assert_contains(json_string_value(at(r, "pem")), "BEGIN X509 CRL");
		json_decref(r);
	}
	assert_int_equal(*judged, 1);
	json_decref(import(h, "their", l.pem, strlen(l.pem), true));
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
	json_decref(import(h, "their-list", l.crl, strlen(l.crl), true));
	was = h->c->trust.crls;
	assert_non_null(was);
	generation = h->c->trust.generation;
	json_decref(harness_result(h, "device.deny", "{\"device\":\"FGT60F0000000001\"}"));
	json_decref(import(h, "their", l.pem, strlen(l.pem), true));
	assert_true(h->c->trust.generation > generation); /* a new set, of the same CRLs */
	assert_ptr_equal(h->c->trust.crls, was);
	json_decref(with(h, "cert.delete", json_pack("{s:s}", "name", "their-list"), true));
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
	r = import(h, "their", both, strlen(both), false);
	assert_contains(json_string_value(at(r, "message")), "nothing is changed: CRLs");
	json_decref(r);
	assert_null(certstore_find(&h->c->trust.certs, "their"));
	assert_int_equal(h->c->trust.generation, generation);
	/* With as much room as they need they are in. */
	much[size - 1] = '\0';
	assert_int_equal(certstore_put(&h->c->trust.certs, &filler), 0);
	json_decref(import(h, "their", both, strlen(both), true));
	assert_non_null(certstore_find(&h->c->trust.certs, "their"));
	assert_non_null(certstore_find(&h->c->trust.certs, "their.crl"));
	assert_int_equal(h->c->trust.generation, generation + 1);
	/* The same once more takes the place of what there is. */
	json_decref(import(h, "their", both, strlen(both), true));
	free(much);
	list_free(&l);
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
	struct ca_pair ca = make("Their CA", true, NULL), other = make("other", false, &ca);
	json_t *r = with(h, "cert.request",
		json_pack("{s:s,s:s,s:s}", "name", "bought", "key", "p-256", "dns",
			"logs.example.org"),
		true);

	assert_contains(json_string_value(at(r, "request")), "BEGIN CERTIFICATE REQUEST");
	assert_text(r, "common_name", h->c->serial);
	json_decref(r);
	/* Somebody else's certificate does not fit its key. */
	r = import(h, "bought", other.cert_pem, strlen(other.cert_pem), false);
	assert_contains(json_string_value(at(r, "message")), "key_mismatch");
	assert_text(r, "data.findings.0.reason", "key_mismatch");
	json_decref(r);
	r = harness_result(h, "cert.show", "{\"name\":\"bought\"}");
	assert_text(r, "kind", "request");
	json_decref(r);
	/* A host's certificate under a name without a request is no anchor. */
	r = import(h, "stray", other.cert_pem, strlen(other.cert_pem), false);
	assert_contains(json_string_value(at(r, "message")), "not_an_authority");
	json_decref(r);
	ca_pair_free(&ca);
	ca_pair_free(&other);
}

static void a_key_leaves_only_encrypted_audited_and_by_who_may_write(void **state)
{
	struct harness *h = *state;
	json_t *r = with(h, "cert.export",
		json_pack("{s:s,s:s}", "name", "node", "password", "short"), false);
	char *all;

	assert_reason(r, "invalid");
	json_decref(r);
	r = with(h, "cert.export",
		json_pack("{s:s,s:s}", "name", "node", "password", "open sesame"), true);
	assert_true(json_string_length(at(r, "pkcs12")) > 500);
	json_decref(r);
	r = harness_result(h, "audit.list", "{\"limit\":1}");
	assert_text(r, "audit.0.what", "cert.export");
	json_decref(r);
	h->role = ROLE_READ;
	r = with(h, "cert.export",
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
	json_t *r = import(h, "x", "hello", 5, false);

	assert_reason(r, "invalid");
	json_decref(r);
	r = with(
		h, "cert.import", json_pack("{s:s,s:s}", "name", "x", "data", "no base64!"), false);
	assert_reason(r, "invalid");
	json_decref(r);
	r = with(h, "cert.import", json_pack("{s:s,s:s}", "name", "../x", "data", "aGVs"), false);
	assert_reason(r, "invalid");
	json_decref(r);
	r = with(h, "cert.use", json_pack("{s:s}", "name", "nobody"), false);
	assert_reason(r, "not_found");
	json_decref(r);
	r = with(h, "cert.show", json_pack("{s:s}", "name", "nobody"), false);
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
		T(anchors_start_a_generation_and_identities_do_not),
		T(the_authority_of_our_own_is_deleted_by_who_is_sure),
		T(who_depends_on_the_authority_is_named_as_far_as_there_is_room),
		T(a_node_certificate_that_cannot_be_made_is_an_alarm_until_it_is),
		T(a_crl_is_judged_again_when_something_has_changed),
		T(crls_are_read_when_they_change_and_else_shared),
		T(a_file_whose_crl_has_no_room_changes_nothing),
		T(an_identity_that_is_gone_is_an_alarm_and_tls_goes_on),
		T(a_change_to_one_device_rebuilds_no_tls_context),
		T(a_request_waits_for_its_certificate),
		T(a_key_leaves_only_encrypted_audited_and_by_who_may_write),
		T(what_cannot_be_read_is_refused_by_name),
		T(what_expires_is_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
