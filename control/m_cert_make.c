/* cert.request|ca-init|issue|export: what we make, and what leaves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/evp.h>

#include "control/cert_json.h"
#include "tls/scram.h"
#include "tls/ca.h"

static bool take_order(
	struct call *call, struct ca_order *o, const char *cn, const char *kind, unsigned days)
{
	*o = (struct ca_order){
		.cn = cn,
		.kind = call_string(call, "key", kind),
		.days = (unsigned)call_uint(call, "days", days),
		.now_s = (int64_t)(clock_wall_ns() / 1000000000u),
		.dns = call_string(call, "dns", NULL),
	};
	if (!ca_key_kind_known(o->kind))
		call_invalid(call, "key", "expected p-256, rsa-2048, rsa-3072 or rsa-4096");
	else if (o->days == 0)
		call_invalid(call, "days", "expected at least 1");
	else if (cn[0] == '\0' || strlen(cn) > 64)
		call_invalid(call, "common_name", "expected 1 to 64 bytes");
	else if (strpbrk(cn, ",;:=\"\\/\n"))
		call_invalid(call, "common_name", "expected a name without any of , ; : = \" \\ /");
	else if (o->dns && !certstore_name_legal(o->dns))
		call_invalid(call, "dns",
			"expected a host name: 1 to 64 letters, digits, '.', '_' and '-'");
	else
		return true;
	return false;
}

/* A request is open under this name: the same again, as its key waits for a certificate that may be
 * on its way. */
static void request_again(struct call *call, const struct stored *old, struct ca_order order)
{
	char when[TIME_TEXT];

	order.kind = call_string(call, "key", NULL);
	if (ca_request_same(old->pem, &order)) {
		call_result(call, json_pack("{s:i,s:s,s:s,s:s,s:o}", "schema", 1, "name", old->name,
					  "common_name", order.cn, "request", old->pem,
					  "open_since", time_json(old->time_ns)));
		return;
	}
	time_format_s((int64_t)(old->time_ns / 1000000000u), when);
	call_fail(call, REASON_BUSY,
		"there is an open request under this name, of other names or another key, since "
		"%s: a certificate for it would fit no key any more. Choose another name; where "
		"none will come, `cert delete %s` first",
		when, old->name);
}

void m_cert_request(struct call *call)
{
	struct control *c = call->c;
	const char *name = call_string(call, "name", "");
	const char *cn = call_string(call, "common_name", c->serial);
	const struct stored *old = certstore_find(&c->trust.certs, name);
	struct ca_order order;
	struct ca_pair made;
	char err[300], after[200];

	if (!cert_name_fine(call, name) || !take_order(call, &order, cn, "rsa-2048", 365))
		return;
	if (old && old->kind != STORE_REQUEST) {
		call_fail(call, REASON_BUSY, "\"%s\" exists: choose another name", name);
		return;
	}
	if (old) {
		request_again(call, old, order);
		return;
	}
	if (ca_request(&order, &made, err, sizeof(err)) != 0) {
		call_fail(call, REASON_FAILED, "%s", err);
		return;
	}
	snprintf(after, sizeof(after), "request CN=%s %s", cn, order.kind);
	if (cert_put(call, name, STORE_REQUEST, made.cert_pem, made.key_pem, after) == 0)
		call_result(call, json_pack("{s:i,s:s,s:s,s:s}", "schema", 1, "name", name,
					  "common_name", cn, "request", made.cert_pem));
	ca_pair_free(&made);
}

void m_cert_ca_init(struct call *call)
{
	struct control *c = call->c;
	const struct stored *old = certstore_find(&c->trust.certs, "ca");
	char cn[64], err[400], after[200];
	const char *problem;
	struct ca_order order;
	uint32_t tag;
	struct ca_pair made;
	int rc;
	json_t *o;

	/* One that comes after it has another name: devices, and refusals, tell them apart. */
	if (getrandom(&tag, sizeof(tag), 0) != (ssize_t)sizeof(tag)) {
		call_fail(call, REASON_FAILED, "getrandom");
		return;
	}
	snprintf(cn, sizeof(cn), "Sluice CA %.40s %08x", c->serial, tag);
	if (!take_order(call, &order, call_string(call, "common_name", cn), "rsa-2048", 3650))
		return;
	if (old) {
		call_fail(call, REASON_BUSY,
			"there is %s already (%s): `cert show ca` prints it, `cert delete ca` "
			"makes room "
			"for another",
			old->kind == STORE_CA ? "an authority" : "a certificate named \"ca\"",
			old->facts.subject);
		return;
	}
	if (ca_make(&order, &made, err, sizeof(err)) != 0) {
		call_fail(call, REASON_FAILED, "%s", err);
		return;
	}
	snprintf(after, sizeof(after), "ca CN=%s %s", order.cn, order.kind);
	rc = cert_put(call, "ca", STORE_CA, made.cert_pem, made.key_pem, after);
	ca_pair_free(&made);
	if (rc != 0)
		return;
	problem = trust_remake_node(c, err, sizeof(err));
	trust_changed(c, TRUST_GENERATION);
	o = cert_json(c, certstore_find(&c->trust.certs, "ca"));
	json_object_set_new(o, "schema", json_integer(1));
	json_object_set_new(o, "pem", json_string(certstore_find(&c->trust.certs, "ca")->pem));
	if (problem)
		json_object_set_new(o, "problem", json_string(problem));
	call_result(call, o);
}

