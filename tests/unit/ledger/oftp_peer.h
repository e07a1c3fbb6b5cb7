/*
 * A session of the OFTP profile, the server's side, and its peer, written with the codec: what the
 * peer says, and what it hears. The stream is real.
 */
#ifndef TESTS_LEDGER_OFTP_PEER_H
#define TESTS_LEDGER_OFTP_PEER_H

#include "dataplane/ledger/oftp_server.h"

#define EPOCH  77u
#define NONE   ((struct oftp_verdict){.result = OFTP_ALLOWED})
#define HAS(o) (1u << OFTP_O_##o)

extern struct oftp_server server;
extern struct stream stream; /* connection id 1, EPOCH */
extern uint64_t now;
extern struct oftp_msg got;  /* what the server made of the last message */
extern struct oftp_msg said; /* what it said last; numbers only, what it points into is gone */

/* Of a test: a session that has just begun. */
int fresh(void **state);
#define session_test(f) cmocka_unit_test_setup(f, fresh)

/* Sends a message to it; one without options. */
enum oftp_event say(const struct oftp_msg *m);
enum oftp_event bare(enum oftp_type type, uint32_t tag);
/* A login as it should be; it, and the verdict told. */
struct oftp_msg login_message(void);
void log_in(const struct oftp_verdict *v);
/* An item of one log; it sent. */
struct oftp_msg item_message(uint64_t seq, uint64_t epoch, uint32_t conn_id);
enum oftp_event item(uint64_t seq, uint64_t epoch, uint32_t conn_id);
/* Accepts and makes durable what item() has handed in. */
void store(void);

/* The next message that it says; false: nothing. */
bool hear(void);
/* It must be this one; an error, this one. */
void heard(enum oftp_type type);
void heard_error(enum oftp_error e);

#endif
