#include "dataplane/desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/state.h"
#include "dataplane/ties.h"

/*
 * Whether a device's streams can make room for new ones takes a look at all streams of all devices,
 * under the journal's lock; and a claim that is refused for it leaves nothing behind that it could
 * be told by when it comes again. So looks have their rates, of a device and of all.
 */
#define LOOKS_OF_A_DEVICE 2u  /* a second */
#define LOOKS		  50u /* a second */
#define LOOKS_ACCOUNTS	  4096u

struct desk {
	struct tie *ties; /* as they are to be published */
	uint32_t ties_count, ties_room;
	bool ties_changed;
	struct login *tied; /* to be answered when they are */
	struct claims *claims;
	struct rates looks;
	uint64_t now_us; /* of this round */
	dp_judge_fn judge;
	void *ctx;
};

/* ---- an lcore's side ---- */

static struct rte_ring *ring_new(const char *what, const struct lcore *l, unsigned n)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s%u", what, l->index);
	return rte_ring_create(name, n, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

int desk_init(struct lcore *l)
{
	/* A session has at most a login, a release and its end under way. */
	unsigned n = 1024;

	while (n < 4 * l->dp->cfg.limits.sessions)
		n *= 2;
	l->asks = ring_new("asks", l, n);
	l->answers = ring_new("answers", l, n);
	return l->asks && l->answers ? 0 : -1;
}

/*
 * What a session has let go of is said by a number in a pointer's place, an odd one: it must be
 * said, also where memory is out, or its device's logs over UDP would be somebody else's for ever.
 */
static void *left_as_pointer(uint64_t session)
{
	const union {
		uintptr_t number;
		void *pointer;
	} v = {.number = (uintptr_t)(session << 1 | 1)};

	return v.pointer;
}

static bool is_left(const void *g)
{
	return (uintptr_t)g & 1;
}

static uint64_t left_session(const void *g)
{
	return (uint64_t)(uintptr_t)g >> 1;
}

static void empty(struct rte_ring *r)
{
	void *g;

	while (r && rte_ring_sc_dequeue(r, &g) == 0)
		if (!is_left(g))
			login_free(g);
	rte_ring_free(r);
}

void desk_fini(struct lcore *l)
{
	empty(l->asks);
	empty(l->answers);
}

bool desk_ask(struct lcore *l, struct login *g, bool owes)
{
	g->lcore = l->index;
	if (rte_ring_free_count(l->asks) <= l->owed + owes || rte_ring_sp_enqueue(l->asks, g) != 0)
		return false;
	l->owed += owes;
	waker_wake(&l->dp->own_waker);
	return true;
}

void desk_left(struct lcore *l, uint64_t session)
{
	int rc = rte_ring_sp_enqueue(l->asks, left_as_pointer(session));

	RTE_VERIFY(rc == 0 && l->owed > 0);
	l->owed--;
	waker_wake(&l->dp->own_waker);
}

struct login *desk_take(struct lcore *l)
{
	void *g;

	return rte_ring_sc_dequeue(l->answers, &g) == 0 ? g : NULL;
}

bool desk_idle(const struct lcore *l)
{
	return rte_ring_empty(l->answers);
}

/* ---- control's ---- */

void dp_login_answer(struct dp *d, struct login *g)
{
	struct lcore *l = d->lcores[g->lcore];

	/* Full: its session ends by its peer's patience. */
	if (rte_ring_sp_enqueue(l->answers, g) != 0)
		login_free(g);
	else
		waker_wake(&l->waker);
}

static void refuse_login(struct dp *d, struct login *g, enum refusal_reason why)
{
	g->granted = false;
	g->reason = (uint16_t)why;
	dp_login_answer(d, g);
}

static struct login *login_of(struct claim *c)
{
	return (struct login *)((char *)c - offsetof(struct login, claim));
}

_Static_assert(
	STATE_MAX_GAPS <= LOGIN_STREAM_RANGES, "none has to be closed when a stream is restored");

/* Of the journal's fold, whose lock is held. */
static void restore(void *ctx, const char *name, size_t len, const struct journal_state_stream *s)
{
	struct login_stream *to = ctx;
	struct stream_record rec = {
		.epoch = s->epoch,
		.conn_id = s->conn_id,
		.n_gaps = s->gap_count,
		.confirmed = {.seq = s->confirmed, .time_ns = (int64_t)s->last_seen_ns},
	};
	struct stream_range *gaps = calloc(s->gap_count ? s->gap_count : 1, sizeof(*gaps));

	(void)name, (void)len;
	/* What comes late for a gap that was forgotten was never stored: it is stale, no duplicate.
	 */
	if (s->gaps_forgotten)
		rec.closed_upto = s->gap_count ? s->gaps[0].first - 1 : s->confirmed;
	to->known = true;
	memcpy(rec.confirmed.digest, s->digest, sizeof(rec.confirmed.digest));
	for (uint32_t i = 0; gaps && i < s->gap_count; i++)
		gaps[i] = (struct stream_range){
			.first = s->gaps[i].first,
			.last = s->gaps[i].last,
			.before_ns = (int64_t)s->gaps[i].before_ns,
			.after_ns = (int64_t)s->gaps[i].after_ns,
		};
	to->damaged =
		!gaps || !stream_restore(&to->stream, &rec, gaps, to->ranges, LOGIN_STREAM_RANGES);
	free(gaps);
}

static void too_many_streams(struct dp *d, struct login *g)
{
	snprintf(g->detail, sizeof(g->detail),
		"the device has %u streams, as many as it may: limits.device-streams",
		journal_device_streams(d->journal, g->serial, strlen(g->serial)));
	refuse_login(d, g, REFUSAL_session_limit);
}

/* May there be a look at all streams for it now? Else the reason is in its detail. */
static bool may_look(struct dp *d, struct login *g)
{
	struct rates *r = &d->desk->looks;
	const uint64_t device = siphash13(&d->shard_key, g->serial, strlen(g->serial) + 1),
		       now_ns = d->desk->now_us * 1000;

	if (!rates_spend(r, device | 1, LOOKS_OF_A_DEVICE, 1, now_ns))
		snprintf(g->detail, sizeof(g->detail),
			"it has asked for more streams than it may have too often");
	else if (!rates_spend(r, 2, LOOKS, 1, now_ns))
		snprintf(g->detail, sizeof(g->detail),
			"all devices together have asked for more streams than they may have too "
			"often");
	else
		return true;
	return false;
}

/* May the journal come to know those of its streams that are new? Else it is refused. */
static bool may_have(struct dp *d, struct login *g)
{
	const size_t len = strlen(g->serial);
	uint32_t most = d->policy_owned->device_streams, more = 0, has;

	for (uint32_t i = 0; i < g->n; i++)
		more += !g->streams[i].known;
	if (more == 0)
		return true;
	has = journal_device_streams(d->journal, g->serial, len);
	if (has + more <= most)
		return true;
	if (!may_look(d, g)) {
		refuse_login(d, g, REFUSAL_claim_rate);
		return false;
	}
	if (has + more <= most + journal_displaceable_streams(d->journal, g->serial, len))
		return true;
	too_many_streams(d, g);
	return false;
}

static void grant(void *ctx, struct claim *c)
{
	struct dp *d = ctx;
	struct login *g = login_of(c);
	struct journal_status st;

	/* Refused, its session ends and says what it has let go of when all of that is durable. */
	for (uint32_t i = 0; i < g->n; i++) {
		struct login_stream *to = &g->streams[i];

		to->ranges = malloc(LOGIN_STREAM_RANGES * sizeof(*to->ranges));
		if (!to->ranges) {
			refuse_login(d, g, REFUSAL_session_limit);
			return;
		}
		stream_init(&to->stream, to->epoch, to->conn_id, to->ranges, LOGIN_STREAM_RANGES);
		journal_find_stream(d->journal, g->serial, strlen(g->serial), to->conn_id,
			to->epoch, restore, to);
	}
	if (!may_have(d, g))
		return;
	journal_status(d->journal, &st);
	g->disk_used = st.bytes;
	g->disk_total = st.bytes + st.free_bytes;
	g->granted = true;
	dp_login_answer(d, g);
}

static void refuse(void *ctx, struct claim *c, enum refusal_reason why)
{
	if (why == REFUSAL_session_limit)
		too_many_streams(ctx, login_of(c));
	else
		refuse_login(ctx, login_of(c), why);
}

static void release(void *ctx, const struct claims_session *owner, bool turns)
{
	struct login *g = login_new(0);

	if (!g)
		return; /* the claim waits until its time is over, and comes again */
	g->kind = LOGIN_RELEASE;
	g->session = owner->id;
	g->lcore = owner->lcore;
	g->slot = owner->slot;
	g->turns = turns;
	dp_login_answer(ctx, g);
}

/* ---- sessions whose logs come over UDP ---- */

static void untie(struct desk *k, uint64_t session)
{
	for (uint32_t i = 0; i < k->ties_count; i++) {
		if (k->ties[i].session != session)
			continue;
		memmove(&k->ties[i], &k->ties[i + 1], (k->ties_count - i - 1) * sizeof(k->ties[0]));
		k->ties_count--;
		k->ties_changed = true;
		return;
	}
}

/*
 * What logs are said to be whose stays within what an address may have: its devices behind a NAT.
 * A device that comes again from there takes the place of its own older session, which ends.
 * false: there is no room.
 */
static bool make_room(struct dp *d, const struct login *g)
{
	struct desk *k = d->desk;
	const struct tie *older = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < k->ties_count; i++) {
		const struct tie *t = &k->ties[i];

		if (!ip_addr_equal(&t->addr, &g->addr))
			continue;
		n++;
		if (strcmp(t->serial, g->serial) == 0)
			older = t;
	}
	if (older) {
		const struct claims_session owner = {
			.id = older->session, .lcore = older->lcore, .slot = older->slot};

		release(d, &owner, false);
		untie(k, owner.id);
		return true;
	}
	return n < TIES_PER_ADDRESS;
}