static json_t *base64_json(const uint8_t *data, size_t len)
{
	unsigned char *text = malloc(len / 3 * 4 + 5);
	json_t *v = NULL;

	if (text) {
		EVP_EncodeBlock(text, data, (int)len);
		v = json_string((char *)text);
		explicit_bzero(text, strlen((char *)text));
	}
	free(text);
	return v;
}

/* Before anything is made. */
static bool password_fine(struct call *call)
{
	const char *password = call_string(call, "password", NULL);
	const char *problem =
		password ? scram_password_problem(password) : "is missing: expected a password";

	if (problem)
		call_invalid(call, "password", "%s", problem);
	return !problem;
}

/* true: it was only asked whether it would be done, and it would. */
static bool only_checked(struct call *call, const char *key, const char *name)
{
	if (!call_bool(call, "check", false))
		return false;
	call_result(call, json_pack("{s:i,s:s,s:b}", "schema", 1, key, name, "would_be_done", 1));
	return true;
}

/* The pair as a PKCS#12 file, audited before it leaves; NULL after call_fail(). */
static json_t *export_json(struct call *call, const struct ca_pair *pair, const char *chain,
	const char *name, const char *after)
{
	const char *password = call_string(call, "password", "");
	char err[300];
	struct audit_row audit;
	char who[64];
	uint8_t *p12;
	size_t len;
	json_t *v;

	if (ca_pkcs12(pair, chain, name, password, call_bool(call, "old", false), &p12, &len, err,
		    sizeof(err)) != 0) {
		call_fail(call, REASON_FAILED, "%s", err);
		return NULL;
	}
	control_audit_row(&audit, who, call->who, call->method->name, name, "", after);
	v = base64_json(p12, len);
	explicit_bzero(p12, len);
	free(p12);
	/* A key whose leaving cannot be audited stays. */
	if (v && registry_audit_add(call->c->registry, &audit) == REGISTRY_OK) {
		cert_event(call->c, "exported with its key", name, after, who);
		return v;
	}
	json_decref(v);
	call_fail(call, REASON_FAILED, "the registry: %s", registry_error(call->c->registry));
	return NULL;
}

static void issue(struct call *call, const struct ca_pair *ca, const struct ca_order *order)
{
	char err[300], after[300];
	struct ca_pair made;
	struct cert_bundle b;
	struct cert_facts f = {0};
	json_t *p12;

	if (ca_issue(ca, order, &made, err, sizeof(err)) != 0) {
		call_fail(call, REASON_FAILED, "%s", err);
		return;
	}
	if (cert_bundle_read(&b, made.cert_pem, strlen(made.cert_pem), NULL, err, sizeof(err)) ==
		CERT_OK) {
		cert_bundle_facts(&b, 0, &f);
		cert_bundle_free(&b);
	}
	snprintf(after, sizeof(after), "issued with its key, number %s %.16s", f.number,
		f.fingerprint);
	p12 = export_json(call, &made, ca->cert_pem, order->cn, after);
	if (p12)
		call_result(call,
			json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:s,s:o}", "schema", 1,
				"device", order->cn, "subject", f.subject, "issuer", f.issuer,
				"number", f.number, "fingerprint", f.fingerprint, "not_after",
				time_json((uint64_t)f.not_after_s * 1000000000u), "certificate",
				made.cert_pem, "ca", ca->cert_pem, "pkcs12", p12));
	ca_pair_free(&made);
}

void m_cert_issue(struct call *call)
{
	struct control *c = call->c;
	const char *serial = call_string(call, "device", "");
	const struct stored *own = certstore_find(&c->trust.certs, "ca");
	struct ca_order order;
	struct ca_pair ca;

	if (!own || own->kind != STORE_CA) {
		call_fail(call, REASON_NOT_FOUND,
			"there is no authority of our own yet: `sluicectl cert ca-init` makes one");
		return;
	}
	if (!trust_serial_legal(c, serial)) {
		call_invalid(call, "device",
			"\"%.64s\" is no legal serial number (auth.serial-pattern %s): the device "
			"would be refused as no_legal_sn",
			serial, c->config.auth.serial_pattern);
		return;
	}
	if (!take_order(call, &order, serial, "rsa-2048", 825) ||
		only_checked(call, "device", serial) || !password_fine(call))
		return;
	order.client = true;
	ca = (struct ca_pair){.cert_pem = own->pem, .key_pem = certstore_key(&c->trust.certs, own)};
	if (ca.key_pem)
		issue(call, &ca, &order);
	else
		call_fail(call, REASON_FAILED, "%s", c->trust.certs.error);
	cert_wipe(ca.key_pem);
}

void m_cert_export(struct call *call)
{
	struct control *c = call->c;
	const char *name = call_string(call, "name", "");
	const struct stored *s = cert_wanted(call, name);
	char after[400];
	struct ca_pair pair;
	json_t *p12;

	if (!s)
		return;
	if (s->kind != STORE_IDENTITY && s->kind != STORE_CA) {
		call_invalid(call, "name", "\"%s\" has no private key: cert show prints it", name);
		return;
	}
	if (only_checked(call, "name", name) || !password_fine(call))
		return;
	pair = (struct ca_pair){.cert_pem = s->pem, .key_pem = certstore_key(&c->trust.certs, s)};
	if (!pair.key_pem) {
		call_fail(call, REASON_FAILED, "%s", c->trust.certs.error);
		return;
	}
	cert_describe(s, after, sizeof(after));
	p12 = export_json(call, &pair, NULL, name, after);
	cert_wipe(pair.key_pem);
	if (p12)
		call_result(call, json_pack("{s:i,s:s,s:s,s:o}", "schema", 1, "name", name, "kind",
					  store_kind_name(s->kind), "pkcs12", p12));
}
