#include "dataplane/base/reason.h"

#include <string.h>

#define REASON_NAME(s) #s,

static const char *const drop_names[] = {DROP_REASONS(REASON_NAME)};
static const char *const wire_names[] = {WIRE_REASONS(REASON_NAME)};
static const char *const refusal_names[] = {REFUSAL_REASONS(REASON_NAME)};

const char *drop_reason_slug(unsigned reason)
{
	return reason < DROP_REASON_COUNT ? drop_names[reason] : "unknown";
}

const char *wire_reason_slug(unsigned reason)
{
	return reason < WIRE_REASON_COUNT ? wire_names[reason] : "unknown";
}

const char *refusal_reason_slug(unsigned reason)
{
	return reason < REFUSAL_REASON_COUNT ? refusal_names[reason] : "unknown";
}

static const char *const refusal_words[] = {
	[REFUSAL_no_certificate] = "no certificate was shown, and one is required",
	[REFUSAL_wrong_ca] = "the certificate is of an authority that is not trusted there",
	[REFUSAL_missing_intermediate] =
		"the certificate was shown without the intermediate that issued it",
	[REFUSAL_expired] = "a certificate of the chain is past its end",
	[REFUSAL_not_yet_valid] = "a certificate of the chain is not valid yet",
	[REFUSAL_revoked] = "a certificate of the chain was revoked",
	[REFUSAL_no_client_auth_purpose] = "the certificate is not for Client Authentication",
	[REFUSAL_no_legal_sn] = "certificate or login has no serial number that is legal there",
	[REFUSAL_sn_mismatch] = "the login says another serial number than the certificate",
	[REFUSAL_not_authorized] = "nobody has authorized this device yet",
	[REFUSAL_denied] = "somebody has denied this device",
	[REFUSAL_legacy_disabled] = "this device may not log in by user and password",
	[REFUSAL_bad_password] = "user, password or preshared key is wrong",
	[REFUSAL_tls_version] = "the TLS version is below the least that is allowed there",
	[REFUSAL_no_shared_cipher] = "there is no cipher suite that both sides have",
	[REFUSAL_handshake_timeout] = "handshake or login took too long",
	[REFUSAL_duplicate_serial] = "two sources take turns with this serial number",
	[REFUSAL_journal_failed] = "the journal there does not write",
	[REFUSAL_claim_rate] = "a stream was claimed too often in a short time",
	[REFUSAL_cleartext_forbidden] = "this is not taken in the clear",
	[REFUSAL_address_not_allowed] = "this address is not allowed there",
	[REFUSAL_session_limit] = "a bound on sessions or streams is reached there",
	[REFUSAL_half_open_limit] = "too many connections are half open there",
	[REFUSAL_handshake_rate] = "too many new connections of this address",
	[REFUSAL_idle_timeout] = "nothing came for too long",
	[REFUSAL_protocol_error] = "what came breaks the protocol's rules",
	[REFUSAL_conflict] = "this device knows of logs that are not there",
	[REFUSAL_weak_certificate] = "a key or signature of the chain is too weak",
	[REFUSAL_peer_gave_up] = "the peer has ended the handshake",
	[REFUSAL_login_rate] = "too many wrong passwords or keys: try again later",
};
_Static_assert(sizeof(refusal_words) / sizeof(refusal_words[0]) == REFUSAL_REASON_COUNT, "all");

const char *refusal_reason_words(const char *slug)
{
	for (unsigned i = 0; i < REFUSAL_REASON_COUNT; i++)
		if (strcmp(slug, refusal_names[i]) == 0)
			return refusal_words[i];
	return NULL;
}

int drop_reason_from_slug(const char *slug)
{
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		if (strcmp(slug, drop_names[i]) == 0)
			return i;
	return -1;
}
