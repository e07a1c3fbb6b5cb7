/* Who a session is: by its certificate, and what the registry says of that name. */
#include "dataplane/session_oftp.h"

#include <stdio.h>
#include <string.h>

#include "dataplane/admit.h"
#include "dataplane/tell.h"

/* A denied session stays to be told so only while fewer of its address wait than these. */
#define DENIED_PER_SOURCE 8u

static void event_of(const struct session *s, struct auth_event *ev, enum auth_event_kind kind)
{
	memset(ev, 0, sizeof(*ev));
	ev->kind = (uint8_t)kind;
	ev->transport = s->src.transport;
	ev->session = s->id;
	ev->addr = s->src.addr;
	ev->port = s->src.port;
	snprintf(ev->serial, sizeof(ev->serial), "%s",
		s->serial[0] || !s->claimed ? s->serial : s->claimed);
	if (s->version)
		snprintf(ev->version, sizeof(ev->version), "%s", s->version);
}

bool session_is_certified(const struct session *s)
{
	return s->tls && s->proven && !s->legacy && s->serial[0] && tls_conn_verified(s->tls);
}

/* What its certificate says, also one that was refused. */
static void add_certificate(struct session *s, struct auth_event *ev)
{
	struct tls_peer *peer = &s->worker->peer;

	if (!s->tls || s->legacy)
		return; /* a certificate that does not name the serial is not its */
	tls_conn_peer(s->tls, peer);
	snprintf(ev->subject, sizeof(ev->subject), "%s", peer->subject);
	snprintf(ev->issuer, sizeof(ev->issuer), "%s", peer->issuer);
	snprintf(ev->fingerprint, sizeof(ev->fingerprint), "%s", peer->fingerprint);
	snprintf(ev->anchor, sizeof(ev->anchor), "%s", peer->anchor);
	ev->not_after_s = peer->not_after_s;
	ev->certified = session_is_certified(s);
	/* Its CN is what it claims to be, whether or not that is a legal serial. */
	if (!ev->serial[0] && strlen(peer->cn) < sizeof(ev->serial))
		snprintf(ev->serial, sizeof(ev->serial), "%.*s", AUTH_SERIAL - 1, peer->cn);
}

void session_refused(struct session *s, enum refusal_reason why, const char *detail)
{
	struct lcore *l = s->worker->l;
	struct auth_event ev;

	l->refusals[why]++;
	event_of(s, &ev, AUTH_EV_REFUSED);
	ev.reason = (uint16_t)why;
	if (detail)
		snprintf(ev.detail, sizeof(ev.detail), "%s", detail);
	add_certificate(s, &ev);
	tell_event(l, &ev);
	if (trace_wanted(l, &s->src.addr)) {
		char line[AUTH_TEXT + 64];

		snprintf(line, sizeof(line), "refused: %s%s%s", refusal_reason_slug(why),
			ev.detail[0] ? ": " : "", ev.detail);
		trace_say(l, "session", &s->src.addr, line);
	}
}

void session_set_device(struct session *s, uint32_t device)
{
	struct device_table *t = s->worker->l->in.devices;

	device_hold(device_at(t, device));
	device_release(device_at(t, s->src.device));
	s->src.device = device;
}

/* ---- the certificate's name ---- */

static enum auth_state state_of(const struct dp_policy *pol, const char *serial)
{
	const struct auth_device *d = pol->auth ? auth_find(pol->auth, serial) : NULL;

	return d ? (enum auth_state)d->state : AUTH_UNKNOWN;
}

/* Whoever has the certificate may log in by each of its names: who denies one of them means it. */
static bool a_name_is_denied(const struct session *s, const struct dp_policy *pol)
{
	struct tls_peer *peer = &s->worker->peer;

	tls_conn_peer(s->tls, peer);
	for (const char *name = peer->names; *name; name += strlen(name) + 1)
		if (state_of(pol, name) == AUTH_DENIED && auth_serial_legal(pol->auth, name))
			return true;
	return false;
}

enum auth_state session_state(const struct session *s, const struct dp_policy *pol)
{
	if (s->several && pol->tls_name_serial && a_name_is_denied(s, pol))
		return AUTH_DENIED;
	return state_of(pol, s->serial);
}

