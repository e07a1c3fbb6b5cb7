/* A login of the OFTP profile: who is it, may it log, and which streams does it get. */
#include "dataplane/session_oftp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/desk.h"
#include "dataplane/tell.h"

__attribute__((format(printf, 2, 3))) static void trace(struct session *s, const char *fmt, ...)
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

static void refuse(struct session *s, enum refusal_reason why, const char *detail)
{
	struct oftp_session *o = s->oftp;
	struct oftp_verdict v = {
		.result = OFTP_REFUSED,
		.reason = refusal_reason_slug(why),
		.detail = may_be_told(s, why) ? detail : NULL,
	};

	session_waits_no_more(s);
	trace(s, "LOGIN_REQUEST error: [handle_login()] %s%s%s", v.reason, detail ? ": " : "",
		detail ? detail : "");
	if (why != REFUSAL_denied || !s->denied) /* else that was told before it logged in */
		session_refused(s, why, detail);
	if (why == REFUSAL_bad_password && !s->legacy)
		v.sasl = (struct oftp_bytes){(const uint8_t *)o->challenge.at, o->challenge.len};
	say_verdict(s, &v);
}

/* A question to control; the answer comes to oftp_answered(). */
static void ask(struct session *s, struct login *g, enum login_kind kind)
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
	refuse(s, REFUSAL_session_limit, "too many logins at once");
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
	trace(s, "login of '%s' succeeded. Log is allowed.", s->serial);
	say_verdict(s, &v);
	o->challenge.len = 0;
}

