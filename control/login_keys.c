#include "control/login_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/control.h"
#include "control/logins.h"
#include "control/registry_trust.h"
#include "tls/scram.h"

struct key_job {
	struct job job;
	struct login_keys *keys;
	struct login *g;
	struct key_job *next;		       /* of those that wait for their turn */
	uint64_t guesser, site;		       /* of its address and serial; of its address */
	char own[SCRAM_TEXT], all[SCRAM_TEXT]; /* verifiers; empty: none */
	bool right;
};

struct login_keys {
	struct control *c;
	struct jobs *jobs;
	struct key_job *first, **last;
	unsigned waiting;
	bool ending;
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

	(void)!nice(10); /* behind the lcores, where it may be */
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

/* Both accounts. One with a wrong key must not keep out those who share its address for long. */
static void judged(const struct key_job *k, bool right)
{
	struct guesses *g = &k->keys->c->guesses;
	uint64_t now_us = clock_mono_us();

	guesses_done(g, k->guesser, right, GUESSES_WAIT_MAX, now_us);
	guesses_done(g, k->site, right, GUESSES_WAIT_SITE, now_us);
}

static void drop(struct key_job *k)
{
	login_free(k->g);
	free(k);
}

/* As many as there are threads for. */
static void begin_next(struct login_keys *keys)
{
	while (keys->first && jobs_running(keys->jobs) < LOGIN_KEYS_THREADS) {
		struct key_job *k = keys->first;

		keys->first = k->next;
		if (!keys->first)
			keys->last = &keys->first;
		keys->waiting--;
		if (job_start(keys->jobs, &k->job) == 0)
			continue;
		judged(k, true);
		login_answer(keys->c, k->g, false, REFUSAL_session_limit, "no thread for its key");
		free(k);
	}
}

static void hashed(struct job *job)
{
	struct key_job *k = (struct key_job *)job;
	struct login_keys *keys = k->keys;
	struct control *c = keys->c;

	judged(k, k->right);
	if (!c->dp || job_cancelled(job)) {
		drop(k);
		return;
	}
	if (!k->right)
		login_answer(c, k->g, false, REFUSAL_bad_password, "a wrong preshared key");
	else if (authorize(c, k->g->serial))
		login_answer(c, k->g, true, 0, "");
	else
		login_answer(c, k->g, false, REFUSAL_not_authorized, "");
	free(k);
	if (!keys->ending)
		begin_next(keys);
}

static void line_up(struct login_keys *keys, struct key_job *k)
{
	*keys->last = k;
	keys->last = &k->next;
	keys->waiting++;
	begin_next(keys);
}

/* Once it is known that there is a key that it could be. */
static void judge(struct login_keys *keys, struct key_job *k)
{
	struct control *c = keys->c;
	uint32_t wait_s = 1;

	uint64_t now_us = clock_mono_us();

	if (keys->waiting < LOGIN_KEYS_WAITING)
		wait_s = guesses_begin(&c->guesses, k->site, now_us);
	if (wait_s == 0) {
		wait_s = guesses_begin(&c->guesses, k->guesser, now_us);
		if (wait_s)
			guesses_done(&c->guesses, k->site, true, GUESSES_WAIT_SITE, now_us);
	}
	if (wait_s == 0) {
		line_up(keys, k);
		return;
	}
	login_wait(c, k->g, wait_s);
	free(k);
}

void login_keys_judge(struct login_keys *keys, struct login *g)
{
	struct control *c = keys->c;
	struct key_job *k = calloc(1, sizeof(*k));

	if (!k) {
		login_answer(c, g, false, REFUSAL_session_limit, "no memory for its key");
		return;
	}
	*k = (struct key_job){
		.job = {.run = hash, .notified = nothing, .finished = hashed, .wake = nothing},
		.keys = keys,
		.g = g,
		.guesser = guesses_source(&c->guesses, &g->addr, g->serial),
		.site = guesses_source(&c->guesses, &g->addr, ""),
	};
	registry_meta_get(c->registry, TRUST_PSK_FOR_ALL, k->all, sizeof(k->all));
	registry_device(c->registry, g->serial, take_row, k);
	if (k->own[0] || k->all[0]) {
		judge(keys, k);
		return;
	}
	/* No key was ever set: an operator decides. */
	login_answer(c, g, false, REFUSAL_not_authorized, "");
	free(k);
}

struct login_keys *login_keys_new(struct control *c)
{
	struct login_keys *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->c = c;
	k->last = &k->first;
	k->jobs = jobs_new(c->loop, LOGIN_KEYS_THREADS);
	if (k->jobs)
		return k;
	free(k);
	return NULL;
}

bool login_keys_free(struct login_keys *k)
{
	struct key_job *next;

	if (!k)
		return true;
	k->ending = true;
	for (struct key_job *j = k->first; j; j = next) {
		next = j->next;
		drop(j);
	}
	if (!jobs_free(k->jobs))
		return false;
	free(k);
	return true;
}