const char *session_denial(const struct session *s, const struct dp_policy *pol)
{
	return s->several && state_of(pol, s->serial) != AUTH_DENIED
		       ? "by another name of its certificate"
		       : NULL;
}

const char *session_forbidden_by(const struct session *s, enum refusal_reason why)
{
	const struct dp_policy *pol = s->worker->l->policy;
	const char *by = NULL;

	if (why == REFUSAL_denied)
		by = session_denial(s, pol);
	else if (why == REFUSAL_legacy_disabled && pol->auth)
		by = auth_legacy_denial(pol->auth, s->serial);
	else if (why == REFUSAL_bad_password)
		by = "its user was deleted, or has another password now";
	return by ? by : "by a new policy";
}

void session_not_denied(struct session *s)
{
	s->denied = false;
	session_waits_no_more(s);
}

/* Sets s->serial, and s->several; false: no name of the certificate is one that is asked for. */
static bool name_it(struct session *s, const struct dp_policy *pol, const struct tls_peer *peer)
{
	const char *name = auth_name(pol->auth, pol->tls_name_serial, pol->tls_name_dns, peer);

	s->serial[0] = 0;
	if (!name)
		return false;
	snprintf(s->serial, sizeof(s->serial), "%.*s", AUTH_SERIAL - 1, name);
	s->proven = true;
	s->by_dns = name == peer->dns;
	for (; !s->by_dns && *name; name += strlen(name) + 1)
		s->several |= strcmp(name, s->serial) != 0 && auth_serial_legal(pol->auth, name);
	return true;
}

void session_open_as(struct session *s)
{
	struct lcore *l = s->worker->l;
	uint32_t device =
		s->proven ? device_by_name(l->in.devices, s->serial, strlen(s->serial), l->now_ns)
			  : device_by_addr(l->in.devices, &s->src.addr, l->now_ns);
	struct auth_event ev;

	if (s->up) /* by its certificate already, before it logged in */
		device_at(l->in.devices, s->src.device)->sessions--;
	session_set_device(s, device);
	device_at(l->in.devices, device)->sessions++;
	s->up = true;
	session_not_denied(s);
	event_of(s, &ev, AUTH_EV_UP);
	add_certificate(s, &ev);
	tell_event(l, &ev);
	worker_ready(s->worker, s); /* what came with the handshake's end is still unread */
}

void session_tell_pending(struct session *s)
{
	struct auth_event ev;

	event_of(s, &ev, AUTH_EV_PENDING);
	add_certificate(s, &ev);
	tell_event(s->worker->l, &ev);
}

void session_tell_warning(struct session *s, const char *detail)
{
	struct auth_event ev;

	event_of(s, &ev, AUTH_EV_WARNING);
	snprintf(ev.detail, sizeof(ev.detail), "%s", detail);
	tell_event(s->worker->l, &ev);
}

static enum session_result hold_back(struct session *s)
{
	session_tell_pending(s);
	session_enter_line(s, SESSION_PENDING);
	return SESSION_HELD;
}

static _Atomic uint32_t *waiting_of(const struct session *s)
{
	struct dp *d = s->worker->l->dp;

	return &d->waiting[siphash13(&d->shard_key, &s->src.addr, sizeof(s->src.addr)) %
			   DP_WAITING];
}

bool session_count_waiting(struct session *s, uint32_t most)
{
	if (atomic_fetch_add(waiting_of(s), 1) < most) {
		s->counted = true;
		return true;
	}
	atomic_fetch_sub(waiting_of(s), 1);
	return false;
}

void session_waits_no_more(struct session *s)
{
	if (s->counted)
		atomic_fetch_sub(waiting_of(s), 1);
	s->counted = false;
}

/* An OFTP login is told why, for which it stays for a moment; whoever speaks anything else is not
 * listened to. SESSION_REFUSED: too many stay already. */
static enum session_result deny(struct session *s)
{
	const struct dp_policy *pol = s->worker->l->policy;
	uint32_t most = pol->pending_per_source < DENIED_PER_SOURCE ? pol->pending_per_source
								    : DENIED_PER_SOURCE;

