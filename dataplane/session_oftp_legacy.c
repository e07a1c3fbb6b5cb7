/* A login of the OFTP profile by user and password, since no certificate speaks for its serial. */
#include "dataplane/session_oftp.h"

#include <string.h>

/* NULL: its serial may log in by user and password. */
static const char *legacy_denial(const struct session *s)
{
	return auth_legacy_denial(s->worker->l->policy->auth, s->oftp->serial);
}

/* In the vendor's words, too. */
static void refuse_disabled(struct session *s, const char *denial)
{
	oftp_trace(s, "Error No legal SN found in cert and legacy auth mode disabled");
	oftp_trace(s, "LOGIN_REQUEST_LEGACY error: [handle_login_legacy()] invalid device id");
	oftp_refuse(s, REFUSAL_legacy_disabled, denial);
}

bool oftp_legacy_still_may(struct session *s)
{
	const char *denial = legacy_denial(s);

	if (denial)
		refuse_disabled(s, denial);
	else if (!auth_password_stands(s->worker->l->policy->auth, s->oftp->password))
		oftp_refuse(s, REFUSAL_bad_password, session_forbidden_by(s, REFUSAL_bad_password));
	else
		return true;
	return false;
}

/* Neither certificate nor user and password. */
static void refuse_nobody(struct session *s)
{
	char detail[AUTH_TEXT];

	oftp_trace(s, "Error No legal SN found in cert");
	if (tls_conn_verified(s->tls)) {
		tls_conn_peer(s->tls, &s->worker->peer);
		session_no_legal_name(
			&s->worker->peer, s->worker->l->policy, detail, sizeof(detail));
		oftp_refuse(s, REFUSAL_no_legal_sn, detail);
		return;
	}
	oftp_refuse(s, REFUSAL_no_certificate,
		s->oftp->keyed ? "a preshared key proves nobody: it needs a certificate, or user "
				 "and password, beside it"
			       : "neither a certificate, nor user and password");
}

void oftp_legacy_begin(struct session *s, const struct oftp_msg *m)
{
	struct oftp_session *o = s->oftp;
	struct login *g;

	if (m->type != OFTP_LOGIN_REQUEST_LEGACY) {
		refuse_nobody(s);
		return;
	}
	/* That it is not this serial that may is said when the proof is right. */
	if (!auth_legacy_any(s->worker->l->policy->auth)) {
		refuse_disabled(s, legacy_denial(s));
		return;
	}
	if (m->sasl.len > LOGIN_SASL_MAX) {
		oftp_refuse(s, REFUSAL_bad_password, "no such long message is known");
		return;
	}
	o->first.len = (uint16_t)m->sasl.len;
	memcpy(o->first.at, m->sasl.at, m->sasl.len);
	g = login_new(0);
	if (g)
		g->first = o->first;
	oftp_ask(s, g, LOGIN_SASL);
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
		oftp_refuse(s, REFUSAL_bad_password, "no such long message is known");
		return;
	}
	if (g) {
		g->final.len = (uint16_t)m->sasl.len;
		memcpy(g->final.at, m->sasl.at, m->sasl.len);
		g->bound = tls_conn_binding(s->tls, g->binding);
	}
	oftp_ask(s, g, LOGIN_PROOF);
}
