#include "control/logins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/hmac.h>

#include "control/control.h"
#include "control/login_keys.h"
#include "control/registry_trust.h"
#include "tls/scram_login.h"

void login_answer(struct control *c, struct login *g, bool granted, enum refusal_reason why,
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

void login_wait(struct control *c, struct login *g, uint32_t wait_s)
{
	char detail[AUTH_TEXT];

	snprintf(detail, sizeof(detail),
		"too many wrong guesses from its address, or at once: in %u s again", wait_s);
	login_answer(c, g, false, REFUSAL_login_rate, detail);
}

/* ---- user and password --------------------------------------------------------------------- */

struct search {
	const char *name;
	struct scram_verifier verifier;
	char text[SCRAM_TEXT];
	bool found;
};

static void match(void *ctx, const struct user_row *row)
{
	struct search *s = ctx;

	if (strcmp(row->name, s->name) != 0)
		return;
	s->found = scram_verifier_parse(&s->verifier, row->verifier) == 0;
	snprintf(s->text, sizeof(s->text), "%s", row->verifier);
}

uint64_t logins_number(const struct control *c, const char *verifier)
{
	return siphash13(&c->devices.key, verifier, strlen(verifier)) | 1;
}

int logins_start(struct control *c, char *err, size_t err_size)
{
	uint8_t random[sizeof(c->users_secret) / 2];
	int rc = registry_meta_get(
		c->registry, USERS_SECRET, c->users_secret, sizeof(c->users_secret));

	if (rc == 1)
		return 0;
	if (rc == 0 && getrandom(random, sizeof(random), 0) == (ssize_t)sizeof(random)) {
		for (size_t i = 0; i < sizeof(random); i++)
			snprintf(c->users_secret + 2 * i, 3, "%02x", random[i]);
		if (registry_meta_set(c->registry, USERS_SECRET, c->users_secret) == REGISTRY_OK)
			return 0;
	}
	snprintf(err, err_size, "registry: cannot keep %s: %s", USERS_SECRET,
		registry_error(c->registry));
	return -1;
}

/* The verifier of a user; of one that is not there one that fits no password, but is the same each
 * time, as the salt of one that is there: who asks learns nothing. `number` as auth.h has it, 0
 * where there is none. false: the registry does not answer. */
static bool verifier_of(
	struct control *c, const char *user, struct scram_verifier *v, uint64_t *number)
{
	struct search s = {.name = user};
	uint8_t mac[32];

	if (registry_users(c->registry, match, &s) != REGISTRY_OK)
		return false;
	*v = s.verifier;
	*number = s.found ? logins_number(c, s.text) : 0;
	if (s.found)
		return true;
	*v = (struct scram_verifier){
		.hash = SCRAM_SHA_256, .iterations = SCRAM_ITERATIONS, .salt_len = 16};
	if (!HMAC(EVP_sha256(), c->users_secret, (int)strlen(c->users_secret),
		    (const uint8_t *)user, strlen(user), mac, NULL))
		return false;
	memcpy(v->salt, mac, v->salt_len);
	memcpy(v->stored_key, mac, sizeof(mac)); /* nobody knows what hashes to it */
	return true;
}

/* A serial that has shown a certificate of its own is not had for a password any more. */
static bool certified(struct control *c, const char *serial)
{
	const struct device *dev = devices_find(&c->devices, serial);

	return dev && dev->certified;
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
	uint64_t number;
	char user[SCRAM_USER];

	/* Whatever serial it says: who has proven nothing is told nothing of it. */
	if (!scram_message_set(&first, g->first.at, g->first.len) ||
		!scram_first_user(&first, user)) {
		login_answer(c, g, false, REFUSAL_bad_password,
			"not SCRAM-SHA-256-PLUS with tls-exporter");
	} else if (!verifier_of(c, user, &v, &number) ||
		   scram_challenge(&v, &first, &challenge) != 0) {
		login_answer(c, g, false, REFUSAL_session_limit, "the registry does not answer");
	} else {
		text_to(&g->challenge, &challenge);
		login_answer(c, g, true, 0, "");
	}
}

static void prove(struct control *c, struct login *g)
{
	struct scram_message first, challenge, final, last;
	struct scram_verifier v;
	char user[SCRAM_USER], detail[SCRAM_USER + 40];
	uint64_t now_us = clock_mono_us(), guesser;
	const bool heard = scram_message_set(&challenge, g->challenge.at, g->challenge.len);
	uint32_t wait_s;
	bool right;

	g->challenge.len = 0; /* what is there from here on is our last word */
	if (!g->bound) {
		login_answer(c, g, false, REFUSAL_bad_password,
			"TLS 1.2 without the extended master secret has no channel binding");
		return;
	}
	if (!heard || !scram_message_set(&first, g->first.at, g->first.len) ||
		!scram_message_set(&final, g->final.at, g->final.len) ||
		!scram_first_user(&first, user)) {
		login_answer(c, g, false, REFUSAL_bad_password, "not SCRAM");
		return;
	}
	if (!verifier_of(c, user, &v, &g->password)) {
		login_answer(c, g, false, REFUSAL_session_limit, "the registry does not answer");
		return;
	}
	guesser = guesses_source(&c->guesses, &g->addr, user);
	wait_s = guesses_begin(&c->guesses, guesser, now_us);
	if (wait_s) {
		login_wait(c, g, wait_s);
		return;
	}
	right = scram_final_right(&v, &first, &challenge, &final, g->binding, &last);
	guesses_done(&c->guesses, guesser, right, GUESSES_WAIT_MAX, now_us);
	if (right && certified(c, g->serial)) {
		login_answer(c, g, false, REFUSAL_legacy_disabled, AUTH_CERTIFIED);
		return;
	}
	text_to(&g->challenge, &last);
	snprintf(detail, sizeof(detail), "user %s: %.24s", user, last.at);
	login_answer(c, g, right, REFUSAL_bad_password, right ? "" : detail);
}

void logins_judge(void *ctx, struct login *g)
{
	struct control *c = ctx;

	switch ((enum login_kind)g->kind) {
	case LOGIN_KEY:
		login_keys_judge(c->keys, g);
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
