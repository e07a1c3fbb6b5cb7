/* A login of the OFTP profile: who is it, may it log, and which streams does it get. */
#include "dataplane/session_oftp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/desk.h"
#include "dataplane/tell.h"

void oftp_trace(struct session *s, const char *fmt, ...)
{
	struct lcore *l = s->worker->l;
	char line[TELL_LINE_BYTES];
	va_list ap;

	if (!trace_wanted(l, &s->src.addr))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	trace_say(l, "login", &s->src.addr, line);
}

static void copy(char *to, size_t size, struct text t)
{
	snprintf(to, size, "%.*s", (int)t.len, t.at ? t.at : "");
}

/* ---- decisions ---- */

static void say_verdict(struct session *s, const struct oftp_verdict *v)
{
	struct oftp_session *o = s->oftp;

	if (o->s.state == OFTP_DECIDING)
		oftp_server_verdict(&o->s, v);
	else
		oftp_server_changed(&o->s, v);
	worker_answer_soon(s->worker, s);
}

/* Is the detail the peer's, too? Who has not proven to be that serial hears of nothing but what he
 * has said and shown himself: not what is known of the serial here. */
static bool may_be_told(const struct session *s, enum refusal_reason why)
{
	switch (why) {
	case REFUSAL_no_certificate:
	case REFUSAL_no_legal_sn:
	case REFUSAL_sn_mismatch:
	case REFUSAL_bad_password:
	case REFUSAL_login_rate:
		return true;
	default:
		return s->proven && strcmp(s->serial, s->oftp->serial) == 0;
	}
}

void oftp_refuse(struct session *s, enum refusal_reason why, const char *detail)
{
	struct oftp_session *o = s->oftp;
	struct oftp_verdict v = {
		.result = OFTP_REFUSED,
		.reason = refusal_reason_slug(why),
		.detail = may_be_told(s, why) ? detail : NULL,
	};

	session_waits_no_more(s);
	oftp_trace(s, "LOGIN_REQUEST error: [handle_login()] %s%s%s", v.reason, detail ? ": " : "",
		detail ? detail : "");
	if (why != REFUSAL_denied || !s->denied) /* else that was told before it logged in */
		session_refused(s, why, detail);
	if (why == REFUSAL_bad_password && !s->legacy)
		v.sasl = (struct oftp_bytes){(const uint8_t *)o->challenge.at, o->challenge.len};
	say_verdict(s, &v);
}

void oftp_ask(struct session *s, struct login *g, enum login_kind kind)
{
	struct oftp_session *o = s->oftp;
	bool owes = !o->claimed && (kind == LOGIN_CLAIM || kind == LOGIN_TIE);

	if (g) {
		g->kind = (uint8_t)kind;
		g->session = s->id;
		g->slot = s->slot;
		g->addr = s->src.addr;
		snprintf(g->serial, sizeof(g->serial), "%s", o->serial);
		o->asked = true;
		o->asked_us = s->worker->l->now_us;
		if (desk_ask(s->worker->l, g, owes)) {
			o->claimed |= owes;
			return;
		}
	}
	login_free(g);
	o->asked = false;
	oftp_refuse(s, REFUSAL_session_limit, "too many logins at once");
}

static void allow(struct session *s, uint64_t disk_used, uint64_t disk_total)
{
	struct oftp_session *o = s->oftp;
	const struct oftp_verdict v = {
		.result = OFTP_ALLOWED,
		.disk_used = disk_used,
		.disk_total = disk_total,
		.sasl = {(const uint8_t *)o->challenge.at, o->challenge.len},
	};

	session_open_as(s);
	oftp_trace(s, "login of '%s' succeeded. Log is allowed.", s->serial);
	say_verdict(s, &v);
	o->challenge.len = 0;
}

static void claim(struct session *s)
{
	struct oftp_session *o = s->oftp;
	struct login *g;

	if (journal_state(s->worker->l->in.journal) == JOURNAL_FAILED) {
		oftp_refuse(s, REFUSAL_journal_failed, NULL);
		return;
	}
	if (!o->s.reliable) {
		oftp_ask(s, login_new(0), LOGIN_TIE);
		return;
	}
	if (o->s.n_streams == 0) {
		allow(s, 0, 0);
		return;
	}
	g = login_new(o->s.n_streams);
	for (uint32_t i = 0; g && i < g->n; i++) {
		g->streams[i].conn_id = o->s.streams[i].conn_id;
		g->streams[i].epoch = o->s.streams[i].epoch;
	}
	oftp_ask(s, g, LOGIN_CLAIM);
}

