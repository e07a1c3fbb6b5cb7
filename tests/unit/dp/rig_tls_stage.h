/*
 * A data plane with TLS for its devices, and what control would know: the registry's word on each,
 * what it is told, what is stored. The test is control.
 */
#ifndef TESTS_DP_RIG_TLS_STAGE_H
#define TESTS_DP_RIG_TLS_STAGE_H

#include "tests/unit/dp/rig_tls.h"
#include "tests/unit/tls/world.h"

extern struct rig rig;
extern struct world world;
extern struct dp_config cfg; /* cfg.policy is what was published last */
extern struct auth_device devices[8];
extern uint64_t stored; /* logs of all tests until now */
extern struct auth_event events[64];
extern unsigned events_count;
extern uint16_t next_port;		     /* of a client, one each */
extern const struct tls_client_options good; /* WORLD_SERIAL's */

/* Of a group of tests; `argv1`: one, apart, many. */
void stage_options(const char *argv1);
int stage_start(void **state);
int stage_stop(void **state);
/* Of a test: the same policy for each, WORLD_SERIAL authorized, and nothing told. */
int stage_begin(void **state);

/* `cfg.policy`, the world's TLS and the devices. */
void publish(void);
/* In `devices`, not published. */
void set_device(const char *serial, enum auth_state state);
/* Waits for an event of this kind. */
const struct auth_event *wait_event(enum auth_event_kind kind);
/* How many there are of this kind, and one of them (`last` may be NULL). */
unsigned sessions_of(const char *kind, struct dp_session_info *last);
/* Lets every lcore make `n` rounds. */
void rounds(uint64_t n);
uint64_t device_stored(const char *device);

#endif