static void tie(struct dp *d, struct login *g)
{
	struct desk *k = d->desk;
	struct tie *to;

	if (!make_room(d, g)) {
		snprintf(g->detail, sizeof(g->detail),
			"%u devices log over UDP from its address already", TIES_PER_ADDRESS);
		refuse_login(d, g, REFUSAL_session_limit);
		return;
	}
	if (k->ties_count == k->ties_room) {
		uint32_t room = k->ties_room ? 2 * k->ties_room : 64;
		struct tie *v = realloc(k->ties, room * sizeof(*v));

		if (!v) {
			refuse_login(d, g, REFUSAL_session_limit);
			return;
		}
		k->ties = v;
		k->ties_room = room;
	}
	to = &k->ties[k->ties_count++];
	*to = (struct tie){
		.addr = g->addr, .session = g->session, .lcore = g->lcore, .slot = g->slot};
	memcpy(to->serial, g->serial, sizeof(to->serial));
	k->ties_changed = true;
	g->next = k->tied;
	k->tied = g;
}

/* All of a round at once: lcores know of them before the logins are answered. */
static void publish_ties(struct dp *d)
{
	struct desk *k = d->desk;
	struct dp_policy *next = malloc(sizeof(*next));
	struct ties *t = k->ties_count ? ties_new(k->ties, k->ties_count) : NULL;
	bool done = next && (t || k->ties_count == 0);

	if (done) {
		*next = *d->policy_owned;
		next->ties = t;
		dp_policy_swap(d, next);
	} else {
		free(next);
	}
	ties_unref(t); /* the policy has its own reference */
	k->ties_changed = !done;
	while (k->tied) {
		struct login *g = k->tied;

		k->tied = g->next;
		g->granted = done;
		g->reason = REFUSAL_session_limit;
		dp_login_answer(d, g);
	}
}

