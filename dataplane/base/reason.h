/*
 * The words by which Sluice says why. Trace, registry, audit, metric labels, accounts and docs all
 * use these slugs; the enums only index counters and never leave the process or reach the disk
 * (the journal stores drop reasons by slug).
 */
#ifndef SLUICE_BASE_REASON_H
#define SLUICE_BASE_REASON_H

/* A log that was received but not kept. */
#define DROP_REASONS(X)                                                                            \
	X(no_block)                                                                                \
	X(ring_full)                                                                               \
	X(rate_limit)                                                                              \
	X(malformed)                                                                               \
	X(oversize_item)                                                                           \
	X(unauthorized)                                                                            \
	X(unknown_source)                                                                          \
	X(disk_full)                                                                               \
	X(journal_failed)                                                                          \
	X(licence_invalid)

/* A frame that was not accepted. */
#define WIRE_REASONS(X)                                                                            \
	X(not_for_us)                                                                              \
	X(bad_checksum)                                                                            \
	X(bad_header)                                                                              \
	X(unsupported)                                                                             \
	X(fragment_timeout)                                                                        \
	X(fragment_overflow)                                                                       \
	X(no_listener)                                                                             \
	X(no_mbuf)                                                                                 \
	X(ring_full)                                                                               \
	X(tcp_out_of_window)                                                                       \
	X(tcp_reset)

/* A connection or login that was refused or ended by us. */
#define REFUSAL_REASONS(X)                                                                         \
	X(no_certificate)                                                                          \
	X(wrong_ca)                                                                                \
	X(missing_intermediate)                                                                    \
	X(expired)                                                                                 \
	X(not_yet_valid)                                                                           \
	X(revoked)                                                                                 \
	X(no_client_auth_purpose)                                                                  \
	X(no_legal_sn)                                                                             \
	X(sn_mismatch)                                                                             \
	X(not_authorized)                                                                          \
	X(denied)                                                                                  \
	X(legacy_disabled)                                                                         \
	X(bad_password)                                                                            \
	X(tls_version)                                                                             \
	X(no_shared_cipher)                                                                        \
	X(handshake_timeout)                                                                       \
	X(duplicate_serial)                                                                        \
	X(journal_failed)                                                                          \
	X(claim_rate)                                                                              \
	X(cleartext_forbidden)                                                                     \
	X(address_not_allowed)                                                                     \
	X(session_limit)                                                                           \
	X(half_open_limit)                                                                         \
	X(handshake_rate)                                                                          \
	X(idle_timeout)                                                                            \
	X(protocol_error)                                                                          \
	X(conflict)                                                                                \
	X(weak_certificate)                                                                        \
	X(peer_gave_up)                                                                            \
	X(login_rate)

#define REASON_ENUM_DROP(s)    DROP_##s,
#define REASON_ENUM_WIRE(s)    WIRE_##s,
#define REASON_ENUM_REFUSAL(s) REFUSAL_##s,

enum drop_reason { DROP_REASONS(REASON_ENUM_DROP) DROP_REASON_COUNT };
enum wire_reason { WIRE_REASONS(REASON_ENUM_WIRE) WIRE_REASON_COUNT };
enum refusal_reason { REFUSAL_REASONS(REASON_ENUM_REFUSAL) REFUSAL_REASON_COUNT };

/* The slug; "unknown" for a number outside of the enum. Static storage. */
const char *drop_reason_slug(unsigned reason);
const char *wire_reason_slug(unsigned reason);
const char *refusal_reason_slug(unsigned reason);

/* A refusal's slug in words, for who was refused; NULL where there is none of this name. Static
 * storage. */
const char *refusal_reason_words(const char *slug);

/* The number of a slug, or -1 where there is none (a journal of a newer version may hold one). */
int drop_reason_from_slug(const char *slug);

#endif
