/*
 * Sessions of the OFTP profile on the rig, with the test in control's place: the registry's word on
 * two serials, what control is asked to judge, what it is told; and a device on a TLS connection.
 */
#ifndef TESTS_DP_RIG_OFTP_H
#define TESTS_DP_RIG_OFTP_H

#include "dataplane/framing/oftp.h"
#include "dataplane/login.h"
#include "tests/unit/dp/rig_tls.h"
#include "tests/unit/tls/world.h"

#define OTHER_SERIAL "FGVM010000777777" /* of world.device_of_sub */

struct rig_stage {
	struct rig rig;
	struct world world;
	struct rig_options options;
	struct dp_config cfg;
	/* What the registry says of WORLD_SERIAL and OTHER_SERIAL, and of passwords. */
	enum auth_state world_state, other_state;
	bool legacy;
	uint64_t password;    /* the number of the only one that there is */
	bool other_certified; /* OTHER_SERIAL has used a certificate */
	struct login *asked;  /* what control is to judge, and has not answered */
	uint64_t told;	      /* events */
	uint64_t now_us;      /* control's clock: goes on by itself, a bit with each round */
	/* Of each kind: how many since they were waited for last, and the newest. */
	unsigned events[AUTH_EV_LOST + 1];
	struct auth_event newest[AUTH_EV_LOST + 1];
};
extern struct rig_stage stage;

/* Of a group of tests; `argv1`: one, apart, many. */
void rig_stage_options(const char *argv1);
int rig_stage_start(void **state);
int rig_stage_stop(void **state);
/* Of a test: the same policy for each, WORLD_SERIAL authorized, and nothing left to be told. */
int rig_stage_begin(void **state);

/* A policy of stage.cfg and the registry; every lcore has it on return. */
void rig_publish(void);
/* The wire makes a round, and control is told what there is, but does nothing. */
void rig_wire_turn(void);
/* The wire and control make a round. */
void rig_turn(void);
/* Until control is told so of a serial (NULL: of anybody), in no more turns than a minute has. */
const struct auth_event *rig_wait_told(enum auth_event_kind kind, const char *serial);
void rig_wait_refused(enum refusal_reason why, const char *words);
/* So many sessions were refused or ended by this reason until now. */
uint64_t rig_refusals(enum refusal_reason why);
/* WORLD_SERIAL's state, published. */
void rig_set(enum auth_state state);
/* Until no more than so many sessions are left. */
void rig_wait_sessions(unsigned most);
/* Until `session list` shows one of this kind. */
void rig_wait_kind(const char *kind);
/* Does `session list` say that a session of this device has shown its certificate? */
bool rig_is_certified(const char *device);
/* Until a worker has asked control something, which does not look. */
void rig_wait_asked(void);

/* ---- a device ---- */

struct rig_oftp {
	struct rig_tls tls;
	struct oftp_msg m; /* what came last */
	uint32_t len;
	uint8_t in[4096];
};

struct rig_login {
	const char *serial, *key;    /* NULL: WORLD_SERIAL, none */
	const struct pki_cert *cert; /* NULL: the serial's own */
	bool without;		     /* none at all */
	const char *sasl;	     /* a legacy login's first message */
	bool unreliable;
	uint32_t conn_id, streams; /* so many from conn_id on */
	uint64_t epoch;
};

/* The handshake; the login; both. */
void rig_oftp_connect(struct rig_oftp *d, uint8_t host, const struct rig_login *l);
void rig_oftp_request(struct rig_oftp *d, const struct rig_login *l);
void rig_oftp_log_in(struct rig_oftp *d, uint8_t host, const struct rig_login *l);
/* The login: its header and its body in records of their own, at once. */
void rig_oftp_request_apart(struct rig_oftp *d, const struct rig_login *l);
/* Its bytes from `from` up to, but not with, `upto`, or the last one. */
void rig_oftp_request_part(
	struct rig_oftp *d, const struct rig_login *l, uint32_t from, uint32_t upto);
void rig_oftp_say(struct rig_oftp *d, const struct oftp_msg *m);
/* The next message. */
const struct oftp_msg *rig_oftp_hear(struct rig_oftp *d);
void rig_expect_type(struct rig_oftp *d, enum oftp_type type);
/* A LOGIN_REPLY or AUTH_CHANGED; reason NULL: any. */
void rig_expect_verdict(
	struct rig_oftp *d, enum oftp_type type, enum oftp_result result, const char *reason);
void rig_expect_reply(struct rig_oftp *d, enum oftp_result result, const char *reason);
void rig_expect_bye(struct rig_oftp *d, const char *reason);
/* What the last message says for people. */
void rig_status_text_is(const struct rig_oftp *d, const char *text);
/* A login that does not end has no more time: it ends. */
void rig_time_is_up(struct rig_oftp *d);
/* A log, until it is confirmed. */
void rig_oftp_item(struct rig_oftp *d, uint32_t conn_id, uint64_t epoch, uint64_t seq_no);
void rig_oftp_hang_up(struct rig_oftp *d);
/* The peer has ended it, or will. */
void rig_oftp_end(struct rig_oftp *d);

#endif