static void claim(struct session *s)
{
	struct oftp_session *o = s->oftp;
	struct login *g;

	if (journal_state(s->worker->l->in.journal) == JOURNAL_FAILED) {
		refuse(s, REFUSAL_journal_failed, NULL);
		return;
	}
	if (!o->s.reliable) {
		ask(s, login_new(0), LOGIN_TIE);
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
	ask(s, g, LOGIN_CLAIM);
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

	session_set_device(
		s, device_by_name(l->in.devices, s->serial, strlen(s->serial), l->now_ns));
	session_tell_pending(s); /* it is listed in any case */
	if (!session_count_waiting(s, l->policy->pending_per_source)) {
		refuse(s, REFUSAL_session_limit,
			"too many of its address wait to be authorized: limits.pending-per-source");
		return;
	}
	trace(s, "device '%s' is not authorized: it waits", s->serial);
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
		refuse(s, REFUSAL_denied, session_denial(s, pol));
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
	ask(s, g, LOGIN_KEY);
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

/* NULL: its serial may log in by user and password. */
static const char *legacy_denial(const struct session *s)
{
	return auth_legacy_denial(s->worker->l->policy->auth, s->oftp->serial);
}

/* An operator may have taken it back, or the serial shown a certificate, since it was challenged;
 * or the password may be none any more. */
static bool legacy_still_may(struct session *s)
{
	const char *denial = legacy_denial(s);

	if (denial)
		refuse(s, REFUSAL_legacy_disabled, denial);
	else if (!auth_password_stands(s->worker->l->policy->auth, s->oftp->password))
		refuse(s, REFUSAL_bad_password, session_forbidden_by(s, REFUSAL_bad_password));
	else
		return true;
	return false;
}

/* Neither certificate nor user and password. */
static void refuse_nobody(struct session *s)
{
	char detail[AUTH_TEXT];

	trace(s, "Error No legal SN found in cert");
	if (tls_conn_verified(s->tls)) {
		tls_conn_peer(s->tls, &s->worker->peer);
		session_no_legal_name(
			&s->worker->peer, s->worker->l->policy, detail, sizeof(detail));
		refuse(s, REFUSAL_no_legal_sn, detail);
		return;
	}
	refuse(s, REFUSAL_no_certificate,
		s->oftp->keyed ? "a preshared key proves nobody: it needs a certificate, or user "
				 "and password, beside it"
			       : "neither a certificate, nor user and password");
}

/* By user and password, since no certificate speaks for it. */
static void begin_legacy(struct session *s, const struct oftp_msg *m)
{
	struct oftp_session *o = s->oftp;
	const char *denial;
	struct login *g;

	if (m->type != OFTP_LOGIN_REQUEST_LEGACY) {
		refuse_nobody(s);
		return;
	}
	denial = legacy_denial(s);
	if (denial) {
		trace(s, "Error No legal SN found in cert and legacy auth mode disabled");
		trace(s, "LOGIN_REQUEST_LEGACY error: [handle_login_legacy()] invalid device id");
		refuse(s, REFUSAL_legacy_disabled, denial);
		return;
	}
	if (m->sasl.len > LOGIN_SASL_MAX) {
		refuse(s, REFUSAL_bad_password, "no such long message is known");
		return;
	}
	o->first.len = (uint16_t)m->sasl.len;
	memcpy(o->first.at, m->sasl.at, m->sasl.len);
	g = login_new(0);
	if (g)
		g->first = o->first;
	ask(s, g, LOGIN_SASL);
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
	trace(s, "host = '%.*s'", (int)m->hostname.len, m->hostname.at ? m->hostname.at : "");
	trace(s, "Version: %s", o->version);
	if (oftp_has(m, OFTP_O_TIMEZONE) && !fields_zone(m->timezone, &east_s)) {
		char detail[128];

		snprintf(detail, sizeof(detail), "timezone parse error: %.*s", (int)m->timezone.len,
			m->timezone.at);
		trace(s, "[oftp_get_opt_timezone()] %s", detail);
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
		refuse(s, REFUSAL_no_legal_sn, detail);
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
		refuse(s, REFUSAL_sn_mismatch, detail);
		break;
	case NAMED_NOT:
		begin_legacy(s, m);
		break;
	}
}

void oftp_sasl(struct session *s, struct worker *w, const struct oftp_msg *m)
{
	struct oftp_session *o = s->oftp;
	struct login *g = login_new(0);

	(void)w;
	if (g) {
		g->first = o->first;
		g->challenge = o->challenge;
	}
	o->challenge.len = 0; /* what control says to this comes instead of it */
	if (m->sasl.len > LOGIN_SASL_MAX) {
		login_free(g);
		refuse(s, REFUSAL_bad_password, "no such long message is known");
		return;
	}
	if (g) {
		g->final.len = (uint16_t)m->sasl.len;
		memcpy(g->final.at, m->sasl.at, m->sasl.len);
		g->bound = tls_conn_binding(s->tls, g->binding);
	}
	ask(s, g, LOGIN_PROOF);
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
		refuse(s, REFUSAL_session_limit, "no memory for its streams");
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
	ask(s, g, LOGIN_CLAIM);
}

/* ---- control's answers ---- */

/* Somebody may have decided otherwise while it waited for control. */
static bool still_may(struct session *s)
{
	const struct dp_policy *pol = s->worker->l->policy;
	struct oftp_session *o = s->oftp;

	if (s->legacy && !legacy_still_may(s))
		return false;
	switch (session_state(s, pol)) {
	case AUTH_AUTHORIZED:
		return true;
	case AUTH_DENIED:
		refuse(s, REFUSAL_denied, session_denial(s, pol));
		return false;
	case AUTH_UNKNOWN:
	case AUTH_PENDING:
		break;
	}
	if (o->s.state == OFTP_OPEN) {
		refuse(s, REFUSAL_not_authorized, NULL);
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
		refuse(s, (enum refusal_reason)g->reason, g->detail[0] ? g->detail : NULL);
		return;
	}
	switch ((enum login_kind)g->kind) {
	case LOGIN_KEY:
		trace(s, "device '%s' is authorized by its preshared key", s->serial);
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
		if (!legacy_still_may(s))
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
	refuse(s, why, session_forbidden_by(s, why));
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