	session_refused(s, REFUSAL_denied, session_denial(s, pol));
	if (!session_count_waiting(s, most))
		return SESSION_REFUSED;
	s->denied = true;
	session_enter_line(s, SESSION_DENIED);
	worker_ready(s->worker, s);
	return SESSION_HELD;
}

static enum session_result no_legal_sn(struct session *s)
{
	struct lcore *l = s->worker->l;
	char detail[AUTH_TEXT];

	if (trace_wanted(l, &s->src.addr))
		trace_say(l, "login", &s->src.addr,
			"Error No legal SN found in cert and legacy auth mode disabled");
	session_no_legal_name(&s->worker->peer, l->policy, detail, sizeof(detail));
	session_refused(s, REFUSAL_no_legal_sn, detail);
	return SESSION_REFUSED;
}

enum session_result session_identify(struct session *s, struct worker *w)
{
	const struct dp_policy *pol = w->l->policy;
	enum refusal_reason why;

	/* The set that it shook hands with may be older than the policy. */
	if (!session_permitted(s, w->l, &why)) {
		session_refused(s, why, NULL);
		return SESSION_REFUSED;
	}
	if (!tls_conn_verified(s->tls)) {
		worker_ready(w, s);
		return SESSION_HELD;
	}
	tls_conn_peer(s->tls, &w->peer);
	if (!name_it(s, pol, &w->peer)) {
		if (!pol->auth || !auth_legacy_any(pol->auth))
			return no_legal_sn(s);
		s->nameless = true; /* a login by user and password may follow */
		worker_ready(w, s);
		return SESSION_HELD;
	}
	switch (session_state(s, pol)) {
	case AUTH_DENIED:
		return deny(s);
	case AUTH_AUTHORIZED:
		break;
	case AUTH_UNKNOWN:
	case AUTH_PENDING:
		hold_back(s);
		worker_ready(w, s); /* it may log in with a preshared key: what does it speak? */
		return SESSION_HELD;
	}
	session_open_as(s);
	return SESSION_HELD;
}

enum session_result session_identify_address(struct session *s, struct worker *w)
{
	struct lcore *l = w->l;
	const struct dp_policy *pol = l->policy;
	char name[IP_ADDR_TEXT];

	/* A relay is nobody: each of its logs is somebody's. */
	if (session_is_relay(s, l)) {
		session_set_device(s, device_by_addr(l->in.devices, &s->src.addr, l->now_ns));
		return SESSION_AGAIN;
	}
	ip_addr_format(&s->src.addr, name);
	switch (admit_address(l, &s->src.addr)) {
	case ADMIT_YES:
		if (state_of(pol, name) == AUTH_UNKNOWN) { /* nobody is told of it */
			session_set_device(
				s, device_by_addr(l->in.devices, &s->src.addr, l->now_ns));
			return SESSION_AGAIN;
		}
		snprintf(s->serial, sizeof(s->serial), "%s", name);
		session_open_as(s);
		return SESSION_AGAIN;
	case ADMIT_DENIED:
		session_refused(s, REFUSAL_denied, NULL);
		return SESSION_REFUSED;
	case ADMIT_UNKNOWN:
		break;
	}
	if (s->closed || pol->unknown_source == DP_UNKNOWN_DROP) {
		session_refused(s, REFUSAL_not_authorized, NULL);
		return SESSION_REFUSED;
	}
	snprintf(s->serial, sizeof(s->serial), "%s", name);
	return hold_back(s);
}

enum session_result session_slow_down(struct session *s)
{
	s->was_slowed = true;
	session_enter_line(s, SESSION_SLOWED);
	return SESSION_HELD;
}

/* It is its address: neither certificate nor login has named it. */
static bool is_address(const struct session *s)
{
	return !s->proven && !s->oftp;
}

/* What the registry says of one that waits; of an address unknown-source has a say too. */
static enum auth_state state_of_pending(const struct session *s, const struct lcore *l)
{
	if (!is_address(s))
		return session_state(s, l->policy);
	switch (admit_address(l, &s->src.addr)) {
	case ADMIT_YES:
		return AUTH_AUTHORIZED;
	case ADMIT_DENIED:
		return AUTH_DENIED;
	case ADMIT_UNKNOWN:
		break;
	}
	return AUTH_UNKNOWN;
}