int desk_open(struct dp *d)
{
	static const struct claims_ops ops = {grant, refuse, release};

	d->desk = calloc(1, sizeof(*d->desk));
	if (d->desk)
		d->desk->claims = claims_new(&d->shard_key, &ops, d);
	return d->desk && d->desk->claims && rates_init(&d->desk->looks, LOOKS_ACCOUNTS) == 0 ? 0
											      : -1;
}

void desk_close(struct dp *d)
{
	if (d->desk) {
		claims_free(d->desk->claims);
		rates_fini(&d->desk->looks);
		free(d->desk->ties);
	}
	free(d->desk);
}

void dp_judge_set(struct dp *d, dp_judge_fn fn, void *ctx)
{
	d->desk->judge = fn;
	d->desk->ctx = ctx;
}

static void claim(struct dp *d, struct login *g, uint64_t now_us)
{
	g->claim.who = (struct claims_session){
		.id = g->session, .lcore = g->lcore, .slot = g->slot, .addr = g->addr};
	snprintf(g->claim.serial, sizeof(g->claim.serial), "%s", g->serial);
	g->claim.n = g->n;
	for (uint32_t i = 0; i < g->n; i++)
		g->claim.conn_id[i] = g->streams[i].conn_id;
	claims_limit(d->desk->claims, d->policy_owned->device_streams);
	claims_ask(d->desk->claims, &g->claim, now_us);
}

static void left(struct dp *d, uint64_t session)
{
	claims_left(d->desk->claims, session);
	untie(d->desk, session);
}

static void handle(struct dp *d, struct login *g, uint64_t now_us)
{
	switch ((enum login_kind)g->kind) {
	case LOGIN_KEY:
	case LOGIN_SASL:
	case LOGIN_PROOF:
		if (d->desk->judge)
			d->desk->judge(d->desk->ctx, g);
		else
			refuse_login(d, g, REFUSAL_bad_password);
		break;
	case LOGIN_CLAIM:
		claim(d, g, now_us);
		break;
	case LOGIN_TIE:
		tie(d, g);
		break;
	case LOGIN_RELEASE:
		login_free(g);
		break;
	}
}

bool desk_round(struct dp *d, uint64_t now_us)
{
	bool any = false;

	d->desk->now_us = now_us;
	for (unsigned i = 0; i < d->lcores_count; i++) {
		void *g;

		while (rte_ring_sc_dequeue(d->lcores[i]->asks, &g) == 0) {
			if (is_left(g))
				left(d, left_session(g));
			else
				handle(d, g, now_us);
			any = true;
		}
	}
	if (d->desk->ties_changed)
		publish_ties(d);
	return any;
}
