#include "dataplane/ledger/claims.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 16384u /* a power of two */

struct owner;

/* A serial number of which something is held or waited for. */
struct party {
	struct party *next;
	uint32_t n; /* streams */
	char serial[CLAIMS_SERIAL];
};

/* One (serial, connection id). */
struct held {
	struct held *next;	 /* in its bucket */
	struct held *next_owned; /* of its owner */
	struct owner *owner;	 /* NULL: nobody */
	struct party *party;
	struct claim *waiter; /* is to have it next */
	uint64_t refill_us, taken_us;
	struct ip_addr before; /* from whom it was taken last, at taken_us */
	uint32_t conn_id, tokens;
};

struct owner {
	struct owner *next;
	struct held *owned;
	struct claim *claim; /* not decided yet */
	struct claims_session who;
};

struct claims {
	struct siphash_key key;
	struct claims_ops ops;
	void *ctx;
	uint64_t n_held;
	uint32_t per_serial;
	struct held *held[BUCKETS];
	struct party *parties[BUCKETS];
	struct owner *owners[BUCKETS];
};

struct claims *claims_new(const struct siphash_key *key, const struct claims_ops *ops, void *ctx)
{
	struct claims *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->key = *key;
	c->ops = *ops;
	c->ctx = ctx;
	c->per_serial = UINT32_MAX;
	return c;
}

void claims_limit(struct claims *c, uint32_t per_serial)
{
	c->per_serial = per_serial;
}

void claims_free(struct claims *c)
{
	for (uint32_t i = 0; c && i < BUCKETS; i++) {
		for (struct held *h = c->held[i], *next; h; h = next) {
			next = h->next;
			free(h);
		}
		for (struct party *p = c->parties[i], *next; p; p = next) {
			next = p->next;
			free(p);
		}
		for (struct owner *o = c->owners[i], *next; o; o = next) {
			next = o->next;
			if (o->claim)
				c->ops.refuse(c->ctx, o->claim, REFUSAL_idle_timeout);
			free(o);
		}
	}
	free(c);
}

uint64_t claims_held(const struct claims *c)
{
	return c->n_held;
}

/* ---- the tables ---- */

static struct held **held_place(struct claims *c, const char *serial, uint32_t conn_id)
{
	char name[CLAIMS_SERIAL + sizeof(conn_id)];
	size_t n = strlen(serial) + 1;
	struct held **at;

	/* Peers choose both: who does not know the key finds none that meet. */
	memcpy(name, serial, n);
	memcpy(name + n, &conn_id, sizeof(conn_id));
	at = &c->held[siphash13(&c->key, name, n + sizeof(conn_id)) % BUCKETS];

	while (*at && ((*at)->conn_id != conn_id || strcmp((*at)->party->serial, serial) != 0))
		at = &(*at)->next;
	return at;
}

static struct party **party_place(struct claims *c, const char *serial)
{
	struct party **at = &c->parties[siphash13(&c->key, serial, strlen(serial) + 1) % BUCKETS];

	while (*at && strcmp((*at)->serial, serial) != 0)
		at = &(*at)->next;
	return at;
}

/* Room for one more of it; NULL: there is none. */
static struct party *party_join(struct claims *c, const char *serial)
{
	struct party **at = party_place(c, serial);

	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return NULL;
		memcpy((*at)->serial, serial, strlen(serial) + 1);
	}
	if ((*at)->n >= c->per_serial)
		return NULL;
	(*at)->n++;
	return *at;
}

static void party_leave(struct claims *c, struct party *p)
{
	if (--p->n > 0)
		return;
	*party_place(c, p->serial) = p->next;
	free(p);
}

static struct held *held_get(
	struct claims *c, const char *serial, uint32_t conn_id, uint64_t now_us)
{
	struct held **at = held_place(c, serial, conn_id);
	struct held *h = *at;

	if (h)
		return h;
	h = calloc(1, sizeof(*h));
	if (h)
		h->party = party_join(c, serial);
	if (!h || !h->party) {
		free(h);
		return NULL;
	}
	h->conn_id = conn_id;
	h->tokens = CLAIMS_BURST;
	h->refill_us = now_us;
	c->n_held++;
	*at = h;
	return h;
}

/* Nobody has it and nobody wants it: it is forgotten. */
static void held_drop_idle(struct claims *c, struct held *h)
{
	if (h->owner || h->waiter)
		return;
	*held_place(c, h->party->serial, h->conn_id) = h->next;
	party_leave(c, h->party);
	c->n_held--;
	free(h);
}

static struct owner **owner_place(struct claims *c, uint64_t id)
{
	struct owner **at = &c->owners[siphash13(&c->key, &id, sizeof(id)) % BUCKETS];

	while (*at && (*at)->who.id != id)
		at = &(*at)->next;
	return at;
}

static struct owner *owner_get(struct claims *c, const struct claims_session *who)
{
	struct owner **at = owner_place(c, who->id);
	struct owner *o = *at;

