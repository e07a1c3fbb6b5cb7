#include "control/logins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/hmac.h>

#include "control/control.h"
#include "control/registry_trust.h"
#include "tls/scram_login.h"

static void answer(struct control *c, struct login *g, bool granted, enum refusal_reason why,
	const char *detail)
{
	g->granted = granted;
	g->reason = (uint16_t)why;
	snprintf(g->detail, sizeof(g->detail), "%s", detail);
	if (c->dp)
		dp_login_answer(c->dp, g);
	else
		login_free(g);
}

/* ---- user and password --------------------------------------------------------------------- */

struct search {
	const char *name;
	struct scram_verifier verifier;
	bool found;
};

static void match(void *ctx, const struct user_row *row)
{
	struct search *s = ctx;

	if (strcmp(row->name, s->name) == 0)
		s->found = scram_verifier_parse(&s->verifier, row->verifier) == 0;
}

/* The verifier of a user; of one that is not there one that fits no password, but is the same each
 * time: who asks learns nothing. false: the registry does not answer. */
static bool verifier_of(struct control *c, const char *user, struct scram_verifier *v)
{
	struct search s = {.name = user};
	uint8_t mac[32];

	if (registry_users(c->registry, match, &s) != REGISTRY_OK)
		return false;
	*v = s.verifier;
	if (s.found)
		return true;
	*v = (struct scram_verifier){
		.hash = SCRAM_SHA_256, .iterations = SCRAM_ITERATIONS, .salt_len = 16};
	if (!HMAC(EVP_sha256(), c->trust.ticket_secret, sizeof(c->trust.ticket_secret),
		    (const uint8_t *)user, strlen(user), mac, NULL))
		return false;
	memcpy(v->salt, mac, v->salt_len);
	memcpy(v->stored_key, mac, sizeof(mac)); /* nobody knows what hashes to it */
	return true;
}

static void used_certificate(void *ctx, const struct device_row *row)
{
	*(bool *)ctx = row->fingerprint[0] != '\0';
}

/* A serial that has shown a certificate of its own is not had for a password any more. */
static bool certified(struct control *c, const char *serial)
{
	const struct device *dev = devices_find(&c->devices, serial);
	bool used = false;

	if (dev && dev->facts && dev->facts->fingerprint[0])
		return true;
	return registry_device(c->registry, serial, used_certificate, &used) < 0 || used;
}

static void text_to(struct login_text *to, const struct scram_message *m)
{
	to->len = (uint16_t)m->len;
	memcpy(to->at, m->at, m->len);
}

_Static_assert(LOGIN_SASL_MAX == SCRAM_MESSAGE && LOGIN_BINDING == SCRAM_BINDING, "passed on");

static void begin(struct control *c, struct login *g)
{
	struct scram_message first, challenge;
	struct scram_verifier v;
	char user[SCRAM_USER];

	if (certified(c, g->serial)) {
		answer(c, g, false, REFUSAL_legacy_disabled, "this serial has used a certificate");
	} else if (!scram_message_set(&first, g->first.at, g->first.len) ||
		   !scram_first_user(&first, user)) {
		answer(c, g, false, REFUSAL_bad_password,
			"not SCRAM-SHA-256-PLUS with tls-exporter");
	} else if (!verifier_of(c, user, &v) || scram_challenge(&v, &first, &challenge) != 0) {
		answer(c, g, false, REFUSAL_session_limit, "the registry does not answer");
	} else {
		text_to(&g->challenge, &challenge);
		answer(c, g, true, 0, "");
	}
}

static void prove(struct control *c, struct login *g)
{
	struct scram_message first, challenge, final, last;
	struct scram_verifier v;
	char user[SCRAM_USER], detail[SCRAM_USER + 40];
	bool right;

	if (!g->bound) {
		answer(c, g, false, REFUSAL_bad_password,
			"TLS 1.2 without the extended master secret has no channel binding");
		return;
	}
	if (certified(c, g->serial)) { /* since it was challenged */
		answer(c, g, false, REFUSAL_legacy_disabled, "this serial has used a certificate");
		return;
	}
	if (!scram_message_set(&first, g->first.at, g->first.len) ||
		!scram_message_set(&challenge, g->challenge.at, g->challenge.len) ||
		!scram_message_set(&final, g->final.at, g->final.len) ||
		!scram_first_user(&first, user)) {
		answer(c, g, false, REFUSAL_bad_password, "not SCRAM");
		return;
	}
	if (!verifier_of(c, user, &v)) {
		answer(c, g, false, REFUSAL_session_limit, "the registry does not answer");
		return;
	}
	right = scram_final_right(&v, &first, &challenge, &final, g->binding, &last);
	text_to(&g->challenge, &last);
	snprintf(detail, sizeof(detail), "user %s: %.24s", user, last.at);
	answer(c, g, right, REFUSAL_bad_password, right ? "" : detail);
}