static void wait_for_approval(struct session *s)
{
	struct oftp_session *o = s->oftp;
	/* Who has proven that he knows a password may know with whom he waits. */
	const struct oftp_verdict v = {
		.result = OFTP_PENDING,
		.reason = refusal_reason_slug(REFUSAL_not_authorized),
		.sasl = {(const uint8_t *)o->challenge.at, o->challenge.len},
	};
	struct lcore *l = s->worker->l;

	/* First, as passwords are not bound to serials: one of them could register any number. Who
	 * has a certificate is listed since its handshake. */
	if (!session_count_waiting(s, l->policy->pending_per_source)) {
		oftp_refuse(s, REFUSAL_session_limit,
			"too many of its address wait to be authorized: limits.pending-per-source");
		return;
	}
	session_set_device(
		s, device_by_name(l->in.devices, s->serial, strlen(s->serial), l->now_ns));
	session_tell_pending(s);
	oftp_trace(s, "device '%s' is not authorized: it waits", s->serial);
	say_verdict(s, &v);
	o->challenge.len = 0;
}

/* It is who it says it is: s->serial. */
static void admit(struct session *s)
{
	struct oftp_session *o = s->oftp;
	const struct dp_policy *pol = s->worker->l->policy;
	enum auth_state state = session_state(s, pol);
	struct login *g;

	if (state == AUTH_DENIED) {
		oftp_refuse(s, REFUSAL_denied, session_denial(s, pol));
		return;
	}
	session_not_denied(s);
	if (state == AUTH_AUTHORIZED) {
		claim(s);
		return;
	}
	if (!o->keyed) {
		wait_for_approval(s);
		return;
	}
	g = login_new(0);
	if (g)
		memcpy(g->key, o->key, sizeof(g->key));
	oftp_ask(s, g, LOGIN_KEY);
}

static void is_named(struct session *s)
{
	/* Its certificate has more names than one, and it was up as another of them. */
	if (strcmp(s->serial, s->oftp->serial) != 0)
		session_down(s);
	snprintf(s->serial, sizeof(s->serial), "%s", s->oftp->serial);
	s->proven = true;
	s->by_dns = s->nameless = false;
}

/* ---- who is it? ---- */

enum named { NAMED_YES, NAMED_OTHER, NAMED_NOT };

/* What its certificate says of the serial that it claims. */
static enum named by_certificate(struct session *s)
{
	const struct dp_policy *pol = s->worker->l->policy;
	struct tls_peer *peer = &s->worker->peer;
	enum named found = NAMED_NOT;

	if (!tls_conn_verified(s->tls) || !pol->tls_name_serial)
		return NAMED_NOT;
	tls_conn_peer(s->tls, peer);
	for (const char *name = peer->names; *name; name += strlen(name) + 1) {
		if (strcmp(name, s->oftp->serial) == 0)
			return NAMED_YES;
		if (auth_serial_legal(pol->auth, name))
			found = NAMED_OTHER;
	}
	return found;
}

static void note_login(struct session *s, const struct oftp_msg *m)
{
	struct oftp_session *o = s->oftp;
	int64_t east_s;

	copy(o->serial, sizeof(o->serial), m->serial);
	copy(o->version, sizeof(o->version), m->firmware);
	s->claimed = o->serial;
	s->version = o->version;
	if (oftp_has(m, OFTP_O_PRESHARED_KEY)) {
		copy(o->key, sizeof(o->key), m->preshared_key);
		o->keyed = true;
	}
	/* Without `reliable` there are no items, so no streams. */
	if (!m->reliable)
		o->s.n_streams = 0;
	for (uint32_t i = 0; i < o->s.n_streams; i++)
		o->known[i] = m->stream[i].confirmed;
	oftp_trace(s, "host = '%.*s'", (int)m->hostname.len, m->hostname.at ? m->hostname.at : "");
	oftp_trace(s, "Version: %s", o->version);
	if (oftp_has(m, OFTP_O_TIMEZONE) && !fields_zone(m->timezone, &east_s)) {
		char detail[128];

		snprintf(detail, sizeof(detail), "timezone parse error: %.*s", (int)m->timezone.len,
			m->timezone.at);
		oftp_trace(s, "[oftp_get_opt_timezone()] %s", detail);
		session_tell_warning(s, detail);
	}
}