	if (o)
		return o;
	o = calloc(1, sizeof(*o));
	if (o)
		o->who = *who;
	*at = o;
	return o;
}

/* ---- claims ---- */

static void grant(struct claims *c, struct claim *claim)
{
	struct owner *o = *owner_place(c, claim->who.id);

	assert(o && o->claim == claim);
	for (uint32_t i = 0; i < claim->n; i++) {
		struct held *h = *held_place(c, claim->serial, claim->conn_id[i]);

		assert(h && h->waiter == claim && (!h->owner || h->owner == o));
		h->waiter = NULL;
		if (h->owner == o)
			continue;
		h->owner = o;
		h->next_owned = o->owned;
		o->owned = h;
	}
	o->claim = NULL;
	c->ops.grant(c->ctx, claim);
}

/* Takes the claim back from all that it waits for; its session keeps what it had. */
static void withdraw(struct claims *c, struct claim *claim)
{
	struct owner **at = owner_place(c, claim->who.id);
	struct owner *o = *at;

	for (uint32_t i = 0; i < claim->n; i++) {
		struct held *h = *held_place(c, claim->serial, claim->conn_id[i]);

		if (!h || h->waiter != claim)
			continue;
		h->waiter = NULL;
		held_drop_idle(c, h);
	}
	if (!o)
		return;
	o->claim = NULL;
	if (!o->owned) {
		*at = o->next;
		free(o);
	}
}

/* It changes hands, or its owner begins a new epoch: may it? */
static bool spend(struct held *h, uint64_t now_us)
{
	uint64_t more = (now_us - h->refill_us) / CLAIMS_EVERY_US;

	h->refill_us += more * CLAIMS_EVERY_US;
	h->tokens = more > CLAIMS_BURST - h->tokens ? CLAIMS_BURST : h->tokens + (uint32_t)more;
	if (h->tokens == 0)
		return false;
	h->tokens--;
	return true;
}

/* Asks whoever has it to let go. */
static void take_from_owner(
	struct claims *c, struct held *h, const struct claim *claim, uint64_t now_us)
{
	bool other = !ip_addr_equal(&h->owner->who.addr, &claim->who.addr);
	bool turns = other && h->taken_us && now_us - h->taken_us < CLAIMS_TURNS_US &&
		     ip_addr_equal(&h->before, &claim->who.addr);

	if (other) {
		h->before = h->owner->who.addr;
		h->taken_us = now_us;
	}
	c->ops.release(c->ctx, &h->owner->who, turns);
}

/* Puts it up for all that it wants; the reason where it cannot be. */
static bool line_up(struct claims *c, struct claim *claim, struct owner *self, uint64_t now_us,
	enum refusal_reason *why)
{
	for (uint32_t i = 0; i < claim->n; i++) {
		struct held *h = held_get(c, claim->serial, claim->conn_id[i], now_us);

		*why = REFUSAL_session_limit;
		if (!h)
			return false;
		*why = REFUSAL_duplicate_serial;
		if (h->owner == self && h->waiter && h->waiter != claim)
			return false; /* a newer login waits for it to let go */
		*why = REFUSAL_claim_rate;
		if (h->owner && !spend(h, now_us))
			return false;
		if (h->waiter && h->waiter != claim) {
			struct claim *older = h->waiter;

			h->waiter = claim; /* so that it is not dropped */
			withdraw(c, older);
			c->ops.refuse(c->ctx, older, REFUSAL_duplicate_serial);
		}
		h->waiter = claim;
	}
	return true;
}

void claims_ask(struct claims *c, struct claim *claim, uint64_t now_us)
{
	struct owner *self = owner_get(c, &claim->who);
	enum refusal_reason why = REFUSAL_session_limit;

	assert(claim->n >= 1 && claim->n <= CLAIMS_PER_CLAIM);
	claim->waits = 0;
	if (!self || self->claim || !line_up(c, claim, self, now_us, &why)) {
		if (self && !self->claim)
			withdraw(c, claim);
		c->ops.refuse(c->ctx, claim, why);
		return;
	}
	self->claim = claim;
	for (uint32_t i = 0; i < claim->n; i++) {
		struct held *h = *held_place(c, claim->serial, claim->conn_id[i]);

		if (!h->owner || h->owner == self)
			continue;
		claim->waits++;
		take_from_owner(c, h, claim, now_us);
	}
	if (claim->waits == 0)
		grant(c, claim);
}

void claims_left(struct claims *c, uint64_t session)
{
	struct owner **at = owner_place(c, session);
	struct owner *o = *at;
	struct held *next;

	if (!o)
		return;
	*at = o->next;
	if (o->claim) {
		struct claim *own = o->claim;

		withdraw(c, own);
		c->ops.refuse(c->ctx, own, REFUSAL_idle_timeout);
	}
	for (struct held *h = o->owned; h; h = next) {
		next = h->next_owned;
		h->owner = NULL;
		if (!h->waiter) {
			held_drop_idle(c, h);
			continue;
		}
		if (--h->waiter->waits == 0)
			grant(c, h->waiter);
	}
	free(o);
}
