/* Why a handshake failed: OpenSSL's numbers as the slugs that people read. */
#include "tls/internal.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>

enum refusal_reason failure_of_chain(int x509_error, bool intermediate_missing)
{
	switch (x509_error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return REFUSAL_expired;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return REFUSAL_not_yet_valid;
	case X509_V_ERR_CERT_REVOKED:
		return REFUSAL_revoked;
	case X509_V_ERR_INVALID_PURPOSE:
		return REFUSAL_no_client_auth_purpose;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		return REFUSAL_weak_certificate;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return intermediate_missing ? REFUSAL_missing_intermediate : REFUSAL_wrong_ca;
	default:
		return REFUSAL_wrong_ca;
	}
}

static enum refusal_reason failure_of_protocol(unsigned long error)
{
	if (ERR_GET_LIB(error) != ERR_LIB_SSL)
		return REFUSAL_protocol_error;
	if (ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET)
		return REFUSAL_peer_gave_up;
	switch (ERR_GET_REASON(error)) {
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_INAPPROPRIATE_FALLBACK:
		return REFUSAL_tls_version;
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_CIPHERS_SPECIFIED:
	case SSL_R_NO_SUITABLE_KEY_SHARE:
	case SSL_R_NO_SUITABLE_GROUPS:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
		return REFUSAL_no_shared_cipher;
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return REFUSAL_no_certificate;
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return REFUSAL_peer_gave_up;
	default:
		return REFUSAL_protocol_error;
	}
}

/* What we found ourselves, or what OpenSSL says of its error. */
static const char *text_of(const struct tls_conn *c)
{
	const char *text = c->hello_fault ? c->hello_fault : ERR_reason_error_string(c->error);

	return text ? text : "unknown error of OpenSSL";
}

void failure_note(struct tls_conn *c, int ssl_error)
{
	c->failed = true;
	c->error = ERR_peek_error();
	if (!c->established)
		trace_line(c, "SSL accept failed. SSL_accept()=-1 SSL_get_error()=%d%s%s",
			ssl_error, c->error ? ": " : "", c->error ? text_of(c) : "");
	ERR_clear_error();
}

void tls_conn_failure(const struct tls_conn *c, struct tls_failure *f)
{
	char name[TLS_NAME] = "", issuer[TLS_NAME] = "";

	memset(f, 0, sizeof(*f));
	if (c->verify_error) {
		f->reason = failure_of_chain(c->verify_error, c->intermediate_missing);
		if (c->culprit) {
			name_line(X509_get_subject_name(c->culprit), name, sizeof(name));
			name_line(X509_get_issuer_name(c->culprit), issuer, sizeof(issuer));
		}
		/* A long subject, which the peer makes up, leaves room for the issuer. */
		snprintf(f->detail, sizeof(f->detail), "%s at depth %d: %.80s%s%.80s",
			X509_verify_cert_error_string(c->verify_error), c->verify_depth, name,
			c->culprit ? ", issued by " : "", issuer);
		return;
	}
	if (!c->error && !c->hello_fault) {
		f->reason = REFUSAL_peer_gave_up;
		snprintf(f->detail, sizeof(f->detail), "the peer closed in the handshake");
		return;
	}
	f->reason = c->hello_fault ? REFUSAL_protocol_error : failure_of_protocol(c->error);
	snprintf(f->detail, sizeof(f->detail), "%s", text_of(c));
}
