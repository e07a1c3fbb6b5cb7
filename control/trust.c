#include "control/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "control/control.h"
#include "control/logins.h"
#include "control/registry_trust.h"

/* Of our own authority and of anchors; 1 << kind. */
#define ANCHORS (1u << STORE_ANCHOR | 1u << STORE_CA)

bool trust_serial_legal(void *ctx, const char *name)
{
	const struct control *c = ctx;

	return c->trust.auth && auth_serial_legal(c->trust.auth, name);
}

/* ---- contexts ----------------------------------------------------------------------------- */

static struct trust_context *context_of(struct trust_contexts *v, const char *sni)
{
	for (unsigned i = 0; i < v->count; i++)
		if (strcmp(v->v[i].sni, sni) == 0)
			return &v->v[i];
	if (v->count == TLS_MAX_CONTEXTS)
		return NULL;
	snprintf(v->v[v->count].sni, sizeof(v->v[0].sni), "%s", sni);
	return &v->v[v->count++];
}

static void add_identity(struct trust_context *t, const char *name, size_t len)
{
	if (t->count < TLS_MAX_IDENTITIES && len > 0 && len <= CERTSTORE_NAME)
		snprintf(t->identity[t->count++], sizeof(t->identity[0]), "%.*s", (int)len, name);
}

static void add_registered(void *ctx, const char *sni, const char *identities)
{
	struct trust_context *t = context_of(ctx, sni);

	if (!t)
		return;
	t->count = 0;
	t->by_registry = true;
	while (*identities) {
		size_t n = strcspn(identities, " ");

		add_identity(t, identities, n);
		identities += n + (identities[n] == ' ');
	}
}

/* Of the configuration (the same sni several times: several identities), then the registry's, which
 * stand in their place; the default first. */
static void list_contexts(struct control *c, const struct config *cfg, struct trust_contexts *v)
{
	memset(v, 0, sizeof(*v));
	context_of(v, "default");
	for (unsigned i = 0; i < cfg->tls.contexts.count; i++) {
		const struct config_tls_context *from = &cfg->tls.contexts.v[i];
		struct trust_context *t = context_of(v, from->sni);

		if (t)
			add_identity(t, from->identity, strlen(from->identity));
	}
	registry_contexts(c->registry, add_registered, v);
	if (v->v[0].count == 0)
		add_identity(&v->v[0], CERTSTORE_NODE, strlen(CERTSTORE_NODE));
}

/* ---- the TLS contexts --------------------------------------------------------------------- */

struct building {
	struct control *c;
	struct tls_spec spec;
	char *keys[TLS_MAX_CONTEXTS * TLS_MAX_IDENTITIES];
	unsigned keys_count;
	bool strict; /* an identity that is missing is an error, else an alarm */
	char *err;
	size_t err_size;
};

static int add_to_spec(struct building *b, struct tls_context_spec *to, const char *name)
{
	struct control *c = b->c;
	const struct stored *s = certstore_find(&c->trust.certs, name);
	char *key = NULL;

	if (s && s->kind == STORE_IDENTITY)
		key = certstore_key(&c->trust.certs, s);
	if (!key) {
		snprintf(b->err, b->err_size, "tls context %s: %s%s", to->sni,
			s && s->kind == STORE_IDENTITY ? "" : "there is no identity ",
			s && s->kind == STORE_IDENTITY ? c->trust.certs.error : name);
		if (!b->strict)
			alarm_raise(&c->alarms, "tls_identity", name, "%s", b->err);
		return b->strict ? -1 : 0;
	}
	alarm_clear(&c->alarms, "tls_identity", name);
	b->keys[b->keys_count++] = key;
	to->identities[to->identities_count++] =
		(struct tls_identity){.chain_pem = s->pem, .key_pem = key};
	return 0;
}

static int fill_spec(struct building *b, const struct trust_contexts *v)
{
	for (unsigned i = 0; i < v->count; i++) {
		struct tls_context_spec *to = &b->spec.contexts[b->spec.contexts_count];

		to->sni = v->v[i].sni;
		for (unsigned k = 0; k < v->v[i].count; k++)
			if (add_to_spec(b, to, v->v[i].identity[k]) != 0)
				return -1;
		if (to->identities_count)
			b->spec.contexts_count++;
		else if (i == 0)
			return -1; /* without the default there is no TLS */
	}
	return 0;
}

