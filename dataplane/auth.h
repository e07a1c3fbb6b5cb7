/*
 * Who may log: the snapshot of the device registry that lcores look at, and what they tell control
 * about who came. Control makes a snapshot whenever a device, a setting or a certificate changes
 * and publishes it with the policy; lcores only read it.
 *
 * What lcores tell goes over a bounded queue per lcore; what finds it full is counted and forgotten
 * (a flood of refusals must change nothing for the others).
 */
#ifndef SLUICE_AUTH_H
#define SLUICE_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/reason.h"

#define AUTH_SERIAL 64	/* with NUL */
#define AUTH_TEXT   256 /* with NUL */

enum auth_state { AUTH_UNKNOWN, AUTH_PENDING, AUTH_AUTHORIZED, AUTH_DENIED };

struct auth_device {
	char serial[AUTH_SERIAL];
	uint8_t state;	/* enum auth_state */
	bool legacy;	/* legacy-auth mode for this device */
	bool certified; /* it has used a certificate: never again by a password */
	uint32_t rate;	/* logs a second; 0: as the policy says */
};

struct auth_snapshot;
struct tls_peer;

/* Copies. `pattern`: auth.serial-pattern, an extended regular expression that the whole name must
 * match. NULL with a line in `err` when the pattern is no expression or memory is out. */
struct auth_snapshot *auth_snapshot_new(const struct auth_device *v, unsigned n,
	const char *pattern, bool legacy_mode, char *err, unsigned err_size);
struct auth_snapshot *auth_snapshot_ref(struct auth_snapshot *s); /* any thread */
void auth_snapshot_unref(struct auth_snapshot *s);		  /* any thread; NULL is fine */
/* NULL: the registry does not know it. Valid as long as the snapshot. */
const struct auth_device *auth_find(const struct auth_snapshot *s, const char *serial);
/* Is the whole of it a legal serial? */
bool auth_serial_legal(const struct auth_snapshot *s, const char *name);
/*
 * The name by which a certificate is a device's: the first of its names that is a legal serial,
 * where it may be one (`serial`, `dns`: listen.tls-names), else its first dNSName, if that is short
 * enough: peer->dns then. Of `peer`; NULL: none will do.
 */
const char *auth_name(
	const struct auth_snapshot *s, bool serial, bool dns, const struct tls_peer *peer);
/* May this serial log in by user and password? NULL: yes; else why not, for people. Static. */
const char *auth_legacy_denial(const struct auth_snapshot *s, const char *serial);
#define AUTH_CERTIFIED                                                                             \
	"this serial has used a certificate (the way back: take it off the device, device forget)"
/* Is there anybody who may log in so? */
bool auth_legacy_any(const struct auth_snapshot *s);

/*
 * Which passwords there are: a number for each user's verifier, which a session that was let in by
 * it keeps. Copies; called once, before the snapshot is anybody else's. false: out of memory.
 */
bool auth_snapshot_passwords(struct auth_snapshot *s, const uint64_t *v, unsigned n);
/* Is it there still? 0 is no verifier's number. */
bool auth_password_stands(const struct auth_snapshot *s, uint64_t number);

enum auth_event_kind {
	AUTH_EV_REFUSED, /* reason says why */
	AUTH_EV_PENDING, /* a serial that is not (yet) authorized waits: register it as pending */
	AUTH_EV_UP,	 /* a session of an authorized device begins */
	AUTH_EV_DOWN,	 /* its last session on this lcore has ended */
	AUTH_EV_WARNING, /* `detail` is odd, and was let pass */
	AUTH_EV_LOST,	 /* `count` events found the queue full */
};

struct auth_event {
	uint8_t kind; /* enum auth_event_kind */
	uint8_t transport;
	uint16_t reason; /* enum refusal_reason */
	uint32_t lcore, count;
	uint64_t time_ns; /* wall clock */
	uint64_t session;
	struct ip_addr addr;
	uint16_t port;
	bool unproven;		  /* anybody can have written this address */
	char serial[AUTH_SERIAL]; /* as certificate or login claim it; may be empty */
	char subject[AUTH_TEXT], issuer[AUTH_TEXT];
	char fingerprint[65];
	bool certified;	  /* its certificate holds, and names `serial` */
	char anchor[33];  /* whom its chain ended at (tls_peer's); empty: not verified */
	char version[64]; /* software version from the login; TLS syslog: empty */
	char detail[AUTH_TEXT];
	int64_t not_after_s; /* of its certificate; 0: none */
};

struct dp;
typedef void (*auth_event_fn)(void *ctx, const struct auth_event *ev);
/* Control thread: takes what has been told, at most `max`; returns how many. dp_control_fd()
 * becomes readable when there is something. */
unsigned dp_auth_events(struct dp *d, unsigned max, auth_event_fn fn, void *ctx);

/* One line of `debug start oftpd`; `lost` were not told before it. */
typedef void (*dp_trace_fn)(void *ctx, const char *line, uint64_t lost);
/* level 0: off, which costs lcores nothing. `addr` NULL: all peers. Control thread. */
void dp_trace_set(struct dp *d, unsigned level, const struct ip_addr *addr);
unsigned dp_trace_lines(struct dp *d, unsigned max, dp_trace_fn fn, void *ctx);

#endif