/* ---- preshared keys ------------------------------------------------------------------------ */

struct key_job {
	struct job job;
	struct control *c;
	struct login *g;
	char own[SCRAM_TEXT], all[SCRAM_TEXT]; /* verifiers; empty: none */
	bool right;
};

static bool fits(const char *key, const char *verifier)
{
	struct scram_verifier v;

	return verifier[0] && scram_verifier_parse(&v, verifier) == 0 &&
	       scram_password_right(&v, key);
}

static void hash(struct job *job)
{
	struct key_job *k = (struct key_job *)job;

	k->right = fits(k->g->key, k->own) || fits(k->g->key, k->all);
}

static void nothing(struct job *job)
{
	(void)job;
}

static void take_row(void *ctx, const struct device_row *row)
{
	struct key_job *k = ctx;

	snprintf(k->own, sizeof(k->own), "%s", row->psk);
}

struct kept {
	struct device_row row;
	char psk[SCRAM_TEXT];
};

static void keep(void *ctx, const struct device_row *row)
{
	struct kept *k = ctx;

	k->row.state = row->state;
	k->row.legacy = row->legacy;
	k->row.rate = row->rate;
	snprintf(k->psk, sizeof(k->psk), "%s", row->psk);
}

/* As an operator would have. false: the registry does not. */
static bool authorize(struct control *c, const char *serial)
{
	struct kept k = {.row = {.serial = serial}};
	struct audit_row audit = {
		.time_ns = clock_wall_ns(),
		.who = CERTSTORE_OWN,
		.uid = geteuid(),
		.pid = getpid(),
		.what = "auth.preshared_key",
		.target = serial,
		.after = "authorized",
	};

	k.row.psk = k.psk;
	if (registry_device(c->registry, serial, keep, &k) < 0 || k.row.state == AUTH_DENIED)
		return false;
	audit.before = auth_state_name(k.row.state);
	k.row.state = AUTH_AUTHORIZED;
	if (devices_decide(&c->devices, &k.row, &audit) != REGISTRY_OK)
		return false;
	event_begin(&c->events, EVENT_NOTICE, "device");
	event_add(&c->events, "device", "%s", serial);
	event_add(&c->events, "after", "%s", "authorized by its preshared key");
	event_end(&c->events);
	/* Lcores know of it when this returns. */
	return trust_changed(c, TRUST_DEVICES);
}

static void hashed(struct job *job)
{
	struct key_job *k = (struct key_job *)job;
	struct control *c = k->c;

	if (!c->dp || job_cancelled(job))
		login_free(k->g);
	else if (!k->right)
		answer(c, k->g, false, REFUSAL_bad_password, "a wrong preshared key");
	else if (authorize(c, k->g->serial))
		answer(c, k->g, true, 0, "");
	else
		answer(c, k->g, false, REFUSAL_not_authorized, "");
	free(k);
}

static void judge_key(struct control *c, struct login *g)
{
	struct key_job *k = calloc(1, sizeof(*k));

	if (k) {
		*k = (struct key_job){.job = {.run = hash,
					      .notified = nothing,
					      .finished = hashed,
					      .wake = nothing},
			.c = c,
			.g = g};
		registry_meta_get(c->registry, TRUST_PSK_FOR_ALL, k->all, sizeof(k->all));
		registry_device(c->registry, g->serial, take_row, k);
		if (!k->own[0] && !k->all[0]) {
			/* No key was ever set: an operator decides. */
			answer(c, g, false, REFUSAL_not_authorized, "");
			free(k);
			return;
		}
		if (job_start(c->jobs, &k->job) == 0)
			return;
	}
	answer(c, g, false, REFUSAL_session_limit, "too many keys at once");
	free(k);
}

void logins_judge(void *ctx, struct login *g)
{
	struct control *c = ctx;

	switch ((enum login_kind)g->kind) {
	case LOGIN_KEY:
		judge_key(c, g);
		return;
	case LOGIN_SASL:
		begin(c, g);
		return;
	case LOGIN_PROOF:
		prove(c, g);
		return;
	case LOGIN_CLAIM:
	case LOGIN_TIE:
	case LOGIN_RELEASE:
		break;
	}
	login_free(g);
}