/* They are read when they change, not when anything does: there are some with 100,000 entries. */
static int read_crls(struct trust *t, char *err, size_t err_size)
{
	struct tls_crls *crls = NULL;
	char *pem;
	int rc = 0;

	if (t->crls_of == t->certs.crl_changes)
		return 0;
	pem = certstore_pem_of(&t->certs, 1u << STORE_CRL);
	if (pem)
		rc = tls_crls_new(pem, &crls, err, err_size);
	free(pem);
	if (rc != 0)
		return -1;
	tls_crls_unref(t->crls);
	t->crls = crls;
	t->crls_of = t->certs.crl_changes;
	return 0;
}

/* 0 and *out, or -1 with `err`. */
static int build_tls(struct control *c, const struct config *cfg, const struct trust_contexts *v,
	bool strict, struct tls_set **out, char *err, size_t err_size)
{
	struct building *b = calloc(1, sizeof(*b));
	char *anchors = certstore_pem_of(&c->trust.certs, ANCHORS);
	int rc = -1;

	*out = NULL;
	snprintf(err, err_size, "out of memory");
	if (b) {
		b->c = c;
		b->strict = strict;
		b->err = err;
		b->err_size = err_size;
		b->spec.anchors_pem = anchors;
		b->spec.min_version =
			cfg->tls.min_proto_version == CONFIG_TLS1_3 ? TLS_1_3 : TLS_1_2;
		b->spec.algorithm = cfg->tls.enc_algorithm == CONFIG_ENC_LOW	  ? TLS_ALG_LOW
				    : cfg->tls.enc_algorithm == CONFIG_ENC_MEDIUM ? TLS_ALG_MEDIUM
										  : TLS_ALG_HIGH;
		b->spec.require_certificate =
			cfg->listen.tls_client_certificate == CONFIG_CLIENT_CERT_REQUIRE;
		b->spec.generation = c->trust.generation;
		memcpy(b->spec.ticket_secret, c->trust.ticket_secret,
			sizeof(b->spec.ticket_secret));
		rc = fill_spec(b, v);
		if (rc == 0)
			rc = read_crls(&c->trust, err, err_size);
		b->spec.crls = c->trust.crls;
		b->spec.before = c->trust.tls;
		if (rc == 0)
			rc = tls_set_new(&b->spec, out, err, err_size);
		while (b->keys_count)
			cert_wipe(b->keys[--b->keys_count]);
		explicit_bzero(b->spec.ticket_secret, sizeof(b->spec.ticket_secret));
	}
	free(b);
	free(anchors);
	return rc;
}

struct passwords {
	const struct control *c;
	unsigned count;
	uint64_t v[USER_MAX];
};

static void add_password(void *ctx, const struct user_row *row)
{
	struct passwords *p = ctx;

	if (p->count < USER_MAX)
		p->v[p->count++] = logins_number(p->c, row->verifier);
}

/* false: sessions by password could not be told from others. */
static bool add_passwords(struct control *c, struct auth_snapshot *s)
{
	struct passwords p = {.c = c};

	return registry_users(c->registry, add_password, &p) == REGISTRY_OK &&
	       auth_snapshot_passwords(s, p.v, p.count);
}

static struct auth_snapshot *build_auth(
	struct control *c, const struct config *cfg, char *err, size_t err_size)
{
	unsigned n;
	struct auth_device *v = devices_snapshot(&c->devices, &n);
	struct auth_snapshot *s = NULL;

	snprintf(err, err_size, "out of memory");
	if (v)
		s = auth_snapshot_new(v, n, cfg->auth.serial_pattern,
			c->settings.v[SETTING_LEGACY_AUTH_MODE].number != 0, err,
			(unsigned)err_size);
	free(v);
	if (!s || add_passwords(c, s))
		return s;
	auth_snapshot_unref(s);
	snprintf(err, err_size, "the registry: %s", registry_error(c->registry));
	return NULL;
}

/* ---- publishing --------------------------------------------------------------------------- */

void trust_publish(struct control *c)
{
	struct dp_config dp;

	if (!c->dp)
		return;
	dp_config_defaults(&dp);
	config_to_policy(&c->config, &dp.policy);
	dp.policy.tls = c->trust.tls;
	dp.policy.auth = c->trust.auth;
	snprintf(dp.policy.serial, sizeof(dp.policy.serial), "%s", c->serial);
	dp_policy_publish(c->dp, &dp.policy);
}

static int new_generation(struct control *c)
{
	uint8_t secret[sizeof(c->trust.ticket_secret)];

	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return -1;
	memcpy(c->trust.ticket_secret, secret, sizeof(secret));
	c->trust.generation++;
	return 0;
}

