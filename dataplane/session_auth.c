/* Who a session is: by its certificate, and what the registry says of that name. */
#include "dataplane/session_oftp.h"

#include <stdio.h>
#include <string.h>

#include "dataplane/admit.h"
#include "dataplane/tell.h"

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
	ev->not_after_s = peer->not_after_s;
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

enum auth_state session_state_of(const struct dp_policy *pol, const char *serial)
{
	const struct auth_device *d = pol->auth ? auth_find(pol->auth, serial) : NULL;

	return d ? (enum auth_state)d->state : AUTH_UNKNOWN;
}

/* Sets s->serial; false: no name of the certificate is one that is asked for. */
static bool name_it(struct session *s, const struct dp_policy *pol, const struct tls_peer *peer)
{
	if (pol->tls_name_serial && pol->auth)
		for (const char *name = peer->names; *name; name += strlen(name) + 1)
			if (auth_serial_legal(pol->auth, name)) {
				snprintf(s->serial, sizeof(s->serial), "%.*s", AUTH_SERIAL - 1,
					name);
				s->proven = true;
				s->by_dns = false;
				return true;
			}
	if (pol->tls_name_dns && peer->dns[0] && strlen(peer->dns) < sizeof(s->serial)) {
		snprintf(s->serial, sizeof(s->serial), "%.*s", AUTH_SERIAL - 1, peer->dns);
		s->proven = s->by_dns = true;
		return true;
	}
	return false;
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
	s->denied = false;
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

/* An OFTP login is told why; whoever speaks anything else is not listened to. */
static enum session_result deny(struct session *s)
{
	session_refused(s, REFUSAL_denied, NULL);
	s->denied = true;
	session_enter_line(s, SESSION_PENDING);
	worker_ready(s->worker, s);
	return SESSION_HELD;
}

static enum session_result no_legal_sn(struct session *s)
{
	struct lcore *l = s->worker->l;

	if (trace_wanted(l, &s->src.addr))
		trace_say(l, "login", &s->src.addr,
			"Error No legal SN found in cert and legacy auth mode disabled");
	session_refused(s, REFUSAL_no_legal_sn, s->worker->peer.subject);
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
	switch (session_state_of(pol, s->serial)) {
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
		if (session_state_of(pol, name) == AUTH_UNKNOWN) { /* nobody is told of it */
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
		return session_state_of(l->policy, s->serial);
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

void session_reconsider(struct session *s, struct worker *w)
{
	switch (state_of_pending(s, w->l)) {
	case AUTH_AUTHORIZED:
		session_leave_line(s);
		session_open_as(s);
		break;
	case AUTH_DENIED:
		if (s->denied)
			break; /* it was told, or its login will be */
		session_refused(s, REFUSAL_denied, NULL);
		worker_close(w, s);
		break;
	case AUTH_UNKNOWN:
		if (!is_address(s) || w->l->policy->unknown_source != DP_UNKNOWN_DROP)
			break;
		session_refused(s, REFUSAL_not_authorized, NULL);
		worker_close(w, s);
		break;
	case AUTH_PENDING:
		break;
	}
}

/* In the clear, or over TLS without a certificate. */
static bool address_permitted(
	const struct session *s, const struct lcore *l, enum refusal_reason *why)
{
	if (!s->protocol || s->stage == SESSION_PENDING || session_is_relay(s, l))
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

/* By user and password, in which case no certificate speaks for it. */
static bool legacy_permitted(
	const struct session *s, const struct dp_policy *pol, enum refusal_reason *why)
{
	const struct auth_device *d = pol->auth ? auth_find(pol->auth, s->serial) : NULL;

	*why = REFUSAL_legacy_disabled;
	return pol->auth && (auth_legacy_mode(pol->auth) || (d && d->legacy));
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
		return true; /* about to log in */
	if (s->legacy && !legacy_permitted(s, pol, why))
		return false;
	*why = REFUSAL_no_certificate;
	if (!s->legacy && !tls_conn_verified(s->tls))
		return !pol->tls_require_certificate && address_permitted(s, l, why);
	if (!s->serial[0])
		return true; /* about to be named */
	*why = REFUSAL_no_legal_sn;
	if (!s->legacy && (s->by_dns ? !pol->tls_name_dns : !pol->tls_name_serial))
		return false;
	state = session_state_of(pol, s->serial);
	*why = state == AUTH_DENIED ? REFUSAL_denied : REFUSAL_not_authorized;
	if (state == AUTH_DENIED) /* it is told so by session_reconsider(), or as its login ends */
		return s->stage == SESSION_PENDING || (s->oftp && oftp_logs_in(s));
	return s->stage == SESSION_PENDING || state == AUTH_AUTHORIZED ||
	       (s->oftp && !oftp_is_open(s));
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
