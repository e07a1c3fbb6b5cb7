/* cert.list|show|use|expiring, tls.show */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cert_json.h"
#include "control/method.h"

#define DAY_S 86400

void m_cert_list(struct call *call)
{
	const struct certstore *s = &call->c->trust.certs;
	json_t *list = json_array();

	for (unsigned i = 0; i < s->count; i++)
		json_array_append_new(list, cert_json(call->c, &s->v[i]));
	call_result(call, json_pack("{s:i,s:o}", "schema", 1, "certificates", list));
}

struct stored *cert_wanted(struct call *call, const char *name)
{
	struct stored *s = certstore_find(&call->c->trust.certs, name);

	if (!s)
		call_fail(call, REASON_NOT_FOUND, "no certificate \"%s\"", name);
	return s;
}

bool cert_name_fine(struct call *call, const char *name)
{
	if (certstore_name_legal(name))
		return true;
	call_invalid(
		call, "name", "expected 1 to %d letters, digits, '.', '_' and '-'", CERTSTORE_NAME);
	return false;
}

void m_cert_show(struct call *call)
{
	struct stored *s = cert_wanted(call, call_string(call, "name", ""));
	json_t *o;

	if (!s)
		return;
	o = cert_json(call->c, s);
	json_object_set_new(o, "schema", json_integer(1));
	/* A CRL of some MiB is no answer for everybody who may read. */
	if (strlen(s->pem) <= CERT_MAX_BYTES)
		json_object_set_new(o, "pem", json_string(s->pem));
	json_object_set_new(o, "findings", cert_findings_json(call->c, s));
	call_result(call, o);
}

/* ---- use ---------------------------------------------------------------------------------- */

/* "a b" into a context; false after a message. */
static bool parse_names(struct call *call, const char *names, struct trust_context *t)
{
	char all[TLS_MAX_IDENTITIES * (CERTSTORE_NAME + 1) + 1];
	char *save = NULL;

	if (snprintf(all, sizeof(all), "%s", names) >= (int)sizeof(all)) {
		call_invalid(call, "name", "expected at most %d names", TLS_MAX_IDENTITIES);
		return false;
	}
	for (char *n = strtok_r(all, " ", &save); n; n = strtok_r(NULL, " ", &save)) {
		const struct stored *s = cert_wanted(call, n);

		if (!s)
			return false;
		if (s->kind != STORE_IDENTITY) {
			call_invalid(call, "name", "\"%s\" is no identity but of kind %s", n,
				store_kind_name(s->kind));
			return false;
		}
		if (t->count == TLS_MAX_IDENTITIES) {
			call_invalid(call, "name", "expected at most %d names", TLS_MAX_IDENTITIES);
			return false;
		}
		snprintf(t->identity[t->count++], sizeof(t->identity[0]), "%s", n);
	}
	return true;
}

static void join(const struct trust_context *t, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; t && i < t->count && used < size; i++)
		used += (size_t)snprintf(
			text + used, size - used, "%s%s", i ? " " : "", t->identity[i]);
}

static const struct trust_context *live_context(const struct control *c, const char *sni)
{
	for (unsigned i = 0; i < c->trust.contexts.count; i++)
		if (strcmp(c->trust.contexts.v[i].sni, sni) == 0)
			return &c->trust.contexts.v[i];
	return NULL;
}

void m_cert_use(struct call *call)
{
	struct control *c = call->c;
	const char *sni = call_string(call, "sni", "default");
	const char *names = call_string(call, "name", "");
	const bool back = strcmp(names, "configured") == 0;
	struct trust_context t = {.by_registry = true};
	char was[300], is[300], who[64], err[400];
	struct audit_row audit;

	if (!certstore_name_legal(sni) || strlen(sni) >= sizeof(t.sni)) {
		call_invalid(call, "sni", "expected \"default\" or a server name");
		return;
	}
	snprintf(t.sni, sizeof(t.sni), "%s", sni);
	if (!back && !parse_names(call, names, &t))
		return;
	if (!back && t.count == 0) {
		call_invalid(call, "name", "expected the name of an identity, or \"configured\"");
		return;
	}
	if (back && !live_context(c, sni)) {
		call_fail(call, REASON_NOT_FOUND, "there is no TLS context %s", sni);
		return;
	}
	if (!back && trust_try(c, &t, err, sizeof(err)) != 0) {
		call_fail(call, REASON_FAILED, "nothing is changed: %s", err);
		return;
	}
	join(live_context(c, sni), was, sizeof(was));
	join(&t, is, sizeof(is));
	control_audit_row(
		&audit, who, call->who, call->method->name, sni, was, back ? "as configured" : is);
	if (registry_context_put(c->registry, sni, back ? NULL : is, &audit) != REGISTRY_OK) {
		call_fail(call, REASON_FAILED, "the registry: %s", registry_error(c->registry));
		return;
	}
	cert_event(c, "in use", sni, audit.after, who);
	trust_changed(c, TRUST_IDENTITIES);
	join(live_context(c, sni), is, sizeof(is));
	call_result(call, json_pack("{s:i,s:s,s:s}", "schema", 1, "sni", sni, "identities", is));
}