static bool rebuild_tls(struct control *c)
{
	struct trust *t = &c->trust;
	struct tls_set *set;
	char err[512];

	list_contexts(c, &c->config, &t->contexts);
	if (build_tls(c, &c->config, &t->contexts, false, &set, err, sizeof(err)) != 0) {
		alarm_raise(&c->alarms, "tls_failed", "", "TLS %s: %s",
			t->tls ? "is as it was before the last change" : "is off", err);
		return false;
	}
	alarm_clear(&c->alarms, "tls_failed", "");
	tls_set_unref(t->tls);
	t->tls = set;
	t->builds++;
	return true;
}

static bool rebuild_auth(struct control *c)
{
	char err[256];
	struct auth_snapshot *s = build_auth(c, &c->config, err, sizeof(err));

	c->trust.devices_stale = !s; /* the next tick tries again */
	if (!s) {
		alarm_raise(&c->alarms, "auth_failed", "",
			"devices are as they were before the last change: %s", err);
		return false;
	}
	alarm_clear(&c->alarms, "auth_failed", "");
	auth_snapshot_unref(c->trust.auth);
	c->trust.auth = s;
	return true;
}

bool trust_changed(struct control *c, enum trust_change change)
{
	bool ok = rebuild_auth(c);

	c->next_alarms_us = 0; /* what it says of certificates may be over, or begin */
	if (change == TRUST_GENERATION)
		ok = new_generation(c) == 0 && ok;
	if (change != TRUST_DEVICES) {
		ok = rebuild_tls(c) && ok;
		if (trust_node_up_to_date(c))
			alarm_clear(&c->alarms, "tls_failed", CERTSTORE_NODE);
	}
	trust_publish(c);
	return ok;
}

int trust_try(struct control *c, const struct trust_context *with, char *err, size_t err_size)
{
	struct trust_contexts v;
	struct trust_context *t;
	struct tls_set *set;

	list_contexts(c, &c->config, &v);
	t = context_of(&v, with->sni);
	if (!t) {
		snprintf(err, err_size, "there are %d contexts already", TLS_MAX_CONTEXTS);
		return -1;
	}
	*t = *with;
	if (build_tls(c, &c->config, &v, true, &set, err, err_size) != 0)
		return -1;
	tls_set_unref(set);
	return 0;
}

void trust_drop(struct trust_next *next)
{
	tls_set_unref(next->tls);
	auth_snapshot_unref(next->auth);
	*next = (struct trust_next){0};
}

int trust_prepare(struct control *c, const struct config *cfg, struct trust_next *next, char *err,
	size_t err_size)
{
	memset(next, 0, sizeof(*next));
	list_contexts(c, cfg, &next->contexts);
	next->auth = build_auth(c, cfg, err, err_size);
	if (!next->auth ||
		build_tls(c, cfg, &next->contexts, true, &next->tls, err, err_size) != 0) {
		trust_drop(next);
		return -1;
	}
	return 0;
}

void trust_take(struct control *c, struct trust_next *next)
{
	tls_set_unref(c->trust.tls);
	auth_snapshot_unref(c->trust.auth);
	c->trust.tls = next->tls;
	c->trust.auth = next->auth;
	c->trust.contexts = next->contexts;
	c->trust.builds++;
	*next = (struct trust_next){0};
	trust_publish(c);
}

int trust_start(struct control *c, const char *dir, char *err, size_t err_size)
{
	struct trust *t = &c->trust;
	char why[300];

	if (certstore_load(&t->certs, c->registry, dir, c->options.owner, c->options.group) != 0) {
		snprintf(err, err_size, "certificates: %s", t->certs.error);
		return -1;
	}
	if (new_generation(c) != 0) {
		snprintf(err, err_size, "getrandom");
		return -1;
	}
	if (dir && trust_make_node(c, why, sizeof(why)) != 0) {
		snprintf(err, err_size, "the node's own certificate: %s", why);
		return -1;
	}
	rebuild_auth(c);
	if (dir)
		rebuild_tls(c);
	return t->auth ? 0 : -1;
}

void trust_free(struct control *c)
{
	tls_set_unref(c->trust.tls);
	tls_crls_unref(c->trust.crls);
	auth_snapshot_unref(c->trust.auth);
	certstore_free(&c->trust.certs);
	explicit_bzero(c->trust.ticket_secret, sizeof(c->trust.ticket_secret));
	c->trust.tls = NULL;
	c->trust.crls = NULL;
	c->trust.auth = NULL;
}