void oftp_login(struct session *s, struct worker *w, const struct oftp_msg *m)
{
	const struct dp_policy *pol = w->l->policy;
	char detail[AUTH_TEXT], names[AUTH_TEXT - 32 - AUTH_SERIAL];

	note_login(s, m);
	if (!pol->auth || !auth_serial_legal(pol->auth, s->oftp->serial)) {
		snprintf(detail, sizeof(detail),
			"the login says %s, which is no serial number by auth.serial-pattern",
			s->oftp->serial);
		oftp_refuse(s, REFUSAL_no_legal_sn, detail);
		return;
	}
	switch (by_certificate(s)) {
	case NAMED_YES:
		is_named(s);
		admit(s);
		break;
	case NAMED_OTHER:
		session_legal_names(&w->peer, pol, names, sizeof(names));
		snprintf(detail, sizeof(detail), "the login says %s, the certificate %s",
			s->oftp->serial, names);
		oftp_refuse(s, REFUSAL_sn_mismatch, detail);
		break;
	case NAMED_NOT:
		oftp_legacy_begin(s, m);
		break;
	}
}

/* ---- streams ---- */

static void take_stream(struct session *s, uint32_t i, struct login_stream *from, uint64_t known)
{
	struct oftp_session *o = s->oftp;
	struct oftp_feed *f = &o->feeds[i];
	bool conflict;

	free(f->ranges);
	memset(f, 0, sizeof(*f));
	f->stream = from->stream;
	f->ranges = from->ranges;
	from->ranges = NULL;
	f->in = (struct intake_stream){
		.epoch = f->stream.epoch,
		.conn_id = f->stream.conn_id,
		.highest = f->stream.highest,
	};
	memcpy(f->in.digest, f->stream.confirmed.digest, sizeof(f->in.digest));
	conflict = oftp_server_attach(&o->s, i, &f->stream, known);
	if (!conflict && !from->damaged)
		return;
	o->s.streams[i].stale = true;
	intake_note(&s->worker->l->in, s->src.device, 0, 0, 1);
	session_refused(s, REFUSAL_conflict,
		conflict ? "the device knows of logs that are not here: was this journal restored?"
			 : "what the journal says of the stream contradicts itself");
}

static void take_streams(struct session *s, struct login *g)
{
	struct oftp_session *o = s->oftp;
	struct lcore *l = s->worker->l;

	if (o->s.unattached) { /* a new epoch of one of them */
		take_stream(s, o->s.current, &g->streams[0], 0);
		worker_answer_soon(s->worker, s);
		return;
	}
	o->feeds = calloc(g->n, sizeof(*o->feeds));
	if (!o->feeds) {
		oftp_refuse(s, REFUSAL_session_limit, "no memory for its streams");
		return;
	}
	session_set_device(
		s, device_by_name(l->in.devices, s->serial, strlen(s->serial), l->now_ns));
	for (uint32_t i = 0; i < g->n; i++)
		take_stream(s, i, &g->streams[i], o->known[i]);
	allow(s, g->disk_used, g->disk_total);
}

void oftp_new_epoch(struct session *s, struct worker *w)
{
	struct oftp_session *o = s->oftp;
	struct login *g;

	(void)w;
	/* The journal must know all that was sent in other epochs: this may be one of them. */
	if (oftp_outstanding(o))
		return;
	g = login_new(1);
	if (g) {
		g->streams[0].conn_id = o->s.streams[o->s.current].conn_id;
		g->streams[0].epoch = o->s.streams[o->s.current].epoch;
	}
	oftp_ask(s, g, LOGIN_CLAIM);
}

/* ---- control's answers ---- */