/* ---- expiring ----------------------------------------------------------------------------- */

struct expiring {
	json_t *list;
	int64_t until_s;
};

static void add_device(void *ctx, struct device *dev)
{
	struct expiring *e = ctx;

	if (dev->not_after_s && dev->not_after_s < e->until_s && dev->state != AUTH_DENIED)
		json_array_append_new(
			e->list, json_pack("{s:s,s:s,s:o}", "device", dev->serial, "kind", "device",
					 "not_after", time_s_json(dev->not_after_s)));
}

void m_cert_expiring(struct call *call)
{
	const struct certstore *s = &call->c->trust.certs;
	const uint64_t days = call_uint(call, "days", 30);
	struct expiring e = {.list = json_array()};

	e.until_s = (int64_t)(clock_wall_ns() / 1000000000u + days * DAY_S);
	for (unsigned i = 0; i < s->count; i++)
		if (s->v[i].ends_s && s->v[i].ends_s < e.until_s)
			json_array_append_new(
				e.list, json_pack("{s:s,s:s,s:s,s:o}", "name", s->v[i].name, "kind",
						store_kind_name(s->v[i].kind), "subject",
						s->v[i].kind == STORE_CRL ? s->v[i].facts.issuer
									  : s->v[i].facts.subject,
						"not_after", time_s_json(s->v[i].ends_s)));
	devices_each(&call->c->devices, add_device, &e);
	call_result(call, json_pack("{s:i,s:I,s:o}", "schema", 1, "days", (json_int_t)days,
				  "expiring", e.list));
}

/* ---- tls.show ----------------------------------------------------------------------------- */

static json_t *contexts_json(const struct control *c)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < c->trust.contexts.count; i++) {
		const struct trust_context *t = &c->trust.contexts.v[i];
		json_t *names = json_array();

		for (unsigned k = 0; k < t->count; k++)
			json_array_append_new(names, json_string(t->identity[k]));
		json_array_append_new(list,
			json_pack("{s:i,s:s,s:o,s:s}", "index", (int)i, "sni", t->sni, "identities",
				names, "by", t->by_registry ? "registry" : "configuration"));
	}
	return list;
}

static json_t *names_json(const struct certstore *s, unsigned kinds)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < s->count; i++)
		if (kinds & 1u << s->v[i].kind)
			json_array_append_new(list, json_string(s->v[i].name));
	return list;
}

#define GENERATIONS 64 /* told apart in an answer; older ones are one */

struct generations {
	unsigned count;
	struct {
		uint64_t number, sessions;
	} v[GENERATIONS];
};

static void count_session(void *ctx, const struct dp_session_info *s)
{
	struct generations *g = ctx;
	unsigned i = 0;

	if (!s->tls_version)
		return;
	while (i < g->count && g->v[i].number != s->tls_generation)
		i++;
	if (i == GENERATIONS)
		i--;
	if (i == g->count)
		g->v[g->count++].number = s->tls_generation;
	g->v[i].sessions++;
}

void m_tls_show(struct call *call)
{
	static const char *const algorithms[] = {"high", "medium", "low"};
	struct control *c = call->c;
	struct generations g = {0};
	json_t *list = json_array();

	if (dp_sessions(c->dp, count_session, &g) < 0) {
		json_decref(list);
		call_fail(call, REASON_TIMEOUT, "a worker did not answer");
		return;
	}
	for (unsigned i = 0; i < g.count; i++)
		json_array_append_new(
			list, json_pack("{s:I,s:b,s:I}", "generation", (json_int_t)g.v[i].number,
				      "current", g.v[i].number == c->trust.generation, "sessions",
				      (json_int_t)g.v[i].sessions));
	call_result(call,
		json_pack("{s:i,s:b,s:I,s:s,s:s,s:s,s:o,s:o,s:o,s:o}", "schema", 1, "enabled",
			c->trust.tls != NULL, "generation", (json_int_t)c->trust.generation,
			"min_proto_version",
			c->config.tls.min_proto_version == CONFIG_TLS1_3 ? "tls1.3" : "tls1.2",
			"enc_algorithm", algorithms[c->config.tls.enc_algorithm],
			"client_certificate",
			c->config.listen.tls_client_certificate == CONFIG_CLIENT_CERT_REQUIRE
				? "require"
				: "optional",
			"contexts", contexts_json(c), "anchors",
			names_json(&c->trust.certs, 1u << STORE_ANCHOR | 1u << STORE_CA), "crls",
			names_json(&c->trust.certs, 1u << STORE_CRL), "sessions", list));
}