/* Somebody has denied one that waited. */
static void deny_pending(struct session *s, struct worker *w)
{
	/* No login will come of one that has shown that it speaks something else. */
	if (is_address(s) || s->looked) {
		session_refused(s, REFUSAL_denied, session_denial(s, w->l->policy));
		worker_close(w, s);
		return;
	}
	session_leave_line(s);
	if (deny(s) == SESSION_REFUSED)
		worker_close(w, s);
}

/* Somebody has thought again about one that was denied: it waits, as if it had come now. */
static void deny_no_more(struct session *s, struct worker *w)
{
	session_not_denied(s);
	session_leave_line(s);
	hold_back(s);
	worker_ready(w, s);
}

void session_reconsider(struct session *s, struct worker *w)
{
	switch (state_of_pending(s, w->l)) {
	case AUTH_AUTHORIZED:
		session_leave_line(s);
		session_open_as(s);
		break;
	case AUTH_DENIED:
		if (!s->denied)
			deny_pending(s, w);
		break;
	case AUTH_UNKNOWN:
	case AUTH_PENDING:
		if (s->denied) {
			deny_no_more(s, w);
		} else if (is_address(s) && w->l->policy->unknown_source == DP_UNKNOWN_DROP) {
			session_refused(s, REFUSAL_not_authorized, NULL);
			worker_close(w, s);
		}
		break;
	}
}

/* In the clear, or over TLS without a certificate. */
static bool address_permitted(
	const struct session *s, const struct lcore *l, enum refusal_reason *why)
{
	if (!s->protocol || session_is_held(s) || session_is_relay(s, l))
		return true;
	switch (admit_address(l, &s->src.addr)) {
	case ADMIT_YES:
		return true;
	case ADMIT_UNKNOWN:
		*why = REFUSAL_not_authorized;
		return false;
	case ADMIT_DENIED:
		break;
	}
	*why = REFUSAL_denied;
	return false;
}

/* As who has come by user and password, if it has, which is by the OFTP profile. */
static bool legacy_permitted(
	const struct session *s, const struct dp_policy *pol, enum refusal_reason *why)
{
	if (!s->legacy)
		return true;
	*why = REFUSAL_legacy_disabled;
	if (!pol->auth || auth_legacy_denial(pol->auth, s->serial))
		return false;
	*why = REFUSAL_bad_password;
	return s->oftp && auth_password_stands(pol->auth, s->oftp->password);
}

bool session_identity_permitted(
	const struct session *s, const struct lcore *l, enum refusal_reason *why)
{
	const struct dp_policy *pol = l->policy;
	enum auth_state state;

	if (s->stage == SESSION_SHAKING || s->stage == SESSION_WAITING)
		return true;
	if (!s->tls)
		return address_permitted(s, l, why);
	if (pol->tls && !tls_conn_permitted(s->tls, pol->tls, why))
		return false;
	if (s->oftp && !s->serial[0])
		return true;		    /* about to log in */
	if (!legacy_permitted(s, pol, why)) /* told as its login ends */
		return s->oftp && oftp_logs_in(s);
	*why = REFUSAL_no_certificate;
	if (!s->legacy && !tls_conn_verified(s->tls))
		return !pol->tls_require_certificate && address_permitted(s, l, why);
	if (!s->serial[0])
		return true; /* about to be named */
	*why = REFUSAL_no_legal_sn;
	if (!s->legacy && (s->by_dns ? !pol->tls_name_dns : !pol->tls_name_serial))
		return false;
	state = session_state(s, pol);
	*why = state == AUTH_DENIED ? REFUSAL_denied : REFUSAL_not_authorized;
	if (state == AUTH_DENIED) /* it is told so by session_reconsider(), or as its login ends */
		return session_is_held(s) || (s->oftp && oftp_logs_in(s));
	return session_is_held(s) || state == AUTH_AUTHORIZED || (s->oftp && !oftp_is_open(s));
}

void session_down(struct session *s)
{
	struct lcore *l = s->worker->l;
	bool was_up = s->up;
	struct auth_event ev;

	s->up = false;
	if (!was_up || --device_at(l->in.devices, s->src.device)->sessions > 0)
		return;
	event_of(s, &ev, AUTH_EV_DOWN);
	tell_event(l, &ev);
}