/* Nobody has forbidden it while it waited for control. */
static bool is_not_forbidden(struct session *s)
{
	const struct dp_policy *pol = s->worker->l->policy;

	if (s->legacy && !oftp_legacy_still_may(s))
		return false;
	if (session_state(s, pol) != AUTH_DENIED)
		return true;
	oftp_refuse(s, REFUSAL_denied, session_denial(s, pol));
	return false;
}

/* Nor has anybody decided otherwise. */
static bool still_may(struct session *s)
{
	struct oftp_session *o = s->oftp;

	if (!is_not_forbidden(s))
		return false;
	if (session_state(s, s->worker->l->policy) == AUTH_AUTHORIZED)
		return true;
	if (o->s.state == OFTP_OPEN) {
		oftp_refuse(s, REFUSAL_not_authorized, NULL);
		return false;
	}
	/* It lives on without its streams, and claims them when it is authorized. */
	if (o->claimed)
		desk_left(s->worker->l, s->id);
	o->claimed = false;
	if (o->s.state == OFTP_DECIDING)
		wait_for_approval(s);
	return false;
}

static void answered(struct session *s, struct login *g)
{
	struct oftp_session *o = s->oftp;

	if (!g->granted && g->kind == LOGIN_KEY && g->reason == REFUSAL_not_authorized) {
		/* There is no key that it could be. It may have been authorized since it asked. */
		if (still_may(s))
			claim(s);
		return;
	}
	if (!g->granted) {
		if (g->kind == LOGIN_PROOF)
			o->challenge = g->challenge;
		oftp_refuse(s, (enum refusal_reason)g->reason, g->detail[0] ? g->detail : NULL);
		return;
	}
	switch ((enum login_kind)g->kind) {
	case LOGIN_KEY:
		oftp_trace(s, "device '%s' is authorized by its preshared key", s->serial);
		if (is_not_forbidden(s))
			claim(s);
		break;
	case LOGIN_SASL:
		o->challenge = g->challenge;
		o->login_us = s->worker->l->now_us;
		oftp_server_challenge(&o->s,
			(struct oftp_bytes){(const uint8_t *)o->challenge.at, o->challenge.len});
		worker_answer_soon(s->worker, s);
		break;
	case LOGIN_PROOF:
		o->password = g->password;
		if (!oftp_legacy_still_may(s))
			break;
		o->challenge = g->challenge;
		is_named(s);
		s->legacy = true;
		admit(s);
		break;
	case LOGIN_CLAIM:
		if (still_may(s))
			take_streams(s, g);
		break;
	case LOGIN_TIE:
		if (still_may(s))
			allow(s, 0, 0);
		break;
	case LOGIN_RELEASE:
		break;
	}
}

void oftp_answered(struct session *s, struct worker *w, struct login *g)
{
	struct oftp_session *o = s->oftp;

	(void)w;
	o->asked = false;
	if (!s->closing && o->s.state != OFTP_ENDED)
		answered(s, g);
	login_free(g);
}

/* ---- the policy changes ---- */

void oftp_reconsider(struct session *s, struct worker *w)
{
	struct oftp_session *o = s->oftp;

	if (o && o->s.state == OFTP_WAITING && !o->asked && oftp_may_say(o) &&
		session_state(s, w->l->policy) == AUTH_AUTHORIZED && still_may(s))
		claim(s);
}

bool oftp_forbidden(struct session *s, struct worker *w, enum refusal_reason why)
{
	struct oftp_session *o = s->oftp;

	(void)w;
	if (!o || (o->s.state != OFTP_WAITING && o->s.state != OFTP_OPEN) || !oftp_may_say(o))
		return false;
	oftp_refuse(s, why, session_forbidden_by(s, why));
	return true;
}

/* ---- the end ---- */

void oftp_leave(struct session *s, struct worker *w)
{
	struct oftp_session *o = s->oftp;

	if (!o->claimed || o->left)
		return;
	if (!o->leaving && s->conn && !s->closed && oftp_outstanding(o)) {
		o->leaving = true;
		return; /* oftp_became_durable() comes back here */
	}
	o->leaving = o->left = true;
	if (!acks_leave(&w->acks, s->id, s->newest_mark))
		desk_left(w->l, s->id);
}
